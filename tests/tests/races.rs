//! Two publishers of one suite, one of them held back at any of its writes: for longer than its lease while the other
//! does the work, or within it while news arrive. An apt client sees a whole suite at every moment, its `Date` never goes
//! back, and everything comes to rest with the newest release served.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, Signing};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::World;

const SUITE: &str = "dists/bookworm";

/// Longer than any lease: a slice and what it is outlived by.
const PAST_THE_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// What happens while the first publisher is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// Its lease runs out and another publishes the same release.
    SameRelease,
    /// Its lease runs out, the master moves on, and another publishes the next release.
    NextRelease,
    /// It still holds its lease when the master moves on; whoever comes is told that it is busy.
    NewsWithinTheLease,
}

fn history(by_hash: ByHash, signing: Signing) -> Vec<Generation> {
    ArchiveMaker::new(3)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .by_hash(by_hash)
        .signing(signing)
        .history(3)
        .unwrap()
}

fn plain_look() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

/// Runs a publisher that is held at its effect `step` until `meanwhile` is over. Whether the effect was reached.
async fn held_at(world: &mut World, step: u64, next: &Generation, meanwhile: Meanwhile) -> bool {
    let mut gate = world.faults.hold(world.faults.effects() + step);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = plain_look();
    let mut first = Box::pin(publish::run(&ports, &settings, &request));
    tokio::select! {
        biased;
        () = gate.reached() => {}
        _ = &mut first => return false,
    }
    if meanwhile != Meanwhile::SameRelease {
        world.upload_changes(next);
    }
    if meanwhile != Meanwhile::NewsWithinTheLease {
        world.clock.advance(PAST_THE_LEASE);
    }
    world.settle().await;
    gate.open();
    // Past its lease it fails, or finds its work done: either is right as long as clients see no difference.
    let _ = first.await;
    true
}

#[tokio::test]
async fn an_apt_client_sees_a_whole_suite_whichever_write_a_publisher_is_held_back_at() {
    let kinds = [(ByHash::Sha256AndSha512, Signing::Both), (ByHash::Sha256, Signing::OnlyDetached)];
    let (mut points, mut looks) = (0, 0);
    for (by_hash, signing) in kinds {
        let generations = history(by_hash, signing);
        let [first, second, third] = &generations[..] else { panic!("three generations") };
        let mut start = World::default();
        start.upload_changes(first);
        start.settle().await;
        start.upload_changes(second);
        start.uploads();
        let memory = Watcher::memory();
        for meanwhile in [Meanwhile::SameRelease, Meanwhile::NextRelease, Meanwhile::NewsWithinTheLease] {
            let newest = if meanwhile == Meanwhile::SameRelease { second } else { third };
            for step in 0.. {
                let at = format!("{by_hash:?}, {signing:?}, {meanwhile:?}: held at write {step}");
                let mut world = start.fork();
                let watcher = Watcher::with(&world, SUITE, &memory);
                if !held_at(&mut world, step, third, meanwhile).await {
                    break;
                }
                if meanwhile == Meanwhile::NewsWithinTheLease {
                    // Nothing but the queue: whoever came and was told "busy" is not forgotten.
                    world.settle().await;
                    assert!(world.serves(newest).await, "{at}: {:#?}", world.reports.last());
                }
                world.queue.take();
                world.uploads();
                world.clock.advance(PAST_THE_LEASE);
                world.sweep().await;
                world.settle().await;
                assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{at}");
                assert_eq!(watcher.sights().backwards, Vec::<String>::new(), "{at}");
                looks += watcher.sights().looks;
                assert!(world.serves(newest).await, "{at}: {:#?}", world.reports.last());
                assert!(world.view(SUITE).await.is_settled(), "{at}");
                points += 1;
            }
        }
    }
    println!("races: points={points} looks={looks} violations=0");
    assert!(points > 150, "too few points were visited: {points}");
}
