//! The adapter under faults on the wire: it may fail, and say that it failed, but nothing that it says may be untrue.
//!
//! `python -m attacks.wire` is the same with the whole pipeline behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{
    CopyRequest, CopySource, ETag, ErrorKind, GetRequest, Got, ListRequest, ObjectHeaders, PutRequest, S3Bucket,
    S3ClientSettings, SourceCondition, Store, StoreError, WriteCondition, s3_client,
};
use suitecast_testing::{
    Random, StrictS3,
    http::{FaultPlan, HttpServer},
    strict::BucketSettings,
};
use suitecast_tests::buckets::test_settings;

const REGION: &str = "eu-west-1";
const BUCKET: &str = "eu-west-1.archive.example.com";
const MASTER: &str = "master";
/// Keys, each used by one task alone, so that the task knows what must be there.
const KEYS: u64 = 24;
/// Calls a key.
const CALLS: usize = 24;
const SEED: u64 = 20_261_125;

struct Tester {
    s3: StrictS3,
    bucket: S3Bucket,
    key: String,
    random: Random,
    /// Calls that failed for want of an answer, and calls that succeeded.
    failed: u64,
    succeeded: u64,
}

impl Tester {
    fn stands(&self) -> Option<Bytes> {
        self.s3.peek(BUCKET, &self.key)
    }

    fn etag(&self) -> Option<ETag> {
        self.s3.peek_etag(BUCKET, &self.key)
    }

    /// Always, where it is absent, or where it holds what it holds; now and then what it does not hold.
    fn condition(&mut self) -> WriteCondition {
        match (self.random.below(4), self.etag()) {
            (0, _) => WriteCondition::Always,
            (1, _) | (2 | 3, None) => WriteCondition::Absent,
            (2, Some(etag)) => WriteCondition::Matches(etag),
            _ => WriteCondition::Matches(ETag::new("0123456789abcdef0123456789abcdef")),
        }
    }

    fn allows(&self, condition: &WriteCondition) -> bool {
        match condition {
            WriteCondition::Always => true,
            WriteCondition::Absent => self.etag().is_none(),
            WriteCondition::Matches(etag) => self.etag().as_ref() == Some(etag),
        }
    }

    /// What a failure may be: a passing one. A failed condition is one only where it did fail, or where the write took
    /// place and its answer got lost.
    fn may_fail(&mut self, error: &StoreError, wrote: Option<(bool, &Bytes)>) {
        self.failed += 1;
        if let (ErrorKind::PreconditionFailed | ErrorKind::NotFound, Some((allowed, bytes))) = (error.kind, wrote) {
            assert!(
                !allowed || self.stands().as_ref() == Some(bytes),
                "{error}: the condition held, and it is not ours"
            );
            return;
        }
        assert!(error.is_retryable(), "{error}");
    }

    async fn look(&mut self) {
        match self.bucket.head(&self.key).await {
            Ok(found) => {
                self.succeeded += 1;
                assert_eq!(found.map(|info| info.etag), self.etag(), "{}", self.key);
            }
            Err(error) => self.may_fail(&error, None),
        }
    }

    async fn read(&mut self) {
        let outcome = self.bucket.get(GetRequest { key: self.key.clone(), ..GetRequest::default() }).await;
        let body = match outcome {
            Ok(Got::Object { body, .. }) => body.try_fold(BytesMut::new(), |mut read, piece| async move {
                read.extend_from_slice(&piece);
                Ok(read)
            }),
            Ok(Got::Unchanged) => panic!("{}: nothing was said of what is known", self.key),
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.succeeded += 1;
                return assert_eq!(self.stands(), None, "{error}");
            }
            Err(error) => return self.may_fail(&error, None),
        };
        match body.await {
            Ok(read) => {
                self.succeeded += 1;
                assert_eq!(Some(read.freeze()), self.stands(), "{}", self.key);
            }
            Err(error) => self.may_fail(&error, None),
        }
    }

    async fn list(&mut self) {
        match self.bucket.list(ListRequest { prefix: self.key.clone(), ..ListRequest::default() }).await {
            Ok(page) => {
                self.succeeded += 1;
                let listed: Vec<_> = page.objects.into_iter().map(|listed| (listed.key, listed.etag)).collect();
                let stand: Vec<_> = self.etag().map(|etag| (self.key.clone(), etag)).into_iter().collect();
                assert_eq!(listed, stand);
            }
            Err(error) => self.may_fail(&error, None),
        }
    }

    async fn put(&mut self) {
        let (condition, bytes) = (self.condition(), Bytes::from(format!("put {:x}", self.random.bits())));
        let allowed = self.allows(&condition);
        let headers = ObjectHeaders::default();
        let request = PutRequest { key: self.key.clone(), bytes: bytes.clone(), condition, headers };
        match self.bucket.put(request).await {
            Ok(put) => {
                self.succeeded += 1;
                assert!(allowed, "{}: written against its condition", self.key);
                assert_eq!((self.stands(), self.etag()), (Some(bytes), Some(put.etag)));
            }
            Err(error) => self.may_fail(&error, Some((allowed, &bytes))),
        }
    }

    async fn copy(&mut self) {
        let (condition, bytes) = (self.condition(), Bytes::from(format!("copy {:x}", self.random.bits())));
        self.s3.plant(MASTER, &self.key, bytes.clone()).unwrap();
        let allowed = self.allows(&condition);
        let source = CopySource {
            bucket: MASTER.to_owned(),
            key: self.key.clone(),
            version: None,
            condition: SourceCondition::Always,
            size: Some(bytes.len() as u64),
        };
        let request = CopyRequest { source, key: self.key.clone(), condition, headers: ObjectHeaders::default() };
        match self.bucket.copy(request).await {
            Ok(copied) => {
                self.succeeded += 1;
                assert!(allowed, "{}: copied against its condition", self.key);
                assert_eq!(self.stands().as_ref(), Some(&bytes), "{}: said to be copied", self.key);
                assert_eq!(copied.sha256, Some(Digest::of(DigestAlgorithm::Sha256, &bytes)));
            }
            Err(error) => self.may_fail(&error, Some((allowed, &bytes))),
        }
    }

    async fn delete(&mut self) {
        match self.bucket.delete(&self.key).await {
            Ok(()) => {
                self.succeeded += 1;
                assert_eq!(self.stands(), None, "{}: said to be gone", self.key);
            }
            Err(error) => self.may_fail(&error, None),
        }
    }

    async fn run(mut self) -> (u64, u64) {
        for _ in 0..CALLS {
            match self.random.below(8) {
                0 => self.look().await,
                1 => self.read().await,
                2 => self.list().await,
                3 | 4 => self.put().await,
                5 | 6 => self.copy().await,
                _ => self.delete().await,
            }
        }
        (self.failed, self.succeeded)
    }
}

#[tokio::test]
async fn what_the_adapter_says_under_faults_on_the_wire_is_so() {
    let s3 = StrictS3::new(jiff::Timestamp::now);
    s3.create_bucket(MASTER, BucketSettings::in_region("us-east-1").versioned_and_notifying());
    s3.create_bucket(BUCKET, BucketSettings::in_region(REGION));
    let server = HttpServer::start(s3.clone()).await.unwrap();
    server.faults().set(FaultPlan { seed: SEED, percent: 30, hang_percent: 0, stubborn_percent: 3 });
    let client = s3_client(&test_settings(&server.endpoint()), &S3ClientSettings::for_region(REGION));
    let testers = (0..KEYS).map(|number| Tester {
        s3: s3.clone(),
        bucket: S3Bucket::new(client.clone(), BUCKET),
        key: format!("pool/main/{number:02}+{number}.deb"),
        random: Random::new(SEED + number),
        failed: 0,
        succeeded: 0,
    });
    let outcomes: Vec<(u64, u64)> = stream::iter(testers).map(Tester::run).buffer_unordered(usize::MAX).collect().await;
    let failed: u64 = outcomes.iter().map(|(failed, _)| failed).sum();
    let succeeded: u64 = outcomes.iter().map(|(_, succeeded)| succeeded).sum();
    println!("seed {SEED}: {succeeded} calls succeeded, {failed} failed: {}", server.faults().counts());
    assert!(succeeded > KEYS * CALLS as u64 / 2 && failed > 20, "{succeeded} succeeded, {failed} failed");
}
