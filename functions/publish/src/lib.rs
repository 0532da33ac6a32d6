//! The publish function's handler: an event becomes a typed input, the engine runs, its report becomes the answer.
//!
//! Takes wake-ups from the suites queue, manual calls for one suite or all, and the schedule's sweep. What is swapped,
//! and when, is the engine's business alone.

mod handler;
mod summary;

pub use handler::{Answer, EverySuite, Handler};
