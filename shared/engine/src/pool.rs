//! The files that an index names: which are here, which are in the master, and bringing those that can be brought.

use std::collections::{BTreeMap, HashMap};

use suitecast_archive::NamedFile;
use suitecast_mirror::{MissingObjects, MissingReason, Overwrite, SeenKey};
use suitecast_store::{Listed, StoreError};

use crate::EngineError;
use crate::concurrent::try_map;
use crate::conflict::{self, Occupied, Resolution};
use crate::key_standing::{KeyStanding, bring_or_offer};
use crate::limits::{CHUNK, EVENT_GRACE, LISTING_CONCURRENCY, LISTING_THRESHOLD, MAX_RULES, PROBES, SPARE_PAGES};
use crate::listing::visit;
use crate::objects::{Brought, Content, Place, Presence, look};
use crate::run::Run;
use crate::second_keys::{self, FirstKey};

/// The files of one index that have to be checked.
pub(crate) struct Batch<'a> {
    /// The index, for people.
    pub(crate) named_by: &'a str,
    /// The files, in the index's order.
    pub(crate) files: &'a [NamedFile],
    /// How many of them an earlier slice verified.
    pub(crate) verified: usize,
    /// Whether these files change in place by their nature (installer images named by a `SHA256SUMS`).
    pub(crate) mutable: bool,
    /// Whether they are what an update added: likely brought by their events already, and few beside what else their
    /// directories hold.
    pub(crate) is_update: bool,
    /// Only find out what the master lacks: something else of the release is missing already.
    pub(crate) survey_only: bool,
}

/// What checking a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// How many files, from the first, are verified.
    pub(crate) verified: usize,
    /// What the master lacks.
    pub(crate) missing: MissingObjects,
    /// What is to be overwritten during the swap.
    pub(crate) in_place: Vec<Overwrite>,
    /// Why the release cannot be served: the first reasons that were found.
    pub(crate) refused: Vec<String>,
    /// What a dry run found that a real one would copy.
    pub(crate) would_copy: u64,
}

impl Checked {
    fn refuse(&mut self, rule: String) {
        if self.refused.len() < MAX_RULES {
            self.refused.push(rule);
        }
    }
}

/// What is known of a file before it is checked.
#[derive(Debug, Clone)]
enum Hint {
    /// Nothing: it has to be looked at.
    Unknown,
    /// It was looked at and is here.
    Verified,
    /// There is an object here.
    Here,
    /// There is none here, and this in the master.
    InMaster(Listed),
    /// There is none here and none in the master.
    Nowhere,
    /// There is none here, and one of another size in the master.
    OtherInMaster(Listed),
}

fn key_of(run: &Run<'_>, file: &NamedFile) -> String {
    format!("{}{}", run.archive.prefix, file.path)
}

fn content_of(file: &NamedFile) -> Content {
    Content { size: file.size, digests: file.digests }
}

/// Checks a batch: survey by listings where that is cheaper, then file by file.
pub(crate) async fn check(run: &Run<'_>, batch: &Batch<'_>) -> Result<Checked, EngineError> {
    let mut checked = Checked { verified: batch.verified, ..Checked::default() };
    let todo = batch.files.get(batch.verified..).unwrap_or_default();
    let are_many = todo.len() >= LISTING_THRESHOLD;
    let probed = if are_many && batch.is_update { probe(run, todo).await? } else { Probed::default() };
    let is_surveyed = are_many && (batch.survey_only || !probed.all_here);
    let mut hints = vec![Hint::Unknown; todo.len()];
    if is_surveyed {
        hints = survey_missing(run, batch, batch.verified, &mut checked).await?;
    }
    for position in probed.verified {
        if let Some(hint) = hints.get_mut(position) {
            *hint = Hint::Verified;
        }
    }
    if batch.survey_only || !checked.missing.is_empty() {
        return Ok(checked);
    }
    for (number, (files, hints)) in todo.chunks(CHUNK).zip(hints.chunks(CHUNK)).enumerate() {
        // One chunk is always checked: a run that came late must still bring the work forward.
        if number > 0 && run.is_over() {
            break;
        }
        check_chunk(run, batch, files, hints, &mut checked).await?;
        if are_many && !is_surveyed && !checked.missing.is_empty() {
            let looked_at = batch.verified + (number + 1) * CHUNK;
            survey_missing(run, batch, looked_at, &mut checked).await?;
        }
        if !checked.missing.is_empty() || !checked.refused.is_empty() {
            break;
        }
        checked.verified += files.len();
    }
    Ok(checked)
}

/// What a few looks told.
#[derive(Default)]
struct Probed {
    /// The positions of files that are here and verified.
    verified: Vec<usize>,
    /// Whether that is so of every file that was looked at.
    all_here: bool,
}

/// Looks at a few files of an update, evenly spread. Where events did their work all of them are here, and listings of
/// directories that are shared with everything else would tell nothing that looking at each file, which comes next,
/// does not.
async fn probe(run: &Run<'_>, files: &[NamedFile]) -> Result<Probed, EngineError> {
    let positions = (0..PROBES).map(|number| number * files.len() / PROBES);
    let looks = try_map(positions, run.concurrency(), async |position: usize| {
        let Some(file) = files.get(position) else { return Ok(None) };
        let presence = look(run.region.as_ref(), &key_of(run, file), &content_of(file)).await?;
        Ok((presence == Presence::Verified).then_some(position))
    })
    .await
    .map_err(run.failed("looking at a few pool objects"))?;
    let verified: Vec<usize> = looks.into_iter().flatten().collect();
    Ok(Probed { all_here: verified.len() == PROBES, verified })
}

/// Lists what the pool holds of the files from the `skipped`-th on, adds to `checked` what the master lacks, and gives what
/// the listings tell of each. If something is missing, files whose events were lost are brought meanwhile.
async fn survey_missing(
    run: &Run<'_>,
    batch: &Batch<'_>,
    skipped: usize,
    checked: &mut Checked,
) -> Result<Vec<Hint>, EngineError> {
    let files = batch.files.get(skipped..).unwrap_or_default();
    let hints = survey(run, batch.files, skipped).await.map_err(run.failed("listing what the pool holds"))?;
    for (file, hint) in files.iter().zip(&hints) {
        let key = key_of(run, file);
        match hint {
            Hint::Nowhere => {
                checked.missing.add(batch.named_by, vec![SeenKey { key, tag: None }], MissingReason::Absent);
            }
            Hint::OtherInMaster(listed) => {
                let reason = MissingReason::Mismatch {
                    expected: content_of(file).describe(),
                    found: format!("{} bytes", listed.size),
                };
                let seen = SeenKey { key, tag: Some(listed.etag.as_str().to_owned()) };
                checked.missing.add(batch.named_by, vec![seen], reason);
            }
            Hint::Unknown | Hint::Verified | Hint::Here | Hint::InMaster(_) => {}
        }
    }
    if batch.survey_only || !checked.missing.is_empty() {
        copy_what_lost_its_event(run, files, &hints).await?;
    }
    Ok(hints)
}

/// The files of one directory to survey.
#[derive(Default)]
struct Directory {
    /// How many keys the batch has there, those of files verified earlier too: they fill pages as well.
    keys: usize,
    /// The positions of those to survey.
    positions: Vec<usize>,
}

/// Lists the directories that hold the batch's files from the `skipped`-th on, here and in the master, as far as that is
/// cheaper than looking; what is known of each of them then.
async fn survey(run: &Run<'_>, batch: &[NamedFile], skipped: usize) -> Result<Vec<Hint>, StoreError> {
    let mut directories: BTreeMap<&str, Directory> = BTreeMap::new();
    for (position, file) in batch.iter().enumerate() {
        let directory = directories.entry(listing_directory(file.path.as_ref())).or_default();
        directory.keys += 1 + run.settings.scope.second_keys.of_file(&run.archive.prefix, file).len();
        if let Some(position) = position.checked_sub(skipped) {
            directory.positions.push(position);
        }
    }
    let files = batch.get(skipped..).unwrap_or_default();
    let wanted = directories.into_iter().filter(|(_, directory)| !directory.positions.is_empty());
    let found = try_map(wanted, LISTING_CONCURRENCY, async |(name, directory): (&str, Directory)| {
        survey_directory(run, files, name, &directory).await
    })
    .await?;
    let mut hints = vec![Hint::Unknown; files.len()];
    for (position, hint) in found.into_iter().flatten() {
        if let Some(slot) = hints.get_mut(position) {
            *slot = hint;
        }
    }
    Ok(hints)
}

/// Lists one directory: here, and in the master for what is not here. Of a page only what is wanted is kept, so memory
/// follows the wanted files and not the pool.
async fn survey_directory(
    run: &Run<'_>,
    files: &[NamedFile],
    name: &str,
    directory: &Directory,
) -> Result<Vec<(usize, Hint)>, StoreError> {
    let archive = run.archive.prefix.as_str();
    let prefix = format!("{archive}{name}");
    let pages = directory.keys * 2 / 1000 + SPARE_PAGES;
    let positions = directory.positions.iter();
    let mut wanted: HashMap<&str, (usize, &NamedFile)> = positions
        .filter_map(|&position| files.get(position).map(|file| (file.path.as_str(), (position, file))))
        .collect();
    let mut found = Vec::new();
    let is_complete = visit(run.region.as_ref(), &prefix, pages, |listed| {
        if let Some((position, _)) = listed.key.strip_prefix(archive).and_then(|path| wanted.remove(path)) {
            found.push((position, Hint::Here));
        }
    })
    .await?;
    if wanted.is_empty() || !is_complete {
        return Ok(found);
    }
    let is_complete = visit(run.master.as_ref(), &prefix, pages, |listed| {
        if let Some((position, file)) = listed.key.strip_prefix(archive).and_then(|path| wanted.remove(path)) {
            let is_as_named = file.size.is_none_or(|size| size == listed.size);
            found.push((position, if is_as_named { Hint::InMaster(listed) } else { Hint::OtherInMaster(listed) }));
        }
    })
    .await?;
    if is_complete {
        found.extend(wanted.into_values().map(|(position, _)| (position, Hint::Nowhere)));
    }
    Ok(found)
}

/// The directory whose listing tells of a file: two below the archive's root and one letter (`pool/main/a/`), the
/// grain at which Debian's and Ubuntu's pools are divided.
fn listing_directory(path: &str) -> &str {
    let end = path.match_indices('/').map(|(at, _)| at + 1).take(3).last().unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// While a release waits, brings what has been in the master for so long that its event must have been lost (or was
/// sent before this Region existed), so that the last upload finds little left to do.
async fn copy_what_lost_its_event(run: &Run<'_>, files: &[NamedFile], hints: &[Hint]) -> Result<(), EngineError> {
    if run.looks_only {
        return Ok(());
    }
    let now = run.now();
    let overdue: Vec<(&NamedFile, &Listed)> = files
        .iter()
        .zip(hints)
        .filter_map(|(file, hint)| match hint {
            Hint::InMaster(listed) => {
                let since = listed.last_modified?;
                (now.duration_since(since) > EVENT_GRACE).then_some((file, listed))
            }
            _ => None,
        })
        .collect();
    for chunk in overdue.chunks(CHUNK) {
        if run.is_over() {
            break;
        }
        try_map(chunk, run.concurrency(), async |(file, listed)| {
            check_file(run, file, &Hint::InMaster((*listed).clone())).await.map(|_| ())
        })
        .await
        .map_err(run.failed("copying pool objects whose events were lost"))?;
    }
    Ok(())
}

enum Outcome {
    Verified,
    /// A dry run found that this many objects are not here, and are in the master.
    WouldCopy(u64),
    Missing {
        seen: Vec<SeenKey>,
        reason: MissingReason,
    },
    /// These keys hold something else.
    Occupied(Vec<Occupied>),
}

async fn check_chunk(
    run: &Run<'_>,
    batch: &Batch<'_>,
    files: &[NamedFile],
    hints: &[Hint],
    checked: &mut Checked,
) -> Result<(), EngineError> {
    let outcomes =
        try_map(files.iter().zip(hints), run.concurrency(), async |(file, hint)| check_file(run, file, hint).await)
            .await
            .map_err(run.failed("checking pool objects"))?;
    let mut occupied = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Verified => {}
            Outcome::WouldCopy(objects) => checked.would_copy += objects,
            Outcome::Missing { seen, reason } => checked.missing.add(batch.named_by, seen, reason),
            Outcome::Occupied(keys) => {
                occupied.extend(keys.into_iter().map(|occupied| Occupied { mutable: batch.mutable, ..occupied }));
            }
        }
    }
    if occupied.is_empty() {
        return Ok(());
    }
    for resolution in conflict::resolve(run, &occupied).await? {
        match resolution {
            Resolution::Repaired => {}
            Resolution::WouldRepair => checked.would_copy += 1,
            Resolution::DuringSwap(overwrite) => checked.in_place.push(overwrite),
            Resolution::Missing { seen, reason } => checked.missing.add(batch.named_by, seen, reason),
            Resolution::Refused { rule } => checked.refuse(rule),
        }
    }
    Ok(())
}

/// Looks whether a file is here under all its keys, and brings what is not.
async fn check_file(run: &Run<'_>, file: &NamedFile, hint: &Hint) -> Result<Outcome, StoreError> {
    let (key, content) = (key_of(run, file), content_of(file));
    let standing = check_first_key(run, &key, &content, hint).await?;
    let second = run.settings.scope.second_keys.of_file(&run.archive.prefix, file).into_iter();
    let mut would_copy = 0;
    let mut occupied = Vec::new();
    let mut count = |key: String, standing| match standing {
        KeyStanding::Here | KeyStanding::Brought(Brought::Verified) => None,
        KeyStanding::WouldCopy => {
            would_copy += 1;
            None
        }
        KeyStanding::Brought(Brought::Missing { seen, reason }) => Some(Outcome::Missing { seen, reason }),
        KeyStanding::Brought(Brought::Occupied { etag, .. }) => {
            let (source, content) = (key_of(run, file), content.clone());
            occupied.push(Occupied { key, source, content, etag, mutable: false });
            None
        }
    };
    let first = FirstKey::new(&key, &content, &standing);
    if let Some(missing) = count(key.clone(), standing) {
        return Ok(missing);
    }
    for key in second {
        let standing = second_keys::keep(run, &first, &key).await?;
        if let Some(missing) = count(key, standing) {
            return Ok(missing);
        }
    }
    Ok(match (occupied.is_empty(), would_copy) {
        (true, 0) => Outcome::Verified,
        (true, objects) => Outcome::WouldCopy(objects),
        (false, _) => Outcome::Occupied(occupied),
    })
}

/// Looks at the key that a file is named by, and brings the file there if nothing is.
async fn check_first_key(run: &Run<'_>, key: &str, content: &Content, hint: &Hint) -> Result<KeyStanding, StoreError> {
    let listed = match hint {
        Hint::Verified => return Ok(KeyStanding::Here),
        Hint::InMaster(listed) => Some(listed.clone()),
        _ => match look(run.region.as_ref(), key, content).await? {
            Presence::Verified => return Ok(KeyStanding::Here),
            Presence::Mismatch { etag, found } => return Ok(KeyStanding::Brought(Brought::Occupied { etag, found })),
            Presence::Absent => None,
        },
    };
    bring_or_offer(run, Place { key: key.to_owned(), listed }, content).await
}
