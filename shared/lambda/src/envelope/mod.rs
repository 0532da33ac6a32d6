//! Events as they come in, and the typed inputs that they become.
//!
//! A queue's messages are decoded one by one: a body that cannot be read fails its own message and no other. Whatever
//! is none of the known inputs is refused with an error that names them; a body itself is never quoted, only its shape.

mod access;
mod publish;
mod replicate;
mod s3_event;

use aws_lambda_events::sqs::SqsMessage;
use serde_json::Value;
use thiserror::Error;

pub use access::{ACCESS_INPUTS, AccessCall, AccessInput, Announcement};
pub use publish::{PUBLISH_INPUTS, PublishCall, PublishInput};
pub use replicate::{REPLICATE_INPUTS, ReplicateInput};
pub use s3_event::{UploadEvent, decode_key};

/// Longest key or prefix, in bytes: S3's own limit.
pub const MAX_KEY_BYTES: usize = 1024;

/// Field names of an unknown object that an error shows.
const MAX_NAMES_SHOWN: usize = 8;

/// Characters of a name or a key that an error shows.
const MAX_CHARACTERS_SHOWN: usize = 200;

/// An event, or one message of it, that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// A body is no JSON.
    #[error("not JSON ({detail}); expected {expected}")]
    NotJson {
        /// What the parser said, with the position.
        detail: String,
        /// What would have been taken.
        expected: &'static str,
    },
    /// JSON, but none of the known inputs.
    #[error("found {found}; expected {expected}")]
    Unexpected {
        /// The shape of what was found.
        found: String,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A known input with a field that is missing, unknown or of the wrong type.
    #[error("{what}: {detail}; expected {expected}")]
    BadField {
        /// Which input.
        what: &'static str,
        /// Which field, and what is wrong with it.
        detail: String,
        /// What would have been taken.
        expected: &'static str,
    },
    /// An event of another bucket: the subscription or the configuration is wrong.
    #[error(
        "the event is about bucket {found:?}, but the master bucket is {expected:?}: \
         subscribe the uploads queue to the master's topic only, or correct the MasterBucket parameter"
    )]
    OtherBucket {
        /// The event's bucket.
        found: String,
        /// The master's.
        expected: String,
    },
    /// A key that S3 cannot have sent.
    #[error("key {key:?}: {rule}")]
    BadKey {
        /// The key as it was found.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// What the queue needs to know to take a message back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's id, by which its failure is reported.
    pub id: String,
    /// This delivery's handle, by which its visibility is changed.
    pub receipt_handle: Option<String>,
    /// How often the message was delivered, this time included; at least 1.
    pub receive_count: u32,
}

/// One message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<T> {
    /// How it came.
    pub delivery: Delivery,
    /// What it says, or why that cannot be read.
    pub content: Result<T, EnvelopeError>,
}

/// The records of an event, where it has any.
fn records(event: &Value) -> Option<&Vec<Value>> {
    event.get("Records").and_then(Value::as_array)
}

/// Whether these records are messages of an SQS queue.
fn are_queue_messages(records: &[Value]) -> bool {
    records.iter().all(|record| record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs"))
}

/// Decodes a queue's messages, each by itself.
///
/// Fails as a whole only where a record has no message id, since then nothing could be reported about it alone.
fn messages<T>(
    records: &[Value],
    expected: &'static str,
    decode: impl Fn(&str) -> Result<T, EnvelopeError>,
) -> Result<Vec<Message<T>>, EnvelopeError> {
    records.iter().map(|record| message(record, expected, &decode)).collect()
}

fn message<T>(
    record: &Value,
    expected: &'static str,
    decode: impl Fn(&str) -> Result<T, EnvelopeError>,
) -> Result<Message<T>, EnvelopeError> {
    const WHAT: &str = "SQS message";
    let Some(id) = record.get("messageId").and_then(Value::as_str) else {
        return Err(EnvelopeError::BadField { what: WHAT, detail: "messageId is missing".to_owned(), expected });
    };
    let (receipt_handle, receive_count, content) = match serde_json::from_value::<SqsMessage>(record.clone()) {
        Ok(message) => {
            let receive_count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
            let content = decode(message.body.as_deref().unwrap_or_default());
            (message.receipt_handle, receive_count, content)
        }
        Err(error) => {
            let receipt_handle = record.get("receiptHandle").and_then(Value::as_str).map(str::to_owned);
            (receipt_handle, None, Err(EnvelopeError::BadField { what: WHAT, detail: detail(&error), expected }))
        }
    };
    let delivery = Delivery { id: id.to_owned(), receipt_handle, receive_count: receive_count.unwrap_or(1).max(1) };
    Ok(Message { delivery, content })
}

/// Reads a body as JSON.
fn json(body: &str, expected: &'static str) -> Result<Value, EnvelopeError> {
    serde_json::from_str(body).map_err(|error| EnvelopeError::NotJson { detail: detail(&error), expected })
}

/// Reads a manual call, with all that serde has to say about its fields.
fn call<T: serde::de::DeserializeOwned>(
    event: &Value,
    what: &'static str,
    expected: &'static str,
) -> Result<T, EnvelopeError> {
    T::deserialize(event).map_err(|error| EnvelopeError::BadField { what, detail: detail(&error), expected })
}

fn unexpected(found: &Value, expected: &'static str) -> EnvelopeError {
    EnvelopeError::Unexpected { found: shape(found), expected }
}

/// The shape of a value, for an error: its type and its field names, never what they hold.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().take(MAX_NAMES_SHOWN).map(|name| shortened(name)).collect();
            let more = if fields.len() > MAX_NAMES_SHOWN { ", …" } else { "" };
            format!("an object with the fields {}{more}", names.join(", "))
        }
    }
}

/// What serde has to say, which may quote a name or a value of the body at any length.
fn detail(error: &serde_json::Error) -> String {
    shortened(&error.to_string())
}

/// A foreign text as an error may show it: cut, and on one line.
fn shortened(text: &str) -> String {
    let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    text.chars().take(MAX_CHARACTERS_SHOWN).map(shown).collect()
}

/// A key or prefix as a person gave it: the bucket's own name for it, not form-encoded.
fn checked_key(key: String) -> Result<String, EnvelopeError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(EnvelopeError::BadKey { key: shortened(&key), rule: "longer than 1024 bytes, S3's limit" });
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
