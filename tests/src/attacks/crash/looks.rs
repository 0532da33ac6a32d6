//! The client of the attack: after every effect it reads everything that the live release of every suite names, once by
//! hash and once by the plain names, and tells what falls into a documented window from what breaks a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use suitecast_archive::SecondKeys;
use suitecast_store::Operation;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::client_model::{BucketReader, ClientModel, Inconsistency, Scope, StoreReader, View};
use suitecast_testing::{Effect, EffectKind, StrictBucket};

use super::scenario::{Scenario, commit_file};
use crate::world::{MASTER, REGION, World};

/// The window of clients that fetch indices by their plain names: from the first of these to the commit.
pub const WITHOUT_BY_HASH: &str = "no by-hash";
/// The window of a permitted change in place: from the overwriting to the commit.
pub const CHANGE_IN_PLACE: &str = "change in place";
/// The window of clients that read `Release` and `Release.gpg`: between the writes of the signature and of the text.
pub const NEW_SIGNATURE: &str = "new signature, old text";
/// What was damaged from outside, until it is repaired.
pub const DAMAGE: &str = "damage from outside";

/// Two clients, and what they have read and hashed once: one goes by the names by hash, the other by the plain ones.
#[derive(Debug)]
pub struct Clients {
    by_hash: ClientModel,
    plain: ClientModel,
}

impl Clients {
    /// Clients that expect this much of each suite.
    pub fn of(scope: &Scope) -> Self {
        Self { by_hash: ClientModel::new(scope.clone()), plain: ClientModel::without_by_hash(scope.clone()) }
    }

    /// What both see of a suite.
    pub async fn look(&mut self, bucket: &dyn BucketReader, suite: &str) -> Views {
        let by_hash = self.by_hash.walk(bucket, suite).await.unwrap();
        let plain = self.plain.walk(bucket, suite).await.unwrap();
        Views { by_hash, plain }
    }

    /// What a client sees that uses the names by hash.
    pub async fn look_by_hash(&mut self, bucket: &dyn BucketReader, suite: &str) -> View {
        self.by_hash.walk(bucket, suite).await.unwrap()
    }
}

/// What the two clients see.
#[derive(Debug)]
pub struct Views {
    /// The one that uses the names by hash.
    pub by_hash: View,
    /// The one that does not.
    pub plain: View,
}

/// A suite, as the client has seen it so far.
#[derive(Debug, Clone, Default)]
struct Suite {
    directory: String,
    commit_key: String,
    /// A swap has begun to write plain names, and is not finished.
    renaming: bool,
    /// A swap has begun to overwrite files in place, and is not finished.
    overwriting: bool,
    /// A swap has written `Release.gpg`, and not yet `Release`.
    signing: bool,
    /// Each release that was seen live, in order.
    lives: Vec<Bytes>,
    newest: Option<jiff::Timestamp>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Sights {
    /// How often somebody looked at a suite.
    pub looks: u64,
    /// Looks within a documented window.
    pub windows: BTreeMap<&'static str, u64>,
    /// What broke a promise.
    pub violations: Vec<String>,
    /// The effects that were messages sent, by their numbers.
    pub sends: BTreeSet<u64>,
    suites: Vec<Suite>,
}

impl Sights {
    /// Each release of a suite that was seen live, in order.
    pub fn lives(&self, directory: &str) -> &[Bytes] {
        self.suites.iter().find(|suite| suite.directory == directory).map_or(&[], |suite| &suite.lives)
    }
}

/// What a look is judged by.
struct Judge {
    known: BTreeSet<Bytes>,
    signed: BTreeSet<(Bytes, Bytes)>,
    changed_in_place: BTreeSet<String>,
    damaged: BTreeSet<String>,
    steps_back: bool,
}

/// These names, and those that S3 takes them for where clients do not encode them.
fn under_all_keys(names: &BTreeSet<String>) -> BTreeSet<String> {
    names.iter().cloned().chain(names.iter().filter_map(|name| SecondKeys::Kept.of_key(name))).collect()
}

/// The client.
pub struct Looks(Arc<Mutex<Sights>>);

impl Looks {
    /// Looks at every suite of the scenario now and after every effect from now on. With `upload_at`, the scenario's
    /// upload to the master comes right after that effect, before anybody hears of the effect.
    pub fn over(world: &World, scenario: &Scenario, clients: &Arc<Mutex<Clients>>, upload_at: Option<u64>) -> Self {
        let suites = scenario.endings.iter().map(|ending| Suite {
            directory: ending.generation.suite.clone(),
            commit_key: commit_file(&ending.generation).map(|(key, _)| key).unwrap_or_default(),
            ..Suite::default()
        });
        let sights = Arc::new(Mutex::new(Sights { suites: suites.collect(), ..Sights::default() }));
        let judge = Judge {
            known: scenario.releases.iter().flat_map(release_files).collect(),
            signed: scenario
                .releases
                .iter()
                .filter_map(|release| detached(&release.suite, |key| release.files.get(key).cloned()))
                .collect(),
            changed_in_place: under_all_keys(&scenario.changed_in_place),
            damaged: scenario.damaged.clone(),
            steps_back: scenario.steps_back,
        };
        let (into, clients, s3) = (Arc::clone(&sights), Arc::clone(clients), world.s3.clone());
        let upload = scenario.meanwhile.clone().unwrap_or_default();
        let look = move |effect: Option<&Effect>| {
            let bucket = s3.bucket(REGION);
            let mut sights = into.lock().unwrap();
            if let Some(effect) = effect.filter(|effect| effect.operation == EffectKind::Send) {
                sights.sends.insert(effect.number);
            }
            for at in 0..sights.suites.len() {
                let directory = sights.suites[at].directory.clone();
                if let Some(effect) = effect {
                    sights.suites[at].hear(effect, &judge.changed_in_place);
                }
                let views = look_at(&clients, &bucket, &directory);
                sights.judge(at, &judge, &views, &described(effect));
                let pair = detached(&directory, |key| s3.peek(REGION, key));
                sights.judge_signature(at, &judge, pair, &described(effect));
            }
            if let Some(effect) = effect
                && Some(effect.number) == upload_at
            {
                for (key, bytes) in &upload {
                    s3.plant(MASTER, key, bytes.clone()).unwrap();
                }
            }
        };
        look(None);
        world.faults.observe(move |effect| look(Some(effect)));
        Self(sights)
    }

    /// What was seen so far.
    pub fn sights(&self) -> MutexGuard<'_, Sights> {
        self.0.lock().unwrap()
    }
}

/// On a thread of its own: the runtime of the task that is being watched stands still meanwhile.
fn look_at(clients: &Mutex<Clients>, bucket: &StrictBucket, suite: &str) -> Views {
    std::thread::scope(|scope| {
        let look = || futures::executor::block_on(clients.lock().unwrap().look(&StoreReader(bucket), suite));
        scope.spawn(look).join().unwrap()
    })
}

/// What clients may take for a release: `Release` too, before the first `InRelease` is there.
fn release_files(generation: &Generation) -> impl Iterator<Item = Bytes> {
    ["InRelease", "Release"].into_iter().filter_map(|name| generation.files.get(&generation.suite_key(name)).cloned())
}

/// A text and its signature, where both are there.
fn detached(suite: &str, file: impl Fn(&str) -> Option<Bytes>) -> Option<(Bytes, Bytes)> {
    file(&format!("{suite}/Release")).zip(file(&format!("{suite}/Release.gpg")))
}

fn described(effect: Option<&Effect>) -> String {
    effect.map_or_else(
        || "before everything".to_owned(),
        |Effect { number, operation, key, .. }| format!("after effect {number} ({operation:?} {key})"),
    )
}

impl Suite {
    /// Windows are opened and closed by what is written, as SEMANTICS.md has it, not by what Suitecast remembers.
    fn hear(&mut self, effect: &Effect, changed_in_place: &BTreeSet<String>) {
        let is_write = matches!(effect.operation, EffectKind::Store(Operation::Put | Operation::Copy));
        if !is_write || !effect.done || effect.bucket != REGION {
            return;
        }
        self.overwriting |= changed_in_place.contains(&effect.key);
        if effect.key == self.commit_key {
            self.renaming = false;
            self.overwriting = false;
        } else {
            self.renaming |= self.is_plain_name(&effect.key);
        }
        match effect.key.strip_prefix(&format!("{}/", self.directory)) {
            Some("Release.gpg") => self.signing = true,
            Some("Release") => self.signing = false,
            _ => {}
        }
    }

    fn is_plain_name(&self, key: &str) -> bool {
        let path = key.strip_prefix(&self.directory).and_then(|path| path.strip_prefix('/'));
        path.is_some_and(|path| !path.contains("by-hash/") && !matches!(path, "InRelease" | "Release" | "Release.gpg"))
    }
}

impl Sights {
    fn judge(&mut self, at: usize, judge: &Judge, views: &Views, when: &str) {
        self.looks += 1;
        let suite = &mut self.suites[at];
        let mut windows = BTreeSet::new();
        let mut violations = Vec::new();
        let mut note = |wrong: &Inconsistency, window: Option<&'static str>| match window {
            _ if judge.damaged.contains(&wrong.key) => {
                windows.insert(DAMAGE);
            }
            Some(window) => {
                windows.insert(window);
            }
            None => violations.push(format!("{when}: {wrong}")),
        };
        let in_place = |wrong: &Inconsistency| {
            (suite.overwriting && judge.changed_in_place.contains(&wrong.key)).then_some(CHANGE_IN_PLACE)
        };
        for wrong in &views.by_hash.broken {
            note(wrong, in_place(wrong));
        }
        for wrong in &views.plain.broken {
            let is_renamed = suite.renaming && suite.is_plain_name(&wrong.key);
            note(wrong, in_place(wrong).or(is_renamed.then_some(WITHOUT_BY_HASH)));
        }
        let view = &views.by_hash;
        if let Some(live) = &view.live
            && suite.lives.last() != Some(&live.bytes)
        {
            if !judge.known.contains(&live.bytes) {
                violations.push(format!("{when}: {} is none that the master ever held", live.key));
            }
            if live.date < suite.newest && !judge.steps_back {
                violations.push(format!("{when}: from {:?} back to {:?}", suite.newest, live.date));
            }
            suite.newest = suite.newest.max(live.date);
            suite.lives.push(live.bytes.clone());
        } else if view.live.is_none() && !suite.lives.is_empty() {
            violations.push(format!("{when}: {} is no longer served", suite.directory));
        }
        for window in windows {
            *self.windows.entry(window).or_default() += 1;
        }
        self.violations.extend(violations);
    }
    fn judge_signature(&mut self, at: usize, judge: &Judge, pair: Option<(Bytes, Bytes)>, when: &str) {
        if pair.is_none_or(|pair| judge.signed.contains(&pair)) {
            return;
        }
        if self.suites[at].signing {
            *self.windows.entry(NEW_SIGNATURE).or_default() += 1;
        } else {
            self.violations.push(format!(
                "{when}: Release and Release.gpg of {} do not belong together",
                self.suites[at].directory
            ));
        }
    }
}
