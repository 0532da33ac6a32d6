//! From event to answer.

use aws_lambda_events::sqs::SqsBatchResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use suitecast_engine::EngineError;
use suitecast_engine::replicate::{self, ReplicateReport, Upload, UploadOutcome};
use suitecast_lambda::batch::{Outcome, settle};
use suitecast_lambda::deadline::Deadline;
use suitecast_lambda::envelope::{Delivery, Message, ReplicateInput, UploadEvent};
use suitecast_lambda::failure::InvocationError;
use suitecast_lambda::metrics::{Measures, Metric};
use suitecast_lambda::runs::Runs;

use crate::summary::Summary;

/// What replicate answers, as JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a queue's batch: the messages that failed.
    Batch(SqsBatchResponse),
    /// To a recorded event, or to a call for a key or a prefix.
    Uploads(Box<Summary>),
}

/// The replicate function, between Lambda and the engine.
pub struct Handler {
    pub(crate) runs: Runs,
}

impl Handler {
    /// Over the ports and settings of these runs.
    pub fn new(runs: Runs) -> Self {
        Self { runs }
    }

    /// Answers one event. `deadline` is Lambda's, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The event is none that replicate takes, or uploads of a recorded event or of a manual call failed. Messages of a
    /// queue never make an error: each that failed is named in the batch's answer.
    pub async fn handle(&self, event: &Value, deadline: u64) -> Result<Answer, InvocationError> {
        let deadline = &self.runs.deadline(deadline);
        let master = self.runs.ports.master.bucket();
        let input = ReplicateInput::decode(event, master).map_err(InvocationError::input)?;
        let summary = match input {
            ReplicateInput::Messages(messages) => {
                return Ok(Answer::Batch(self.messages(messages, deadline).await));
            }
            ReplicateInput::Uploads(uploads) => self.uploads(&uploads, deadline).await?,
            ReplicateInput::Prefix { prefix, next } => self.prefix(&prefix, next, deadline).await?,
            ReplicateInput::Key(key) => {
                let upload = UploadEvent { key, version: None, size: None, uploaded_at: None };
                self.uploads(&[upload], deadline).await?
            }
        };
        Ok(Answer::Uploads(Box::new(summary)))
    }

    /// All uploads of a batch in one run, so that they are copied side by side; each message by the fate of its own.
    async fn messages(&self, messages: Vec<Message<Vec<UploadEvent>>>, deadline: &Deadline) -> SqsBatchResponse {
        let mut events = Vec::new();
        let mut shares: Vec<(Delivery, Option<usize>)> = Vec::with_capacity(messages.len());
        for Message { delivery, content } in messages {
            let share = match content {
                Ok(uploads) => {
                    let count = uploads.len();
                    events.extend(uploads);
                    Some(count)
                }
                Err(error) => {
                    tracing::error!(message = delivery.id, %error, "a message cannot be decoded");
                    self.runs.measure(&Measures::of_run().count(Metric::UndecodableMessages, 1));
                    None
                }
            };
            shares.push((delivery, share));
        }
        let mut fates = self.fates(&events, deadline).await.into_iter();
        let mut outcomes = Vec::with_capacity(shares.len());
        for (delivery, share) in shares {
            let outcome = match share {
                Some(count) => fates.by_ref().take(count).fold(Outcome::Done, worse),
                None => Outcome::Undecodable,
            };
            outcomes.push((delivery, outcome));
        }
        settle(&outcomes, self.runs.returns.as_ref()).await
    }

    /// What became of each upload.
    async fn fates(&self, events: &[UploadEvent], deadline: &Deadline) -> Vec<Outcome> {
        if events.is_empty() {
            return Vec::new();
        }
        match self.replicate(events, deadline).await {
            Ok((_, report)) => {
                let fate = |result: &Result<UploadOutcome, EngineError>| match result {
                    Ok(_) => Outcome::Done,
                    Err(error) => Outcome::of_failure(error.is_retryable()),
                };
                let mut fates: Vec<Outcome> = report.uploads.iter().map(fate).collect();
                // One that the report does not speak of must not pass as done.
                fates.resize(events.len(), Outcome::Retryable);
                fates
            }
            // A run that was abandoned did none of them for certain; each is looked at again.
            Err(error) => vec![Outcome::of_failure(error.is_retryable()); events.len()],
        }
    }

    /// Uploads that no queue would repeat: the caller must see a failure.
    async fn uploads(&self, events: &[UploadEvent], deadline: &Deadline) -> Result<Summary, InvocationError> {
        let (summary, _) = self.replicate(events, deadline).await?;
        match summary.failure() {
            Some(error) => Err(error),
            None => Ok(summary),
        }
    }

    /// One run, with its summary in the log and the metrics.
    async fn replicate(
        &self,
        events: &[UploadEvent],
        deadline: &Deadline,
    ) -> Result<(Summary, ReplicateReport), InvocationError> {
        let started = self.runs.now();
        let uploads: Vec<Upload> = events.iter().map(upload).collect();
        let settings = self.runs.settings(deadline, 1);
        let run = Box::pin(async { Ok(replicate::run(&self.runs.ports, &settings, &uploads).await) });
        let report = self.runs.attempt("replicating uploads", deadline, run).await?;
        let mut summary = Summary::default();
        summary.add(&uploads, &report);
        let lag = longest_lag(events, &report, self.runs.now());
        self.close(&mut summary, started, lag);
        Ok((summary, report))
    }

    /// The end of an invocation's work: how long it took, the summary, the metrics.
    pub(crate) fn close(&self, summary: &mut Summary, started: Timestamp, lag: Option<f64>) {
        summary.duration_ms = self.runs.milliseconds_since(started);
        summary.log();
        let measures = summary.measures();
        self.runs.measure(&match lag {
            Some(seconds) => measures.seconds(Metric::ReplicationLagSeconds, seconds),
            None => measures,
        });
    }
}

/// The worse of two fates of one message: a failure that no further try will mend counts most.
fn worse(one: Outcome, other: Outcome) -> Outcome {
    match (one, other) {
        (Outcome::Done, other) => other,
        (_, Outcome::Permanent | Outcome::Undecodable) => other,
        (one, _) => one,
    }
}

fn upload(event: &UploadEvent) -> Upload {
    Upload { key: event.key.clone(), version: event.version.clone(), size: event.size }
}

/// Of the uploads that are done, the longest time since S3 took one.
fn longest_lag(events: &[UploadEvent], report: &ReplicateReport, now: Timestamp) -> Option<f64> {
    let done = events.iter().zip(&report.uploads).filter(|(_, result)| result.is_ok());
    let oldest = done.filter_map(|(event, _)| event.uploaded_at).min()?;
    Some(now.duration_since(oldest).as_secs_f64().max(0.0))
}

#[cfg(test)]
mod tests;
