//! What tests share: an S3 that behaves as AWS documents it, faults on request, and made-up archives.
//!
//! - [`strict`]: the in-memory S3, with the storage port over each of its buckets.
//! - [`http`]: the same S3 over loopback HTTP, also as the program `strict-s3` of `tests`.
//! - [`contract`]: what Suitecast relies on of a store, as promises that any store can be held to.
//! - [`FaultyStore`]: fails the k-th effect of any store, before or after it took place.
//! - [`ManualClock`], [`Random`]: time and chance that are the same in every run.
//! - [`archive_maker`]: archives as debian and ubuntu publish them, signed, with a history.
//! - [`signer`]: `OpenPGP` keys and signatures with any defect.
//! - [`client_model`]: an apt client that believes nothing, to be asked after every effect.
//!
//! Nothing here is ever linked into a function.

pub mod archive_maker;
pub mod client_model;
mod clock;
pub mod contract;
mod faulty;
pub mod http;
mod metrics_page;
mod random;
pub mod signer;
pub mod strict;

pub use clock::ManualClock;
pub use faulty::{Aftermath, Effect, EffectKind, Faults, FaultyStore, Gate, Moment};
pub use metrics_page::MetricsPage;
pub use random::Random;
pub use strict::{StrictBucket, StrictS3};
