//! Trees whose checksum files a release lists (Debian's installers): they belong to that release. Their files change in place
//! by their nature, so they are overwritten in step with the swap, and never before it.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write;

use bytes::Bytes;
use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_testing::strict::{Request, S3Operation};
use suitecast_tests::case::SUITE;
use suitecast_tests::edits::{sha256, with_release};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World};

const IMAGES: &str = "main/installer-amd64/current/images";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]).plain_packages(1)
}

fn key_of(path: &str) -> String {
    format!("{SUITE}/{IMAGES}/{path}")
}

/// The generation with an installer of this version, as Debian has them.
fn with_installer(generation: &Generation, version: &str) -> Generation {
    let mut with = generation.clone();
    let mut sums = String::new();
    for path in ["netboot/mini.iso", "cdrom/vmlinuz"] {
        let bytes = Bytes::from(format!("{path} of the installer, {version}"));
        writeln!(sums, "{}  ./{path}", sha256(&bytes)).unwrap();
        with.files.insert(key_of(path), bytes);
    }
    let sums = Bytes::from(sums);
    let digest = sha256(&sums);
    for path in ["SHA256SUMS".to_owned(), format!("by-hash/SHA256/{digest}")] {
        with.files.insert(key_of(&path), sums.clone());
    }
    with_release(&maker(), &with, |text| format!("{text} {digest} {} {IMAGES}/SHA256SUMS\n", sums.len()))
}

fn is_of_the_installer(key: &str) -> bool {
    key.starts_with(&key_of(""))
}

/// A Region that serves the first of two generations, each with an installer of its own.
async fn serving() -> (World, [Generation; 2]) {
    let generations = maker().history(2).unwrap();
    let versions = ["bullseye", "bookworm, longer"];
    let [first, second] = [0, 1].map(|number| with_installer(&generations[number], versions[number]));
    let mut world = World::default();
    world.upload_keys(&first, first.files.keys());
    world.settle().await;
    assert!(world.serves(&first).await, "{:#?}", world.reports.last());
    (world, [first, second])
}

fn assert_served_installer(world: &World, generation: &Generation) {
    for (key, bytes) in generation.files.iter().filter(|(key, _)| is_of_the_installer(key)) {
        assert_eq!(world.s3.peek(REGION, key).as_ref(), Some(bytes), "{key}");
    }
}

#[tokio::test]
async fn a_new_installer_takes_the_place_of_the_old_one_with_the_release_that_lists_it() {
    let (mut world, [first, second]) = serving().await;
    assert_served_installer(&world, &first);
    world.upload_keys(&second, &second.changes_since(&first).changed);
    drop(world.uploads());
    world.s3.forget_requests();
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Swapped, "{report:#?}");
    assert!(world.serves(&second).await, "{}", world.view(SUITE).await);
    assert_served_installer(&world, &second);
    let copies = world.s3.count(|request: &Request| request.operation == S3Operation::CopyObject);
    assert_eq!(report.objects_copied, copies.requests);
    assert!(world.s3.keys(REGION, ".suitecast/staging/").is_empty());
}

/// Its events come in any order, and a sweep may come at any time.
#[tokio::test]
async fn an_installer_that_is_uploaded_before_its_release_leaves_the_old_one_alone() {
    let (mut world, [first, second]) = serving().await;
    let watcher = Watcher::over(&world, SUITE);
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    world.upload_keys(&second, second.files.keys().filter(|key| is_of_the_installer(key)));
    world.settle().await;
    assert_eq!(world.sweep().await.tree_objects_copied, 0);
    world.settle().await;
    assert!(world.serves(&first).await, "{}", world.view(SUITE).await);
    let stays = |key: &&String| is_of_the_installer(key) && !key.contains("/by-hash/");
    for key in first.files.keys().filter(stays) {
        assert_ne!(world.s3.peek(MASTER, key), world.s3.peek(REGION, key), "{key}");
    }
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
    world.upload_keys(&second, second.files.keys());
    world.settle().await;
    assert!(world.serves(&second).await, "{:#?}", world.reports.last());
    assert_served_installer(&world, &second);
}

/// What publish does not bring is mirrored by name, whatever the release lists of it.
#[tokio::test]
async fn an_installer_that_is_out_of_scope_follows_the_master_by_name() {
    let generations = maker().history(2).unwrap();
    let [first, second] = [0, 1].map(|number| with_installer(&generations[number], ["bullseye", "bookworm"][number]));
    let mut world = World::default();
    world.settings.scope.architectures = Some(vec!["arm64".to_owned(), "source".to_owned()]);
    for generation in [&first, &second] {
        world.clock.advance(jiff::SignedDuration::from_hours(1));
        world.upload_keys(generation, generation.files.keys());
        world.settle().await;
        world.sweep().await;
        for (key, bytes) in generation.files.iter().filter(|(key, _)| is_of_the_installer(key)) {
            let mirrored = (!key.contains("/by-hash/")).then_some(bytes);
            assert_eq!(world.s3.peek(REGION, key).as_ref(), mirrored, "{key}");
        }
    }
}

/// The release lists the installer of an architecture that is out of scope, so nobody verifies it here.
#[tokio::test]
async fn an_installer_that_is_out_of_scope_brings_nothing_unverified_under_a_name_by_hash() {
    let generation = with_installer(&maker().generation(1).unwrap(), "bookworm");
    let mut world = World::default();
    world.settings.scope.architectures = Some(vec!["arm64".to_owned(), "source".to_owned()]);
    world.upload_keys(&generation, generation.files.keys());
    let by_hash = generation.files.keys().find(|key| is_of_the_installer(key) && key.contains("/by-hash/")).unwrap();
    world.upload(by_hash, "spoilt in the master");
    world.settle().await;
    assert!(world.s3.peek(REGION, &generation.suite_key("InRelease")).is_some(), "{:#?}", world.reports.last());
    world.sweep().await;
    assert_eq!(world.s3.peek(REGION, by_hash), None);
}
