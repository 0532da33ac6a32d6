//! What becomes of an upload, one by one: what is copied at once, what is left for later, and what its message is told.

#![allow(clippy::unwrap_used, missing_docs)]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use suitecast_archive::{SuiteName, SuitePatterns};
use suitecast_engine::replicate::{self, ReplicateReport, Upload, UploadOutcome};
use suitecast_engine::{EngineError, Outcome};
use suitecast_store::{ObjectHeaders, PutRequest, WriteCondition};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash};
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_tests::world::{REGION, World};

/// Of five bytes.
fn upload(key: &str) -> Upload {
    Upload { key: key.to_owned(), version: None, size: Some(5) }
}

async fn replicate(world: &World, keys: &[&str]) -> ReplicateReport {
    let uploads: Vec<Upload> = keys.iter().map(|key| upload(key)).collect();
    replicate::run(&world.ports, &world.settings, &uploads).await
}

/// What became of one upload.
async fn outcome(world: &World, key: &str) -> Result<UploadOutcome, EngineError> {
    replicate(world, &[key]).await.uploads.remove(0)
}

#[tokio::test]
async fn an_upload_that_is_gone_again_is_done_with_and_one_that_may_not_be_copied_comes_back() {
    let world = World::default();
    let (there, gone, denied) = ("pool/main/a/a/a_1_all.deb", "pool/main/b/b/b_1_all.deb", "pool/main/c/c/c_1_all.deb");
    for key in [there, denied] {
        world.upload(key, "bytes");
    }
    world.s3.trouble(TroubleRule::once(Trouble::Denied).on(S3Operation::CopyObject).at(REGION, denied));
    let report = replicate(&world, &[there, gone, denied]).await;
    assert_eq!(*report.uploads[0].as_ref().unwrap(), UploadOutcome::Copied);
    assert_eq!(*report.uploads[1].as_ref().unwrap(), UploadOutcome::Vanished);
    let error = report.uploads[2].as_ref().unwrap_err();
    assert!(error.to_string().contains(denied) && !error.is_retryable(), "{error:?}");
    assert_eq!(world.s3.keys(REGION, "pool/"), [there]);
    // The message that came back finds what the first one brought, and brings the rest.
    let report = replicate(&world, &[there, denied]).await;
    assert_eq!(*report.uploads[0].as_ref().unwrap(), UploadOutcome::Present);
    assert_eq!(*report.uploads[1].as_ref().unwrap(), UploadOutcome::Copied);
    assert_eq!((report.objects_copied, report.bytes_copied), (1, 5));
}

#[tokio::test]
async fn an_index_is_left_to_publish_under_every_name_since_nothing_unverified_may_stand_there() {
    let generation = ArchiveMaker::new(3).suite("bookworm").by_hash(ByHash::Sha256AndSha512).generation(1).unwrap();
    let world = World::default();
    let of_indices: Vec<&String> =
        generation.files.keys().filter(|key| key.contains("/by-hash/") || key.contains("/Packages")).collect();
    assert!(of_indices.len() > 6, "{of_indices:?}");
    for key in of_indices {
        world.upload(key, generation.files[key].clone());
        assert_eq!(outcome(&world, key).await.unwrap(), UploadOutcome::LeftToPublish, "{key}");
        assert_eq!(world.s3.peek(REGION, key), None, "{key}");
    }
}

/// Uploads as `aws s3 cp` does by default these days: S3 computes a digest and keeps it.
async fn upload_with_digest(world: &World, key: &str, bytes: Bytes) {
    let request =
        PutRequest { key: key.to_owned(), bytes, condition: WriteCondition::Always, headers: ObjectHeaders::default() };
    world.ports.master.put(request).await.unwrap();
}

#[tokio::test]
async fn where_the_master_knows_digests_what_is_wrong_is_told_before_any_byte_moves() {
    let maker = ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    let generation = maker.plain_packages(1).generation(1).unwrap();
    let wrong = generation.pool_keys().next().unwrap().to_owned();
    let mut world = World::default();
    for (key, bytes) in &generation.files {
        // Of the right size, so that nothing else tells.
        let bytes = if *key == wrong { vec![b'x'; bytes.len()].into() } else { bytes.clone() };
        upload_with_digest(&world, key, bytes).await;
    }
    drop(world.uploads());
    let report = world.publish_suite("dists/bookworm").await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "{report:#?}");
    assert_eq!(report.missing[0].key, wrong);
    assert_eq!(world.s3.peek(REGION, &wrong), None, "it was copied to find out");
    upload_with_digest(&world, &wrong, generation.files[&wrong].clone()).await;
    world.replicate().await;
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn a_file_of_checksums_comes_after_the_files_it_names_in_whatever_order_they_were_uploaded() {
    // By an event and by a sweep; one after another, in the order of their keys.
    for by_event in [true, false] {
        let mut world = World::default();
        world.settings.copy_concurrency = NonZeroUsize::MIN;
        checksums_come_last(&world, by_event).await;
    }
}

async fn checksums_come_last(world: &World, by_event: bool) {
    let generation = ArchiveMaker::new(3).suite("bookworm").plain_packages(1).generation(1).unwrap();
    let in_release = generation.suite_key("InRelease");
    world.upload(&in_release, generation.files[&in_release].clone());
    let tree = "dists/bookworm/main/installer-amd64/current/images";
    let keys = ["SHA256SUMS", "SHA256SUMS.gpg", "netboot/mini.iso"].map(|path| format!("{tree}/{path}"));
    for key in &keys {
        world.upload(key, "bytes");
    }
    let early = Arc::new(Mutex::new(Vec::new()));
    let (into, s3, image) = (Arc::clone(&early), world.s3.clone(), keys[2].clone());
    world.faults.observe(move |effect| {
        if effect.key.contains("SHA256SUMS") && s3.peek(REGION, &image).is_none() {
            into.lock().unwrap().push(effect.key.clone());
        }
    });
    if by_event {
        replicate(world, &keys.each_ref().map(String::as_str)).await;
    } else {
        assert_eq!(world.sweep().await.tree_objects_copied, 3);
    }
    assert_eq!(world.s3.keys(REGION, tree), keys);
    assert_eq!(*early.lock().unwrap(), Vec::<String>::new(), "they name what was not there yet");
}

#[tokio::test]
async fn an_upload_wakes_the_suites_that_wait_for_it_and_a_release_file_its_own() {
    let maker = ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    let generation = maker.plain_packages(1).generation(1).unwrap();
    let suite = SuiteName::parse(&generation.suite).unwrap();
    let mut world = World::default();
    let held = generation.pool_keys().next().unwrap().to_owned();
    world.upload_keys(&generation, generation.changed.iter().filter(|key| **key != held));
    drop(world.uploads());
    assert_eq!(world.publish_suite("dists/bookworm").await.outcome, Outcome::Waiting);
    let other = "pool/main/o/other/other_1_all.deb";
    for key in [other, held.as_str()] {
        world.upload(key, generation.files[&held].clone());
    }
    assert_eq!(replicate(&world, &[other]).await.woken, [], "nobody waits for it");
    assert_eq!(replicate(&world, &[other, &held]).await.woken, std::slice::from_ref(&suite));
    let in_release = generation.suite_key("InRelease");
    let report = replicate(&world, &[&in_release]).await;
    assert_eq!(*report.uploads[0].as_ref().unwrap(), UploadOutcome::WokeSuite);
    assert_eq!(report.woken, [suite]);
    world.settings.suites = SuitePatterns::parse("trixie").unwrap();
    let report = replicate(&world, &[&in_release]).await;
    assert_eq!(*report.uploads[0].as_ref().unwrap(), UploadOutcome::Ignored);
    assert_eq!(report.woken, [], "it is not mirrored");
}

/// Without them browsers and caches would keep an index for as long as they like, and a package for an hour.
#[tokio::test]
async fn whatever_brings_it_everything_is_served_with_the_headers_of_its_kind() {
    let generation = ArchiveMaker::new(3).suite("bookworm").plain_packages(1).generation(1).unwrap();
    for by_events in [true, false] {
        let mut world = World::default();
        world.upload_changes(&generation);
        if !by_events {
            drop(world.uploads());
            world.publish_suite("dists/bookworm").await;
        }
        world.settle().await;
        assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
        for key in world.s3.keys(REGION, "") {
            let class = world.settings.archives.classify(&key, &world.settings.unlisted);
            let (content_type, cache_control) = class.headers(&key);
            let headers = world.s3.peek_headers(REGION, &key).unwrap();
            let found = (headers.content_type.as_deref(), headers.cache_control.as_deref());
            assert_eq!(found, (content_type, cache_control), "{key}, by events: {by_events}");
            assert!(cache_control.is_some(), "{key}");
        }
    }
}
