//! What a sweep wakes a suite for, and what it leaves alone; what it removes of what dead runs left.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use suitecast_archive::{Scope, SuiteName, SuitePatterns};
use suitecast_engine::publish::PublishRequest;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_testing::strict::{Request, S3Operation};
use suitecast_tests::world::{MASTER, REGION, World};

const SUITE: &str = "dists/bookworm";
const AUDIT: &str = "not checked in full for a day";

fn generation_of(suite: &str) -> Generation {
    let maker = ArchiveMaker::new(9).suite(suite).components(&["main"]).architectures(&["amd64"]).plain_packages(1);
    maker.generation(1).unwrap()
}

async fn serving(suites: &[&str]) -> World {
    let mut world = World::default();
    for suite in suites {
        let generation = generation_of(suite);
        world.upload_changes(&generation);
        world.settle().await;
        assert!(world.serves(&generation).await);
        // So that one was checked before the other.
        world.clock.advance(SignedDuration::from_hours(1));
    }
    world
}

/// Where the state of a suite is kept, and what it says.
fn state_of(world: &World, suite: &str) -> (String, Value) {
    let states = world.s3.keys(REGION, ".suitecast/state/").into_iter().map(|key| {
        let state = serde_json::from_slice(&world.s3.peek(REGION, &key).unwrap()).unwrap();
        (key, state)
    });
    states.into_iter().find(|(_, state): &(_, Value)| state["suite"] == suite).unwrap()
}

fn remember(world: &World, suite: &str, change: impl FnOnce(&mut Value)) {
    let (key, mut state) = state_of(world, suite);
    change(&mut state);
    world.s3.plant(REGION, &key, serde_json::to_vec(&state).unwrap()).unwrap();
}

/// Why a sweep of a world like this one wakes the suite, if it does.
async fn reason(world: &World, change: impl FnOnce(&mut World)) -> Option<&'static str> {
    let mut world = world.fork();
    change(&mut world);
    let woken = world.sweep().await.woken;
    assert!(woken.len() <= 1, "{woken:?}");
    woken.into_iter().next().map(|(suite, reason)| {
        assert_eq!(suite.as_ref(), SUITE);
        reason
    })
}

/// What a run that died can leave in the state of a suite that is served as the master has it: the field, what it holds,
/// and what a sweep says of it.
fn left_undone(world: &World) -> Vec<(&'static str, Value, &'static str)> {
    let identity = state_of(world, SUITE).1["live"]["identity"].clone();
    let now = world.clock.now().to_string();
    let waiting = json!({ "identity": identity, "since": now, "count": 1, "missing": [] });
    let unsettled = json!({ "identity": identity, "since": now });
    let intent = json!({
        "identity": identity, "date": now, "scope": "", "begun_at": now,
        "in_master": { "in_release": null, "release": null, "release_gpg": null },
    });
    vec![
        ("intent", intent, "a swap was begun and not finished"),
        ("waiting", waiting, "waiting"),
        ("unsettled", unsettled, "waiting"),
        ("filling", identity, "not filled yet"),
        ("woken", json!({ "again": true, "force": false, "full": false }), "a run died that others counted on"),
        ("live", Value::Null, "nothing is served yet"),
    ]
}

#[tokio::test]
async fn a_suite_is_woken_for_whatever_was_left_undone_and_for_nothing_else() {
    let world = serving(&["bookworm"]).await;
    assert_eq!(reason(&world, |_| ()).await, None);
    for (field, value, expected) in left_undone(&world) {
        let told = reason(&world, |world| remember(world, SUITE, |state| state[field] = value)).await;
        assert_eq!(told, Some(expected), "{field}");
    }
    let forgotten = reason(&world, |world| world.s3.uproot(REGION, &state_of(world, SUITE).0).unwrap()).await;
    assert_eq!(forgotten, Some("new here"));
    let signed_again = |world: &mut World| world.upload(&format!("{SUITE}/Release.gpg"), "another");
    assert_eq!(reason(&world, signed_again).await, Some("the master's release changed"));
    let narrower = |world: &mut World| {
        world.settings.scope = Scope { components: Some(vec!["main".to_owned()]), ..Scope::everything() };
    };
    assert_eq!(reason(&world, narrower).await, Some("the scope changed"));
}

#[tokio::test]
async fn one_look_sets_right_what_was_left_undone() {
    let world = serving(&["bookworm"]).await;
    for (field, value, _) in left_undone(&world) {
        let mut world = world.fork();
        remember(&world, SUITE, |state| state[field] = value);
        world.publish_suite(SUITE).await;
        world.settle().await;
        let woken = world.sweep().await.woken;
        assert!(woken.is_empty(), "{field}: {woken:?}");
        assert!(world.serves(&generation_of("bookworm")).await, "{field}");
    }
}

#[tokio::test]
async fn a_suite_that_vanished_from_the_master_is_told_of_where_it_is_mirrored() {
    let world = serving(&["bookworm"]).await;
    let vanish = |world: &mut World| {
        for key in world.s3.keys(MASTER, SUITE) {
            world.s3.uproot(MASTER, &key).unwrap();
        }
    };
    assert_eq!(reason(&world, vanish).await, Some("gone from the master"));
    let never_served = |world: &mut World| {
        vanish(world);
        remember(world, SUITE, |state| state["live"] = Value::Null);
    };
    assert_eq!(reason(&world, never_served).await, None);
    let no_longer_mirrored = |world: &mut World| {
        vanish(world);
        world.settings.suites = SuitePatterns::parse("trixie").unwrap();
    };
    assert_eq!(reason(&world, no_longer_mirrored).await, None);
}

#[tokio::test]
async fn once_a_day_the_suite_whose_check_is_longest_ago_is_checked_and_no_other() {
    let mut world = serving(&["bookworm", "trixie"]).await;
    let suites = |world: &World, woken: &suitecast_engine::sweep::SweepReport| {
        assert!(woken.woken.values().all(|reason| *reason == AUDIT), "at {}: {woken:?}", world.clock.now());
        woken.woken.keys().map(|suite| suite.as_ref().to_owned()).collect::<Vec<_>>()
    };
    // The first was checked two hours ago, the second one.
    world.clock.advance(SignedDuration::from_hours(22) - SignedDuration::from_secs(1));
    let report = world.sweep().await;
    assert_eq!(suites(&world, &report), Vec::<String>::new(), "not yet");
    world.clock.advance(SignedDuration::from_secs(1));
    let report = world.sweep().await;
    assert_eq!(suites(&world, &report), [SUITE]);
    let wakes = world.queue.take();
    assert!(wakes.len() == 1 && wakes[0].full && !wakes[0].force && wakes[0].hops == 0, "{wakes:?}");
    world.publish(PublishRequest::from(wakes[0].clone())).await.unwrap();
    let report = world.sweep().await;
    assert_eq!(suites(&world, &report), Vec::<String>::new(), "the other one was checked later");
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep().await;
    assert_eq!(suites(&world, &report), ["dists/trixie"]);
    // One that is looked at for another reason, or is no longer mirrored, is not checked in full.
    let waits = world.fork();
    waits.upload("dists/trixie/Release.gpg", "another");
    let woken = waits.sweep().await.woken;
    assert_eq!(woken.into_values().collect::<Vec<_>>(), ["the master's release changed"]);
    world.settings.suites = SuitePatterns::parse("bookworm").unwrap();
    let report = world.sweep().await;
    assert_eq!(suites(&world, &report), Vec::<String>::new());
}

#[tokio::test]
async fn markers_are_removed_when_they_are_a_day_old_and_no_state_speaks_of_them() {
    let world = serving(&["bookworm"]).await;
    let marker = |name: &str, suite: &str| format!(".suitecast/waiting/{name}={suite}");
    let unknown = "dists/trixie";
    for (name, suite) in [("spoken-of", SUITE), ("forgotten", SUITE), ("of-no-suite", unknown)] {
        world.s3.plant(REGION, &marker(name, suite), "").unwrap();
    }
    remember(&world, SUITE, |state| state["markers"] = json!([marker("spoken-of", SUITE)]));
    let removed = async |hours, change: fn(&World)| {
        let world = world.fork();
        world.clock.advance(SignedDuration::from_hours(hours));
        change(&world);
        let report = world.sweep().await;
        let left = world.s3.keys(REGION, ".suitecast/waiting/");
        (report.markers_removed, left)
    };
    assert_eq!(removed(23, |_| ()).await.0, 0, "a run that is at work may have written them");
    assert_eq!(removed(24, |_| ()).await, (2, vec![marker("spoken-of", SUITE)]));
    let (count, left) = removed(24, |world| {
        remember(world, SUITE, |state| {
            state["lease"] = json!({ "holder": "somebody", "expires_at": world.clock.now().to_string() });
        });
    })
    .await;
    assert_eq!((count, left.len()), (1, 2), "while a run is at work on a suite, its markers stay: {left:?}");
}

#[tokio::test]
async fn every_suite_can_be_woken_at_once_with_what_is_asked() {
    let world = serving(&["bookworm", "trixie"]).await;
    world.queue.take();
    for (force, full) in [(true, false), (false, true)] {
        let told = suitecast_engine::sweep::wake_all(&world.ports, &world.settings, force, full).await.unwrap();
        let wakes = world.queue.take();
        let all = [SUITE, "dists/trixie"].map(|suite| SuiteName::parse(suite).unwrap());
        assert_eq!(told, all);
        assert_eq!(wakes.iter().map(|wake| wake.suite.clone()).collect::<Vec<_>>(), all);
        assert!(wakes.iter().all(|wake| wake.force == force && wake.full == full && wake.hops == 0), "{wakes:?}");
    }
}

#[tokio::test]
async fn a_sweep_lists_no_directory_of_indices_however_many_there_are() {
    let world = serving(&["bookworm"]).await;
    for key in ["Contents-amd64.diff/Index", "dep11/icons-48x48.tar.gz", "binary-all/Packages.diff/Index"] {
        world.upload(&format!("{SUITE}/main/{key}"), "an index");
    }
    world.s3.forget_requests();
    world.sweep().await;
    let is_listing = |request: &Request| request.bucket == MASTER && request.operation == S3Operation::ListObjectsV2;
    let listed: BTreeSet<String> =
        world.s3.requests().into_iter().filter(is_listing).map(|request| request.key).collect();
    let may_hold_suites = ["dists/", "dists/bookworm/", "dists/bookworm/main/"].map(str::to_owned);
    assert_eq!(listed, BTreeSet::from(may_hold_suites));
}
