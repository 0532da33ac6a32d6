//! A crash at every effect: whatever step of a publish, a sweep or a replicate batch fails, before or after it took place,
//! clients see a whole suite at every moment, and what comes after brings the Region to where it belongs.
//!
//! Effects are the writes to the Region (the suite's state with its lease among them), what is sent to the suites queue, and
//! the acknowledgement of a batch of uploads and of a message of the suites queue. Each is struck before and after it took
//! place, once with the process dead from there on and once with it going on after the error; and each time once with the
//! messages coming back after their visibility timeout and no sweep, and once with every message and event lost and one
//! sweep as the net.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "an attack's own machinery: what fails here fails the test"
)]

pub mod looks;
mod rest;
pub mod scenario;
pub mod scenarios;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use suitecast_testing::{Aftermath, Moment};

use self::looks::{Clients, Looks};
use self::scenario::{Scenario, Trigger};
use super::Tally;
use crate::deliveries::{Deliveries, SWEEP_EVERY, Step, sweep};
use crate::world::World;

/// The attack, as the table calls it.
pub const ATTACK: &str = "crash at every effect";

/// Steps that a world may take to come to rest: far above any scenario's need, so that a loop is found.
const MAX_STEPS: usize = 400;

/// Threads that visit points side by side; each keeps its worlds in memory.
const MAX_THREADS: usize = 4;

/// How much of it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Every point of every scenario.
    Every,
    /// Every scenario, and of all points every so-many-th; and where a message is not sent and the run goes on, which is
    /// one point in a hundred and loses a wake-up for good if it is taken lightly, every one.
    OneIn(usize),
}

/// What brings the Region to where it belongs after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// Messages that were not acknowledged come back.
    Redelivery,
    /// Every message and event is lost; one sweep comes when the schedule has it.
    Sweep,
}

/// One moment at which a run is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The effect, counted from 0.
    pub effect: u64,
    /// How it fails; `None`: it does not, and only the master moves on.
    pub fault: Option<(Moment, Aftermath)>,
    /// What comes after.
    pub net: Net,
}

/// What one scenario came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The scenario.
    pub name: &'static str,
    /// Effects of the run when nothing fails.
    pub effects: u64,
    /// Points visited.
    pub points: u64,
    /// Looks of the clients at a suite.
    pub looks: u64,
    /// Looks within a documented window.
    pub windows: BTreeMap<&'static str, u64>,
    /// Points that left private objects behind which an undisturbed run does not leave: they cost space and no promise.
    pub littered: u64,
    /// What broke a promise.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, effects, points, looks, windows, littered, violations } = self;
        write!(to, "{name}: effects={effects} points={points} looks={looks} violations={}", violations.len())?;
        windows.iter().try_for_each(|(window, looks)| write!(to, ", within \"{window}\": {looks}"))?;
        if *littered > 0 { write!(to, ", private objects left behind: {littered}") } else { Ok(()) }
    }
}

/// Carries the attack out; each scenario's report goes to `tell` as soon as it is there.
pub fn run(length: Length, only: Option<&str>, mut tell: impl FnMut(&Report)) -> Tally {
    let mut tally = Tally::new(ATTACK);
    for (at, (name, make)) in scenarios::ALL.iter().enumerate() {
        if only.is_some_and(|only| only != *name) {
            continue;
        }
        let scenario = block_on(make(name));
        let report = attack(&scenario, length, at);
        tally.cases += report.points;
        for (window, looks) in &report.windows {
            tally.within(window, *looks);
        }
        tally.violations.extend(report.violations.iter().cloned());
        tell(&report);
    }
    tally
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// One scenario, at every point of it that is asked for.
fn attack(scenario: &Scenario, length: Length, offset: usize) -> Report {
    let clients = Arc::new(Mutex::new(Clients::of(&scenario.scope)));
    let undisturbed = block_on(visit(scenario, None, &clients));
    let points = points(scenario, &undisturbed, length, offset);
    let mut report = Report {
        name: scenario.name,
        effects: undisturbed.effects,
        points: 0,
        looks: undisturbed.looks,
        windows: undisturbed.windows.clone(),
        littered: 0,
        violations: undisturbed.violations.clone(),
    };
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let mut visits: Vec<(usize, Visit)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let clients = Arc::new(Mutex::new(Clients::of(&scenario.scope)));
                    let mut visits = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(point) = points.get(at) else { return visits };
                        visits.push((at, block_on(visit(scenario, Some(*point), &clients))));
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    visits.sort_by_key(|(at, _)| *at);
    for (_, visit) in visits {
        report.points += 1;
        report.looks += visit.looks;
        report.littered += u64::from(!visit.private_objects.is_subset(&undisturbed.private_objects));
        report.violations.extend(visit.violations);
        for (window, looks) in visit.windows {
            *report.windows.entry(window).or_default() += looks;
        }
    }
    report
}

/// The points that are asked for.
fn points(scenario: &Scenario, undisturbed: &Visit, length: Length, offset: usize) -> Vec<Point> {
    let mut faults = Vec::new();
    for moment in [Moment::Before, Moment::After] {
        for aftermath in [Aftermath::Crash, Aftermath::GoesOn] {
            faults.push(Some((moment, aftermath)));
        }
    }
    if scenario.meanwhile.is_some() {
        faults.push(None);
    }
    let all = (0..undisturbed.effects).flat_map(|effect| {
        let faults = faults.clone();
        faults.into_iter().flat_map(move |fault| {
            [Net::Redelivery, Net::Sweep].into_iter().map(move |net| Point { effect, fault, net })
        })
    });
    match length {
        Length::Every => all.collect(),
        Length::OneIn(step) => all
            .enumerate()
            .filter(|(at, point)| at % step == offset % step || is_unsent(point, &undisturbed.sends))
            .map(|(_, point)| point)
            .collect(),
    }
}

/// Whether a message is not sent there, the run goes on, and no sweep makes up for it.
fn is_unsent(point: &Point, sends: &BTreeSet<u64>) -> bool {
    let fault = Some((Moment::Before, Aftermath::GoesOn));
    point.net == Net::Redelivery && point.fault == fault && sends.contains(&point.effect)
}

/// What became of one world.
struct Visit {
    effects: u64,
    looks: u64,
    windows: BTreeMap<&'static str, u64>,
    private_objects: BTreeSet<String>,
    sends: BTreeSet<u64>,
    violations: Vec<String>,
}

/// Lives through the scenario once, interrupted at a point or not at all.
async fn visit(scenario: &Scenario, point: Option<Point>, clients: &Arc<Mutex<Clients>>) -> Visit {
    let mut world = scenario.start.fork();
    let upload_at = point.map(|point| point.effect).filter(|_| scenario.meanwhile.is_some());
    let looks = Looks::over(&world, scenario, clients, upload_at);
    if let Some(Point { effect, fault: Some((moment, aftermath)), .. }) = point {
        world.faults.fail(effect, moment, aftermath);
    }
    let mut life = Life { scenario, point, world: &mut world, deliveries: Deliveries::default(), moved_on: false };
    let mut violations: Vec<String> = life.live().await.err().into_iter().collect();
    let effects = world.faults.effects();
    let struck = world.faults.struck() || point.is_none_or(|point| point.fault.is_none());
    if !struck {
        violations.push("the effect was never reached: the run is not the same each time".to_owned());
    }
    // Where nothing is struck, the master does not move on either, and the scenario has no end.
    let is_over = point.is_some() || scenario.meanwhile.is_none();
    let mut everything = Clients::of(&suitecast_testing::client_model::Scope::default());
    let sights = looks.sights().clone();
    if is_over {
        violations.extend(rest::complaints(&world, scenario, &sights, &mut everything).await);
    }
    let private_objects = rest::private_objects(&world);
    for afterwards in scenario.afterwards.iter().filter(|_| is_over) {
        for (key, bytes) in &afterwards.upload {
            world.upload(key, bytes.clone());
        }
        world.settle().await;
        violations.extend(rest::served(&world, &afterwards.served, &mut everything).await);
    }
    let sights = looks.sights().clone();
    violations.extend(sights.violations);
    let at = point.map_or_else(|| "undisturbed".to_owned(), |point| format!("{point:?}"));
    let violations = violations.into_iter().map(|what| format!("{}: {at}: {what}", scenario.name)).collect();
    Visit { effects, looks: sights.looks, windows: sights.windows, private_objects, sends: sights.sends, violations }
}

/// One world on its way through the scenario.
struct Life<'a> {
    scenario: &'a Scenario,
    point: Option<Point>,
    world: &'a mut World,
    deliveries: Deliveries,
    moved_on: bool,
}

impl Life<'_> {
    async fn live(&mut self) -> Result<(), String> {
        self.ask();
        let mut swept = self.scenario.trigger != Trigger::Sweep || self.sweep().await?;
        if self.point.is_some_and(|point| point.net == Net::Sweep) {
            self.until_it_is_struck().await?;
            self.deliveries.lose_everything(self.world);
            self.ask();
            swept = false;
        }
        if swept {
            self.deliver().await?;
        } else {
            if self.point.is_some_and(|point| point.net == Net::Redelivery) {
                self.deliver().await?;
            }
            self.world.clock.advance(SWEEP_EVERY);
            if !self.sweep().await? {
                return Err("a second sweep failed".to_owned());
            }
            self.deliver().await?;
        }
        Ok(())
    }

    /// An operator asks, and asks again where there was no answer.
    fn ask(&self) {
        if let Trigger::Operator(wake) = &self.scenario.trigger {
            self.world.queue.send(wake.clone());
        }
    }

    async fn sweep(&mut self) -> Result<bool, String> {
        let swept = sweep(self.world).await;
        self.move_on();
        swept
    }

    async fn until_it_is_struck(&mut self) -> Result<(), String> {
        for _ in 0..MAX_STEPS {
            if self.is_struck() || self.step().await? == Step::AtRest {
                return Ok(());
            }
        }
        Err(format!("it did not come to rest in {MAX_STEPS} steps"))
    }

    async fn deliver(&mut self) -> Result<(), String> {
        for _ in 0..MAX_STEPS {
            if self.step().await? == Step::AtRest {
                return Ok(());
            }
        }
        Err(format!("it did not come to rest in {MAX_STEPS} steps"))
    }

    async fn step(&mut self) -> Result<Step, String> {
        let step = self.deliveries.step(self.world).await;
        self.move_on();
        step
    }

    fn is_struck(&self) -> bool {
        match self.point {
            Some(Point { fault: Some(_), .. }) => self.world.faults.struck(),
            Some(Point { effect, .. }) => self.world.faults.effects() > effect,
            None => false,
        }
    }

    /// What the master gets in the moment of the fault, where the effect did not take place and nobody heard of it.
    fn move_on(&mut self) {
        let took_place = self.point.is_some_and(|point| point.fault.is_none_or(|(moment, _)| moment == Moment::After));
        if self.moved_on || took_place || !self.is_struck() {
            return;
        }
        self.moved_on = true;
        for (key, bytes) in self.scenario.meanwhile.iter().flatten() {
            self.world.upload(key, bytes.clone());
        }
    }
}
