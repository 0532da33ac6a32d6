//! What a push says at its end.

use indicatif::DecimalBytes;
use serde::Serialize;

use super::compare::Comparison;
use super::plan::{Item, Reason};
use super::survey::Problem;

/// Problems that are told one by one; the rest is counted.
pub(crate) const MAX_TOLD: usize = 100;

/// The result, as `--json` has it.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    /// Where to.
    pub(crate) destination: String,
    /// Whether nothing was to be written.
    pub(crate) dry_run: bool,
    /// How the program ends.
    pub(crate) exit: u8,
    /// The suites of the tree that were sent.
    pub(crate) suites: Vec<String>,
    /// Files that were sent.
    pub(crate) sent: u64,
    /// Their bytes.
    pub(crate) sent_bytes: u64,
    /// Files that the bucket held already.
    pub(crate) unchanged: u64,
    /// Objects that S3 was asked about one by one.
    pub(crate) asked: u64,
    /// Files that were read only to be compared.
    pub(crate) read: u64,
    /// Objects that were deleted.
    pub(crate) deleted: u64,
    /// When the bucket was listed last.
    pub(crate) listed_at: String,
    /// Whether that was by this push; else what it holds is what earlier pushes left there.
    pub(crate) is_listed: bool,
    /// What keeps the tree from being complete.
    pub(crate) problem_count: u64,
    /// The first of it.
    pub(crate) problems: Vec<&'a Problem>,
    /// Dry run: what would be sent, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) would_send: Vec<WouldSend>,
    /// Dry run: what would be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) would_delete: Vec<String>,
    /// How long sending took.
    pub(crate) seconds: f64,
}

/// A file that would be sent.
#[derive(Debug, Serialize)]
pub(crate) struct WouldSend {
    key: String,
    size: u64,
    reason: Reason,
}

impl WouldSend {
    pub(crate) fn of(item: &Item, reason: Reason) -> Self {
        Self { key: item.key.clone(), size: item.size, reason }
    }
}

impl Report<'_> {
    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{}: {} sent ({}), {} unchanged, {} deleted, {:.1} s{}",
            self.destination,
            self.sent,
            DecimalBytes(self.sent_bytes),
            self.unchanged,
            self.deleted,
            self.seconds,
            self.by_what()
        )
    }

    /// The same of a dry run.
    pub(crate) fn dry_summary(&self, comparison: &Comparison) -> String {
        let bytes = comparison.to_send.iter().map(|(item, _)| item.size).sum();
        format!(
            "{}: {} would be sent ({}), {} unchanged, {} would be deleted{}",
            self.destination,
            comparison.to_send.len(),
            DecimalBytes(bytes),
            self.unchanged,
            self.would_delete.len(),
            self.by_what()
        )
    }

    /// Whoever changed an object by hand must see that it was not looked at.
    fn by_what(&self) -> String {
        if self.is_listed {
            return String::new();
        }
        format!(" (as earlier pushes left the bucket, listed last at {}; --list looks at every object)", self.listed_at)
    }
}

/// Why a file is sent, for people.
pub(crate) fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Absent => "new",
        Reason::Size => "another size",
        Reason::Content => "other bytes",
        Reason::Unknown => "nobody knows what is there",
    }
}
