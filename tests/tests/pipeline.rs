//! The main job on the strict S3: uploads in any order, swaps only of what is whole.

#![allow(clippy::unwrap_used, missing_docs)]

use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::ArchiveMaker;
use suitecast_tests::world::World;

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(1).suite("bookworm")
}

#[tokio::test]
async fn an_archive_uploaded_in_key_order_is_served_whole() {
    let generation = maker().generation(1).unwrap();
    let mut world = World::default();
    world.upload_changes(&generation);
    world.settle().await;
    let view = world.view("dists/bookworm").await;
    assert!(view.is_settled(), "{view:?}");
    assert!(world.serves(&generation).await, "{:?}", world.reports.last());
    assert!(view.files > 10 && view.indices > 5, "the walk saw too little: {view:?}");
}

#[tokio::test]
async fn a_generation_with_one_package_held_back_waits_for_it_and_for_nothing_else() {
    let first = maker().generation(1).unwrap();
    let second = maker().generation(2).unwrap();
    let mut world = World::default();
    world.upload_changes(&first);
    world.settle().await;
    let held = second.changed.iter().find(|key| key.ends_with("amd64.deb")).unwrap().clone();
    world.upload_keys(&second, second.changed.iter().filter(|key| **key != held));
    world.settle().await;
    assert!(world.serves(&first).await, "the first generation is served until the second is whole");
    let report = world.publish_suite("dists/bookworm").await;
    assert_eq!(report.outcome, Outcome::Waiting);
    assert_eq!(report.missing_count, 1);
    assert_eq!(report.missing[0].key, held);
    world.upload(&held, second.files[&held].clone());
    world.settle().await;
    assert!(world.serves(&second).await);
    assert!(world.view("dists/bookworm").await.is_settled());
}
