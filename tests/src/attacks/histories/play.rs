//! Playing a history, and judging it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Outcome, SuitesQueue as _};
use suitecast_engine::{PublishReport, replicate, sweep};
use suitecast_testing::Random;
use suitecast_testing::archive_maker::Generation;

use super::archives::{ArchiveSet, GENERATIONS, SuiteArchive, archive_set};
use super::cloud::{Cloud, Fate};
use super::lookout::Memory;
use super::steps::{Ending, Harm, History, Net, Order, Step, Victim};
use crate::world::MASTER;

/// Regions that wait, at the end of a history without sweeps, to see whether more release files come: SEMANTICS gives them
/// a quarter of an hour, and the sweep is what ends it.
pub(super) const PATIENCE: &str = "release files that may be half of an upload";

/// Runs of publish that a Region may take to come to rest: far above any history's need, so that a loop is found.
const MAX_ROUNDS: usize = 60;

/// Uploads in one batch.
const BATCH: usize = 10;

/// What a history came to.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// What broke a promise.
    pub broken: Vec<String>,
    /// Looks within documented windows.
    pub windows: BTreeMap<&'static str, u64>,
    /// Suites seen after effects.
    pub looks: u64,
    /// Suites walked through.
    pub walks: u64,
    /// Releases that went live.
    pub lives: u64,
    /// Suites of a Region of which the master held a whole release at the end.
    pub held_to: u64,
    /// What happened, for a person.
    pub log: Vec<String>,
}

/// How a suite's upload stands.
#[derive(Debug, Clone, Default)]
struct Uploading {
    /// Which generation is the newest begun, if any.
    newest: Option<usize>,
    /// What of it is still to be uploaded, the next one last.
    pending: Vec<String>,
}

struct Play<'a> {
    history: &'a History,
    set: &'static Arc<ArchiveSet>,
    cloud: Cloud,
    uploading: Vec<Uploading>,
    last: BTreeMap<(usize, SuiteName), PublishReport>,
    played: Played,
}

/// Plays a history to its end and judges it.
pub(super) async fn play(history: &History, memory: &Memory) -> Played {
    let set = archive_set(history.set);
    let mut play = Play {
        history,
        set,
        cloud: Cloud::new(set, history.regions, history.part, memory),
        uploading: vec![Uploading::default(); set.suites.len()],
        last: BTreeMap::new(),
        played: Played::default(),
    };
    for step in &history.steps {
        play.log(format!("{step:?}"));
        play.step(*step).await;
        for at in 0..play.cloud.regions.len() {
            play.note_sights(at);
        }
    }
    play.end().await;
    play.judge().await;
    play.played
}

impl Play<'_> {
    fn log(&mut self, line: String) {
        self.played.log.push(line);
    }

    fn fate(&self) -> Fate {
        Fate { lost_percent: if self.history.net == Net::Sweep { 33 } else { 0 }, doubled_percent: 15 }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Begin { suite, order, chance } => self.begin(suite, order, chance),
            Step::Upload { suite, keys, chance } => self.upload(suite, keys, chance),
            Step::GoBack { suite, chance } => self.go_back(suite, chance),
            Step::Harm { suite, harm, victim, chance } => self.harm(suite, harm, victim, chance),
            Step::Deliver { region, chance } => self.deliver(region, chance).await,
            Step::Work { region, chance } => self.work(region, chance).await,
            Step::Fault { region, after, moment, aftermath } => {
                let faults = &self.cloud.regions[region % self.cloud.regions.len()].faults;
                faults.fail(faults.effects() + after, moment, aftermath);
            }
            Step::Minutes(minutes) => self.cloud.clock.advance(SignedDuration::from_mins(minutes)),
            Step::Sweep { region } => self.sweep(region).await,
            Step::Deploy { region, part } => {
                let at = region % self.cloud.regions.len();
                self.cloud.regions[at].settings.scope = part.scope();
                self.cloud.regions[at].lookout.deploy(part);
            }
        }
    }

    fn suite(&self, suite: usize) -> (usize, &'static SuiteArchive) {
        let at = suite % self.set.suites.len();
        (at, &self.set.suites[at])
    }

    fn begin(&mut self, suite: usize, order: Order, chance: u64) {
        let (at, archive) = self.suite(suite);
        let number = self.uploading[at].newest.map_or(0, |newest| newest + 1);
        if number == GENERATIONS {
            return;
        }
        let mut random = Random::new(chance);
        let is_release = |key: &String| archive.release_keys().contains(key);
        let mut keys: Vec<String> = archive.generations[number].changed.iter().cloned().collect();
        if order != Order::ByKey {
            random.shuffle(&mut keys);
        }
        match order {
            Order::ReleaseLast => keys.sort_by_key(is_release),
            Order::ReleaseFirst => keys.sort_by_key(|key| !is_release(key)),
            Order::Any | Order::ByKey => {}
        }
        keys.reverse();
        self.uploading[at] = Uploading { newest: Some(number), pending: keys };
    }

    fn upload(&mut self, suite: usize, keys: usize, chance: u64) {
        let (at, archive) = self.suite(suite);
        let Some(newest) = self.uploading[at].newest else { return };
        let mut random = Random::new(chance);
        for _ in 0..keys {
            let Some(key) = self.uploading[at].pending.pop() else { break };
            let bytes = archive.generations[newest].files[&key].clone();
            let fate = self.fate();
            self.cloud.upload(&key, bytes, fate, &mut random);
        }
    }

    fn go_back(&mut self, suite: usize, chance: u64) {
        let (at, archive) = self.suite(suite);
        let Some(before) = self.uploading[at].newest.and_then(|newest| newest.checked_sub(1)) else { return };
        self.upload_what_lacks(&archive.generations[before], &mut Random::new(chance));
    }

    fn harm(&mut self, suite: usize, harm: Harm, victim: Victim, chance: u64) {
        let (at, archive) = self.suite(suite);
        let Some(newest) = self.uploading[at].newest else { return };
        let mut random = Random::new(chance);
        let releases = archive.release_keys();
        let kind = |key: &String| {
            if releases.contains(key) {
                Victim::Release
            } else if key.starts_with(&format!("{}/pool/", archive.directory)) || key.starts_with("pool/") {
                Victim::Pool
            } else {
                Victim::Index
            }
        };
        let files = &archive.generations[newest].files;
        let there: Vec<&String> =
            files.keys().filter(|key| kind(key) == victim && self.cloud.s3.peek(MASTER, key).is_some()).collect();
        let Some(key) = there.get(random.below(there.len())) else { return };
        match harm {
            Harm::Deleted => self.cloud.s3.uproot(MASTER, key).unwrap(),
            Harm::Spoilt | Harm::Repeated => {
                let bytes = &files[*key];
                let bytes = if harm == Harm::Spoilt { Bytes::from(vec![b'x'; bytes.len()]) } else { bytes.clone() };
                let fate = self.fate();
                self.cloud.upload(key, bytes, fate, &mut random);
            }
        }
        self.played.log.push(format!("  {key}"));
    }

    /// A process that died is followed by another.
    fn revive(&self, at: usize) {
        if self.cloud.regions[at].faults.struck() {
            self.cloud.regions[at].faults.repair();
        }
    }

    async fn deliver(&mut self, region: usize, chance: u64) {
        let at = region % self.cloud.regions.len();
        self.revive(at);
        let mut random = Random::new(chance);
        let region = &mut self.cloud.regions[at];
        let mut under_way = std::mem::take(&mut region.under_way);
        if random.chance(60) {
            random.shuffle(&mut under_way);
        }
        // Some take their time.
        let late = if random.chance(40) { random.below(under_way.len()) } else { 0 };
        region.under_way = under_way.split_off(under_way.len() - late);
        for batch in under_way.chunks(BATCH) {
            let report = replicate::run(&region.ports, &region.settings, batch).await;
            for (upload, result) in batch.iter().zip(&report.uploads) {
                // It comes back, or it went the way of the run that held it.
                if result.is_err() && random.chance(50) {
                    region.under_way.push(upload.clone());
                }
            }
        }
    }

    async fn work(&mut self, region: usize, chance: u64) {
        let at = region % self.cloud.regions.len();
        self.revive(at);
        let mut random = Random::new(chance);
        let mut wakes = self.cloud.regions[at].queue.take();
        if random.chance(50) {
            random.shuffle(&mut wakes);
        }
        if random.chance(15) && !wakes.is_empty() {
            let again = wakes[random.below(wakes.len())].clone();
            wakes.push(again);
        }
        for wake in wakes {
            let is_done = self.publish(at, wake.clone().into()).await;
            if !is_done && random.chance(50) {
                let _ = self.cloud.regions[at].queue.wake(&[wake]).await;
            }
        }
    }

    /// Publishes a suite; whether that gave an answer.
    async fn publish(&mut self, at: usize, request: PublishRequest) -> bool {
        let region = &self.cloud.regions[at];
        let answer = publish::run(&region.ports, &region.settings, &request).await;
        match answer {
            Ok(report) => {
                let reason = report.reason.as_deref().unwrap_or_default();
                self.played.log.push(format!("  region {at}, {}: {:?} {reason}", request.suite, report.outcome));
                self.last.insert((at, request.suite), report);
                true
            }
            Err(error) => {
                self.played.log.push(format!("  region {at}, {}: {error}", request.suite));
                false
            }
        }
    }

    async fn sweep(&mut self, region: usize) {
        let at = region % self.cloud.regions.len();
        self.revive(at);
        let region = &self.cloud.regions[at];
        let swept = sweep::run(&region.ports, &region.settings).await;
        self.played.log.push(format!("  region {at} swept: {:?}", swept.map(|report| report.woken)));
    }

    fn note_sights(&mut self, at: usize) {
        let sights = self.cloud.regions[at].lookout.take();
        self.played.looks += sights.looks;
        self.played.walks += sights.walks;
        self.played.lives += sights.lives.len() as u64;
        self.played.log.extend(sights.lives.iter().map(|live| format!("  region {at} serves {live}")));
        self.played.broken.extend(sights.broken.iter().map(|broken| format!("region {at}: {broken}")));
        for (window, looks) in sights.windows {
            *self.played.windows.entry(window).or_default() += looks;
        }
    }

    async fn end(&mut self) {
        for region in &self.cloud.regions {
            region.faults.repair();
        }
        self.log(format!("the end: {:?}", self.history.ending));
        if self.history.ending == Ending::Finished {
            self.finish_uploads();
        }
        match self.history.net {
            Net::Events => {
                for at in 0..self.cloud.regions.len() {
                    self.settle(at).await;
                }
            }
            Net::Sweep => self.end_by_sweeps(2).await,
        }
    }

    /// Every event is lost, and there are only so many sweeps.
    async fn end_by_sweeps(&mut self, sweeps: usize) {
        for _ in 0..sweeps {
            self.cloud.clock.advance(SignedDuration::from_mins(16));
            for at in 0..self.cloud.regions.len() {
                self.cloud.regions[at].under_way.clear();
                self.sweep(at).await;
                self.settle(at).await;
            }
        }
    }

    /// Uploads what the master lacks of each suite's newest generation.
    fn finish_uploads(&mut self) {
        let mut random = Random::new(self.history.seed);
        for at in 0..self.set.suites.len() {
            let Some(newest) = self.uploading[at].newest else { continue };
            self.upload_what_lacks(&self.set.suites[at].generations[newest], &mut random);
        }
    }

    fn upload_what_lacks(&mut self, generation: &Generation, random: &mut Random) {
        let files = &generation.files;
        let mut lacking: Vec<&String> =
            files.keys().filter(|key| self.cloud.s3.peek(MASTER, key).as_ref() != Some(&files[*key])).collect();
        random.shuffle(&mut lacking);
        for key in lacking {
            let fate = self.fate();
            self.cloud.upload(key, files[key].clone(), fate, random);
        }
    }

    /// Delivers what is under way until nothing is. What fails comes back.
    async fn settle(&mut self, at: usize) {
        for round in 0..MAX_ROUNDS {
            if !self.cloud.regions[at].under_way.is_empty() {
                let chance = self.history.seed ^ round as u64;
                self.deliver(at, chance).await;
            }
            let mut wakes = self.cloud.regions[at].queue.take();
            wakes.dedup();
            if wakes.is_empty() && self.cloud.regions[at].under_way.is_empty() {
                self.note_sights(at);
                return;
            }
            for wake in wakes {
                if !self.publish(at, wake.clone().into()).await {
                    let _ = self.cloud.regions[at].queue.wake(&[wake]).await;
                }
            }
        }
        self.note_sights(at);
        self.played.broken.push(format!("region {at} did not come to rest"));
    }

    /// What the master holds whole: the generation of which every file is there, release files included.
    fn whole_in_master(&self, archive: &SuiteArchive) -> Option<usize> {
        let holds = |key: &String, bytes: Option<&Bytes>| self.cloud.s3.peek(MASTER, key).as_ref() == bytes;
        (0..archive.generations.len()).rev().find(|number| {
            let files = &archive.generations[*number].files;
            files.iter().all(|(key, bytes)| holds(key, Some(bytes)))
                && archive.release_keys().iter().all(|key| holds(key, files.get(key)))
        })
    }

    async fn judge(&mut self) {
        let wholes = self.set.suites.iter().filter(|archive| self.whole_in_master(archive).is_some()).count();
        self.played.held_to += (wholes * self.cloud.regions.len()) as u64;
        for at in 0..self.cloud.regions.len() {
            let amiss = self.amiss(at);
            if amiss.is_empty() {
                continue;
            }
            if self.history.net == Net::Events && amiss.iter().all(|(suite, _)| self.is_patient(at, suite)) {
                self.end_by_sweeps(2).await;
                let still = self.amiss(at);
                let window = self.played.windows.entry(PATIENCE).or_default();
                *window += 1;
                self.played.broken.extend(still.into_iter().map(|(_, amiss)| amiss));
                continue;
            }
            self.played.broken.extend(amiss.into_iter().map(|(_, amiss)| amiss));
        }
        for (at, region) in self.cloud.regions.iter().enumerate() {
            self.played.broken.extend(region.lookout.past().into_iter().map(|missed| format!("region {at}, {missed}")));
        }
    }

    /// Whether the last answer was that more release files may be to come.
    fn is_patient(&self, at: usize, suite: &str) -> bool {
        let Ok(suite) = SuiteName::parse(suite) else { return false };
        let last = self.last.get(&(at, suite));
        last.is_some_and(|report| {
            let waits = matches!(report.outcome, Outcome::Waiting | Outcome::Refused) && report.missing_count == 0;
            waits && report.reason.as_deref().is_some_and(|reason| reason.contains("Release.gpg"))
        })
    }

    /// What a Region should serve at the end and does not, by suite.
    fn amiss(&self, at: usize) -> Vec<(&'static str, String)> {
        let region = &self.cloud.regions[at];
        let mut amiss = Vec::new();
        for archive in &self.set.suites {
            let suite = archive.directory.as_str();
            let Some(wanted) = self.whole_in_master(archive) else { continue };
            let view = region.lookout.view(suite);
            let here = archive.release_keys().map(|key| self.cloud.s3.peek(region.bucket, &key));
            let serves = |number: usize| {
                let files = &archive.generations[number].files;
                archive.release_keys().map(|key| files.get(&key).cloned()) == here
            };
            // One whose Release.gpg was spoilt counts too: the Date does not go back from it.
            let newer = view.live.as_ref().and_then(|live| live.date).is_some_and(|date| date > archive.dates[wanted]);
            let told = format!("region {at}, {suite}: generation {} is whole in the master", wanted + 1);
            if !serves(wanted) && !newer {
                let live = view.live.as_ref().and_then(|live| live.date);
                amiss.push((suite, format!("{told} and not served; live is {live:?}")));
            } else if !newer && !view.is_settled() {
                amiss.push((suite, format!("{told} and served with flaws: {view}")));
            }
        }
        amiss
    }
}
