//! Uploads, events, crashes, sweeps and time in any order: what clients see is whole at every instant, never goes back,
//! and comes to the newest release in the end.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use jiff::{SignedDuration, Timestamp};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, Signing};
use suitecast_testing::strict::Mishaps;
use suitecast_testing::{Aftermath, Moment, Random};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::World;

const SUITE: &str = "dists/bookworm";
const WALKS: u64 = 24;
const STEPS: usize = 60;
const GENERATIONS: u32 = 4;

fn maker(random: &mut Random) -> ArchiveMaker {
    let by_hash = [ByHash::None, ByHash::Sha256, ByHash::Sha256AndSha512][random.below(3)];
    let signing = [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached, Signing::Unsigned][random.below(4)];
    ArchiveMaker::new(random.bits())
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .by_hash(by_hash)
        .signing(signing)
}

/// One walk.
struct Walk {
    random: Random,
    world: World,
    generations: Vec<Generation>,
    /// Keys of the newest generation that are still to be uploaded, the next one last.
    pending: Vec<String>,
    newest: usize,
    log: Vec<String>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let generations = maker(&mut random).history(GENERATIONS).unwrap();
        let mut walk =
            Self { random, world: World::default(), generations, pending: Vec::new(), newest: 0, log: Vec::new() };
        walk.begin(0);
        walk
    }

    /// Another generation is being uploaded, in any order; what was left of the one before never comes.
    fn begin(&mut self, generation: usize) {
        self.newest = generation;
        self.pending = self.generations[generation].changed.iter().cloned().collect();
        self.random.shuffle(&mut self.pending);
        self.log.push(format!("begin {generation}"));
    }

    fn upload_some(&mut self) {
        if self.pending.is_empty() && self.newest + 1 < self.generations.len() {
            self.begin(self.newest + 1);
        }
        let count = 1 + self.random.below(12);
        for _ in 0..count {
            let Some(key) = self.pending.pop() else { break };
            self.world.upload_keys(&self.generations[self.newest], [&key]);
            self.log.push(format!("upload {key}"));
        }
    }

    /// Delivers what is under way; what fails is lost.
    async fn deliver(&mut self) {
        self.world.mishaps = Mishaps {
            seed: self.random.bits(),
            lost_percent: 10,
            doubled_percent: 10,
            reordered: self.random.chance(50),
        };
        self.world.replicate().await;
        for wake in self.world.queue.take() {
            let answer = self.world.publish(wake.into()).await;
            self.log.push(format!("publish {:?}", answer.map(|report| (report.outcome, report.reason))));
        }
    }

    fn break_something(&mut self) {
        let at = self.world.faults.effects() + self.random.bits() % 30;
        let moment = if self.random.chance(50) { Moment::Before } else { Moment::After };
        let aftermath = if self.random.chance(50) { Aftermath::Crash } else { Aftermath::GoesOn };
        self.world.faults.fail(at, moment, aftermath);
        self.log.push(format!("fault at {at}: {moment:?}, {aftermath:?}"));
    }

    async fn step(&mut self) {
        match self.random.below(12) {
            0..5 => self.upload_some(),
            5..8 => self.deliver().await,
            8 => self.break_something(),
            9 => {
                self.world.faults.repair();
                self.world.clock.advance(SignedDuration::from_mins(5));
                self.log.push("five minutes".to_owned());
            }
            10 => {
                // A sweep that fails is followed by another.
                let swept = suitecast_engine::sweep::run(&self.world.ports, &self.world.settings).await;
                self.log.push(format!("sweep {:?}", swept.map(|report| report.woken)));
            }
            _ if self.random.chance(30) && self.newest + 1 < self.generations.len() => self.begin(self.newest + 1),
            _ => {}
        }
    }

    /// The upload ends, whatever happened; two sweeps later all is well.
    async fn end(&mut self) {
        self.world.faults.repair();
        self.world.mishaps = Mishaps { lost_percent: 100, ..Mishaps::none() };
        let last = self.generations.last().unwrap();
        self.world.upload_keys(last, last.files.keys());
        for _ in 0..2 {
            self.world.clock.advance(SignedDuration::from_mins(16));
            self.world.sweep().await;
            self.world.settle().await;
        }
    }
}

#[tokio::test]
async fn whatever_happens_clients_see_a_whole_suite_and_in_the_end_the_newest() {
    let mut looks = 0;
    for seed in 0..WALKS {
        let mut walk = Walk::new(seed);
        let watcher = Watcher::over(&walk.world, SUITE);
        for _ in 0..STEPS {
            walk.step().await;
        }
        walk.end().await;
        let Walk { world, generations, log, .. } = &walk;
        let told = format!("seed {seed}\n{}\n{:#?}", log.join("\n"), world.reports.last());
        assert!(world.serves(generations.last().unwrap()).await, "{told}");
        assert!(world.view(SUITE).await.is_settled(), "{told}");
        let sights = watcher.sights();
        assert_eq!(sights.broken, Vec::<String>::new(), "{told}");
        let dates: Vec<Timestamp> = sights.lives.iter().filter_map(|live| live.date).collect();
        assert!(dates.is_sorted(), "{dates:?} {told}");
        looks += sights.looks;
    }
    assert!(looks > 1_000, "the walks led nowhere: {looks} looks");
}
