//! What a look leaves in the log and in the metrics: one event, one line.

use jiff::Timestamp;
use suitecast_lambda::config::{ConfigError, variable};
use suitecast_lambda::logs;
use suitecast_lambda::metrics::{Measures, Metric, Metrics};

use crate::handler::{Answer, Outcome};

/// Tells the person on call what a look came to.
pub(crate) fn log(answer: &Answer) {
    let outcome = serde_json::to_value(answer.outcome).unwrap_or_default();
    let difference = answer.difference.clone().unwrap_or_default();
    tracing::info!(
        outcome = outcome.as_str(),
        reason = answer.reason.as_deref().unwrap_or_default(),
        readers = answer.readers,
        sync_token = answer.sync_token,
        policy_bytes = answer.policy_bytes,
        prefixes_admitted = difference.admitted.prefixes(),
        prefixes_locked_out = difference.locked_out.prefixes(),
        statements_added = ?difference.statements_added,
        statements_removed = ?difference.statements_removed,
        dry_run = answer.dry_run,
        duration_ms = answer.duration_ms,
        "who may read was looked at",
    );
}

/// What a look counts for. A dry run counts for nothing: it changed nothing. That nothing was refused is counted too, since the
/// alarm stands until a look says so.
pub(crate) fn measures(answer: &Answer) -> Measures {
    let measures = Measures::of_run();
    if answer.dry_run {
        return measures;
    }
    match answer.outcome {
        Outcome::Applied => in_step(measures).count(Metric::AccessApplied, 1),
        Outcome::InStep => in_step(measures),
        Outcome::WouldApply | Outcome::Superseded | Outcome::Refused => measures,
    }
}

fn in_step(measures: Measures) -> Measures {
    measures.count(Metric::AccessInStep, 1).count(Metric::AccessRefused, 0)
}

/// Tells why access cannot start, in the log and in the metric that its alarm is raised by: with a host name that is no
/// bucket name, say, nobody would otherwise hear of the policy that no longer follows.
pub fn cannot_start(error: &ConfigError, lookup: impl Fn(&str) -> Option<String>, now: Timestamp) {
    logs::cannot_start(error);
    let or = |name, default: &str| lookup(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned());
    let metrics =
        Metrics::on_standard_output(&or(variable::METRICS_NAMESPACE, "Suitecast"), &or(variable::REGION, "unknown"));
    metrics.write(now, &Measures::of_run().count(Metric::AccessRefused, 1));
}
