//! The notifications S3 sends, encoded as S3 encodes them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Random;

/// What form encoding leaves as it is; S3 leaves slashes, too. A space becomes `+`, a plus sign `%2B`.
const EVENT_KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// What happens to notifications on their way. S3 promises "at least once" and no order; losing some is what sweeps
/// are for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Mishaps {
    /// What chance is drawn from.
    pub seed: u64,
    /// Of a hundred notifications, so many never arrive.
    pub lost_percent: u8,
    /// Of a hundred notifications, so many arrive twice.
    pub doubled_percent: u8,
    /// Whether they arrive in any order.
    pub reordered: bool,
}

impl Mishaps {
    /// Everything arrives, once and in order.
    pub fn none() -> Self {
        Self::default()
    }

    pub(super) fn befall(&self, events: Vec<Value>) -> Vec<Value> {
        let mut random = Random::new(self.seed);
        let mut delivered = Vec::with_capacity(events.len());
        for event in events {
            if random.chance(self.lost_percent) {
                continue;
            }
            if random.chance(self.doubled_percent) {
                delivered.push(event.clone());
            }
            delivered.push(event);
        }
        if self.reordered {
            random.shuffle(&mut delivered);
        }
        delivered
    }
}

/// What happened to a key.
pub(super) struct Happening<'a> {
    /// `ObjectCreated:Put`, …
    pub(super) name: &'static str,
    pub(super) region: &'a str,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) time: jiff::Timestamp,
    /// Size and tag; `None` where something was removed.
    pub(super) object: Option<(u64, &'a str)>,
    pub(super) version: Option<&'a str>,
    pub(super) sequence: u64,
}

/// The key as it stands in a notification.
fn encoded(key: &str) -> String {
    utf8_percent_encode(key, EVENT_KEY).to_string().replace(' ', "+")
}

/// One message: S3 sends one record in each.
pub(super) fn message(happening: &Happening<'_>) -> Value {
    let mut object = json!({
        "key": encoded(happening.key),
        "sequencer": format!("{:016X}", happening.sequence),
    });
    if let Some((size, etag)) = happening.object {
        object["size"] = json!(size);
        object["eTag"] = json!(etag);
    }
    if let Some(version) = happening.version {
        object["versionId"] = json!(version);
    }
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": happening.region,
        "eventTime": format!("{:.3}", happening.time),
        "eventName": happening.name,
        "userIdentity": { "principalId": "AWS:AIDAEXAMPLE" },
        "requestParameters": { "sourceIPAddress": "192.0.2.1" },
        "responseElements": { "x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8" },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": happening.bucket,
                "ownerIdentity": { "principalId": "A3NL1KOZZKExample" },
                "arn": format!("arn:aws:s3:::{}", happening.bucket),
            },
            "object": object,
        },
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_encoded_as_s3_does_it() {
        assert_eq!(encoded("pool/main/g/g++_1:2~rc1_all.deb"), "pool/main/g/g%2B%2B_1%3A2%7Erc1_all.deb");
        assert_eq!(encoded("a b/ü%"), "a+b/%C3%BC%25");
    }

    #[test]
    fn mishaps_are_the_same_for_the_same_seed() {
        let events: Vec<Value> = (0..100).map(|number| json!(number)).collect();
        let mishaps = Mishaps { seed: 7, lost_percent: 20, doubled_percent: 20, reordered: true };
        let delivered = mishaps.befall(events.clone());
        assert_eq!(delivered, mishaps.befall(events.clone()));
        assert!(events.iter().any(|event| !delivered.contains(event)), "some are lost");
        assert!(
            events.iter().any(|event| delivered.iter().filter(|other| *other == event).count() == 2),
            "some come twice"
        );
        assert_eq!(Mishaps::none().befall(events.clone()), events);
    }
}
