//! Our verdict on signatures beside apt's: `apt-get update` with `Signed-By`, for every way to sign that we could think of.
//!
//! Where the two differ, the case says why, and we are the stricter one. Skipped aloud where apt or gpg is absent; with
//! `CI=true` that is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "signatures/apt.rs"]
mod apt;
#[path = "signatures/case.rs"]
mod case;
#[path = "signatures/files.rs"]
mod files;
#[path = "signatures/gpg.rs"]
mod gpg;
#[path = "signatures/keys.rs"]
mod keys;
#[path = "signatures/packets.rs"]
mod packets;

use std::collections::BTreeMap;

use case::{Case, Cases};
use suitecast_tests::attacks::Tally;

/// The least number of cases: fewer, and the table was thinned out.
const LEAST_CASES: usize = 150;

#[test]
fn our_verdict_on_a_signature_is_that_of_apt_or_stricter_for_a_reason() {
    if !apt::tools_are_here() {
        return;
    }
    let scratch = apt::Scratch::new("verdicts");
    let mut cases = Cases::new();
    packets::add(&mut cases);
    keys::add(&mut cases);
    files::add(&mut cases);
    gpg::add(&mut cases, &scratch.0);
    let cases = cases.all();
    let apt = apt::verdicts(&scratch.0, &cases);
    let (mut agree, mut differ) = (0_u64, 0_u64);
    let mut wrong = Vec::new();
    for case in &cases {
        let apt = &apt[case.name.as_str()];
        let ours = case.our_verdict();
        let said = || format!("{}: ours {ours:?}; apt {apt:?}", case.name);
        if ours.is_ok() != case.good {
            wrong.push(format!("{} (expected to be {})", said(), if case.good { "good" } else { "refused" }));
        }
        match (ours.is_ok() == apt.is_ok(), case.differs) {
            (true, None) => agree += 1,
            (false, Some(reason)) => {
                differ += 1;
                if ours.is_ok() {
                    wrong.push(format!("{}: laxer than apt, which no reason excuses", said()));
                }
                eprintln!("differs: {}: {reason}", case.name);
            }
            (true, Some(_)) => wrong.push(format!("{}: the same, though the table says otherwise", said())),
            (false, None) => wrong.push(format!("{}: DIFFERENT without a reason", said())),
        }
    }
    eprintln!("signatures: cases={} agree={agree} differ={differ}", cases.len());
    let tally = Tally {
        cases: u64::try_from(cases.len()).unwrap(),
        windows: BTreeMap::from([("stricter than apt for a reason", differ)]),
        violations: wrong.clone(),
        ..Tally::new("signatures agree with apt")
    };
    eprintln!("{tally}");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= LEAST_CASES, "{} cases", cases.len());
}

/// The names are file names and unique, or one case would be judged by another's files.
#[test]
fn every_case_has_a_name_of_its_own() {
    let mut cases = Cases::new();
    packets::add(&mut cases);
    keys::add(&mut cases);
    files::add(&mut cases);
    let mut names: Vec<String> = cases.all().iter().map(|case: &Case| case.name.clone()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-')), "{names:?}");
}
