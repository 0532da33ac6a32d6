//! Why a suite is not swapped: a dry run of the engine, in words.

use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_engine::{Outcome, PublishReport};
use suitecast_mirror::{Missing, MissingReason};

use crate::status::table::span;

/// What a dry run in one Region came to.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedSuite {
    /// The Region.
    pub region: String,
    /// What would wake the suite, or what is to be done.
    pub next: String,
    /// The engine's own report.
    #[serde(flatten)]
    pub report: PublishReport,
}

impl ExplainedSuite {
    /// Of this report.
    pub(crate) fn of(region: &str, report: PublishReport) -> Self {
        Self { region: region.to_owned(), next: next(region, &report), report }
    }

    /// The same for people, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self { region, next, report } = self;
        let suite = &report.suite;
        let mut head = format!("{suite} in {region}: {}", words(report));
        if report.waiting_seconds > 0 {
            head = format!("{head}, for {}", span(report.waiting_seconds));
        }
        if let Some(reason) = &report.reason {
            head.push_str(": ");
            head.push_str(reason);
        }
        let date = |date: &Option<String>| date.clone().unwrap_or_else(|| "no release".to_owned());
        let mut lines =
            vec![head, format!("  serves {}; the master holds {}", date(&report.live_date), date(&report.master_date))];
        // The first of them is the reason.
        lines.extend(report.rules.iter().skip(1).map(|rule| format!("  {rule}")));
        lines.extend(report.missing.iter().map(|missing| format!("  {}", line_of(suite, missing))));
        if report.missing.iter().any(|missing| missing.named_by == suite.as_str()) {
            lines.push("  what an index names is not known before it is there".to_owned());
        }
        let unnamed = report.missing_count.saturating_sub(report.missing.len());
        if unnamed > 0 {
            lines.push(format!("  … and {unnamed} more at least"));
        }
        lines.push(format!("  next: {next}"));
        lines
    }
}

/// What is missing, who asks for it, and whether the master has it.
fn line_of(suite: &SuiteName, Missing { key, named_by, reason }: &Missing) -> String {
    let reason = match reason {
        MissingReason::Absent => "not in the master".to_owned(),
        MissingReason::Mismatch { expected, found } => {
            format!("in the master with other content: {found} in place of {expected}")
        }
    };
    // Of an index the release itself is named, by the suite.
    let named_by = match named_by.as_str() {
        release if release == suite.as_str() => format!("the release of {suite}"),
        index => format!("{}{index}", suite.directory_key_prefix()),
    };
    format!("{key}: {reason} (named by {named_by})")
}

fn words(report: &PublishReport) -> String {
    match report.outcome {
        Outcome::Swapped => "ready to be swapped".to_owned(),
        Outcome::UpToDate => "up to date".to_owned(),
        Outcome::Waiting => "waiting".to_owned(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::Older => "older than what is served".to_owned(),
        Outcome::Held => "held".to_owned(),
        Outcome::Withdrawn => "withdrawn".to_owned(),
        Outcome::Absent => "absent".to_owned(),
        Outcome::Busy => "busy".to_owned(),
        Outcome::Continued => "too large to be looked at in the time there is".to_owned(),
    }
}

/// What would wake the suite, or what is to be done.
fn next(region: &str, report: &PublishReport) -> String {
    let suite = &report.suite;
    let replay = format!("`suitecast replay {suite} --region {region}`");
    match report.outcome {
        Outcome::UpToDate => "nothing; the next upload of a release file wakes it".to_owned(),
        Outcome::Swapped => {
            let copies = report.would_copy.unwrap_or(0);
            format!(
                "nothing is missing and {copies} object(s) are still to be copied: the next look swaps it, which is the \
                     sweep's, or {replay}"
            )
        }
        Outcome::Waiting if !report.awaited.is_empty() => {
            format!("an upload of {} wakes it; so do the sweep, and {replay}", report.awaited.join(" or "))
        }
        Outcome::Waiting => "an upload of one of its release files wakes it; left as they are for 15 minutes they are \
                             refused"
            .to_owned(),
        Outcome::Refused => {
            format!("upload a release that keeps the rule; where the cause lies elsewhere, mend it and {replay}")
        }
        Outcome::Older => format!("a newer release goes live by itself; to serve this one, {replay} with --force"),
        Outcome::Held => format!("an operator forced it back; {replay} with --force goes on"),
        Outcome::Withdrawn => "upload its release files again, or leave it: what was served stays".to_owned(),
        Outcome::Absent => "check its name and the parameter Archives".to_owned(),
        Outcome::Busy | Outcome::Continued => format!("{replay} goes on with it"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use suitecast_engine::Authenticity;

    fn report(outcome: Outcome) -> PublishReport {
        PublishReport {
            suite: SuiteName::parse("dists/stable").unwrap(),
            outcome,
            reason: None,
            rules: Vec::new(),
            live_date: Some("2026-01-01T00:00:00Z".to_owned()),
            master_date: Some("2026-01-02T00:00:00Z".to_owned()),
            missing_count: 0,
            missing: Vec::new(),
            awaited: Vec::new(),
            waiting_seconds: 0,
            lag_seconds: None,
            objects_copied: 0,
            bytes_copied: 0,
            would_copy: None,
            requests: 0,
            signature: Authenticity::NotChecked,
            dry_run: true,
            duration_ms: 0,
            plan: suitecast_mirror::SwapPlan::default(),
        }
    }

    #[test]
    fn each_missing_object_is_told_with_who_asks_for_it_and_what_the_master_has() {
        let mut waiting = report(Outcome::Waiting);
        waiting.reason = Some("3 object(s) are missing".to_owned());
        let named_by = "main/binary-amd64/Packages".to_owned();
        let mismatch = MissingReason::Mismatch { expected: "9 bytes".to_owned(), found: "8 bytes".to_owned() };
        waiting.missing = vec![
            Missing { key: "pool/a.deb".to_owned(), named_by: named_by.clone(), reason: MissingReason::Absent },
            Missing { key: "pool/b.deb".to_owned(), named_by, reason: mismatch },
        ];
        (waiting.missing_count, waiting.waiting_seconds) = (3, 90);
        waiting.awaited = vec!["pool/b.deb".to_owned()];
        let told = ExplainedSuite::of("eu-west-1", waiting).lines().join("\n");
        let expected = "\
dists/stable in eu-west-1: waiting, for 1 min 30 s: 3 object(s) are missing
  serves 2026-01-01T00:00:00Z; the master holds 2026-01-02T00:00:00Z
  pool/a.deb: not in the master (named by dists/stable/main/binary-amd64/Packages)
  pool/b.deb: in the master with other content: 8 bytes in place of 9 bytes (named by dists/stable/main/binary-amd64/Packages)
  … and 1 more at least
  next: an upload of pool/b.deb wakes it; so do the sweep, and `suitecast replay dists/stable --region eu-west-1`";
        assert_eq!(told, expected);
    }

    #[test]
    fn each_thing_that_breaks_a_rule_is_told() {
        let mut refused = report(Outcome::Refused);
        refused.reason = Some("pool/a.deb was changed in place; and 1 more like it at least".to_owned());
        refused.rules =
            vec!["pool/a.deb was changed in place".to_owned(), "pool/b.deb was changed in place".to_owned()];
        let lines = ExplainedSuite::of("eu-west-1", refused).lines();
        assert!(lines[0].contains("refused: pool/a.deb was changed in place; and 1 more"), "{lines:?}");
        assert_eq!(lines[2], "  pool/b.deb was changed in place");
    }

    #[test]
    fn every_outcome_says_what_comes_next() {
        for (outcome, word) in [
            (Outcome::Swapped, "swaps"),
            (Outcome::UpToDate, "wakes"),
            (Outcome::Waiting, "release files"),
            (Outcome::Refused, "rule"),
            (Outcome::Older, "--force"),
            (Outcome::Held, "--force"),
            (Outcome::Withdrawn, "again"),
            (Outcome::Absent, "Archives"),
            (Outcome::Continued, "replay"),
        ] {
            let told = next("eu-west-1", &report(outcome));
            assert!(told.contains(word), "{outcome:?}: {told}");
        }
    }
}
