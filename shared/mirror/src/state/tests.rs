#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use proptest::prelude::*;
use suitecast_archive::DigestAlgorithm;

use super::*;

fn state() -> SuiteState {
    SuiteState::new(SuiteName::parse("dists/stable").unwrap())
}

fn release(number: u64) -> Digest {
    Digest::of(DigestAlgorithm::Sha256, &number.to_le_bytes())
}

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn swap(state: &mut SuiteState, number: u64, now: Timestamp) {
    state.prepare_history(release(number), now);
    state.close_history(now);
}

#[test]
fn a_state_written_by_an_earlier_version_is_read() {
    let text = r#"{"suite":"dists/stable"}"#;
    assert_eq!(serde_json::from_str::<SuiteState>(text).unwrap(), state());
    let written = serde_json::to_string(&state()).unwrap();
    assert_eq!(serde_json::from_str::<SuiteState>(&written).unwrap(), state());
}

#[test]
fn a_replaced_release_is_protected_for_the_grace_counted_from_its_replacement() {
    let mut state = state();
    swap(&mut state, 1, at(0));
    // Served for a month, then replaced.
    swap(&mut state, 2, at(720));
    let protected = |hours| state.protected(at(hours)).collect::<Vec<_>>();
    assert_eq!(protected(720 + 71), [release(1), release(2)]);
    assert_eq!(protected(720 + 72), [release(2)]);
    assert_eq!(protected(100_000), [release(2)], "what is served is protected for ever");
}

#[test]
fn a_release_is_protected_from_before_it_is_served() {
    let mut state = state();
    swap(&mut state, 1, at(0));
    state.prepare_history(release(2), at(1));
    assert_eq!(
        state.protected(at(1_000)).collect::<Vec<_>>(),
        [release(1), release(2)],
        "whichever of them it came to"
    );
    // The run died; the next one prepares the same, or another.
    state.prepare_history(release(2), at(2));
    assert_eq!(state.history.len(), 2);
    swap(&mut state, 3, at(3));
    assert_eq!(state.protected(at(4)).count(), 3);
    assert_eq!(state.protected(at(80)).collect::<Vec<_>>(), [release(3)]);
}

#[test]
fn a_lease_keeps_others_out_until_it_ends() {
    let mut state = state();
    assert!(!state.is_held_by_another("me", at(0)));
    state.lease = Some(serde_json::from_value(serde_json::json!({ "holder": "you", "expires_at": at(1) })).unwrap());
    assert!(state.is_held_by_another("me", at(0)));
    assert!(!state.is_held_by_another("you", at(0)));
    assert!(!state.is_held_by_another("me", at(1)), "it ends with its last moment");
}

proptest! {
    /// Whatever is served when, forwards and back: the live release is always protected, each replaced one for three
    /// days, and the history stays bounded.
    #[test]
    fn the_history_protects_what_it_must(steps in prop::collection::vec((1_i64..40, 0_u64..6), 1..60)) {
        let mut state = state();
        let mut now = 0;
        let mut served: Vec<(u64, i64)> = Vec::new();
        for (hours, number) in steps {
            now += hours;
            swap(&mut state, number, at(now));
            if served.last().is_none_or(|(before, _)| *before != number) {
                served.last_mut().into_iter().for_each(|(_, until)| *until = now);
                served.push((number, i64::MAX));
            }
            let protected: Vec<Digest> = state.protected(at(now)).collect();
            for (number, until) in &served {
                if *until == i64::MAX || now - until < 72 {
                    prop_assert!(protected.contains(&release(*number)), "{} at {}", number, now);
                }
            }
            prop_assert!(state.history.len() <= MAX_HISTORY);
        }
    }
}
