#![allow(clippy::unwrap_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use suitecast_testing::archive_maker::ArchiveKey;

use super::*;
use crate::samples::{detached, files, of_day, set};

/// Without the word on the signature: no keyring is set in the tests that use it.
fn decide(observation: &Observation<'_>) -> Decision {
    let Decided { decision, authenticity } = super::decide(observation);
    assert_eq!(authenticity, Authenticity::NotChecked);
    decision
}

fn noon(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T12:00:00Z").parse().unwrap()
}

/// What is seen at noon of the 20th of a Region that serves nothing.
fn observation(master: &ReleaseFiles) -> Observation<'_> {
    Observation {
        now: noon(20),
        master,
        served: None,
        hold: None,
        unsettled: None,
        candidates: &[],
        keyring: None,
        force: false,
        full: false,
    }
}

fn serving(files: &ReleaseFiles) -> ServedRelease {
    let set = set(files.clone());
    ServedRelease { identity: set.identity, date: set.release.date, vouched: true, is_authentic: true }
}

fn published(decision: &Decision) -> Option<(Identity, bool)> {
    match decision {
        Decision::Publish { set, hold } => Some((set.identity, *hold)),
        _ => None,
    }
}

fn refusal(decision: Decision) -> String {
    match decision {
        Decision::Refused { rule } => rule,
        other => panic!("{other:?}"),
    }
}

fn waiting(decision: Decision) -> Unsettled {
    match decision {
        Decision::Unsettled { unsettled, .. } => unsettled,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_suite_never_seen_is_published() {
    let master = files(10, "a");
    let decision = decide(&observation(&master));
    assert_eq!(published(&decision), Some((Identity::of(&master), false)));
}

#[test]
fn the_served_release_is_left_alone_unless_there_is_a_reason_to_look() {
    let master = files(10, "a");
    let served = Some(serving(&master));
    let up_to_date = decide(&Observation { served, ..observation(&master) });
    assert!(matches!(up_to_date, Decision::UpToDate { date } if date == set(master.clone()).release.date));
    let full = decide(&Observation { served, full: true, ..observation(&master) });
    assert!(published(&full).is_some());
    let doubted = served.map(|served| ServedRelease { vouched: false, ..served });
    let decision = decide(&Observation { served: doubted, ..observation(&master) });
    assert!(published(&decision).is_some());
    let held = decide(&Observation { served, full: true, hold: Some(Identity::of(&master)), ..observation(&master) });
    assert_eq!(published(&held), Some((Identity::of(&master), true)), "a full check does not end a hold");
}

#[test]
fn a_newer_release_is_published_and_so_is_one_of_the_same_date() {
    let served = Some(serving(&files(10, "a")));
    for master in [files(11, "a"), files(10, "b")] {
        let decision = decide(&Observation { served, ..observation(&master) });
        assert_eq!(published(&decision), Some((Identity::of(&master), false)));
    }
}

#[test]
fn an_older_release_is_told_and_published_by_force_alone_with_a_hold() {
    let (master, served) = (files(9, "a"), Some(serving(&files(10, "a"))));
    match decide(&Observation { served, ..observation(&master) }) {
        Decision::Older { rule } => {
            for word in ["2026-11-09", "2026-11-10", "replay with force"] {
                assert!(rule.contains(word), "{rule}");
            }
        }
        other => panic!("{other:?}"),
    }
    let forced = decide(&Observation { served, force: true, ..observation(&master) });
    assert_eq!(published(&forced), Some((Identity::of(&master), true)));
}

#[test]
fn a_held_suite_moves_by_force_alone() {
    let (served, master) = (files(9, "a"), files(11, "a"));
    let hold = Some(Identity::of(&served));
    let seen = || Observation { served: Some(serving(&served)), hold, ..observation(&master) };
    match decide(&seen()) {
        Decision::Held { rule } => {
            assert!(rule.contains(&Identity::of(&served).name()) && rule.contains("replay with force"), "{rule}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(published(&decide(&Observation { force: true, ..seen() })), Some((Identity::of(&master), false)));
    let older = files(8, "a");
    let further_back = decide(&Observation { master: &older, force: true, ..seen() });
    assert_eq!(published(&further_back), Some((Identity::of(&older), true)));
}

#[test]
fn a_date_more_than_a_day_ahead_is_refused() {
    let master = files(21, "a");
    assert!(published(&decide(&observation(&master))).is_some(), "half a day ahead");
    let at_the_limit = Observation { now: noon(20) - SignedDuration::from_hours(12), ..observation(&master) };
    assert!(published(&decide(&at_the_limit)).is_some());
    let beyond = Observation { now: at_the_limit.now - SignedDuration::from_secs(1), ..observation(&master) };
    let rule = refusal(decide(&beyond));
    assert!(rule.contains("2026-11-21") && rule.contains("future"), "{rule}");
    // Not by force either: it would keep every later release out.
    assert!(!refusal(decide(&Observation { force: true, ..beyond })).is_empty());
}

#[test]
fn what_is_gone_is_withdrawn_and_what_never_was_is_absent() {
    let nothing = ReleaseFiles::default();
    assert!(matches!(decide(&observation(&nothing)), Decision::Absent));
    let served = Some(serving(&files(10, "a")));
    for force in [false, true] {
        assert!(matches!(decide(&Observation { served, force, ..observation(&nothing) }), Decision::Withdrawn));
    }
}

#[test]
fn malformed_files_are_refused_with_the_file_and_the_cause() {
    let no_envelope = ReleaseFiles { in_release: Some(b"no envelope".to_vec()), ..ReleaseFiles::default() };
    assert!(refusal(decide(&observation(&no_envelope))).starts_with("InRelease: "));
    let no_date = of_day(10).replace(&crate::samples::day(10), "some day");
    let no_date = ReleaseFiles { release: Some(no_date.into_bytes()), ..ReleaseFiles::default() };
    let rule = refusal(decide(&observation(&no_date)));
    assert!(rule.starts_with("Release: ") && rule.contains("Date") && rule.contains("some day"), "{rule}");
}

#[test]
fn a_mixed_set_waits_for_a_quarter_of_an_hour_from_when_it_was_first_seen() {
    let master = ReleaseFiles { release: Some(of_day(9).into_bytes()), ..files(10, "a") };
    let first = waiting(decide(&observation(&master)));
    assert_eq!(first, Unsettled { identity: Identity::of(&master), since: noon(20) });
    let later = |minutes, unsettled| {
        let now = noon(20) + SignedDuration::from_mins(minutes);
        decide(&Observation { now, unsettled, ..observation(&master) })
    };
    assert_eq!(waiting(later(14, Some(&first))), first, "the clock does not start again");
    let rule = refusal(later(15, Some(&first)));
    assert!(rule.contains("one generation"), "{rule}");
    // Another mixed set is another upload.
    let other = Unsettled { identity: Identity::of(&files(8, "a")), ..first };
    assert_eq!(waiting(later(15, Some(&other))).since, noon(20) + SignedDuration::from_mins(15));
}

#[test]
fn a_new_signature_alone_waits_for_its_release_and_is_served_when_none_comes() {
    for (before, after) in [(files(10, "a"), files(10, "b")), (detached(10, "a"), detached(10, "b"))] {
        let master = ReleaseFiles { release_gpg: after.release_gpg, ..before.clone() };
        let seen = || Observation { served: Some(serving(&before)), ..observation(&master) };
        let first = waiting(decide(&seen()));
        let later = Observation { now: noon(20) + SignedDuration::from_mins(15), unsettled: Some(&first), ..seen() };
        assert_eq!(published(&decide(&later)), Some((Identity::of(&master), false)));
    }
}

#[test]
fn files_of_a_release_that_waits_do_not_pass_for_those_of_the_next() {
    // The ninth is served, the tenth waits; the files of the eleventh arrive one by one.
    let (live, waits, next) = (files(9, "a"), files(10, "a"), files(11, "a"));
    let candidates = [Candidate { identity: Identity::of(&waits), date: set(waits.clone()).release.date }];
    let served = Some(serving(&live));
    let decided = |master: &ReleaseFiles| {
        decide(&Observation {
            now: noon(20),
            master,
            served,
            hold: None,
            unsettled: None,
            candidates: &candidates,
            keyring: None,
            force: false,
            full: false,
        })
    };
    assert!(published(&decided(&waits)).is_some(), "it waits, and is tried again");
    assert!(published(&decided(&next)).is_some());
    let signature_first = ReleaseFiles { release_gpg: next.release_gpg.clone(), ..waits.clone() };
    let signature_last = ReleaseFiles { release_gpg: waits.release_gpg, ..next };
    for half in [signature_first, signature_last] {
        assert_eq!(waiting(decided(&half)).identity, Identity::of(&half));
    }
}

#[test]
fn a_signature_added_to_a_release_that_waits_or_taken_from_it_is_no_half_of_another() {
    let signed = files(10, "a");
    let unsigned = ReleaseFiles { release_gpg: None, ..signed.clone() };
    for (waits, master) in [(&unsigned, &signed), (&signed, &unsigned)] {
        let candidates = [Candidate { identity: Identity::of(waits), date: set(waits.clone()).release.date }];
        let decision = decide(&Observation { candidates: &candidates, ..observation(master) });
        assert_eq!(published(&decision), Some((Identity::of(master), false)));
    }
}

#[test]
fn a_half_replaced_set_taken_for_a_release_keeps_the_whole_one_out_for_no_longer_than_an_upload_takes() {
    // The signature of the eleventh came first, and was seen over the files of the tenth.
    let whole = files(11, "a");
    let half = ReleaseFiles { release_gpg: whole.release_gpg.clone(), ..files(10, "a") };
    let candidates = [Candidate { identity: Identity::of(&half), date: set(half).release.date }];
    let first = waiting(decide(&Observation { candidates: &candidates, ..observation(&whole) }));
    let now = noon(20) + SignedDuration::from_mins(15);
    let later = Observation { now, unsettled: Some(&first), candidates: &candidates, ..observation(&whole) };
    assert_eq!(published(&decide(&later)), Some((Identity::of(&whole), false)));
}

/// Our archive's key and somebody else's, and the keyring that holds ours.
fn keys() -> (ArchiveKey, ArchiveKey, Keyring) {
    let [ours, theirs] = [1, 2].map(|seed| ArchiveKey::from_seed(seed).unwrap());
    let keyring = Keyring::parse(ours.public_armoured().unwrap().as_bytes()).unwrap();
    (ours, theirs, keyring)
}

fn signed(day: u8, key: &ArchiveKey) -> ReleaseFiles {
    let text = of_day(day);
    ReleaseFiles {
        in_release: Some(key.clear_signed(&text, noon(day)).unwrap()),
        release_gpg: Some(key.detached(text.as_bytes(), noon(day)).unwrap()),
        release: Some(text.into_bytes()),
    }
}

fn decided(master: &ReleaseFiles, keyring: &Keyring) -> Decided {
    super::decide(&Observation { keyring: Some(keyring), ..observation(master) })
}

#[test]
fn a_release_is_published_if_each_of_its_signatures_is_by_a_key_of_the_keyring() {
    let (ours, theirs, keyring) = keys();
    let whole = signed(10, &ours);
    let without_detached = ReleaseFiles { release_gpg: None, ..whole.clone() };
    for files in [
        whole.clone(),
        without_detached.clone(),
        ReleaseFiles { in_release: None, ..whole.clone() },
        ReleaseFiles { release: None, ..without_detached },
    ] {
        let Decided { decision, authenticity } = decided(&files, &keyring);
        assert_eq!(
            (published(&decision).map(|(set, _)| set), authenticity),
            (Some(Identity::of(&files)), Authenticity::Verified)
        );
    }
    let forged = signed(10, &theirs);
    for (files, file) in [
        (forged.clone(), "InRelease: "),
        (ReleaseFiles { in_release: None, ..forged.clone() }, "Release.gpg: "),
        (ReleaseFiles { in_release: whole.in_release.clone(), ..forged.clone() }, "Release.gpg: "),
        (ReleaseFiles { in_release: forged.in_release, ..whole }, "InRelease: "),
    ] {
        let Decided { decision, authenticity } = decided(&files, &keyring);
        let rule = refusal(decision);
        assert!(rule.starts_with(file) && authenticity == Authenticity::Rejected, "{rule}");
    }
}

#[test]
fn what_an_upload_under_way_looks_like_is_waited_for_and_then_refused() {
    let (ours, _, keyring) = keys();
    let (old, new) = (signed(9, &ours), signed(10, &ours));
    let unsigned = ReleaseFiles { in_release: None, release_gpg: None, ..new.clone() };
    let mixed = ReleaseFiles { release_gpg: old.release_gpg, ..new };
    for files in [unsigned, mixed] {
        let Decided { decision, authenticity } = decided(&files, &keyring);
        assert_eq!(authenticity, Authenticity::Rejected);
        let first = waiting(decision);
        let now = noon(20) + MIXED_SET_PATIENCE;
        let later = Observation { now, unsettled: Some(&first), keyring: Some(&keyring), ..observation(&files) };
        assert!(refusal(super::decide(&later).decision).contains("one generation"));
    }
}

#[test]
fn a_signature_that_verifies_needs_no_patience() {
    let (ours, _, keyring) = keys();
    let before = signed(10, &ours);
    let again = ours.detached(of_day(10).as_bytes(), noon(11)).unwrap();
    let master = ReleaseFiles { release_gpg: Some(again), ..before.clone() };
    let candidates = [Candidate { identity: Identity::of(&before), date: set(before.clone()).release.date }];
    for seen in [
        Observation { served: Some(serving(&before)), ..observation(&master) },
        Observation { candidates: &candidates, ..observation(&master) },
    ] {
        let Decided { decision, .. } = super::decide(&Observation { keyring: Some(&keyring), ..seen });
        assert_eq!(published(&decision), Some((Identity::of(&master), false)));
    }
}

#[test]
fn what_went_live_under_this_keyring_is_not_verified_again_and_under_another_one_it_is() {
    let (ours, theirs, keyring) = keys();
    // As good as a key that expired since: it would not pass now.
    let forged = signed(10, &theirs);
    let seen = |master, served| Observation { served: Some(served), keyring: Some(&keyring), ..observation(master) };
    let recorded = super::decide(&seen(&forged, serving(&forged)));
    assert!(matches!(recorded.decision, Decision::UpToDate { .. }) && recorded.authenticity == Authenticity::Verified);
    let of_another_keyring = ServedRelease { is_authentic: false, ..serving(&forged) };
    assert!(!refusal(super::decide(&seen(&forged, of_another_keyring)).decision).is_empty());
    let genuine = signed(10, &ours);
    let looked_at_again = super::decide(&seen(&genuine, ServedRelease { is_authentic: false, ..serving(&genuine) }));
    assert!(matches!(looked_at_again.decision, Decision::UpToDate { .. }), "its files need no second look");
    // That another release is served says nothing of this one.
    assert!(!refusal(super::decide(&seen(&forged, serving(&genuine))).decision).is_empty());
}

#[test]
fn a_release_that_was_kept_is_authentic_as_long_as_the_keyring_holds_its_key() {
    let (ours, theirs, keyring) = keys();
    let now = noon(20);
    let [ours, theirs] = [signed(10, &ours), signed(10, &theirs)].map(set);
    assert!(crate::is_authentic(&ours, Some(&keyring), now));
    assert!(!crate::is_authentic(&theirs, Some(&keyring), now));
    assert!(crate::is_authentic(&theirs, None, now), "without a keyring nothing is verified");
}

#[test]
fn where_there_is_no_release_no_signature_was_looked_at() {
    let (_, _, keyring) = keys();
    let nothing = ReleaseFiles::default();
    assert_eq!(decided(&nothing, &keyring).authenticity, Authenticity::NotReached);
}

proptest! {
    /// Whatever is observed: without force nothing older than what is served is published, nothing from the future ever,
    /// and never anything from a hold.
    #[test]
    fn without_force_the_date_never_goes_back(
        served_day in 1_u8..28, master_day in 1_u8..28, held in any::<bool>(), full in any::<bool>(), now in 1_u8..28,
    ) {
        let (before, master) = (files(served_day, "a"), files(master_day, "b"));
        let hold = held.then(|| Identity::of(&before));
        let seen = Observation { now: noon(now), served: Some(serving(&before)), hold, full, ..observation(&master) };
        if let Decision::Publish { set, hold } = decide(&seen) {
            prop_assert!(master_day >= served_day && !held && !hold);
            prop_assert!(set.release.date.duration_since(noon(now)) <= MAX_DATE_AHEAD);
        }
    }
}
