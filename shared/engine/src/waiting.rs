//! Waiting for an upload: what is recorded so that the upload wakes the suite, and the second look that closes the gap.

use std::collections::BTreeSet;

use bytes::Bytes;
use suitecast_mirror::{Awaited, Identity, MissingObjects, SeenKey, SuiteState, Waiting};
use suitecast_store::{PutRequest, WriteCondition};

use crate::concurrent::try_map;
use crate::lease::Held;
use crate::run::Run;
use crate::{EngineError, private_keys};

/// Writes a marker for each key that could bring an awaited object. Before the state, so that an upload that comes right
/// after finds one.
pub(crate) async fn mark(run: &Run<'_>, awaited: &[Awaited]) -> Result<BTreeSet<String>, EngineError> {
    let keys = awaited.iter().flat_map(|awaited| &awaited.keys);
    let markers: BTreeSet<String> = keys.map(|seen| private_keys::marker(&seen.key, run.suite)).collect();
    try_map(&markers, run.concurrency(), async |key: &String| {
        let request = PutRequest {
            key: key.clone(),
            bytes: Bytes::new(),
            condition: WriteCondition::Always,
            headers: private_keys::headers(key),
        };
        run.region.put(request).await
    })
    .await
    .map_err(run.failed("marking what is waited for"))?;
    Ok(markers)
}

/// Whether an upload came between the look that found the object missing and the marker: the event of such an upload
/// may have found no marker.
pub(crate) async fn came_meanwhile(run: &Run<'_>, awaited: &[Awaited]) -> Result<bool, EngineError> {
    let keys = awaited.iter().flat_map(|awaited| &awaited.keys);
    let looks = try_map(keys, run.concurrency(), async |seen: &SeenKey| {
        let now = run.master.head(&seen.key).await?;
        Ok(now.map(|info| info.etag.as_str().to_owned()) != seen.tag)
    })
    .await
    .map_err(run.failed("looking once more at what is waited for"))?;
    Ok(looks.into_iter().any(|changed| changed))
}

/// What to remember of a release that waits.
pub(crate) fn record(run: &Run<'_>, state: &SuiteState, identity: Identity, missing: &MissingObjects) -> Waiting {
    let since = match &state.waiting {
        Some(before) if before.identity == identity => before.since,
        _ => run.now(),
    };
    Waiting { identity, since, count: missing.count(), missing: missing.first().to_vec() }
}

/// Makes these the suite's markers, and removes its others. One left behind by a crash costs a wake-up, no more.
pub(crate) async fn keep_markers(
    run: &Run<'_>,
    held: &mut Held<'_>,
    markers: BTreeSet<String>,
) -> Result<(), EngineError> {
    let stale: Vec<String> = held.state().markers.difference(&markers).cloned().collect();
    held.state().markers = markers;
    try_map(stale, run.concurrency(), async |marker: String| run.region.delete(&marker).await)
        .await
        .map_err(run.failed("removing markers of what came"))?;
    Ok(())
}
