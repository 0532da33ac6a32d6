//! What the tests share: Amazon's own document, read by nothing of ours, and an evaluator of bucket policies.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests; each uses a part of it")]

pub(crate) mod evaluator;
pub(crate) mod intervals;

use std::io::Read;

use serde_json::Value;
use suitecast_access::readers::{OwnReaders, RegionBucket};
use suitecast_store::BucketName;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const BUCKET: &str = "eu-west-1.archive.example.com";

/// The bytes of the document that Amazon published on 22 August 2026.
pub(crate) fn amazons_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let packed = &include_bytes!("../data/ip-ranges-2026-08-22.json.gz")[..];
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A prefix of the document, as it stands there.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) text: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// Every prefix of the document.
pub(crate) fn entries(bytes: &[u8]) -> Vec<Entry> {
    let document: Value = serde_json::from_slice(bytes).unwrap();
    let list = |list: &str, field: &str| -> Vec<Entry> {
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
        let entries = document[list].as_array().unwrap().iter();
        entries
            .map(|entry| Entry {
                text: text(entry, field),
                region: text(entry, "region"),
                service: text(entry, "service"),
            })
            .collect()
    };
    [list("prefixes", "ip_prefix"), list("ipv6_prefixes", "ipv6_prefix")].concat()
}

pub(crate) fn bucket_in(region: &str) -> RegionBucket {
    RegionBucket {
        name: BucketName::parse(BUCKET).unwrap(),
        region: region.to_owned(),
        partition: "aws".to_owned(),
        account: ACCOUNT.to_owned(),
    }
}

pub(crate) fn nobody_else() -> OwnReaders {
    OwnReaders::default()
}
