//! The net under the events: on a schedule, every suite is compared with what is recorded of it, and woken if it differs.
//!
//! It trusts no event, so a Region reaches the newest complete release with every one of them lost; and it is how a new
//! Region is filled. Once a day each suite is also checked in full (the audit), one suite a sweep.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_mirror::{ReleaseTags, SuiteState};
use suitecast_store::{ErrorKind, GetCondition, GetRequest, Got, Listed, Store, StoreError, collect};

use crate::concurrent::try_map;
use crate::limits::{AUDIT_EVERY, MAX_STATE_BYTES};
use crate::listing::list_all;
use crate::meter::{Meter, WritePermit};
use crate::private_keys::{self, MARKERS, STATES};
use crate::run::metered;
use crate::trees::{self, TreesReport};
use crate::{EngineError, Ports, Settings, Wake, suites};

/// What a sweep came to.
#[derive(Debug, Clone, Serialize)]
pub struct SweepReport {
    /// Suites in the master, after the filter.
    pub suites: usize,
    /// Those that were woken, and why.
    pub woken: BTreeMap<SuiteName, &'static str>,
    /// Objects of trees that no release lists, copied.
    pub tree_objects_copied: u64,
    /// Markers removed that no suite waits by any more.
    pub markers_removed: u64,
    /// S3 requests made.
    pub requests: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Wakes every suite of the master, whatever is recorded of it.
///
/// # Errors
/// Failures of the store or the queue.
pub async fn wake_all(
    ports: &Ports,
    settings: &Settings,
    force: bool,
    full: bool,
) -> Result<Vec<SuiteName>, EngineError> {
    let found = suites::find(ports.master.as_ref(), settings)
        .await
        .map_err(|source| EngineError::Store { doing: "looking for suites in the master".into(), source })?;
    let wakes: Vec<Wake> =
        found.suites.keys().map(|suite| Wake { suite: suite.clone(), force, full, hops: 0 }).collect();
    ports
        .queue
        .wake(&wakes)
        .await
        .map_err(|source| EngineError::Queue { doing: "waking every suite".into(), source })?;
    Ok(found.suites.into_keys().collect())
}

/// Sweeps.
///
/// # Errors
/// Failures of the store or the queue; the next sweep does it all again.
pub async fn run(ports: &Ports, settings: &Settings) -> Result<SweepReport, EngineError> {
    let started = ports.clock.now();
    let meter = Arc::new(Meter::default());
    let permit = Arc::new(WritePermit::unlimited());
    let master = metered(&ports.master, &meter, &permit, &ports.clock);
    let region = metered(&ports.region, &meter, &permit, &ports.clock);
    let failed = |doing: &str| {
        let doing = format!("sweep: {doing}");
        move |source: StoreError| EngineError::Store { doing: doing.clone(), source }
    };
    let found = suites::find(master.as_ref(), settings).await.map_err(failed("looking for suites in the master"))?;
    let states = read_states(region.as_ref(), settings).await.map_err(failed("reading what is recorded here"))?;
    let mut woken = differing(settings, &found.suites, &states);
    if let Some(suite) = audit_due(ports, settings, &found.suites, &states, &woken) {
        woken.insert(suite, AUDIT);
    }
    let wakes: Vec<Wake> = woken
        .iter()
        .map(|(suite, reason)| Wake { suite: suite.clone(), force: false, full: *reason == AUDIT, hops: 0 })
        .collect();
    if !wakes.is_empty() {
        ports
            .queue
            .wake(&wakes)
            .await
            .map_err(|source| EngineError::Queue { doing: "sweep: waking suites".into(), source })?;
    }
    let markers_removed =
        remove_stale_markers(ports, region.as_ref(), &states).await.map_err(failed("removing stale markers"))?;
    let TreesReport { copied } = trees::mirror(&master, &region, settings, &found)
        .await
        .map_err(failed("mirroring trees that no release lists"))?;
    let duration = ports.clock.now().duration_since(started);
    Ok(SweepReport {
        suites: found.suites.len(),
        woken,
        tree_objects_copied: copied,
        markers_removed,
        requests: meter.requests(),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(0),
    })
}

const AUDIT: &str = "not checked in full for a day";

/// Which suites are to be looked at, and why.
fn differing(
    settings: &Settings,
    in_master: &BTreeMap<SuiteName, ReleaseTags>,
    states: &BTreeMap<SuiteName, SuiteState>,
) -> BTreeMap<SuiteName, &'static str> {
    let scope = settings.scope.fingerprint();
    let keyring = settings.keyring_fingerprint();
    let mut woken = BTreeMap::new();
    for (suite, tags) in in_master {
        let reason = match states.get(suite) {
            None => "new here",
            Some(state) if state.intent.is_some() => "a swap was begun and not finished",
            Some(state) if state.waiting.is_some() || state.unsettled.is_some() => "waiting",
            Some(state) if state.filling.is_some() => "not filled yet",
            Some(state) if state.owed().again => "a run died that others counted on",
            Some(SuiteState { live: None, .. }) => "nothing is served yet",
            Some(SuiteState { live: Some(live), .. }) if live.in_master != *tags => "the master's release changed",
            Some(SuiteState { live: Some(live), .. }) if live.scope != scope => "the scope changed",
            Some(SuiteState { live: Some(live), .. }) if live.keyring != keyring => "the keyring changed",
            Some(_) => continue,
        };
        woken.insert(suite.clone(), reason);
    }
    for (suite, state) in states {
        if state.live.is_some() && !in_master.contains_key(suite) && settings.suites.matches(suite) {
            woken.insert(suite.clone(), "gone from the master");
        }
    }
    woken
}

/// The suite whose last full check is longest ago, if that is long enough.
fn audit_due(
    ports: &Ports,
    settings: &Settings,
    in_master: &BTreeMap<SuiteName, ReleaseTags>,
    states: &BTreeMap<SuiteName, SuiteState>,
    woken: &BTreeMap<SuiteName, &'static str>,
) -> Option<SuiteName> {
    let now = ports.clock.now();
    states
        .values()
        .filter(|state| in_master.contains_key(&state.suite) && settings.suites.matches(&state.suite))
        .filter(|state| state.live.is_some() && !woken.contains_key(&state.suite))
        .filter(|state| state.audited_at.is_none_or(|audited| now.duration_since(audited) >= AUDIT_EVERY))
        .min_by_key(|state| state.audited_at)
        .map(|state| state.suite.clone())
}

async fn read_states(region: &dyn Store, settings: &Settings) -> Result<BTreeMap<SuiteName, SuiteState>, StoreError> {
    let listing = list_all(region, STATES, false).await?;
    let states = try_map(&listing.objects, settings.copy_concurrency.get(), async |listed| {
        let request = GetRequest { key: listed.key.clone(), version: None, condition: GetCondition::Always };
        match region.get(request).await {
            Ok(Got::Object { body, .. }) => {
                let bytes = collect(body, &listed.key, region.bucket(), MAX_STATE_BYTES).await?;
                Ok(serde_json::from_slice::<SuiteState>(&bytes).ok())
            }
            Ok(Got::Unchanged) => Ok(None),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    })
    .await?;
    Ok(states.into_iter().flatten().map(|state| (state.suite.clone(), state)).collect())
}

/// Removes markers that a crash left behind. Waiting runs write theirs anew each time, so one that is a day old and that
/// no state mentions serves nobody.
async fn remove_stale_markers(
    ports: &Ports,
    region: &dyn Store,
    states: &BTreeMap<SuiteName, SuiteState>,
) -> Result<u64, StoreError> {
    let listing = list_all(region, MARKERS, false).await?;
    let now = ports.clock.now();
    let is_stale = |marker: &Listed| {
        let is_old = marker.last_modified.is_some_and(|written| now.duration_since(written) >= AUDIT_EVERY);
        let suite = private_keys::parse_marker(&marker.key).map(|(_, suite)| suite);
        let is_mentioned = suite
            .and_then(|suite| states.get(&suite))
            .is_some_and(|state| state.lease.is_some() || state.markers.contains(&marker.key));
        is_old && !is_mentioned
    };
    let mut removed = 0;
    for marker in listing.objects.iter().filter(|marker| is_stale(marker)) {
        region.delete(&marker.key).await?;
        removed += 1;
    }
    Ok(removed)
}
