#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use suitecast_archive::{Archives, Scope, UnlistedTrees};
use suitecast_engine::{Clock, Ports, Settings, SuitePatterns};
use suitecast_lambda::metrics::Metrics;
use suitecast_lambda::queue::{MessageReturn, MessageReturns, ReturnError};
use suitecast_testing::MetricsPage;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_testing::strict::{BucketSettings, StrictS3, Trouble, TroubleRule};

use super::*;

const MASTER: &str = "master.example.com";
const REGION: &str = "eu-west-1.ec2.archive.example.com";
const SUITE: &str = "dists/stable";

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[derive(Default)]
struct Queue {
    woken: Mutex<Vec<Wake>>,
    given_back: Mutex<Vec<(String, u64)>>,
}

#[async_trait]
impl SuitesQueue for Queue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        self.woken.lock().unwrap().extend_from_slice(wakes);
        Ok(())
    }
}

#[async_trait]
impl MessageReturns for Queue {
    async fn give_back(&self, messages: &[MessageReturn]) -> Result<(), ReturnError> {
        let messages = messages.iter().map(|message| (message.receipt_handle.clone(), message.after.as_secs()));
        self.given_back.lock().unwrap().extend(messages);
        Ok(())
    }
}

/// A master with an archive of one suite, a Region, and the function between them.
struct World {
    s3: StrictS3,
    archive: Generation,
    queue: Arc<Queue>,
    metrics: MetricsPage,
    handler: Handler,
}

impl World {
    fn new() -> Self {
        let start: Timestamp = "2026-11-23T01:00:00Z".parse().unwrap();
        let s3 = StrictS3::new(move || start - SignedDuration::from_hours(1));
        s3.create_bucket(MASTER, BucketSettings::in_region("us-east-1").versioned_and_notifying());
        s3.create_bucket(REGION, BucketSettings::in_region("eu-west-1").readable_except(".suitecast/"));
        let (queue, metrics) = (Arc::new(Queue::default()), MetricsPage::default());
        let ports = Ports {
            master: Arc::new(s3.bucket(MASTER)),
            region: Arc::new(s3.bucket(REGION)),
            queue: queue.clone(),
            clock: Arc::new(At(start)),
        };
        let settings = Settings {
            archives: Archives::parse("/").unwrap(),
            suites: SuitePatterns::parse("*").unwrap(),
            scope: Scope::everything(),
            unlisted: UnlistedTrees::parse("").unwrap(),
            copy_concurrency: NonZeroUsize::new(8).unwrap(),
            allow_change_in_place: false,
            keyring: None,
            slice: Duration::from_mins(2),
        };
        let sink = Metrics::written_to(Box::new(metrics.clone()), "Suitecast", "eu-west-1");
        let handler = Handler::new(Runs::over(ports, queue.clone(), settings, sink));
        let archive = ArchiveMaker::new(7).generation(1).unwrap();
        Self { s3, archive, queue, metrics, handler }
    }

    /// Uploads the archive, except for one key.
    fn upload_without(&self, held_back: &str) {
        for (key, bytes) in self.archive.files.iter().filter(|(key, _)| *key != held_back) {
            self.s3.plant(MASTER, key, bytes.clone()).unwrap();
        }
    }

    fn complete() -> Self {
        let world = Self::new();
        world.upload_without("");
        world
    }

    async fn handle(&self, event: Value) -> Result<Value, InvocationError> {
        // Relative to the clock's own time, as the local runner passes it.
        self.handler.handle(&event, 600_000).await.map(|answer| serde_json::to_value(answer).unwrap())
    }

    async fn answer(&self, event: Value) -> Value {
        self.handle(event).await.unwrap()
    }

    /// The ids of the messages that failed.
    async fn failed(&self, bodies: &[Value]) -> Vec<String> {
        let record = |(number, body): (usize, &Value)| {
            json!({"messageId": format!("m{number}"), "receiptHandle": format!("h{number}"), "body": body.to_string(),
                   "attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs"})
        };
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        let response = self.answer(json!({ "Records": records })).await;
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    fn is_served(&self) -> bool {
        let key = self.archive.suite_key("InRelease");
        self.s3.peek(REGION, &key) == self.archive.files.get(&key).cloned()
    }

    /// Every value of a metric that was written.
    fn metric(&self, name: &str) -> Vec<f64> {
        self.metrics.values(name)
    }
}

#[tokio::test]
async fn a_wake_up_swaps_a_complete_suite() {
    let world = World::complete();
    assert_eq!(world.failed(&[json!({"suite": SUITE})]).await, [""; 0]);
    assert!(world.is_served());
    assert_eq!(world.metric("Swaps"), [1.0]);
    assert_eq!(world.metric("SuiteWaitingSeconds"), [0.0]);
    assert!(world.metric("ObjectsCopied")[0] > 0.0);
}

#[tokio::test]
async fn a_message_fails_alone_and_comes_back_in_seconds() {
    let world = World::complete();
    let state_of_other = TroubleRule::once(Trouble::SlowDown).at(MASTER, "dists/other/");
    world.s3.trouble(state_of_other.times(u64::MAX, 0));
    let bodies = [json!({"suite": "dists/other"}), json!({"suit": SUITE}), json!({"suite": SUITE})];
    assert_eq!(world.failed(&bodies).await, ["m0", "m1"]);
    assert!(world.is_served());
    assert_eq!(*world.queue.given_back.lock().unwrap(), [("h0".to_owned(), 5), ("h1".to_owned(), 0)]);
    assert_eq!(world.metric("RetryableFailures"), [1.0]);
    assert_eq!(world.metric("UndecodableMessages"), [1.0]);
}

#[tokio::test]
async fn a_message_that_finds_a_run_that_may_be_dead_comes_back_when_its_lease_ends() {
    let world = World::complete();
    assert!(world.failed(&[json!({"suite": SUITE})]).await.is_empty());
    let [key] = world.s3.keys(REGION, ".suitecast/state/").try_into().unwrap();
    let mut state: Value = serde_json::from_slice(&world.s3.peek(REGION, &key).unwrap()).unwrap();
    let ends_at = world.handler.runs.now() + Duration::from_secs(2);
    state["lease"] = json!({"holder": "a run that died", "expires_at": ends_at.to_string()});
    world.s3.plant(REGION, &key, serde_json::to_vec(&state).unwrap()).unwrap();
    assert_eq!(world.failed(&[json!({"suite": SUITE})]).await, ["m0"]);
    assert_eq!(*world.queue.given_back.lock().unwrap(), [("h0".to_owned(), 3)], "and not after the pause of a failure");
}

#[tokio::test]
async fn a_suite_that_waits_is_an_answer_that_says_for_what() {
    let world = World::new();
    let held_back = world.archive.pool_keys().find(|key| key.contains("_amd64.deb")).unwrap().to_owned();
    world.upload_without(&held_back);
    let answer = world.answer(json!({"suite": SUITE})).await;
    assert_eq!(answer["outcome"], "waiting");
    assert_eq!(world.metric("SuiteWaitingSeconds"), [0.0]);
    assert_eq!(answer["missing_count"], 1);
    assert!(answer["missing"][0].to_string().contains(&held_back), "{answer}");
    assert_eq!(answer["signature"], "not_checked");
    for number in ["objects_copied", "bytes_copied", "requests", "duration_ms"] {
        assert!(answer[number].is_u64(), "{number} in {answer}");
    }
    assert_eq!(world.failed(&[json!({"suite": SUITE})]).await, [""; 0], "waiting acknowledges its message");
    assert!(!world.is_served());
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let world = World::complete();
    let answer = world.answer(json!({"suite": SUITE, "dry_run": true})).await;
    assert_eq!((&answer["outcome"], &answer["dry_run"]), (&json!("swapped"), &json!(true)));
    assert!(world.s3.keys(REGION, "").is_empty());
    assert!(world.metric("Swaps").is_empty());
}

#[tokio::test]
async fn every_suite_of_the_master_is_woken_with_the_options_given() {
    let world = World::complete();
    world.s3.plant(MASTER, "dists/bookworm/updates/Release", "x").unwrap();
    let answer = world.answer(json!({"suite": "*", "dry_run": true})).await;
    assert_eq!(answer["outcome"], "would_wake");
    assert_eq!(answer["suites"], json!(["dists/bookworm/updates", SUITE]));
    assert!(world.queue.woken.lock().unwrap().is_empty());
    let answer = world.answer(json!({"suite": "*", "full": true})).await;
    assert_eq!((&answer["outcome"], &answer["suites_count"]), (&json!("woken"), &json!(2)));
    let woken = world.queue.woken.lock().unwrap();
    assert_eq!(woken.len(), 2);
    assert!(woken.iter().all(|wake| wake.full && !wake.force && wake.hops == 0), "{woken:?}");
}

#[tokio::test]
async fn the_sweep_wakes_what_differs() {
    let world = World::complete();
    let answer = world.answer(json!({"sweep": true})).await;
    assert_eq!(answer["suites"], 1);
    assert!(answer["woken"][SUITE].is_string(), "{answer}");
    assert!(answer["duration_ms"].is_u64());
    let wakes: Vec<Value> =
        world.queue.woken.lock().unwrap().iter().map(|wake| serde_json::to_value(wake).unwrap()).collect();
    assert_eq!(world.failed(&wakes).await, [""; 0]);
    assert!(world.is_served());
}

#[tokio::test]
async fn a_manual_call_that_comes_to_no_answer_is_an_error_of_its_kind() {
    let world = World::complete();
    world.s3.trouble(TroubleRule::once(Trouble::SlowDown).at(MASTER, "").times(u64::MAX, 0));
    assert_eq!(world.handle(json!({"suite": SUITE})).await.unwrap_err().kind(), "RetryableError");
    assert_eq!(world.handle(json!({"sweep": true})).await.unwrap_err().kind(), "RetryableError");
    assert_eq!(world.handle(json!({"suite": "elsewhere/x"})).await.unwrap_err().kind(), "PermanentError");
    let error = world.handle(json!({"prefix": "pool/"})).await.unwrap_err();
    assert_eq!(error.kind(), "InputError");
}
