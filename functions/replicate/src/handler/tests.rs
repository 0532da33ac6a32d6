#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use suitecast_archive::{Archives, Scope, UnlistedTrees};
use suitecast_engine::{Clock, Ports, QueueError, Settings, SuitePatterns, SuitesQueue, Wake};
use suitecast_lambda::metrics::Metrics;
use suitecast_lambda::queue::{MessageReturn, MessageReturns, ReturnError};
use suitecast_testing::strict::{BucketSettings, Mishaps, S3Operation, StrictS3, Trouble, TroubleRule};
use suitecast_testing::{Faults, FaultyStore, MetricsPage};

use super::*;

const MASTER: &str = "master.example.com";
const REGION: &str = "eu-west-1.ec2.archive.example.com";

/// A clock that goes on by itself: each look takes this long.
struct Ticking {
    now: Mutex<Timestamp>,
    tick: SignedDuration,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let mut now = self.now.lock().unwrap();
        *now += self.tick;
        *now
    }
}

#[derive(Default)]
struct Queue {
    woken: Mutex<Vec<String>>,
    given_back: Mutex<Vec<(String, u64)>>,
    is_down: AtomicBool,
}

#[async_trait]
impl SuitesQueue for Queue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(QueueError { suites: "all".into(), detail: "the queue is down".into(), source: None });
        }
        self.woken.lock().unwrap().extend(wakes.iter().map(|wake| wake.suite.to_string()));
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

/// A master, a Region, and the function between them.
struct World {
    s3: StrictS3,
    queue: Arc<Queue>,
    metrics: MetricsPage,
    faults: Faults,
    handler: Handler,
    deadline: u64,
}

impl World {
    fn new() -> Self {
        Self::with_clock(SignedDuration::ZERO)
    }

    fn with_clock(tick: SignedDuration) -> Self {
        let start: Timestamp = "2026-11-23T01:00:00Z".parse().unwrap();
        let s3 = StrictS3::new(move || start - SignedDuration::from_secs(7));
        s3.create_bucket(MASTER, BucketSettings::in_region("us-east-1").versioned_and_notifying());
        s3.create_bucket(REGION, BucketSettings::in_region("eu-west-1").readable_except(".suitecast/"));
        let (queue, metrics, faults) = (Arc::new(Queue::default()), MetricsPage::default(), Faults::none());
        let ports = Ports {
            master: Arc::new(s3.bucket(MASTER)),
            region: Arc::new(FaultyStore::new(Arc::new(s3.bucket(REGION)), &faults)),
            queue: queue.clone(),
            clock: Arc::new(Ticking { now: Mutex::new(start), tick }),
        };
        let settings = Settings {
            archives: Archives::parse("/").unwrap(),
            suites: SuitePatterns::parse("*").unwrap(),
            scope: Scope::everything(),
            unlisted: UnlistedTrees::parse("").unwrap(),
            copy_concurrency: NonZeroUsize::new(8).unwrap(),
            allow_change_in_place: false,
            keyring: None,
            slice: Duration::from_secs(100),
        };
        let sink = Metrics::written_to(Box::new(metrics.clone()), "Suitecast", "eu-west-1");
        let handler = Handler::new(Runs::over(ports, queue.clone(), settings, sink));
        let deadline = u64::try_from(start.as_millisecond()).unwrap() + 900_000;
        Self { s3, queue, metrics, faults, handler, deadline }
    }

    /// Uploads to the master; the bodies of the messages that tell of it.
    fn upload(&self, keys: &[&str]) -> Vec<String> {
        for key in keys {
            self.s3.plant(MASTER, key, format!("bytes of {key}")).unwrap();
        }
        self.s3.take_events(&Mishaps::none()).iter().map(Value::to_string).collect()
    }

    fn trouble(&self, trouble: Trouble, key: &str) {
        let rule = TroubleRule::once(trouble).on(S3Operation::CopyObject).at(REGION, key);
        self.s3.trouble(rule.times(u64::MAX, 0));
    }

    async fn handle(&self, event: &Value) -> Result<Value, InvocationError> {
        self.handler.handle(event, self.deadline).await.map(|answer| serde_json::to_value(answer).unwrap())
    }

    /// The ids of the messages that failed.
    async fn failed(&self, bodies: &[String]) -> Vec<String> {
        let record = |(number, body): (usize, &String)| {
            json!({"messageId": format!("m{number}"), "receiptHandle": format!("h{number}"), "body": body,
                   "attributes": {"ApproximateReceiveCount": "2"}, "eventSource": "aws:sqs"})
        };
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        let response = self.handle(&json!({ "Records": records })).await.unwrap();
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    fn served(&self) -> Vec<String> {
        self.s3.keys(REGION, "pool/")
    }

    /// Every value of a metric that was written.
    fn metric(&self, name: &str) -> Vec<f64> {
        self.metrics.values(name)
    }
}

#[tokio::test]
async fn a_batch_is_copied_and_measured() {
    let world = World::new();
    let bodies = world.upload(&["pool/a/a_1+b~2:3_all.deb", "pool/b/b c.deb"]);
    assert_eq!(world.failed(&bodies).await, [""; 0]);
    assert_eq!(world.served(), ["pool/a/a_1 b~2:3_all.deb", "pool/a/a_1+b~2:3_all.deb", "pool/b/b c.deb"]);
    assert_eq!(world.metric("ObjectsCopied"), [3.0]);
    assert_eq!(world.metric("ReplicationLagSeconds"), [7.0]);
    assert!(world.queue.given_back.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_fails_alone_and_comes_back_in_seconds() {
    let world = World::new();
    let mut bodies = world.upload(&["pool/a.deb", "pool/slow.deb", "pool/denied.deb", "pool/b.deb"]);
    bodies.push("no JSON".to_owned());
    world.trouble(Trouble::SlowDown, "pool/slow.deb");
    world.trouble(Trouble::Denied, "pool/denied.deb");
    assert_eq!(world.failed(&bodies).await, ["m1", "m2", "m4"]);
    assert_eq!(world.served(), ["pool/a.deb", "pool/b.deb"]);
    let given_back = world.queue.given_back.lock().unwrap().clone();
    assert_eq!(given_back, [("h1".to_owned(), 15), ("h2".to_owned(), 30), ("h4".to_owned(), 0)]);
    assert_eq!(world.metric("RetryableFailures"), [1.0]);
    assert_eq!(world.metric("PermanentFailures"), [1.0]);
    assert_eq!(world.metric("UndecodableMessages"), [1.0]);
}

#[tokio::test]
async fn a_message_with_several_uploads_fails_if_one_of_them_does() {
    let world = World::new();
    let events = world.upload(&["pool/a.deb", "pool/slow.deb", "pool/b.deb"]);
    let records: Vec<Value> =
        events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["Records"][0].clone()).collect();
    let bodies = [json!({"Records": records[..2]}).to_string(), json!({"Records": records[2..]}).to_string()];
    world.trouble(Trouble::SlowDown, "pool/slow.deb");
    assert_eq!(world.failed(&bodies).await, ["m0"]);
}

#[tokio::test]
async fn a_release_file_wakes_its_suite_and_a_lost_wake_up_brings_its_message_back() {
    let world = World::new();
    let bodies = world.upload(&["dists/bookworm/InRelease", "pool/a.deb"]);
    world.queue.is_down.store(true, Ordering::Relaxed);
    assert_eq!(world.failed(&bodies).await, ["m0"]);
    world.queue.is_down.store(false, Ordering::Relaxed);
    assert_eq!(world.failed(&bodies).await, [""; 0]);
    assert_eq!(*world.queue.woken.lock().unwrap(), ["dists/bookworm"]);
}

#[tokio::test]
async fn the_test_event_succeeds_without_a_request() {
    let world = World::new();
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": MASTER}).to_string();
    assert_eq!(world.failed(&[test]).await, [""; 0]);
    assert!(world.s3.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_run_that_overstays_are_given_back_before_lambda_ends_the_function() {
    let world = World::new();
    let bodies = world.upload(&["pool/a.deb"]);
    let _never_opened = world.faults.hold(0);
    let started = tokio::time::Instant::now();
    assert_eq!(world.failed(&bodies).await, ["m0"]);
    assert!(started.elapsed() < Duration::from_mins(15));
    assert_eq!(*world.queue.given_back.lock().unwrap(), [("h0".to_owned(), 15)]);
}

#[tokio::test]
async fn a_recorded_event_is_answered_and_its_failure_is_the_callers() {
    let world = World::new();
    let event: Value = serde_json::from_str(&world.upload(&["pool/a.deb"])[0]).unwrap();
    let answer = world.handle(&event).await.unwrap();
    assert_eq!(answer["outcomes"], json!({"copied": 1}));
    assert_eq!(answer["objects_copied"], 1);
    assert_eq!(answer["requests"], 2);
    world.trouble(Trouble::SlowDown, "pool/a.deb");
    let error = world.handle(&event).await.unwrap_err();
    assert_eq!(error.kind(), "RetryableError");
    assert!(error.to_string().contains("1 of 1 uploads failed"), "{error}");
}

#[tokio::test]
async fn a_key_is_asked_for_by_its_own_name() {
    let world = World::new();
    world.upload(&["pool/g++ 1.deb"]);
    let call = json!({"key": "pool/g++ 1.deb"});
    assert_eq!(world.handle(&call).await.unwrap()["outcomes"], json!({"copied": 1}));
    assert_eq!(world.handle(&call).await.unwrap()["outcomes"], json!({"present": 1}));
    assert_eq!(world.handle(&json!({"key": "pool/none"})).await.unwrap()["outcomes"], json!({"vanished": 1}));
}

#[tokio::test]
async fn a_prefix_is_replicated_page_by_page() {
    let world = World::new();
    let keys: Vec<String> = (0..1_500).map(|number| format!("pool/a/{number:04}.deb")).collect();
    world.upload(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    world.upload(&["pool/b/other.deb"]);
    let answer = world.handle(&json!({"prefix": "pool/a/"})).await.unwrap();
    assert_eq!(answer["uploads"], 1_500);
    assert_eq!(answer["objects_copied"], 1_500);
    assert_eq!(answer.get("next"), None);
    assert_eq!(world.served(), keys);
}

#[tokio::test]
async fn a_prefix_too_long_for_a_slice_is_continued_by_the_caller() {
    let world = World::with_clock(SignedDuration::from_secs(30));
    let keys: Vec<String> = (0..2_500).map(|number| format!("pool/a/{number:04}.deb")).collect();
    world.upload(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut call = json!({"prefix": "pool/a/"});
    let mut calls = 0;
    loop {
        let answer = serde_json::to_value(world.handler.handle(&call, u64::MAX).await.unwrap()).unwrap();
        calls += 1;
        assert!(calls < 10, "the prefix never ends");
        let Some(next) = answer.get("next") else { break };
        call["next"] = next.clone();
    }
    assert_eq!(calls, 3);
    assert_eq!(world.served(), keys);
}

#[tokio::test]
async fn a_page_with_a_passing_failure_is_named_again() {
    let world = World::new();
    world.upload(&["pool/a.deb", "pool/b.deb"]);
    world.trouble(Trouble::SlowDown, "pool/b.deb");
    let answer = world.handle(&json!({"prefix": "pool/", "next": "pool/0"})).await.unwrap();
    assert_eq!(answer["next"], "pool/0");
    assert_eq!(answer["failed_count"], 1);
    assert_eq!(answer["failed"][0]["key"], "pool/b.deb");
    assert_eq!(answer["failed"][0]["retryable"], true);
    world.s3.clear_troubles();
    let answer = world.handle(&json!({"prefix": "pool/", "next": answer["next"]})).await.unwrap();
    assert_eq!(answer["outcomes"], json!({"copied": 1, "present": 1}));
    assert_eq!(answer.get("next"), None);
}

#[tokio::test]
async fn what_is_no_input_is_refused_by_name() {
    let world = World::new();
    let error = world.handle(&json!({"suite": "dists/bookworm"})).await.unwrap_err();
    assert_eq!(error.kind(), "InputError");
}
