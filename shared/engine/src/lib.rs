//! Carrying plans out: replicate, publish and sweep over the ports `Store`, [`SuitesQueue`] and [`Clock`].
//!
//! What is to be done is decided in `suitecast-mirror`, which does no I/O; this crate observes, asks it, does what it
//! says in the order it says, and records the outcome. It never reads the environment or a clock of its own.

mod error;
mod ports;
mod settings;

pub use error::EngineError;
pub use ports::{Clock, Ports, QueueError, SuitesQueue, Wake};
pub use settings::{Settings, SuitePatterns, SuitePatternsError};
