//! A crash at every step: whatever effect fails, before or after it took place, an apt client sees a whole suite at every
//! moment, and running again converges.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, Signing};
use suitecast_testing::{Aftermath, Moment};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::World;

const SUITE: &str = "dists/bookworm";

struct Scenario {
    name: &'static str,
    by_hash: ByHash,
    signing: Signing,
    /// Generations served before, and the one whose coming is interrupted.
    settled: Vec<Generation>,
    coming: Generation,
}

fn scenario(name: &'static str, by_hash: ByHash, signing: Signing, number: u32) -> Scenario {
    let maker = ArchiveMaker::new(3)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .by_hash(by_hash)
        .signing(signing);
    let mut settled = maker.history(number).unwrap();
    let coming = settled.pop().unwrap();
    Scenario { name, by_hash, signing, settled, coming }
}

async fn world_before(scenario: &Scenario) -> World {
    let mut world = World::default();
    for generation in &scenario.settled {
        world.upload_changes(generation);
        world.settle().await;
        assert!(world.serves(generation).await);
    }
    world.upload_changes(&scenario.coming);
    world
}

/// Delivers everything once; errors are what the crash made of it.
async fn deliver_once(world: &mut World) {
    world.replicate().await;
    for _ in 0..20 {
        let wakes = world.queue.take();
        if wakes.is_empty() {
            break;
        }
        for wake in wakes {
            if world.publish(wake.into()).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn an_apt_client_sees_a_whole_suite_whatever_step_fails() {
    let scenarios = [
        scenario("first publication", ByHash::Sha256, Signing::Both, 1),
        scenario("update", ByHash::Sha256AndSha512, Signing::Both, 2),
        scenario("update without InRelease", ByHash::Sha256, Signing::OnlyDetached, 2),
    ];
    let mut points = 0;
    let mut looks = 0;
    for scenario in &scenarios {
        let start = world_before(scenario).await;
        let memory = Watcher::memory();
        let mut world = start.fork();
        world.settle().await;
        let effects = world.faults.effects();
        assert!(world.serves(&scenario.coming).await);
        for step in 0..effects {
            for moment in [Moment::Before, Moment::After] {
                for aftermath in [Aftermath::Crash, Aftermath::GoesOn] {
                    let at = format!("{}: step {step} of {effects}, {moment:?}, {aftermath:?}", scenario.name);
                    let mut world = start.fork();
                    let watcher = Watcher::with(&world, SUITE, &memory);
                    world.faults.fail(step, moment, aftermath);
                    deliver_once(&mut world).await;
                    assert!(world.faults.struck(), "{at}: never reached");
                    world.faults.repair();
                    // Every message and event is lost with the run; a lease is left to run out.
                    world.queue.take();
                    world.uploads();
                    world.clock.advance(jiff::SignedDuration::from_mins(15));
                    world.sweep().await;
                    world.settle().await;
                    let looked = watcher.sights().looks;
                    assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{at}");
                    assert_eq!(watcher.sights().backwards, Vec::<String>::new(), "{at}");
                    assert!(world.serves(&scenario.coming).await, "{at}: {:#?}", world.reports.last());
                    assert!(world.view(SUITE).await.is_settled(), "{at}");
                    points += 1;
                    looks += looked;
                }
            }
        }
        println!("{} ({:?}, {:?}): {effects} effects", scenario.name, scenario.by_hash, scenario.signing);
    }
    println!("crash: points={points} looks={looks} violations=0");
    assert!(points > 200, "too few points were visited: {points}");
}
