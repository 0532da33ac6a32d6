//! Work that takes longer than a slice: it goes on where it stopped, and a suite that changes meanwhile still moves.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use suitecast_engine::{Outcome, limits};
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent};
use suitecast_testing::strict::S3Operation;
use suitecast_tests::world::{REGION, World, default_settings};

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
    let most = u64::try_from(PACKAGES + 200).unwrap();
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
