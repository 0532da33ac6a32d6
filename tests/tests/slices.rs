//! Work that takes longer than a slice: it goes on where it stopped, and a suite that changes meanwhile still moves.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, limits};
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, PlainIndices};
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_tests::budgets::in_a_region;
use suitecast_tests::edits::with_changed_file;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

/// More than two slices' worth, at one chunk a slice.
const PACKAGES: usize = limits::CHUNK * 2 + 500;

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(11).suite("sid").components(&["main"]).bulk(PACKAGES, BulkContent::Shared, 50)
}

/// A world whose slices are over as soon as they have done the least they do.
fn world_of_short_slices() -> World {
    let mut settings = default_settings();
    settings.slice = Duration::ZERO;
    let mut world = World::new(settings);
    world.batch_size = 1_000;
    world
}

#[tokio::test]
async fn a_fill_longer_than_a_slice_goes_on_where_it_stopped() {
    let generation = maker().generation(1).unwrap();
    let mut world = world_of_short_slices();
    world.upload_changes(&generation);
    world.replicate().await;
    world.s3.forget_requests();
    world.settle().await;
    let looked = world.s3.count(|request| request.bucket == REGION && request.operation == S3Operation::HeadObject);
    let continued = world.reports.iter().filter(|report| report.outcome == Outcome::Continued).count();
    assert!(continued >= 2, "the work was to take several slices: {continued}");
    let most = in_a_region(generation.pool_keys()) + 200;
    assert!(
        looked.requests <= most,
        "files verified in one slice were looked at again in the next: {}",
        looked.requests
    );
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn a_suite_published_again_before_each_slice_ends_still_moves() {
    let generations = maker().history(6).unwrap();
    let mut world = world_of_short_slices();
    let mut served = 0;
    for generation in &generations {
        world.upload_changes(generation);
        world.replicate().await;
        // One slice, and the next generation is there.
        world.queue.take();
        world.publish_suite("dists/sid").await;
        let view = world.view("dists/sid").await;
        assert!(view.is_whole(), "{view:?}");
        served += usize::from(view.live.is_some());
    }
    assert!(served > 0, "nothing was served while six generations came: {:?}", world.reports);
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generations[5]).await);
}

/// A suite of two components whose events were lost, so that one slice is not enough for it.
fn two_components(world: &World) -> suitecast_testing::archive_maker::Generation {
    let maker = ArchiveMaker::new(3).suite("sid").components(&["main", "contrib"]).architectures(&["amd64"]);
    let generation = maker.plain_packages(2).generation(1).unwrap();
    world.upload_changes(&generation);
    drop(world.uploads());
    generation
}

#[tokio::test]
async fn a_run_whose_slice_ends_asks_for_the_rest_with_all_that_was_asked_of_it_and_not_for_ever() {
    let mut world = world_of_short_slices();
    two_components(&world);
    let suite = SuiteName::parse("dists/sid").unwrap();
    for (force, full, hops) in
        [(false, false, 0), (true, false, 1), (false, true, 7), (false, false, limits::MAX_HOPS - 1)]
    {
        let request = PublishRequest { suite: suite.clone(), dry_run: false, force, full, hops };
        let mut world = world.fork();
        assert_eq!(world.publish(request).await.unwrap().outcome, Outcome::Continued);
        let wakes = world.queue.take();
        assert_eq!(wakes.len(), 1, "{wakes:?}");
        assert_eq!((&wakes[0].suite, wakes[0].force, wakes[0].full, wakes[0].hops), (&suite, force, full, hops + 1));
    }
    let too_often = PublishRequest { hops: limits::MAX_HOPS, ..PublishRequest::new(suite) };
    assert_eq!(world.publish(too_often).await.unwrap().outcome, Outcome::Continued);
    assert_eq!(world.queue.take(), [], "the sweep goes on from here");
}

#[tokio::test]
async fn what_one_index_names_is_not_looked_at_again_while_a_file_of_another_is_waited_for() {
    let mut world = World::default();
    let generation = two_components(&world);
    let is_held = |key: &&str| key.starts_with("pool/main/") && key.ends_with("_amd64.deb");
    let held = generation.pool_keys().find(is_held).unwrap().to_owned();
    world.s3.uproot(MASTER, &held).unwrap();
    assert_eq!(world.publish_suite("dists/sid").await.outcome, Outcome::Waiting);
    world.s3.forget_requests();
    assert_eq!(world.publish_suite("dists/sid").await.outcome, Outcome::Waiting);
    let looked_at = |component: &str| {
        let prefix = format!("pool/{component}/");
        world.s3.count(|request| request.bucket == REGION && request.key.starts_with(&prefix)).requests
    };
    assert_eq!(looked_at("contrib"), 0);
    assert!(looked_at("main") > 0);
}

#[tokio::test]
async fn a_file_that_was_changed_in_place_is_overwritten_though_the_slice_ends_between_its_index_and_the_swap() {
    let maker = ArchiveMaker::new(3).suite("sid").components(&["main", "universe"]).architectures(&["amd64"]);
    let maker = maker.plain_packages(2).plain_indices(PlainIndices::Shipped);
    let first = maker.generation(1).unwrap();
    let mut world = world_of_short_slices();
    world.settings.allow_change_in_place = true;
    world.upload_changes(&first);
    world.settle().await;
    assert!(world.serves(&first).await);
    // Of the component that is read first.
    let is_in_main = |key: &&str| key.starts_with("pool/main/") && key.ends_with("_amd64.deb");
    let key = first.pool_keys().find(is_in_main).unwrap().to_owned();
    let changed = with_changed_file(&maker, &first, &key);
    world.upload_keys(&changed, changed.files.keys());
    drop(world.uploads());
    let suite = SuiteName::parse("dists/sid").unwrap();
    world.publish(PublishRequest { full: true, ..PublishRequest::new(suite) }).await.unwrap();
    world.settle().await;
    assert!(world.serves(&changed).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn each_full_check_looks_at_everything_whatever_the_one_before_it_verified() {
    let mut world = world_of_short_slices();
    let generation = two_components(&world);
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generation).await);
    let in_component = |name: &str| {
        let is_there = |key: &&str| key.starts_with(&format!("pool/{name}/")) && key.ends_with("_amd64.deb");
        generation.pool_keys().find(is_there).unwrap().to_owned()
    };
    let (lost, damaged) = (in_component("main"), in_component("contrib"));
    for comes_to_its_end in [true, false] {
        let mut world = world.fork();
        if !comes_to_its_end {
            // The component that is read last has lost a file for good.
            for bucket in [MASTER, REGION] {
                world.s3.uproot(bucket, &lost).unwrap();
            }
        }
        for _ in 0..2 {
            world.s3.uproot(REGION, &damaged).unwrap();
            let suite = SuiteName::parse("dists/sid").unwrap();
            world.publish(PublishRequest { full: true, ..PublishRequest::new(suite) }).await.unwrap();
            world.settle().await;
            let outcome = if comes_to_its_end { Outcome::Swapped } else { Outcome::Waiting };
            assert_eq!(world.reports.last().unwrap().outcome, outcome);
            assert!(world.s3.peek(REGION, &damaged).is_some(), "brought again: {:#?}", world.reports.last());
        }
    }
}

#[tokio::test]
async fn a_release_whose_filling_was_begun_goes_live_before_a_newer_one_that_came_meanwhile() {
    let maker = ArchiveMaker::new(3).suite("sid").components(&["main"]).architectures(&["amd64"]).plain_packages(2);
    let generations = maker.history(3).unwrap();
    let mut world = world_of_short_slices();
    world.upload_changes(&generations[0]);
    world.settle().await;
    assert!(world.serves(&generations[0]).await);
    world.upload_changes(&generations[1]);
    drop(world.uploads());
    assert_eq!(world.publish_suite("dists/sid").await.outcome, Outcome::Continued);
    world.upload_changes(&generations[2]);
    drop(world.uploads());
    for _ in 0..20 {
        world.publish_suite("dists/sid").await;
        if !world.serves(&generations[0]).await {
            break;
        }
    }
    assert!(world.serves(&generations[1]).await, "{:#?}", world.reports.last());
    world.queue.take();
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generations[2]).await, "{:#?}", world.reports.last());
}

/// What the live release names is vouched for only while its index can be read: in one slice it cannot, and every file is
/// checked; in the next it can, and the first of what is left are others.
#[tokio::test]
async fn what_one_slice_verified_counts_in_the_next_only_if_the_same_files_are_to_be_checked() {
    let maker = ArchiveMaker::new(11).suite("sid").components(&["main"]).architectures(&["amd64"]);
    let generations = maker.bulk(3_400, BulkContent::Shared, 3_400).history(2).unwrap();
    let (first, second) = (&generations[0], &generations[1]);
    let mut world = world_of_short_slices();
    world.settings.slice = Duration::from_mins(2);
    world.upload_changes(first);
    world.settle().await;
    assert!(world.serves(first).await);
    world.settings.slice = Duration::ZERO;
    world.upload_changes(second);
    world.replicate().await;
    world.queue.take();
    // The last of the new files among as many as one slice verifies got lost on its way.
    let new: Vec<&String> = second.changed.iter().filter(|key| key.starts_with("pool/")).collect();
    assert!(new.len() > limits::CHUNK, "{} are too few", new.len());
    world.s3.uproot(REGION, new[limits::CHUNK - 1]).unwrap();
    let of_the_first = "dists/sid/main/binary-amd64/by-hash/";
    let next = String::from_utf8(second.files[&second.suite_key("Release")].to_vec()).unwrap();
    for key in world.s3.keys(REGION, of_the_first) {
        if !key.rsplit('/').next().is_some_and(|digest| next.contains(digest)) {
            world.s3.trouble(
                TroubleRule::once(Trouble::Denied).on(S3Operation::GetObject).at(REGION, key).times(u64::MAX, 0),
            );
        }
    }
    assert_eq!(world.publish_suite("dists/sid").await.outcome, Outcome::Continued);
    world.s3.clear_troubles();
    world.settle().await;
    assert!(world.serves(second).await, "{}", world.view("dists/sid").await);
}
