//! What a scenario of the attack is made of.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use suitecast_engine::Wake;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::client_model::Scope as ClientScope;

use crate::world::World;

/// What sets the run going that is attacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The notifications of what was uploaded.
    Events,
    /// The schedule: every notification was lost.
    Sweep,
    /// An operator, who asks again if there is no answer.
    Operator(Wake),
}

/// Where a suite is to be in the end.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The release that is served.
    pub generation: Generation,
    /// A newer one that stays, should clients have seen it.
    pub unless_served: Option<Generation>,
}

/// One upload after the attack, and what is served then.
#[derive(Debug, Clone)]
pub struct Afterwards {
    /// What comes.
    pub upload: BTreeMap<String, Bytes>,
    /// What is served.
    pub served: Generation,
}

/// A run to be interrupted at every effect.
pub struct Scenario {
    /// As the table calls it.
    pub name: &'static str,
    /// How it starts. Notifications not yet delivered are the run's input.
    pub start: World,
    /// What sets it going.
    pub trigger: Trigger,
    /// What else is uploaded to the master in the moment in which an effect is struck; a run is also tried with this alone.
    pub meanwhile: Option<BTreeMap<String, Bytes>>,
    /// Every release that the master ever held, or will.
    pub releases: Vec<Generation>,
    /// Where each suite ends.
    pub endings: Vec<Ending>,
    /// What comes after it.
    pub afterwards: Vec<Afterwards>,
    /// What a client expects while the run is under way; in the end, everything.
    pub scope: ClientScope,
    /// Files that may be overwritten during the swap: the window named "change in place".
    pub changed_in_place: BTreeSet<String>,
    /// Keys damaged from outside beforehand: expected to be wrong until the end.
    pub damaged: BTreeSet<String>,
    /// Whether the live release may go back in time: by force.
    pub steps_back: bool,
    /// Whether something still waits in the end.
    pub waits: bool,
    /// What else is in the Region in the end: bytes under a key, or nothing.
    pub in_region: BTreeMap<String, Option<Bytes>>,
}

impl Scenario {
    /// A run that is set going by events and ends with these releases, all of them known beforehand.
    pub fn new(name: &'static str, start: World, releases: &[&Generation], ends: &[&Generation]) -> Self {
        let ending = |generation: &&Generation| Ending { generation: (*generation).clone(), unless_served: None };
        Self {
            name,
            start,
            trigger: Trigger::Events,
            meanwhile: None,
            releases: releases.iter().map(|generation| (*generation).clone()).collect(),
            endings: ends.iter().map(ending).collect(),
            afterwards: Vec::new(),
            scope: ClientScope::default(),
            changed_in_place: BTreeSet::new(),
            damaged: BTreeSet::new(),
            steps_back: false,
            waits: false,
            in_region: BTreeMap::new(),
        }
    }

    /// The directories of its suites.
    pub fn suites(&self) -> impl Iterator<Item = &str> {
        self.endings.iter().map(|ending| ending.generation.suite.as_str())
    }
}

/// The file that makes this generation the one that clients see, and its key.
pub fn commit_file(generation: &Generation) -> Option<(String, &Bytes)> {
    let keys = ["InRelease", "Release"].map(|name| generation.suite_key(name));
    keys.into_iter().find_map(|key| generation.files.get(&key).map(|bytes| (key.clone(), bytes)))
}
