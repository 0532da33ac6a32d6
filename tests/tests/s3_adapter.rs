//! The real SDK meets the strict S3 over HTTP: what the adapter makes of redirects, troubles and sizes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use futures::StreamExt;
use suitecast_store::{
    Copied, CopyRequest, CopySource, ErrorKind, GetRequest, Got, ObjectHeaders, PutRequest, S3Bucket, S3ClientSettings,
    SourceCondition, Store, StoreError, WriteCondition, s3_client,
};
use suitecast_testing::{
    StrictS3,
    http::HttpServer,
    strict::{BucketSettings, Limits, S3Operation, Trouble, TroubleRule},
};
use suitecast_tests::buckets::test_settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MASTER_REGION: &str = "us-east-1";
const REGION: &str = "eu-west-1";
const REGION_BUCKET: &str = "eu-west-1.archive.example.com";

struct Cloud {
    s3: StrictS3,
    server: HttpServer,
}

impl Cloud {
    async fn start() -> Self {
        let s3 = StrictS3::new(jiff::Timestamp::now);
        s3.create_bucket("master", BucketSettings::in_region(MASTER_REGION).versioned_and_notifying());
        s3.create_bucket(REGION_BUCKET, BucketSettings::in_region(REGION).readable_except(".suitecast/"));
        let server = HttpServer::start(s3.clone()).await.unwrap();
        Self { s3, server }
    }

    fn bucket(&self, region: &str, name: &str) -> S3Bucket {
        let shared = test_settings(&self.server.endpoint());
        S3Bucket::new(s3_client(&shared, &S3ClientSettings::for_region(region)), name)
    }

    fn region(&self) -> S3Bucket {
        self.bucket(REGION, REGION_BUCKET)
    }

    fn requests(&self, operation: S3Operation) -> u64 {
        self.s3.count(|request| request.operation == operation).requests
    }

    /// Status line, headers and body of an unsigned request, as an apt client makes it.
    async fn apt_get(&self, path: &str, headers: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.server.address()).await.unwrap();
        let request = format!(
            "GET /{REGION_BUCKET}/{path} HTTP/1.1\r\nHost: {REGION_BUCKET}\r\n{headers}Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

fn put(key: &str, content: &str, condition: WriteCondition) -> PutRequest {
    let bytes = Bytes::from(content.to_owned());
    let headers = ObjectHeaders { content_type: Some("text/plain"), cache_control: Some("public, max-age=0") };
    PutRequest { key: key.to_owned(), bytes, condition, headers }
}

async fn copy(to: &S3Bucket, key: &str, condition: WriteCondition) -> Result<Copied, StoreError> {
    let source = CopySource {
        bucket: "master".to_owned(),
        key: key.to_owned(),
        version: None,
        condition: SourceCondition::Always,
        size: None,
    };
    let headers = ObjectHeaders { content_type: Some("application/x-xz"), cache_control: Some("immutable") };
    to.copy(CopyRequest { source, key: key.to_owned(), condition, headers }).await
}

fn kind<T>(outcome: Result<T, StoreError>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind)
}

#[tokio::test]
async fn a_bucket_in_another_region_is_said_to_be_so_by_every_verb() {
    let cloud = Cloud::start().await;
    cloud.s3.plant("master", "key", "content").unwrap();
    let misled = cloud.bucket(REGION, "master");
    assert_eq!(kind(misled.head("key").await), Some(ErrorKind::WrongRegion));
    let read = misled.get(GetRequest { key: "key".to_owned(), ..GetRequest::default() }).await.err().unwrap();
    assert_eq!(read.kind, ErrorKind::WrongRegion);
    assert!(read.to_string().contains("the bucket is in us-east-1"), "{read}");
    assert_eq!(kind(misled.put(put("key", "x", WriteCondition::Always)).await), Some(ErrorKind::WrongRegion));
    assert_eq!(kind(copy(&misled, "key", WriteCondition::Always).await), Some(ErrorKind::WrongRegion));
    assert_eq!(kind(misled.versions("key", 1).await), Some(ErrorKind::WrongRegion));
    assert_eq!(kind(misled.delete("key").await), Some(ErrorKind::WrongRegion));
    assert_eq!(cloud.s3.peek("master", "key").unwrap(), "content");
}

#[tokio::test]
async fn a_copy_over_the_limit_goes_in_parts_from_whatever_region() {
    let cloud = Cloud::start().await;
    cloud.s3.set_limits(Limits { one_call_bytes: 8, ..Limits::default() });
    cloud.s3.plant("master", "big", "more than eight bytes").unwrap();
    let region = cloud.region();
    let copied = copy(&region, "big", WriteCondition::Absent).await.unwrap();
    assert_eq!(copied.sha256, None);
    assert_eq!(cloud.s3.peek(REGION_BUCKET, "big").unwrap(), "more than eight bytes");
    assert_eq!(cloud.s3.peek_headers(REGION_BUCKET, "big").unwrap().cache_control.as_deref(), Some("immutable"));
    assert_eq!(cloud.requests(S3Operation::UploadPartCopy), 1);

    assert_eq!(kind(copy(&region, "big", WriteCondition::Absent).await), Some(ErrorKind::PreconditionFailed));
    assert_eq!(cloud.requests(S3Operation::UploadPartCopy), 1, "nothing is copied in vain");

    cloud.s3.trouble(TroubleRule::once(Trouble::Conflict).on(S3Operation::CompleteMultipartUpload));
    assert_eq!(kind(copy(&region, "big", WriteCondition::Always).await), Some(ErrorKind::Conflict));
    assert_eq!(cloud.s3.unfinished_uploads(REGION_BUCKET), 0, "what came to nothing is cleared away");
}

#[tokio::test]
async fn passing_troubles_are_repeated_and_lasting_ones_reported() {
    let cloud = Cloud::start().await;
    cloud.s3.plant("master", "key", "content").unwrap();
    let region = cloud.region();
    cloud.s3.trouble(TroubleRule::once(Trouble::SlowDown).times(2, 0).on(S3Operation::CopyObject));
    copy(&region, "key", WriteCondition::Absent).await.unwrap();
    assert_eq!(cloud.requests(S3Operation::CopyObject), 3);

    cloud.s3.forget_requests();
    cloud.s3.trouble(TroubleRule::once(Trouble::ErrorInBody).on(S3Operation::CopyObject));
    copy(&region, "key", WriteCondition::Always).await.unwrap();
    assert_eq!(cloud.requests(S3Operation::CopyObject), 2, "a success with an error in its body is none");

    cloud.s3.trouble(TroubleRule::once(Trouble::Denied).on(S3Operation::HeadObject));
    assert_eq!(kind(region.head("key").await), Some(ErrorKind::AccessDenied), "denied is never absent");
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_repeated_and_then_meets_itself() {
    let cloud = Cloud::start().await;
    cloud.s3.trouble(TroubleRule::once(Trouble::LostAnswer).on(S3Operation::PutObject));
    let outcome = cloud.region().put(put("key", "mine", WriteCondition::Absent)).await;
    assert_eq!(kind(outcome), Some(ErrorKind::PreconditionFailed), "which is why callers look before they conclude");
    assert_eq!(cloud.s3.peek(REGION_BUCKET, "key").unwrap(), "mine");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let cloud = Cloud::start().await;
    let content = "0123456789".repeat(100_000);
    cloud.s3.plant(REGION_BUCKET, "key", content).unwrap();
    cloud.s3.trouble(TroubleRule::once(Trouble::CutBody(70_000)).on(S3Operation::GetObject));
    let request = GetRequest { key: "key".to_owned(), ..GetRequest::default() };
    let Got::Object { mut body, info } = cloud.region().get(request).await.unwrap() else { panic!("unconditional") };
    assert_eq!(info.size, 1_000_000);
    let mut last = None;
    while let Some(piece) = body.next().await {
        last = Some(piece);
    }
    assert_eq!(kind(last.unwrap()), Some(ErrorKind::Unavailable));
}

#[tokio::test]
async fn what_is_written_carries_the_headers_that_clients_see() {
    let cloud = Cloud::start().await;
    let region = cloud.region();
    region.put(put("dists/a/InRelease", "signed", WriteCondition::Absent)).await.unwrap();
    cloud.s3.plant("master", "pool/a", "content").unwrap();
    copy(&region, "pool/a", WriteCondition::Absent).await.unwrap();
    let release = cloud.apt_get("dists/a/InRelease", "").await.to_ascii_lowercase();
    assert!(release.starts_with("http/1.1 200"), "{release}");
    assert!(release.contains("cache-control: public, max-age=0\r\n"), "{release}");
    assert!(release.contains("content-type: text/plain\r\n"), "{release}");
    let pool = cloud.apt_get("pool/a", "").await.to_ascii_lowercase();
    assert!(pool.contains("cache-control: immutable\r\n") && pool.ends_with("content"), "{pool}");
}

#[tokio::test]
async fn apt_clients_meet_s3_as_it_is() {
    let cloud = Cloud::start().await;
    cloud.s3.plant(REGION_BUCKET, "pool/g++.deb", "0123456789").unwrap();
    cloud.s3.plant(REGION_BUCKET, ".suitecast/state/x", "private").unwrap();
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();

    assert_eq!(status(&cloud.apt_get("pool/g%2B%2B.deb", "").await), "200");
    assert_eq!(
        status(&cloud.apt_get("pool/g++.deb", "").await),
        "403",
        "a plus sign is a space, and who may not list is denied"
    );
    assert_eq!(status(&cloud.apt_get(".suitecast/state/x", "").await), "403");

    let part = cloud.apt_get("pool/g%2B%2B.deb", "Range: bytes=4-\r\n").await;
    assert!(status(&part) == "206" && part.ends_with("\r\n\r\n456789"), "{part}");
    let etag = cloud.s3.peek_etag(REGION_BUCKET, "pool/g++.deb").unwrap();
    let known = format!("If-None-Match: \"{}\"\r\n", etag.as_str());
    assert_eq!(status(&cloud.apt_get("pool/g%2B%2B.deb", &known).await), "304");
    let since = "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    assert_eq!(status(&cloud.apt_get("pool/g%2B%2B.deb", since).await), "304");
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_no_absent_key() {
    let cloud = Cloud::start().await;
    let nowhere = cloud.bucket(REGION, "nowhere");
    let read = nowhere.get(GetRequest { key: "key".to_owned(), ..GetRequest::default() }).await;
    assert_eq!(read.err().map(|error| error.kind), Some(ErrorKind::NoSuchBucket));
}
