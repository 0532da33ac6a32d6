//! What the answers of runs say is what took place: the server counts the requests, the clock tells the time.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Outcome, Ports};
use suitecast_store::Store;
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices};
use suitecast_testing::strict::{Request, S3Operation};
use suitecast_tests::budgets::PacedStore;
use suitecast_tests::edits::{sha256, with_changed_file, with_index};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(9).suite("bookworm").components(&["main"]).architectures(&["amd64"]).plain_packages(1)
}

fn is_copy(request: &Request) -> bool {
    request.operation == S3Operation::CopyObject && request.status == 200
}

/// A world whose clock goes on with each request.
fn with_time(mut world: World) -> World {
    let paced = |store: &Arc<dyn Store>| Arc::new(PacedStore::new(Arc::clone(store), world.clock.clone()));
    world.ports =
        Ports { master: paced(&world.ports.master), region: paced(&world.ports.region), ..world.ports.clone() };
    world
}

/// A suite that publish has to fill by itself: the events of its uploads were lost.
fn without_events(generation: &Generation) -> World {
    let world = with_time(World::new(default_settings()));
    world.upload_changes(generation);
    drop(world.uploads());
    world.s3.forget_requests();
    world
}

#[tokio::test]
async fn publish_tells_what_the_server_counted_and_how_long_it_took() {
    let generation = maker().generation(1).unwrap();
    let mut world = without_events(&generation);
    let began = world.clock.now();
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Swapped);
    let all = world.s3.count(|_| true);
    let copies = world.s3.count(is_copy);
    assert_eq!(report.requests, all.requests);
    assert_eq!(report.objects_copied, copies.requests);
    assert_eq!(report.bytes_copied, copies.bytes_copied);
    assert!(copies.requests > 1 && copies.bytes_copied > copies.requests);
    let took = world.clock.now().duration_since(began).as_millis();
    assert!(took > 0);
    assert_eq!(i128::from(report.duration_ms), took);
}

#[tokio::test]
async fn replicate_tells_what_the_server_counted() {
    let generation = maker().generation(1).unwrap();
    let mut world = with_time(World::default());
    world.upload_keys(&generation, generation.changed.iter().filter(|key| key.contains("pool/")));
    // One stands there already, so it is not copied.
    let present = generation.pool_keys().next().unwrap();
    world.s3.plant(REGION, present, generation.files[present].clone()).unwrap();
    world.s3.forget_requests();
    world.batch_size = 1_000;
    let reports = world.replicate().await;
    let [report] = &reports[..] else { unreachable!("one batch") };
    let all = world.s3.count(|_| true);
    let copies = world.s3.count(is_copy);
    assert_eq!(report.requests, all.requests);
    assert_eq!(report.objects_copied, copies.requests);
    assert_eq!(report.bytes_copied, copies.bytes_copied);
    assert_eq!(world.s3.count(|request| request.status == 412).requests, 1);
}

#[tokio::test]
async fn the_sweep_tells_what_it_found_and_did() {
    let mut world = with_time(World::default());
    for suite in ["bookworm", "trixie"] {
        let generation = maker().suite(suite).generation(1).unwrap();
        world.upload_changes(&generation);
    }
    world.settle().await;
    for number in 0..3 {
        world.upload(&format!("dists/bookworm/signed/boot-{number}"), format!("boot file {number}"));
    }
    drop(world.uploads());
    // Left by runs that died, of a suite that waits for nothing.
    for number in 0..2 {
        world.s3.plant(REGION, &format!(".suitecast/waiting/{number}=dists/trixie"), "").unwrap();
    }
    world.clock.advance(SignedDuration::from_hours(24));
    world.s3.forget_requests();
    let began = world.clock.now();
    let report = world.sweep().await;
    let took = world.clock.now().duration_since(began).as_millis();
    assert_eq!((report.suites, report.tree_objects_copied, report.markers_removed), (2, 3, 2));
    assert_eq!(report.requests, world.s3.count(|_| true).requests);
    assert!(took > 0);
    assert_eq!(i128::from(report.duration_ms), took);
    assert_eq!(world.s3.keys(REGION, ".suitecast/waiting/"), Vec::<String>::new());
    assert_eq!(world.s3.keys(REGION, "dists/bookworm/signed/"), world.s3.keys(MASTER, "dists/bookworm/signed/"));
}

#[tokio::test]
async fn how_long_a_release_waits_is_counted_from_when_it_was_first_missed() {
    let generations = maker().history(2).unwrap();
    let mut world = World::default();
    let [first, second] = &generations[..] else { unreachable!("two were asked for") };
    let held_back = |generation: &Generation| generation.pool_keys().last().unwrap().to_owned();
    world.upload_keys(first, first.changed.iter().filter(|key| **key != held_back(first)));
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.waiting_seconds, report.missing_count), (Outcome::Waiting, 0, 1));
    assert_eq!(report.missing.first().map(|missing| missing.key.clone()), Some(held_back(first)));
    assert_eq!(report.awaited, [held_back(first)], "the answer names what wakes the suite");
    world.clock.advance(SignedDuration::from_secs(90));
    assert_eq!(world.publish_suite(SUITE).await.waiting_seconds, 90);
    // The next release waits for itself, and not since the one before it.
    world.upload_keys(second, second.changed.iter().filter(|key| key.contains("dists/")));
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.waiting_seconds), (Outcome::Waiting, 0));
}

#[tokio::test]
async fn how_long_a_release_took_to_its_clients_is_counted_from_its_date_and_told_when_it_is_new_to_them() {
    let generation = maker().generation(1).unwrap();
    let mut world = World::default();
    world.upload_changes(&generation);
    drop(world.uploads());
    let suite = SuiteName::parse(SUITE).unwrap();
    let dry = world.publish(PublishRequest { dry_run: true, ..PublishRequest::new(suite.clone()) }).await.unwrap();
    let date: Timestamp = dry.master_date.unwrap().parse().unwrap();
    world.clock.set(date + SignedDuration::from_secs(75));
    assert_eq!(world.publish_suite(SUITE).await.lag_seconds, Some(75));
    let again = world.publish(PublishRequest { full: true, ..PublishRequest::new(suite) }).await.unwrap();
    assert_eq!((again.outcome, again.lag_seconds), (Outcome::Swapped, None));
}

#[tokio::test]
async fn a_run_that_swapped_says_so_though_it_looked_once_more_for_somebody_who_came_meanwhile() {
    let generation = maker().generation(1).unwrap();
    let start = without_events(&generation);
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.publish_suite(SUITE).await;
    let commit = generation.suite_key("InRelease");
    let commit = watcher.sights().effects.iter().find(|effect| effect.key == commit).unwrap().number;
    let mut world = start.fork();
    let mut gate = world.faults.hold(commit);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = PublishRequest::new(SuiteName::parse(SUITE).unwrap());
    let visit = async {
        gate.reached().await;
        let told = world.publish_suite(SUITE).await.outcome;
        gate.open();
        told
    };
    let (report, told) = tokio::join!(publish::run(&ports, &settings, &request), visit);
    assert_eq!(told, Outcome::Busy);
    let report = report.unwrap();
    assert_eq!(report.outcome, Outcome::Swapped);
    assert!(report.lag_seconds.is_some() && report.live_date.is_some());
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn a_dry_run_tells_how_much_there_is_to_bring() {
    let generation = maker().generation(1).unwrap();
    let world = without_events(&generation);
    let would_copy = async |world: &World| {
        let mut world = world.fork();
        let suite = SuiteName::parse(SUITE).unwrap();
        let report = world.publish(PublishRequest { dry_run: true, ..PublishRequest::new(suite) }).await.unwrap();
        assert_eq!(report.outcome, Outcome::Swapped, "it would be");
        usize::try_from(report.would_copy.unwrap()).unwrap()
    };
    let everything = would_copy(&world).await;
    for key in generation.pool_keys() {
        world.s3.plant(REGION, key, generation.files[key].clone()).unwrap();
    }
    let indices = would_copy(&world).await;
    assert!(indices > 1);
    assert_eq!(everything, indices + generation.pool_keys().count());
}

#[tokio::test]
async fn a_run_that_swapped_and_then_found_the_next_release_incomplete_says_what_that_waits_for() {
    let generations = maker().history(2).unwrap();
    let [first, second] = &generations[..] else { unreachable!("two were asked for") };
    let start = without_events(first);
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.publish_suite(SUITE).await;
    let commit = first.suite_key("InRelease");
    let commit = watcher.sights().effects.iter().find(|effect| effect.key == commit).unwrap().number;
    let mut world = start.fork();
    let mut gate = world.faults.hold(commit);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = PublishRequest::new(SuiteName::parse(SUITE).unwrap());
    let held = second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let visit = async {
        gate.reached().await;
        world.upload_keys(second, second.changed.iter().filter(|key| *key != held));
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Busy);
        gate.open();
    };
    let (report, ()) = tokio::join!(publish::run(&ports, &settings, &request), visit);
    let report = report.unwrap();
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "{report:#?}");
    assert_eq!(report.missing[0].key, *held);
    assert_eq!(report.awaited, std::slice::from_ref(held));
    assert!(world.serves(first).await);
}

#[tokio::test]
async fn a_dry_run_leaves_a_name_that_an_index_still_lacks_to_a_real_one() {
    let generation = maker().by_hash(ByHash::Sha256AndSha512).generation(1).unwrap();
    let world = without_events(&generation);
    let is_first_name = |key: &&String| key.contains("/by-hash/SHA256/");
    for key in generation.files.keys().filter(is_first_name) {
        world.s3.plant(REGION, key, generation.files[key].clone()).unwrap();
    }
    let before = world.s3.keys(REGION, "");
    let mut world = world.fork();
    let suite = SuiteName::parse(SUITE).unwrap();
    let dry = PublishRequest { dry_run: true, ..PublishRequest::new(suite) };
    assert_eq!(world.publish(dry).await.unwrap().outcome, Outcome::Swapped, "it would be");
    assert_eq!(world.s3.keys(REGION, ""), before);
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    let is_second_name = |key: &&String| key.contains("/by-hash/SHA512/");
    for key in generation.files.keys().filter(is_second_name) {
        assert_eq!(world.s3.peek(REGION, key).as_ref(), Some(&generation.files[key]), "{key}");
    }
}

#[tokio::test]
async fn a_dry_run_says_of_other_bytes_under_a_name_what_a_real_one_would_do_about_them() {
    let maker = maker().plain_indices(PlainIndices::Shipped);
    let [first, second]: [Generation; 2] = maker.history(2).unwrap().try_into().unwrap();
    let key = first.pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let dry = PublishRequest { dry_run: true, ..PublishRequest::new(SuiteName::parse(SUITE).unwrap()) };
    // Bytes that nobody names are replaced.
    let mut world = without_events(&first);
    let nothing_there = world.publish(dry.clone()).await.unwrap();
    world.s3.plant(REGION, key, "of nobody").unwrap();
    let before = world.s3.keys(REGION, "");
    let told = world.publish(dry.clone()).await.unwrap();
    assert_eq!((told.outcome, told.rules.len()), (Outcome::Swapped, 0), "it would be: {told:#?}");
    assert_eq!(world.s3.keys(REGION, ""), before);
    assert_eq!(world.s3.peek(REGION, key).unwrap(), "of nobody");
    let done = world.publish_suite(SUITE).await;
    assert_eq!((done.outcome, told.would_copy), (Outcome::Swapped, nothing_there.would_copy));
    assert!(world.serves(&first).await);
    // Bytes that the live release names stay, by the rule that a real run gives; where it is allowed they would be changed.
    let changed = with_changed_file(&maker, &second, key);
    world.upload_keys(&changed, changed.files.keys());
    drop(world.uploads());
    let told = world.publish(dry.clone()).await.unwrap();
    let done = world.publish_suite(SUITE).await;
    assert_eq!((told.outcome, done.outcome), (Outcome::Refused, Outcome::Refused), "{told:#?}");
    assert!(!told.rules.is_empty() && told.rules[0] == done.rules[0], "{:?} and {:?}", told.rules, done.rules);
    assert!(world.s3.keys(REGION, ".suitecast/staging/").is_empty(), "the new bytes are not to be paid for");
    world.settings.allow_change_in_place = true;
    assert_eq!(world.publish(dry).await.unwrap().outcome, Outcome::Swapped, "it would be");
    assert_eq!(world.s3.peek(REGION, key).as_ref(), Some(&first.files[key]));
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
}

#[tokio::test]
async fn a_dry_run_tells_the_rules_that_are_broken_in_every_index_and_a_real_one_those_of_the_first() {
    let maker = maker().architectures(&["amd64", "arm64"]).plain_indices(PlainIndices::Shipped);
    let [first, second]: [Generation; 2] = maker.history(2).unwrap().try_into().unwrap();
    let mut world = World::default();
    world.upload_changes(&first);
    world.settle().await;
    assert!(world.serves(&first).await);
    let mut next = second;
    let architectures = ["amd64", "arm64"];
    let changed = architectures.map(|architecture| {
        let suffix = format!("_{architecture}.deb");
        first.pool_keys().find(|key| key.ends_with(&suffix) && next.files.contains_key(*key)).unwrap().to_owned()
    });
    for (architecture, key) in architectures.into_iter().zip(&changed) {
        let mut bytes = next.files[key].to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let (old, listed) = (sha256(&next.files[key]), sha256(&bytes));
        let index = format!("main/binary-{architecture}/Packages");
        next = with_index(&maker, &next, &index, |text| text.replace(&old, &listed));
        next.files.insert(key.clone(), bytes.into());
    }
    world.upload_keys(&next, next.files.keys());
    drop(world.uploads());
    let named = |rules: &[String]| changed.iter().filter(|key| rules.iter().any(|rule| rule.contains(*key))).count();
    let suite = SuiteName::parse(SUITE).unwrap();
    let told = world.publish(PublishRequest { dry_run: true, ..PublishRequest::new(suite) }).await.unwrap();
    assert_eq!((told.outcome, named(&told.rules)), (Outcome::Refused, 2), "{:?}", told.rules);
    let done = world.publish_suite(SUITE).await;
    assert_eq!((done.outcome, named(&done.rules)), (Outcome::Refused, 1), "{:?}", done.rules);
}

#[tokio::test]
async fn a_refusal_is_remembered_from_its_first_run_and_forgotten_when_the_master_goes_back_to_what_is_live() {
    let maker = maker().plain_indices(PlainIndices::Shipped);
    let first = maker.generation(1).unwrap();
    let mut world = World::default();
    world.upload_changes(&first);
    world.settle().await;
    let key = first.pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let changed = with_changed_file(&maker, &maker.generation(2).unwrap(), key);
    world.upload_keys(&changed, changed.files.keys());
    drop(world.uploads());
    let refused = |world: &World| {
        let [state] = world.s3.keys(REGION, ".suitecast/state/").try_into().unwrap();
        let state: serde_json::Value = serde_json::from_slice(&world.s3.peek(REGION, &state).unwrap()).unwrap();
        state["refused"]["since"].as_str().map(str::to_owned)
    };
    let began = world.clock.now();
    for _ in 0..2 {
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Refused);
        assert_eq!(refused(&world), Some(began.to_string()));
        world.clock.advance(SignedDuration::from_hours(1));
    }
    world.upload_keys(&first, first.files.keys());
    drop(world.uploads());
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::UpToDate);
    assert_eq!(refused(&world), None);
}
