//! Big releases that wait: what is missing is found by listings, and what lost its event is brought meanwhile.

#![allow(clippy::unwrap_used, missing_docs)]

use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, limits};
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, Generation};
use suitecast_testing::strict::{Request, S3Operation};
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

fn pool_keys_here(world: &World) -> usize {
    world.s3.keys(REGION, "pool/").len()
}

#[tokio::test]
async fn while_a_big_release_waits_files_are_brought_whose_events_must_have_been_lost() {
    let generation = big();
    let (mut world, last) = all_but_the_last(&generation);
    let all = generation.pool_keys().count();
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
    assert_eq!(pool_keys_here(&world), all - 1);
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
    for number in 0..6_000 {
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
    assert!((1..=limits::SPARE_PAGES).contains(&listings), "{listings} pages");
}
