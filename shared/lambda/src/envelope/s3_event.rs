//! S3's event notifications, bare or inside an SNS envelope.
//!
//! Only five fields of a record are read, by types of our own: `aws_lambda_events` demands others as well
//! (`userIdentity`, `requestParameters`) that some stores which speak S3 leave out, and an upload must not be lost for a
//! field that nobody needs.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use suitecast_store::VersionId;

use super::{EnvelopeError, MAX_KEY_BYTES, detail, json, records, shortened, unexpected};

/// What a notification may look like.
const NOTIFICATIONS: &str = "an S3 event notification ({\"Records\":[{\"eventName\":…,\"s3\":{…}}]}), \
                             an SNS notification around one, or s3:TestEvent";

/// One upload to the master bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEvent {
    /// The key, decoded.
    pub key: String,
    /// The version that the upload made, where the bucket is versioned.
    pub version: Option<VersionId>,
    /// Its size in bytes, where the event names it.
    pub size: Option<u64>,
    /// When S3 took it.
    pub uploaded_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: String,
    #[serde(rename = "eventTime")]
    event_time: Option<String>,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    size: Option<u64>,
    #[serde(rename = "versionId")]
    version_id: Option<String>,
}

/// The uploads that the body of a queue's message tells of: none for `s3:TestEvent` and for events of other kinds.
pub(super) fn uploads_of_body(body: &str, master_bucket: &str) -> Result<Vec<UploadEvent>, EnvelopeError> {
    let body = json(body, NOTIFICATIONS)?;
    match sns_message(&body) {
        Some(message) => uploads_of_notification(&json(message, NOTIFICATIONS)?, master_bucket),
        None => uploads_of_notification(&body, master_bucket),
    }
}

/// The text inside an SNS notification.
fn sns_message(body: &Value) -> Option<&str> {
    let kind = body.get("Type").and_then(Value::as_str)?;
    if kind == "Notification" { body.get("Message").and_then(Value::as_str) } else { None }
}

/// The uploads that a notification of S3's own form tells of.
pub(super) fn uploads_of_notification(event: &Value, master_bucket: &str) -> Result<Vec<UploadEvent>, EnvelopeError> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let records = records(event).ok_or_else(|| unexpected(event, NOTIFICATIONS))?;
    let mut uploads = Vec::with_capacity(records.len());
    for record in records {
        uploads.extend(upload_of_record(record, master_bucket)?);
    }
    Ok(uploads)
}

fn upload_of_record(record: &Value, master_bucket: &str) -> Result<Option<UploadEvent>, EnvelopeError> {
    let record = Record::deserialize(record).map_err(|error| EnvelopeError::BadField {
        what: "S3 event record",
        detail: detail(&error),
        expected: NOTIFICATIONS,
    })?;
    let bucket = record.s3.bucket.name;
    if bucket != master_bucket {
        return Err(EnvelopeError::OtherBucket { found: shortened(&bucket), expected: master_bucket.to_owned() });
    }
    if !is_object_created(&record.event_name) {
        return Ok(None);
    }
    Ok(Some(UploadEvent {
        key: decode_key(&record.s3.object.key)?,
        version: record.s3.object.version_id.filter(|version| !version.is_empty()).map(VersionId),
        size: record.s3.object.size,
        // Only the lag metric needs it: an odd time is no reason to lose an upload.
        uploaded_at: record.event_time.and_then(|time| time.parse().ok()),
    }))
}

/// S3 writes `ObjectCreated:Put`; some stores that speak S3 keep the `s3:` of the configuration.
fn is_object_created(event_name: &str) -> bool {
    event_name.strip_prefix("s3:").unwrap_or(event_name).starts_with("ObjectCreated:")
}

/// Decodes a key as S3 encodes it in its events, like a form: `+` is a space, `%XX` a byte, and the bytes are UTF-8.
///
/// # Errors
/// A `%` that no two hex digits follow, bytes that are no UTF-8, an empty or over-long key: S3 sends none of these.
pub fn decode_key(encoded: &str) -> Result<String, EnvelopeError> {
    let bad = |rule| EnvelopeError::BadKey { key: shortened(encoded), rule };
    let spaced = encoded.replace('+', " ");
    let whole = |rest: &str| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !spaced.split('%').skip(1).all(whole) {
        return Err(bad("a % without two hex digits behind it; S3 form-encodes the keys of its events"));
    }
    let key = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| bad("no UTF-8 once its %XX are decoded; S3 keys are UTF-8"))?
        .into_owned();
    if key.is_empty() {
        return Err(bad("empty"));
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(bad("longer than 1024 bytes, S3's limit"));
    }
    Ok(key)
}
