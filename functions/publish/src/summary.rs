//! What a run on one suite leaves in the log and in the metrics: one event, one line.

use suitecast_engine::sweep::SweepReport;
use suitecast_engine::{Authenticity, Outcome, PublishReport};
use suitecast_lambda::metrics::{Measures, Metric};

/// Tells the person on call what a run came to.
pub(crate) fn log(report: &PublishReport) {
    let outcome = serde_json::to_value(report.outcome).unwrap_or_default();
    let signature = serde_json::to_value(report.signature).unwrap_or_default();
    let reason = report.reason.as_deref().unwrap_or_default();
    tracing::info!(
        suite = %report.suite,
        outcome = outcome.as_str(),
        reason,
        signature = signature.as_str(),
        missing_count = report.missing_count,
        waiting_seconds = report.waiting_seconds,
        objects_copied = report.objects_copied,
        bytes_copied = report.bytes_copied,
        requests = report.requests,
        dry_run = report.dry_run,
        duration_ms = report.duration_ms,
        "published as far as can be",
    );
}

/// What a run counts for. A dry run counts for nothing but its requests: it changed nothing.
pub(crate) fn measures(report: &PublishReport) -> Measures {
    let measures = Measures::of_suite(report.suite.as_str()).count(Metric::StoreRequests, report.requests);
    if report.dry_run {
        return measures;
    }
    let measures =
        measures.count(Metric::ObjectsCopied, report.objects_copied).count(Metric::BytesCopied, report.bytes_copied);
    let measures = match report.signature {
        Authenticity::Rejected => measures.count(Metric::SignatureRejected, 1),
        Authenticity::NotChecked if report.outcome == Outcome::Swapped => measures.count(Metric::SwapsNotVerified, 1),
        Authenticity::NotChecked | Authenticity::NotReached | Authenticity::Verified => measures,
    };
    match report.outcome {
        Outcome::Swapped => {
            let measures = measures.count(Metric::SuiteWaitingSeconds, report.waiting_seconds);
            match report.lag_seconds {
                Some(lag) => measures.count(Metric::Swaps, 1).count(Metric::SwapLagSeconds, lag),
                // Committed again after a full look: clients saw this release before.
                None => measures,
            }
        }
        Outcome::Waiting => measures.count(Metric::SuiteWaitingSeconds, report.waiting_seconds),
        Outcome::Refused => measures.count(Metric::Refused, 1),
        Outcome::Withdrawn => measures.count(Metric::Withdrawn, 1),
        Outcome::UpToDate | Outcome::Older | Outcome::Held | Outcome::Absent | Outcome::Busy | Outcome::Continued => {
            measures
        }
    }
}

/// Tells the person on call what a sweep came to.
pub(crate) fn log_sweep(report: &SweepReport) {
    let woken: Vec<String> = report.woken.iter().map(|(suite, reason)| format!("{suite} ({reason})")).collect();
    tracing::info!(
        suites = report.suites,
        woken = woken.join(", "),
        tree_objects_copied = report.tree_objects_copied,
        markers_removed = report.markers_removed,
        requests = report.requests,
        duration_ms = report.duration_ms,
        "swept",
    );
}

/// What a sweep counts for.
pub(crate) fn sweep_measures(report: &SweepReport) -> Measures {
    Measures::of_run()
        .count(Metric::ObjectsCopied, report.tree_objects_copied)
        .count(Metric::StoreRequests, report.requests)
}
