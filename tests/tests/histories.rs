//! Random histories, a few hundred: whatever happens, clients see a whole suite that never goes back, and the newest in the
//! end. `make torture` plays a million.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::sync::atomic::Ordering;

use suitecast_tests::attacks::histories::{Effort, attack, known_seeds, log_of};

/// Enough to meet every step in every kind of suite, in some seconds.
const HISTORIES: u64 = 800;

/// Red when any of these is broken, each in one line (tried, and taken back):
/// - `replicate.rs` overwrites what stands in the Region (`WriteCondition::Always`);
/// - `decide.rs` serves a release that is older than the live one (`date < served.date` left out);
/// - `sweep.rs` passes over a suite whose release changed in the master, or whose scope is another now;
/// - `plan.rs` does not keep a release under its own digest (no `Phase::Pin`).
#[test]
fn whatever_happens_clients_see_a_whole_suite_and_in_the_end_the_newest() {
    let effort = Effort::default();
    let tally = attack(&|case| case, HISTORIES, &effort);
    println!("{tally}");
    assert_eq!(tally.violations, Vec::<String>::new(), "{}", tally.violations.join("\n"));
    println!("{effort:?}");
    let counts = [&effort.looks, &effort.lives, &effort.held_to].map(|count| count.load(Ordering::Relaxed));
    let [looks, lives, held_to] = counts;
    assert!(looks > 50 * HISTORIES && lives > HISTORIES && held_to > HISTORIES, "they led nowhere: {effort:?}");
}

#[test]
fn histories_that_failed_once_do_not_fail_again() {
    let seeds = known_seeds();
    let number = |case: u64| usize::try_from(case).unwrap();
    let tally = attack(&|case| seeds[number(case)], seeds.len() as u64, &Effort::default());
    assert_eq!(tally.violations, Vec::<String>::new(), "{}", tally.violations.join("\n"));
}

#[test]
fn a_history_plays_the_same_each_time() {
    for seed in 0..20 {
        assert_eq!(log_of(seed), log_of(seed), "seed {seed}");
    }
}
