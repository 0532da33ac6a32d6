//! What Suitecast relies on of a store, as promises that any store can be held to through the port alone.
//!
//! A success proves no condition was honoured: stores that ignore one answer 200 just the same. So each promise is
//! tried, and what is known to fail is written down in [`KNOWN_GAPS`]. A change either way (a promise newly broken, a
//! gap newly closed) is a failure of the suite, so that the table stays true.

mod bench;
mod conditions;
mod copies;
mod listings;
mod objects;
mod table;

use std::{fmt::Write, time::Duration};

use futures::future::BoxFuture;
use thiserror::Error;

pub use bench::{Bench, UploadInParts};
pub use table::{ENGINES, KNOWN_GAPS, KnownGap, MINISTACK, SEAWEEDFS, STRICT, STRICT_OVER_HTTP};

/// Time for one promise; a store that hangs breaks it.
const PROMISE_TIMEOUT: Duration = Duration::from_mins(2);

/// How a promise was broken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Broken(pub String);

impl From<suitecast_store::StoreError> for Broken {
    fn from(error: suitecast_store::StoreError) -> Self {
        let mut text = format!("{:?}: {error}", error.kind);
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            // Writing to a string never fails.
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Promise {
    /// Its name, as in the table.
    pub name: &'static str,
    /// What in Suitecast rests on it.
    pub why: &'static str,
    check: fn(Bench) -> BoxFuture<'static, Result<(), Broken>>,
}

/// All promises, in the order in which they are tried.
pub fn promises() -> Vec<Promise> {
    [objects::PROMISES, conditions::PROMISES, copies::PROMISES, listings::PROMISES].concat()
}

/// What became of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub promise: &'static str,
    /// Kept, or how it was broken.
    pub outcome: Result<(), Broken>,
}

/// Tries every promise, one after the other.
pub async fn try_all(bench: &Bench) -> Vec<Finding> {
    let mut findings = Vec::new();
    for promise in promises() {
        let check = (promise.check)(bench.fresh(promise.name));
        let outcome = match tokio::time::timeout(PROMISE_TIMEOUT, check).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Broken(format!("no outcome within {} s", PROMISE_TIMEOUT.as_secs()))),
        };
        findings.push(Finding { promise: promise.name, outcome });
    }
    findings
}

/// Findings against the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One line a promise, for people.
    pub report: String,
    /// What differs from the table; nothing where all is as it was.
    pub changes: Vec<String>,
}

/// Compares what was found of `engine` with what the table says.
pub fn judge(engine: &str, findings: &[Finding]) -> Judgement {
    let mut judgement = Judgement { report: String::new(), changes: Vec::new() };
    for Finding { promise, outcome } in findings {
        let known = KNOWN_GAPS.iter().find(|gap| gap.engine == engine && gap.promise == *promise);
        let verdict = match (outcome, known) {
            (Ok(()), None) => "holds".to_owned(),
            (Err(_), Some(gap)) => format!("known gap: {}", gap.reason),
            (Ok(()), Some(gap)) => {
                judgement
                    .changes
                    .push(format!("{engine}: \"{promise}\" holds now: take it out of the known gaps ({})", gap.reason));
                "HOLDS NOW, and the table calls it a gap".to_owned()
            }
            (Err(broken), None) => {
                judgement.changes.push(format!("{engine}: \"{promise}\" is broken: {broken}"));
                format!("BROKEN: {broken}")
            }
        };
        // Writing to a string never fails.
        let _ = writeln!(judgement.report, "| {promise} | {engine} | {verdict} |");
    }
    judgement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_gap_names_an_engine_and_a_promise_that_exist() {
        let promises = promises();
        for gap in KNOWN_GAPS {
            assert!(ENGINES.contains(&gap.engine), "{}", gap.engine);
            assert!(promises.iter().any(|promise| promise.name == gap.promise), "{}", gap.promise);
            assert!(!gap.reason.is_empty());
        }
    }

    #[test]
    fn a_change_either_way_is_reported() {
        let broken = |promise| Finding { promise, outcome: Err(Broken("no".to_owned())) };
        let kept = |promise| Finding { promise, outcome: Ok(()) };
        let promise = promises()[0].name;
        assert!(judge(STRICT, &[kept(promise)]).changes.is_empty());
        assert_eq!(judge(STRICT, &[broken(promise)]).changes.len(), 1);
        let gap = &KNOWN_GAPS[0];
        assert!(judge(gap.engine, &[broken(gap.promise)]).changes.is_empty());
        assert_eq!(judge(gap.engine, &[kept(gap.promise)]).changes.len(), 1);
    }
}
