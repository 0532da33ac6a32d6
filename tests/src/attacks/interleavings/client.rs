//! What apt clients see of a Region: those that come now, and those that hold a release that was live before.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::rc::Rc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::executor::block_on;
use jiff::Timestamp;
use suitecast_store::{ListRequest, Listed, Store};
use suitecast_testing::StrictS3;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::client_model::{BucketReader, ClientModel, Scope, Seen, StoreReader};

use super::operation::Fingerprint;
use crate::world::REGION;

const PRIVATE: &str = ".suitecast/";

/// What a Region holds, as fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Contents {
    /// Everything, with the times that listings tell.
    pub(super) all: u128,
    /// The bytes that clients may read.
    public: u128,
}

impl Contents {
    /// # Panics
    /// When the bucket cannot be listed in one page.
    pub(super) fn of(s3: &StrictS3) -> Self {
        let page = block_on(s3.bucket(REGION).list(ListRequest::default())).unwrap();
        assert!(page.next.is_none(), "the archive is no minimal one");
        let fed = |public_alone: bool| {
            Fingerprint::of(|hasher| {
                for Listed { key, etag, last_modified, .. } in &page.objects {
                    match (public_alone, key.starts_with(PRIVATE)) {
                        (false, _) => (key, etag, last_modified.map(Timestamp::as_second)).hash(hasher),
                        (true, false) => (key, etag).hash(hasher),
                        (true, true) => {}
                    }
                }
            })
        };
        Self { all: fed(false), public: fed(true) }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// Which generation is live, by its place in the history; an error where it is none of them.
    pub(super) live: Option<Result<usize, String>>,
    /// Whether some plain names are not those of the live release.
    pub(super) has_stale_names: bool,
    /// For each generation, what a client that holds its release does not find.
    pub(super) broken: Vec<Vec<String>>,
}

/// The clients. They look at each content of a Region once, since they would see the same again.
pub(super) struct Clients {
    suite: String,
    /// The file that commits each generation, with its bytes.
    releases: Vec<(String, Bytes)>,
    model: ClientModel,
    sights: HashMap<u128, Rc<Sight>>,
}

impl Clients {
    /// Clients of a suite of these generations.
    pub(super) fn of(history: &[Generation]) -> Self {
        let commit = |generation: &Generation| {
            let keys = ["InRelease", "Release"].map(|name| generation.suite_key(name));
            let key = keys.into_iter().find(|key| generation.files.contains_key(key)).unwrap();
            let bytes = generation.files[&key].clone();
            (key, bytes)
        };
        Self {
            suite: history.first().map(|generation| generation.suite.clone()).unwrap_or_default(),
            releases: history.iter().map(commit).collect(),
            model: ClientModel::new(Scope::default()),
            sights: HashMap::new(),
        }
    }

    /// What they see.
    ///
    /// # Panics
    /// When the bucket cannot be read.
    pub(super) fn look(&mut self, s3: &StrictS3, contents: Contents) -> Rc<Sight> {
        if let Some(sight) = self.sights.get(&contents.public) {
            return Rc::clone(sight);
        }
        let bucket = s3.bucket(REGION);
        let reader = StoreReader(&bucket);
        let view = block_on(self.model.walk(&reader, &self.suite)).unwrap();
        let mut sight = Sight { has_stale_names: !view.stale_names.is_empty(), ..Sight::default() };
        if let Some(live) = view.live {
            let known = self.releases.iter().position(|(_, bytes)| *bytes == live.bytes);
            sight.live = Some(known.ok_or_else(|| format!("{} is of no generation", live.key)));
        }
        for (key, bytes) in &self.releases {
            let held = HeldRelease { reader: &reader, files: BTreeMap::from([(key.clone(), bytes.clone())]) };
            let view = block_on(self.model.walk(&held, &self.suite)).unwrap();
            sight.broken.push(view.broken.iter().map(ToString::to_string).collect());
        }
        let sight = Rc::new(sight);
        self.sights.insert(contents.public, Rc::clone(&sight));
        sight
    }
}

/// A Region as a client sees it that fetched its release file earlier.
struct HeldRelease<'a> {
    reader: &'a StoreReader<'a>,
    files: BTreeMap<String, Bytes>,
}

#[async_trait]
impl BucketReader for HeldRelease<'_> {
    async fn look(&self, key: &str) -> Result<Option<Seen>, String> {
        match self.files.look(key).await? {
            Some(seen) => Ok(Some(seen)),
            None => self.reader.look(key).await,
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String> {
        match self.files.read(key).await? {
            Some(read) => Ok(Some(read)),
            None => self.reader.read(key).await,
        }
    }
}
