//! What publish takes.

use serde::Deserialize;
use serde_json::Value;
use suitecast_archive::SuiteName;
use suitecast_engine::Wake;

use super::{EnvelopeError, Message, are_queue_messages, call, messages, records, unexpected};

/// What publish takes, for errors and people.
pub const PUBLISH_INPUTS: &str = "an SQS batch of wake-ups ({\"suite\":\"dists/bookworm\"}), \
                                  {\"suite\":\"dists/bookworm\"} or {\"suite\":\"*\"} with \"dry_run\", \"force\" and \
                                  \"full\" as wanted, or {\"sweep\":true}";

/// An event for publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishInput {
    /// Messages of the suites queue.
    Messages(Vec<Message<Wake>>),
    /// One suite, asked for by a person.
    Suite {
        /// Which.
        suite: SuiteName,
        /// How.
        call: PublishCall,
    },
    /// Every suite of the master, asked for by a person.
    EverySuite {
        /// How.
        call: PublishCall,
    },
    /// The schedule's call: look at every suite there is.
    Sweep,
}

/// The options of a manual call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublishCall {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Accept an older release, and hold the suite there.
    pub force: bool,
    /// Check everything, whatever the state vouches for.
    pub full: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteCall {
    suite: String,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    full: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepCall {
    sweep: bool,
}

impl PublishInput {
    /// Decodes an event.
    ///
    /// # Errors
    /// An event that is none of [`PUBLISH_INPUTS`]. A message of a batch that cannot be decoded is no error of the
    /// event: it carries its own.
    pub fn decode(event: &Value) -> Result<Self, EnvelopeError> {
        if let Some(records) = records(event)
            && are_queue_messages(records)
        {
            return messages(records, PUBLISH_INPUTS, wake).map(Self::Messages);
        }
        if event.get("suite").is_some() {
            return suite(event);
        }
        if event.get("sweep").is_some() {
            let SweepCall { sweep } = call(event, "sweep call", PUBLISH_INPUTS)?;
            if sweep {
                return Ok(Self::Sweep);
            }
        }
        Err(unexpected(event, PUBLISH_INPUTS))
    }
}

fn suite(event: &Value) -> Result<PublishInput, EnvelopeError> {
    const WHAT: &str = "suite call";
    let SuiteCall { suite, dry_run, force, full } = call(event, WHAT, PUBLISH_INPUTS)?;
    let call = PublishCall { dry_run, force, full };
    if suite == "*" {
        return Ok(PublishInput::EverySuite { call });
    }
    let suite = SuiteName::parse(&suite).map_err(|error| EnvelopeError::BadField {
        what: WHAT,
        detail: error.to_string(),
        expected: PUBLISH_INPUTS,
    })?;
    Ok(PublishInput::Suite { suite, call })
}

/// The body of a message in the suites queue.
fn wake(body: &str) -> Result<Wake, EnvelopeError> {
    const WAKE: &str = "a wake-up: {\"suite\":\"dists/bookworm\"} with \"force\", \"full\" and \"hops\" as wanted";
    let body = super::json(body, WAKE)?;
    call(&body, "wake-up", WAKE)
}
