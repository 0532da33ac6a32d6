//! From event to answer.

use jiff::Timestamp;
use serde_json::Value;
use suitecast_engine::replicate::{self, ReplicateReport, Upload};
use suitecast_lambda::batch::{Outcome, settle};
use suitecast_lambda::deadline::Deadline;
use suitecast_lambda::envelope::{Delivery, Message, ReplicateInput, UploadEvent};
use suitecast_lambda::failure::{InvocationError, as_json};
use suitecast_lambda::metrics::{Measures, Metric};
use suitecast_lambda::runs::Runs;

use crate::answer::Answer;

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
    pub async fn handle(&self, event: &Value, deadline: u64) -> Result<Value, InvocationError> {
        let deadline = &self.runs.deadline(deadline);
        let master = self.runs.ports.master.bucket();
        let input = ReplicateInput::decode(event, master).map_err(InvocationError::input)?;
        match input {
            ReplicateInput::Messages(messages) => self.messages(messages, deadline).await,
            ReplicateInput::Uploads(uploads) => self.uploads(uploads, deadline).await,
            ReplicateInput::Prefix { prefix, next } => self.prefix(&prefix, next, deadline).await,
            ReplicateInput::Key(key) => {
                self.uploads(vec![UploadEvent { key, version: None, size: None, uploaded_at: None }], deadline).await
            }
        }
    }

    /// All uploads of a batch in one run, so that they are copied side by side; each message by the fate of its own.
    async fn messages(
        &self,
        messages: Vec<Message<Vec<UploadEvent>>>,
        deadline: &Deadline,
    ) -> Result<Value, InvocationError> {
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
        // A run that was abandoned did none of them for certain; each is looked at again.
        let done: Vec<bool> = match self.replicate(&events, deadline).await {
            Ok((_, report)) => report.uploads.iter().map(Result::is_ok).collect(),
            Err(_) => Vec::new(),
        };
        let mut done = done.into_iter();
        let mut outcomes = Vec::with_capacity(shares.len());
        for (delivery, share) in shares {
            let outcome = match share {
                Some(count) => {
                    let all_done = (0..count).fold(true, |all, _| done.next().unwrap_or(false) && all);
                    if all_done { Outcome::Done } else { Outcome::Failed }
                }
                None => Outcome::Undecodable,
            };
            outcomes.push((delivery, outcome));
        }
        as_json(settle(&outcomes, self.runs.returns.as_ref()).await)
    }

    /// Uploads that no queue would repeat: the caller must see a failure.
    async fn uploads(&self, events: Vec<UploadEvent>, deadline: &Deadline) -> Result<Value, InvocationError> {
        let (answer, _) = self.replicate(&events, deadline).await?;
        match answer.failure() {
            Some(error) => Err(error),
            None => as_json(answer),
        }
    }

    /// One run, with its summary in the log and the metrics.
    async fn replicate(
        &self,
        events: &[UploadEvent],
        deadline: &Deadline,
    ) -> Result<(Answer, ReplicateReport), InvocationError> {
        let started = self.runs.now();
        let uploads: Vec<Upload> = events.iter().map(upload).collect();
        let settings = self.runs.settings(deadline, 1);
        let run = Box::pin(async { Ok(replicate::run(&self.runs.ports, &settings, &uploads).await) });
        let report = self.runs.attempt("replicating uploads", deadline, run).await?;
        let mut answer = Answer::default();
        answer.add(&uploads, &report);
        let lag = longest_lag(events, &report, self.runs.now());
        self.close(&mut answer, started, lag);
        Ok((answer, report))
    }

    /// The end of an invocation's work: how long it took, the summary, the metrics.
    pub(crate) fn close(&self, answer: &mut Answer, started: Timestamp, lag: Option<f64>) {
        answer.duration_ms = self.runs.milliseconds_since(started);
        answer.log();
        let measures = answer.measures();
        self.runs.measure(&match lag {
            Some(seconds) => measures.seconds(Metric::ReplicationLagSeconds, seconds),
            None => measures,
        });
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
