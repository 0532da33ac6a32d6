//! Filling a Region with everything that a release names, before anything that clients see is touched.

use std::collections::{BTreeMap, BTreeSet};

use suitecast_archive::{
    ArchivePath, IndexGroup, IndexKind, NamedFile, Need, Release, ReleaseEntry, Variant, by_hash_path, index_groups,
};
use suitecast_mirror::{
    Indices, KnownFiles, MissingObjects, MissingReason, Overwrite, Progress, ReleaseSet, SeenKey, VerifiedFiles,
    run_digest, vouched_indices, with_causes,
};

use crate::EngineError;
use crate::concurrent::try_map;
use crate::index_files::{Exposure, ReadError, Standing, VersionedKey, ensure, read, stale_names, suite_key};
use crate::limits::MAX_RULES;
use crate::older_versions;
use crate::pool::{self, Batch};
use crate::run::Run;

/// What filling came to.
#[derive(Debug)]
pub(crate) enum Filled {
    /// Everything is here and verified.
    Whole {
        /// The indices that were looked at.
        indices: Indices,
        /// What is to be overwritten during the swap.
        in_place: Vec<Overwrite>,
    },
    /// Something is not in the master yet.
    Missing {
        /// What.
        missing: MissingObjects,
        /// How far verification came.
        verified: BTreeMap<ArchivePath, VerifiedFiles>,
    },
    /// The release cannot be served.
    Refused {
        /// Why, and what to do: the first of it.
        rules: Vec<String>,
    },
    /// The slice ended first.
    SliceOver {
        /// How far verification came.
        verified: BTreeMap<ArchivePath, VerifiedFiles>,
    },
    /// A dry run: this much would be copied.
    WouldCopy {
        /// Objects.
        objects: u64,
    },
}

/// A release to fill, and what needs no second look.
pub(crate) struct Filling<'a> {
    pub(crate) set: &'a ReleaseSet,
    /// What clients see, whether the state vouches for it or not.
    live: Option<&'a Release>,
    /// The live release, where the state vouches for it.
    pub(crate) previous: Option<&'a Release>,
    /// What an earlier slice verified of the very same work.
    pub(crate) progress: Option<&'a Progress>,
    /// The paths of the indices that the live release vouches for.
    vouched: BTreeSet<ArchivePath>,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(
        run: &Run<'_>,
        set: &'a ReleaseSet,
        live: Option<&'a Release>,
        previous: Option<&'a Release>,
        progress: Option<&'a Progress>,
    ) -> Self {
        let scope = &run.settings.scope;
        let vouched = previous.map(|previous| vouched_indices(&set.release, previous, scope)).unwrap_or_default();
        Self { set, live, previous, progress, vouched }
    }

    /// Whether clients are led to this very file.
    fn exposure(&self, variant: &Variant) -> Exposure {
        let is_listed = self.live.is_some_and(|live| live.entries.get(&variant.path) == Some(&variant.entry));
        if is_listed { Exposure::Served } else { Exposure::Hidden }
    }

    /// Whether the verified live release vouches for this very file.
    fn is_vouched(&self, variant: &Variant) -> bool {
        self.vouched.contains(&variant.path)
    }
}

/// Where each index that was looked at can be read: `None` stands for the Region's by-hash name, a key for the master's.
type Readable = BTreeMap<ArchivePath, Option<VersionedKey>>;

/// The keys that could bring an index, each with the tag seen there, and why it is missing.
type Absent = BTreeMap<ArchivePath, (Vec<SeenKey>, MissingReason)>;

/// What became of the indices that were looked at.
#[derive(Default)]
struct LookedAt {
    present: Vec<(ArchivePath, ReleaseEntry)>,
    readable: Readable,
    absent: Absent,
}

impl LookedAt {
    fn note(&mut self, variant: &Variant, standing: Standing) {
        self.absent.remove(&variant.path);
        match standing {
            Standing::Here => {
                self.present.push((variant.path.clone(), variant.entry));
                self.readable.insert(variant.path.clone(), None);
            }
            Standing::InMaster(at) => {
                self.readable.insert(variant.path.clone(), Some(at));
            }
            Standing::Missing { seen, reason } => {
                self.absent.insert(variant.path.clone(), (seen, reason));
            }
        }
    }
}

/// Fills. Cost follows the difference between the release and the one that is vouched for.
pub(crate) async fn fill(run: &Run<'_>, filling: &Filling<'_>) -> Result<Filled, EngineError> {
    let groups = index_groups(&filling.set.release, &run.settings.scope);
    let by_hash = filling.set.release.acquire_by_hash;
    let wanted: Vec<&Variant> =
        groups.iter().flat_map(|group| &group.variants).filter(|variant| !filling.is_vouched(variant)).collect();
    let standings = try_map(wanted.iter().copied(), run.concurrency(), async |variant| {
        ensure(run, variant, filling.exposure(variant), by_hash).await
    })
    .await
    .map_err(run.failed("bringing index files"))?;
    let mut indices = LookedAt::default();
    for (variant, standing) in wanted.iter().zip(standings) {
        indices.note(variant, standing);
    }
    look_through_older_versions(run, filling, &groups, &mut indices).await?;
    let LookedAt { present, readable, absent } = indices;
    let without: Vec<&Variant> = wanted.into_iter().filter(|variant| absent.contains_key(&variant.path)).collect();
    let missing = missing_indices(run, filling, &groups, absent);
    if !missing.is_empty() {
        return Ok(Filled::Missing { missing, verified: progress_of(filling) });
    }
    fill_named_files(run, filling, &groups, &readable, present, &without).await
}

/// Looks for what would keep the release from being whole behind the plain names, where the next generation may have
/// taken them over already. Where nothing is missing this asks for nothing.
async fn look_through_older_versions(
    run: &Run<'_>,
    filling: &Filling<'_>,
    groups: &[IndexGroup],
    indices: &mut LookedAt,
) -> Result<(), EngineError> {
    let lacking: Vec<&Variant> =
        groups.iter().flat_map(|group| lacking_variants(filling, group, &indices.absent)).collect();
    let absent = &indices.absent;
    let found = try_map(lacking.iter().copied(), run.concurrency(), async |variant: &Variant| {
        let seen = absent.get(&variant.path).map(|(seen, _)| seen.as_slice()).unwrap_or_default();
        older_versions::fetch(run, variant, seen).await
    })
    .await
    .map_err(run.failed("looking for indices among older versions"))?;
    for (variant, standing) in lacking.into_iter().zip(found) {
        if let Some(standing) = standing {
            indices.note(variant, standing);
        }
    }
    Ok(())
}

/// The absent variants of a group that keep the release from being whole.
fn lacking_variants<'a>(filling: &Filling<'_>, group: &'a IndexGroup, absent: &Absent) -> Vec<&'a Variant> {
    let lacks = |variant: &&Variant| absent.contains_key(&variant.path);
    let is_missing = match group.need {
        Need::Each => true,
        Need::One => group.required().all(|variant| lacks(&variant) && !filling.is_vouched(variant)),
        Need::Nothing => false,
    };
    if is_missing { group.required().filter(lacks).collect() } else { Vec::new() }
}

/// Which absent variants keep the release from being whole.
fn missing_indices(run: &Run<'_>, filling: &Filling<'_>, groups: &[IndexGroup], mut absent: Absent) -> MissingObjects {
    let mut missing = MissingObjects::default();
    for group in groups {
        let mut either = Vec::new();
        for variant in lacking_variants(filling, group, &absent) {
            let Some((mut keys, reason)) = absent.remove(&variant.path) else { continue };
            // Known to people by its plain name, which was looked at last.
            keys.reverse();
            match group.need {
                Need::Each => missing.add(run.suite.as_ref(), keys, reason),
                Need::One | Need::Nothing => either.extend(keys),
            }
        }
        if !either.is_empty() {
            missing.add(run.suite.as_ref(), either, MissingReason::Absent);
        }
    }
    missing
}

fn progress_of(filling: &Filling<'_>) -> BTreeMap<ArchivePath, VerifiedFiles> {
    filling.progress.map(|progress| progress.verified.clone()).unwrap_or_default()
}

/// Checks everything that the indices name, index by index.
async fn fill_named_files(
    run: &Run<'_>,
    filling: &Filling<'_>,
    groups: &[IndexGroup],
    readable: &Readable,
    present: Vec<(ArchivePath, ReleaseEntry)>,
    without: &[&Variant],
) -> Result<Filled, EngineError> {
    let previous_groups =
        filling.previous.map(|previous| index_groups(previous, &run.settings.scope)).unwrap_or_default();
    let mut missing = MissingObjects::default();
    let mut verified = progress_of(filling);
    let mut in_place = Vec::new();
    let mut known = KnownFiles::default();
    let mut would_copy = 0;
    let mut refused = Vec::new();
    let mut has_advanced = false;
    for group in groups.iter().filter(|group| group.kind.names_files() && group.need != Need::Nothing) {
        if verified.get(&group.stem).is_some_and(|earlier| earlier.is_all) {
            // Reading all indices of a large suite may take a slice by itself.
            continue;
        }
        if run.is_over() && !missing.is_empty() {
            // Enough is known to wait for it.
            break;
        }
        if run.is_over() && has_advanced {
            return Ok(Filled::SliceOver { verified });
        }
        let variants = match readable_variants(filling, group, readable) {
            Reading::NotNeeded => continue,
            Reading::From(variants) => variants,
            Reading::Impossible => {
                let rule = format!(
                    "{} is offered in no compression that can be read (plain, gz or xz): publish one of these as well",
                    group.stem
                );
                return Ok(Filled::Refused { rules: vec![rule] });
            }
        };
        remember_predecessor(run, group, &previous_groups, &mut known).await?;
        let mut files = Vec::new();
        for variant in variants {
            match new_files(run, group, variant, readable, &mut known).await? {
                Ok(new) if files.is_empty() => files = new,
                Ok(new) => files.extend(new),
                Err(rule) => return Ok(Filled::Refused { rules: vec![rule] }),
            }
        }
        let batch = Batch {
            named_by: group.stem.as_str(),
            files: &files,
            verified: verified.get(&group.stem).map_or(0, |earlier| known_run(earlier, &files)),
            mutable: group.kind == IndexKind::ChecksumList,
            is_update: filling.previous.is_some(),
            survey_only: !missing.is_empty(),
        };
        let checked = pool::check(run, &batch).await?;
        if !checked.refused.is_empty() {
            refused.extend(checked.refused);
            if run.looks_only && refused.len() < MAX_RULES {
                // Whoever only looks wants to know all that is wrong.
                continue;
            }
            break;
        }
        // A file to overwrite during the swap must be found again by a run that goes on from here.
        if checked.in_place.is_empty() && (checked.verified > 0 || files.is_empty()) {
            let digest = run_digest(files.get(..checked.verified).unwrap_or_default());
            let is_all = checked.missing.is_empty() && checked.verified == files.len();
            verified.insert(group.stem.clone(), VerifiedFiles { count: checked.verified, digest, is_all });
            has_advanced |= is_all;
        }
        let unfinished = checked.missing.is_empty() && checked.verified < files.len() && !batch.survey_only;
        missing.append(checked.missing);
        in_place.extend(checked.in_place);
        would_copy += checked.would_copy;
        if unfinished && missing.is_empty() {
            return Ok(Filled::SliceOver { verified });
        }
    }
    if !refused.is_empty() {
        refused.truncate(MAX_RULES);
        return Ok(Filled::Refused { rules: refused });
    }
    if !missing.is_empty() {
        return Ok(Filled::Missing { missing, verified });
    }
    if run.looks_only {
        let indices = u64::try_from(readable.values().flatten().count()).unwrap_or(u64::MAX);
        return Ok(Filled::WouldCopy { objects: would_copy + indices });
    }
    let stale =
        stale_names(run, without).await.map_err(run.failed("looking at names of indices that are not mirrored"))?;
    Ok(Filled::Whole { indices: Indices { present, stale }, in_place })
}

/// How many of the files are the run that was verified before; none if what has to be checked is no longer the same.
fn known_run(earlier: &VerifiedFiles, files: &[NamedFile]) -> usize {
    match files.get(..earlier.count) {
        Some(run) if run_digest(run) == earlier.digest => earlier.count,
        _ => 0,
    }
}

/// How to find out what an index names.
enum Reading<'a> {
    /// What it names is vouched for.
    NotNeeded,
    /// By these variants: each of them, since nothing but their own digests says that they hold the same.
    From(Vec<&'a Variant>),
    /// Not at all.
    Impossible,
}

fn readable_variants<'a>(filling: &Filling<'_>, group: &'a IndexGroup, readable: &Readable) -> Reading<'a> {
    let ranked = group.readable_variants();
    let are_vouched = ranked.iter().any(|variant| filling.is_vouched(variant));
    let here: Vec<&Variant> = ranked.into_iter().filter(|variant| readable.contains_key(&variant.path)).collect();
    match (here.is_empty(), are_vouched) {
        (false, _) => Reading::From(here),
        (true, true) => Reading::NotNeeded,
        (true, false) => Reading::Impossible,
    }
}

/// Adds what the live release's version of this index names: verified when it became live, and kept since.
async fn remember_predecessor(
    run: &Run<'_>,
    group: &IndexGroup,
    previous_groups: &[IndexGroup],
    known: &mut KnownFiles,
) -> Result<(), EngineError> {
    let Some(before) = previous_groups.iter().find(|before| before.stem == group.stem) else { return Ok(()) };
    let Some(variant) = before.readable() else { return Ok(()) };
    let Some(digest) = variant.entry.digests.checkable() else { return Ok(()) };
    let at = VersionedKey::newest(suite_key(run, &by_hash_path(&variant.path, &digest)));
    let mut named = KnownFiles::default();
    match read(run, run.region.as_ref(), &at, group.kind, variant, &mut |file| named.insert(&file)).await {
        Ok(()) => known.append(named),
        Err(ReadError::Store(source)) if source.is_retryable() => {
            return Err(run.failed("reading the live release's index")(source));
        }
        // It only saves looking; without it everything is looked at.
        Err(error) => {
            tracing::warn!(key = at.key, %error, "the live release's index cannot be read; everything is checked");
        }
    }
    Ok(())
}

/// Reads an index and gives the files that nothing vouches for yet, each once.
async fn new_files(
    run: &Run<'_>,
    group: &IndexGroup,
    variant: &Variant,
    readable: &Readable,
    known: &mut KnownFiles,
) -> Result<Result<Vec<NamedFile>, String>, EngineError> {
    let (store, at) = match (readable.get(&variant.path), variant.entry.digests.checkable()) {
        (Some(Some(at)), _) => (&run.master, at.clone()),
        (_, Some(digest)) => (&run.region, VersionedKey::newest(suite_key(run, &by_hash_path(&variant.path, &digest)))),
        (_, None) => return Ok(Err(format!("{}: the release gives no digest to check it by", variant.path))),
    };
    let mut files = Vec::new();
    let mut named = KnownFiles::default();
    let mut sink = |file: NamedFile| {
        if !known.contains(&file) && !named.contains(&file) {
            named.insert(&file);
            files.push(file);
        }
    };
    match read(run, store.as_ref(), &at, group.kind, variant, &mut sink).await {
        Ok(()) => {}
        Err(ReadError::Store(source)) => return Err(run.failed("reading an index")(source)),
        Err(ReadError::Index { key, source }) => return Ok(Err(format!("{key}: {}", with_causes(&source)))),
    }
    known.append(named);
    Ok(Ok(files))
}
