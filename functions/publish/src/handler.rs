//! From event to answer.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsBatchResponse;
use serde::Serialize;
use serde_json::Value;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::sweep::{self, SweepReport};
use suitecast_engine::{PublishReport, QueueError, SuitesQueue, Wake};
use suitecast_lambda::batch::{Outcome, settle};
use suitecast_lambda::deadline::Deadline;
use suitecast_lambda::envelope::{Message, PublishCall, PublishInput};
use suitecast_lambda::failure::InvocationError;
use suitecast_lambda::metrics::{Measures, Metric};
use suitecast_lambda::runs::Runs;

use crate::summary;

/// Suites that the answer to `{"suite":"*"}` names; the count tells of the others.
const MAX_SUITES_NAMED: usize = 1_000;

/// What publish answers, as JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a queue's batch: the messages that failed.
    Batch(SqsBatchResponse),
    /// To a call for one suite.
    Suite(Box<PublishReport>),
    /// To a call for every suite.
    EverySuite(EverySuite),
    /// To the schedule.
    Sweep(SweepReport),
}

/// What a call for every suite came to.
#[derive(Debug, Serialize)]
pub struct EverySuite {
    /// `woken`, or `would_wake` for a dry run.
    pub outcome: &'static str,
    /// How many suites the master holds.
    pub suites_count: usize,
    /// The first of them.
    pub suites: Vec<SuiteName>,
    /// Whether nobody was woken.
    pub dry_run: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// The publish function, between Lambda and the engine.
pub struct Handler {
    runs: Runs,
}

impl Handler {
    /// Over the ports and settings of these runs.
    pub fn new(runs: Runs) -> Self {
        Self { runs }
    }

    /// Answers one event. `deadline` is Lambda's, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The event is none that publish takes, or a manual call or a sweep came to no answer. Messages of a queue never
    /// make an error: each that failed is named in the batch's answer.
    pub async fn handle(&self, event: &Value, deadline: u64) -> Result<Answer, InvocationError> {
        let deadline = &self.runs.deadline(deadline);
        let input = PublishInput::decode(event).map_err(InvocationError::input)?;
        match input {
            PublishInput::Messages(messages) => Ok(Answer::Batch(self.messages(messages, deadline).await)),
            PublishInput::Suite { suite, call: PublishCall { dry_run, force, full } } => {
                let request = PublishRequest { suite, dry_run, force, full, hops: 0 };
                self.publish(&request, deadline, 1).await.map(|report| Answer::Suite(Box::new(report)))
            }
            PublishInput::EverySuite { call } => self.every_suite(call, deadline).await,
            PublishInput::Sweep => self.sweep(deadline).await,
        }
    }

    /// One message after the other, each with its share of the time that is left.
    async fn messages(&self, messages: Vec<Message<Wake>>, deadline: &Deadline) -> SqsBatchResponse {
        let total = messages.len();
        let mut outcomes = Vec::with_capacity(total);
        for (done, message) in messages.into_iter().enumerate() {
            let outcome = match message.content {
                Ok(wake) => match self.publish(&wake.into(), deadline, total - done).await {
                    Ok(_) => Outcome::Done,
                    Err(error) => Outcome::of_run(&error, self.runs.now()),
                },
                Err(error) => {
                    tracing::error!(message = message.delivery.id, %error, "a message cannot be decoded");
                    self.runs.measure(&Measures::of_run().count(Metric::UndecodableMessages, 1));
                    Outcome::Undecodable
                }
            };
            outcomes.push((message.delivery, outcome));
        }
        settle(&outcomes, self.runs.returns.as_ref()).await
    }

    /// One run on one suite, with its summary in the log and the metrics.
    async fn publish(
        &self,
        request: &PublishRequest,
        deadline: &Deadline,
        runs_left: usize,
    ) -> Result<PublishReport, InvocationError> {
        let doing = format!("publishing {}", request.suite);
        let settings = self.runs.verifying_settings(&doing, deadline, runs_left).await?;
        let run = Box::pin(publish::run(&self.runs.ports, &settings, request));
        let report = self.runs.attempt(&doing, deadline, run).await?;
        summary::log(&report);
        self.runs.measure(&summary::measures(&report));
        Ok(report)
    }

    /// Wakes every suite of the master, or only says which.
    async fn every_suite(&self, call: PublishCall, deadline: &Deadline) -> Result<Answer, InvocationError> {
        let PublishCall { dry_run, force, full } = call;
        let started = self.runs.now();
        let settings = self.runs.settings(deadline, 1);
        let mut ports = self.runs.ports.clone();
        if dry_run {
            ports.queue = Arc::new(Nobody);
        }
        let waking = Box::pin(sweep::wake_all(&ports, &settings, force, full));
        let suites = self.runs.attempt("waking every suite", deadline, waking).await?;
        tracing::info!(suites = suites.len(), dry_run, "every suite was named");
        Ok(Answer::EverySuite(EverySuite {
            outcome: if dry_run { "would_wake" } else { "woken" },
            suites_count: suites.len(),
            suites: suites.into_iter().take(MAX_SUITES_NAMED).collect(),
            dry_run,
            duration_ms: self.runs.milliseconds_since(started),
        }))
    }

    async fn sweep(&self, deadline: &Deadline) -> Result<Answer, InvocationError> {
        let settings = self.runs.verifying_settings("sweeping", deadline, 1).await?;
        let run = Box::pin(sweep::run(&self.runs.ports, &settings));
        let report = self.runs.attempt("sweeping", deadline, run).await?;
        summary::log_sweep(&report);
        self.runs.measure(&summary::sweep_measures(&report));
        Ok(Answer::Sweep(report))
    }
}

/// Where a dry run sends its wake-ups.
struct Nobody;

#[async_trait]
impl SuitesQueue for Nobody {
    async fn wake(&self, _: &[Wake]) -> Result<(), QueueError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
