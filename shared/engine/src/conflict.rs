//! A key that holds other bytes than the release asks for.
//!
//! S3 has no atomic answer to a file changed in place: between the overwrite and the commit the live release names
//! bytes that are gone, and after it every client with the old index fails. So the old bytes stay while any release that
//! is served, or was within the grace period, names them; only bytes that nobody names are overwritten, from a private
//! key where the new ones were verified first.

use std::collections::HashMap;

use suitecast_archive::{Digest, IndexGroup, ReleaseFile, SuiteName, by_hash_path, index_groups};
use suitecast_mirror::{MissingReason, Overwrite, ReleaseFiles, ReleaseSet, SeenKey, SuiteState};
use suitecast_store::{ETag, ErrorKind, GetCondition, GetRequest, Got, StoreError, WriteCondition, collect};

use crate::EngineError;
use crate::concurrent::try_map;
use crate::index_files::{ReadError, VersionedKey, content_of, read, stage, staging_key, unstage};
use crate::listing::list_all;
use crate::objects::{Brought, Content, Place, Presence, look, offered};
use crate::private_keys::STATES;
use crate::release_io::look_at_live;
use crate::run::Run;
use crate::suites;

/// How a clear-signed release begins.
const CLEAR_SIGNED: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

/// A key and what stands in the way.
pub(crate) struct Occupied {
    pub(crate) key: String,
    /// The key of the master that the right bytes come from: the same, but for a second key.
    pub(crate) source: String,
    /// What the release asks for.
    pub(crate) content: Content,
    /// The tag of what stands there.
    pub(crate) etag: ETag,
    /// Whether such files change in place by their nature.
    pub(crate) mutable: bool,
}

/// What is done about it.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// The right bytes stand there now; nobody named the others.
    Repaired,
    /// A dry run: nobody names what stands there, and the right bytes can be had.
    WouldRepair,
    /// To be overwritten as late as can be.
    DuringSwap(Overwrite),
    /// The master does not hold the right bytes either.
    Missing {
        /// The key, with the tag seen there.
        seen: Vec<SeenKey>,
        /// Why.
        reason: MissingReason,
    },
    /// The old bytes must stay.
    Refused {
        /// Why, and what to do.
        rule: String,
    },
}

/// Where the bytes that stand there are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Nowhere,
    InThisSuite,
    InAnother,
}

/// A key, and where its bytes were found to be named so far.
struct Asked<'a> {
    occupied: &'a Occupied,
    named: Named,
}

/// Decides and, where nobody is hurt, repairs; a dry run decides by the same rules. All keys together: finding out who names them reads every index of every
/// release that is served, however many they are (a new installer changes hundreds of files under their old names).
pub(crate) async fn resolve(run: &Run<'_>, occupied: &[Occupied]) -> Result<Vec<Resolution>, EngineError> {
    let staged = try_map(occupied, run.concurrency(), async |occupied: &Occupied| prepare(run, occupied).await)
        .await
        .map_err(run.failed("verifying the new bytes of keys that changed"))?;
    let mut asked: Vec<Asked<'_>> = occupied.iter().map(|occupied| Asked { occupied, named: Named::Nowhere }).collect();
    if staged.iter().any(|staged| !matches!(staged, Brought::Missing { .. })) {
        who_names(run, &mut asked).await?;
    }
    let work = asked.into_iter().zip(staged);
    try_map(work, run.concurrency(), async |(asked, staged): (Asked<'_>, Brought)| match staged {
        Brought::Missing { seen, reason } => Ok(Resolution::Missing { seen, reason }),
        Brought::Verified | Brought::Occupied { .. } => settle(run, &asked).await,
    })
    .await
    .map_err(run.failed("overwriting bytes that no release names"))
}

/// Brings the new bytes to their staging key, unless an earlier slice did; a dry run only looks whether it could.
async fn prepare(run: &Run<'_>, occupied: &Occupied) -> Result<Brought, StoreError> {
    if run.looks_only {
        return offered(run.master.as_ref(), &[Place::unseen(occupied.source.clone())], &occupied.content).await;
    }
    let staging = staging_key(run, &occupied.key, &occupied.content);
    if look(run.region.as_ref(), &staging, &occupied.content).await? == Presence::Verified {
        return Ok(Brought::Verified);
    }
    stage(run, &occupied.key, &[Place::unseen(occupied.source.clone())], &occupied.content).await
}

async fn settle(run: &Run<'_>, asked: &Asked<'_>) -> Result<Resolution, StoreError> {
    let Occupied { key, content, etag, .. } = asked.occupied;
    let allowed = run.settings.allow_change_in_place || asked.occupied.mutable;
    let rule = match (asked.named, content.digests.checkable()) {
        (Named::Nowhere, _) if run.looks_only => return Ok(Resolution::WouldRepair),
        (Named::Nowhere, _) => {
            unstage(run, key, WriteCondition::Matches(etag.clone()), content).await?;
            return Ok(Resolution::Repaired);
        }
        (Named::InThisSuite, Some(digest)) if allowed => {
            return Ok(Resolution::DuringSwap(Overwrite {
                key: key.clone(),
                seen: etag.as_str().to_owned(),
                staging: staging_key(run, key, content),
                digest,
                size: content.size,
            }));
        }
        (Named::InThisSuite, None) => format!("{key}: the release gives no digest to check it by"),
        (Named::InThisSuite, Some(_)) => format!(
            "{key} was changed in place: a release that is served, or was within three days, names other bytes under \
             this name; give the file a new version, or set AllowChangeInPlace and accept the window"
        ),
        (Named::InAnother, _) => format!(
            "{key} was changed in place while a release of another suite names its old bytes; give the file a new version"
        ),
    };
    if !run.looks_only {
        // Not to be paid for until it is wanted.
        run.region.delete(&staging_key(run, key, content)).await?;
    }
    Ok(Resolution::Refused { rule })
}

/// Reads every release of the Region that is served, or was within the grace period, and notes who names the keys with
/// other content than what is asked for. Happens only when a key holds unexpected bytes.
async fn who_names(run: &Run<'_>, asked: &mut [Asked<'_>]) -> Result<(), EngineError> {
    let listing = list_all(run.region.as_ref(), STATES, false).await.map_err(run.failed("listing the suites here"))?;
    let mut without_state = suites::find(run.region.as_ref(), run.settings)
        .await
        .map_err(run.failed("looking for the suites here"))?
        .suites;
    for listed in &listing.objects {
        let Some(bytes) = read_bytes(run, &listed.key, crate::limits::MAX_STATE_BYTES).await? else { continue };
        let Ok(state) = serde_json::from_slice::<SuiteState>(&bytes) else {
            tracing::warn!(key = listed.key, "a state that cannot be read may protect anything");
            note(asked.iter_mut(), Named::InAnother);
            return Ok(());
        };
        note_suite(run, &state, asked).await?;
        without_state.remove(&state.suite);
    }
    for suite in without_state.into_keys().map(SuiteState::new) {
        note_suite(run, &suite, asked).await?;
    }
    Ok(())
}

/// Notes what the releases of one suite name: those that were served within the grace period, and the one that clients
/// see, whatever is recorded (a state that got lost begins with no history).
async fn note_suite(run: &Run<'_>, state: &SuiteState, asked: &mut [Asked<'_>]) -> Result<(), EngineError> {
    let suite = &state.suite;
    let mut digests: Vec<Digest> = state.protected(run.now()).collect();
    let live = look_at_live(run.region.as_ref(), suite).await.map_err(run.failed("reading what other suites serve"))?;
    if let Some(set) = live.set
        && set.identity.commit_digest().is_none_or(|digest| !digests.contains(&digest))
    {
        note_release(run, suite, &set, asked).await;
    }
    digests.sort_unstable();
    digests.dedup();
    for commit_digest in digests {
        match read_pinned(run, suite, &commit_digest).await? {
            Pinned::Never => {}
            Pinned::Release(set) => note_release(run, suite, &set, asked).await,
            Pinned::Unreadable => note(asked.iter_mut(), whose(run, suite)),
        }
    }
    Ok(())
}

fn whose(run: &Run<'_>, suite: &SuiteName) -> Named {
    if suite == run.suite { Named::InThisSuite } else { Named::InAnother }
}

fn note<'a, 'b: 'a>(asked: impl IntoIterator<Item = &'a mut Asked<'b>>, named: Named) {
    for asked in asked {
        asked.named = asked.named.max(named);
    }
}

async fn read_bytes(run: &Run<'_>, key: &str, limit: usize) -> Result<Option<Vec<u8>>, EngineError> {
    let request = GetRequest { key: key.to_owned(), version: None, condition: GetCondition::Always };
    match run.region.get(request).await {
        Ok(Got::Object { body, .. }) => collect(body, key, run.region.bucket(), limit)
            .await
            .map(Some)
            .map_err(run.failed("reading what other releases name")),
        Ok(Got::Unchanged) => Ok(None),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(run.failed("reading what other releases name")(error)),
    }
}

/// A release that was served, under the name of its content.
enum Pinned {
    /// Prepared and never pinned: the run died before it touched anything that clients see.
    Never,
    Release(Box<ReleaseSet>),
    Unreadable,
}

async fn read_pinned(run: &Run<'_>, suite: &SuiteName, commit_digest: &Digest) -> Result<Pinned, EngineError> {
    // Both names lie in one directory, so the digest alone is the key, whichever file committed the release.
    let pinned = suite.key(&by_hash_path(&ReleaseFile::InRelease.path(), commit_digest));
    let Some(bytes) = read_bytes(run, &pinned, suitecast_archive::MAX_RELEASE_BYTES).await? else {
        return Ok(Pinned::Never);
    };
    let files = if bytes.starts_with(CLEAR_SIGNED) {
        ReleaseFiles { in_release: Some(bytes), ..ReleaseFiles::default() }
    } else {
        ReleaseFiles { release: Some(bytes), ..ReleaseFiles::default() }
    };
    Ok(ReleaseSet::read(files, None).map_or_else(
        |error| {
            tracing::warn!(suite = %suite, key = pinned, %error, "a protected release cannot be read");
            Pinned::Unreadable
        },
        |set| Pinned::Release(Box::new(set)),
    ))
}

/// Notes which keys the indices of this release name with other content. What cannot be read counts as naming them all: a
/// doubt keeps the bytes.
async fn note_release(run: &Run<'_>, suite: &SuiteName, set: &ReleaseSet, asked: &mut [Asked<'_>]) {
    let Some(archive) = run.settings.archives.archive_of(suite) else { return };
    let whose = whose(run, suite);
    // A broken index may ask for two contents of one key.
    let mut open: HashMap<&str, Vec<&mut Asked<'_>>> = HashMap::new();
    for asked in asked.iter_mut().filter(|asked| asked.named < whose && asked.occupied.key.starts_with(&archive.prefix))
    {
        open.entry(&asked.occupied.key).or_default().push(asked);
    }
    let other_run = Run { suite, archive, ..run.view() };
    for group in index_groups(&set.release, &run.settings.scope) {
        if open.is_empty() {
            return;
        }
        if let Err(error) = note_index(&other_run, &group, whose, &mut open).await {
            tracing::warn!(suite = %suite, index = %group.stem, %error, "an index of a protected release cannot be read");
            note(open.into_values().flatten(), whose);
            return;
        }
    }
}

/// Notes which keys an index names with other content, in whichever of its forms: nothing but their own digests says that they
/// hold the same. One that is here under none of its names was served to nobody: the scope was another then, or this form was
/// left out. In a bucket that others filled an index may have its plain name alone.
async fn note_index(
    run: &Run<'_>,
    group: &IndexGroup,
    whose: Named,
    open: &mut HashMap<&str, Vec<&mut Asked<'_>>>,
) -> Result<(), ReadError> {
    for variant in group.readable_variants().into_iter().filter(|variant| variant.required) {
        let Some(digest) = variant.entry.digests.checkable() else { continue };
        let index = VersionedKey::newest(run.suite.key(&by_hash_path(&variant.path, &digest)));
        let mut sink = |file: suitecast_archive::NamedFile| {
            for key in run.archive.keys_of_file(&file, run.settings.scope.second_keys) {
                for asked in open.get_mut(key.as_str()).into_iter().flatten() {
                    if file.digests.checkable() != asked.occupied.content.digests.checkable() {
                        asked.named = whose;
                    }
                }
            }
        };
        match read(run, run.region.as_ref(), &index, group.kind, variant, &mut sink).await {
            Err(ReadError::Store(error)) if error.kind == ErrorKind::NotFound => {}
            read => {
                read?;
                continue;
            }
        }
        let plain = VersionedKey::newest(run.suite.key(&variant.path));
        let presence = look(run.region.as_ref(), &plain.key, &content_of(variant)).await.map_err(ReadError::Store)?;
        if presence == Presence::Verified {
            read(run, run.region.as_ref(), &plain, group.kind, variant, &mut sink).await?;
        }
    }
    Ok(())
}
