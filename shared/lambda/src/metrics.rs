//! Metrics without a network call: one line of `CloudWatch`'s embedded metric format on standard output.
//!
//! Each line is a log event too, so the numbers can be found beside the summary of the run they belong to. Metrics never
//! fail a run: a line that cannot be written is told to the log and forgotten.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

/// Longest value of a dimension, in bytes: `CloudWatch`'s own limit.
pub const MAX_DIMENSION_BYTES: usize = 1024;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// How long a suite has been waiting for files that are not in the master yet; 0 once it was swapped.
    SuiteWaitingSeconds,
    /// Releases made the one that clients see.
    Swaps,
    /// Runs that refused a release.
    Refused,
    /// Runs that found a release not signed by a key of the keyring, or by one that no longer counts.
    SignatureRejected,
    /// Releases made live while no keyring was set: nobody verified their signatures.
    SwapsNotVerified,
    /// Runs that found a suite gone from the master, and kept serving it.
    Withdrawn,
    /// Objects copied into the region bucket.
    ObjectsCopied,
    /// Their bytes.
    BytesCopied,
    /// Requests made to S3, successful or not.
    StoreRequests,
    /// From the upload to the end of the run that copied it; of a batch, the longest.
    ReplicationLagSeconds,
    /// From the `Date` of a release to its swap.
    SwapLagSeconds,
    /// Messages and calls that failed and are tried again.
    RetryableFailures,
    /// Messages and calls that failed and that no further try will mend.
    PermanentFailures,
    /// Messages that could not be decoded.
    UndecodableMessages,
    /// Policies of readers that were put in place of the one that stood.
    AccessApplied,
    /// Runs that found the policy of readers in step with Amazon's list and the operator's, or brought it there.
    AccessInStep,
    /// Runs that left the policy of readers as it stood, for a reason that no further try will mend.
    AccessRefused,
}

impl Metric {
    /// Its name in `CloudWatch`; alarms refer to it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SuiteWaitingSeconds => "SuiteWaitingSeconds",
            Self::Swaps => "Swaps",
            Self::Refused => "Refused",
            Self::SignatureRejected => "SignatureRejected",
            Self::SwapsNotVerified => "SwapsNotVerified",
            Self::Withdrawn => "Withdrawn",
            Self::ObjectsCopied => "ObjectsCopied",
            Self::BytesCopied => "BytesCopied",
            Self::StoreRequests => "StoreRequests",
            Self::ReplicationLagSeconds => "ReplicationLagSeconds",
            Self::SwapLagSeconds => "SwapLagSeconds",
            Self::RetryableFailures => "RetryableFailures",
            Self::PermanentFailures => "PermanentFailures",
            Self::UndecodableMessages => "UndecodableMessages",
            Self::AccessApplied => "AccessApplied",
            Self::AccessInStep => "AccessInStep",
            Self::AccessRefused => "AccessRefused",
        }
    }

    /// Whether it is kept for each suite as well as for the Region. `CloudWatch` bills each name with each suite, so only
    /// what an operator asks of one suite is, and only where it is news.
    fn is_kept_by_suite(self) -> bool {
        matches!(
            self,
            Self::SuiteWaitingSeconds | Self::Swaps | Self::Refused | Self::SignatureRejected | Self::Withdrawn
        )
    }

    fn unit(self) -> &'static str {
        match self {
            Self::SuiteWaitingSeconds | Self::ReplicationLagSeconds | Self::SwapLagSeconds => "Seconds",
            Self::BytesCopied => "Bytes",
            Self::Swaps
            | Self::Refused
            | Self::SignatureRejected
            | Self::SwapsNotVerified
            | Self::Withdrawn
            | Self::ObjectsCopied
            | Self::StoreRequests
            | Self::RetryableFailures
            | Self::PermanentFailures
            | Self::UndecodableMessages
            | Self::AccessApplied
            | Self::AccessInStep
            | Self::AccessRefused => "Count",
        }
    }
}

/// What is measured together, in one line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    suite: Option<String>,
    values: Vec<(Metric, Number)>,
}

impl Measures {
    /// Of a run that is about no suite in particular.
    pub fn of_run() -> Self {
        Self::default()
    }

    /// Of a run about one suite: some metrics are kept by suite as well as for the Region as a whole.
    pub fn of_suite(suite: &str) -> Self {
        Self { suite: Some(suite.to_owned()), values: Vec::new() }
    }

    /// Adds a count, in the metric's own unit.
    #[must_use]
    pub fn count(mut self, metric: Metric, value: u64) -> Self {
        self.values.push((metric, Number::from(value)));
        self
    }

    /// Adds a time; what is no number of seconds (infinite, not a number) is left out.
    #[must_use]
    pub fn seconds(mut self, metric: Metric, seconds: f64) -> Self {
        self.values.extend(Number::from_f64(seconds).map(|value| (metric, value)));
        self
    }

    /// Adds a count unless it is nothing: for failures, whose absence is the normal case.
    #[must_use]
    pub fn count_if_any(self, metric: Metric, value: u64) -> Self {
        if value == 0 { self } else { self.count(metric, value) }
    }
}

/// Where metrics are written.
pub struct Metrics {
    namespace: String,
    region: String,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl Metrics {
    /// On standard output, where Lambda's logs pick them up.
    pub fn on_standard_output(namespace: &str, region: &str) -> Self {
        Self::written_to(Box::new(std::io::stdout()), namespace, region)
    }

    /// On a writer of the caller's.
    pub fn written_to(writer: Box<dyn Write + Send>, namespace: &str, region: &str) -> Self {
        Self { namespace: namespace.to_owned(), region: region.to_owned(), writer: Mutex::new(writer) }
    }

    /// Writes one line; nothing where nothing was measured.
    pub fn write(&self, now: Timestamp, measures: &Measures) {
        if measures.values.is_empty() {
            return;
        }
        let mut line = self.line(now, measures).to_string();
        line.push('\n');
        // One call for the whole line, so that a log line of another task cannot come in between.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.write_all(line.as_bytes()).and_then(|()| writer.flush()) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }

    fn line(&self, now: Timestamp, measures: &Measures) -> Value {
        // CloudWatch takes only ASCII, and not nothing, for a dimension's value; such a suite is counted by Region alone.
        let suite = measures
            .suite
            .as_deref()
            .filter(|suite| !suite.is_empty() && suite.len() <= MAX_DIMENSION_BYTES && suite.is_ascii());
        let names = |kept: fn(Metric) -> bool| -> Vec<Value> {
            let metrics = measures.values.iter().map(|(metric, _)| *metric).filter(|metric| kept(*metric));
            metrics.map(|metric| json!({"Name": metric.name(), "Unit": metric.unit()})).collect()
        };
        let by_suite = if suite.is_some() { names(Metric::is_kept_by_suite) } else { Vec::new() };
        let mut directives =
            vec![json!({"Namespace": self.namespace, "Dimensions": [["Region"]], "Metrics": names(|_| true)})];
        if !by_suite.is_empty() {
            directives
                .push(json!({"Namespace": self.namespace, "Dimensions": [["Region", "Suite"]], "Metrics": by_suite}));
        }
        let mut line = Map::new();
        let about = json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": directives});
        line.insert("_aws".to_owned(), about);
        line.insert("Region".to_owned(), json!(self.region));
        if let Some(suite) = suite {
            line.insert("Suite".to_owned(), json!(suite));
        }
        for (metric, value) in &measures.values {
            line.insert(metric.name().to_owned(), Value::Number(value.clone()));
        }
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::io;

    use suitecast_testing::MetricsPage;

    use super::*;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(measures: &Measures) -> String {
        let page = MetricsPage::default();
        let metrics = Metrics::written_to(Box::new(page.clone()), "Suitecast", "eu-west-1");
        metrics.write(Timestamp::from_millisecond(1_700_000_000_123).unwrap(), measures);
        page.text()
    }

    #[test]
    fn what_is_asked_of_one_suite_is_kept_by_suite_and_all_of_it_by_region() {
        let measures = Measures::of_suite("dists/bookworm")
            .seconds(Metric::SuiteWaitingSeconds, 12.5)
            .count(Metric::BytesCopied, 10_000_000_000);
        let line = written(&measures);
        assert!(line.ends_with('\n') && line.trim_end().lines().count() == 1, "{line:?}");
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_123_i64,
                    "CloudWatchMetrics": [
                        {
                            "Namespace": "Suitecast",
                            "Dimensions": [["Region"]],
                            "Metrics": [
                                {"Name": "SuiteWaitingSeconds", "Unit": "Seconds"},
                                {"Name": "BytesCopied", "Unit": "Bytes"}
                            ]
                        },
                        {
                            "Namespace": "Suitecast",
                            "Dimensions": [["Region", "Suite"]],
                            "Metrics": [{"Name": "SuiteWaitingSeconds", "Unit": "Seconds"}]
                        }
                    ]
                },
                "Region": "eu-west-1",
                "Suite": "dists/bookworm",
                "SuiteWaitingSeconds": 12.5,
                "BytesCopied": 10_000_000_000_u64
            })
        );
    }

    #[test]
    fn a_runs_metrics_are_kept_by_region_alone() {
        let line: Value = serde_json::from_str(&written(&Measures::of_run().count(Metric::ObjectsCopied, 0))).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Region"]]));
        assert_eq!(line["ObjectsCopied"], 0);
        assert_eq!(line.get("Suite"), None);
    }

    #[test]
    fn a_suite_that_cloudwatch_would_not_take_still_counts_for_the_region() {
        for name in ["", "dists/é", &"d".repeat(1025)] {
            let line: Value =
                serde_json::from_str(&written(&Measures::of_suite(name).count(Metric::Swaps, 1))).unwrap();
            let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
            assert_eq!(directives.len(), 1, "{name:?}");
            assert_eq!(directives[0]["Dimensions"], json!([["Region"]]), "{name:?}");
        }
    }

    #[test]
    fn nothing_measured_is_no_line() {
        assert_eq!(written(&Measures::of_run()), "");
        assert_eq!(written(&Measures::of_run().seconds(Metric::SwapLagSeconds, f64::NAN)), "");
        assert_eq!(written(&Measures::of_run().count_if_any(Metric::PermanentFailures, 0)), "");
    }

    #[test]
    fn metrics_that_cannot_be_written_fail_nothing() {
        let metrics = Metrics::written_to(Box::new(Broken), "Suitecast", "eu-west-1");
        metrics.write(Timestamp::UNIX_EPOCH, &Measures::of_run().count(Metric::Swaps, 1));
    }
}
