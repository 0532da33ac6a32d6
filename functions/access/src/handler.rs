//! From event to answer.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use suitecast_engine::Clock;
use suitecast_lambda::deadline::Deadline;
use suitecast_lambda::envelope::{AccessCall, AccessInput, Announcement};
use suitecast_lambda::failure::{Chain, InvocationError, told};
use suitecast_lambda::metrics::{Measures, Metric, Metrics};
use suitecast_store::{BucketPolicy, StoreError};
use thiserror::Error;

use crate::config::AccessConfig;
use crate::decide::{Decision, Difference, Proposal, Refusal, Seen, Wanted, decide};
use crate::document::{DocumentError, Fetched, accept, check_place};
use crate::fetch::{FetchError, RangesSource};
use crate::ip_ranges::SyncToken;
use crate::readers::Readers;
use crate::summary;

/// What access works with.
pub struct Ports {
    /// Where Amazon's document comes from.
    pub source: Arc<dyn RangesSource>,
    /// The policy of the region bucket.
    pub policy: Arc<dyn BucketPolicy>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Another policy stands now.
    Applied,
    /// Another policy would be put: a dry run.
    WouldApply,
    /// The policy that stands says all of it already.
    InStep,
    /// A newer list than the announced one is out: nothing was done, its own announcement follows.
    Superseded,
    /// The policy that stands would stay, for the reason given: a dry run. Any other run fails then.
    Refused,
}

/// What access answers, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// What it came to.
    pub outcome: Outcome,
    /// Why, where something stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who may read: `region`, `aws` or `everyone`.
    pub readers: String,
    /// When the list of addresses was published, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_token: Option<u64>,
    /// Size of the policy, of the 20,480 bytes that S3 takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_bytes: Option<usize>,
    /// What was changed, or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// The policy: for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Why a look came to nothing. Whatever it is, the policy that stands stays.
#[derive(Debug, Error)]
enum LookError {
    #[error(transparent)]
    Fetch(FetchError),
    #[error(transparent)]
    Document(DocumentError),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Refused(Refusal),
}

impl LookError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_retryable(),
            Self::Document(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Refused(_) => false,
        }
    }
}

/// What is known of whom to admit.
enum Known {
    Wanted(Wanted),
    Superseded { announced: SyncToken, found: SyncToken },
}

/// The access function, between Lambda and what decides.
pub struct Handler {
    config: AccessConfig,
    ports: Ports,
    metrics: Metrics,
}

impl Handler {
    /// Over these ports.
    pub fn new(config: AccessConfig, ports: Ports, metrics: Metrics) -> Self {
        Self { config, ports, metrics }
    }

    /// Answers one event. `deadline` is Lambda's, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The event is none that access takes, or the policy that stands was left as it is, for a reason that the error says.
    /// A dry run answers with that reason instead, unless another try may do better.
    pub async fn handle(&self, event: &Value, deadline: u64) -> Result<Answer, InvocationError> {
        let started = self.ports.clock.now();
        let (call, announcement) = match AccessInput::decode(event).map_err(InvocationError::input) {
            Ok(AccessInput::Look(call)) => (call, None),
            Ok(AccessInput::Announced(announcement)) => (AccessCall::default(), Some(announcement)),
            // What a person mistyped is told to that person.
            Err(error) if event.get("Records").is_none() => return Err(error),
            Err(error) => return Err(self.refused(error)),
        };
        let doing = format!("keeping who may read s3://{}", self.config.bucket.name);
        let look = self.look(call, announcement.as_ref());
        let error = match Deadline::from_milliseconds(deadline, started).hold(started, look).await {
            Ok(Ok(answer)) => {
                let answer = Answer { duration_ms: self.milliseconds_since(started), ..answer };
                summary::log(&answer);
                self.metrics.write(self.ports.clock.now(), &summary::measures(&answer));
                return Ok(answer);
            }
            Ok(Err(error)) => {
                let retryable = error.is_retryable();
                InvocationError::Work { doing, source: Box::new(error), retryable }
            }
            Err(source) => InvocationError::Deadline { doing, source },
        };
        let error = told(error, &self.metrics, self.ports.clock.now());
        Err(if error.is_retryable() { error } else { self.refused(error) })
    }

    /// Counts what the alarm is raised by.
    fn refused(&self, error: InvocationError) -> InvocationError {
        self.metrics.write(self.ports.clock.now(), &Measures::of_run().count(Metric::AccessRefused, 1));
        error
    }

    async fn look(&self, call: AccessCall, announcement: Option<&Announcement>) -> Result<Answer, LookError> {
        let answer = self.answer(call);
        let wanted = match self.wanted(announcement).await {
            Ok(Known::Wanted(wanted)) => wanted,
            Ok(Known::Superseded { announced, found }) => {
                let reason = format!("the list of {announced} was announced, and that of {found} is out already");
                return Ok(Answer { outcome: Outcome::Superseded, reason: Some(reason), ..answer });
            }
            Err(error) => return refused_or_failed(call, answer, error, None),
        };
        // Read last, and replaced at once: S3 has no condition for it.
        let standing = match self.ports.policy.policy().await {
            Ok(standing) => standing,
            Err(error) => return refused_or_failed(call, answer, LookError::Store(error), None),
        };
        let decision = decide(&Seen {
            bucket: &self.config.bucket,
            wanted: &wanted,
            own: &self.config.own,
            standing: standing.as_deref(),
            now: seconds(self.ports.clock.now()),
            force: call.force,
        });
        match decision {
            Decision::InStep(proposal) => Ok(of(answer, Outcome::InStep, &proposal)),
            Decision::Apply(proposal) if call.dry_run => Ok(of(answer, Outcome::WouldApply, &proposal)),
            Decision::Apply(proposal) => {
                self.ports.policy.put_policy(&proposal.text).await.map_err(LookError::Store)?;
                Ok(of(answer, Outcome::Applied, &proposal))
            }
            Decision::Refuse { refusal, proposal } => {
                refused_or_failed(call, answer, LookError::Refused(refusal), proposal.as_ref())
            }
        }
    }

    /// Whom the operator wants to admit, with Amazon's list where that is needed.
    async fn wanted(&self, announcement: Option<&Announcement>) -> Result<Known, LookError> {
        let area = match self.config.readers {
            Readers::Everyone => return Ok(Known::Wanted(Wanted::Everyone)),
            Readers::Instances(area) => area,
        };
        if let Some(announcement) = announcement {
            check_place(announcement, &self.config.ip_ranges_url).map_err(LookError::Document)?;
        }
        let bytes = self.ports.source.fetch().await.map_err(LookError::Fetch)?;
        Ok(match accept(&bytes, announcement).map_err(LookError::Document)? {
            Fetched::Document(ranges) => Known::Wanted(Wanted::Instances { area, ranges }),
            Fetched::Superseded { announced, found } => Known::Superseded { announced, found },
        })
    }

    fn answer(&self, call: AccessCall) -> Answer {
        Answer {
            outcome: Outcome::InStep,
            reason: None,
            readers: self.config.readers.to_string(),
            sync_token: None,
            policy_bytes: None,
            difference: None,
            policy: None,
            dry_run: call.dry_run,
            duration_ms: 0,
        }
    }

    fn milliseconds_since(&self, started: Timestamp) -> u64 {
        u64::try_from(self.ports.clock.now().duration_since(started).as_millis()).unwrap_or(0)
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}

/// The answer about a policy.
fn of(answer: Answer, outcome: Outcome, proposal: &Proposal) -> Answer {
    Answer {
        outcome,
        sync_token: proposal.sync_token.map(SyncToken::seconds),
        policy_bytes: Some(proposal.text.len()),
        difference: Some(proposal.difference.clone()),
        policy: answer.dry_run.then(|| proposal.policy.clone()),
        ..answer
    }
}

/// A dry run is answered what stands in the way; any other run fails by it.
fn refused_or_failed(
    call: AccessCall,
    answer: Answer,
    error: LookError,
    proposal: Option<&Proposal>,
) -> Result<Answer, LookError> {
    if !call.dry_run || error.is_retryable() {
        return Err(error);
    }
    let reason = Some(Chain(&error).to_string());
    let answer = Answer { reason, outcome: Outcome::Refused, ..answer };
    Ok(match proposal {
        Some(proposal) => of(answer, Outcome::Refused, proposal),
        None => answer,
    })
}

#[cfg(test)]
mod tests;
