//! What every Suitecast function has in common at its edge: configuration, events, logs, metrics, queues, clients.
//!
//! Everything that knows Lambda, SQS or the environment lives here, so that a function's handler only translates: an
//! event becomes a typed input, the engine runs, its report becomes the answer. Nothing here decides what is copied or
//! swapped, and nothing here hides a failure: a message that was not done is reported as failed, one by one.

pub mod batch;
pub mod clients;
pub mod clock;
pub mod config;
pub mod deadline;
pub mod envelope;
pub mod failure;
pub mod https;
pub mod keyring;
pub mod logs;
pub mod metrics;
pub mod queue;
pub mod runs;
