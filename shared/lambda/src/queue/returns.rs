//! Giving messages back so that they are delivered again soon.
//!
//! A failed message would come back only when the queue's visibility timeout ends, which is as long as a run may take and
//! more. Changing this delivery's visibility brings it back in seconds; where that fails, it comes back all the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{MAX_BATCH_ENTRIES, NewVisibility, QueueApi};
use crate::failure::Chain;

/// A message to be delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageReturn {
    /// The delivery's handle.
    pub receipt_handle: String,
    /// From now.
    pub after: Duration,
}

/// Messages that could not be given back early; they come back when the queue's visibility timeout ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{count} messages come back only when the queue's visibility timeout ends: {detail}")]
pub struct ReturnError {
    /// How many.
    pub count: usize,
    /// What the queue said last.
    pub detail: String,
}

/// The queue that messages are given back to.
#[async_trait]
pub trait MessageReturns: Send + Sync {
    /// Has each of these delivered again after its own time.
    async fn give_back(&self, messages: &[MessageReturn]) -> Result<(), ReturnError>;
}

/// The same, on SQS.
pub struct SqsMessageReturns {
    api: Arc<dyn QueueApi>,
    queue_url: String,
}

impl SqsMessageReturns {
    /// The queue at a URL: the one that the messages came from.
    pub fn new(api: Arc<dyn QueueApi>, queue_url: &str) -> Self {
        Self { api, queue_url: queue_url.to_owned() }
    }
}

#[async_trait]
impl MessageReturns for SqsMessageReturns {
    async fn give_back(&self, messages: &[MessageReturn]) -> Result<(), ReturnError> {
        let mut failed: Option<ReturnError> = None;
        for batch in messages.chunks(MAX_BATCH_ENTRIES) {
            let entries: Vec<NewVisibility> = batch
                .iter()
                .enumerate()
                .map(|(number, message)| NewVisibility {
                    number,
                    receipt_handle: message.receipt_handle.clone(),
                    after: message.after,
                })
                .collect();
            let (count, detail) = match self.api.change_visibility(&self.queue_url, &entries).await {
                Ok(refusals) => match refusals.last() {
                    Some(last) => (refusals.len(), last.detail.clone()),
                    None => continue,
                },
                Err(error) => (entries.len(), Chain(&error).to_string()),
            };
            let before = failed.map_or(0, |error| error.count);
            failed = Some(ReturnError { count: before + count, detail });
        }
        failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Mutex;

    use super::super::{ApiError, NewMessage, Refusal};
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/1/uploads";

    /// A queue that refuses the handle `expired` and fails any batch holding `down`.
    #[derive(Default)]
    struct Queue {
        changed: Mutex<Vec<(String, u64)>>,
    }

    #[async_trait]
    impl QueueApi for Queue {
        async fn send(&self, _: &str, _: &[NewMessage]) -> Result<Vec<Refusal>, ApiError> {
            panic!("giving messages back sends none");
        }

        async fn change_visibility(&self, url: &str, entries: &[NewVisibility]) -> Result<Vec<Refusal>, ApiError> {
            assert_eq!(url, URL);
            assert!(entries.len() <= MAX_BATCH_ENTRIES);
            if entries.iter().any(|entry| entry.receipt_handle == "down") {
                let call = "ChangeMessageVisibilityBatch";
                return Err(ApiError { call, queue_url: url.to_owned(), source: "the network is down".into() });
            }
            let (refused, taken): (Vec<_>, Vec<_>) =
                entries.iter().partition(|entry| entry.receipt_handle == "expired");
            self.changed
                .lock()
                .unwrap()
                .extend(taken.iter().map(|entry| (entry.receipt_handle.clone(), entry.after.as_secs())));
            let detail = "ReceiptHandleIsInvalid".to_owned();
            Ok(refused
                .iter()
                .map(|entry| Refusal { number: entry.number, permanent: true, detail: detail.clone() })
                .collect())
        }
    }

    fn returns(handles: &[&str]) -> Vec<MessageReturn> {
        let message = |handle: &&str| MessageReturn {
            receipt_handle: (*handle).to_owned(),
            after: Duration::from_secs(handle.len() as u64),
        };
        handles.iter().map(message).collect()
    }

    #[tokio::test]
    async fn each_message_comes_back_after_its_own_time() {
        let queue = Arc::new(Queue::default());
        let handles = ["a", "bb", "ccc", "a", "a", "a", "a", "a", "a", "a", "dddd"];
        SqsMessageReturns::new(queue.clone(), URL).give_back(&returns(&handles)).await.unwrap();
        let changed = queue.changed.lock().unwrap();
        assert_eq!(changed.len(), 11);
        assert_eq!(changed[2], ("ccc".to_owned(), 3));
        assert_eq!(changed[10], ("dddd".to_owned(), 4));
    }

    #[tokio::test]
    async fn what_cannot_be_given_back_is_counted_and_keeps_nothing_else_back() {
        let queue = Arc::new(Queue::default());
        let handles = ["expired", "a", "a", "a", "a", "a", "a", "a", "a", "a", "down", "a"];
        let error = SqsMessageReturns::new(queue.clone(), URL).give_back(&returns(&handles)).await.unwrap_err();
        assert_eq!(error.count, 3);
        assert!(error.detail.contains("the network is down"), "{error}");
        assert_eq!(queue.changed.lock().unwrap().len(), 9);
    }
}
