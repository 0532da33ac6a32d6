//! How a failure is told, once, at the edge: to the log, and to whoever invoked the function.

use std::error::Error;
use std::fmt;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use suitecast_engine::EngineError;
use thiserror::Error;

use crate::deadline::DeadlinePassed;
use crate::envelope::EnvelopeError;
use crate::keyring::KeyringUnavailable;
use crate::metrics::{Measures, Metric, Metrics};

/// An error with all its causes, as one line: `copying pool/a.deb: copy s3://…: SlowDown`.
pub struct Chain<'error>(pub &'error (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Why an invocation as a whole has no answer. A queue's messages fail one by one instead, in the batch's answer.
#[derive(Debug, Error)]
pub enum InvocationError {
    /// The event is none that this function takes.
    #[error("the event cannot be taken")]
    Input {
        /// What was found and what was expected.
        #[source]
        source: EnvelopeError,
    },
    /// The engine came to no answer.
    #[error("{doing}")]
    Engine {
        /// What was asked for.
        doing: String,
        /// What stopped it.
        #[source]
        source: Box<EngineError>,
    },
    /// There is no keyring to verify with.
    #[error("{doing}")]
    Keyring {
        /// What was asked for.
        doing: String,
        /// What is wrong with the keyring.
        #[source]
        source: KeyringUnavailable,
    },
    /// Lambda was about to end the function.
    #[error("{doing}")]
    Deadline {
        /// What was asked for.
        doing: String,
        /// How long it was waited for.
        #[source]
        source: DeadlinePassed,
    },
    /// A function's own work, which is not the engine's, came to no answer.
    #[error("{doing}")]
    Work {
        /// What was asked for.
        doing: String,
        /// What stopped it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
        /// Whether the same call may come to an answer later with nobody changing anything.
        retryable: bool,
    },
    /// Some uploads of an event that did not come from a queue failed: the invoker must see it, and S3 or SNS, which
    /// invoke asynchronously, try again.
    #[error("{failed} of {total} uploads failed; first: {first}")]
    Uploads {
        /// How many failed.
        failed: usize,
        /// How many there were.
        total: usize,
        /// The first failure, with its causes.
        first: String,
        /// Whether any of them may succeed with nobody changing anything.
        retryable: bool,
    },
}

impl InvocationError {
    /// An event that cannot be taken; tells the log.
    pub fn input(source: EnvelopeError) -> Self {
        tracing::error!(error = %source, "the event cannot be taken");
        Self::Input { source }
    }

    /// Whether the same call may come to an answer later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Engine { source, .. } => source.is_retryable(),
            Self::Keyring { source, .. } => source.is_retryable(),
            Self::Work { retryable, .. } | Self::Uploads { retryable, .. } => *retryable,
            Self::Deadline { .. } => true,
            Self::Input { .. } => false,
        }
    }

    /// When what stands in the way is gone at the latest, where that is known.
    pub fn in_the_way_until(&self) -> Option<Timestamp> {
        match self {
            Self::Engine { source, .. } => source.in_the_way_until(),
            _ => None,
        }
    }

    /// The name that `aws lambda invoke` shows as `errorType`: what to do next depends on it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "InputError",
            _ if self.is_retryable() => "RetryableError",
            _ => "PermanentError",
        }
    }
}

/// Tells the log and the metrics of a failure, and gives it back.
pub fn told(error: InvocationError, metrics: &Metrics, now: Timestamp) -> InvocationError {
    if error.is_retryable() {
        tracing::warn!(error = %Chain(&error), "a run failed and may be tried again");
        metrics.write(now, &Measures::of_run().count(Metric::RetryableFailures, 1));
    } else {
        tracing::error!(error = %Chain(&error), "a run failed, and trying again will not help");
        metrics.write(now, &Measures::of_run().count(Metric::PermanentFailures, 1));
    }
    error
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: error.kind().to_owned(), error_message: Chain(&error).to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_invoker_reads_the_whole_chain_and_whether_to_try_again() {
        let source = EngineError::Contended { suite: "dists/sid".into(), doing: "taking the suite", attempts: 3 };
        let error = InvocationError::Engine { doing: "publishing dists/sid".into(), source: Box::new(source) };
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "RetryableError");
        assert!(diagnostic.error_message.starts_with("publishing dists/sid: suite dists/sid: lost 3 races"));
    }

    #[test]
    fn what_no_second_try_can_mend_is_called_permanent() {
        let source = EngineError::Rejected { what: "suite \"x\"".into(), rule: "lies in no archive".into() };
        assert_eq!(
            InvocationError::Engine { doing: "publishing x".into(), source: Box::new(source) }.kind(),
            "PermanentError"
        );
        let uploads = |retryable| InvocationError::Uploads { failed: 1, total: 2, first: "a".into(), retryable };
        assert_eq!(uploads(false).kind(), "PermanentError");
        assert_eq!(uploads(true).kind(), "RetryableError");
    }
}
