//! What the runs of one invocation came to together: the answer, the log's summary, the metrics.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_engine::EngineError;
use suitecast_engine::replicate::{ReplicateReport, Upload, UploadOutcome};
use suitecast_lambda::failure::{Chain, InvocationError};
use suitecast_lambda::metrics::{Measures, Metric};

/// Failures that an answer names and the log tells one by one; the count tells of the others.
const MAX_FAILURES_NAMED: usize = 100;

/// What a call for a key, a prefix or a recorded event answers.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    /// Uploads looked at.
    pub(crate) uploads: usize,
    /// What became of them: how many were copied, were present already, and so on.
    pub(crate) outcomes: BTreeMap<&'static str, usize>,
    /// Objects copied into the region bucket.
    pub(crate) objects_copied: u64,
    /// Their bytes.
    pub(crate) bytes_copied: u64,
    /// S3 requests made.
    pub(crate) requests: u64,
    /// Suites woken.
    pub(crate) woken: BTreeSet<SuiteName>,
    /// Uploads that failed.
    pub(crate) failed_count: usize,
    /// The first of them.
    pub(crate) failed: Vec<FailedUpload>,
    /// Where a prefix call goes on, by the same call with this `next`; absent where it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
    #[serde(skip)]
    retryable: usize,
}

/// An upload that could not be done.
#[derive(Debug, Serialize)]
pub(crate) struct FailedUpload {
    key: String,
    error: String,
    retryable: bool,
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

impl Answer {
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
        tracing::info!(
            uploads = self.uploads,
            outcomes = ?self.outcomes,
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
            .milliseconds(Metric::RunSeconds, self.duration_ms)
    }
}
