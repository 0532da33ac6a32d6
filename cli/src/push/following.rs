//! Whether the tree's releases can follow those that the bucket holds: what Regions would refuse is not sent.
//!
//! A Region never goes back in time, takes release files of one generation only, and keeps the bytes that a release names
//! under a name. The tree alone shows none of that, so the bucket's releases are read: those of suites whose release files
//! are to be sent, and, where a package has other bytes than the object of its name, the indices of all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};
use suitecast_archive::{KeyClass, ReleaseFile, Scope, SuiteName, index_groups};
use suitecast_mirror::{Identity, ReleaseFiles, ReleaseSet};
use suitecast_signature::Fit;

use super::plan::{Destination, Expected, Item, ListedObject, Phase, Reason};
use super::survey::{Problem, Survey};
use crate::reader::{ArchiveReader, ReadFailure, read_group, read_release_files, seen_by_apt};

/// Indices that are read side by side.
const INDICES_AT_ONCE: usize = 8;

/// What becomes of objects that the tree does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftovers {
    /// They stay.
    Stay,
    /// They are deleted at the end.
    AreDeleted,
}

/// The bucket that a push goes to.
pub(crate) struct Following<'a> {
    /// Reads it.
    pub(crate) reader: &'a dyn ArchiveReader,
    /// What it holds.
    pub(crate) listing: &'a HashMap<String, ListedObject>,
    /// Where the tree goes.
    pub(crate) destination: &'a Destination<'a>,
    /// What becomes of the rest.
    pub(crate) leftovers: Leftovers,
}

impl Following<'_> {
    /// What Regions would refuse of what is to be sent.
    ///
    /// # Errors
    /// A release or an index of the bucket could not be read.
    pub(crate) async fn problems(
        &self,
        survey: &Survey,
        to_send: &[(Item, Reason)],
    ) -> Result<Vec<Problem>, ReadFailure> {
        let mut problems = Vec::new();
        for (suite, set) in &survey.releases {
            if !self.is_touched(suite, set, to_send) {
                continue;
            }
            let held = read_release_files(self.reader, suite).await.map_err(|(_, failure)| failure)?;
            let against = against(suite, set, &held, self.leftovers);
            problems.extend(against.into_iter().map(|(file, reason)| Problem {
                path: self.path_of(&suite.release_key(file)),
                named_by: None,
                reason,
            }));
        }
        problems.extend(self.changed_in_place(survey, to_send).await?);
        Ok(problems)
    }

    fn path_of(&self, key: &str) -> String {
        key.strip_prefix(self.destination.prefix).unwrap_or(key).to_owned()
    }

    /// Whether the push changes the release files of a suite in the bucket.
    fn is_touched(&self, suite: &SuiteName, set: &ReleaseSet, to_send: &[(Item, Reason)]) -> bool {
        ReleaseFile::ALL.iter().any(|file| {
            let key = suite.release_key(*file);
            let is_left_over = set.files.get(*file).is_none() && self.listing.contains_key(&key);
            to_send.iter().any(|(item, _)| item.key == key) || is_left_over && self.leftovers == Leftovers::AreDeleted
        })
    }

    /// Packages that a release of the bucket names with other bytes than those that are to be sent. An object that is only
    /// damaged is none of them: what names it agrees with the tree.
    async fn changed_in_place(&self, survey: &Survey, to_send: &[(Item, Reason)]) -> Result<Vec<Problem>, ReadFailure> {
        let archives = self.destination.archives;
        let is_changed = |(item, reason): &&(Item, Reason)| {
            item.phase == Phase::Pool && matches!(reason, Reason::Size | Reason::Content)
        };
        let changed: HashMap<&str, &Item> =
            to_send.iter().filter(is_changed).map(|(item, _)| (item.key.as_str(), item)).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let classes = self.listing.keys().map(|key| archives.classify(key, self.destination.unlisted));
        let suites: BTreeSet<SuiteName> = classes
            .filter_map(|class| match class {
                KeyClass::ReleaseFile { suite, .. } => Some(suite),
                _ => None,
            })
            .collect();
        let mut found: BTreeMap<&str, Problem> = BTreeMap::new();
        for suite in &suites {
            let Some(archive) = archives.archive_of(suite) else { continue };
            let files = read_release_files(self.reader, suite).await.map_err(|(_, failure)| failure)?;
            // The tree's own release names what the tree holds.
            if survey.releases.get(suite).is_some_and(|set| set.identity == Identity::of(&files)) {
                continue;
            }
            let Ok(set) = ReleaseSet::read(seen_by_apt(files), None) else { continue };
            let groups = index_groups(&set.release, &Scope::everything());
            let mut indices = stream::iter(groups.iter().filter(|group| group.kind.names_files()))
                .map(|group| read_group(self.reader, archive, suite, group))
                .buffer_unordered(INDICES_AT_ONCE);
            while let Some(index) = indices.try_next().await? {
                let Some((index, files)) = index else { continue };
                for file in files {
                    let Some((key, item)) = changed.get_key_value(archive.key(&file.path).as_str()) else { continue };
                    let is_of_another_size = file.size.is_some_and(|size| size != item.size);
                    let is_other = match item.expected {
                        Expected::Digests(digests) => is_of_another_size || !file.digests.agrees_with(&digests),
                        Expected::ByName | Expected::Nothing => is_of_another_size,
                    };
                    if is_other {
                        found.entry(key).or_insert_with(|| Problem {
                            path: item.path.clone(),
                            named_by: Some(self.path_of(&suite.key(&index))),
                            reason: "was changed in place: a release in the bucket names other bytes under this name, and \
                                     Regions keep those; give the file a new version (where they have AllowChangeInPlace, \
                                     send it with --no-check)"
                                .to_owned(),
                        });
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

/// What speaks against a release of the tree in a bucket that holds these release files of its suite: the file, and why.
fn against(
    suite: &SuiteName,
    set: &ReleaseSet,
    held: &ReleaseFiles,
    leftovers: Leftovers,
) -> Vec<(ReleaseFile, String)> {
    let mut problems = Vec::new();
    let date = set.release.date;
    if let Ok(before) = ReleaseSet::read(seen_by_apt(held.clone()), None)
        && date < before.release.date
    {
        let reason = format!(
            "its Date, {date}, is before {}, that of the release in the bucket, and Regions do not go back: publish it anew; \
             or send it with --no-check and then `suitecast replay {suite} --force`",
            before.release.date
        );
        problems.push((set.commit_file(), reason));
    }
    let left_over = |file: &ReleaseFile| set.files.get(*file).is_none() && held.get(*file).is_some();
    let Some(file) = ReleaseFile::ALL.into_iter().find(left_over) else { return problems };
    let or_held = |own: &Option<Vec<u8>>, held: &Option<Vec<u8>>| own.clone().or_else(|| held.clone());
    let together = ReleaseFiles {
        in_release: or_held(&set.files.in_release, &held.in_release),
        release: or_held(&set.files.release, &held.release),
        release_gpg: or_held(&set.files.release_gpg, &held.release_gpg),
    };
    let is_one_release = ReleaseSet::read(together, None).is_ok_and(|together| together.fit != Fit::OfAnotherText);
    let how = match leftovers {
        Leftovers::AreDeleted => "would be deleted, and Regions that serve it take no release without it",
        Leftovers::Stay if is_one_release => return problems,
        Leftovers::Stay => "stays there from another release, and Regions take no mixed set",
    };
    let reason = format!("the bucket holds it and the tree does not: it {how}; publish {file} with the tree as before");
    problems.push((file, reason));
    problems
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use suitecast_testing::archive_maker::{ArchiveMaker, Signing};

    /// The release files of a generation, made with these signatures.
    fn files(generation: u32, signing: Signing) -> ReleaseFiles {
        let made = ArchiveMaker::new(3).signing(signing).generation(generation).unwrap();
        let file = |file: ReleaseFile| made.files.get(&made.suite_key(file.file_name())).map(|bytes| bytes.to_vec());
        ReleaseFiles {
            in_release: file(ReleaseFile::InRelease),
            release: file(ReleaseFile::Release),
            release_gpg: file(ReleaseFile::ReleaseGpg),
        }
    }

    fn found(tree: ReleaseFiles, held: &ReleaseFiles, leftovers: Leftovers) -> Vec<ReleaseFile> {
        let suite = SuiteName::parse("dists/stable").unwrap();
        let set = ReleaseSet::read(tree, None).unwrap();
        against(&suite, &set, held, leftovers).into_iter().map(|(file, _)| file).collect()
    }

    #[test]
    fn a_newer_release_follows_an_older_one_and_not_the_reverse() {
        for signing in [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached] {
            let (one, two) = (files(1, signing), files(2, signing));
            assert_eq!(found(two.clone(), &one, Leftovers::Stay), []);
            assert_eq!(found(two.clone(), &two, Leftovers::Stay), []);
            assert_eq!(found(one, &two, Leftovers::Stay).len(), 1, "{signing:?}");
        }
        assert_eq!(found(files(1, Signing::Both), &ReleaseFiles::default(), Leftovers::AreDeleted), []);
    }

    #[test]
    fn a_release_file_that_would_be_left_over_from_another_release_is_told() {
        let both = files(1, Signing::Both);
        let newer = || files(2, Signing::OnlyDetached);
        assert_eq!(found(newer(), &both, Leftovers::Stay), [ReleaseFile::InRelease]);
        assert_eq!(found(files(2, Signing::OnlyInRelease), &both, Leftovers::Stay), [ReleaseFile::Release]);
        let unsigned = files(2, Signing::Unsigned);
        assert_eq!(found(unsigned, &files(1, Signing::OnlyDetached), Leftovers::Stay), [ReleaseFile::ReleaseGpg]);
        // Of the same release it may stay, and must not be deleted.
        assert_eq!(found(files(1, Signing::OnlyInRelease), &both, Leftovers::Stay), []);
        assert_eq!(found(files(1, Signing::OnlyInRelease), &both, Leftovers::AreDeleted), [ReleaseFile::Release]);
    }
}
