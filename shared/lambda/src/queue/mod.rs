//! The two queues as a function meets them: suites are woken through one, messages are given back to the other.

mod api;
mod returns;
mod suites;

pub use api::{ApiError, NewMessage, NewVisibility, QueueApi, Refusal, SqsApi};
pub use returns::{MessageReturn, MessageReturns, ReturnError, SqsMessageReturns};
pub use suites::{MAX_SEND_ATTEMPTS, SqsSuitesQueue};

/// Most entries of one batch call: SQS's own limit.
pub const MAX_BATCH_ENTRIES: usize = 10;
