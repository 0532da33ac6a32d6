//! What tests share: an S3 that behaves as AWS documents it, faults on request, and made-up archives.
//!
//! - [`strict`]: the in-memory S3, with the storage port over each of its buckets.
//! - [`FaultyStore`]: fails the k-th effect of any store, before or after it took place.
//! - [`ManualClock`], [`Random`]: time and chance that are the same in every run.
//! - [`archive_maker`]: archives as debian and ubuntu publish them, signed, with a history.
//!
//! Nothing here is ever linked into a function.

pub mod archive_maker;
mod clock;
mod faulty;
mod random;
pub mod strict;

pub use clock::ManualClock;
pub use faulty::{Aftermath, Effect, Faults, FaultyStore, Gate, Moment};
pub use random::Random;
pub use strict::{StrictBucket, StrictS3};
