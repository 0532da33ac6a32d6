//! The answer to a batch of queue messages: which are done, which come again, and when.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use jiff::Timestamp;

use crate::envelope::Delivery;
use crate::failure::InvocationError;
use crate::queue::{MessageReturn, MessageReturns};

/// Pause before a message that failed for the first time comes again.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Each further pause is this many times the one before it.
pub const PAUSE_FACTOR: u32 = 3;

/// Longest pause: a store that was away for hours is noticed within this once it is back.
pub const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// Pause before a message that no further try will mend comes again: long enough for a permission or a setting that is
/// just being corrected, short enough that the DLQ, and its alarm, has it within minutes.
pub const PERMANENT_PAUSE: Duration = Duration::from_secs(30);

/// Added to the time that another run is in the way at most: pauses are whole seconds, and the message that comes when
/// the way is free must find it free.
pub const BEYOND_WAY: Duration = Duration::from_secs(1);

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done: the queue forgets it. An answer such as `waiting` or `refused` is done, too.
    Done,
    /// Failed for a passing reason: it comes again after a pause that grows with each delivery.
    Retryable,
    /// Found another run in the way, for so long at most: it comes again as after a failure, and not later than that.
    InTheWay(Duration),
    /// Failed, and the same call will fail again: it comes again for a while, then reaches the DLQ.
    Permanent,
    /// Cannot be decoded, now or ever: it comes again at once, so that it reaches the DLQ, and a person, soon.
    Undecodable,
}

impl Outcome {
    /// Of a failure.
    pub fn of_failure(is_retryable: bool) -> Self {
        if is_retryable { Self::Retryable } else { Self::Permanent }
    }

    /// Of a run that failed, as it is at this moment.
    pub fn of_run(error: &InvocationError, now: Timestamp) -> Self {
        match error.in_the_way_until() {
            Some(until) => Self::InTheWay(Duration::try_from(until.duration_since(now)).unwrap_or_default()),
            None => Self::of_failure(error.is_retryable()),
        }
    }
}

/// The pause before a message comes again, by how often it was delivered so far.
pub fn pause_after(receive_count: u32) -> Duration {
    let mut pause = FIRST_PAUSE;
    for _ in 1..receive_count {
        if pause >= LONGEST_PAUSE {
            break;
        }
        pause *= PAUSE_FACTOR;
    }
    pause.min(LONGEST_PAUSE)
}

/// Gives back what failed and writes the batch's answer.
pub async fn settle(outcomes: &[(Delivery, Outcome)], returns: &dyn MessageReturns) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut given_back = Vec::new();
    for (delivery, outcome) in outcomes {
        let after = match outcome {
            Outcome::Done => continue,
            Outcome::Retryable => pause_after(delivery.receive_count),
            Outcome::InTheWay(longest) => pause_after(delivery.receive_count).min(*longest + BEYOND_WAY),
            Outcome::Permanent => PERMANENT_PAUSE,
            Outcome::Undecodable => Duration::ZERO,
        };
        response.add_failure(&delivery.id);
        if let Some(receipt_handle) = delivery.receipt_handle.clone() {
            given_back.push(MessageReturn { receipt_handle, after });
        }
    }
    if !given_back.is_empty()
        && let Err(error) = returns.give_back(&given_back).await
    {
        tracing::warn!(%error, "failed messages come back late");
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::queue::ReturnError;

    #[derive(Default)]
    struct Returns {
        given_back: Mutex<Vec<MessageReturn>>,
        broken: bool,
    }

    #[async_trait]
    impl MessageReturns for Returns {
        async fn give_back(&self, messages: &[MessageReturn]) -> Result<(), ReturnError> {
            if self.broken {
                return Err(ReturnError { count: messages.len(), detail: "the network is down".to_owned() });
            }
            self.given_back.lock().unwrap().extend_from_slice(messages);
            Ok(())
        }
    }

    fn delivery(id: &str, receive_count: u32) -> Delivery {
        Delivery { id: id.to_owned(), receipt_handle: Some(format!("handle-{id}")), receive_count }
    }

    #[tokio::test]
    async fn only_what_failed_comes_again_and_in_seconds() {
        let returns = Returns::default();
        let outcomes = [
            (delivery("done", 1), Outcome::Done),
            (delivery("first", 1), Outcome::Retryable),
            (delivery("third", 3), Outcome::Retryable),
            (delivery("denied", 3), Outcome::Permanent),
            (delivery("odd", 1), Outcome::Undecodable),
        ];
        let response = settle(&outcomes, &returns).await;
        assert_eq!(
            serde_json::to_value(response).unwrap(),
            json!({"batchItemFailures": [
                {"itemIdentifier": "first"}, {"itemIdentifier": "third"}, {"itemIdentifier": "denied"},
                {"itemIdentifier": "odd"}
            ]})
        );
        let given_back = returns.given_back.lock().unwrap();
        let seconds: Vec<_> =
            given_back.iter().map(|back| (back.receipt_handle.as_str(), back.after.as_secs())).collect();
        assert_eq!(seconds, [("handle-first", 5), ("handle-third", 45), ("handle-denied", 30), ("handle-odd", 0)]);
    }

    #[tokio::test]
    async fn who_finds_another_in_the_way_comes_again_when_that_one_is_gone_at_the_latest() {
        let returns = Returns::default();
        let in_the_way = Outcome::InTheWay(Duration::from_mins(1));
        let outcomes = [1, 3, 5].map(|receive_count| (delivery("held", receive_count), in_the_way));
        settle(&outcomes, &returns).await;
        let given_back = returns.given_back.lock().unwrap();
        let seconds: Vec<_> = given_back.iter().map(|back| back.after.as_secs()).collect();
        assert_eq!(seconds, [5, 45, 61], "soon at first, and never long after the way is free");
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_given_back_early_is_still_reported_as_failed() {
        let returns = Returns { broken: true, ..Returns::default() };
        let mut without_handle = delivery("b", 1);
        without_handle.receipt_handle = None;
        let outcomes = [(delivery("a", 1), Outcome::Retryable), (without_handle, Outcome::Retryable)];
        assert_eq!(settle(&outcomes, &returns).await.batch_item_failures.len(), 2);
    }

    #[test]
    fn pauses_grow_up_to_a_quarter_of_an_hour() {
        let pauses: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|count| pause_after(count).as_secs()).to_vec();
        assert_eq!(pauses, [5, 5, 15, 45, 135, 405, 900, 900, 900]);
    }
}
