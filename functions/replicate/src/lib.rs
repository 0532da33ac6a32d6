//! The replicate function's handler: an event becomes a typed input, the engine runs, its report becomes the answer.
//!
//! Takes uploads from the queue, recorded S3 events, and manual calls for a key or a prefix. What is copied, and which
//! suites are woken, is the engine's business alone.

mod handler;
mod prefix;
mod summary;

pub use handler::{Answer, Handler};
pub use summary::{FailedUpload, Summary};
