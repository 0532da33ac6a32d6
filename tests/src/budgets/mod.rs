//! What the project promises about speed and size, as scenarios whose requests the server counts.
//!
//! `tests/budgets.rs` runs them at quick sizes with every test run, `make bench` at those of Debian's main. The limits are
//! here, once.

mod cold_start;
mod fill;
mod pace;
mod update;

pub use cold_start::{LEGACY, jitter_entropy_is_off, legacy_crates};
pub use fill::{Fill, Order, fill_a_new_region, first_fill};
pub use pace::PacedStore;
pub use update::{Update, update};

use suitecast_archive::SecondKeys;
use suitecast_testing::strict::RequestCounts;

/// Requests of an event batch beyond the one copy an object.
pub const BATCH_FURTHER_REQUESTS: u64 = 2;

/// Requests of a look at a suite that did not change.
pub const UNCHANGED_REQUESTS: u64 = 5;

/// Requests of an update for each changed key, the copy that the event brought about counted in.
pub const UPDATE_REQUESTS_A_KEY: u64 = 2;

/// Requests of an update for each changed index file.
pub const UPDATE_REQUESTS_AN_INDEX: u64 = 8;

/// Requests of an update beside those.
pub const UPDATE_REQUESTS_BESIDE: u64 = 12;

/// Requests an object, all in all, of the first fill of a big suite.
pub const FIRST_FILL_REQUESTS_AN_OBJECT: f64 = 2.2;

/// Publish runs that do work in the first fill of a big suite.
pub const FIRST_FILL_RUNS: usize = 20;

/// Objects in a suite as big as Debian's main on amd64.
pub const BIG_SUITE: usize = 63_000;

/// The most memory in bytes, of the whole process, in which a Packages of [`BIG_SUITE`] entries is read and planned.
pub const READ_AND_PLAN_BYTES: u64 = 64 << 20;

/// Copies at work at once, as the template sets it.
pub const COPY_CONCURRENCY: usize = 64;

/// Uploads that one batch takes, as the template sets it.
pub const BATCH_SIZE: usize = 100;

/// How many objects a Region holds for these of the master: a name with a `+` has two keys.
pub fn in_a_region<'a>(keys: impl Iterator<Item = &'a str>) -> u64 {
    keys.map(|key| 1 + u64::from(SecondKeys::Kept.of_key(key).is_some())).sum()
}

/// Requests by operation, for a person.
pub fn by_operation(counts: &RequestCounts) -> String {
    let each: Vec<String> =
        counts.by_operation.iter().map(|(operation, count)| format!("{operation:?} {count}")).collect();
    each.join(", ")
}
