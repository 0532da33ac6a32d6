//! A key that holds other bytes than the release asks for.
//!
//! S3 has no atomic answer to a file changed in place: between the overwrite and the commit the live release names
//! bytes that are gone, and after it every client with the old index fails. So the old bytes stay while any release that
//! is served, or was within the grace period, names them; only bytes that nobody names are overwritten, from a private
//! key where the new ones were verified first.

use suitecast_archive::{ArchivePath, Digest, ReleaseFile, SuiteName, by_hash_path, index_groups};
use suitecast_mirror::{MissingReason, Overwrite, ReleaseFiles, ReleaseSet, SeenKey, SuiteState};
use suitecast_store::{ETag, ErrorKind, GetCondition, GetRequest, Got, WriteCondition};

use crate::EngineError;
use crate::index_files::{read, stage, staging_key, unstage};
use crate::listing::list_all;
use crate::objects::{Brought, Content, Place};
use crate::private_keys::STATES;
use crate::release_io::look_at_live;
use crate::run::Run;
use crate::state_store::collect;
use crate::suites;

/// How a clear-signed release begins.
const CLEAR_SIGNED: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

/// A key and what stands in the way.
pub(crate) struct Occupied {
    pub(crate) key: String,
    /// What the release asks for.
    pub(crate) content: Content,
    /// The tag of what stands there.
    pub(crate) etag: ETag,
    /// What stands there, for a person.
    pub(crate) found: String,
    /// Whether such files change in place by their nature.
    pub(crate) mutable: bool,
}

/// What is done about it.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// The right bytes stand there now; nobody named the others.
    Repaired,
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

/// Decides and, where nobody is hurt, repairs.
pub(crate) async fn resolve(run: &Run<'_>, occupied: &Occupied) -> Result<Resolution, EngineError> {
    let key = &occupied.key;
    let places = [Place::unseen(key.clone())];
    if run.looks_only {
        let rule = format!("{key} holds {} here and {} in the release", occupied.found, occupied.content.describe());
        return Ok(Resolution::Refused { rule });
    }
    let staged = stage(run, key, &places, &occupied.content)
        .await
        .map_err(run.failed("verifying the new bytes of a key that changed"))?;
    if let Brought::Missing { seen, reason } = staged {
        return Ok(Resolution::Missing { seen, reason });
    }
    let named = who_names(run, key, &occupied.content).await?;
    let allowed = run.settings.allow_change_in_place || occupied.mutable;
    match named {
        Named::Nowhere => {
            unstage(run, key, WriteCondition::Matches(occupied.etag.clone()), &occupied.content)
                .await
                .map_err(run.failed("overwriting bytes that no release names"))?;
            Ok(Resolution::Repaired)
        }
        Named::InThisSuite if allowed => {
            let Some(digest) = occupied.content.digests.checkable() else {
                return Ok(Resolution::Refused { rule: format!("{key}: the release gives no digest to check it by") });
            };
            Ok(Resolution::DuringSwap(Overwrite {
                key: key.clone(),
                seen: occupied.etag.as_str().to_owned(),
                staging: staging_key(run, key, &occupied.content),
                digest,
                size: occupied.content.size.unwrap_or(0),
            }))
        }
        Named::InThisSuite => Ok(Resolution::Refused {
            rule: format!(
                "{key} was changed in place: a release that is served, or was within three days, names other bytes under \
                 this name; give the file a new version, or set AllowChangeInPlace and accept the window"
            ),
        }),
        Named::InAnother => Ok(Resolution::Refused {
            rule: format!(
                "{key} was changed in place while a release of another suite names its old bytes; give the file a new version"
            ),
        }),
    }
}

/// Reads every release of the Region that is served, or was within the grace period, and looks who names the key with
/// other content than this. Costs a reading of all their indices, and happens only when a key holds unexpected bytes.
async fn who_names(run: &Run<'_>, key: &str, content: &Content) -> Result<Named, EngineError> {
    let listing = list_all(run.region.as_ref(), STATES, false).await.map_err(run.failed("listing the suites here"))?;
    let mut named = Named::Nowhere;
    let mut without_state = suites::find(run.region.as_ref(), run.settings)
        .await
        .map_err(run.failed("looking for the suites here"))?
        .suites;
    for listed in &listing.objects {
        let Some(bytes) = read_bytes(run, &listed.key, crate::limits::MAX_STATE_BYTES).await? else { continue };
        let Ok(state) = serde_json::from_slice::<SuiteState>(&bytes) else {
            tracing::warn!(key = listed.key, "a state that cannot be read may protect anything");
            return Ok(Named::InAnother);
        };
        let whose = if state.suite == *run.suite { Named::InThisSuite } else { Named::InAnother };
        if whose > named && suite_names(run, &state, key, content).await? {
            named = whose;
        }
        without_state.remove(&state.suite);
    }
    for suite in without_state.into_keys().map(SuiteState::new) {
        if suite_names(run, &suite, key, content).await? {
            return Ok(Named::InAnother);
        }
    }
    Ok(named)
}

/// Whether a release of one suite names the key with other content: one that was served within the grace period, or the
/// one that clients see, whatever is recorded (a state that got lost begins with no history).
async fn suite_names(run: &Run<'_>, state: &SuiteState, key: &str, content: &Content) -> Result<bool, EngineError> {
    let suite = &state.suite;
    let mut digests: Vec<Digest> = state.protected(run.now()).collect();
    let live = look_at_live(run.region.as_ref(), suite).await.map_err(run.failed("reading what other suites serve"))?;
    if let Some(set) = live.set
        && set.identity.commit_digest().is_none_or(|digest| !digests.contains(&digest))
        && set_names(run, suite, &set, key, content).await?
    {
        return Ok(true);
    }
    digests.sort_unstable();
    digests.dedup();
    for commit_digest in digests {
        if release_names(run, suite, &commit_digest, key, content).await? {
            return Ok(true);
        }
    }
    Ok(false)
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

/// Whether one release of one suite names the key with other content. What cannot be read counts as naming it: a doubt
/// keeps the bytes.
async fn release_names(
    run: &Run<'_>,
    suite: &SuiteName,
    commit_digest: &Digest,
    key: &str,
    content: &Content,
) -> Result<bool, EngineError> {
    // Both names lie in one directory, so the digest alone is the key, whichever file committed the release.
    let pinned = suite.key(&by_hash_path(&ReleaseFile::InRelease.path(), commit_digest));
    let Some(bytes) = read_bytes(run, &pinned, suitecast_archive::MAX_RELEASE_BYTES).await? else {
        // Prepared and never pinned: the run died before it touched anything that clients see.
        return Ok(false);
    };
    let files = if bytes.starts_with(CLEAR_SIGNED) {
        ReleaseFiles { in_release: Some(bytes), ..ReleaseFiles::default() }
    } else {
        ReleaseFiles { release: Some(bytes), ..ReleaseFiles::default() }
    };
    let Ok(set) = ReleaseSet::read(files, None) else {
        tracing::warn!(suite = %suite, key = pinned, "a protected release cannot be read");
        return Ok(true);
    };
    set_names(run, suite, &set, key, content).await
}

/// Whether an index of this release names the key with other content.
async fn set_names(
    run: &Run<'_>,
    suite: &SuiteName,
    set: &ReleaseSet,
    key: &str,
    content: &Content,
) -> Result<bool, EngineError> {
    let Some(archive) = run.settings.archives.archive_of(suite) else { return Ok(false) };
    let Some(path) = key.strip_prefix(archive.prefix.as_str()).and_then(|path| ArchivePath::parse(path).ok()) else {
        return Ok(false);
    };
    let other_run = Run { suite, archive, ..run.view() };
    for group in index_groups(&set.release, &run.settings.scope) {
        let Some(variant) = group.readable() else { continue };
        let Some(digest) = variant.entry.digests.checkable() else { continue };
        let index_key = suite.key(&by_hash_path(&variant.path, &digest));
        let mut names_it = false;
        let mut sink = |file: suitecast_archive::NamedFile| {
            let same = file.digests.checkable() == content.digests.checkable();
            names_it |= file.path == path && !same;
        };
        match read(&other_run, run.region.as_ref(), &index_key, group.kind, variant, &mut sink).await {
            Ok(()) if names_it => return Ok(true),
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(suite = %suite, key = index_key, %error, "an index of a protected release cannot be read");
                return Ok(true);
            }
        }
    }
    Ok(false)
}
