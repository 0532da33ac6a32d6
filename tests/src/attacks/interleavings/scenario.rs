//! What the processes find, and what happens to them.

use std::num::NonZeroUsize;

use bytes::Bytes;
use futures::executor::block_on;
use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::Settings;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::replicate::Upload;
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, ByHash, Generation, Signing};

use super::explorer::{BATCH, INVOKED};
use crate::world::{World, default_settings};

const SUITE: &str = "dists/bookworm";

/// Longer than any lease: a slice and what it is outlived by.
pub(super) const PAST_THE_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// Longer than a slice, and so long that no write may start any more, but shorter than a lease.
const PAST_THE_LAST_WRITE: SignedDuration = SignedDuration::from_secs(190);

/// A step of the uploader.
pub(super) type Uploaded = Vec<(String, Bytes)>;

/// Where the processes begin, and what may happen beside them.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// One package, one architecture, one component, one compression: the Region serves one of them.
    pub(super) history: Vec<Generation>,
    pub(super) start: World,
    /// The generation that the master holds, by its place in the history, before and after what the uploader does.
    pub(super) newest: (usize, usize),
    /// What the uploader does meanwhile, at any moments, in this order.
    pub(super) moves: Vec<Uploaded>,
    pub(super) queued: PublishRequest,
    pub(super) invoked: PublishRequest,
    pub(super) uploads: Vec<Upload>,
    /// The process that the uploader's events bring about, which therefore begins after the last of them.
    pub(super) follower: Option<usize>,
    /// How often time passes.
    pub(super) pauses: usize,
    pub(super) pause: SignedDuration,
    /// How many publishers die.
    pub(super) deaths: usize,
    /// Plain names hold another release for a while, as documented for suites without by-hash.
    pub(super) has_window: bool,
    /// From which generation the live release may go back to which.
    pub(super) may_step_back: Option<(usize, usize)>,
}

fn history(by_hash: ByHash, signing: Signing) -> Vec<Generation> {
    ArchiveMaker::new(3)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .gzip_indices(false)
        .by_hash(by_hash)
        .signing(signing)
        .bulk(1, BulkContent::PerName, 1)
        .history(3)
        .unwrap()
}

/// A world whose processes do one thing after another.
fn start() -> World {
    World::new(Settings { copy_concurrency: NonZeroUsize::MIN, ..default_settings() })
}

fn plain_look() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

fn files<'a>(generation: &Generation, keys: impl IntoIterator<Item = &'a String>) -> Uploaded {
    keys.into_iter().map(|key| (key.clone(), generation.files[key].clone())).collect()
}

impl Scenario {
    /// The Region serves the first generation, the second is uploaded, and its events are on their way.
    pub(super) fn update(name: &'static str, by_hash: ByHash, signing: Signing) -> Self {
        let history = history(by_hash, signing);
        let mut start = start();
        start.upload_changes(&history[0]);
        block_on(start.settle());
        start.uploads();
        start.upload_changes(&history[1]);
        let uploads = start.uploads();
        Self {
            name,
            start,
            newest: (1, 1),
            moves: Vec::new(),
            queued: plain_look(),
            invoked: plain_look(),
            uploads,
            follower: None,
            pauses: 0,
            pause: PAST_THE_LEASE,
            deaths: 0,
            has_window: by_hash == ByHash::None,
            may_step_back: None,
            history,
        }
    }

    /// The same, with the master moving on to the third generation meanwhile, in one step.
    pub(super) fn with_a_move(mut self) -> Self {
        self.moves = vec![files(&self.history[2], &self.history[2].changed)];
        self.newest.1 = 2;
        self
    }

    /// The same, with the invoke as the one wake-up that the move brings about.
    pub(super) fn with_a_woken_invoke(self) -> Self {
        Self { follower: Some(INVOKED), ..self.with_a_move() }
    }

    /// The same, with a pause past any lease anywhere.
    pub(super) fn with_a_pause(self) -> Self {
        Self { pauses: 1, ..self }
    }

    /// The same, with less time passing: too much for any write, too little for the lease.
    pub(super) fn with_a_short_pause(self) -> Self {
        Self { pauses: 1, pause: PAST_THE_LAST_WRITE, ..self }
    }

    /// The same, with a publisher dying anywhere.
    pub(super) fn with_a_death(self) -> Self {
        Self { deaths: 1, ..self }
    }

    /// The same, with the publishers alone: their batch came before.
    pub(super) fn without_batch(self) -> Self {
        Self { uploads: Vec::new(), ..self }
    }

    /// The second generation is uploaded but for one file, which comes while the publishers look.
    pub(super) fn awaited(name: &'static str, is_awaited: impl Fn(&str) -> bool) -> Self {
        let mut scenario = Self::update(name, ByHash::Sha256, Signing::Both);
        let second = &scenario.history[1];
        let (late, early): (Vec<&String>, Vec<&String>) = second.changed.iter().partition(|key| is_awaited(key));
        let mut start = start();
        start.upload_changes(&scenario.history[0]);
        block_on(start.settle());
        start.uploads();
        start.upload_keys(second, early);
        start.uploads();
        let after = start.fork();
        after.upload_keys(second, late.clone());
        scenario.uploads = after.uploads();
        scenario.moves = vec![files(second, late)];
        scenario.start = start;
        scenario.newest = (0, 1);
        scenario.follower = Some(BATCH);
        scenario
    }

    /// The Region serves the second generation, and the master went back to the first: the invoke steps back by force.
    pub(super) fn forced_back(name: &'static str) -> Self {
        let mut scenario = Self::update(name, ByHash::Sha256, Signing::Both);
        let (first, second) = (scenario.history[0].clone(), scenario.history[1].clone());
        block_on(async {
            scenario.start.sweep().await;
            scenario.start.settle().await;
        });
        let back = first.changes_since(&second);
        scenario.start.upload_keys(&first, &back.changed);
        scenario.uploads = scenario.start.uploads();
        scenario.invoked.force = true;
        scenario.may_step_back = Some((1, 0));
        scenario.newest = (0, 2);
        scenario.moves = vec![files(&scenario.history[2], &scenario.history[2].changes_since(&first).changed)];
        scenario
    }
}
