//! What the project promises about requests, counted by the server at quick sizes. `make bench` runs the same scenarios
//! at those of Debian's main. How requests are counted and what is allowed is told in `suitecast_tests::budgets`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::num::NonZeroUsize;

use suitecast_archive::SuiteName;
use suitecast_engine::Outcome;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_testing::Effect;
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, ByHash};
use suitecast_testing::strict::{Mishaps, Request, S3Operation};
use suitecast_tests::budgets::{
    BATCH_FURTHER_REQUESTS, BATCH_SIZE, FIRST_FILL_REQUESTS_AN_OBJECT, FIRST_FILL_RUNS, Fill, Order,
    UNCHANGED_REQUESTS, by_operation, fill_a_new_region, first_fill, jitter_entropy_is_off, legacy_crates, update,
};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{REGION, World};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(5).suite("bookworm")
}

/// An event batch of new pool objects: a conditional copy for each key of theirs and at most 2 further requests, whether a suite
/// waits or not.
#[tokio::test]
async fn an_event_batch_takes_a_copy_a_key_and_hardly_more() {
    let generations = maker().history(2).unwrap();
    for waits in [false, true] {
        for n in [1, 10, BATCH_SIZE] {
            let mut world = World { batch_size: n, ..World::default() };
            if waits {
                let held = generations[0].pool_keys().next().unwrap().to_owned();
                world.upload_keys(&generations[0], generations[0].changed.iter().filter(|key| **key != held));
                world.settle().await;
                assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
            }
            // The first is there already, with other bytes: a copy without a condition would overwrite it.
            world.s3.plant(REGION, "pool/new/file-0.deb", "already here").unwrap();
            for number in 0..n {
                // Every other one has a second key.
                let name = if number % 2 == 0 { "file" } else { "g++" };
                world.upload(&format!("pool/new/{name}-{number}.deb"), format!("new {number}"));
            }
            let keys = n + n / 2;
            world.s3.forget_requests();
            let reports = world.replicate().await;
            assert_eq!(reports.len(), 1);
            let counts = world.s3.count(|_| true);
            let copies =
                world.s3.count(|request| request.operation == S3Operation::CopyObject && request.bucket == REGION);
            assert_eq!(copies.requests, u64::try_from(keys).unwrap());
            assert!(counts.requests - copies.requests <= BATCH_FURTHER_REQUESTS, "{}", by_operation(&counts));
            assert_eq!(world.s3.count(|request| request.status == 412).requests, 1);
            assert_eq!(world.s3.peek(REGION, "pool/new/file-0.deb").unwrap(), "already here");
            println!("event batch of {n}, a suite waits: {waits}: {}", by_operation(&counts));
        }
    }
}

/// A suite that did not change: at most 5 requests, whatever release files it has.
#[tokio::test]
async fn an_unchanged_suite_takes_five_requests() {
    use suitecast_testing::archive_maker::Signing::{Both, OnlyDetached, OnlyInRelease, Unsigned};
    for signing in [Both, OnlyInRelease, OnlyDetached, Unsigned] {
        let generation = maker().signing(signing).generation(1).unwrap();
        let mut world = World::default();
        world.upload_changes(&generation);
        world.settle().await;
        world.s3.forget_requests();
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, Outcome::UpToDate);
        let counts = world.s3.count(|_| true);
        assert!(counts.requests <= UNCHANGED_REQUESTS, "{signing:?}: {}", by_operation(&counts));
        println!("unchanged suite, {signing:?}: {}", by_operation(&counts));
    }
}

/// A swap after n changed packages: at most 2 a changed key + 8 a changed index file + 12, and the same for a suite
/// three times as large. The accounting is that of `suitecast_tests::budgets::Update`.
#[tokio::test]
async fn an_update_costs_what_changed_and_not_what_there_is() {
    for by_hash in [ByHash::Sha256, ByHash::Sha256AndSha512, ByHash::None] {
        for changes in [1, 40] {
            let mut of_small = None;
            for packages in [500, 1_500] {
                let update = update(packages, changes, by_hash, BATCH_SIZE).await.unwrap();
                let told = format!(
                    "{packages} packages, {by_hash:?}: {} changed keys, {} changed index files: {} of {} requests ({}; beside them {})",
                    update.keys,
                    update.indices,
                    update.counted(),
                    update.allowed(),
                    by_operation(&update.publish),
                    update.batch_listings(),
                );
                println!("{told}");
                assert!(update.swapped, "{told}");
                assert_eq!(update.indices, 3, "Packages, Packages.gz and Packages.xz");
                assert!(update.counted() <= update.allowed(), "{told}");
                let beyond_keys = update.counted() - 2 * update.keys;
                assert_eq!(*of_small.get_or_insert(beyond_keys), beyond_keys, "grows with the suite: {told}");
            }
        }
    }
}

/// What an update shares with what is served is vouched for by that, in whole components: nobody asks for it.
#[tokio::test]
async fn an_update_asks_for_nothing_of_a_component_that_it_does_not_touch() {
    let maker = maker().components(&["main", "contrib"]).architectures(&["amd64"]).plain_packages(2);
    let history = maker.history(2).unwrap();
    let [first, second] = &history[..] else { unreachable!("two were asked for") };
    let untouched = ["dists/bookworm/contrib/", "pool/contrib/"];
    let is_untouched = |key: &str| untouched.iter().any(|prefix| key.starts_with(prefix));
    assert!(first.files.keys().any(|key| is_untouched(key)) && !second.changed.iter().any(|key| is_untouched(key)));
    let mut world = World::default();
    world.upload_changes(first);
    world.settle().await;
    world.upload_changes(second);
    world.replicate().await;
    world.s3.forget_requests();
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    assert_eq!(world.s3.count(|request| is_untouched(&request.key)).requests, 0);
    assert!(world.serves(second).await);
}

/// So many changes that listings come into question are no dearer than few.
#[tokio::test]
async fn a_large_update_is_no_dearer_a_key_than_a_small_one() {
    let update = update(1_500, 1_000, ByHash::Sha256AndSha512, BATCH_SIZE).await.unwrap();
    assert!(update.swapped);
    assert!(update.keys > 600, "{update:?}");
    assert!(update.counted() <= update.allowed(), "{} of {}: {update:?}", update.counted(), update.allowed());
}

fn assert_in_budget(name: &str, fill: &Fill) {
    println!("{name}: {:.3} an object, {} runs at work: {fill:?}", fill.requests_an_object(), fill.working_runs);
    assert!(fill.whole, "{name}");
    assert!(fill.requests_an_object() <= FIRST_FILL_REQUESTS_AN_OBJECT, "{name}: {fill:?}");
    assert!(fill.working_runs <= FIRST_FILL_RUNS, "{name}: {fill:?}");
}

/// A first fill with `InRelease` uploaded first: at most 2.2 requests an object in all, by at most 20 publish runs that
/// do work, in whatever order the rest comes and with every third event lost.
#[tokio::test]
async fn a_first_fill_takes_about_two_requests_an_object() {
    let generation = ArchiveMaker::new(6).bulk(2_500, BulkContent::PerName, 0).generation(1).unwrap();
    for (name, batch_size, order, lost_percent) in [
        ("by key", BATCH_SIZE, Order::ByKey, 0),
        ("by key, batches of 10", 10, Order::ByKey, 0),
        ("in any order", BATCH_SIZE, Order::Any(1), 0),
        ("events of a third lost", BATCH_SIZE, Order::ByKey, 33),
    ] {
        let mishaps = Mishaps { seed: 3, lost_percent, ..Mishaps::none() };
        assert_in_budget(name, &first_fill(&generation, batch_size, order, mishaps).await);
    }
    assert_in_budget("a new Region by sweep alone", &fill_a_new_region(&generation).await);
}

/// As many objects are brought side by side as the operator set, and no more: one copy hangs, and so many others pass it.
#[tokio::test]
async fn as_many_objects_are_brought_side_by_side_as_the_operator_set() {
    let generation = maker().components(&["main"]).architectures(&["amd64"]).plain_packages(9).generation(1).unwrap();
    // Second keys come after the first of the same file.
    let is_copy = |request: &Request| {
        request.operation == S3Operation::CopyObject && generation.pool_keys().any(|key| key == request.key)
    };
    let start = World::default();
    start.upload_changes(&generation);
    drop(start.uploads());
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    assert_eq!(rehearsal.publish_suite(SUITE).await.outcome, Outcome::Swapped);
    let of_the_pool = |effect: &&Effect| effect.key.starts_with("pool/");
    let first = watcher.sights().effects.iter().filter(of_the_pool).map(|effect| effect.number).min().unwrap();
    for side_by_side in [1, 2, 5] {
        let mut world = start.fork();
        world.settings.copy_concurrency = NonZeroUsize::new(side_by_side).unwrap();
        world.s3.forget_requests();
        let mut gate = world.faults.hold(first);
        let request = PublishRequest::new(SuiteName::parse(SUITE).unwrap());
        let mut run = Box::pin(publish::run(&world.ports, &world.settings, &request));
        // Nothing in this world takes time, so what does not move any more waits for the gate.
        for _ in 0..1_000 {
            assert!(futures::poll!(&mut run).is_pending());
            tokio::task::yield_now().await;
        }
        gate.reached().await;
        assert_eq!(world.s3.count(is_copy).requests, u64::try_from(side_by_side - 1).unwrap());
        gate.open();
        assert_eq!(run.await.unwrap().outcome, Outcome::Swapped);
    }
}

/// One TLS stack, built without jitter entropy.
#[test]
fn the_functions_link_one_tls_stack() {
    assert_eq!(legacy_crates().unwrap(), Vec::<String>::new());
    assert!(jitter_entropy_is_off().unwrap());
}
