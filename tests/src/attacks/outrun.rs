//! A suite that is published again before it can be filled still moves on.
//!
//! Every round brings another whole generation, and publish gets one to three slices so short that each verifies a single
//! index. A fill takes several; so the master's newest is never the one that could be finished. Events are lost at will.
//! What is served must move on every few rounds all the same, is whole after every effect, and comes to the newest when
//! the publishing stops.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "an attack's own world: what fails here fails the attack"
)]

use std::time::Duration;

use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Wake, replicate, sweep};
use suitecast_testing::Random;

use super::Tally;
use super::histories::archives::{GENERATIONS, SETS, SuiteArchive, archive_set};
use super::histories::cloud::{Cloud, Fate, Part};
use super::histories::lookout::Memory;

/// Slices that a fill of these archives takes at most: one for each index that names files, of which there are five. The
/// last of them swaps as well.
const SLICES_OF_A_FILL: usize = 5;

/// Slices after the last generation until it is served, whatever was begun before: far above any need.
const LAST_SLICES: usize = 40;

/// Plays so many cases, of seeds from `seed` on.
pub fn attack(cases: u64, seed: u64) -> Tally {
    let mut tally = Tally::new("a suite that outruns its slices");
    let memory = Memory::default();
    for seed in (0..cases).map(|case| seed.wrapping_add(case)) {
        let broken = futures::executor::block_on(play(seed, &memory));
        tally.violations.extend(broken.into_iter().map(|broken| format!("seed {seed}: {broken}")));
        tally.cases += 1;
    }
    tally
}

struct Play {
    archive: &'static SuiteArchive,
    name: SuiteName,
    cloud: Cloud,
    random: Random,
    broken: Vec<String>,
}

async fn play(seed: u64, memory: &Memory) -> Vec<String> {
    let mut random = Random::new(seed);
    let set = archive_set(random.below(SETS));
    let archive = &set.suites[random.below(2)];
    let mut cloud = Cloud::new(set, 1, Part::Everything, memory);
    cloud.regions[0].settings.slice = Duration::ZERO;
    let name = SuiteName::parse(&archive.directory).unwrap();
    let slices = 1 + random.below(3);
    let mut play = Play { archive, name, cloud, random, broken: Vec::new() };
    let patience = SLICES_OF_A_FILL.div_ceil(slices);
    let (mut served, mut since) = (None, 0);
    for number in 0..GENERATIONS {
        play.publish_generation(number).await;
        for _ in 0..slices {
            play.slice().await;
        }
        let now = play.served();
        since = if now == served { since + 1 } else { 0 };
        served = now;
        if since > patience {
            let told = format!("{since} generations came, {slices} slice(s) each, and {served:?} is still live");
            play.broken.push(format!("{told} ({}, {:?})", archive.directory, archive.by_hash));
            since = 0;
        }
    }
    play.end().await
}

impl Play {
    /// Which generation is served.
    fn served(&self) -> Option<usize> {
        let region = &self.cloud.regions[0];
        let here = self.archive.release_keys().map(|key| self.cloud.s3.peek(region.bucket, &key));
        let of = |files: &std::collections::BTreeMap<String, bytes::Bytes>| {
            self.archive.release_keys().map(|key| files.get(&key).cloned())
        };
        self.archive.generations.iter().rposition(|generation| of(&generation.files) == here)
    }

    /// A whole generation comes, in any order; a third of its events is lost.
    async fn publish_generation(&mut self, number: usize) {
        self.cloud.clock.advance(SignedDuration::from_mins(3));
        let generation = &self.archive.generations[number];
        let mut keys: Vec<&String> = generation.changed.iter().collect();
        self.random.shuffle(&mut keys);
        let fate = Fate { lost_percent: 33, doubled_percent: 10 };
        for key in keys {
            self.cloud.upload(key, generation.files[key].clone(), fate, &mut self.random);
        }
        let region = &mut self.cloud.regions[0];
        let events = std::mem::take(&mut region.under_way);
        replicate::run(&region.ports, &region.settings, &events).await;
    }

    /// One slice of publish, whoever woke it.
    async fn slice(&mut self) {
        let region = &self.cloud.regions[0];
        let wake = region.queue.take().pop().unwrap_or_else(|| Wake::new(self.name.clone()));
        if let Err(error) = publish::run(&region.ports, &region.settings, &PublishRequest::from(wake)).await {
            self.broken.push(format!("publish failed: {error}"));
        }
    }

    async fn end(mut self) -> Vec<String> {
        let region = &self.cloud.regions[0];
        self.cloud.clock.advance(SignedDuration::from_mins(16));
        if let Err(error) = sweep::run(&region.ports, &region.settings).await {
            self.broken.push(format!("the sweep failed: {error}"));
        }
        for _ in 0..LAST_SLICES {
            if self.served() == Some(GENERATIONS - 1) {
                break;
            }
            self.slice().await;
        }
        if self.served() != Some(GENERATIONS - 1) {
            self.broken.push(format!("the last generation is not served, but {:?}", self.served()));
        }
        self.broken.extend(self.cloud.regions[0].lookout.take().broken);
        self.broken
    }
}
