//! Carrying a swap out: phase by phase, each finished before the next, the commit last and alone.

use bytes::Bytes;
use suitecast_archive::{ArchivePath, Digest, ReleaseFile};
use suitecast_mirror::{Overwrite, Phase, ReleaseSet, ReleaseTags, Stale, Step, SwapPlan};
use suitecast_store::{ETag, ErrorKind, PutRequest, StoreError, WriteCondition, collect};

use crate::EngineError;
use crate::concurrent::try_map;
use crate::index_files::{suite_key, within_region};
use crate::objects::{Content, Presence, look};
use crate::release_io::{set_tag, tag};
use crate::run::Run;
use crate::state_store::may_have_happened;

/// What a swap came to.
#[derive(Debug)]
pub(crate) enum SwapOutcome {
    /// Clients see the release; these are its tags in the Region.
    Committed(ReleaseTags),
    /// Somebody else wrote a release file: look again.
    Lost,
}

/// What was seen of the Region's release files before the swap, which its writes are conditional on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) tags: ReleaseTags,
}

const ORDER: [Phase; 5] = [Phase::Pin, Phase::InPlace, Phase::Canonical, Phase::Detached, Phase::Commit];

/// Carries the plan out.
pub(crate) async fn swap(
    run: &Run<'_>,
    set: &ReleaseSet,
    plan: &SwapPlan,
    seen: &Seen,
) -> Result<SwapOutcome, EngineError> {
    let mut tags = seen.tags.clone();
    for phase in ORDER {
        let steps: Vec<&Step> = plan.phase(phase).collect();
        match phase {
            Phase::Pin | Phase::InPlace | Phase::Canonical => {
                // Issued together: for clients without by-hash every moment between here and the commit counts.
                try_map(steps, run.concurrency(), async |step| carry_out(run, set, step).await)
                    .await
                    .map_err(run.failed("preparing the swap"))?;
            }
            Phase::Detached | Phase::Commit => {
                for step in steps {
                    let Step::Write { file } = step else { continue };
                    match write_release_file(run, set, *file, tag(&seen.tags, *file)).await? {
                        Some(etag) => set_tag(&mut tags, *file, Some(etag.as_str().to_owned())),
                        None => return Ok(SwapOutcome::Lost),
                    }
                }
            }
        }
    }
    Ok(SwapOutcome::Committed(tags))
}

async fn carry_out(run: &Run<'_>, set: &ReleaseSet, step: &Step) -> Result<(), StoreError> {
    match step {
        Step::Pin { path } => pin(run, set, path).await,
        Step::InPlace(overwrite) => overwrite_in_place(run, overwrite).await,
        Step::Canonical { path, from, digest, size } => canonical(run, path, from, *digest, *size).await,
        Step::Withdraw(stale) => withdraw(run, stale).await,
        Step::Write { .. } => Ok(()),
    }
}

async fn pin(run: &Run<'_>, set: &ReleaseSet, path: &ArchivePath) -> Result<(), StoreError> {
    let key = suite_key(run, path);
    let Some(bytes) = set.files.get(set.commit_file()) else { return Ok(()) };
    let request = PutRequest {
        headers: run.headers(&key),
        key,
        bytes: Bytes::copy_from_slice(bytes),
        condition: WriteCondition::Always,
    };
    run.region.put(request).await.map(|_| ())
}

async fn overwrite_in_place(run: &Run<'_>, overwrite: &Overwrite) -> Result<(), StoreError> {
    let content = Content::of(overwrite.digest, overwrite.size);
    let condition = WriteCondition::Matches(ETag::new(&overwrite.seen));
    within_region(run, &overwrite.staging, &overwrite.key, condition, &content).await?;
    run.region.delete(&overwrite.staging).await
}

/// Gives a verified index its plain name. Bound to what was seen there, so that a run that slept past its lease cannot
/// put an old index back.
async fn canonical(
    run: &Run<'_>,
    path: &ArchivePath,
    from: &ArchivePath,
    digest: Digest,
    size: u64,
) -> Result<(), StoreError> {
    let key = suite_key(run, path);
    let content = Content::of(digest, Some(size));
    let condition = match look(run.region.as_ref(), &key, &content).await? {
        Presence::Verified => return Ok(()),
        Presence::Absent => WriteCondition::Absent,
        Presence::Mismatch { etag, .. } => WriteCondition::Matches(etag),
    };
    within_region(run, &suite_key(run, from), &key, condition, &content).await
}

/// Takes away what stands under a name of an index that is not mirrored. Looked at once more right before: by now it may have
/// come.
async fn withdraw(run: &Run<'_>, stale: &Stale) -> Result<(), StoreError> {
    let key = suite_key(run, &stale.path);
    match look(run.region.as_ref(), &key, &Content::of(stale.digest, Some(stale.size))).await? {
        Presence::Verified | Presence::Absent => Ok(()),
        Presence::Mismatch { .. } => run.region.delete(&key).await,
    }
}

/// Writes a release file's verified bytes where nothing else was written since the look. `None`: something was.
async fn write_release_file(
    run: &Run<'_>,
    set: &ReleaseSet,
    file: ReleaseFile,
    seen: Option<&String>,
) -> Result<Option<ETag>, EngineError> {
    let Some(bytes) = set.files.get(file) else { return Ok(None) };
    let key = run.suite.release_key(file);
    let doing = format!("writing {key}");
    let request = PutRequest {
        headers: run.headers(&key),
        key: key.clone(),
        bytes: Bytes::copy_from_slice(bytes),
        condition: seen.map_or(WriteCondition::Absent, |tag| WriteCondition::Matches(ETag::new(tag))),
    };
    match run.region.put(request).await {
        Ok(put) => Ok(Some(put.etag)),
        Err(error) if may_have_happened(error.kind) => {
            // If the live bytes are ours, it was our own answer that got lost.
            let ours = standing_bytes(run, &key).await.map_err(run.failed(&doing))?;
            match ours {
                Some((found, etag)) if found == bytes => Ok(Some(etag)),
                _ if error.kind == ErrorKind::Unavailable => Err(run.failed(&doing)(error)),
                _ => Ok(None),
            }
        }
        Err(error) => Err(run.failed(&doing)(error)),
    }
}

async fn standing_bytes(run: &Run<'_>, key: &str) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
    use suitecast_store::{GetCondition, GetRequest, Got};
    let request = GetRequest { key: key.to_owned(), version: None, condition: GetCondition::Always };
    match run.region.get(request).await {
        Ok(Got::Object { info, body }) => {
            let bytes = collect(body, key, run.region.bucket(), suitecast_archive::MAX_RELEASE_BYTES).await?;
            Ok(Some((bytes, info.etag)))
        }
        Ok(Got::Unchanged) => Ok(None),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
