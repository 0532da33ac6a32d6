//! A wake-up is never lost: what a release waits for arrives at every moment around the look that misses it, and the suite
//! goes live by events alone.
//!
//! A suite is uploaded but for one or two keys, and publish looks at it. The missing key comes to the master before any
//! operation of that look, reads included, or after it. Its event reaches replicate at that moment or before any later
//! operation, or once the look is over; and what replicate sends to the queue is worked on at once, beside the look that
//! still holds the suite, or afterwards. There is no sweep and the clock stands still: if the suite is not served when
//! nothing is under way any more, it never would be. Then every event comes a second time, which changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "an attack's own world: what fails here fails the attack"
)]

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::replicate::{self, Upload};
use suitecast_engine::{Ports, Settings};
use suitecast_store::{
    Copied, CopyRequest, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Put, PutRequest, Store, StoreError,
};
use suitecast_testing::Random;

use super::Tally;
use super::histories::archives::{ArchiveSet, SuiteArchive, archive_set};
use super::histories::cloud::{Cloud, Fate, Part};
use super::histories::lookout::Memory;

const ATTACK: &str = "a wake-up is never lost";

/// Rounds of events and wake-ups after the look: far above any need, so that a loop is found.
const MAX_ROUNDS: usize = 30;

/// How often something that waits for nothing but its turn is asked how far it is: far above any need.
const MAX_POLLS: usize = 1_000_000;

/// Everything arrives, once.
const FAITHFUL: Fate = Fate { lost_percent: 0, doubled_percent: 0 };

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How many sets of archives.
    pub sets: usize,
    /// Of the moments of every scenario, one in so many is tried; 1 is all.
    pub one_in: usize,
}

/// A suite that waits for some keys of a generation.
#[derive(Debug, Clone)]
struct Scenario {
    set: usize,
    suite: usize,
    /// Generations before this one are served already.
    coming: usize,
    /// What comes late, in this order.
    late: Vec<String>,
}

/// When something happens: before the operation of this number, or after the look if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moments {
    /// The upload of the first late key; a second one comes with its event.
    arrives: usize,
    /// The event.
    delivered: usize,
    /// Whether publish works on what replicate sent while the look is still going on.
    at_once: bool,
}

/// Tries the moments of every scenario, on every core.
pub fn attack(extent: Extent) -> Tally {
    let scenarios: Vec<Scenario> = (0..extent.sets).flat_map(scenarios_of).collect();
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::new(ATTACK));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let memory = Memory::default();
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (cases, violations) = enumerate(scenario, extent.one_in, &memory);
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    tally.cases += cases;
                    tally.violations.extend(violations);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Every key of a first publication and of an update, alone; and pairs of them that a walk would send in either order.
fn scenarios_of(set: usize) -> Vec<Scenario> {
    let archives = archive_set(set);
    let mut scenarios = Vec::new();
    for (suite, archive) in archives.suites.iter().enumerate().take(2) {
        for coming in [0, 1] {
            let keys: Vec<&String> = archive.generations[coming].changed.iter().collect();
            let scenario = |late: Vec<String>| Scenario { set, suite, coming, late };
            scenarios.extend(keys.iter().map(|key| scenario(vec![(*key).clone()])));
            scenarios.extend(pairs(&keys).map(scenario));
        }
    }
    scenarios
}

/// An index by both its names, and the first and last key in either order.
fn pairs<'a>(keys: &'a [&'a String]) -> impl Iterator<Item = Vec<String>> + 'a {
    let by_content = keys.iter().filter(|key| key.contains("/by-hash/")).filter_map(|by_hash| {
        let directory = by_hash.split_once("/by-hash/")?.0;
        let plain = keys.iter().find(|key| key.starts_with(directory) && !key.contains("/by-hash/"))?;
        Some(vec![(*by_hash).clone(), (*plain).clone()])
    });
    let ends = [keys.first(), keys.last()].map(|key| key.map(|key| (*key).clone()));
    let [Some(first), Some(last)] = ends else { return by_content.chain(Vec::new()) };
    by_content.chain(vec![vec![first.clone(), last.clone()], vec![last, first]])
}

/// One in so many moments of a scenario.
fn enumerate(scenario: &Scenario, one_in: usize, memory: &Memory) -> (u64, Vec<String>) {
    let start = to_its_end(uploaded_but_for_late_keys(scenario, memory));
    let mut violations = Vec::new();
    // Nothing comes while it looks: how many operations that takes.
    let never = Moments { arrives: usize::MAX, delivered: usize::MAX, at_once: false };
    let (operations, amiss) = to_its_end(play(scenario, never, &start));
    violations.extend(amiss.map(|amiss| format!("{scenario:?}, after the look: {amiss}")));
    let mut cases = 1;
    let mut number = 0;
    for arrives in 0..=operations {
        for delivered in arrives..=operations {
            for at_once in [true, false] {
                number += 1;
                if number % one_in != 0 {
                    continue;
                }
                let moments = Moments { arrives, delivered, at_once };
                let (_, amiss) = to_its_end(play(scenario, moments, &start));
                violations.extend(amiss.map(|amiss| format!("{scenario:?}, {moments:?}: {amiss}")));
                cases += 1;
            }
        }
    }
    (cases, violations)
}

/// What happens beside the look, and when.
struct Plot {
    moments: Moments,
    operations: AtomicUsize,
    stage: Mutex<Stage>,
    /// The ports of whoever comes beside the look.
    beside: Ports,
    settings: Settings,
}

/// What the plot changes.
struct Stage {
    cloud: Cloud,
    archive: &'static SuiteArchive,
    coming: usize,
    /// Late keys that are still to come, the next one last.
    late: Vec<String>,
    /// Every event there was, to be sent again.
    events: Vec<Upload>,
}

impl Stage {
    fn arrive(&mut self) {
        let Some(key) = self.late.pop() else { return };
        let bytes = self.archive.generations[self.coming].files[&key].clone();
        self.cloud.upload(&key, bytes, FAITHFUL, &mut Random::new(0));
    }

    fn take_events(&mut self) -> Vec<Upload> {
        let events = std::mem::take(&mut self.cloud.regions[0].under_way);
        self.events.extend(events.iter().cloned());
        events
    }
}

impl Plot {
    /// What is to happen before the next operation of the look: all of it, since the look stands still meanwhile.
    fn go_on(&self) {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        let Moments { arrives, delivered, at_once } = self.moments;
        if number == arrives {
            self.stage.lock().unwrap().arrive();
        }
        if number == delivered {
            self.stage.lock().unwrap().arrive();
            to_its_end(async {
                self.deliver().await;
                if at_once {
                    self.work().await;
                }
            });
        }
    }

    async fn deliver(&self) {
        // Newest first: no order is promised.
        let mut events = self.stage.lock().unwrap().take_events();
        events.reverse();
        for event in events {
            let _ = replicate::run(&self.beside, &self.settings, &[event]).await;
        }
    }

    fn repeat_all_events(&self) {
        let mut stage = self.stage.lock().unwrap();
        let events = std::mem::take(&mut stage.events);
        stage.cloud.regions[0].under_way.extend(events);
    }

    async fn work(&self) -> usize {
        let wakes = self.stage.lock().unwrap().cloud.regions[0].queue.take();
        let count = wakes.len();
        for wake in wakes {
            let request = PublishRequest::from(wake.clone());
            if publish::run(&self.beside, &self.settings, &request).await.is_err() {
                self.beside.queue.wake(&[wake]).await.unwrap();
            }
        }
        count
    }
}

/// A store of the look: something may happen before each of its operations.
struct Interrupted {
    inner: Arc<dyn Store>,
    plot: Arc<Plot>,
}

#[async_trait]
impl Store for Interrupted {
    fn bucket(&self) -> &str {
        self.inner.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.plot.go_on();
        self.inner.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.plot.go_on();
        self.inner.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        self.plot.go_on();
        self.inner.put(request).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        self.plot.go_on();
        self.inner.copy(request).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.plot.go_on();
        self.inner.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.plot.go_on();
        self.inner.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.plot.go_on();
        self.inner.delete(key).await
    }
}

/// Runs what waits for nothing but its turn, also in the middle of something else that does.
///
/// # Panics
/// When it waits for something else.
fn to_its_end<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MAX_POLLS {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
    panic!("it waits for something that never comes");
}

/// Plays one case from this start: how many operations the look took, and what is wrong in the end.
async fn play(scenario: &Scenario, moments: Moments, start: &Cloud) -> (usize, Option<String>) {
    let set: &'static Arc<ArchiveSet> = archive_set(scenario.set);
    let archive = &set.suites[scenario.suite];
    let cloud = start.fork();
    let region = &cloud.regions[0];
    let (beside, settings, lookout) = (region.ports.clone(), region.settings.clone(), region.lookout.clone());
    let (s3, bucket) = (cloud.s3.clone(), region.bucket);
    let late = scenario.late.iter().rev().cloned().collect();
    let stage = Stage { cloud, archive, coming: scenario.coming, late, events: Vec::new() };
    let stage = Mutex::new(stage);
    let plot = Arc::new(Plot { moments, operations: AtomicUsize::new(0), stage, beside: beside.clone(), settings });
    let interrupted = |inner: &Arc<dyn Store>| {
        Arc::new(Interrupted { inner: Arc::clone(inner), plot: Arc::clone(&plot) }) as Arc<dyn Store>
    };
    let looks = Ports { master: interrupted(&beside.master), region: interrupted(&beside.region), ..beside.clone() };
    let request = PublishRequest::new(SuiteName::parse(&archive.directory).unwrap());
    let looked = publish::run(&looks, &plot.settings, &request).await;
    let operations = plot.operations.load(Ordering::Relaxed);
    if looked.is_err() {
        // Its message comes back.
        beside.queue.wake(&[suitecast_engine::Wake::new(request.suite)]).await.unwrap();
    }
    let judge = || {
        let view = lookout.view(&archive.directory);
        let files = &archive.generations[scenario.coming].files;
        let is_served = archive.release_keys().iter().all(|key| s3.peek(bucket, key).as_ref() == files.get(key));
        let not_served = (!is_served).then(|| format!("not served: {view}"));
        not_served.or_else(|| (!view.is_settled()).then(|| format!("served with flaws: {view}")))
    };
    let mut amiss = come_to_rest(&plot).await.or_else(judge);
    if amiss.is_none() {
        plot.repeat_all_events();
        let told = |amiss| format!("after every event came again: {amiss}");
        amiss = come_to_rest(&plot).await.or_else(judge).map(told);
    }
    let amiss = amiss.or_else(|| lookout.take().broken.into_iter().next());
    (operations, amiss)
}

/// What is left of the plot, and whatever follows from it.
async fn come_to_rest(plot: &Plot) -> Option<String> {
    {
        let mut stage = plot.stage.lock().unwrap();
        while !stage.late.is_empty() {
            stage.arrive();
        }
    }
    for _ in 0..MAX_ROUNDS {
        plot.deliver().await;
        if plot.work().await == 0 {
            return None;
        }
    }
    Some("it did not come to rest".to_owned())
}

/// A Region that serves the generations before, and a master with all but the late keys of the coming one, whose events
/// were delivered. Nobody has looked yet.
async fn uploaded_but_for_late_keys(scenario: &Scenario, memory: &Memory) -> Cloud {
    let set = archive_set(scenario.set);
    let archive = &set.suites[scenario.suite];
    let mut cloud = Cloud::new(set, 1, Part::Everything, memory);
    let late: BTreeSet<&String> = scenario.late.iter().collect();
    for number in 0..=scenario.coming {
        let generation = &archive.generations[number];
        let is_coming = number == scenario.coming;
        for key in generation.changed.iter().filter(|key| !is_coming || !late.contains(key)) {
            cloud.upload(key, generation.files[key].clone(), FAITHFUL, &mut Random::new(0));
        }
        let region = &mut cloud.regions[0];
        let events = std::mem::take(&mut region.under_way);
        replicate::run(&region.ports, &region.settings, &events).await;
        region.queue.take();
        if !is_coming {
            let request = PublishRequest::new(SuiteName::parse(&archive.directory).unwrap());
            publish::run(&region.ports, &region.settings, &request).await.unwrap();
        }
    }
    cloud
}
