#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use suitecast_testing::archive_maker::ArchiveKey;

use super::*;
use crate::samples::{clear_signed, detached, files, of_day};

fn problem(files: ReleaseFiles, live: Option<&ReleaseFiles>) -> SetProblem {
    ReleaseSet::read(files, live.map(Identity::of).as_ref()).unwrap_err()
}

fn mixed(files: ReleaseFiles, live: Option<&ReleaseFiles>) -> String {
    match problem(files, live) {
        SetProblem::Mixed { rule } => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_whole_set_is_read_and_says_which_file_commits_it() {
    let all = files(10, "a");
    for (given, commit) in [
        (all.clone(), ReleaseFile::InRelease),
        (ReleaseFiles { release: None, release_gpg: None, ..all.clone() }, ReleaseFile::InRelease),
        (ReleaseFiles { release_gpg: None, ..all }, ReleaseFile::InRelease),
        (detached(10, "a"), ReleaseFile::Release),
        (ReleaseFiles { release_gpg: None, ..detached(10, "a") }, ReleaseFile::Release),
    ] {
        let set = ReleaseSet::read(given.clone(), None).unwrap();
        assert_eq!(set.commit_file(), commit);
        let bytes = given.get(commit).unwrap();
        assert_eq!(set.identity.commit_digest(), Some(Digest::of(DigestAlgorithm::Sha256, bytes)));
        assert_eq!(set.files, given, "the very bytes");
        assert_eq!(set.release, Release::parse(of_day(10).as_bytes()).unwrap());
    }
}

#[test]
fn nothing_is_absent_and_a_signature_alone_signs_nothing() {
    assert_eq!(problem(ReleaseFiles::default(), None), SetProblem::Absent);
    let alone = ReleaseFiles { release_gpg: Some(b"a".to_vec()), ..ReleaseFiles::default() };
    assert!(mixed(alone, None).contains("without the Release"));
}

#[test]
fn texts_of_two_releases_do_not_belong_together() {
    let given = ReleaseFiles { release: files(9, "a").release, ..files(10, "a") };
    assert!(mixed(given, None).contains("InRelease"));
    // Blanks at a line's end are not signed, and do not count.
    let blank = of_day(10).replace('\n', " \n");
    let given = ReleaseFiles { in_release: Some(clear_signed(&blank, "a")), ..files(10, "a") };
    assert!(ReleaseSet::read(given, None).is_ok());
}

#[test]
fn a_new_release_under_the_old_signature_does_not_belong_together() {
    let live = files(9, "a");
    for new in [files(10, "a"), detached(10, "a")] {
        let live = ReleaseFiles { in_release: new.in_release.as_ref().and(live.in_release.clone()), ..live.clone() };
        let given = ReleaseFiles { release_gpg: live.release_gpg.clone(), ..new };
        assert!(mixed(given, Some(&live)).contains("Release.gpg"));
    }
}

#[test]
fn a_new_signature_over_the_old_files_is_told_apart() {
    let live = files(9, "a");
    let given = ReleaseFiles { release_gpg: files(10, "a").release_gpg, ..live.clone() };
    assert_eq!(problem(given, Some(&live)), SetProblem::SignatureAlone);
    assert!(ReleaseSet::read(files(9, "b"), Some(&Identity::of(&live))).is_ok(), "both signatures are new");
    assert!(ReleaseSet::read(live.clone(), Some(&Identity::of(&live))).is_ok(), "nothing is new");
}

#[test]
fn a_signature_that_tells_by_itself_whose_it_is_is_believed_over_what_is_live() {
    let key = ArchiveKey::from_seed(1).unwrap();
    let signature = key.detached(of_day(10).as_bytes(), "2026-11-10T12:00:00Z".parse().unwrap()).unwrap();
    let signed_by_it = |day| ReleaseFiles { release_gpg: Some(signature.clone()), ..detached(day, "a") };
    // Somebody served the signature of the tenth beside the release of the ninth; the tenth is whole all the same.
    let live = signed_by_it(9);
    let whole = ReleaseSet::read(signed_by_it(10), Some(&Identity::of(&live))).unwrap();
    assert_eq!(whole.fit, Fit::Fits);
    assert_eq!(ReleaseSet::read(live, None).unwrap().fit, Fit::OfAnotherText);
    assert_eq!(ReleaseSet::read(detached(10, "a"), None).unwrap().fit, Fit::Unknown);
}

#[test]
fn a_file_that_is_served_may_not_vanish_while_others_stay() {
    let live = files(9, "a");
    let new = files(10, "a");
    for (given, name) in [
        (ReleaseFiles { in_release: None, ..new.clone() }, "InRelease"),
        (ReleaseFiles { release_gpg: None, ..new.clone() }, "Release.gpg"),
        (ReleaseFiles { release: None, release_gpg: None, ..new }, "Release"),
    ] {
        let rule = mixed(given, Some(&live));
        assert!(rule.starts_with(&format!("{name} is served")), "{rule}");
    }
}

#[test]
fn a_name_stands_for_all_three_files() {
    let sets = [files(9, "a"), files(9, "b"), detached(9, "a"), ReleaseFiles { release_gpg: None, ..files(9, "a") }];
    let names: std::collections::BTreeSet<String> = sets.iter().map(|files| Identity::of(files).name()).collect();
    assert_eq!(names.len(), sets.len());
    assert!(names.iter().all(|name| name.len() == 64 && name.chars().all(|letter| letter.is_ascii_hexdigit())));
}

proptest! {
    /// In whichever order the three files of the next release arrive, only the whole next one is ever taken, and the
    /// old one until the first of them came.
    #[test]
    fn no_order_of_arrival_passes_a_half_replaced_set(order in Just([0_usize, 1, 2]).prop_shuffle(), with_in_release in any::<bool>()) {
        let (live, next) = if with_in_release {
            (files(9, "a"), files(10, "a"))
        } else {
            (detached(9, "a"), detached(10, "a"))
        };
        let identity = Identity::of(&live);
        let mut master = live.clone();
        for (position, file) in order.iter().enumerate() {
            match file {
                0 => master.in_release.clone_from(&next.in_release),
                1 => master.release.clone_from(&next.release),
                _ => master.release_gpg.clone_from(&next.release_gpg),
            }
            let is_whole = master == live || master == next;
            prop_assert_eq!(ReleaseSet::read(master.clone(), Some(&identity)).is_ok(), is_whole, "after {} files", position + 1);
        }
    }
}
