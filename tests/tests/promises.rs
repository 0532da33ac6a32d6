//! The five promises, each with the break that turns its test red. Every break was tried, and taken back.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use suitecast_archive::SuiteName;
use suitecast_engine::Outcome;
use suitecast_engine::publish::PublishRequest;
use suitecast_store::Operation;
use suitecast_testing::Random;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation, PlainIndices};
use suitecast_testing::client_model::{ClientModel, Scope as ClientScope};
use suitecast_testing::strict::Mishaps;
use suitecast_tests::edits::{with_changed_file, with_date, with_packages};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(5)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .plain_indices(PlainIndices::Shipped)
}

async fn serving(generation: &Generation) -> World {
    let mut world = World::default();
    world.upload_changes(generation);
    world.settle().await;
    assert!(world.serves(generation).await);
    world
}

fn forced(suite: &str) -> PublishRequest {
    PublishRequest { force: true, ..PublishRequest::new(SuiteName::parse(suite).unwrap()) }
}

/// Everything that clients may read, as it is now.
fn public_files(world: &World) -> BTreeMap<String, Bytes> {
    let keys = world.s3.keys(REGION, "");
    let public = keys.into_iter().filter(|key| !key.starts_with(".suitecast/"));
    public.map(|key| (key.clone(), world.s3.peek(REGION, &key).unwrap())).collect()
}

/// Files whose bytes never change: everything but release files and the plain names of indices.
fn is_immutable(key: &str) -> bool {
    !key.contains("dists/") || key.contains("/by-hash/")
}

/// Promise 1. Red when `fill.rs` goes on where something is missing: `if !missing.is_empty()` made `if false` in
/// `fill_named_files`.
#[tokio::test]
async fn one_whatever_the_live_release_names_is_there_at_every_instant() {
    let generations = maker().history(3).unwrap();
    for seed in 0..6 {
        let mut world = World::default();
        let watcher = Watcher::over(&world, SUITE);
        for generation in &generations {
            let mut keys: Vec<String> = generation.changed.iter().cloned().collect();
            let mut random = Random::new(seed);
            match seed {
                0 => {}
                1 => keys.reverse(),
                _ => random.shuffle(&mut keys),
            }
            for keys in keys.chunks(7) {
                world.upload_keys(generation, keys);
                world.settle().await;
            }
            assert!(world.serves(generation).await, "seed {seed}: {:#?}", world.reports.last());
        }
        let sights = watcher.sights();
        assert_eq!(sights.broken, Vec::<String>::new(), "seed {seed}");
        assert!(sights.looks > 50, "seed {seed}: {} looks", sights.looks);
    }
}

/// Promise 2. Red when what is committed is not the very bytes that were verified: `bytes.trim_ascii_end()` in place of
/// `bytes` in `write_release_file` of `swap.rs`.
#[tokio::test]
async fn two_the_live_release_is_byte_for_byte_one_that_the_master_held() {
    let generations = maker().history(3).unwrap();
    let key = generations[0].suite_key("InRelease");
    let start = serving(&generations[0]).await;
    start.upload_changes(&generations[1]);
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.settle().await;
    let commit = watcher.sights().effects.iter().find(|effect| effect.key == key).unwrap().number;

    // The master moves on in the very moment of the commit.
    let mut world = start.fork();
    let watcher = Watcher::over(&world, SUITE);
    let mut gate = world.faults.hold(commit);
    let s3 = world.s3.clone();
    let third = &generations[2];
    tokio::join!(world.settle(), async {
        gate.reached().await;
        for changed in &third.changed {
            s3.plant(MASTER, changed, third.files[changed].clone()).unwrap();
        }
        gate.open();
    });
    world.settle().await;
    assert!(world.serves(third).await);
    let sights = watcher.sights();
    assert_eq!(sights.broken, Vec::<String>::new());
    let lives: Vec<&Bytes> = sights.lives.iter().map(|live| &live.bytes).collect();
    let held: Vec<&Bytes> = generations.iter().map(|generation| &generation.files[&key]).collect();
    assert_eq!(lives, held, "each release as the master held it, one after the other");
    for name in ["Release", "Release.gpg"] {
        let key = third.suite_key(name);
        assert_eq!(world.s3.peek(REGION, &key).as_ref(), Some(&third.files[&key]), "{name}");
    }
}

/// Promise 3. Red when `decide.rs` forgets the served Date: `if date < served.date` made `if false`.
#[tokio::test]
async fn three_the_date_of_the_live_release_never_goes_back_unless_forced() {
    let generations = maker().history(4).unwrap();
    let [first, second, third, fourth] = &generations[..] else { panic!("four were asked for") };
    let mut world = serving(first).await;
    let watcher = Watcher::over(&world, SUITE);
    world.upload_changes(second);
    world.settle().await;
    // The master steps back.
    world.upload_keys(first, first.files.keys());
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Older);
    let reason = report.reason.unwrap();
    assert!(reason.contains("replay with force"), "{reason}");
    assert!(world.serves(second).await);
    // A release that waited becomes whole when a newer one is served.
    let held = third.changed.iter().find(|key| key.contains("hello-suitecast") && key.ends_with("_amd64.deb")).unwrap();
    world.upload_keys(third, third.changed.iter().filter(|key| *key != held));
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    world.upload_changes(fourth);
    world.upload_keys(fourth, fourth.files.keys());
    world.settle().await;
    assert!(world.serves(fourth).await);
    world.upload(held, third.files[held].clone());
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(fourth).await);
    let dates: Vec<Timestamp> = watcher.sights().lives.iter().map(|live| live.date.unwrap()).collect();
    assert!(dates.is_sorted(), "{dates:?}");
    // By force, it may.
    world.upload_keys(first, first.files.keys());
    world.settle().await;
    assert!(world.serves(fourth).await);
    assert_eq!(world.publish(forced(SUITE)).await.unwrap().outcome, Outcome::Swapped);
    assert!(world.serves(first).await);
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

/// Promise 4, for now without an end to the grace: nothing is deleted outside `.suitecast/`, and no pool file or by-hash
/// name that any release ever named is overwritten. Red when `conflict.rs` overwrites what is named: `if allowed` left out
/// of its match on who names the old bytes.
#[tokio::test]
async fn four_nothing_that_a_release_named_is_deleted_or_overwritten() {
    let maker = maker();
    let generations = maker.history(3).unwrap();
    let mut world = serving(&generations[0]).await;
    let mut kept = public_files(&world);
    let watcher = Watcher::over(&world, SUITE);
    let changed_in_place = generations[0].pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let hostile = with_changed_file(&maker, &generations[1], changed_in_place);
    for (number, step) in [&hostile, &generations[1], &generations[2], &generations[0]].into_iter().enumerate() {
        world.upload_keys(step, step.files.keys());
        world.settle().await;
        world.clock.advance(SignedDuration::from_hours(30));
        world.sweep().await;
        world.settle().await;
        if number == 3 {
            world.publish(forced(SUITE)).await.unwrap();
        }
        let now = public_files(&world);
        for (key, bytes) in &kept {
            assert!(now.contains_key(key), "step {number}: {key} is gone");
            assert!(!is_immutable(key) || now[key] == *bytes, "step {number}: {key} was overwritten");
        }
        kept.extend(now);
    }
    // The master withdraws the suite and its files.
    for key in world.s3.keys(MASTER, "") {
        world.s3.uproot(MASTER, &key).unwrap();
    }
    world.sweep().await;
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Withdrawn);
    assert!(world.serves(&generations[0]).await);
    let effects = watcher.sights().effects.clone();
    let deleted = effects.iter().filter(|effect| effect.operation == Operation::Delete);
    let outside: Vec<&str> =
        deleted.map(|effect| effect.key.as_str()).filter(|key| !key.starts_with(".suitecast/")).collect();
    assert_eq!(outside, Vec::<&str>::new());
    // Who holds an earlier release finds everything that it names, by hash.
    for generation in &generations {
        let mut files = public_files(&world);
        for name in ["InRelease", "Release", "Release.gpg"] {
            files.insert(generation.suite_key(name), generation.files[&generation.suite_key(name)].clone());
        }
        let view = ClientModel::new(ClientScope::default()).walk(&files, SUITE).await.unwrap();
        assert!(view.is_whole() && view.files > 5, "generation {}: {view}", generation.number);
    }
}

/// Promise 5. Red when `decide.rs` lets a release from the future pass: `date.duration_since(observation.now) >
/// MAX_DATE_AHEAD` made `false`.
#[tokio::test]
async fn five_a_refused_waiting_or_hostile_release_leaves_what_is_served_untouched_and_says_why() {
    let maker = maker();
    let generations = maker.history(2).unwrap();
    let (first, second) = (&generations[0], &generations[1]);
    let mixed = {
        let mut mixed = second.clone();
        mixed.files.insert(first.suite_key("Release"), first.files[&first.suite_key("Release")].clone());
        mixed
    };
    let without_a_package = {
        let mut less = second.clone();
        let held = second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
        less.files.remove(held);
        less
    };
    let in_place = first.pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let leaving = |text: &str| text.replacen("Filename: pool/", "Filename: pool/../../", 1);
    let cases = [
        ("future", with_date(&maker, second, "Tue, 01 Jan 2030 00:00:00 UTC"), Outcome::Refused, "in the future"),
        ("hostile path", with_packages(&maker, second, leaving), Outcome::Refused, ".."),
        ("mixed", mixed, Outcome::Waiting, "InRelease"),
        ("held back", without_a_package, Outcome::Waiting, "not in the master"),
        ("changed in place", with_changed_file(&maker, second, in_place), Outcome::Refused, "changed in place"),
    ];
    let start = serving(first).await;
    let served = public_files(&start);
    for (name, generation, outcome, reason) in cases {
        let mut world = start.fork();
        let watcher = Watcher::over(&world, SUITE);
        world.upload_keys(&generation, generation.files.keys());
        world.settle().await;
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, outcome, "{name}: {report:#?}");
        assert!(report.reason.as_ref().unwrap().contains(reason), "{name}: {:?}", report.reason);
        let answer = serde_json::to_value(&report).unwrap();
        assert_eq!(answer["reason"].as_str(), report.reason.as_deref(), "{name}");
        let now = public_files(&world);
        for (key, bytes) in &served {
            assert_eq!(now.get(key), Some(bytes), "{name}: {key}");
        }
        assert!(world.serves(first).await && world.view(SUITE).await.is_settled(), "{name}");
        assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{name}");
        // And nothing is stuck: the right upload goes through.
        world.upload_keys(second, second.files.keys());
        world.settle().await;
        assert!(world.serves(second).await, "{name}: {:#?}", world.reports.last());
    }
}

/// After an upload stops, the newest complete release comes by itself within a sweep, whatever became of the events.
/// Red when `sweep.rs` overlooks a changed release: `live.in_master != *tags` made `false`.
#[tokio::test]
async fn whatever_becomes_of_events_a_sweep_brings_the_newest_complete_release() {
    let generations = maker().history(3).unwrap();
    for seed in 0..10 {
        let lost_percent = if seed == 0 { 100 } else { 30 };
        let mishaps = Mishaps { seed, lost_percent, doubled_percent: 30, reordered: true };
        let mut world = World { mishaps, ..World::default() };
        let watcher = Watcher::over(&world, SUITE);
        for generation in &generations {
            world.upload_changes(generation);
            world.settle().await;
            world.clock.advance(SignedDuration::from_mins(15));
            world.sweep().await;
            world.settle().await;
            assert!(world.serves(generation).await, "seed {seed}: {:#?}", world.reports.last());
            assert!(world.view(SUITE).await.is_settled(), "seed {seed}");
        }
        assert_eq!(watcher.sights().broken, Vec::<String>::new(), "seed {seed}");
    }
}
