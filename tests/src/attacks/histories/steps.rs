//! A history as data: drawn from its seed before anything happens, so that it can be printed, replayed and made shorter.

use suitecast_testing::{Aftermath, Moment, Random};

use super::archives::{SETS, archive_set};
use super::cloud::Part;

/// What happens to notifications, and what nets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// A third of the events is lost, runs crash, and the sweep alone finds what was missed.
    Sweep,
    /// No event is lost and nothing crashes; there is no sweep, so every wake-up counts.
    Events,
}

/// How the uploads end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every suite's newest generation is uploaded to its end, and what was deleted or spoilt of it comes back.
    Finished,
    /// The uploader dies: the master stays as it is.
    Abandoned,
}

/// The order in which a generation is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As `aws s3 sync` walks a tree.
    ByKey,
    /// Anyhow.
    Any,
    /// What the release files name comes before them.
    ReleaseLast,
    /// The release files come before what they name.
    ReleaseFirst,
}

/// What is done to an object of the master behind the uploader's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It is deleted.
    Deleted,
    /// It is overwritten with other bytes of the same size.
    Spoilt,
    /// It is uploaded again as it was.
    Repeated,
}

/// Which objects that is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// A pool file.
    Pool,
    /// An index, by either name.
    Index,
    /// A release file.
    Release,
}

/// One thing that happens. Chance within a step is drawn from its own seed, so that a step means the same when others are
/// left out. Numbers of suites and Regions are taken modulo how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next generation of a suite is begun; what is left of the one before never comes by itself.
    Begin {
        /// Which suite.
        suite: usize,
        /// In which order it will be uploaded.
        order: Order,
        /// What chance is drawn from.
        chance: u64,
    },
    /// Some keys of what is begun are uploaded.
    Upload {
        /// Which suite.
        suite: usize,
        /// How many.
        keys: usize,
        /// What chance is drawn from.
        chance: u64,
    },
    /// The generation before a suite's newest is uploaded again, whole.
    GoBack {
        /// Which suite.
        suite: usize,
        /// What chance is drawn from.
        chance: u64,
    },
    /// Something happens to an object in the master.
    Harm {
        /// Which suite's newest generation it belongs to.
        suite: usize,
        /// What is done.
        harm: Harm,
        /// To what.
        victim: Victim,
        /// What chance is drawn from.
        chance: u64,
    },
    /// Notifications reach a Region: some of those under way.
    Deliver {
        /// Which.
        region: usize,
        /// What chance is drawn from.
        chance: u64,
    },
    /// Wake-ups reach publish.
    Work {
        /// In which Region.
        region: usize,
        /// What chance is drawn from.
        chance: u64,
    },
    /// One of the next effects in a Region fails.
    Fault {
        /// Which Region.
        region: usize,
        /// How many effects from now.
        after: u64,
        /// When.
        moment: Moment,
        /// And then.
        aftermath: Aftermath,
    },
    /// Time passes.
    Minutes(i64),
    /// A Region sweeps.
    Sweep {
        /// Which.
        region: usize,
    },
    /// The operator deploys a Region again with another scope.
    Deploy {
        /// Which.
        region: usize,
        /// Its scope from here on.
        part: Part,
    },
}

/// A history, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What it was drawn from.
    pub seed: u64,
    /// Which set of archives it is about.
    pub set: usize,
    /// How many Regions there are.
    pub regions: usize,
    /// Its nets.
    pub net: Net,
    /// What each Region mirrors in the beginning.
    pub part: Part,
    /// What happens.
    pub steps: Vec<Step>,
    /// How the uploads end.
    pub ending: Ending,
}

/// Keys of an upload that goes on to its end: more than any generation has.
const WHAT_IS_LEFT: usize = 1_000;

/// The least and the most steps of a history.
const STEPS: (usize, usize) = (8, 32);

impl History {
    /// The history of this seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let set = random.below(SETS);
        let regions = if random.chance(20) { 2 } else { 1 };
        let net = if random.chance(25) { Net::Events } else { Net::Sweep };
        let part = if random.chance(30) { any_part(&mut random) } else { Part::Everything };
        let ending = if random.chance(75) { Ending::Finished } else { Ending::Abandoned };
        let suites = archive_set(set).suites.len();
        let count = STEPS.0 + random.below(STEPS.1 - STEPS.0 + 1);
        let mut steps = vec![begin(0, &mut random)];
        let mut begun = vec![0];
        while steps.len() < count {
            let step = any_step(&mut random, net, (suites, &begun), regions);
            if let Step::Begin { suite, .. } = step
                && !begun.contains(&suite)
            {
                begun.push(suite);
            }
            steps.push(step);
        }
        Self { seed, set, regions, net, part, steps, ending }
    }
}

fn any_part(random: &mut Random) -> Part {
    Part::ALL[random.below(Part::ALL.len())]
}

fn begin(suite: usize, random: &mut Random) -> Step {
    let orders = [Order::ByKey, Order::Any, Order::Any, Order::ReleaseLast, Order::ReleaseFirst];
    Step::Begin { suite, order: orders[random.below(orders.len())], chance: random.bits() }
}

fn any_step(random: &mut Random, net: Net, (suites, begun): (usize, &[usize]), regions: usize) -> Step {
    // Of a suite that is not begun there is nothing to upload.
    let suite = begun[random.below(begun.len())];
    let (region, chance) = (random.below(regions), random.bits());
    // Without a sweep nobody would find out that the scope changed, that a lease ran out or that an event was lost.
    match random.below(if net == Net::Sweep { 100 } else { 74 }) {
        0..26 => {
            let keys = if random.chance(30) { WHAT_IS_LEFT } else { 1 + random.below(24) };
            Step::Upload { suite, keys, chance }
        }
        26..31 => begin(random.below(suites), random),
        31..34 => Step::GoBack { suite, chance },
        34..48 => Step::Deliver { region, chance },
        48..66 => Step::Work { region, chance },
        66..74 => {
            let victim = [Victim::Pool, Victim::Index, Victim::Release][random.below(3)];
            let harm = [Harm::Deleted, Harm::Spoilt, Harm::Repeated][random.below(3)];
            Step::Harm { suite, harm, victim, chance }
        }
        74..78 => Step::Deploy { region, part: any_part(random) },
        78..86 => Step::Minutes([1, 6, 20, 100][random.below(4)]),
        86..93 => {
            let moment = if random.chance(50) { Moment::Before } else { Moment::After };
            let aftermath = if random.chance(50) { Aftermath::Crash } else { Aftermath::GoesOn };
            Step::Fault { region, after: chance % 40, moment, aftermath }
        }
        _ => Step::Sweep { region },
    }
}
