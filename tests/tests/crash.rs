//! A crash at every effect: whatever fails, before or after it took place, clients see a whole suite at every moment, and
//! what comes after brings the Region to where it belongs. Here every scenario, and of its moments every so-many-th;
//! `attack-crash` visits all of them.

#![allow(missing_docs)]

use suitecast_tests::attacks::crash::{Length, run, scenarios};

/// One moment in so many. Prime, so that over the effects every way to fail comes up.
const ONE_IN: usize = 29;

#[test]
fn clients_see_a_whole_suite_and_the_region_converges_whatever_effect_fails() {
    let mut reports = Vec::new();
    let tally = run(Length::OneIn(ONE_IN), None, |report| reports.push(report.to_string()));
    assert_eq!(tally.violations, Vec::<String>::new(), "{reports:#?}");
    assert_eq!(reports.len(), scenarios::ALL.len());
    assert!(tally.cases > 150, "too few points were visited: {reports:#?}");
    for window in ["no by-hash", "change in place", "damage from outside"] {
        assert!(tally.windows.contains_key(window), "nobody ever looked into the window of {window}: {reports:#?}");
    }
}
