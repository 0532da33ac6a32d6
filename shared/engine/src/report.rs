//! What a run answers: JSON that a person reads and a script uses.

use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_mirror::{Authenticity, Missing, SwapPlan};

/// What a publish run came to. All of them acknowledge the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Clients see the master's release now (a dry run: would see).
    Swapped,
    /// Clients saw it already.
    UpToDate,
    /// Something is not in the master yet; its upload wakes the suite.
    Waiting,
    /// The release breaks a rule; what is served stays.
    Refused,
    /// The master's release is older than the one served; what is served stays.
    Older,
    /// The suite is held at a release after a forced step back.
    Held,
    /// The suite vanished from the master; what is served stays.
    Withdrawn,
    /// There is no such suite.
    Absent,
    /// Another run holds the suite; it was told to look again before it lets go.
    Busy,
    /// The slice ended; the run re-queued itself.
    Continued,
}

impl Outcome {
    /// Whether the run had nothing to do, or left it to another.
    pub(crate) fn is_without_news(self) -> bool {
        matches!(self, Self::UpToDate | Self::Busy)
    }
}

/// The answer of a publish run.
#[derive(Debug, Clone, Serialize)]
pub struct PublishReport {
    /// The suite.
    pub suite: SuiteName,
    /// What it came to.
    pub outcome: Outcome,
    /// Why, where there is more to say than the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What breaks a rule, the first of it, where the outcome is [`Outcome::Refused`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The `Date` of the release that clients see now, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_date: Option<String>,
    /// The `Date` of the master's release, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_date: Option<String>,
    /// How many objects are missing, at least.
    pub missing_count: usize,
    /// The first of them.
    pub missing: Vec<Missing>,
    /// The keys whose upload wakes the suite: whichever of them comes can bring the object that is waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<String>,
    /// Since when the newest release waits, in seconds.
    pub waiting_seconds: u64,
    /// How long before the swap the release was made (its `Date`), in seconds; only where clients see a release that they
    /// did not see before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u64>,
    /// Objects copied by this run.
    pub objects_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Objects that a real run would copy; only for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_copy: Option<u64>,
    /// S3 requests made by this run.
    pub requests: u64,
    /// Whether the release is signed by whom the operator trusts.
    pub signature: Authenticity,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// How long the run took, in milliseconds.
    pub duration_ms: u64,
    /// What was written to swap, or would have been; only for a swap.
    #[serde(skip)]
    pub plan: SwapPlan,
}
