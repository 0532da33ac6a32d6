//! Makes whole apt archives without Debian's tools, so that tests and the demo have real input on any machine.
//!
//! An [`ArchiveMaker`] is a set of choices and a seed. Its [`generation`](ArchiveMaker::generation) `n` is the whole archive
//! as its owner would publish it the `n`-th time: real packages (`dpkg-deb` takes them apart, apt downloads them), source
//! packages, indices plain, gzip and xz, their names by hash, and release files signed with a throwaway key. From one
//! generation to the next a few packages are updated, one comes and one goes. The same choices give the same bytes, always:
//! no clock, no chance.
//!
//! Nothing here uses the crates under test: an archive that they would misread must not be one that they wrote.
//!
//! ```
//! # use suitecast_testing::archive_maker::{ArchiveMaker, MakeError};
//! # fn main() -> Result<(), MakeError> {
//! let maker = ArchiveMaker::new(7).in_directory("debian").suite("bookworm");
//! let second = maker.generation(2)?;
//! assert!(second.files.contains_key("debian/dists/bookworm/InRelease"));
//! assert!(second.changed.iter().any(|key| key.ends_with("hello-suitecast_2.10-2_amd64.deb")));
//! # Ok(())
//! # }
//! ```

mod assemble;
mod bulk;
mod compress;
mod containers;
mod deb;
mod digests;
mod error;
mod generation;
mod history;
mod indices;
mod package;
mod release;
mod signing;
mod source;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

pub use bulk::BulkContent;
pub use error::MakeError;
pub use generation::{Changes, Generation};
pub use signing::ArchiveKey;

use assemble::Built;
use bulk::Bulk;
use history::ALWAYS_UPDATED;

/// Whether indices have names by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByHash {
    /// No `Acquire-By-Hash`, no `by-hash/` directories.
    None,
    /// `by-hash/SHA256/`, as Debian and Ubuntu have it.
    Sha256,
    /// `by-hash/SHA512/` too, and SHA512 listed in the Release.
    Sha256AndSha512,
}

/// What becomes of an index's uncompressed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainIndices {
    /// Listed in the Release, absent from the disk: what dak and Launchpad do.
    Listed,
    /// Listed and there.
    Shipped,
}

/// Which release files there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// `InRelease`, `Release` and `Release.gpg`.
    Both,
    /// `InRelease` alone.
    OnlyInRelease,
    /// `Release` and `Release.gpg`.
    OnlyDetached,
    /// `Release` alone.
    Unsigned,
}

/// The first generation's `Date`: 2025-03-01T00:00:00Z, in seconds since 1970.
const FIRST_DATE_SECONDS: i64 = 1_740_787_200;

/// The choices from which archives are made; see the [module](self).
#[derive(Debug, Clone)]
pub struct ArchiveMaker {
    seed: u64,
    prefix: String,
    suite: String,
    components: Vec<String>,
    architectures: Vec<String>,
    by_hash: ByHash,
    plain: PlainIndices,
    with_gzip: bool,
    with_contents: bool,
    with_binary_all: bool,
    signing: Signing,
    first_date: Timestamp,
    date_step: SignedDuration,
    valid_for: Option<SignedDuration>,
    plain_packages: usize,
    bulk: Option<Bulk>,
    key: Option<ArchiveKey>,
}

impl ArchiveMaker {
    /// The usual archive: at the root of the bucket, suite `stable`, components main and contrib, architectures amd64
    /// and arm64, by-hash, every release file, 12 packages.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            prefix: String::new(),
            suite: "stable".to_owned(),
            components: vec!["main".to_owned(), "contrib".to_owned()],
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            by_hash: ByHash::Sha256,
            plain: PlainIndices::Listed,
            with_gzip: true,
            with_contents: false,
            with_binary_all: false,
            signing: Signing::Both,
            first_date: Timestamp::from_second(FIRST_DATE_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH),
            date_step: SignedDuration::from_hours(24),
            valid_for: None,
            plain_packages: 5,
            bulk: None,
            key: None,
        }
    }

    /// The directory that holds `dists/` and `pool/`; empty for the root of the bucket.
    #[must_use]
    pub fn in_directory(mut self, directory: &str) -> Self {
        let directory = directory.trim_matches('/');
        self.prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        self
    }

    /// The suite, which may be nested (`bookworm/updates`).
    #[must_use]
    pub fn suite(mut self, suite: &str) -> Self {
        suite.trim_matches('/').clone_into(&mut self.suite);
        self
    }

    /// The components; packages with difficult names lie in the first and the last. At least one.
    #[must_use]
    pub fn components(mut self, components: &[&str]) -> Self {
        self.components = components.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// The architectures, without `all` and `source`. At least one.
    #[must_use]
    pub fn architectures(mut self, architectures: &[&str]) -> Self {
        self.architectures = architectures.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Whether indices have names by hash.
    #[must_use]
    pub fn by_hash(mut self, by_hash: ByHash) -> Self {
        self.by_hash = by_hash;
        self
    }

    /// What becomes of uncompressed indices.
    #[must_use]
    pub fn plain_indices(mut self, plain: PlainIndices) -> Self {
        self.plain = plain;
        self
    }

    /// Whether there is a gzip form beside the xz one.
    #[must_use]
    pub fn gzip_indices(mut self, with_gzip: bool) -> Self {
        self.with_gzip = with_gzip;
        self
    }

    /// Whether each component has `Contents-ARCH`.
    #[must_use]
    pub fn contents(mut self, with_contents: bool) -> Self {
        self.with_contents = with_contents;
        self
    }

    /// Whether packages for all architectures are listed in a `binary-all/Packages` of their own, as well as in each
    /// architecture's.
    #[must_use]
    pub fn binary_all(mut self, with_binary_all: bool) -> Self {
        self.with_binary_all = with_binary_all;
        self
    }

    /// Which release files there are.
    #[must_use]
    pub fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    /// The first generation's `Date`, and how much later each further one is.
    #[must_use]
    pub fn dates(mut self, first: Timestamp, step: SignedDuration) -> Self {
        self.first_date = first;
        self.date_step = step;
        self
    }

    /// How long after its `Date` a release is valid; without it there is no `Valid-Until`.
    #[must_use]
    pub fn valid_for(mut self, length: SignedDuration) -> Self {
        self.valid_for = Some(length);
        self
    }

    /// How many plain packages there are besides the seven with difficult names.
    #[must_use]
    pub fn plain_packages(mut self, count: usize) -> Self {
        self.plain_packages = count;
        self
    }

    /// A big suite in place of real packages, for benchmarks: `packages` pool files of a few bytes, for the first
    /// architecture of the first component, of which each generation updates about `changes`.
    #[must_use]
    pub fn bulk(mut self, packages: usize, content: BulkContent, changes: usize) -> Self {
        self.bulk = Some(Bulk { packages, content, changes });
        self
    }

    /// Signs with this key in place of the one that follows from the seed.
    #[must_use]
    pub fn signed_with(mut self, key: ArchiveKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The package that every generation after the first updates; its files are
    /// `pool/<first component>/h/hello-suitecast/hello-suitecast_2.10-<generation>_<architecture>.deb`.
    pub fn always_updated() -> &'static str {
        ALWAYS_UPDATED
    }

    /// The key that signs.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`] when it cannot be made.
    pub fn key(&self) -> Result<ArchiveKey, MakeError> {
        self.key.clone().map_or_else(|| ArchiveKey::from_seed(self.seed), Ok)
    }

    /// The suite's directory in the bucket, such as `debian/dists/bookworm`.
    pub fn suite_directory(&self) -> String {
        format!("{}dists/{}", self.prefix, self.suite)
    }

    /// The archive as it is published the `number`-th time, counted from 1: exactly what that generation needs, nothing
    /// that only an earlier one named.
    ///
    /// # Errors
    ///
    /// [`MakeError::NoSuchGeneration`] for 0, or what went wrong in making it.
    pub fn generation(&self, number: u32) -> Result<Generation, MakeError> {
        let mut built = Built::default();
        let files = self.files(number, &mut built)?;
        let before = if number > 1 { Some(self.files(number - 1, &mut built)?) } else { None };
        Ok(Generation::new(number, self.suite_directory(), files, before.as_ref()))
    }

    /// Generations 1 to `count`.
    ///
    /// # Errors
    ///
    /// As [`generation`](Self::generation).
    pub fn history(&self, count: u32) -> Result<Vec<Generation>, MakeError> {
        let mut built = Built::default();
        let mut generations: Vec<Generation> = Vec::new();
        for number in 1..=count {
            let files = self.files(number, &mut built)?;
            let before = generations.last().map(|generation| &generation.files);
            let made = Generation::new(number, self.suite_directory(), files, before);
            generations.push(made);
        }
        Ok(generations)
    }
}
