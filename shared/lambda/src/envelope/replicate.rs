//! What replicate takes.

use serde::Deserialize;
use serde_json::Value;

use super::s3_event::{uploads_of_body, uploads_of_notification};
use super::{
    EnvelopeError, Message, UploadEvent, are_queue_messages, call, checked_key, messages, records, unexpected,
};

/// What replicate takes, for errors and people.
pub const REPLICATE_INPUTS: &str = "an SQS batch of S3 events (bare or from SNS), an S3 event, \
                                    {\"prefix\":\"pool/main/a/\"} (with \"next\" of an earlier answer to go on), \
                                    or {\"key\":\"…\"}";

/// An event for replicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicateInput {
    /// Messages of the uploads queue.
    Messages(Vec<Message<Vec<UploadEvent>>>),
    /// A bare S3 event: S3 itself, or a recorded event played again.
    Uploads(Vec<UploadEvent>),
    /// Everything in the master under a prefix, asked for by a person.
    Prefix {
        /// What the keys begin with; empty for all of them.
        prefix: String,
        /// Begin behind this key: an earlier answer's `next`.
        next: Option<String>,
    },
    /// One key, asked for by a person; not form-encoded.
    Key(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixCall {
    prefix: String,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCall {
    key: String,
}

impl ReplicateInput {
    /// Decodes an event.
    ///
    /// # Errors
    /// An event that is none of [`REPLICATE_INPUTS`]. A message of a batch that cannot be decoded is no error of the
    /// event: it carries its own.
    pub fn decode(event: &Value, master_bucket: &str) -> Result<Self, EnvelopeError> {
        if let Some(records) = records(event) {
            if are_queue_messages(records) {
                let decode = |body: &str| uploads_of_body(body, master_bucket);
                return messages(records, REPLICATE_INPUTS, decode).map(Self::Messages);
            }
            if records.iter().all(|record| record.get("s3").is_some()) {
                return uploads_of_notification(event, master_bucket).map(Self::Uploads);
            }
        }
        if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
            return Ok(Self::Uploads(Vec::new()));
        }
        if event.get("prefix").is_some() {
            let PrefixCall { prefix, next } = call(event, "prefix call", REPLICATE_INPUTS)?;
            return Ok(Self::Prefix { prefix: checked_key(prefix)?, next: next.map(checked_key).transpose()? });
        }
        if event.get("key").is_some() {
            let KeyCall { key } = call(event, "key call", REPLICATE_INPUTS)?;
            if key.is_empty() {
                return Err(EnvelopeError::BadKey { key, rule: "empty" });
            }
            return Ok(Self::Key(checked_key(key)?));
        }
        Err(unexpected(event, REPLICATE_INPUTS))
    }
}
