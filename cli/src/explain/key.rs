//! Who refers to an object: the releases that name it, and the indices by which they do.

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use suitecast_archive::{
    Archive, ArchivePath, Digest, IndexGroup, Release, ReleaseFile, Scope, SuiteName, by_hash_path, index_groups,
};
use suitecast_mirror::{ReleaseFiles, ReleaseSet};

use crate::exit::Failure;
use crate::reader::{ArchiveReader, read_group, read_whole};

/// Indices that are read side by side.
const INDICES_AT_ONCE: usize = 8;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Held {
    /// In the master.
    Master,
    /// It is what a Region's clients see.
    Live,
    /// A Region's clients saw it within the grace, so that what it names is kept.
    Replaced,
}

/// One release that refers to the object, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Reference {
    /// The suite.
    pub suite: SuiteName,
    /// Where the release stands.
    pub release: Held,
    /// In which Region; none for the master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its `Date`.
    pub date: String,
    /// The key of the file that names the object.
    pub named_by: String,
}

impl Reference {
    /// The same for people.
    pub(crate) fn line(&self) -> String {
        let whose = match (self.release, &self.region) {
            (Held::Live, Some(region)) => format!("that {region} serves"),
            (Held::Replaced, Some(region)) => format!("that {region} served before"),
            _ => "that the master holds".to_owned(),
        };
        format!("named by {}, in the release of {} {whose}", self.named_by, self.date)
    }
}

/// A release to look through.
pub(crate) struct Holder<'a> {
    /// The bucket that holds it and its indices.
    pub reader: &'a dyn ArchiveReader,
    /// Its archive.
    pub archive: &'a Archive,
    /// How much of it is mirrored.
    pub scope: &'a Scope,
    /// Its suite.
    pub suite: &'a SuiteName,
    /// Where it stands.
    pub held: Held,
    /// In which Region; none for the master.
    pub region: Option<&'a str>,
}

impl Holder<'_> {
    /// How a release refers to the object.
    ///
    /// # Errors
    /// An index could not be read.
    pub(crate) async fn references(&self, release: &ReleaseSet, key: &str) -> Result<Vec<Reference>, Failure> {
        let commit = self.suite.release_key(release.commit_file());
        let groups = index_groups(&release.release, self.scope);
        let names = named_by_release(&release.release, &groups, self.suite, key);
        if !names.is_empty() || ReleaseFile::ALL.iter().any(|file| self.suite.release_key(*file) == key) {
            return Ok(vec![self.reference(release, commit)]);
        }
        if !key.starts_with(&self.archive.prefix) {
            return Ok(Vec::new());
        }
        let found: Vec<Option<String>> = stream::iter(groups)
            .map(|group| async move { self.index_that_names(&group, key).await })
            .buffered(INDICES_AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().map(|index| self.reference(release, index)).collect())
    }

    fn reference(&self, release: &ReleaseSet, named_by: String) -> Reference {
        Reference {
            suite: self.suite.clone(),
            release: self.held,
            region: self.region.map(str::to_owned),
            date: release.release.date.to_string(),
            named_by,
        }
    }

    /// The form of an index that names what stands under a key.
    async fn index_that_names(&self, group: &IndexGroup, key: &str) -> Result<Option<String>, Failure> {
        let Some((index, files)) = read_group(self.reader, self.archive, self.suite, group).await? else {
            return Ok(None);
        };
        let keys = |file| self.archive.keys_of_file(file, self.scope.second_keys).into_iter();
        let is_named = files.iter().flat_map(keys).any(|named| named == key);
        Ok(is_named.then(|| self.suite.key(&index)))
    }
}

/// The listed files that stand under this key, by their plain names or by their digests.
fn named_by_release<'a>(
    release: &'a Release,
    groups: &[IndexGroup],
    suite: &SuiteName,
    key: &str,
) -> Vec<&'a ArchivePath> {
    let is_mirrored =
        |path: &ArchivePath| groups.iter().any(|group| group.variants.iter().any(|form| form.path == *path));
    let is_at_key = |path: &ArchivePath, digests: &suitecast_archive::Digests| {
        suite.key(path) == key || digests.all().any(|digest| suite.key(&by_hash_path(path, &digest)) == key)
    };
    let entries = release.entries.iter().filter(|(path, entry)| is_mirrored(path) && is_at_key(path, &entry.digests));
    entries.map(|(path, _)| path).collect()
}

/// A release by the digest that it stands under once it was served.
///
/// # Errors
/// It could not be read.
pub(crate) async fn replaced_release(
    reader: &dyn ArchiveReader,
    suite: &SuiteName,
    commit: &Digest,
) -> Result<Option<ReleaseSet>, Failure> {
    let key = suite.key(&by_hash_path(&ReleaseFile::InRelease.path(), commit));
    let Some(bytes) = read_whole(reader, &key, suitecast_archive::MAX_RELEASE_BYTES).await? else { return Ok(None) };
    let in_release = ReleaseFiles { in_release: Some(bytes.clone()), ..ReleaseFiles::default() };
    let release = ReleaseFiles { release: Some(bytes), ..ReleaseFiles::default() };
    // A suite without an InRelease is known by its Release.
    Ok(ReleaseSet::read(in_release, None).or_else(|_| ReleaseSet::read(release, None)).ok())
}
