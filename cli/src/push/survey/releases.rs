//! The tree's release files: which there are, and whether Regions take them for one release.

use std::collections::BTreeMap;

use suitecast_archive::{Digest, DigestAlgorithm, Digests, KeyClass, ReleaseFile, SuiteName};
use suitecast_mirror::limits::MAX_DATE_AHEAD;
use suitecast_mirror::{ReleaseFiles, ReleaseSet, SetProblem};
use suitecast_signature::Fit;

use super::reading::read_release_file;
use super::{Suite, Surveyor, Wanted};
use crate::reader::seen_by_apt;

impl Surveyor<'_> {
    /// The release files of the tree by their suites.
    pub(super) fn release_files(&self) -> BTreeMap<SuiteName, Vec<ReleaseFile>> {
        let mut found: BTreeMap<SuiteName, Vec<ReleaseFile>> = BTreeMap::new();
        for file in self.question.files {
            let key = format!("{}{}", self.question.prefix, file.path);
            if let KeyClass::ReleaseFile { suite, file } = self.question.archives.classify(&key, self.question.unlisted)
            {
                found.entry(suite).or_default().push(file);
            }
        }
        found
    }

    /// Reads a suite's release files together, and says what is wrong with them. Their own digests are what they had when
    /// they were read, so that those are sent and no others.
    pub(super) fn release(&mut self, suite: &Suite<'_>, files: &[ReleaseFile]) -> Option<ReleaseSet> {
        let contents = self.contents(suite, files)?;
        let set = match ReleaseSet::read(contents.clone(), None) {
            Ok(set) => set,
            Err(problem) => {
                self.problem(suite.is_chosen, self.path_of_release(suite, culprit(&problem)), None, rule_of(&problem));
                // What clients go by tells all the same what else there has to be.
                return ReleaseSet::read(seen_by_apt(contents), None).ok();
            }
        };
        if set.fit == Fit::OfAnotherText {
            let reason = "is no signature of the Release beside it: the tree is being changed, or was left half way";
            self.problem(suite.is_chosen, self.path_of_release(suite, ReleaseFile::ReleaseGpg), None, reason);
        }
        let date = set.release.date;
        if date.duration_since(self.question.now) > MAX_DATE_AHEAD {
            let reason = format!(
                "its Date, {date}, lies more than a day ahead, and Regions refuse it: correct the clock that signs it"
            );
            self.problem(suite.is_chosen, self.path_of_release(suite, set.commit_file()), None, reason);
        }
        Some(set)
    }

    fn contents(&mut self, suite: &Suite<'_>, files: &[ReleaseFile]) -> Option<ReleaseFiles> {
        let mut contents = ReleaseFiles::default();
        for file in files {
            let key = suite.name.release_key(*file);
            let path = self.path_of_key(&key)?.to_owned();
            match read_release_file(self.reader, &path) {
                Ok(bytes) => {
                    let sha256 = Some(Digest::of(DigestAlgorithm::Sha256, &bytes));
                    let wanted = Wanted {
                        size: Some(bytes.len() as u64),
                        digests: Digests { sha256, sha512: None },
                        is_chosen: suite.is_chosen,
                    };
                    self.survey.wanted.insert(path, wanted);
                    match file {
                        ReleaseFile::InRelease => contents.in_release = Some(bytes),
                        ReleaseFile::Release => contents.release = Some(bytes),
                        ReleaseFile::ReleaseGpg => contents.release_gpg = Some(bytes),
                    }
                }
                Err(error) => self.problem(suite.is_chosen, path, None, format!("cannot be read: {error}")),
            }
        }
        Some(contents)
    }

    /// Where a release file stands, relative to the tree.
    fn path_of_release(&self, suite: &Suite<'_>, file: ReleaseFile) -> String {
        let key = suite.name.release_key(file);
        self.path_of_key(&key).map_or_else(|| key.clone(), str::to_owned)
    }
}

/// The file to look at where the files are no release.
pub(crate) fn culprit(problem: &SetProblem) -> ReleaseFile {
    match problem {
        SetProblem::Absent => ReleaseFile::InRelease,
        SetProblem::Mixed { .. } | SetProblem::SignatureAlone => ReleaseFile::Release,
        SetProblem::Malformed { file, .. } => ReleaseFile::from_file_name(file).unwrap_or(ReleaseFile::InRelease),
    }
}

/// The rule that the files break.
fn rule_of(problem: &SetProblem) -> String {
    match problem {
        SetProblem::Absent => "there is no InRelease and no Release".to_owned(),
        SetProblem::Malformed { rule, .. } => rule.clone(),
        SetProblem::Mixed { .. } | SetProblem::SignatureAlone => {
            format!("{problem}: the tree is being changed, or was left half way")
        }
    }
}
