//! What the runs of one invocation came to together: for the caller, the log and the metrics.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_engine::EngineError;
use suitecast_engine::replicate::{ReplicateReport, Upload, UploadOutcome};
use suitecast_lambda::failure::{Chain, InvocationError};
use suitecast_lambda::metrics::{Measures, Metric};

/// Failures that an answer names and the log tells one by one; the count tells of the others.
const MAX_FAILURES_NAMED: usize = 100;

/// What became of uploads: the answer to a recorded event, or to a call for a key or a prefix.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Uploads looked at.
    pub uploads: usize,
    /// What became of them: how many were copied, were present already, and so on.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Objects copied into the region bucket.
    pub objects_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// S3 requests made.
    pub requests: u64,
    /// Suites woken.
    pub woken: BTreeSet<SuiteName>,
    /// Uploads that failed.
    pub failed_count: usize,
    /// The first of them.
    pub failed: Vec<FailedUpload>,
    /// Where a prefix call goes on, by the same call with this `next`; absent where it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    #[serde(skip)]
    retryable: usize,
}

/// An upload that could not be done.
#[derive(Debug, Serialize)]
pub struct FailedUpload {
    /// Its key.
    pub key: String,
    /// Why, with all causes.
    pub error: String,
    /// Whether a further try may do it.
    pub retryable: bool,
}

/// An outcome as the answer and the log spell it.
fn name(outcome: UploadOutcome) -> &'static str {
    match outcome {
        UploadOutcome::Copied => "copied",
        UploadOutcome::Present => "present",
        UploadOutcome::Vanished => "vanished",
        UploadOutcome::LeftToPublish => "left_to_publish",
        UploadOutcome::WokeSuite => "woke_suite",
        UploadOutcome::Ignored => "ignored",
    }
}

impl Summary {
    /// Adds a run; tells the log of each failure.
    pub(crate) fn add(&mut self, uploads: &[Upload], report: &ReplicateReport) {
        self.uploads += uploads.len();
        self.objects_copied += report.objects_copied;
        self.bytes_copied += report.bytes_copied;
        self.requests += report.requests;
        self.woken.extend(report.woken.iter().cloned());
        for (upload, result) in uploads.iter().zip(&report.uploads) {
            match result {
                Ok(outcome) => *self.outcomes.entry(name(*outcome)).or_default() += 1,
                Err(error) => self.add_failure(&upload.key, error),
            }
        }
    }

    fn add_failure(&mut self, key: &str, error: &EngineError) {
        let retryable = error.is_retryable();
        self.failed_count += 1;
        self.retryable += usize::from(retryable);
        if self.failed.len() >= MAX_FAILURES_NAMED {
            return;
        }
        let told = Chain(error).to_string();
        if retryable {
            tracing::warn!(key, error = told, "an upload was not copied; it is tried again");
        } else {
            tracing::error!(key, error = told, "an upload was not copied, and trying again will not help");
        }
        self.failed.push(FailedUpload { key: key.to_owned(), error: told, retryable });
    }

    /// Whether a further try may do what failed.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        self.retryable > 0
    }

    /// The failure of an invocation that nobody's queue repeats, if anything failed.
    pub(crate) fn failure(&self) -> Option<InvocationError> {
        let first = self.failed.first()?;
        Some(InvocationError::Uploads {
            failed: self.failed_count,
            total: self.uploads,
            first: first.error.clone(),
            retryable: self.retryable > 0,
        })
    }

    /// Tells the person on call what came of it all.
    pub(crate) fn log(&self) {
        let woken: Vec<&str> = self.woken.iter().map(SuiteName::as_str).collect();
        let outcomes: Vec<String> = self.outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
        tracing::info!(
            uploads = self.uploads,
            outcomes = outcomes.join(", "),
            objects_copied = self.objects_copied,
            bytes_copied = self.bytes_copied,
            requests = self.requests,
            woken = woken.join(", "),
            failed_count = self.failed_count,
            duration_ms = self.duration_ms,
            "replicated",
        );
    }

    /// What it counts for.
    pub(crate) fn measures(&self) -> Measures {
        let permanent = self.failed_count - self.retryable;
        Measures::of_run()
            .count(Metric::ObjectsCopied, self.objects_copied)
            .count(Metric::BytesCopied, self.bytes_copied)
            .count(Metric::StoreRequests, self.requests)
            .count_if_any(Metric::RetryableFailures, self.retryable as u64)
            .count_if_any(Metric::PermanentFailures, permanent as u64)
    }
}
