//! Archives without by-hash names: an index whose plain name the next generation has taken over is found among the older
//! versions of that name, so that a release that waited still goes live whole.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use suitecast_archive::{Scope, Strictness, SuiteName};
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, Settings};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation};
use suitecast_testing::strict::{Request, S3Operation, Trouble, TroubleRule};
use suitecast_testing::{Aftermath, Moment};
use suitecast_tests::edits::sha256;
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";
const PACKAGES: [&str; 2] =
    ["dists/bookworm/main/binary-amd64/Packages.gz", "dists/bookworm/main/binary-amd64/Packages.xz"];

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(31)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .by_hash(ByHash::None)
}

/// What a generation changed: its release files, its indices, its pool.
struct Parts<'a> {
    releases: Vec<&'a String>,
    indices: Vec<&'a String>,
    pool: Vec<&'a String>,
}

fn parts(generation: &Generation) -> Parts<'_> {
    let names = ["InRelease", "Release", "Release.gpg"].map(|name| generation.suite_key(name));
    let (releases, others): (Vec<_>, Vec<_>) = generation.changed.iter().partition(|key| names.contains(key));
    let (indices, pool) = others.into_iter().partition(|key| key.starts_with(SUITE));
    Parts { releases, indices, pool }
}

fn greeting(generation: &Generation) -> &String {
    let is_greeting = |key: &&String| key.contains("hello-suitecast_") && key.ends_with("_amd64.deb");
    generation.changed.iter().find(is_greeting).unwrap()
}

fn listings_of_versions(world: &World) -> u64 {
    world.s3.count(|request| request.operation == S3Operation::ListObjectVersions).requests
}

/// Everything of a generation is in the master, but its indices of packages stand behind `later` contents of their names.
fn overwritten(generation: &Generation, later: &[Vec<u8>]) -> World {
    let world = World::default();
    let Parts { releases, indices, pool } = parts(generation);
    world.upload_keys(generation, indices.into_iter().chain(pool));
    for key in PACKAGES {
        for content in later {
            world.upload(key, content.clone());
        }
    }
    world.upload_keys(generation, releases);
    world
}

/// Other bytes, as many as the index has.
fn as_long_as(generation: &Generation, key: &str) -> Vec<u8> {
    vec![b'x'; generation.files[key].len()]
}

async fn publish(world: &mut World, dry_run: bool) -> suitecast_engine::PublishReport {
    world.publish(PublishRequest { dry_run, ..PublishRequest::new(SuiteName::parse(SUITE).unwrap()) }).await.unwrap()
}

#[tokio::test]
async fn a_release_that_waited_goes_live_with_its_own_indices_though_the_next_one_has_taken_their_names() {
    let generations = maker().history(3).unwrap();
    let mut world = World::default();
    world.upload_changes(&generations[0]);
    world.settle().await;
    assert!(world.serves(&generations[0]).await);
    let watcher = Watcher::over(&world, SUITE);
    let (second, third) = (parts(&generations[1]), parts(&generations[2]));

    world.upload_keys(&generations[1], second.releases);
    world.settle().await;
    assert_eq!(publish(&mut world, false).await.outcome, Outcome::Waiting);
    // The third overwrites the second's indices before anybody has looked at them; each lacks a package.
    let (held, held_too) = (greeting(&generations[1]), greeting(&generations[2]));
    world.upload_keys(&generations[1], second.indices);
    world.upload_keys(&generations[2], third.indices);
    world.upload_keys(&generations[1], second.pool.into_iter().filter(|key| *key != held));
    world.upload_keys(&generations[2], third.pool.into_iter().filter(|key| *key != held_too));
    world.upload_keys(&generations[2], third.releases);
    world.settle().await;
    assert!(world.serves(&generations[0]).await);

    world.upload(held, generations[1].files[held].clone());
    world.settle().await;
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generations[1]).await, "{:#?}", world.reports.last());
    assert!(listings_of_versions(&world) > 0);
    for key in PACKAGES {
        assert_ne!(world.s3.peek(MASTER, key).as_ref(), generations[1].files.get(key), "its name is the third's");
        assert_eq!(world.s3.peek(REGION, key).as_ref(), generations[1].files.get(key));
    }
    let report = publish(&mut world, false).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "the third still waits");

    world.upload(held_too, generations[2].files[held_too].clone());
    world.settle().await;
    assert!(world.serves(&generations[2]).await, "{:#?}", world.reports.last());
    let sights = watcher.sights();
    assert_eq!(sights.broken, Vec::<String>::new());
    assert_eq!(sights.lives.len(), 3, "first, second, third");
}

#[tokio::test]
async fn versions_of_the_right_size_are_told_apart_by_digest_before_anything_stands_under_a_by_hash_name() {
    let generation = maker().generation(1).unwrap();
    let [gzip, xz] = PACKAGES.map(|key| as_long_as(&generation, key));
    let mut world = overwritten(&generation, &[gzip, xz, b"a later generation's, of another size".to_vec()]);
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let (into, s3) = (Arc::clone(&wrong), world.s3.clone());
    world.faults.observe(move |effect| {
        let keys = s3.keys(REGION, SUITE).into_iter().filter(|key| key.contains("/by-hash/SHA256/"));
        let is_wrong = |key: &String| !key.ends_with(&sha256(&s3.peek(REGION, key).unwrap()));
        into.lock().unwrap().extend(keys.filter(is_wrong).map(|key| format!("after {effect:?}: {key}")));
    });
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
    assert_eq!(*wrong.lock().unwrap(), Vec::<String>::new());
    assert!(world.s3.keys(REGION, ".suitecast/staging/").is_empty(), "{:?}", world.s3.keys(REGION, ".suitecast/"));
}

#[tokio::test]
async fn other_bytes_of_the_same_size_under_the_plain_name_do_not_hide_the_older_version() {
    let generation = maker().generation(1).unwrap();
    for same_size in PACKAGES.map(|key| as_long_as(&generation, key)) {
        let mut world = overwritten(&generation, &[same_size]);
        let watcher = Watcher::over(&world, SUITE);
        world.settle().await;
        assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_version_that_was_seen_to_be_wrong_is_not_copied_once_more_to_find_out() {
    let generation = maker().generation(1).unwrap();
    let [gzip, _] = PACKAGES.map(|key| as_long_as(&generation, key));
    let mut world = overwritten(&generation, &[]);
    world.upload(PACKAGES[0], gzip);
    drop(world.uploads());
    world.s3.forget_requests();
    assert_eq!(publish(&mut world, false).await.outcome, Outcome::Swapped);
    let is_staged = |request: &Request| {
        request.operation == S3Operation::CopyObject && request.key.starts_with(".suitecast/staging/")
    };
    assert_eq!(world.s3.count(is_staged).requests, 2, "the newest, and the one behind it");
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn an_index_that_was_cleared_away_is_found_too_and_a_dry_run_says_so_without_writing() {
    let generation = maker().generation(1).unwrap();
    let mut world = overwritten(&generation, &[]);
    for key in PACKAGES {
        world.s3.uproot(MASTER, key).unwrap();
    }
    let report = publish(&mut world, true).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Swapped, 0));
    let pool = generation.pool_keys().count();
    assert!(report.would_copy.is_some_and(|objects| objects > pool as u64), "{:?}", report.would_copy);
    assert!(world.s3.keys(REGION, "").is_empty());
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn an_index_too_many_versions_back_is_waited_for() {
    let generation = maker().generation(1).unwrap();
    let limit = suitecast_engine::limits::MAX_VERSIONS_LOOKED_THROUGH;
    let later = |count: usize| (0..count).map(|number| vec![b'x'; 9_000 + number]).collect::<Vec<_>>();
    let mut world = overwritten(&generation, &later(limit));
    world.settle().await;
    let report = publish(&mut world, false).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, PACKAGES.len()));
    assert_eq!(report.missing.iter().map(|missing| missing.key.as_str()).collect::<Vec<_>>(), PACKAGES);
    let mut world = overwritten(&generation, &later(limit - 1));
    world.settle().await;
    assert!(world.serves(&generation).await, "the last one that is looked at");
}

#[tokio::test]
async fn a_suite_whose_indices_are_where_they_belong_never_asks_for_versions() {
    let relaxed =
        Settings { scope: Scope { strictness: Strictness::Relaxed, ..Scope::everything() }, ..default_settings() };
    for by_hash in [ByHash::None, ByHash::Sha256] {
        for settings in [default_settings(), relaxed.clone()] {
            let mut world = World::new(settings);
            for generation in maker().by_hash(by_hash).history(3).unwrap() {
                world.upload_changes(&generation);
                world.settle().await;
                assert!(world.serves(&generation).await);
            }
            assert_eq!(listings_of_versions(&world), 0, "{by_hash:?}");
        }
    }
}

#[tokio::test]
async fn versions_that_may_not_be_listed_leave_the_release_waiting_and_a_passing_failure_is_tried_again() {
    let generation = maker().generation(1).unwrap();
    let later = [b"a later generation's".to_vec()];
    let mut world = overwritten(&generation, &later);
    let trouble = |trouble| TroubleRule::once(trouble).on(S3Operation::ListObjectVersions);
    world.s3.trouble(trouble(Trouble::Denied).times(u64::MAX, 0));
    world.settle().await;
    assert_eq!(publish(&mut world, false).await.outcome, Outcome::Waiting);
    world.s3.clear_troubles();
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());

    let mut world = overwritten(&generation, &later);
    world.s3.trouble(trouble(Trouble::SlowDown));
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
    assert!(world.publish_runs > world.reports.len(), "one run failed and was repeated");
}

#[tokio::test]
async fn a_crash_at_any_step_of_it_leaves_clients_whole_and_the_next_run_finishes() {
    let generation = maker().generation(1).unwrap();
    let [gzip, xz] = PACKAGES.map(|key| as_long_as(&generation, key));
    let start = overwritten(&generation, &[gzip, xz, b"a later generation's".to_vec()]);
    let mut world = start.fork();
    publish(&mut world, false).await;
    let effects = world.faults.effects();
    assert!(world.serves(&generation).await);
    for step in 0..effects {
        for moment in [Moment::Before, Moment::After] {
            let at = format!("step {step} of {effects}, {moment:?}");
            let mut world = start.fork();
            let watcher = Watcher::over(&world, SUITE);
            world.faults.fail(step, moment, Aftermath::Crash);
            let _ = world.publish(PublishRequest::new(SuiteName::parse(SUITE).unwrap())).await;
            assert!(world.faults.struck(), "{at}: never reached");
            world.faults.repair();
            // A lease is left to run out.
            world.clock.advance(SignedDuration::from_mins(15));
            world.settle().await;
            world.sweep().await;
            world.settle().await;
            assert!(world.serves(&generation).await, "{at}: {:#?}", world.reports.last());
            assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{at}");
        }
    }
    assert!(effects > 20, "too few steps: {effects}");
}
