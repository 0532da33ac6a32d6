//! How long a run may work, given when Lambda ends the function.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// Kept back before Lambda's deadline: the operation under way may take its full time, and what was done must still be
/// recorded, logged and answered.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(15);

/// No run is given less than this: it would only take the suite and let go of it again.
pub const SHORTEST_SLICE: Duration = Duration::from_secs(1);

/// A run that overstays its slice is abandoned this long before Lambda's deadline, while there is still time to give its
/// messages back. To the engine that is a crash like any other.
pub const ABANDON_MARGIN: Duration = Duration::from_secs(8);

/// Lambda ends a function after 15 minutes at the latest. A "deadline" that lies no later than that after the epoch is
/// no moment but a duration: `cargo lambda watch` passes 600000.
const LONGEST_INVOCATION_MILLISECONDS: i64 = 900_000;

/// A run did not come to an end before Lambda's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("abandoned after {seconds} s, before Lambda ends the function; it is tried again and goes on where it stopped")]
pub struct DeadlinePassed {
    /// How long it was waited for.
    pub seconds: u64,
}

/// When this invocation ends, whatever it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// Reads Lambda's deadline, in milliseconds since the epoch (or, from `cargo lambda watch`, from now).
    pub fn from_milliseconds(deadline: u64, now: Timestamp) -> Self {
        let given = i64::try_from(deadline).unwrap_or(i64::MAX);
        if given <= LONGEST_INVOCATION_MILLISECONDS {
            let length = SignedDuration::from_millis(given);
            return Self(now.checked_add(length).unwrap_or(Timestamp::MAX));
        }
        Self(Timestamp::from_millisecond(given).unwrap_or(Timestamp::MAX))
    }

    /// What is left to work in: the margin is already taken off.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        self.left(now).saturating_sub(DEADLINE_MARGIN)
    }

    fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.0.duration_since(now)).unwrap_or(Duration::ZERO)
    }

    /// Waits for a run, and abandons it where Lambda is about to end the function: better a message given back in
    /// seconds than one that comes back when its visibility timeout ends.
    ///
    /// # Errors
    /// The run did not come to an end in time.
    pub async fn hold<T>(&self, now: Timestamp, run: impl Future<Output = T>) -> Result<T, DeadlinePassed> {
        let patience = self.left(now).saturating_sub(ABANDON_MARGIN);
        tokio::time::timeout(patience, run).await.map_err(|_| DeadlinePassed { seconds: patience.as_secs() })
    }

    /// The slice for the next of `runs_left` runs that share this invocation: an even share, so that the last message
    /// of a batch gets its turn too, and never more than the operator set.
    pub fn slice(&self, now: Timestamp, configured: Duration, runs_left: usize) -> Duration {
        let shares = u32::try_from(runs_left.max(1)).unwrap_or(u32::MAX);
        let share = self.remaining(now) / shares;
        share.min(configured).max(SHORTEST_SLICE)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const CONFIGURED: Duration = Duration::from_mins(2);

    fn now() -> Timestamp {
        "2026-11-23T01:00:00Z".parse().unwrap()
    }

    fn in_seconds(seconds: u64) -> Deadline {
        let now = u64::try_from(now().as_millisecond()).unwrap();
        Deadline::from_milliseconds(now + seconds * 1000, self::now())
    }

    #[test]
    fn a_run_gets_what_the_operator_set_when_there_is_time() {
        assert_eq!(in_seconds(180).slice(now(), CONFIGURED, 1), CONFIGURED);
    }

    #[test]
    fn a_run_ends_before_lambda_ends_the_function() {
        assert_eq!(in_seconds(60).slice(now(), CONFIGURED, 1), Duration::from_secs(45));
        assert_eq!(in_seconds(3).slice(now(), CONFIGURED, 1), SHORTEST_SLICE);
    }

    #[test]
    fn runs_of_one_batch_share_the_time_evenly() {
        assert_eq!(in_seconds(115).slice(now(), CONFIGURED, 4), Duration::from_secs(25));
        assert_eq!(in_seconds(115).slice(now(), CONFIGURED, 0), Duration::from_secs(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_overstays_is_abandoned_while_messages_can_still_be_given_back() {
        let started = tokio::time::Instant::now();
        let abandoned = in_seconds(60).hold(now(), std::future::pending::<()>()).await;
        assert_eq!(abandoned, Err(DeadlinePassed { seconds: 52 }));
        assert_eq!(started.elapsed(), Duration::from_secs(52));
        assert_eq!(in_seconds(60).hold(now(), std::future::ready(7)).await, Ok(7));
    }

    #[test]
    fn a_relative_deadline_counts_from_now() {
        let deadline = Deadline::from_milliseconds(600_000, now());
        assert_eq!(deadline.remaining(now()), Duration::from_secs(585));
    }

    #[test]
    fn an_absurd_deadline_is_no_reason_to_stop() {
        assert!(Deadline::from_milliseconds(u64::MAX, now()).remaining(now()) > CONFIGURED);
    }
}
