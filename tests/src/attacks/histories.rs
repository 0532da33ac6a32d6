//! Random histories: uploads, overwrites, deletions, lost, doubled and reordered events, several suites that share a pool,
//! changes of scope, crashes and time, in any order.
//!
//! Whatever happens, a client of any Region sees a whole suite after every effect, or nothing; the `Date` it sees never
//! goes back; a release that was live stays readable for whoever still holds it. In the end each Region serves what the
//! master holds whole: within two sweeps where events were lost, by its events alone where none was.
//!
//! What is asked of the end is kept simple. A release is whole in the master when each file of its generation is there
//! with its bytes. Then that one is served, all its release files are those of that generation, and no plain name is
//! stale; or one with a later `Date` is served, which was whole before. Where the uploads stopped half-way, nothing more
//! than that is asked.
//!
//! Each history is drawn from its seed before it begins. One that fails is made shorter, and printed with its seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "an attack's own world: what fails here fails the attack"
)]

pub mod archives;
pub mod cloud;
pub mod lookout;
mod play;
pub mod steps;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use lookout::Memory;
use play::{Played, play};
use steps::History;

use super::Tally;

/// The seeds of histories that failed once, one a line, each with its reason. They are replayed by every run of the tests.
const SEEDS: &str = include_str!("../../histories/seeds.txt");

/// Violations that each core works out, which takes many plays; of more, the seed and what broke are printed.
const MAX_TOLD: usize = 3;

/// What was done beside what the tally says.
#[derive(Debug, Default)]
pub struct Effort {
    /// Suites seen after effects.
    pub looks: AtomicU64,
    /// Suites that were walked through, since something that they rest on had changed.
    pub walks: AtomicU64,
    /// Releases that went live.
    pub lives: AtomicU64,
    /// Suites of a Region that had to be at a whole release in the end.
    pub held_to: AtomicU64,
}

/// The seeds of histories that failed once.
pub fn known_seeds() -> Vec<u64> {
    SEEDS
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .map(|seed| seed.parse().unwrap_or_else(|error| panic!("tests/histories/seeds.txt: {seed}: {error}")))
        .collect()
}

/// Plays the histories of these seeds, on every core.
pub fn attack(seeds: &(impl Fn(u64) -> u64 + Sync), cases: u64, effort: &Effort) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::new("random histories"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let memory = Memory::default();
                let mut own = Tally::new("random histories");
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        break;
                    }
                    one(seeds(case), &memory, &mut own, effort);
                }
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                tally.cases += own.cases;
                tally.violations.extend(own.violations);
                for (window, looks) in own.windows {
                    tally.within(window, looks);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn one(seed: u64, memory: &Memory, tally: &mut Tally, effort: &Effort) {
    let history = History::of(seed);
    let played = futures::executor::block_on(play(&history, memory));
    tally.cases += 1;
    effort.looks.fetch_add(played.looks, Ordering::Relaxed);
    effort.walks.fetch_add(played.walks, Ordering::Relaxed);
    effort.lives.fetch_add(played.lives, Ordering::Relaxed);
    effort.held_to.fetch_add(played.held_to, Ordering::Relaxed);
    for (window, looks) in &played.windows {
        tally.within(window, *looks);
    }
    if !played.broken.is_empty() {
        let told = if tally.violations.len() < MAX_TOLD { tell(&history, memory) } else { String::new() };
        tally.violations.push(format!("history {seed}: {}\n{told}", played.broken.join("\n  ")));
    }
}

/// The shortest history that still fails, step by step.
fn tell(history: &History, memory: &Memory) -> String {
    let (shortest, played) = shrink(history, memory);
    let History { set, regions, net, part, ending, steps, .. } = &shortest;
    let mut told =
        format!("made shorter, {} steps: set {set}, {regions} region(s), {net:?}, {part:?}, {ending:?}\n", steps.len());
    for suite in &archives::archive_set(*set).suites {
        let _ = writeln!(told, "  {}: {:?}, {:?}, {:?}", suite.directory, suite.by_hash, suite.signing, suite.dates);
    }
    let _ = write!(told, "{}\n  broken: {}\n", played.log.join("\n"), played.broken.join("\n  broken: "));
    told
}

/// Leaves out steps as long as something still breaks.
fn shrink(history: &History, memory: &Memory) -> (History, Played) {
    let mut shortest = history.clone();
    let mut last = futures::executor::block_on(play(&shortest, memory));
    let mut at = shortest.steps.len();
    while at > 0 {
        at -= 1;
        let mut shorter = shortest.clone();
        shorter.steps.remove(at);
        let played = futures::executor::block_on(play(&shorter, memory));
        if !played.broken.is_empty() {
            (shortest, last) = (shorter, played);
            at = at.min(shortest.steps.len());
        }
    }
    (shortest, last)
}

/// Whether a history plays the same each time: what it prints is all there is to say of it.
pub fn log_of(seed: u64) -> Vec<String> {
    futures::executor::block_on(play(&History::of(seed), &Memory::default())).log
}
