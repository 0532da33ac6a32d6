//! What can stop a run, as opposed to what a run can answer.

use jiff::Timestamp;
use suitecast_store::StoreError;
use thiserror::Error;

use crate::QueueError;

/// A run that could not come to an answer. Nothing that is served was touched, or what was begun is recorded in the
/// suite's intent and the next run goes on from there.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The store failed in a way that is no answer.
    #[error("{doing}")]
    Store {
        /// What was being done, and for which suite or object.
        doing: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// The suites queue failed.
    #[error("{doing}")]
    Queue {
        /// What was being done.
        doing: String,
        /// What the queue said.
        #[source]
        source: QueueError,
    },
    /// Which suites wait for an upload could not be found out, or they could not be woken: the upload's message comes back.
    #[error("{doing}: {detail}")]
    WakeFailed {
        /// What was being done.
        doing: String,
        /// What the store or the queue said.
        detail: String,
    },
    /// Another run got in between more often than this one may try.
    #[error("suite {suite}: lost {attempts} races while {doing}; the message comes back and tries again")]
    Contended {
        /// The suite.
        suite: String,
        /// What was being done.
        doing: &'static str,
        /// How many attempts were lost.
        attempts: u32,
    },
    /// Another run holds the suite and may be dead: nobody can be counted on to look again, so this message comes back.
    #[error(
        "suite {suite}: another run holds it until {until} at the latest and should have let go of it by now; the message comes back by then"
    )]
    Held {
        /// The suite.
        suite: String,
        /// When its lease ends.
        until: Timestamp,
    },
    /// What was asked cannot be done at all.
    #[error("{what}: {rule}")]
    Rejected {
        /// What was asked.
        what: String,
        /// Why not, and what to do next.
        rule: String,
    },
}

impl EngineError {
    /// Whether the same call may come to an answer later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_retryable(),
            Self::Queue { .. } | Self::WakeFailed { .. } | Self::Contended { .. } | Self::Held { .. } => true,
            Self::Rejected { .. } => false,
        }
    }

    /// When what stands in the way is gone at the latest, where that is known: to wait longer is of no use.
    pub fn in_the_way_until(&self) -> Option<Timestamp> {
        match self {
            Self::Held { until, .. } => Some(*until),
            Self::Store { .. }
            | Self::Queue { .. }
            | Self::WakeFailed { .. }
            | Self::Contended { .. }
            | Self::Rejected { .. } => None,
        }
    }
}
