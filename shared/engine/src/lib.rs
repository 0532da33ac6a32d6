//! Carrying plans out: replicate, publish and sweep over the ports `Store`, [`SuitesQueue`] and [`Clock`].
//!
//! What is to be done is decided in `suitecast-mirror`, which does no I/O; this crate observes, asks it, does what it
//! says in the order it says, and records the outcome. It never reads the environment or a clock of its own.

mod attempt;
mod candidates;
mod completion;
mod concurrent;
mod conflict;
mod error;
mod fill;
mod index_files;
mod key_standing;
mod lease;
pub mod limits;
mod listing;
pub mod looking;
mod meter;
mod objects;
mod older_versions;
mod pool;
mod ports;
mod private_keys;
pub mod publish;
mod release_io;
pub mod replicate;
mod report;
mod run;
mod second_keys;
mod settings;
mod state_store;
mod suites;
mod swap;
pub mod sweep;
mod trees;
mod waiting;

pub use error::EngineError;
pub use ports::{Clock, Ports, QueueError, SuitesQueue, Wake};
pub use report::{Outcome, PublishReport};
pub use settings::{Settings, SuitePatterns};
pub use suitecast_mirror::Authenticity;
