//! Two publishers of one suite (a run from the queue and an invoke), and in some scenarios the batch of uploads they follow,
//! in every order in which their operations can take place.
//!
//! The processes are the real code. Each of its operations (reads and writes of both buckets, messages to the queue) is
//! parked until the explorer lets it happen, as one atomic action; the explorer does so in every possible order, and apt
//! clients look at the Region after every effect: those that come now, and those that hold a release that was live before.
//! Once every process has ended, what is under way is delivered and a sweep comes, and the suite has to be at rest with the
//! newest release. Each scenario adds what its name says: an uploader who moves the master on, a publisher that dies, or
//! time that passes, at any moment: before an operation takes place, or between that and the moment its process hears of it.
//! So each process may be held up anywhere.
//!
//! **Why it is exhaustive.** A process is a function of the answers it got and of the times it got them at: where it has come
//! to is known by those, and the code is run again along them for each place that is new (if it then asked anything else,
//! the exploration would stop). A moment is what both buckets and the queue hold, the time, which releases were live, and
//! where each process has come to. Whatever may follow two equal moments is equal, so the second is not followed. Nothing
//! else is left out.
//!
//! **What it is exhaustive of**, and what not:
//! - one package, one architecture, one component, one compression;
//! - each process does one thing after another (a copy concurrency of one), but for the three release files, which it reads
//!   side by side;
//! - at [`Grain::Effects`] a process's reads take place right after its last effect, in one order, so nothing comes between
//!   a look and the next one. At [`Grain::Operations`] they are operations like any other;
//! - time passes at most once, by one length a scenario; the master moves on once, in one step; at most one
//!   publisher dies;
//! - the events of what the uploader does meanwhile arrive after everything else, but in the scenarios where a process follows from them;
//! - the wake-ups that a run or a batch sends are delivered after everything else;
//! - answers are never lost and the store never fails (crashes at every effect are another attack's).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own machinery: what fails here fails the test"
)]

mod client;
mod explorer;
mod operation;
mod process;
mod sabotage;
mod scenario;

use std::fmt;
use std::time::{Duration, Instant};

use suitecast_testing::archive_maker::{ByHash, Signing};

use super::Tally;
use explorer::{Explorer, Findings};
pub use sabotage::Sabotage;
use scenario::Scenario;

/// The attack's name in the table.
const ATTACK: &str = "every interleaving";

/// What happens as one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// An effect and the reads that follow it.
    Effects,
    /// An operation.
    Operations,
}

/// What one scenario came to.
#[derive(Debug, Clone)]
pub struct Explored {
    scenario: &'static str,
    grain: Grain,
    took: Duration,
    findings: Findings,
}

impl fmt::Display for Explored {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, grain, took, findings } = self;
        let Findings { states, histories, pruned, looks, ends, swept, violated, .. } = findings;
        write!(
            to,
            "interleavings: {scenario} ({grain:?}): states={states} histories={histories} pruned={pruned} looks={looks} \
             ends={ends} of which a sweep was needed in {swept}, violations={violated}, in {:.1} s",
            took.as_secs_f64(),
        )
    }
}

/// What all scenarios came to together.
#[derive(Debug, Clone)]
pub struct Interleavings {
    /// Each scenario's figures.
    pub explored: Vec<Explored>,
    /// The attack's.
    pub tally: Tally,
}

/// The small scenarios at the grain of effects, in less than a minute.
pub fn short() -> Interleavings {
    explore(SMALL.iter().map(|scenario| (*scenario, Grain::Effects)), |_| ())
}

/// Every scenario at the grain of effects, and some at that of operations, as far as their names contain `only`. Each
/// one's figures are told as soon as it is done.
pub fn long(only: &str, tell: impl FnMut(&Explored)) -> Interleavings {
    let effects = SMALL.iter().chain(LARGE).map(|scenario| (*scenario, Grain::Effects));
    let operations = FINE.iter().map(|scenario| (*scenario, Grain::Operations));
    explore(effects.chain(operations).filter(|((name, _), _)| name.contains(only)), tell)
}

fn explore(scenarios: impl IntoIterator<Item = (Named, Grain)>, mut tell: impl FnMut(&Explored)) -> Interleavings {
    let mut tally = Tally::new(ATTACK);
    let mut explored = Vec::new();
    for ((name, make), grain) in scenarios {
        let began = Instant::now();
        let findings = Explorer::new(&make(name), grain, None).explore();
        tally.cases += findings.states;
        tally.within("no by-hash", findings.in_window);
        tally.violations.extend(findings.violations.iter().cloned());
        let done = Explored { scenario: name, grain, took: began.elapsed(), findings };
        tell(&done);
        explored.push(done);
    }
    Interleavings { explored, tally }
}

/// What the attack says of publishers that do not keep a rule: the first violation it meets, if any.
pub fn sabotaged(sabotage: Sabotage) -> Option<String> {
    let scenario = match sabotage {
        Sabotage::StateUnconditional => update("sabotage").with_a_woken_invoke(),
        Sabotage::CommitUnconditional => update("sabotage").with_a_move().with_a_pause(),
        // Clients that use by-hash do not read plain names.
        Sabotage::PlainNamesUnconditional => {
            Scenario::update("sabotage", ByHash::None, Signing::Both).with_a_move().with_a_pause()
        }
    };
    let scenario = scenario.without_batch();
    Explorer::new(&scenario, Grain::Effects, Some(sabotage)).explore().violations.into_iter().next()
}

type Named = (&'static str, fn(&'static str) -> Scenario);

/// Each is explored within seconds.
const SMALL: &[Named] = &[
    ("publishers", |name| update(name).without_batch()),
    ("batch", update),
    ("move", |name| update(name).without_batch().with_a_move()),
    ("woken by the move", |name| update(name).without_batch().with_a_woken_invoke()),
    ("pause", |name| update(name).without_batch().with_a_pause()),
    ("short pause", |name| update(name).without_batch().with_a_short_pause()),
    ("no by-hash", |name| Scenario::update(name, ByHash::None, Signing::Both).without_batch().with_a_pause()),
    ("awaited release files", |name| Scenario::awaited(name, |key| key.contains("Release"))),
    ("forced back", |name| Scenario::forced_back(name).without_batch()),
];

/// Each is explored within minutes.
const LARGE: &[Named] = &[
    ("detached signature alone", |name| {
        Scenario::update(name, ByHash::Sha256, Signing::OnlyDetached).without_batch().with_a_pause()
    }),
    ("death", |name| update(name).without_batch().with_a_pause().with_a_death()),
    ("move and pause", |name| update(name).without_batch().with_a_move().with_a_pause()),
    ("batch and move", |name| update(name).with_a_move()),
    ("batch and pause", |name| update(name).with_a_pause()),
    ("awaited pool file", |name| Scenario::awaited(name, |key| key.starts_with("pool/"))),
    ("awaited index", |name| Scenario::awaited(name, |key| key.contains("/binary-amd64/"))),
    ("forced back, pause", |name| Scenario::forced_back(name).without_batch().with_a_pause()),
];

/// Each is explored at the grain of operations within minutes.
const FINE: &[Named] = &[
    ("publishers", |name| update(name).without_batch()),
    ("forced back", |name| Scenario::forced_back(name).without_batch()),
];

/// The usual update.
fn update(name: &'static str) -> Scenario {
    Scenario::update(name, ByHash::Sha256, Signing::Both)
}
