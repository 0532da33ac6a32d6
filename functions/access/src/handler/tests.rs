#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use suitecast_lambda::config::variable;
use suitecast_store::{ErrorKind, Operation};
use suitecast_testing::MetricsPage;

use super::*;
use crate::config::access_variable;
use crate::decide::{Addresses, Readership};
use crate::document::{AMAZON, md5_of};

const PUBLISHED: u64 = 1_700_000_000;

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What lies at the address: `None` for nothing to be had.
#[derive(Default)]
struct Place(Mutex<Option<Vec<u8>>>);

#[async_trait]
impl RangesSource for Place {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let unreachable =
            || FetchError::Unreachable { url: AMAZON.to_owned(), detail: "the network is down".to_owned() };
        self.0.lock().unwrap().clone().map(Bytes::from).ok_or_else(unreachable)
    }
}

/// A bucket's policy; `fails` is what both verbs answer in its place.
#[derive(Default)]
struct Bucket {
    policy: Mutex<Option<String>>,
    fails: Mutex<Option<ErrorKind>>,
}

impl Bucket {
    fn check(&self, operation: Operation) -> Result<(), StoreError> {
        match *self.fails.lock().unwrap() {
            None => Ok(()),
            Some(kind) => Err(StoreError {
                operation,
                bucket: "b".to_owned(),
                key: String::new(),
                kind,
                detail: "said no".to_owned(),
                source: None,
            }),
        }
    }
}

#[async_trait]
impl BucketPolicy for Bucket {
    async fn policy(&self) -> Result<Option<String>, StoreError> {
        self.check(Operation::GetPolicy)?;
        Ok(self.policy.lock().unwrap().clone())
    }

    async fn put_policy(&self, policy: &str) -> Result<(), StoreError> {
        self.check(Operation::PutPolicy)?;
        *self.policy.lock().unwrap() = Some(policy.to_owned());
        Ok(())
    }
}

struct World {
    place: Arc<Place>,
    bucket: Arc<Bucket>,
    metrics: MetricsPage,
    handler: Handler,
}

impl World {
    fn new(readers: &str) -> Self {
        let variables = [
            (variable::REGION_BUCKET, "eu-west-1.archive.example.com"),
            (variable::REGION, "eu-west-1"),
            (access_variable::PARTITION, "aws"),
            (access_variable::ACCOUNT, "123456789012"),
            (access_variable::READERS, readers),
        ];
        let lookup = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
        let (place, bucket, metrics) =
            (Arc::new(Place::default()), Arc::new(Bucket::default()), MetricsPage::default());
        let clock = Arc::new(At(Timestamp::from_second(i64::try_from(PUBLISHED).unwrap() + 10_000).unwrap()));
        let ports = Ports { source: place.clone(), policy: bucket.clone(), clock };
        let sink = Metrics::written_to(Box::new(metrics.clone()), "Suitecast", "eu-west-1");
        let handler = Handler::new(AccessConfig::read(lookup).unwrap(), ports, sink);
        Self { place, bucket, metrics, handler }
    }

    /// With a policy of ten networks in force.
    async fn in_force() -> Self {
        let world = Self::new("region");
        world.publish(PUBLISHED, 10);
        assert_eq!(world.answer(json!({})).await.outcome, Outcome::Applied);
        world.metrics.clear();
        world
    }

    /// Puts a document of so many networks in its place, and says how it is announced.
    fn publish(&self, sync_token: u64, networks: u8) -> Value {
        let prefix = |number: u8| json!({"ip_prefix": format!("192.0.{}.0/24", 2 * number), "region": "eu-west-1", "service": "EC2"});
        let document = json!({"syncToken": sync_token.to_string(), "createDate": "2023-11-14-22-13-20",
            "prefixes": (0..networks).map(prefix).collect::<Vec<_>>(),
            "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "eu-west-1", "service": "EC2"}]});
        let bytes = document.to_string().into_bytes();
        let md5 = md5_of(&bytes);
        *self.place.0.lock().unwrap() = Some(bytes);
        announcement(sync_token, &md5, AMAZON)
    }

    async fn handle(&self, event: Value) -> Result<Answer, InvocationError> {
        // Relative to the clock's own time, as the local runner passes it.
        self.handler.handle(&event, 240_000).await
    }

    async fn answer(&self, event: Value) -> Answer {
        self.handle(event).await.unwrap()
    }

    /// That an event is refused: as an error, by the alarm's metric, and with the policy that stood.
    async fn refuses(&self, event: Value, told: &str) {
        self.metrics.clear();
        let before = self.standing();
        let error = self.handle(event.clone()).await.expect_err("it was taken");
        assert!(["PermanentError", "InputError"].contains(&error.kind()), "{}: {event}", error.kind());
        let text = Chain(&error).to_string();
        assert!(text.contains(told), "{text} does not tell of {told}");
        assert_eq!(self.metric("AccessRefused"), [1.0], "{event}");
        assert_eq!(self.metric("AccessInStep"), [0.0; 0], "{event}");
        assert_eq!(self.standing(), before, "{event}");
    }

    fn standing(&self) -> Option<String> {
        self.bucket.policy.lock().unwrap().clone()
    }

    /// Every value of a metric that was written.
    fn metric(&self, name: &str) -> Vec<f64> {
        self.metrics.values(name)
    }
}

fn announcement(sync_token: u64, md5: &str, url: &str) -> Value {
    let message = json!({"create-time": "2023-11-14T22:13:20+00:00", "synctoken": sync_token.to_string(), "md5": md5, "url": url});
    json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {
        "Type": "Notification", "Subject": "IP Space Changed", "Message": message.to_string(),
        "TopicArn": "arn:aws:sns:us-east-1:806199016981:AmazonIpSpaceChanged"}}]})
}

fn at(readership: Readership) -> Addresses {
    let Readership::At(addresses) = readership else { panic!("{readership:?}") };
    addresses
}

#[tokio::test]
async fn the_schedule_puts_a_policy_and_then_finds_it_in_step() {
    let world = World::new("region");
    world.publish(PUBLISHED, 10);
    let answer = world.answer(json!({})).await;
    assert_eq!((answer.outcome, answer.sync_token), (Outcome::Applied, Some(PUBLISHED)));
    assert_eq!(answer.policy_bytes, world.standing().map(|policy| policy.len()));
    assert_eq!((world.metric("AccessApplied"), world.metric("AccessInStep")), (vec![1.0], vec![1.0]));
    assert_eq!(world.answer(json!({})).await.outcome, Outcome::InStep);
    assert_eq!((world.metric("AccessApplied"), world.metric("AccessInStep")), (vec![1.0], vec![1.0, 1.0]));
    assert_eq!(world.metric("AccessRefused"), [0.0, 0.0]);
}

#[tokio::test]
async fn an_announcement_brings_what_it_announces() {
    let world = World::in_force().await;
    let event = world.publish(PUBLISHED + 1, 11);
    let answer = world.answer(event.clone()).await;
    assert_eq!((answer.outcome, answer.sync_token), (Outcome::Applied, Some(PUBLISHED + 1)));
    assert_eq!(at(answer.difference.unwrap().admitted).prefixes, ["192.0.20.0/24"]);
    assert!(world.standing().unwrap().contains("192.0.20.0/24"));
    assert_eq!(world.answer(event).await.outcome, Outcome::InStep, "SNS may say everything twice");
}

#[tokio::test]
async fn a_dry_run_prints_the_policy_and_the_difference_and_writes_nothing() {
    let world = World::in_force().await;
    let before = world.standing();
    assert_eq!(world.answer(json!({"dry_run": true})).await.outcome, Outcome::InStep);
    world.publish(PUBLISHED + 1, 11);
    let answer = world.answer(json!({"dry_run": true})).await;
    assert_eq!((answer.outcome, answer.dry_run), (Outcome::WouldApply, true));
    assert_eq!(at(answer.difference.unwrap().admitted).prefixes, ["192.0.20.0/24"]);
    assert!(answer.policy.unwrap().to_string().contains("192.0.20.0/24"));
    // Half of them gone: what is in the way is the answer, with what would be done.
    world.publish(PUBLISHED + 1, 5);
    let answer = world.answer(json!({"dry_run": true})).await;
    assert_eq!(answer.outcome, Outcome::Refused);
    assert!(answer.reason.unwrap().contains("locks out 1280 of the 2560 IPv4 addresses"));
    assert_eq!(at(answer.difference.unwrap().locked_out).prefixes.len(), 5);
    assert!(answer.policy.is_some());
    *world.place.0.lock().unwrap() = Some(b"{".to_vec());
    assert_eq!(world.answer(json!({"dry_run": true})).await.outcome, Outcome::Refused);
    assert_eq!(world.standing(), before);
    assert_eq!(world.metrics.text(), "", "nothing happened");
}

#[tokio::test]
async fn every_bad_input_is_a_clear_error_and_an_alarm_and_the_policy_stays() {
    let world = World::in_force().await;
    let right = world.publish(PUBLISHED + 1, 10);
    let bytes = world.place.0.lock().unwrap().clone().unwrap();
    let put = |bytes: &[u8]| *world.place.0.lock().unwrap() = Some(bytes.to_vec());
    // Announced wrongly.
    world.refuses(announcement(PUBLISHED + 1, &"0".repeat(32), AMAZON), "not what was announced").await;
    world.refuses(announcement(PUBLISHED + 1, "5", AMAZON), "md5").await;
    world.refuses(announcement(PUBLISHED + 1, &"0".repeat(32), "https://example.com/"), "https://example.com/").await;
    world.refuses(json!({"Records": [{"Sns": {"Message": "hello"}}]}), "not JSON").await;
    world.refuses(json!({"Records": []}), "expected an announcement").await;
    // Cut off, with and without an announcement.
    put(&bytes[..bytes.len() - 1]);
    world.refuses(right, "not what was announced").await;
    world.refuses(json!({}), "cut off or of another shape").await;
    put(b"{\"syncToken\": 1}");
    world.refuses(json!({"force": true}), "another shape").await;
    // Older, by force too.
    world.publish(PUBLISHED - 1, 10);
    world.refuses(json!({"force": true}), "an older one is never applied").await;
    // Half of the addresses gone.
    world.publish(PUBLISHED + 2, 5);
    world.refuses(json!({}), "more than a tenth").await;
    // Of other Regions alone.
    put(String::from_utf8(bytes.clone()).unwrap().replace("eu-west-1", "eu-west-2").as_bytes());
    world.refuses(json!({"force": true}), "knows no instances in eu-west-1").await;
    assert_eq!(
        world
            .answer({
                world.publish(PUBLISHED + 2, 5);
                json!({"force": true})
            })
            .await
            .outcome,
        Outcome::Applied
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again_without_an_alarm() {
    let world = World::in_force().await;
    let event = world.publish(PUBLISHED + 1, 10);
    // The old document is still there.
    world.publish(PUBLISHED, 10);
    assert_eq!(world.handle(event.clone()).await.unwrap_err().kind(), "RetryableError");
    *world.place.0.lock().unwrap() = None;
    assert_eq!(world.handle(json!({})).await.unwrap_err().kind(), "RetryableError");
    assert_eq!(world.handle(json!({"dry_run": true})).await.unwrap_err().kind(), "RetryableError");
    world.publish(PUBLISHED + 1, 10);
    *world.bucket.fails.lock().unwrap() = Some(ErrorKind::Throttled);
    assert_eq!(world.handle(event).await.unwrap_err().kind(), "RetryableError");
    assert_eq!((world.metric("RetryableFailures"), world.metric("AccessRefused")), (vec![1.0; 4], Vec::new()));
    assert_eq!(world.metric("AccessInStep"), [0.0; 0]);
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_not_taken_for_none() {
    let world = World::in_force().await;
    world.publish(PUBLISHED + 1, 10);
    *world.bucket.fails.lock().unwrap() = Some(ErrorKind::AccessDenied);
    world.refuses(json!({}), "get the policy of s3://b").await;
    // Whoever only asks is answered, and wakes nobody.
    world.metrics.clear();
    let answer = world.answer(json!({"dry_run": true})).await;
    assert_eq!(answer.outcome, Outcome::Refused);
    assert!(answer.reason.unwrap().contains("get the policy of s3://b"));
    assert_eq!(world.metrics.text(), "");
}

#[tokio::test]
async fn what_a_person_mistyped_raises_no_alarm() {
    let world = World::in_force().await;
    world.metrics.clear();
    let error = world.handle(json!({"dryrun": true})).await.unwrap_err();
    assert_eq!(error.kind(), "InputError");
    assert!(Chain(&error).to_string().contains("dryrun"));
    assert_eq!(world.metric("AccessRefused"), [0.0; 0]);
}

/// Else it would go by itself, an hour after a refusal that the next look a day later repeats.
#[tokio::test]
async fn a_look_that_finds_all_in_step_ends_the_alarm() {
    let world = World::in_force().await;
    world.publish(PUBLISHED + 1, 5);
    world.refuses(json!({}), "more than a tenth").await;
    for outcome in [Outcome::Applied, Outcome::InStep] {
        world.publish(PUBLISHED + 1, 10);
        world.metrics.clear();
        assert_eq!(world.answer(json!({})).await.outcome, outcome);
        assert_eq!(world.metric("AccessRefused"), [0.0]);
    }
}

#[tokio::test]
async fn a_late_announcement_leaves_the_newer_document_to_its_own() {
    let world = World::in_force().await;
    let late = world.publish(PUBLISHED + 1, 10);
    let event = world.publish(PUBLISHED + 2, 11);
    let before = world.standing();
    let answer = world.answer(late).await;
    assert_eq!(answer.outcome, Outcome::Superseded);
    assert_eq!(world.standing(), before);
    assert_eq!(world.answer(event).await.outcome, Outcome::Applied);
}

#[tokio::test]
async fn everyone_needs_no_document() {
    let world = World::new("everyone");
    let answer = world.answer(json!({})).await;
    assert_eq!((answer.outcome, answer.sync_token), (Outcome::Applied, None));
    let policy: Value = serde_json::from_str(&world.standing().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0].get("Condition"), None);
}

#[tokio::test]
async fn all_of_amazon_is_refused_where_it_does_not_fit() {
    let world = World::new("aws");
    let prefix = |number: u32| json!({"ip_prefix": format!("{}.{}.0.0/16", 16 + 2 * (number / 100), 2 * (number % 100)), "region": "eu-west-1", "service": "EC2"});
    let document = json!({"syncToken": PUBLISHED.to_string(), "createDate": "", "prefixes": (0..2_000).map(prefix).collect::<Vec<_>>(),
        "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "eu-west-2", "service": "EC2"}]});
    *world.place.0.lock().unwrap() = Some(document.to_string().into_bytes());
    world.refuses(json!({"force": true}), "more than the 20480 that S3 takes").await;
}
