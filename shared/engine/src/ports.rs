//! The ports of the engine, beside the two buckets.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use suitecast_archive::SuiteName;
use suitecast_store::Store;
use thiserror::Error;

/// Everything outside that a run touches.
#[derive(Clone)]
pub struct Ports {
    /// The bucket that receives uploads; only ever read.
    pub master: Arc<dyn Store>,
    /// The Region's own bucket.
    pub region: Arc<dyn Store>,
    /// Where suites are woken.
    pub queue: Arc<dyn SuitesQueue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// "Look at this suite again": the body of a message in the suites queue. It carries no truth, only options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wake {
    /// The suite to look at.
    pub suite: SuiteName,
    /// Accept an older release, and hold the suite there.
    #[serde(default)]
    pub force: bool,
    /// Check everything, whatever the state vouches for.
    #[serde(default)]
    pub full: bool,
    /// How often a run has re-queued itself to go on with this work.
    #[serde(default)]
    pub hops: u32,
}

impl Wake {
    /// A plain wake-up.
    pub fn new(suite: SuiteName) -> Self {
        Self { suite, force: false, full: false, hops: 0 }
    }
}

/// The queue did not take a wake-up. Always worth another try: a wake-up must not be lost.
#[derive(Debug, Error)]
#[error("waking suites {suites}: {detail}")]
pub struct QueueError {
    /// The suites that were not woken, as a person reads them.
    pub suites: String,
    /// What the queue said.
    pub detail: String,
    /// The adapter's own error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The suites queue.
#[async_trait]
pub trait SuitesQueue: Send + Sync {
    /// Sends these wake-ups, each at least once, in any order.
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError>;
}

/// The time, as the ports' only source of it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
