//! What holds when everything was delivered: the right release is served, whole and under every name, nothing is left
//! half done, and whoever holds an earlier release finds all that it names.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::client_model::{BucketReader, Seen, StoreReader};

use super::looks::{Clients, Sights, Views};
use super::scenario::{Scenario, commit_file};
use crate::world::{REGION, World};

/// Everything that is not as it should be, at rest.
pub(super) async fn complaints(
    world: &World,
    scenario: &Scenario,
    sights: &Sights,
    clients: &mut Clients,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for ending in &scenario.endings {
        let lives = sights.lives(&ending.generation.suite);
        let was_served =
            |generation: &&Generation| commit_file(generation).is_some_and(|(_, bytes)| lives.contains(bytes));
        let expected = ending.unless_served.as_ref().filter(was_served).unwrap_or(&ending.generation);
        complaints.extend(served(world, expected, clients).await);
    }
    complaints.extend(half_done(world, scenario.waits));
    for (key, expected) in &scenario.in_region {
        if world.s3.peek(REGION, key) != *expected {
            complaints.push(format!("{key} is not as it should be in the end"));
        }
    }
    // Bytes that were changed in place, with leave, are gone for whoever holds an earlier release.
    if scenario.changed_in_place.is_empty() && scenario.damaged.is_empty() {
        for suite in scenario.suites() {
            for bytes in sights.lives(suite) {
                complaints.extend(held(world, scenario, suite, bytes, clients).await);
            }
        }
    }
    complaints
}

/// What is wrong with a suite that is to serve this release and no other, under every name.
pub(super) async fn served(world: &World, expected: &Generation, clients: &mut Clients) -> Vec<String> {
    let suite = &expected.suite;
    let Views { by_hash, plain } = clients.look(&StoreReader(&world.s3.bucket(REGION)), suite).await;
    let mut complaints: Vec<String> =
        by_hash.broken.iter().chain(&plain.broken).map(|wrong| format!("at rest: {wrong}")).collect();
    let live = by_hash.live.map(|live| (live.key, live.bytes));
    if live.as_ref().map(|(key, bytes)| (key.clone(), bytes)) != commit_file(expected) {
        let last = world.reports.last();
        complaints.push(format!("at rest: {suite} does not serve generation {}; last: {last:?}", expected.number));
    }
    for name in ["InRelease", "Release", "Release.gpg"] {
        let key = expected.suite_key(name);
        if world.s3.peek(REGION, &key).as_ref() != expected.files.get(&key) {
            complaints.push(format!("at rest: {key} is not that of the release that is served"));
        }
    }
    complaints
}

/// States in which somebody still works, or ought to.
fn half_done(world: &World, waits: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for key in world.s3.keys(REGION, ".suitecast/state/") {
        let state: Value = serde_json::from_slice(&world.s3.peek(REGION, &key).unwrap()).unwrap();
        let waiting: &[&str] = if waits { &[] } else { &["waiting", "unsettled"] };
        let open = ["intent", "filling"].iter().chain(waiting);
        for field in open.filter(|field| !state[**field].is_null()) {
            complaints.push(format!("at rest: the state of {} has a {field}: {}", state["suite"], state[*field]));
        }
        // One that ran out binds nobody: a run died before it did anything, and nothing is to be done any more.
        let until = state["lease"]["expires_at"].as_str().map(|until| until.parse::<Timestamp>().unwrap());
        if until.is_some_and(|until| until > world.clock.now()) {
            complaints.push(format!("at rest: somebody holds {}: {}", state["suite"], state["lease"]));
        }
        if state["woken"]["again"] == true || state["lease"]["owed"]["again"] == true {
            complaints.push(format!("at rest: somebody woke {} and was not answered", state["suite"]));
        }
    }
    complaints
}

/// Suitecast's own objects, beside the states.
pub(super) fn private_objects(world: &World) -> BTreeSet<String> {
    let keys = world.s3.keys(REGION, ".suitecast/").into_iter();
    keys.filter(|key| !key.starts_with(".suitecast/state/")).collect()
}

/// What a client misses that fetched this release while it was live, and goes on reading by hash.
async fn held(world: &World, scenario: &Scenario, suite: &str, bytes: &Bytes, clients: &mut Clients) -> Vec<String> {
    let mut releases = scenario.releases.iter().filter_map(commit_file);
    let Some((key, _)) = releases.find(|(key, known)| *known == bytes && key.starts_with(suite)) else {
        return Vec::new();
    };
    let bucket = world.s3.bucket(REGION);
    let reader = Holding { bucket: StoreReader(&bucket), files: BTreeMap::from([(key, bytes.clone())]) };
    let view = clients.look_by_hash(&reader, suite).await;
    view.broken.iter().map(|wrong| format!("for a client that holds an earlier release: {wrong}")).collect()
}

/// A bucket, and a release file that a client fetched before.
struct Holding<'a> {
    bucket: StoreReader<'a>,
    files: BTreeMap<String, Bytes>,
}

#[async_trait]
impl BucketReader for Holding<'_> {
    async fn look(&self, key: &str) -> Result<Option<Seen>, String> {
        match self.files.look(key).await? {
            None => self.bucket.look(key).await,
            held => Ok(held),
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String> {
        match self.files.read(key).await? {
            None => self.bucket.read(key).await,
            held => Ok(held),
        }
    }
}
