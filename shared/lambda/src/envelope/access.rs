//! What access takes.

use serde::Deserialize;
use serde_json::Value;

use super::{EnvelopeError, call, json, records, unexpected};

/// What access takes, for errors and people.
pub const ACCESS_INPUTS: &str = "an announcement of the topic AmazonIpSpaceChanged, from a queue or from SNS, \
                                 or {} with \"dry_run\" and \"force\" as wanted";

/// What the body of an announcement holds.
const ANNOUNCEMENT: &str = "{\"create-time\",\"synctoken\",\"md5\",\"url\"}, as Amazon announces its address ranges";

/// An event for access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessInput {
    /// Amazon announced new address ranges.
    Announced(Announcement),
    /// A look without being told: the schedule's, or a person's.
    Look(AccessCall),
}

/// The options of a manual call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessCall {
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Apply a list even if it locks out many of the addresses that are admitted.
    #[serde(default)]
    pub force: bool,
}

/// What Amazon says of a new document of address ranges. It is believed in nothing but that there is something to look at:
/// the document comes from where the operator says, and must have this digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The document's publication, in seconds since the epoch.
    pub sync_token: u64,
    /// The MD5 of the document's bytes, in lower-case hexadecimal.
    pub md5: String,
    /// Where it lies.
    pub url: String,
}

#[derive(Deserialize)]
struct Message {
    synctoken: String,
    md5: String,
    url: String,
}

impl AccessInput {
    /// Decodes an event.
    ///
    /// # Errors
    /// An event that is none of [`ACCESS_INPUTS`].
    pub fn decode(event: &Value) -> Result<Self, EnvelopeError> {
        if let Some(records) = records(event) {
            let announcements: Vec<Announcement> = records.iter().map(announcement).collect::<Result<_, _>>()?;
            // One record comes at a time; of several the newest speaks for all, since each document replaces those before it.
            let newest = announcements.into_iter().max_by_key(|announcement| announcement.sync_token);
            return newest.map(Self::Announced).ok_or_else(|| unexpected(event, ACCESS_INPUTS));
        }
        if event.is_object() {
            return call(event, "access call", ACCESS_INPUTS).map(Self::Look);
        }
        Err(unexpected(event, ACCESS_INPUTS))
    }
}

fn announcement(record: &Value) -> Result<Announcement, EnvelopeError> {
    const WHAT: &str = "announcement";
    // The topic's message, as the queue holds it (raw delivery), or as SNS hands it to a function.
    let text = ["/body", "/Sns/Message"].into_iter().find_map(|place| record.pointer(place)?.as_str());
    let message = json(text.ok_or_else(|| unexpected(record, ACCESS_INPUTS))?, ANNOUNCEMENT)?;
    let Message { synctoken, md5, url } = call(&message, WHAT, ANNOUNCEMENT)?;
    let bad = |detail: &str| EnvelopeError::BadField { what: WHAT, detail: detail.to_owned(), expected: ANNOUNCEMENT };
    let sync_token = synctoken.parse().map_err(|_| bad("synctoken is no number of seconds"))?;
    let is_md5 = md5.len() == 32 && md5.chars().all(|character| character.is_ascii_hexdigit());
    if !is_md5 {
        return Err(bad("md5 is no MD5 in hexadecimal"));
    }
    Ok(Announcement { sync_token, md5: md5.to_ascii_lowercase(), url })
}
