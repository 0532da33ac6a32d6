//! One walk through a suite, as apt goes: the release, its signature, and every index under every name.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use suitecast_archive::{Archive, ClearSigned, Digest, Digests, IndexError, Need, ReleaseFile, Scope, SuiteName};
use suitecast_mirror::{ReleaseFiles, ReleaseSet, SetProblem, with_causes};
use suitecast_signature::{Fit, Keyring};

use super::plan::{IndexForm, NamedObject, PlannedIndex, indices_of};
use super::problem::{Problem, ProblemKind, Wrong, of_failure};
use crate::reader::{ArchiveReader, IndexFailure, read_digests, read_index, read_release_files, seen_by_apt};

/// What a walk goes by.
pub(crate) struct Walk<'a> {
    /// Where the archive is read.
    pub reader: &'a dyn ArchiveReader,
    /// Which archive it is.
    pub archive: &'a Archive,
    /// How much of it counts.
    pub scope: &'a Scope,
    /// Whose signatures count; none is verified without it.
    pub keyring: Option<&'a Keyring>,
    /// What time it is for the dates of a release.
    pub now: Timestamp,
    /// Objects looked at side by side.
    pub concurrency: usize,
}

/// What is known of a release's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signature {
    /// There is no keyring to verify with.
    NotChecked,
    /// Signed by a key of the keyring.
    Verified,
    /// Not so.
    Rejected,
}

/// What a walk through one suite saw.
#[derive(Debug)]
pub(crate) struct WalkedSuite {
    /// The suite.
    pub suite: SuiteName,
    /// The `Date` of its release, where there is one that can be read.
    pub date: Option<Timestamp>,
    /// Which release it was: the digest of the file that clients see it by.
    pub release: Option<Digest>,
    /// What of its signature.
    pub signature: Signature,
    /// Forms of indices that were looked at.
    pub indices: usize,
    /// The files that they name.
    pub named: Vec<NamedObject>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What looking at one index came to.
#[derive(Default)]
struct LookedAt {
    forms: usize,
    named: Vec<NamedObject>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// Walks through a suite. What cannot be looked at is among the problems.
    pub(crate) async fn suite(&self, suite: &SuiteName) -> WalkedSuite {
        let mut walked = WalkedSuite {
            suite: suite.clone(),
            date: None,
            release: None,
            signature: Signature::NotChecked,
            indices: 0,
            named: Vec::new(),
            problems: Vec::new(),
        };
        let files = match read_release_files(self.reader, suite).await {
            Ok(files) => files,
            Err((file, failure)) => {
                walked.problems.push(Problem::of(suite, &suite.release_key(file), None, of_failure(failure)));
                return walked;
            }
        };
        let Some(set) = self.release(suite, &files, &mut walked) else { return walked };
        walked.date = Some(set.release.date);
        walked.release = set.identity.commit_digest();
        self.dates(suite, &set, &mut walked);
        let release_key = suite.release_key(set.commit_file());
        let indices = indices_of(&set.release, suite, self.scope);
        let looked_at: Vec<LookedAt> = stream::iter(&indices)
            .map(|index| self.index(suite, &release_key, index))
            .buffered(self.concurrency)
            .collect()
            .await;
        for index in looked_at {
            walked.indices += index.forms;
            walked.named.extend(index.named);
            walked.problems.extend(index.problems);
        }
        walked
    }

    /// The release that clients go by, with what is wrong with its files noted.
    fn release(&self, suite: &SuiteName, files: &ReleaseFiles, walked: &mut WalkedSuite) -> Option<ReleaseSet> {
        let mut note = |file: ReleaseFile, problem, detail| {
            walked.problems.push(Problem::of(suite, &suite.release_key(file), None, (problem, detail)));
        };
        let whole = match ReleaseSet::read(files.clone(), None) {
            Ok(set) => Some(set),
            Err(problem) => {
                let (file, kind) = match &problem {
                    SetProblem::Absent => (ReleaseFile::InRelease, ProblemKind::Missing),
                    SetProblem::Mixed { .. } | SetProblem::SignatureAlone => (ReleaseFile::Release, ProblemKind::Mixed),
                    SetProblem::Malformed { file, .. } => {
                        (ReleaseFile::from_file_name(file).unwrap_or(ReleaseFile::InRelease), ProblemKind::Malformed)
                    }
                };
                let detail = match kind {
                    ProblemKind::Missing => "neither InRelease nor Release is there".to_owned(),
                    _ => problem.to_string(),
                };
                note(file, kind, detail);
                None
            }
        };
        let set = whole.or_else(|| ReleaseSet::read(seen_by_apt(files.clone()), None).ok())?;
        if set.fit == Fit::OfAnotherText {
            let detail = "Release.gpg is the signature of another text than Release".to_owned();
            note(ReleaseFile::ReleaseGpg, ProblemKind::Mixed, detail);
        }
        if let Some(keyring) = self.keyring {
            let rejected = rejected_signatures(files, keyring, self.now);
            walked.signature = if rejected.is_empty() { Signature::Verified } else { Signature::Rejected };
            for (file, detail) in rejected {
                note(file, ProblemKind::Signature, detail);
            }
        }
        Some(set)
    }

    fn dates(&self, suite: &SuiteName, set: &ReleaseSet, walked: &mut WalkedSuite) {
        let key = suite.release_key(set.commit_file());
        let mut note = |problem, detail| walked.problems.push(Problem::of(suite, &key, None, (problem, detail)));
        if set.release.date > self.now {
            note(ProblemKind::FromTheFuture, format!("its Date is {}", set.release.date));
        }
        if let Some(end) = set.release.valid_until.filter(|end| *end < self.now) {
            note(ProblemKind::Expired, format!("its Valid-Until was {end}; clients refuse it"));
        }
    }

    /// Looks at all forms of an index, under all names.
    async fn index(&self, suite: &SuiteName, release_key: &str, index: &PlannedIndex) -> LookedAt {
        let mut looked_at = LookedAt::default();
        if index.is_unreadable {
            let detail = "offered only in compressions that are not read here (xz, gz and plain are), so that what it \
                          names cannot be looked at";
            let wrong = (ProblemKind::Malformed, detail.to_owned());
            looked_at.problems.push(Problem::of(suite, &suite.key(&index.stem), Some(release_key), wrong));
        }
        let mut is_one_right = false;
        for form in &index.forms {
            looked_at.forms += 1;
            let (named, problems) = self.form(suite, index, form, release_key).await;
            is_one_right |= problems.len() < form.keys.len();
            looked_at.named.extend(named);
            looked_at.problems.extend(problems);
        }
        if index.need == Need::Nothing || index.need == Need::One && is_one_right {
            looked_at.problems.retain(|problem| problem.kind != ProblemKind::Missing);
        }
        looked_at
    }

    /// Reads a form of an index under the first name that holds it, and compares what stands under the others.
    async fn form(
        &self,
        suite: &SuiteName,
        index: &PlannedIndex,
        form: &IndexForm,
        release_key: &str,
    ) -> (Vec<NamedObject>, Vec<Problem>) {
        let mut named: Option<Vec<NamedObject>> = None;
        let mut problems = Vec::new();
        for key in &form.keys {
            let found = match &named {
                None => {
                    let read = read_index(self.reader, self.archive, suite, index.kind, &form.variant, key).await;
                    read.map_err(of_index_failure).map(|files| {
                        let second_keys = self.scope.second_keys;
                        let of = |file| NamedObject::of(self.archive, second_keys, suite, &form.variant.path, file);
                        named = Some(files.iter().flat_map(of).collect());
                    })
                }
                Some(_) => self.compare(form, key).await,
            };
            if let Err(wrong) = found {
                problems.push(Problem::of(suite, key, Some(release_key), wrong));
            }
        }
        (named.unwrap_or_default(), problems)
    }

    /// Compares what stands under a further name, without reading it where the store tells its digest.
    async fn compare(&self, form: &IndexForm, key: &str) -> Result<(), Wrong> {
        let entry = &form.variant.entry;
        compare(self.reader, key, Some(entry.size), &entry.digests, Depth::Digest).await
    }
}

fn of_index_failure(failure: IndexFailure) -> Wrong {
    match failure {
        IndexFailure::Absent => (ProblemKind::Missing, String::new()),
        IndexFailure::Unread(failure) => of_failure(failure),
        IndexFailure::Wrong(error) => {
            let kind = match &error {
                IndexError::Size { .. } => ProblemKind::Size,
                IndexError::Digest { .. } => ProblemKind::Digest,
                _ => ProblemKind::Malformed,
            };
            (kind, with_causes(&error))
        }
    }
}

/// How closely an object is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// That it is there with its size; and its digest where the store tells it.
    Size,
    /// Its digest too: as the store tells it, or else by reading.
    Digest,
    /// By reading, whatever the store tells.
    Read,
}

/// Compares an object with what an index or a release says of it.
///
/// # Errors
/// What is wrong with it.
pub(crate) async fn compare(
    reader: &dyn ArchiveReader,
    key: &str,
    size: Option<u64>,
    digests: &Digests,
    depth: Depth,
) -> Result<(), Wrong> {
    let missing = || (ProblemKind::Missing, String::new());
    if depth != Depth::Read {
        let seen = reader.look(key).await.map_err(of_failure)?.ok_or_else(missing)?;
        let digests_seen = Digests { sha256: seen.sha256, sha512: None };
        differences(size, digests, seen.size, &digests_seen)?;
        let is_enough = match depth {
            Depth::Size => seen.size.is_some(),
            Depth::Digest | Depth::Read => digests.proves(&digests_seen),
        };
        if is_enough {
            return Ok(());
        }
    }
    let (found, found_digests) = read_digests(reader, key, digests).await.map_err(of_failure)?.ok_or_else(missing)?;
    differences(size, digests, Some(found), &found_digests)
}

fn differences(
    size: Option<u64>,
    digests: &Digests,
    found_size: Option<u64>,
    found_digests: &Digests,
) -> Result<(), Wrong> {
    if let (Some(expected), Some(found)) = (size, found_size)
        && expected != found
    {
        return Err((ProblemKind::Size, format!("{found} bytes in place of {expected}")));
    }
    let pairs = [(digests.sha256, found_digests.sha256), (digests.sha512, found_digests.sha512)];
    for (expected, found) in pairs {
        if let (Some(expected), Some(found)) = (expected, found)
            && expected != found
        {
            return Err((ProblemKind::Digest, format!("the digest {found} in place of {expected}")));
        }
    }
    Ok(())
}

/// The signatures that a client may rely on and that do not count, with the reason.
fn rejected_signatures(files: &ReleaseFiles, keyring: &Keyring, now: Timestamp) -> Vec<(ReleaseFile, String)> {
    let mut rejected = Vec::new();
    if let Some(bytes) = &files.in_release {
        let verified = ClearSigned::parse(bytes)
            .map_err(|error| with_causes(&error))
            .and_then(|file| keyring.verify_clear_signed(&file, now).map_err(|error| with_causes(&error)));
        rejected.extend(verified.err().map(|reason| (ReleaseFile::InRelease, reason)));
    }
    match (&files.release, &files.release_gpg) {
        (Some(release), Some(signature)) => {
            let verified = keyring.verify_detached(release, signature, now);
            rejected.extend(verified.err().map(|error| (ReleaseFile::ReleaseGpg, with_causes(&error))));
        }
        (Some(_), None) if files.in_release.is_none() => {
            rejected.push((ReleaseFile::Release, "there is neither an InRelease nor a Release.gpg".to_owned()));
        }
        _ => {}
    }
    rejected
}
