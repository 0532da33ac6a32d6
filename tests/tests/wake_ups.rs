//! The missing key arrives around the look that misses it, and no sweep runs: the suite goes live by events alone.
//! Here one moment in so many of each scenario; `make torture` tries far more of them, in more kinds of suites.

#![allow(clippy::print_stdout, missing_docs)]

use suitecast_tests::attacks::wake_ups::{Extent, attack};

/// Red when either of these is broken, in one line (tried, and taken back):
/// - `waiting.rs` does not look once more when its marker is written (`came_meanwhile` answers no);
/// - `lease.rs` forgets whoever came while it held the suite (`take_over` answers no).
#[test]
fn a_suite_goes_live_by_events_alone_whenever_the_missing_key_arrives() {
    let tally = attack(Extent { sets: 3, one_in: 397 });
    println!("{tally}");
    assert_eq!(tally.violations, Vec::<String>::new(), "{}", tally.violations.join("\n"));
    assert!(tally.cases > 1_000, "too few moments were tried: {}", tally.cases);
}
