//! Every order in which what can happen may happen.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use jiff::Timestamp;
use serde_json::Value;
use suitecast_engine::Wake;
use suitecast_engine::replicate;
use suitecast_testing::client_model::ClientModel;
use suitecast_testing::{ManualClock, StrictS3};

use super::Grain;
use super::client::{Clients, Contents};
use super::operation::{Fingerprint, Request};
use super::process::{Outcome, Process, Program};
use super::sabotage::Sabotage;
use super::scenario::{PAST_THE_LEASE, Scenario};
use crate::watcher::Watcher;
use crate::world::{MASTER, REGION, World};

/// The processes, by their places.
const QUEUED: usize = 0;
pub(super) const INVOKED: usize = 1;
pub(super) const BATCH: usize = 2;
const NAMES: [&str; 3] = ["queue run", "invoke", "batch"];

/// Violations that are told with their schedules; the rest are counted.
const MOST_TOLD: usize = 10;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// An operation of a process takes place, and the process hears of it.
    Operation { process: usize, parked: usize },
    /// An operation of a process takes place, and time passes before the process hears of it.
    OperationThenPause { process: usize, parked: usize },
    /// Time passes, wherever the processes stand.
    Pause,
    /// The uploader's next step.
    Upload,
    /// A process is never heard of again.
    Death { process: usize },
}

/// Where everything stands.
#[derive(Clone)]
struct Moment {
    s3: StrictS3,
    contents: Contents,
    queue: Vec<Wake>,
    nodes: [usize; 3],
    dead: [bool; 3],
    pauses: usize,
    /// After how many pauses the uploader took each of its steps.
    uploaded: Vec<usize>,
    /// The live generation, and all that were live.
    live: Option<usize>,
    was_live: Vec<bool>,
}

/// What exploring a scenario came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    /// Different moments.
    pub(super) states: u64,
    /// Ways from the beginning to an end.
    pub(super) histories: u128,
    /// Times that a known moment was met again.
    pub(super) pruned: u64,
    /// Effects after which the clients looked.
    pub(super) looks: u64,
    /// Different ends, each of which was brought to rest.
    pub(super) ends: u64,
    /// Ends that only a sweep brought to the newest release.
    pub(super) swept: u64,
    /// Looks that met plain names of another release than the live one.
    pub(super) in_window: u64,
    /// What broke a promise, with its schedule.
    pub(super) violations: Vec<String>,
    /// How many there were in all.
    pub(super) violated: u64,
}

pub(super) struct Explorer<'a> {
    scenario: &'a Scenario,
    grain: Grain,
    stops_at_first: bool,
    processes: [Process; 3],
    clients: Clients,
    memory: Arc<Mutex<ClientModel>>,
    clock: ManualClock,
    began: Timestamp,
    /// Ways to an end from each moment that was met.
    known: HashMap<u128, u128>,
    ended: HashSet<u128>,
    trail: Vec<(Event, Option<Arc<Request>>)>,
    told: HashSet<String>,
    findings: Findings,
}

impl<'a> Explorer<'a> {
    pub(super) fn new(scenario: &'a Scenario, grain: Grain, sabotage: Option<Sabotage>) -> Self {
        let settings = &scenario.start.settings;
        let programs = [
            Program::Publish(scenario.queued.clone()),
            Program::Publish(scenario.invoked.clone()),
            Program::Replicate(scenario.uploads.clone()),
        ];
        let mut number = 0;
        let processes = programs.map(|program| {
            number += 1;
            Process::new(number, program, settings.clone(), sabotage)
        });
        Self {
            grain,
            stops_at_first: sabotage.is_some(),
            processes,
            clients: Clients::of(&scenario.history),
            memory: Watcher::memory(),
            clock: ManualClock::at(scenario.start.clock.now()),
            began: scenario.start.clock.now(),
            known: HashMap::new(),
            ended: HashSet::new(),
            trail: Vec::new(),
            told: HashSet::new(),
            findings: Findings::default(),
            scenario,
        }
    }

    /// Explores everything.
    pub(super) fn explore(mut self) -> Findings {
        let s3 = self.fork(&self.scenario.start.s3);
        let contents = Contents::of(&s3);
        let live = match &self.clients.look(&s3, contents).live {
            Some(Ok(live)) => Some(*live),
            _ => None,
        };
        let was_live = (0..self.scenario.history.len()).map(|generation| live == Some(generation)).collect();
        let beginning = Moment {
            s3,
            contents,
            queue: Vec::new(),
            nodes: [0; 3],
            dead: [false; 3],
            pauses: 0,
            uploaded: Vec::new(),
            live,
            was_live,
        };
        self.findings.histories = self.follow(&beginning);
        self.findings
    }

    fn fork(&self, s3: &StrictS3) -> StrictS3 {
        s3.forget_requests();
        let clock = self.clock.clone();
        s3.fork(move || clock.now())
    }

    fn time_after(&self, pauses: usize) -> Timestamp {
        (0..pauses).fold(self.began, |time, _| time + self.scenario.pause)
    }

    /// Explores what may follow, and gives the number of ways from here to an end.
    fn follow(&mut self, moment: &Moment) -> u128 {
        let key = fingerprint(moment);
        if let Some(ways) = self.known.get(&key) {
            self.findings.pruned += 1;
            return *ways;
        }
        self.findings.states += 1;
        let mut ways = 0u128;
        if self.is_over(moment) {
            self.end(moment);
            ways = 1;
        } else {
            for event in self.possible(moment) {
                if self.stops_at_first && self.findings.violated > 0 {
                    break;
                }
                let request = self.request_of(moment, &event);
                self.trail.push((event.clone(), request));
                let depth = self.trail.len();
                let next = self.happen(moment, &event);
                ways = ways.saturating_add(self.follow(&next));
                // Reads that ran on by themselves are on the trail, too.
                self.trail.truncate(depth - 1);
            }
        }
        self.known.insert(key, ways);
        ways
    }

    fn is_done(&self, moment: &Moment, process: usize) -> bool {
        let is_absent = process == BATCH && self.scenario.uploads.is_empty();
        is_absent || moment.dead[process] || self.processes[process].nodes[moment.nodes[process]].outcome.is_some()
    }

    fn is_over(&self, moment: &Moment) -> bool {
        (0..3).all(|process| self.is_done(moment, process))
    }

    fn request_of(&self, moment: &Moment, event: &Event) -> Option<Arc<Request>> {
        match event {
            Event::Operation { process, parked } | Event::OperationThenPause { process, parked } => {
                let node = &self.processes[*process].nodes[moment.nodes[*process]];
                Some(Arc::clone(&node.parked[*parked].request))
            }
            Event::Pause | Event::Upload | Event::Death { .. } => None,
        }
    }

    fn possible(&self, moment: &Moment) -> Vec<Event> {
        let mut events = Vec::new();
        let time_may_pass = moment.pauses < self.scenario.pauses;
        for process in (0..3).filter(|process| !self.is_done(moment, *process)) {
            let has_begun = moment.nodes[process] != 0;
            if self.scenario.follower == Some(process) && !has_begun && self.moves_left(moment) {
                continue;
            }
            for parked in 0..self.processes[process].nodes[moment.nodes[process]].parked.len() {
                events.push(Event::Operation { process, parked });
                // A batch does not look at the clock, and beginning later is beginning after a pause.
                if time_may_pass && has_begun && process != BATCH {
                    events.push(Event::OperationThenPause { process, parked });
                }
            }
            let deaths = moment.dead.iter().filter(|dead| **dead).count();
            if has_begun && process != BATCH && deaths < self.scenario.deaths {
                events.push(Event::Death { process });
            }
        }
        if time_may_pass {
            events.push(Event::Pause);
        }
        if self.moves_left(moment) {
            events.push(Event::Upload);
        }
        events
    }

    fn moves_left(&self, moment: &Moment) -> bool {
        moment.uploaded.len() < self.scenario.moves.len()
    }

    fn happen(&mut self, moment: &Moment, event: &Event) -> Moment {
        let mut next = moment.clone();
        self.clock.set(self.time_after(moment.pauses));
        match *event {
            Event::Operation { process, parked } => {
                self.operate(&mut next, process, parked);
                self.run_on(&mut next, process);
            }
            Event::OperationThenPause { process, parked } => {
                next.pauses += 1;
                self.operate(&mut next, process, parked);
                self.run_on(&mut next, process);
            }
            Event::Pause => next.pauses += 1,
            Event::Upload => {
                next.s3 = self.fork(&moment.s3);
                upload(&next.s3, self.scenario, moment.uploaded.len());
                next.uploaded.push(moment.pauses);
            }
            Event::Death { process } => next.dead[process] = true,
        }
        next
    }

    /// An operation takes place now, and its process hears of it when it is `moment.pauses` late.
    fn operate(&mut self, moment: &mut Moment, process: usize, parked: usize) {
        let node = moment.nodes[process];
        let request = Arc::clone(&self.processes[process].nodes[node].parked[parked].request);
        if request.is_effect() {
            moment.s3 = self.fork(&moment.s3);
        }
        let answer = request.carry_out(&moment.s3, &mut moment.queue);
        if request.is_effect() {
            moment.contents = Contents::of(&moment.s3);
            self.look(moment);
        }
        let heard_at = self.time_after(moment.pauses);
        moment.nodes[process] = self.processes[process].answered(node, parked, answer, heard_at);
    }

    /// At the grain of effects a process's reads take place as soon as it asks.
    fn run_on(&mut self, moment: &mut Moment, process: usize) {
        if self.grain == Grain::Operations {
            return;
        }
        self.clock.set(self.time_after(moment.pauses));
        loop {
            let parked = &self.processes[process].nodes[moment.nodes[process]].parked;
            let Some(read) = parked.iter().position(|parked| !parked.request.is_effect()) else { return };
            let event = Event::Operation { process, parked: read };
            self.trail.push((event, Some(Arc::clone(&parked[read].request))));
            self.operate(moment, process, read);
        }
    }

    fn look(&mut self, moment: &mut Moment) {
        self.findings.looks += 1;
        let sight = self.clients.look(&moment.s3, moment.contents);
        match &sight.live {
            Some(Ok(live)) => {
                if let Some(before) = moment.live
                    && before > *live
                    && self.scenario.may_step_back != Some((before, *live))
                {
                    self.violated(&format!("the live release went back from generation {before} to {live}"));
                }
                moment.live = Some(*live);
                moment.was_live[*live] = true;
            }
            Some(Err(unknown)) => self.violated(unknown),
            None => self.violated("nothing is served"),
        }
        for (generation, broken) in sight.broken.iter().enumerate().filter(|(at, _)| moment.was_live[*at]) {
            if let Some(first) = broken.first() {
                self.violated(&format!("a client with generation {generation} does not find: {first}"));
            }
        }
        if sight.has_stale_names && self.scenario.has_window {
            self.findings.in_window += 1;
        }
    }

    fn violated(&mut self, what: &str) {
        self.findings.violated += 1;
        if self.findings.violations.len() < MOST_TOLD && self.told.insert(what.to_owned()) {
            let schedule: Vec<String> =
                self.trail.iter().map(|(event, request)| told(event, request.as_ref())).collect();
            let schedule = schedule.join("\n  ");
            self.findings.violations.push(format!("{}: {what}, after\n  {schedule}", self.scenario.name));
        }
    }

    /// All processes have ended: what is under way is delivered, and then a sweep comes.
    fn end(&mut self, moment: &Moment) {
        let mut redelivered = moment.queue.clone();
        let mut failed_uploads = Vec::new();
        let mut has_failed = moment.dead[INVOKED];
        for process in [QUEUED, INVOKED, BATCH] {
            let outcome = &self.processes[process].nodes[moment.nodes[process]].outcome;
            match outcome {
                Some(Outcome::Failed { is_retryable: false, text }) => {
                    let text = text.clone();
                    self.violated(&format!("the {} failed for good: {text}", NAMES[process]));
                }
                Some(Outcome::Failed { .. }) | None if process == QUEUED || self.scenario.follower == Some(process) => {
                    redelivered.push(Wake::new(self.scenario.queued.suite.clone()));
                }
                Some(Outcome::Failed { .. }) => has_failed = true,
                Some(Outcome::Replicated { failed }) => failed_uploads.clone_from(failed),
                Some(Outcome::Answered) | None => {}
            }
        }
        let key = Fingerprint::of(|hasher| {
            (moment.contents, moment.pauses, &moment.uploaded, moment.live, has_failed).hash(hasher);
            format!("{redelivered:?} {failed_uploads:?}").hash(hasher);
        });
        if !self.ended.insert(key) {
            return;
        }
        self.findings.ends += 1;
        let clock = ManualClock::at(self.time_after(moment.pauses));
        let s3_clock = clock.clone();
        let s3 = moment.s3.fork(move || s3_clock.now());
        let has_moved = !moment.uploaded.is_empty();
        for number in moment.uploaded.len()..self.scenario.moves.len() {
            if has_moved {
                upload(&s3, self.scenario, number);
            }
        }
        let (before, after) = self.scenario.newest;
        let newest = if has_moved { after } else { before };
        let mut world = World::around(s3, clock, self.scenario.start.settings.clone());
        let watcher = Watcher::with(&world, &self.scenario.history[0].suite, &self.memory);
        world.clock.advance(PAST_THE_LEASE);
        if self.scenario.follower.is_some() {
            // The follower had them: delivered once more they would hide a wake-up that got lost.
            world.uploads();
        }
        block_on(async {
            if !failed_uploads.is_empty() {
                replicate::run(&world.ports, &world.settings, &failed_uploads).await;
            }
            if !redelivered.is_empty() {
                world.ports.queue.wake(&redelivered).await.unwrap();
            }
            world.settle().await;
        });
        let is_served = block_on(world.serves(&self.scenario.history[newest]));
        let is_undisturbed = moment.pauses == 0 && !moment.dead.contains(&true);
        if !is_served && is_undisturbed && self.scenario.may_step_back.is_none() {
            self.violated(&format!("generation {newest} is not served when all messages are delivered"));
        }
        block_on(async {
            world.sweep().await;
            world.settle().await;
        });
        self.findings.swept += u64::from(!is_served && block_on(world.serves(&self.scenario.history[newest])));
        self.judge_rest(&world, newest, has_failed);
        let sights = watcher.sights();
        let oldest = sights.lives.iter().filter_map(|live| self.place_of(&live.bytes)).min();
        let went_back = self.scenario.may_step_back.is_none() && oldest < moment.live && oldest.is_some();
        let backwards = if self.scenario.may_step_back.is_none() { sights.backwards.clone() } else { Vec::new() };
        let seen: Vec<String> = sights.broken.iter().chain(&backwards).cloned().collect();
        drop(sights);
        for what in seen {
            self.violated(&format!("on the way to rest: {what}"));
        }
        if went_back {
            self.violated(&format!("on the way to rest generation {oldest:?} was live after {:?}", moment.live));
        }
    }

    fn place_of(&self, release: &[u8]) -> Option<usize> {
        self.scenario.history.iter().position(|generation| {
            ["InRelease", "Release"].iter().any(|name| {
                generation.files.get(&generation.suite_key(name)).is_some_and(|bytes| bytes[..] == *release)
            })
        })
    }

    /// What must be so when nothing is under way.
    fn judge_rest(&mut self, world: &World, newest: usize, has_failed: bool) {
        let view = block_on(world.view(&self.scenario.history[0].suite));
        let live = view.live.as_ref().and_then(|live| self.place_of(&live.bytes));
        // By force alone: if the invoke failed, nobody asks again, and what was served stays.
        let stayed = self.scenario.may_step_back.map(|(from, _)| from).filter(|_| has_failed);
        // A suite that was held at the step back stays there until it is let go.
        let held = self.scenario.may_step_back.map(|(_, to)| to);
        let is_right = live.is_some() && (live == Some(newest) || live == stayed || live == held);
        if !is_right {
            let last = world.reports.last();
            self.violated(&format!(
                "at rest generation {live:?} is served in place of {newest}; the last run: {last:?}"
            ));
        }
        if !view.is_settled() {
            self.violated(&format!("at rest: {view}"));
        }
        for key in world.s3.keys(REGION, ".suitecast/state/") {
            let bytes = world.s3.peek(REGION, &key).unwrap_or_default();
            let state: Value = serde_json::from_slice(&bytes).unwrap();
            for left in ["lease", "intent", "waiting", "unsettled", "filling"] {
                if !state[left].is_null() {
                    self.violated(&format!("at rest the state has a {left}"));
                }
            }
            if held.is_some() && (live == held) == state["hold"].is_null() {
                self.violated(&format!("at rest generation {live:?} is live and the hold is {}", state["hold"]));
            }
        }
    }
}

/// The uploader's step of this number.
fn upload(s3: &StrictS3, scenario: &Scenario, number: usize) {
    for (key, bytes) in &scenario.moves[number] {
        s3.plant(MASTER, key, bytes.clone()).unwrap();
    }
}

fn fingerprint(moment: &Moment) -> u128 {
    let Moment { s3: _, contents, queue, nodes, dead, pauses, uploaded, live, was_live } = moment;
    Fingerprint::of(|hasher| {
        (contents, nodes, dead, pauses, uploaded, live, was_live).hash(hasher);
        let mut queue: Vec<String> = queue.iter().map(|wake| format!("{wake:?}")).collect();
        queue.sort();
        queue.hash(hasher);
    })
}

/// An event for a person.
fn told(event: &Event, request: Option<&Arc<Request>>) -> String {
    let request = request.map(ToString::to_string).unwrap_or_default();
    match event {
        Event::Operation { process, .. } => format!("{}: {request}", NAMES[*process]),
        Event::OperationThenPause { process, .. } => {
            format!("{}: {request}; time passes before it hears of it", NAMES[*process])
        }
        Event::Pause => "time passes".to_owned(),
        Event::Upload => "the uploader goes on".to_owned(),
        Event::Death { process } => format!("{} dies", NAMES[*process]),
    }
}
