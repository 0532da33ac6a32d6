//! The two SQS calls in our own words, so that what surrounds them is tested without a network.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry,
};
use thiserror::Error;

/// A message to send, numbered within its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its number, by which the answer refers to it.
    pub number: usize,
    /// Its body.
    pub body: String,
}

/// When a message is to be delivered again, numbered within its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVisibility {
    /// Its number, by which the answer refers to it.
    pub number: usize,
    /// The delivery's handle.
    pub receipt_handle: String,
    /// From now; SQS counts whole seconds, up to twelve hours.
    pub after: Duration,
}

/// An entry of a batch that the queue did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The entry's number.
    pub number: usize,
    /// Whether the same entry will never be taken.
    pub permanent: bool,
    /// What the queue said.
    pub detail: String,
}

/// A batch call that failed as a whole, after the client's own retries.
#[derive(Debug, Error)]
#[error("{call} on {queue_url}")]
pub struct ApiError {
    /// The call, as SQS's documentation names it.
    pub call: &'static str,
    /// The queue.
    pub queue_url: String,
    /// What the client said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The calls; each with at most [`super::MAX_BATCH_ENTRIES`] entries. They answer what was refused, which may be less
/// than was sent.
#[async_trait]
pub trait QueueApi: Send + Sync {
    /// `SendMessageBatch`
    async fn send(&self, queue_url: &str, messages: &[NewMessage]) -> Result<Vec<Refusal>, ApiError>;

    /// `ChangeMessageVisibilityBatch`
    async fn change_visibility(&self, queue_url: &str, entries: &[NewVisibility]) -> Result<Vec<Refusal>, ApiError>;
}

/// SQS itself.
#[derive(Debug, Clone)]
pub struct SqsApi {
    client: Client,
}

impl SqsApi {
    /// Over a client of the queues' own region.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl QueueApi for SqsApi {
    async fn send(&self, queue_url: &str, messages: &[NewMessage]) -> Result<Vec<Refusal>, ApiError> {
        let failed = |source| ApiError { call: "SendMessageBatch", queue_url: queue_url.to_owned(), source };
        let mut request = self.client.send_message_batch().queue_url(queue_url);
        for message in messages {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(message.number.to_string())
                .message_body(&message.body)
                .build()
                .map_err(|error| failed(Box::new(error)))?;
            request = request.entries(entry);
        }
        let answer = request.send().await.map_err(|error| failed(Box::new(error)))?;
        refusals(answer.failed()).map_err(failed)
    }

    async fn change_visibility(&self, queue_url: &str, entries: &[NewVisibility]) -> Result<Vec<Refusal>, ApiError> {
        let failed =
            |source| ApiError { call: "ChangeMessageVisibilityBatch", queue_url: queue_url.to_owned(), source };
        let mut request = self.client.change_message_visibility_batch().queue_url(queue_url);
        for entry in entries {
            let seconds = i32::try_from(entry.after.as_secs()).unwrap_or(i32::MAX);
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(entry.number.to_string())
                .receipt_handle(&entry.receipt_handle)
                .visibility_timeout(seconds)
                .build()
                .map_err(|error| failed(Box::new(error)))?;
            request = request.entries(entry);
        }
        let answer = request.send().await.map_err(|error| failed(Box::new(error)))?;
        refusals(answer.failed()).map_err(failed)
    }
}

/// An id that is none of our numbers is an error of the whole call: the entry it stands for must not pass as taken.
fn refusals(failed: &[BatchResultErrorEntry]) -> Result<Vec<Refusal>, Box<dyn std::error::Error + Send + Sync>> {
    let refusal = |entry: &BatchResultErrorEntry| {
        let number =
            entry.id().parse().map_err(|_| format!("the answer refers to an unknown entry {:?}", entry.id()))?;
        let detail = match entry.message() {
            Some(message) => format!("{}: {message}", entry.code()),
            None => entry.code().to_owned(),
        };
        Ok(Refusal { number, permanent: entry.sender_fault(), detail })
    };
    failed.iter().map(refusal).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn entry(id: &str, message: Option<&str>) -> BatchResultErrorEntry {
        let builder = BatchResultErrorEntry::builder().id(id).sender_fault(true).code("InvalidMessageContents");
        builder.set_message(message.map(str::to_owned)).build().unwrap()
    }

    #[test]
    fn a_refusal_says_which_entry_and_why() {
        let refusals = refusals(&[entry("7", Some("not allowed")), entry("8", None)]).unwrap();
        let detail = "InvalidMessageContents: not allowed".to_owned();
        assert_eq!(refusals[0], Refusal { number: 7, permanent: true, detail });
        assert_eq!(refusals[1].detail, "InvalidMessageContents");
    }

    #[test]
    fn a_refusal_of_nobody_knows_what_is_no_success() {
        assert!(refusals(&[entry("seven", None)]).is_err());
    }
}
