//! An apt client that looks at every suite of a Region after every effect there.
//!
//! A look depends on the keys that it reads and on nothing else. So they are noted, and while an effect touches none of
//! them the next look would see the same: it is not repeated. That loses nothing, and makes a million histories
//! affordable.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use jiff::Timestamp;
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_testing::archive_maker::{ByHash, Signing};
use suitecast_testing::client_model::{BucketReader, ClientModel, Seen, View};
use suitecast_testing::{Effect, Faults, StrictS3};

use super::archives::ArchiveSet;
use super::cloud::Part;

/// Looks in which a client without by-hash met an index of the coming release under its plain name.
pub const PLAIN_NAMES: &str = "without by-hash";
/// Looks in which a client of a relaxed mirror, for which an index was not there by hash, met that of the coming release under
/// its plain name.
pub const NEW_FORMS: &str = "relaxed, a form that only the coming release has";
/// Looks at which `Release` and `Release.gpg` were of two releases, in the middle of a swap.
pub const DETACHED: &str = "Release and Release.gpg apart";
/// Commits of a set whose `Release.gpg` was spoilt in the master and is no signature at all, so that nothing but a keyring tells
/// whose it is.
pub const NO_SIGNATURE: &str = "a spoilt Release.gpg";

/// What clients have read and hashed once and know again by its tag: one for all histories of a thread, by scope.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<HashMap<Part, ClientModel>>>);

impl Memory {
    fn walk(&self, part: Part, reader: &dyn BucketReader, suite: &str) -> View {
        let mut models = self.0.lock().unwrap();
        let model = models.entry(part).or_insert_with(|| ClientModel::new(part.client_scope()));
        // Nothing here waits for anything.
        model.walk(reader, suite).now_or_never().expect("a look at memory never waits").expect("memory can be read")
    }
}

/// A suite, as it was seen last.
#[derive(Debug, Clone)]
struct Watched {
    directory: String,
    by_hash: ByHash,
    signing: Signing,
    /// The release files of each generation: `InRelease`, `Release`, `Release.gpg`.
    generations: Arc<Vec<[Option<Bytes>; 3]>>,
    /// What the last look read, absent keys included.
    read: HashSet<String>,
    /// What the live release was committed under.
    part: Part,
    live: Option<(String, Bytes)>,
    newest: Option<Timestamp>,
    /// The release files beside the last commit.
    committed: [Option<Bytes>; 3],
    /// Whether plain names or signatures were apart at the last look.
    apart: Option<&'static str>,
    /// What was live before, and under what.
    past: Vec<(String, Bytes, Part)>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Sights {
    /// Suites seen after an effect, whether they were walked through again or could not have changed.
    pub looks: u64,
    /// Those that were walked through.
    pub walks: u64,
    /// What broke a promise, and after which effect.
    pub broken: Vec<String>,
    /// Looks within a documented window.
    pub windows: BTreeMap<&'static str, u64>,
    /// What went live, for the log.
    pub lives: Vec<String>,
}

struct Eyes {
    s3: StrictS3,
    bucket: String,
    memory: Memory,
    part: Part,
    suites: Vec<Watched>,
    sights: Sights,
}

/// The client.
#[derive(Clone)]
pub struct Lookout(Arc<Mutex<Eyes>>);

impl Lookout {
    /// Looks at every suite of the set after every effect from now on.
    pub fn over(s3: &StrictS3, bucket: &str, faults: &Faults, set: &ArchiveSet, part: Part, memory: &Memory) -> Self {
        let watched = |suite: &super::archives::SuiteArchive| Watched {
            directory: suite.directory.clone(),
            by_hash: suite.by_hash,
            signing: suite.signing,
            generations: suite
                .generations
                .iter()
                .map(|generation| suite.release_keys().map(|key| generation.files.get(&key).cloned()))
                .collect::<Vec<_>>()
                .into(),
            read: suite.release_keys().into(),
            part,
            live: None,
            newest: None,
            committed: [None, None, None],
            apart: None,
            past: Vec::new(),
        };
        let eyes = Eyes {
            s3: s3.clone(),
            bucket: bucket.to_owned(),
            memory: memory.clone(),
            part,
            suites: set.suites.iter().map(watched).collect(),
            sights: Sights::default(),
        };
        Self::of(eyes, faults)
    }

    fn of(eyes: Eyes, faults: &Faults) -> Self {
        let lookout = Self(Arc::new(Mutex::new(eyes)));
        let looks = lookout.clone();
        faults.observe(move |effect| looks.eyes().look(effect));
        lookout
    }

    /// Another that has seen the same and looks at these buckets from here on.
    #[must_use]
    pub fn fork(&self, s3: &StrictS3, faults: &Faults) -> Self {
        let eyes = self.eyes();
        let fork = Eyes {
            s3: s3.clone(),
            bucket: eyes.bucket.clone(),
            memory: eyes.memory.clone(),
            part: eyes.part,
            suites: eyes.suites.clone(),
            sights: Sights::default(),
        };
        Self::of(fork, faults)
    }

    fn eyes(&self) -> MutexGuard<'_, Eyes> {
        self.0.lock().unwrap()
    }

    /// The operator deployed another scope: what is committed from here on is committed under it.
    pub fn deploy(&self, part: Part) {
        self.eyes().part = part;
    }

    /// The scope in force.
    pub fn part(&self) -> Part {
        self.eyes().part
    }

    /// Takes what was seen.
    pub fn take(&self) -> Sights {
        std::mem::take(&mut self.eyes().sights)
    }

    /// A look at a suite under the scope in force, whatever its release was committed under.
    pub fn view(&self, suite: &str) -> View {
        let eyes = self.eyes();
        eyes.memory.walk(eyes.part, &reader_of(&eyes), suite)
    }

    /// What clients miss that still hold a release which was live before: all of them were replaced within three days.
    pub fn past(&self) -> Vec<String> {
        let eyes = self.eyes();
        let mut missed = Vec::new();
        for suite in &eyes.suites {
            for (key, bytes, part) in &suite.past {
                let mut reader = reader_of(&eyes);
                reader.held = Some((key, bytes));
                let view = eyes.memory.walk(*part, &reader, &suite.directory);
                missed.extend(view.broken.iter().map(|wrong| format!("to a client with an earlier release: {wrong}")));
            }
            let past = suite.past.iter().map(|(key, bytes, _)| (key, bytes));
            let served = past.chain(suite.live.iter().map(|(key, bytes)| (key, bytes)));
            // Of a suite that is new here, `Release` may be seen before the `InRelease` that commits it, and is not pinned.
            let commits_by_release = !matches!(suite.signing, Signing::Both);
            let served = served.filter(|(key, _)| commits_by_release || !key.ends_with("/Release"));
            for (_, bytes) in served {
                let digest = Digest::of(DigestAlgorithm::Sha256, bytes);
                let pinned = format!("{}/by-hash/SHA256/{digest}", suite.directory);
                if reader_of(&eyes).peek(&pinned).as_ref() != Some(bytes) {
                    missed.push(format!("to a pinned client: {pinned}"));
                }
            }
        }
        missed
    }
}

fn reader_of(eyes: &Eyes) -> Reader<'_> {
    Reader::new(&eyes.s3, &eyes.bucket)
}

impl Eyes {
    fn look(&mut self, effect: &Effect) {
        self.sights.looks += self.suites.len() as u64;
        if !effect.done {
            return;
        }
        for suite in &mut self.suites {
            if suite.read.contains(&effect.key) {
                self.sights.walks += 1;
                let reader = Reader::new(&self.s3, &self.bucket);
                let directory = suite.directory.clone();
                let walk = |part| self.memory.walk(part, &reader, &directory);
                suite.see(effect, self.part, walk, &mut self.sights);
                suite.see_release_files(effect, &reader, &mut self.sights);
                suite.read = reader.read.into_inner().unwrap();
                suite.read.extend(["InRelease", "Release", "Release.gpg"].map(|name| format!("{directory}/{name}")));
            }
            if let Some(window) = suite.apart {
                *self.sights.windows.entry(window).or_default() += 1;
            }
        }
    }
}

impl Watched {
    fn see(&mut self, effect: &Effect, in_force: Part, walk: impl Fn(Part) -> View, sights: &mut Sights) {
        let is_commit = |live: &Option<(String, Bytes)>| live.as_ref().is_some_and(|(key, _)| *key == effect.key);
        let mut view = walk(self.part);
        let live = |view: &View| view.live.as_ref().map(|live| (live.key.clone(), live.bytes.clone()));
        let (before, part_before) = (self.live.clone(), self.part);
        self.live = live(&view);
        if is_commit(&self.live) && self.part != in_force {
            self.part = in_force;
            view = walk(in_force);
        }
        let at = format!("after effect {} on {}", effect.number, effect.key);
        sights.broken.extend(view.broken.iter().map(|wrong| format!("{}, {at}: {wrong}", self.directory)));
        if before.is_some() && self.live.is_none() {
            sights.broken.push(format!("{}, {at}: nothing is served any more", self.directory));
        }
        let date = view.live.as_ref().and_then(|live| live.date);
        if date < self.newest {
            let newest = self.newest;
            sights.broken.push(format!("{}, {at}: the Date went back from {newest:?} to {date:?}", self.directory));
        }
        if self.live != before {
            sights.lives.push(format!("{} of {date:?}, under {:?}", self.directory, self.part));
            if let Some((key, bytes)) = before {
                self.past.push((key, bytes, part_before));
            }
        }
        self.newest = self.newest.max(date);
        self.apart = (!view.stale_names.is_empty()).then_some(PLAIN_NAMES);
        if self.by_hash != ByHash::None {
            // Who uses by-hash reads plain names only of what is not there by hash.
            self.apart = (!view.misleading_names.is_empty()).then_some(NEW_FORMS);
        }
    }

    /// Whether the release files are those of one generation, as far as they are there: a suite that is new here goes live
    /// by those that were uploaded first, and in mid-swap its `InRelease` is still to come.
    fn see_release_files(&mut self, effect: &Effect, reader: &Reader<'_>, sights: &mut Sights) {
        let Some((live_key, _)) = &self.live else { return };
        let here =
            ["InRelease", "Release", "Release.gpg"].map(|name| reader.peek(&format!("{}/{name}", self.directory)));
        let is_commit = *live_key == effect.key;
        let before = if is_commit { std::mem::replace(&mut self.committed, here.clone()) } else { [None, None, None] };
        let belongs = |(file, of_generation): (&Option<Bytes>, &Option<Bytes>)| file.is_none() || file == of_generation;
        let are_of_one = |count: usize| {
            self.generations.iter().any(|generation| here.iter().zip(generation).take(count).all(belongs))
        };
        if are_of_one(3) {
            return;
        }
        if !is_commit {
            if self.signing == Signing::OnlyDetached {
                self.apart = self.apart.or(Some(DETACHED));
            }
            return;
        }
        // A signature tells which text it is of; one that was served beside another text was looked at before.
        let is_a_signature = self.generations.iter().any(|[_, _, signature]| here[2] == *signature);
        let is_known = here[2] == before[2] && before[1].is_some() && here[1] != before[1];
        if are_of_one(2) && !is_a_signature && !is_known {
            *sights.windows.entry(NO_SIGNATURE).or_default() += 1;
        } else {
            sights.broken.push(format!(
                "{}, after effect {}: release files of different generations were committed",
                self.directory, effect.number
            ));
        }
    }
}

/// Reads a bucket from outside and notes what it read.
struct Reader<'a> {
    s3: &'a StrictS3,
    bucket: &'a str,
    read: Mutex<HashSet<String>>,
    /// A release file that a client fetched earlier.
    held: Option<(&'a String, &'a Bytes)>,
}

impl<'a> Reader<'a> {
    fn new(s3: &'a StrictS3, bucket: &'a str) -> Self {
        Self { s3, bucket, read: Mutex::default(), held: None }
    }

    fn peek(&self, key: &str) -> Option<Bytes> {
        self.s3.peek(self.bucket, key)
    }

    fn seen(&self, key: &str) -> Option<(Seen, Bytes)> {
        self.read.lock().unwrap().insert(key.to_owned());
        let bytes = self.peek(key)?;
        let tag = self.s3.peek_etag(self.bucket, key)?.as_str().to_owned();
        Some((Seen { tag, size: bytes.len() as u64 }, bytes))
    }
}

#[async_trait]
impl BucketReader for Reader<'_> {
    async fn look(&self, key: &str) -> Result<Option<Seen>, String> {
        Ok(self.seen(key).map(|(seen, _)| seen))
    }

    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String> {
        match self.held {
            Some((held, bytes)) if held == key => {
                Ok(Some((Seen { tag: "held".to_owned(), size: bytes.len() as u64 }, bytes.clone())))
            }
            // An earlier release without InRelease is read beside none.
            Some((held, _)) if key.ends_with("/InRelease") && held.ends_with("/Release") => Ok(None),
            _ => Ok(self.seen(key)),
        }
    }
}
