//! A suite that is published again before it can be filled still moves on. `make torture` tries it a thousand times.

#![allow(clippy::print_stdout, missing_docs)]

use suitecast_tests::attacks::outrun::attack;

/// Red when `completion.rs` does not finish the release first whose verification has begun (`finish_what_was_begun` finds
/// none): tried, and taken back.
#[test]
fn a_suite_published_faster_than_it_can_be_filled_moves_on_every_few_generations() {
    let tally = attack(24, 0);
    println!("{tally}");
    assert_eq!(tally.violations, Vec::<String>::new(), "{}", tally.violations.join("\n"));
}
