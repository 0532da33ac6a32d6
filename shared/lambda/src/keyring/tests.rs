#![allow(clippy::unwrap_used, clippy::panic)]

use suitecast_testing::StrictS3;
use suitecast_testing::archive_maker::ArchiveKey;
use suitecast_testing::strict::{BucketSettings, S3Operation, Trouble, TroubleRule};

use super::*;

const BUCKET: &str = "operations";
const KEY: &str = "keys/archive.gpg";

fn armoured(seed: u64) -> String {
    ArchiveKey::from_seed(seed).unwrap().public_armoured().unwrap()
}

fn fingerprint(seed: u64) -> String {
    from_text(&armoured(seed)).unwrap().fingerprint()
}

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

struct Shelf {
    s3: StrictS3,
    keyrings: Keyrings,
}

impl Shelf {
    fn holding(text: &str) -> Self {
        let s3 = StrictS3::new(noon);
        s3.create_bucket(BUCKET, BucketSettings::in_region("eu-west-1"));
        let shelf = Self { keyrings: Keyrings::object(Arc::new(s3.bucket(BUCKET)), KEY), s3 };
        shelf.put(text);
        shelf
    }

    fn put(&self, text: &str) {
        self.s3.plant(BUCKET, KEY, text.to_owned()).unwrap();
    }

    async fn after(&self, minutes: i64) -> Result<String, KeyringUnavailable> {
        let now = noon() + SignedDuration::from_mins(minutes);
        self.keyrings.in_force(now).await.map(|keyring| keyring.unwrap().fingerprint())
    }

    fn reads(&self) -> u64 {
        self.s3.count(|request| request.operation == S3Operation::GetObject).requests
    }
}

#[test]
fn a_variable_holds_a_keyring_in_either_form() {
    let text = armoured(1);
    let binary = {
        let body: String = text.lines().filter(|line| !line.starts_with('-') && !line.contains(": ")).collect();
        body.split('=').next().unwrap_or_default().to_owned()
    };
    // The armour's own body is the base64 of the binary form; its padding was cut off with the checksum.
    let padded = format!("{binary}{}", "=".repeat((4 - binary.len() % 4) % 4));
    assert_eq!(from_text(&text).unwrap().fingerprint(), fingerprint(1));
    assert_eq!(from_text(&padded).unwrap().fingerprint(), fingerprint(1));
    assert_ne!(fingerprint(1), fingerprint(2));
    assert!(from_text("no keyring at all").unwrap_err().contains("base64"));
    assert!(!from_text("bm8ga2V5cmluZw==").unwrap_err().is_empty());
}

#[test]
fn an_object_is_named_by_bucket_and_key() {
    let object = || Ok(("bucket".to_owned(), "keys/archive.gpg".to_owned()));
    assert_eq!(object_of("bucket/keys/archive.gpg"), object());
    assert_eq!(object_of("s3://bucket/keys/archive.gpg"), object());
    for bad in ["bucket", "bucket/", "/key", "s3://bucket", ""] {
        assert!(object_of(bad).unwrap_err().contains("BUCKET/KEY"), "{bad}");
    }
}

/// apt tells by the name of a file, and refuses a binary one that is called `.asc`.
#[tokio::test]
async fn an_object_holds_a_keyring_in_either_form_whatever_its_name_says() {
    for name in ["keys/archive.asc", "keys/archive.gpg", "keys/archive"] {
        for form in [ArchiveKey::from_seed(1).unwrap().public_bytes().unwrap(), armoured(1).into_bytes()] {
            let s3 = StrictS3::new(noon);
            s3.create_bucket(BUCKET, BucketSettings::in_region("eu-west-1"));
            s3.plant(BUCKET, name, form).unwrap();
            let keyrings = Keyrings::object(Arc::new(s3.bucket(BUCKET)), name);
            assert_eq!(keyrings.in_force(noon()).await.unwrap().unwrap().fingerprint(), fingerprint(1), "{name}");
        }
    }
}

#[tokio::test]
async fn an_exchanged_keyring_counts_within_minutes_and_costs_no_request_before() {
    let shelf = Shelf::holding(&armoured(1));
    assert_eq!(shelf.after(0).await.unwrap(), fingerprint(1));
    shelf.put(&armoured(2));
    assert_eq!(shelf.after(4).await.unwrap(), fingerprint(1));
    assert_eq!(shelf.reads(), 1);
    assert_eq!(shelf.after(5).await.unwrap(), fingerprint(2));
    assert_eq!(shelf.after(11).await.unwrap(), fingerprint(2), "unchanged");
    assert_eq!(shelf.reads(), 3);
}

#[tokio::test]
async fn what_was_read_stays_in_force_when_the_object_cannot_be_read_or_used() {
    let shelf = Shelf::holding(&armoured(1));
    shelf.after(0).await.unwrap();
    shelf.s3.trouble(TroubleRule::once(Trouble::Denied));
    assert_eq!(shelf.after(6).await.unwrap(), fingerprint(1));
    shelf.put("no keyring");
    assert_eq!(shelf.after(7).await.unwrap(), fingerprint(1));
    shelf.put(&armoured(2));
    assert_eq!(shelf.after(8).await.unwrap(), fingerprint(2), "it is looked at again at the next call");
}

#[tokio::test]
async fn without_the_keyring_that_is_set_there_is_none() {
    let shelf = Shelf::holding("no keyring");
    let error = shelf.after(0).await.unwrap_err();
    assert!(matches!(error, KeyringUnavailable::Unusable { .. }) && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("s3://operations/keys/archive.gpg"), "{error}");
    shelf.put(&"x".repeat(MAX_KEYRING_BYTES + 1));
    assert!(matches!(shelf.after(0).await, Err(KeyringUnavailable::Unread { .. })));
    shelf.put(&armoured(1));
    shelf.s3.trouble(TroubleRule::once(Trouble::SlowDown));
    assert!(shelf.after(0).await.unwrap_err().is_retryable());
    assert_eq!(shelf.after(0).await.unwrap(), fingerprint(1));
}
