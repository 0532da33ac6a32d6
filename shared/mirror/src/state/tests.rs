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

#[test]
fn the_bytes_that_clients_see_prove_a_swap_unless_they_were_there_before_it() {
    let identity = |number| Identity { in_release: Some(release(number)), release: None, release_gpg: None };
    let intent = |over| Intent {
        identity: identity(2),
        date: at(0),
        scope: String::new(),
        keyring: None,
        in_master: ReleaseTags::default(),
        over,
        hold: false,
        begun_at: at(0),
    };
    for over in [None, Some(release(1))] {
        assert!(intent(over).is_committed_by(Some(release(2))));
        assert!(!intent(over).is_committed_by(Some(release(1))), "not committed yet");
        assert!(!intent(over).is_committed_by(None), "nothing to be seen proves nothing");
    }
    let of_nothing = Intent { identity: Identity { in_release: None, ..identity(2) }, ..intent(Some(release(1))) };
    assert!(!of_nothing.is_committed_by(None));
    assert!(!intent(Some(release(2))).is_committed_by(Some(release(2))), "committed again over itself");
}

fn woken(asked: [bool; 3]) -> Woken {
    let [again, force, full] = asked;
    Woken { again, force, full }
}

#[test]
fn whatever_one_of_two_asked_for_is_asked_for_and_nothing_else() {
    let one_each = [[true, false, false], [false, true, false], [false, false, true]];
    for (position, asked) in one_each.into_iter().enumerate() {
        assert_eq!(woken(asked).and(Woken::default()), woken(asked));
        assert_eq!(Woken::default().and(woken(asked)), woken(asked));
        let other = one_each[(position + 1) % 3];
        let both = std::array::from_fn(|at| asked[at] || other[at]);
        assert_eq!(woken(asked).and(woken(other)), woken(both));
    }
}

#[test]
fn what_a_dead_run_owed_is_owed_with_what_was_asked_since() {
    let mut state = state();
    assert_eq!(state.owed(), Woken::default());
    state.woken = woken([true, false, true]);
    assert_eq!(state.owed(), woken([true, false, true]));
    state.lease = Some(Lease { holder: "you".into(), expires_at: at(1), owed: woken([true, true, false]) });
    assert_eq!(state.owed(), woken([true, true, true]));
}

fn progress(number: u64, files: usize) -> Progress {
    let verified = VerifiedFiles { count: files, digest: release(number), is_all: false };
    Progress {
        identity: Identity { in_release: Some(release(number)), release: None, release_gpg: None },
        scope: "all".into(),
        live: None,
        full: false,
        verified: (files > 0)
            .then(|| (ArchivePath::parse("main/source/Sources").unwrap(), verified))
            .into_iter()
            .collect(),
    }
}

#[test]
fn a_fill_goes_on_only_from_the_very_same_work() {
    let mut state = state();
    state.keep_progress(progress(1, 5));
    let asked = progress(1, 0);
    assert_eq!(state.progress_of(&asked), Some(&progress(1, 5)), "however far it has come");
    for other in [
        Progress { identity: progress(2, 0).identity, ..asked.clone() },
        Progress { scope: "less".into(), ..asked.clone() },
        Progress { live: Some(asked.identity), ..asked.clone() },
        Progress { full: true, ..asked.clone() },
    ] {
        assert_eq!(state.progress_of(&other), None, "{other:?}");
    }
}

#[test]
fn progress_takes_the_place_of_what_was_known_of_the_release_and_the_oldest_gives_way() {
    let kept = |state: &SuiteState| state.progress.clone();
    let mut state = state();
    state.keep_progress(progress(1, 5));
    state.keep_progress(progress(2, 1));
    state.keep_progress(progress(1, 7));
    assert_eq!(kept(&state), [progress(1, 7), progress(2, 1)]);
    state.keep_progress(progress(1, 0));
    assert_eq!(kept(&state), [progress(2, 1)], "nothing verified is nothing to remember");
    for number in 3..20 {
        state.keep_progress(progress(number, 1));
    }
    let newest: Vec<Progress> = (0..4).map(|back| progress(19 - back, 1)).collect();
    assert_eq!(kept(&state), newest, "that of the newest release and of three candidates");
}

#[test]
fn the_history_forgets_a_release_when_its_grace_is_over_and_never_grows_beyond_its_bound() {
    let mut state = state();
    swap(&mut state, 1, at(0));
    swap(&mut state, 2, at(0));
    let after = |hours| {
        let mut state = state.clone();
        state.prepare_history(release(3), at(hours));
        state.history.iter().map(|served| served.commit_digest).collect::<Vec<_>>()
    };
    assert_eq!(after(71), [release(1), release(2), release(3)]);
    assert_eq!(after(72), [release(2), release(3)]);
    for number in 3..u64::try_from(MAX_HISTORY).unwrap() + 10 {
        swap(&mut state, number, at(1));
        assert!(state.history.len() <= MAX_HISTORY);
    }
    assert_eq!(state.history.len(), MAX_HISTORY, "as many as there is room for");
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

#[test]
fn a_refusal_counts_from_when_this_release_was_first_refused_and_says_the_rule_of_now() {
    let mut state = state();
    let refused = |state: &SuiteState| {
        let refusal = state.refused.as_ref().unwrap();
        (refusal.since, refusal.rule.clone())
    };
    let [one, other] = [1, 2].map(|number| Identity::of(&crate::samples::files(number, "archive")));
    state.refuse(one, "a size is wrong", at(1));
    assert_eq!(refused(&state), (at(1), "a size is wrong".to_owned()));
    state.refuse(one, "a path leaves the archive", at(2));
    assert_eq!(refused(&state), (at(1), "a path leaves the archive".to_owned()));
    state.refuse(other, "a path leaves the archive", at(3));
    assert_eq!(refused(&state).0, at(3));
    let long = "ü".repeat(MAX_RULE_BYTES);
    state.refuse(other, &long, at(4));
    let (_, rule) = refused(&state);
    assert!(
        long.starts_with(&rule) && rule.len() <= MAX_RULE_BYTES && rule.len() + 2 > MAX_RULE_BYTES,
        "{}",
        rule.len()
    );
}
