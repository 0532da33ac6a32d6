//! A master and a Region on the strict S3, with the events and the queue between them: the pipeline without a wire.
//!
//! Uploads go to the master, [`World::settle`] delivers the notifications and the wake-ups until nothing is under way,
//! and [`World::view`] is what an apt client sees. Everything is deterministic: time is a [`ManualClock`], chance is in
//! the [`Mishaps`] of the notifications.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's own world: what fails here fails the test"
)]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use suitecast_archive::{Archives, Scope, SuiteName, UnlistedTrees};
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::replicate::{self, ReplicateReport, Upload};
use suitecast_engine::sweep::{self, SweepReport};
use suitecast_engine::{
    Clock, EngineError, Ports, PublishReport, QueueError, Settings, SuitePatterns, SuitesQueue, Wake,
};
use suitecast_store::{Store, VersionId};
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::client_model::{ClientModel, Scope as ClientScope, StoreReader, View};
use suitecast_testing::strict::{BucketSettings, Mishaps};
use suitecast_testing::{EffectKind, Faults, FaultyStore, ManualClock, StrictS3};

/// The master bucket.
pub const MASTER: &str = "archive-master";
/// The Region's bucket.
pub const REGION: &str = "eu-west-1.archive.example.com";

/// The suites queue's name, as its effects have it.
pub const SUITES_QUEUE: &str = "suites";

/// Publish runs and batches that one [`World::settle`] may take: far above any test's need, so that a loop is found.
const MAX_STEPS: usize = 300;

/// The clock as the engine's port.
struct EngineClock(ManualClock);

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// The suites queue: at least once, standard.
#[derive(Clone, Default)]
pub struct MemoryQueue(Arc<Mutex<Vec<Wake>>>);

impl MemoryQueue {
    /// Takes all messages.
    pub fn take(&self) -> Vec<Wake> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Sends a message that no function sent.
    pub fn send(&self, wake: Wake) {
        self.0.lock().unwrap().push(wake);
    }
}

#[async_trait]
impl SuitesQueue for MemoryQueue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        self.0.lock().unwrap().extend_from_slice(wakes);
        Ok(())
    }
}

/// The suites queue as the functions reach it: a send is an effect like a write to the Region's bucket.
struct FaultyQueue {
    inner: MemoryQueue,
    faults: Faults,
}

#[async_trait]
impl SuitesQueue for FaultyQueue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        let suites = wakes.iter().map(|wake| wake.suite.as_str()).collect::<Vec<_>>().join(" ");
        let failed = |detail: &str| QueueError { suites: suites.clone(), detail: detail.to_owned(), source: None };
        self.faults.effect(EffectKind::Send, SUITES_QUEUE, &suites, self.inner.wake(wakes), failed).await
    }
}

/// A master and one Region.
pub struct World {
    /// The buckets.
    pub s3: StrictS3,
    /// The time.
    pub clock: ManualClock,
    /// The suites queue.
    pub queue: MemoryQueue,
    /// The ports of both functions.
    pub ports: Ports,
    /// What the operator set.
    pub settings: Settings,
    /// Faults and the observer of effects in the Region and of what is sent to the suites queue.
    pub faults: Faults,
    /// What befalls notifications.
    pub mishaps: Mishaps,
    /// Uploads that one replicate batch takes.
    pub batch_size: usize,
    /// Publish runs so far.
    pub publish_runs: usize,
    /// The answers of those runs.
    pub reports: Vec<PublishReport>,
}

/// Settings that mirror everything of one archive at the bucket's root.
pub fn default_settings() -> Settings {
    Settings {
        archives: Archives::parse("/").unwrap(),
        suites: SuitePatterns::everything(),
        scope: Scope::everything(),
        unlisted: UnlistedTrees::parse("installer-*,dist-upgrader-*,signed,uefi").unwrap(),
        copy_concurrency: NonZeroUsize::new(16).unwrap(),
        allow_change_in_place: false,
        keyring: None,
        slice: Duration::from_mins(2),
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new(default_settings())
    }
}

impl World {
    /// Two empty buckets.
    pub fn new(settings: Settings) -> Self {
        let clock = ManualClock::default();
        let for_s3 = clock.clone();
        let s3 = StrictS3::new(move || for_s3.now());
        s3.create_bucket(MASTER, BucketSettings::in_region("us-east-1").versioned_and_notifying());
        s3.create_bucket(REGION, BucketSettings::in_region("eu-west-1").readable_except(".suitecast/"));
        Self::around(s3, clock, settings)
    }

    /// The same world, from here on apart: events and messages under way are not taken along, notifications not yet
    /// delivered are.
    #[must_use]
    pub fn fork(&self) -> Self {
        let clock = ManualClock::at(self.clock.now());
        let for_s3 = clock.clone();
        Self::around(self.s3.fork(move || for_s3.now()), clock, self.settings.clone())
    }

    /// A world around buckets that exist, with an empty queue.
    pub(crate) fn around(s3: StrictS3, clock: ManualClock, settings: Settings) -> Self {
        let queue = MemoryQueue::default();
        let faults = Faults::none();
        let ports = Ports {
            master: Arc::new(s3.bucket(MASTER)),
            region: Arc::new(FaultyStore::new(Arc::new(s3.bucket(REGION)) as Arc<dyn Store>, &faults)),
            queue: Arc::new(FaultyQueue { inner: queue.clone(), faults: faults.clone() }),
            clock: Arc::new(EngineClock(clock.clone())),
        };
        Self {
            s3,
            clock,
            queue,
            ports,
            settings,
            faults,
            mishaps: Mishaps::none(),
            batch_size: 10,
            publish_runs: 0,
            reports: Vec::new(),
        }
    }

    /// Uploads one key to the master.
    pub fn upload(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        self.s3.plant(MASTER, key, bytes).unwrap();
    }

    /// Uploads keys of a generation, in this order.
    pub fn upload_keys<'a>(&self, generation: &Generation, keys: impl IntoIterator<Item = &'a String>) {
        for key in keys {
            self.upload(key, generation.files[key].clone());
        }
    }

    /// Uploads what a generation changed, in key order, as `aws s3 sync` does: `dists/…/InRelease` long before the pool.
    pub fn upload_changes(&self, generation: &Generation) {
        self.upload_keys(generation, &generation.changed);
    }

    /// The uploads that have been notified since the last call, as replicate gets them.
    pub fn uploads(&self) -> Vec<Upload> {
        self.s3.take_events(&self.mishaps).iter().flat_map(uploads_of).collect()
    }

    /// Replicates all uploads notified so far, in batches.
    pub async fn replicate(&mut self) -> Vec<ReplicateReport> {
        let uploads = self.uploads();
        let mut reports = Vec::new();
        for batch in uploads.chunks(self.batch_size) {
            reports.push(replicate::run(&self.ports, &self.settings, batch).await);
        }
        reports
    }

    /// Publishes one suite as asked.
    ///
    /// # Errors
    /// The engine's own.
    pub async fn publish(&mut self, request: PublishRequest) -> Result<PublishReport, EngineError> {
        self.publish_runs += 1;
        let report = publish::run(&self.ports, &self.settings, &request).await?;
        self.reports.push(report.clone());
        Ok(report)
    }

    /// Publishes one suite, as a message from the queue would have it.
    ///
    /// # Panics
    /// When the run fails.
    pub async fn publish_suite(&mut self, suite: &str) -> PublishReport {
        self.publish(PublishRequest::new(SuiteName::parse(suite).unwrap())).await.unwrap()
    }

    /// Delivers notifications and wake-ups until nothing is under way. Failed work is delivered again, as the queues do.
    ///
    /// # Panics
    /// When it does not come to rest.
    pub async fn settle(&mut self) {
        for _ in 0..MAX_STEPS {
            let uploads = self.uploads();
            let mut failed = Vec::new();
            for batch in uploads.chunks(self.batch_size) {
                let report = replicate::run(&self.ports, &self.settings, batch).await;
                let again = batch.iter().zip(&report.uploads).filter(|(_, result)| result.is_err());
                failed.extend(again.map(|(upload, _)| upload.clone()));
            }
            if !failed.is_empty() {
                replicate::run(&self.ports, &self.settings, &failed).await;
            }
            let mut wakes = self.queue.take();
            if uploads.is_empty() && wakes.is_empty() {
                return;
            }
            // A standard queue delivers one message more than once; equal ones are work of one kind.
            wakes.dedup();
            for wake in wakes {
                let request = PublishRequest::from(wake.clone());
                if let Err(error) = self.publish(request).await {
                    assert!(error.is_retryable(), "{error:?}");
                    self.queue.0.lock().unwrap().push(wake);
                }
            }
        }
        panic!("the pipeline did not come to rest: {:#?}", self.reports.iter().rev().take(3).collect::<Vec<_>>());
    }

    /// One sweep.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sweep(&self) -> SweepReport {
        sweep::run(&self.ports, &self.settings).await.unwrap()
    }

    /// What an apt client sees of a suite, read as an anonymous reader.
    ///
    /// # Panics
    /// When the bucket cannot be read.
    pub async fn view(&self, suite: &str) -> View {
        ClientModel::new(ClientScope::default()).walk(&StoreReader(&self.s3.bucket(REGION)), suite).await.unwrap()
    }

    /// Whether clients see exactly this generation, whole.
    ///
    /// # Panics
    /// When the bucket cannot be read.
    pub async fn serves(&self, generation: &Generation) -> bool {
        let view = self.view(&generation.suite).await;
        let commit = ["InRelease", "Release"].map(|name| generation.suite_key(name));
        let wanted = commit.iter().find_map(|key| generation.files.get(key));
        view.is_whole() && view.live.as_ref().map(|live| &live.bytes) == wanted
    }
}

/// The uploads of one notification, form-decoded.
fn uploads_of(event: &Value) -> Vec<Upload> {
    let records = event["Records"].as_array().cloned().unwrap_or_default();
    records
        .iter()
        .filter(|record| record["eventName"].as_str().is_some_and(|name| name.starts_with("ObjectCreated")))
        .map(|record| {
            let object = &record["s3"]["object"];
            let key = object["key"].as_str().unwrap().replace('+', " ");
            Upload {
                key: percent_decode_str(&key).decode_utf8().unwrap().into_owned(),
                version: object["versionId"].as_str().map(|version| VersionId(version.to_owned())),
                size: object["size"].as_u64(),
            }
        })
        .collect()
}
