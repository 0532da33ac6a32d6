//! Big releases that wait: what is missing is found by listings, and what lost its event is brought meanwhile.

#![allow(clippy::unwrap_used, missing_docs)]

use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, limits};
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, Generation};
use suitecast_testing::strict::{Request, S3Operation};
use suitecast_tests::budgets::in_a_region;
use suitecast_tests::world::{MASTER, REGION, World};

const SUITE: &str = "dists/sid";

/// Enough for listings to be cheaper than looking at each file.
fn big() -> Generation {
    let maker = ArchiveMaker::new(11).suite("sid").components(&["main"]).architectures(&["amd64"]);
    maker.bulk(limits::LISTING_THRESHOLD + 50, BulkContent::Shared, 10).generation(1).unwrap()
}

/// Everything of the generation is in the master but its last file, and no event tells of it.
fn all_but_the_last(generation: &Generation) -> (World, String) {
    let world = World::default();
    let last = generation.pool_keys().last().unwrap().to_owned();
    world.upload_keys(generation, generation.files.keys().filter(|key| **key != last));
    drop(world.uploads());
    (world, last)
}

/// How many keys a Region has for these.
fn keys(names: &[String]) -> usize {
    usize::try_from(in_a_region(names.iter().map(String::as_str))).unwrap()
}

fn pool_keys_here(world: &World) -> usize {
    world.s3.keys(REGION, "pool/").len()
}

#[tokio::test]
async fn while_a_big_release_waits_files_are_brought_whose_events_must_have_been_lost() {
    let generation = big();
    let (mut world, last) = all_but_the_last(&generation);
    let all: Vec<String> = generation.pool_keys().map(str::to_owned).collect();
    world.clock.advance(limits::EVENT_GRACE);
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "{report:#?}");
    assert_eq!(report.missing[0].key, last);
    assert_eq!(pool_keys_here(&world), 0, "their events may be under way");
    world.clock.advance(SignedDuration::from_secs(1));
    let suite = SuiteName::parse(SUITE).unwrap();
    let dry = world.publish(PublishRequest { dry_run: true, ..PublishRequest::new(suite) }).await.unwrap();
    assert_eq!((dry.outcome, pool_keys_here(&world)), (Outcome::Waiting, 0), "a dry run writes nothing");
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    assert_eq!(pool_keys_here(&world), keys(&all) - keys(std::slice::from_ref(&last)));
    world.upload(&last, generation.files[&last].clone());
    world.settle().await;
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn every_file_that_a_big_release_lacks_is_counted_once_with_what_stands_in_its_place() {
    let generation = big();
    let (mut world, last) = all_but_the_last(&generation);
    let other = generation.pool_keys().next().unwrap().to_owned();
    world.s3.plant(MASTER, &other, "xx").unwrap();
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 2), "{report:#?}");
    let told = format!("{:?}", report.missing);
    assert!(told.contains(&last) && told.contains(&other) && told.contains("2 bytes"), "{told}");
    // Both are here already, by whatever way: then nothing is missing.
    for key in [&last, &other] {
        world.s3.plant(REGION, key, generation.files[key].clone()).unwrap();
    }
    drop(world.uploads());
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn a_crowded_directory_is_not_listed_to_its_end() {
    let generation = big();
    let (mut world, last) = all_but_the_last(&generation);
    let (directory, _) = last.split_at(last.match_indices('/').nth(2).unwrap().0 + 1);
    for number in 0..25_000 {
        world.s3.plant(REGION, &format!("{directory}aaa/{number:05}"), "").unwrap();
    }
    world.s3.forget_requests();
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    let is_listing = |request: &Request| {
        request.operation == S3Operation::ListObjectsV2
            && request.bucket == REGION
            && request.key.starts_with("pool/")
            && last.starts_with(&request.key)
    };
    let listings = usize::try_from(world.s3.count(is_listing).requests).unwrap();
    // There are 26 pages.
    assert!((1..=limits::SPARE_PAGES + 1).contains(&listings), "{listings} pages");
}

/// Requests of one kind for keys of the pool.
fn pool_requests(world: &World, bucket: &str, operation: S3Operation) -> u64 {
    let is_one = |request: &Request| {
        request.operation == operation && request.bucket == bucket && request.key.starts_with("pool/")
    };
    world.s3.count(is_one).requests
}

#[tokio::test]
async fn a_file_that_is_here_counts_though_its_directory_is_too_crowded_to_be_listed() {
    let generation = big();
    let (mut world, last) = all_but_the_last(&generation);
    world.s3.plant(REGION, &last, generation.files[&last].clone()).unwrap();
    for number in 0..25_000 {
        world.s3.plant(REGION, &format!("pool/main/b/aaa/{number:05}"), "").unwrap();
    }
    assert!(last.starts_with("pool/main/b/bulk-"));
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn a_first_fill_asks_for_listings_and_not_for_each_file_whatever_else_lies_beside_them() {
    let packages = 600;
    let maker = ArchiveMaker::new(11).suite("sid").components(&["main"]).architectures(&["amd64"]);
    let generation = maker.bulk(packages, BulkContent::Shared, 0).generation(1).unwrap();
    let mut world = World::default();
    world.upload_keys(&generation, generation.files.keys());
    // So many lie before them in their directory that they come with the last page that is asked for, and as many pages
    // in a directory that comes before it.
    for number in 0..2_000 {
        world.upload(&format!("pool/main/b/aaa/{number:05}"), "");
    }
    for number in 0..4_000 {
        world.upload(&format!("pool/main/b-side/{number:05}"), "");
    }
    drop(world.uploads());
    world.s3.forget_requests();
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    let looks = [MASTER, REGION].map(|bucket| pool_requests(&world, bucket, S3Operation::HeadObject));
    assert_eq!(looks, [0, 0], "the listings told of every file");
    assert_eq!(pool_requests(&world, REGION, S3Operation::CopyObject), in_a_region(generation.pool_keys()));
    assert!(world.serves(&generation).await);
}

/// Of so many files more than half are new in an update, and it is cheaper to list them.
const MANY: usize = 1_000;

/// A Region that serves the first of two generations, and the second in the master, most of its files new. `lost` says of
/// their numbers, in the index's order, whether the master lacks them; the events of the others did their work if
/// `with_events`.
async fn big_update(files: usize, with_events: bool, lost: impl Fn(usize) -> bool) -> (World, Generation, Vec<String>) {
    let maker = ArchiveMaker::new(11).suite("sid").components(&["main"]).architectures(&["amd64"]);
    let generations = maker.bulk(files, BulkContent::Shared, files).history(2).unwrap();
    let [first, second] = <[Generation; 2]>::try_from(generations).unwrap();
    let mut world = World { batch_size: 1_000, ..World::default() };
    world.upload_changes(&first);
    world.settle().await;
    assert!(world.serves(&first).await);
    // By their keys they are in the order in which the index names them.
    let new: Vec<String> = second.changed.iter().filter(|key| key.starts_with("pool/")).cloned().collect();
    assert!(new.len() > limits::LISTING_THRESHOLD, "{} are too few", new.len());
    let is_lost = |key: &String| new.iter().position(|other| other == key).is_some_and(&lost);
    world.upload_keys(&second, second.changed.iter().filter(|key| !is_lost(key)));
    if with_events {
        world.replicate().await;
    }
    drop(world.uploads());
    world.queue.take();
    world.s3.forget_requests();
    (world, second, new)
}

#[tokio::test]
async fn an_update_that_events_brought_is_looked_at_file_by_file_once_and_nothing_is_listed() {
    let (mut world, second, new) = big_update(4_000, true, |_| false).await;
    assert!(new.len() > limits::CHUNK, "{} are too few", new.len());
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    let listings = [MASTER, REGION].map(|bucket| pool_requests(&world, bucket, S3Operation::ListObjectsV2));
    assert_eq!(listings, [0, 0]);
    assert_eq!(pool_requests(&world, REGION, S3Operation::HeadObject), keys(&new) as u64);
    assert!(world.serves(&second).await);
}

#[tokio::test]
async fn an_update_whose_events_were_lost_is_listed_after_a_few_looks() {
    let (mut world, second, new) = big_update(MANY, false, |_| false).await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    let looks = world.s3.requests().into_iter().filter(|request| {
        request.operation == S3Operation::HeadObject && request.bucket == REGION && request.key.starts_with("pool/")
    });
    let mut looked_at: Vec<usize> =
        looks.map(|request| new.iter().position(|key| *key == request.key).unwrap()).collect();
    looked_at.sort_unstable();
    assert_eq!(looked_at.len(), limits::PROBES);
    for (number, position) in looked_at.into_iter().enumerate() {
        let part = number * new.len() / limits::PROBES..(number + 1) * new.len() / limits::PROBES;
        assert!(part.contains(&position), "one in each part of the index: {position} is not in {part:?}");
    }
    assert_eq!(pool_requests(&world, REGION, S3Operation::CopyObject), keys(&new) as u64);
    assert!(world.serves(&second).await);
}

#[tokio::test]
async fn all_that_an_update_lacks_is_told_however_far_apart_it_is() {
    let lost = [1, limits::CHUNK];
    let (mut world, second, new) = big_update(4_000, true, |number| lost.contains(&number)).await;
    assert!(new.len() > limits::CHUNK, "{} are too few", new.len());
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, lost.len()), "{report:#?}");
    let told: Vec<&str> = report.missing.iter().map(|missing| missing.key.as_str()).collect();
    assert_eq!(told, lost.map(|number| new[number].as_str()));
    for number in lost {
        world.upload(&new[number], second.files[&new[number]].clone());
    }
    world.settle().await;
    assert!(world.serves(&second).await);
}
