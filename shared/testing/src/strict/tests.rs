//! The behaviour of S3 that no promise of the port shows, each as AWS documents it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{
    CopyRequest, CopySource, ErrorKind, GetRequest, Got, ListRequest, ObjectHeaders, Operation, PutRequest,
    SourceCondition, Store, StoreError, WriteCondition,
};

use super::*;
use crate::{Aftermath, EffectKind, Faults, FaultyStore, ManualClock, Moment};

const MASTER_REGION: &str = "us-east-1";
const REGION: &str = "eu-west-1";

fn world() -> (StrictS3, ManualClock) {
    let clock = ManualClock::default();
    let time = clock.clone();
    let s3 = StrictS3::new(move || time.now());
    s3.create_bucket("master", BucketSettings::in_region(MASTER_REGION).versioned_and_notifying());
    s3.create_bucket("region", BucketSettings::in_region(REGION).readable_except(".suitecast/"));
    (s3, clock)
}

fn small_limits(s3: &StrictS3) {
    s3.set_limits(Limits { one_call_bytes: 10, smallest_part_bytes: 5, page_keys: 3, ..Limits::default() });
}

fn put(key: &str, content: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned(),
        bytes: Bytes::from(content.to_owned()),
        condition: WriteCondition::Always,
        headers: ObjectHeaders::default(),
    }
}

fn copy(key: &str, condition: WriteCondition) -> CopyRequest {
    let source = CopySource {
        bucket: "master".to_owned(),
        key: key.to_owned(),
        version: None,
        condition: SourceCondition::Always,
        size: None,
    };
    let headers = ObjectHeaders { content_type: Some("text/plain"), cache_control: Some("public, max-age=0") };
    CopyRequest { source, key: key.to_owned(), condition, headers }
}

async fn read(store: &dyn Store, key: &str) -> Result<Vec<u8>, StoreError> {
    let request = GetRequest { key: key.to_owned(), ..GetRequest::default() };
    let Got::Object { mut body, .. } = store.get(request).await? else { panic!("unconditional") };
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

fn kind<T>(outcome: Result<T, StoreError>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind)
}

#[tokio::test]
async fn a_copy_gets_a_digest_of_the_whole_however_its_source_was_uploaded() {
    let (s3, _) = world();
    s3.set_limits(Limits { smallest_part_bytes: 5, ..Limits::default() });
    let caller = Caller::Signed { region: MASTER_REGION.to_owned() };
    let upload = s3.create_upload(&caller, "master", "big", StoredHeaders::default(), true).unwrap();
    let target = ("master", "big", upload.as_str());
    let parts: Vec<_> = [(1, "first part"), (2, "rest")]
        .map(|(number, bytes)| s3.upload_part(&caller, target, number, Bytes::from(bytes)).unwrap())
        .into();
    s3.complete_upload(&caller, target, &parts, &WriteCondition::Absent).unwrap();
    let source = s3.bucket("master").head("big").await.unwrap().unwrap();
    assert_eq!(source.sha256, None, "a composite checksum is none of the whole");

    s3.plant("master", "plain", "without a checksum").unwrap();
    assert_eq!(s3.bucket("master").head("plain").await.unwrap().unwrap().sha256, None);

    assert!(source.etag.as_str().ends_with("-2"), "a tag that the copy will not have");
    for (key, content) in [("big", "first partrest"), ("plain", "without a checksum")] {
        let copied = s3.bucket("region").copy(copy(key, WriteCondition::Absent)).await.unwrap();
        assert_eq!(copied.sha256, Some(Digest::of(DigestAlgorithm::Sha256, content.as_bytes())));
        let headers = s3.peek_headers("region", key).unwrap();
        assert_eq!(headers.cache_control.as_deref(), Some("public, max-age=0"));
    }
}

#[tokio::test]
async fn above_the_limit_a_copy_goes_in_parts_under_the_same_conditions() {
    let (s3, _) = world();
    small_limits(&s3);
    s3.plant("master", "big", "twenty-five bytes of this").unwrap();
    let region = s3.bucket("region");
    let copied = region.copy(copy("big", WriteCondition::Absent)).await.unwrap();
    assert_eq!(copied.sha256, None, "S3 computes none of the whole for parts");
    assert_eq!(read(&region, "big").await.unwrap(), b"twenty-five bytes of this");
    let again = region.copy(copy("big", WriteCondition::Absent)).await;
    assert_eq!(kind(again), Some(ErrorKind::PreconditionFailed));
    assert_eq!(s3.unfinished_uploads("region"), 0, "a refused upload leaves nothing to pay for");
}

#[tokio::test]
async fn an_absent_key_is_denied_to_who_may_not_list() {
    let (s3, _) = world();
    s3.plant("region", "pool/a", "a").unwrap();
    s3.plant("region", ".suitecast/state/a", "private").unwrap();
    let apt = s3.anonymous("region");
    assert_eq!(read(&apt, "pool/a").await.unwrap(), b"a");
    assert_eq!(kind(read(&apt, "pool/b").await), Some(ErrorKind::AccessDenied));
    assert_eq!(kind(read(&apt, ".suitecast/state/a").await), Some(ErrorKind::AccessDenied));
    assert_eq!(kind(apt.put(put("pool/b", "b")).await), Some(ErrorKind::AccessDenied));
    assert_eq!(kind(apt.list(ListRequest::default()).await), Some(ErrorKind::AccessDenied));

    let function = s3.bucket("region");
    assert_eq!(function.head("pool/b").await.unwrap(), None);
    s3.change_bucket("region", |settings| settings.access.signed_list = false);
    assert_eq!(kind(function.head("pool/b").await), Some(ErrorKind::AccessDenied));
}

#[tokio::test]
async fn a_bucket_answers_in_its_own_region_only_and_copies_come_from_any() {
    let (s3, _) = world();
    s3.plant("master", "key", "content").unwrap();
    assert_eq!(kind(s3.bucket_from(REGION, "master").head("key").await), Some(ErrorKind::WrongRegion));
    assert_eq!(kind(s3.bucket("nothing").head("key").await), Some(ErrorKind::NoSuchBucket));
    s3.bucket("region").copy(copy("key", WriteCondition::Absent)).await.unwrap();
}

#[tokio::test]
async fn pages_and_folding_keep_utf_8_byte_order() {
    let (s3, _) = world();
    small_limits(&s3);
    for key in ["gcc/x", "gcc-12/x", "gcc-12/y", "a", "b", "zz", "ä"] {
        s3.plant("region", key, key).unwrap();
    }
    let region = s3.bucket("region");
    let mut request = ListRequest { folded: true, ..ListRequest::default() };
    let mut seen = Vec::new();
    loop {
        let page = region.list(request.clone()).await.unwrap();
        assert!(page.objects.len() + page.prefixes.len() <= 3);
        let keys = page.objects.into_iter().map(|object| object.key);
        let mut names: Vec<String> = keys.chain(page.prefixes).collect();
        names.sort();
        seen.extend(names);
        match page.next {
            Some(next) => request.continuation = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "gcc-12/", "gcc/", "zz", "ä"]);
}

#[tokio::test]
async fn last_modified_is_in_whole_seconds_of_the_clock() {
    let (s3, clock) = world();
    clock.set(Timestamp::new(1_788_264_000, 700_000_000).unwrap());
    s3.plant("region", "key", "a").unwrap();
    let info = s3.bucket("region").head("key").await.unwrap().unwrap();
    assert_eq!(info.last_modified, Some(Timestamp::from_second(1_788_264_000).unwrap()));
    clock.advance(SignedDuration::from_secs(60));
    s3.plant("region", "key", "b").unwrap();
    let info = s3.bucket("region").head("key").await.unwrap().unwrap();
    assert_eq!(info.last_modified, Some(Timestamp::from_second(1_788_264_060).unwrap()));
}

#[tokio::test]
async fn troubles_strike_the_requests_they_mean() {
    let (s3, _) = world();
    s3.plant("master", "key", "content").unwrap();
    let region = s3.bucket("region");

    s3.trouble(TroubleRule::once(Trouble::ErrorInBody).on(S3Operation::CopyObject));
    assert_eq!(kind(region.copy(copy("key", WriteCondition::Absent)).await), Some(ErrorKind::Unavailable));
    assert_eq!(s3.peek("region", "key"), None, "an error in the body: nothing was written");

    s3.trouble(TroubleRule::once(Trouble::LostAnswer).at("region", "key"));
    assert_eq!(kind(region.copy(copy("key", WriteCondition::Absent)).await), Some(ErrorKind::Unavailable));
    assert!(s3.peek("region", "key").is_some(), "a lost answer: it was written");

    s3.trouble(TroubleRule::once(Trouble::SlowDown).times(2, 1));
    assert_eq!(kind(region.head("key").await), None);
    assert_eq!(kind(region.head("key").await), Some(ErrorKind::Throttled));
    assert_eq!(kind(region.head("key").await), Some(ErrorKind::Throttled));
    assert_eq!(kind(region.head("key").await), None);

    s3.trouble(TroubleRule::once(Trouble::CutBody(3)));
    assert_eq!(kind(read(&region, "key").await), Some(ErrorKind::Unavailable));
    assert_eq!(read(&region, "key").await.unwrap(), b"content");
}

#[tokio::test]
async fn every_request_and_byte_is_counted() {
    let (s3, _) = world();
    s3.plant("master", "pool/a", "content").unwrap();
    let region = s3.bucket("region");
    region.copy(copy("pool/a", WriteCondition::Absent)).await.unwrap();
    region.put(put("dists/a", "12345")).await.unwrap();
    read(&region, "pool/a").await.unwrap();
    let pool = s3.count(|request| request.bucket == "region" && request.key.starts_with("pool/"));
    assert_eq!((pool.requests, pool.bytes_copied, pool.bytes_sent, pool.bytes_received), (2, 7, 7, 0));
    assert_eq!(pool.of_operation(S3Operation::CopyObject), 1);
    assert_eq!(s3.count(|request| request.operation.is_write()).bytes_received, 5);
    s3.forget_requests();
    assert!(s3.requests().is_empty());
}

#[tokio::test]
async fn uploads_are_notified_as_s3_does_it() {
    let (s3, _) = world();
    s3.bucket("master").put(put("pool/g++_1:2_all.deb", "12345")).await.unwrap();
    s3.bucket("master").delete("pool/g++_1:2_all.deb").await.unwrap();
    s3.bucket("region").put(put("unheard", "x")).await.unwrap();
    let events = s3.take_events(&Mishaps::none());
    let names: Vec<&str> = events.iter().map(|event| event["Records"][0]["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated"]);
    let object = &events[0]["Records"][0]["s3"]["object"];
    assert_eq!(object["key"], "pool/g%2B%2B_1%3A2_all.deb");
    assert_eq!(object["size"], 5);
    assert!(object["versionId"].is_string());
    assert!(s3.take_events(&Mishaps::none()).is_empty(), "each is taken once");
}

#[tokio::test]
async fn a_fault_strikes_before_or_after_the_effect_it_was_set_for() {
    for (moment, written) in [(Moment::Before, false), (Moment::After, true)] {
        let (s3, _) = world();
        let faults = Faults::none();
        let store = FaultyStore::new(std::sync::Arc::new(s3.bucket("region")), &faults);
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = seen.clone();
        faults.observe(move |effect| heard.lock().unwrap().push((effect.number, effect.operation, effect.done)));
        faults.fail(1, moment, Aftermath::Crash);
        store.put(put("first", "1")).await.unwrap();
        assert_eq!(kind(store.put(put("second", "2")).await), Some(ErrorKind::Unavailable));
        assert!(faults.struck());
        assert_eq!(s3.peek("region", "second").is_some(), written);
        assert_eq!(kind(store.head("first").await), Some(ErrorKind::Unavailable), "a dead process reads nothing");
        assert_eq!(kind(store.put(put("third", "3")).await), Some(ErrorKind::Unavailable));
        assert_eq!(s3.peek("region", "third"), None);
        faults.repair();
        store.put(put("third", "3")).await.unwrap();
        let mut expected = vec![(0, Operation::Put, true), (2, Operation::Put, true)];
        if written {
            expected.insert(1, (1, Operation::Put, true));
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(number, operation, done)| (number, EffectKind::Store(operation), done))
            .collect();
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_gate_lets_something_else_happen_first() {
    let (s3, _) = world();
    let faults = Faults::none();
    let store = FaultyStore::new(std::sync::Arc::new(s3.bucket("region")), &faults);
    let mut gate = faults.hold(0);
    let creating = PutRequest { condition: WriteCondition::Absent, ..put("key", "mine") };
    let write = tokio::spawn(async move { store.put(creating).await });
    gate.reached().await;
    s3.plant("region", "key", "theirs").unwrap();
    gate.open();
    assert_eq!(kind(write.await.unwrap()), Some(ErrorKind::PreconditionFailed));
    assert_eq!(s3.peek("region", "key").unwrap(), "theirs");
}
