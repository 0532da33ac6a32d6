//! Two publishers and a batch of uploads, in every order of their effects. How, and what that leaves out, is told in
//! [`suitecast_tests::attacks::interleavings`].

#![allow(clippy::print_stdout, missing_docs)]

use suitecast_tests::attacks::interleavings::{self, Sabotage};

#[test]
fn an_apt_client_sees_a_whole_suite_in_every_interleaving_of_two_publishers_and_a_batch() {
    let found = interleavings::short();
    for explored in &found.explored {
        println!("{explored}");
    }
    println!("{}", found.tally);
    assert!(found.tally.violations.is_empty(), "{}", found.tally.violations.join("\n"));
}

#[test]
fn a_publisher_that_keeps_one_rule_less_is_caught() {
    for sabotage in Sabotage::ALL {
        let caught = interleavings::sabotaged(sabotage);
        println!("{sabotage:?}: {caught:?}");
        assert!(caught.is_some(), "{sabotage:?} was not noticed");
    }
}
