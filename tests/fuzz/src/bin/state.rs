//! The state object of a suite: what is read is written and read again as the same, and stays within its bounds.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use suitecast_fuzz::assert_stays_inside;
use suitecast_mirror::SuiteState;
use suitecast_mirror::limits::{GRACE, MAX_HISTORY};

fuzz_target!(|input: &[u8]| {
    let Ok(state) = serde_json::from_slice::<SuiteState>(input) else { return };
    let written =
        serde_json::to_vec(&state).unwrap_or_else(|error| panic!("a state that was read is not written: {error}"));
    let again =
        serde_json::from_slice::<SuiteState>(&written).unwrap_or_else(|error| panic!("not read again: {error}"));
    assert_eq!(again, state);
    assert_eq!(serde_json::to_vec(&again).ok(), Some(written));
    if !state.suite.is_root() {
        assert_stays_inside(state.suite.as_str());
    }
    for progress in &state.progress {
        for path in progress.verified.keys() {
            assert_stays_inside(path.as_str());
        }
    }
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        check_history(state.clone(), now);
    }
});

/// Asserts that serving another release keeps what was served within the grace, up to the limit.
fn check_history(mut state: SuiteState, now: Timestamp) {
    let _ = (state.owed(), state.is_held_by_another("nobody", now));
    let before: Vec<_> = state.protected(now).collect();
    let Some(next) = state.live.as_ref().and_then(|live| live.identity.commit_digest()) else { return };
    state.prepare_history(next, now);
    state.close_history(now);
    assert!(state.history.len() <= MAX_HISTORY.max(before.len()));
    let after: Vec<_> = state.protected(now).collect();
    assert!(after.contains(&next), "what is about to be served is not protected");
    if before.len() < MAX_HISTORY {
        assert!(before.iter().all(|digest| after.contains(digest)), "a release within its grace is forgotten");
    }
    let is_over = |served: &suitecast_mirror::Served| {
        served.replaced_at.is_some_and(|replaced| now.duration_since(replaced) >= GRACE)
    };
    assert!(!state.history.iter().any(is_over), "a release is kept beyond its grace");
}
