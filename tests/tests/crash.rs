//! A crash at every effect: whatever fails, before or after it took place, clients see a whole suite at every moment, and
//! what comes after brings the Region to where it belongs. Here every scenario, and of its moments every so-many-th;
//! `attack-crash` visits all of them.

#![allow(missing_docs)]

use suitecast_tests::attacks::crash::{Length, run, scenarios};

/// One moment in so many. Prime, so that over the effects every way to fail comes up.
const ONE_IN: usize = 41;

/// Red when any of these is broken, each in one line (tried, and taken back):
/// - `completion.rs` begins a swap and records no intent (`state.intent = None` in `carry_out`): plain names stay wrong where
///   the master goes back to the earlier indices;
/// - `attempt.rs` or `publish.rs` vouches for what is served in spite of an intent (`state.intent.is_none()` left out): the
///   same;
/// - `swap.rs` commits before the plain names are written (`Phase::Commit` before `Phase::Canonical` in `ORDER`);
/// - `replicate.rs` takes a wake-up that was not sent for sent, and so acknowledges the upload (the error of
///   `queue.wake` passed over): nobody looks at the suite again;
/// - `publish.rs` does the same with the message by which a run goes on (`go_on_later` answers `Ok`);
/// - `publish.rs` keeps the lease of a run that failed (`lease::give_up` left out): its own message comes back in seconds,
///   is told that the suite is busy, and is gone;
/// - `state.rs` takes a commit that was live before for the end of the swap (`self.over != here` left out of
///   `is_committed_by`): a wider scope is vouched for that is not filled;
/// - `completion.rs` forgets that a step back holds the suite (`state.hold = None` in `commit_to_state`).
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
