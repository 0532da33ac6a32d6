//! What is gone is passed over or brought again; what cannot be read is never taken for gone.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use suitecast_engine::{EngineError, Outcome, Ports};
use suitecast_store::{
    Copied, CopyRequest, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Put, PutRequest, Store, StoreError,
};
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_testing::{Aftermath, Moment, StrictS3};
use suitecast_tests::case::{SUITE, history, look};
use suitecast_tests::world::{MASTER, REGION, World};

/// Longer than any lease: a slice and what it is outlived by.
const PAST_THE_LEASE: SignedDuration = SignedDuration::from_mins(10);

async fn serving(generation: &Generation) -> World {
    let mut world = World::default();
    world.upload_changes(generation);
    world.settle().await;
    assert!(world.serves(generation).await);
    world
}

fn greeting(generation: &Generation) -> String {
    let is_greeting = |key: &&String| key.contains("hello-suitecast_") && key.ends_with("_amd64.deb");
    generation.changed.iter().find(is_greeting).unwrap().clone()
}

/// A bucket where something happens before a key is read.
struct BeforeReads<F> {
    inner: Arc<dyn Store>,
    happens: F,
}

#[async_trait]
impl<F: Fn(&str) + Send + Sync> Store for BeforeReads<F> {
    fn bucket(&self) -> &str {
        self.inner.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        (self.happens)(&request.key);
        self.inner.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.inner.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        self.inner.put(request).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        self.inner.copy(request).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.inner.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.inner.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}

/// Lets something happen in the Region, once, just before a key is read that begins so.
fn just_before_reading(world: &mut World, prefix: String, happens: impl Fn(&StrictS3, &str) + Send + Sync + 'static) {
    let once = std::sync::Once::new();
    let s3 = world.s3.clone();
    let region = BeforeReads {
        inner: Arc::clone(&world.ports.region),
        happens: move |key: &str| {
            if key.starts_with(&prefix) {
                once.call_once(|| happens(&s3, key));
            }
        },
    };
    world.ports = Ports { region: Arc::new(region), ..world.ports.clone() };
}

fn deny(world: &World, operation: S3Operation, key: &str) {
    world.s3.trouble(TroubleRule::once(Trouble::Denied).on(operation).at(REGION, key).times(u64::MAX, 0));
}

/// A Region that serves the first of four generations while the second and the third wait for a file each.
async fn two_waiting(generations: &[Generation]) -> World {
    let mut world = serving(&generations[0]).await;
    for generation in &generations[1..3] {
        let held = greeting(generation);
        world.upload_keys(generation, generation.changed.iter().filter(|key| **key != held));
        world.settle().await;
    }
    world
}

#[tokio::test]
async fn a_waiting_release_whose_kept_files_are_gone_is_passed_over() {
    let generations = history(3);
    let mut world = two_waiting(&generations).await;
    let kept = world.s3.keys(REGION, ".suitecast/candidates/");
    assert_eq!(kept.len(), 2);
    deny(&world, S3Operation::GetObject, ".suitecast/candidates/");
    let error = world.publish(look()).await.unwrap_err();
    assert!(!error.is_retryable(), "not to be read is not to be gone: {error:?}");
    world.s3.clear_troubles();
    for key in kept {
        world.s3.uproot(REGION, &key).unwrap();
    }
    assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Waiting);
    for generation in &generations[1..3] {
        let held = greeting(generation);
        world.upload(&held, generation.files[&held].clone());
    }
    world.settle().await;
    assert!(world.serves(&generations[2]).await);
}

#[tokio::test]
async fn an_index_of_the_live_release_only_saves_looks_and_a_passing_failure_to_read_it_is_tried_again() {
    let generations = history(2);
    let start = serving(&generations[0]).await;
    start.upload_changes(&generations[1]);
    start.uploads();
    // What both list is vouched for, and not looked at again.
    let next = String::from_utf8(generations[1].files[&generations[1].suite_key("Release")].to_vec()).unwrap();
    let is_of_the_first = |key: &String| key.rsplit('/').next().is_some_and(|digest| !next.contains(digest));
    let by_hash = start.s3.keys(REGION, &format!("{SUITE}/main/binary-amd64/by-hash/"));
    let by_hash: Vec<String> = by_hash.into_iter().filter(is_of_the_first).collect();
    assert!(!by_hash.is_empty());
    let mut gone = start.fork();
    for key in &by_hash {
        gone.s3.uproot(REGION, key).unwrap();
    }
    assert_eq!(gone.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert!(gone.serves(&generations[1]).await);

    let mut throttled = start.fork();
    for key in &by_hash {
        let rule = TroubleRule::once(Trouble::SlowDown).on(S3Operation::GetObject).at(REGION, key);
        throttled.s3.trouble(rule.times(u64::MAX, 0));
    }
    let error = throttled.publish(look()).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("the live release's index"), "{error:?}");
    throttled.s3.clear_troubles();
    assert_eq!(throttled.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert!(throttled.serves(&generations[1]).await);
}

#[tokio::test]
async fn a_state_that_vanishes_under_the_sweep_is_that_of_a_new_suite_and_one_that_cannot_be_read_is_an_error() {
    let generations = history(1);
    let mut world = serving(&generations[0]).await;
    deny(&world, S3Operation::GetObject, ".suitecast/state/");
    let denied = suitecast_engine::sweep::run(&world.ports, &world.settings).await.unwrap_err();
    assert!(matches!(denied, EngineError::Store { .. }) && !denied.is_retryable(), "{denied:?}");
    world.s3.clear_troubles();
    just_before_reading(&mut world, ".suitecast/state/".to_owned(), |s3, key| s3.uproot(REGION, key).unwrap());
    assert_eq!(world.sweep().await.woken.into_values().collect::<Vec<_>>(), ["new here"]);
}

/// A Region where a file of the next generation stands already, put there by somebody, with no digest to be asked for.
async fn with_an_object_to_be_read(generations: &[Generation]) -> (World, String) {
    let world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.uploads();
    let key = greeting(&generations[1]);
    world.s3.plant(REGION, &key, generations[1].files[&key].clone()).unwrap();
    (world, key)
}

#[tokio::test]
async fn an_object_that_changes_or_vanishes_between_the_look_and_the_reading_is_judged_by_what_stands_there_then() {
    let generations = history(2);
    let (start, key) = with_an_object_to_be_read(&generations).await;
    let mut read = start.fork();
    assert_eq!(read.publish(look()).await.unwrap().outcome, Outcome::Swapped, "its bytes are right");

    let mut denied = start.fork();
    deny(&denied, S3Operation::GetObject, &key);
    let error = denied.publish(look()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");

    let mut vanished = start.fork();
    just_before_reading(&mut vanished, key.clone(), |s3, key| s3.uproot(REGION, key).unwrap());
    assert_eq!(vanished.publish(look()).await.unwrap().outcome, Outcome::Swapped, "it is brought from the master");
    assert!(vanished.serves(&generations[1]).await);

    let mut replaced = start.fork();
    let size = generations[1].files[&key].len();
    just_before_reading(&mut replaced, key.clone(), move |s3, key| {
        s3.plant(REGION, key, vec![0; size]).unwrap();
    });
    let error = replaced.publish(look()).await.unwrap_err();
    assert!(error.is_retryable(), "worth another look: {error:?}");
    assert!(replaced.serves(&generations[0]).await);
    assert_eq!(replaced.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert!(replaced.serves(&generations[1]).await);
}

#[tokio::test]
async fn a_copy_that_is_denied_is_an_error_and_no_reason_to_wait() {
    let generations = history(2);
    let mut world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.uploads();
    deny(&world, S3Operation::CopyObject, &greeting(&generations[1]));
    let error = world.publish(look()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    assert!(world.serves(&generations[0]).await);
    world.s3.clear_troubles();
    assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert!(world.serves(&generations[1]).await);
}

#[tokio::test]
async fn while_a_state_cannot_be_read_no_bytes_give_way() {
    let generations = history(2);
    let start = serving(&generations[0]).await;
    let key = greeting(&generations[1]);
    start.s3.plant(REGION, &key, "bytes that nobody is known to name").unwrap();
    start.upload_changes(&generations[1]);
    start.uploads();
    let mut unreadable = start.fork();
    unreadable.s3.plant(REGION, ".suitecast/state/of-another-suite", "no state at all").unwrap();
    let report = unreadable.publish(look()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Refused);
    let reason = report.reason.unwrap();
    assert!(reason.contains(&key) && reason.contains("another suite"), "{reason}");
    assert_eq!(unreadable.s3.peek(REGION, &key).unwrap(), "bytes that nobody is known to name");
    assert!(unreadable.serves(&generations[0]).await);

    let mut denied = start.fork();
    let pinned = denied.s3.keys(REGION, &format!("{SUITE}/by-hash/"));
    assert_eq!(pinned.len(), 1, "the live release under the name of its content: {pinned:?}");
    denied.s3.plant(REGION, &format!("{SUITE}/InRelease"), "damaged from outside").unwrap();
    deny(&denied, S3Operation::GetObject, &pinned[0]);
    assert!(!denied.publish(look()).await.unwrap_err().is_retryable());
    assert_eq!(denied.s3.peek(REGION, &key).unwrap(), "bytes that nobody is known to name");

    // Whoever reads of it is told the name that they know, and not that of the private copy.
    let mut staging_denied = start.fork();
    deny(&staging_denied, S3Operation::CopyObject, ".suitecast/staging/");
    let error = staging_denied.publish(look()).await.unwrap_err();
    let told = std::error::Error::source(&error).unwrap().to_string();
    assert!(!error.is_retryable() && told.contains(&format!("to become {key}")), "{told}");
    assert_eq!(staging_denied.s3.peek(REGION, &key).unwrap(), "bytes that nobody is known to name");

    let mut index_denied = start.fork();
    for key in index_denied.s3.keys(REGION, &format!("{SUITE}/main/binary-amd64/by-hash/")) {
        deny(&index_denied, S3Operation::GetObject, &key);
    }
    let report = index_denied.publish(look()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Refused, "an index that cannot be read may name anything: {report:#?}");
    assert_eq!(index_denied.s3.peek(REGION, &key).unwrap(), "bytes that nobody is known to name");

    // One that is gone was never served, or serves nobody any more.
    let mut gone = start.fork();
    gone.s3.uproot(REGION, &pinned[0]).unwrap();
    assert_eq!(gone.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert!(gone.serves(&generations[1]).await);
}

#[tokio::test]
async fn a_file_of_a_tree_that_changes_under_the_sweep_is_left_to_the_next_and_one_that_may_not_be_copied_is_an_error()
{
    let generations = history(1);
    let start = serving(&generations[0]).await;
    let key = format!("{SUITE}/main/installer-amd64/current/images/mini.iso");
    start.upload(&key, "image");
    start.uploads();
    let denied = start.fork();
    deny(&denied, S3Operation::CopyObject, &key);
    let error = suitecast_engine::sweep::run(&denied.ports, &denied.settings).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    assert_eq!(denied.s3.peek(REGION, &key), None);

    for taken_by_another in [false, true] {
        let world = start.fork();
        let mut gate = world.faults.hold(world.faults.effects());
        let s3 = world.s3.clone();
        let meanwhile = async {
            gate.reached().await;
            if taken_by_another {
                s3.plant(REGION, &key, "image").unwrap();
            } else {
                s3.plant(MASTER, &key, "another image").unwrap();
            }
            gate.open();
        };
        let (report, ()) = tokio::join!(world.sweep(), meanwhile);
        assert_eq!(report.tree_objects_copied, 0);
        let expected = u64::from(!taken_by_another);
        assert_eq!(world.sweep().await.tree_objects_copied, expected);
        assert_eq!(world.s3.peek(REGION, &key), world.s3.peek(MASTER, &key));
    }
}

#[tokio::test]
async fn a_run_that_fails_lets_the_suite_go_even_if_somebody_came_meanwhile() {
    let generations = history(2);
    let mut world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.uploads();
    world.settings.copy_concurrency = std::num::NonZeroUsize::MIN;
    // The lease is taken first. Somebody comes at the first copy and leaves word in the state; the second copy fails.
    let first_copy = world.faults.effects() + 1;
    let mut gate = world.faults.hold(first_copy);
    world.faults.fail(first_copy + 2, Moment::Before, Aftermath::GoesOn);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = look();
    let run = suitecast_engine::publish::run(&ports, &settings, &request);
    let visit = async {
        gate.reached().await;
        let told = world.publish(look()).await.unwrap();
        gate.open();
        told.outcome
    };
    let (failed, told) = tokio::join!(run, visit);
    assert!(failed.unwrap_err().is_retryable());
    assert_eq!(told, Outcome::Busy);
    assert!(world.faults.struck());
    world.faults.repair();
    let report = world.publish(look()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Swapped, "the suite is free at once");
    assert!(world.serves(&generations[1]).await);
    world.clock.advance(PAST_THE_LEASE);
    assert!(world.sweep().await.woken.is_empty());
}
