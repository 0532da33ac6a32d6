//! What is sent, in which order, and what is deleted: decided without I/O.
//!
//! # How an unchanged object is told without looking at it
//!
//! The digest that an object should have is known from the archive's indices. The digest that it has is known from, in this
//! order, the cheapest first:
//!
//! 1. the **record** of earlier pushes ([`super::record`]), which holds while the object's `ETag` is the one recorded. That is
//!    the rule; one listing and the record tell of every object of the archive, whoever overwrote one in between (and often
//!    the record does alone, see [`super::inventory`]);
//! 2. the SHA-256 that S3 keeps with an object that was sent with one, which takes a HEAD each. So a push that was cut off
//!    before it could write its record sends nothing twice but what went up in parts;
//! 3. the `ETag` itself, which is the MD5 of an object that was sent in one piece and not encrypted with a key of one's own.
//!    Indices give no MD5 that anybody relies on, so the local file is read once and compared by both digests. So a bucket
//!    that another tool filled is taken over without sending it again.
//!
//! What none of them tells is sent. Sizes that differ settle it before all of this.

use std::collections::{HashMap, HashSet};

use suitecast_archive::{Archives, Digest, DigestAlgorithm, Digests, KeyClass, Layout, ReleaseFile, UnlistedTrees};
use suitecast_store::{ETag, ObjectHeaders};

use super::selection::Selection;
use super::survey::{Extent, Survey, Wanted};
use super::tree::TreeFile;

/// The order in which files go up, each phase ended before the next is begun: what is named comes before what names it, so
/// that a Region that looks in between rarely finds a file wanting, and a release that is up is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// What indices name, and what stands beside it for people.
    Pool,
    /// Indices by their content: they replace nothing.
    ByHash,
    /// Trees that no release lists.
    Unlisted,
    /// The checksums of those, after the files that they are of.
    UnlistedChecksums,
    /// Indices under their plain names, which the release before still lists: as short before the release as can be.
    Index,
    /// `Release.gpg` and `Release`.
    Release,
    /// `InRelease`, which clients and Regions ask for first.
    InRelease,
}

impl Phase {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 7] = [
        Self::Pool,
        Self::ByHash,
        Self::Unlisted,
        Self::UnlistedChecksums,
        Self::Index,
        Self::Release,
        Self::InRelease,
    ];

    fn of(class: &KeyClass) -> Self {
        match class {
            KeyClass::Pool { .. } | KeyClass::Foreign | KeyClass::Private => Self::Pool,
            KeyClass::ByHash { .. } => Self::ByHash,
            KeyClass::Unlisted { is_checksum_list: false } => Self::Unlisted,
            KeyClass::Unlisted { is_checksum_list: true } => Self::UnlistedChecksums,
            KeyClass::Index => Self::Index,
            KeyClass::ReleaseFile { file: ReleaseFile::InRelease, .. } => Self::InRelease,
            KeyClass::ReleaseFile { .. } => Self::Release,
        }
    }

    /// What it is called on a terminal.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::ByHash => "by-hash",
            Self::Unlisted => "unlisted trees",
            Self::UnlistedChecksums => "their checksums",
            Self::Index => "indices",
            Self::Release => "Release",
            Self::InRelease => "InRelease",
        }
    }
}

/// What the name of a file and the indices say of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Digests that a signed file, or the file's own name, gives.
    Digests(Digests),
    /// It is named by a digest too weak to prove anything; yet whoever gave it the name meant this content and no other.
    ByName,
    /// Nothing: the file has to be read.
    Nothing,
}

/// A file of the tree and the object that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its path relative to the tree.
    pub(crate) path: String,
    /// Its key in the bucket.
    pub(crate) key: String,
    /// Its size on disk in bytes.
    pub(crate) size: u64,
    /// When it is sent.
    pub(crate) phase: Phase,
    /// What it is served with.
    pub(crate) headers: ObjectHeaders,
    /// What it has to be.
    pub(crate) expected: Expected,
}

/// An object of the bucket, as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its tag.
    pub(crate) etag: ETag,
}

/// What a local file was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalDigests {
    /// Its SHA-256.
    pub(crate) sha256: Digest,
    /// Its SHA-512, where that is all that is expected.
    pub(crate) sha512: Option<Digest>,
    /// Its MD5, for comparison with an `ETag` and nothing else.
    pub(crate) md5: Digest,
}

/// What S3 says of the digest of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It keeps this one, of the whole object.
    Keeps(Digest),
    /// It keeps none.
    KeepsNone,
}

impl Answer {
    fn sha256(self) -> Option<Digest> {
        match self {
            Self::Keeps(sha256) => Some(sha256),
            Self::KeepsNone => None,
        }
    }
}

/// What is known of an object and a file beyond listing and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Evidence {
    /// The object's digest by the record; only where its tag is still the recorded one.
    pub(crate) recorded: Option<Digest>,
    /// What a HEAD said, once it was asked.
    pub(crate) asked: Option<Answer>,
    /// What the local file was found to be.
    pub(crate) local: Option<LocalDigests>,
}

/// Why a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// There is no such object.
    Absent,
    /// The object has another size.
    Size,
    /// The object has other bytes.
    Content,
    /// Nobody can tell what the object's bytes are.
    Unknown,
}

/// What is to be done about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The object is this file. Its SHA-256 where it is known, to be recorded.
    Unchanged(Option<Digest>),
    /// It is sent.
    Send(Reason),
    /// S3 is to be asked what digest it keeps: [`Evidence::asked`].
    Ask,
    /// The file is to be read: [`Evidence::local`].
    Read,
}

/// Judges a file by what is known. Each [`Verdict::Ask`] and [`Verdict::Read`] that is carried out adds evidence that was not
/// there, so that the third call decides at the latest.
pub(crate) fn judge(item: &Item, listed: Option<&ListedObject>, evidence: &Evidence) -> Verdict {
    let Some(listed) = listed else {
        return Verdict::Send(Reason::Absent);
    };
    if listed.size != item.size {
        return Verdict::Send(Reason::Size);
    }
    let local = evidence.local;
    if let (Expected::Digests(expected), Some(local)) = (item.expected, local)
        && !expected.agrees_with(&Digests { sha256: Some(local.sha256), sha512: local.sha512 })
    {
        // The file is not what its index says. Sending it finds that once more, and says so.
        return Verdict::Send(Reason::Content);
    }
    let wanted = match item.expected {
        Expected::Digests(Digests { sha256: Some(sha256), .. }) => sha256,
        Expected::ByName if evidence.recorded.is_some() => return Verdict::Unchanged(evidence.recorded),
        Expected::Digests(_) | Expected::ByName | Expected::Nothing => match local {
            Some(local) => local.sha256,
            None => return Verdict::Read,
        },
    };
    if let Some(found) = evidence.recorded.or(evidence.asked.and_then(Answer::sha256)) {
        return if found == wanted { Verdict::Unchanged(Some(wanted)) } else { Verdict::Send(Reason::Content) };
    }
    // A tag that is no MD5 may look like one: only equality proves anything.
    if let Some(local) = local
        && local.sha256 == wanted
        && local.md5.to_string() == listed.etag.as_str()
    {
        return Verdict::Unchanged(Some(wanted));
    }
    if evidence.asked.is_none() {
        Verdict::Ask
    } else if local.is_none() && is_md5(&listed.etag) {
        Verdict::Read
    } else {
        Verdict::Send(Reason::Unknown)
    }
}

fn is_md5(etag: &ETag) -> bool {
    Digest::parse(DigestAlgorithm::Md5, etag.as_str()).is_ok()
}

/// Where files of a tree go.
pub(crate) struct Destination<'a> {
    /// What their keys begin with.
    pub(crate) prefix: &'a str,
    /// Where archives lie in the bucket.
    pub(crate) archives: &'a Archives,
    /// Which directories no release lists.
    pub(crate) unlisted: &'a UnlistedTrees,
}

/// The objects that the chosen files of a tree become, in the order in which they are sent: by phase, and in each the
/// largest first, since a large file at the end would be waited for alone.
pub(crate) fn items(files: &[TreeFile], survey: &Survey, destination: &Destination<'_>) -> Vec<Item> {
    let is_sent = |file: &&TreeFile| match survey.extent {
        Extent::Everything => true,
        Extent::ChosenSuites => survey.wanted.get(&file.path).is_some_and(|wanted| wanted.is_chosen),
    };
    let mut items: Vec<Item> = files
        .iter()
        .filter(is_sent)
        .filter_map(|file| {
            let key = format!("{}{}", destination.prefix, file.path);
            let class = destination.archives.classify(&key, destination.unlisted);
            if class == KeyClass::Private {
                return None;
            }
            let (content_type, cache_control) = class.headers(&key);
            let expected = expected(&class, survey.wanted.get(&file.path));
            let phase = Phase::of(&class);
            let headers = ObjectHeaders { content_type, cache_control };
            Some(Item { path: file.path.clone(), key, size: file.size, phase, headers, expected })
        })
        .collect();
    items.sort_by(|one, two| (one.phase, two.size, &one.path).cmp(&(two.phase, one.size, &two.path)));
    items
}

fn expected(class: &KeyClass, wanted: Option<&Wanted>) -> Expected {
    if let Some(wanted) = wanted
        && !wanted.digests.is_empty()
    {
        return Expected::Digests(wanted.digests);
    }
    match class {
        KeyClass::ByHash { digest, .. } => match digest.algorithm() {
            DigestAlgorithm::Sha256 => Expected::Digests(Digests { sha256: Some(*digest), sha512: None }),
            DigestAlgorithm::Sha512 => Expected::Digests(Digests { sha256: None, sha512: Some(*digest) }),
            DigestAlgorithm::Md5 | DigestAlgorithm::Sha1 => Expected::ByName,
        },
        _ => Expected::Nothing,
    }
}

/// The keys that may be deleted once the releases are up: what is not in the tree and what no index there names. Where suites
/// were chosen, only what is certain to be theirs ([`in_chosen_suites`]). Suitecast's own keys never, nor what the options
/// leave out.
pub(crate) fn deletions(
    listing: &HashMap<String, ListedObject>,
    files: &[TreeFile],
    survey: &Survey,
    selection: &Selection,
    destination: &Destination<'_>,
) -> Vec<String> {
    let in_tree: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let chosen = (survey.extent == Extent::ChosenSuites).then(|| in_chosen_suites(listing, survey, destination));
    let mut keys: Vec<String> = listing
        .keys()
        .filter(|key| destination.archives.classify(key, destination.unlisted) != KeyClass::Private)
        .filter(|key| {
            key.strip_prefix(destination.prefix).is_some_and(|path| {
                selection.holds(path) && !in_tree.contains(path) && !survey.wanted.contains_key(path)
            })
        })
        .filter(|key| chosen.as_ref().is_none_or(|chosen| chosen.contains(key.as_str())))
        .cloned()
        .collect();
    keys.sort_unstable();
    keys
}

/// The keys that are certain to belong to the chosen suites alone: the indices and release files in their directories, and
/// not in that of another suite there, be it one that only the bucket knows. The pool belongs to all suites of an archive,
/// and the tree need not hold them all.
fn in_chosen_suites<'a>(
    listing: &'a HashMap<String, ListedObject>,
    survey: &Survey,
    destination: &Destination<'_>,
) -> HashSet<&'a str> {
    let mut directories = survey.directories();
    let mut of_a_suite = Vec::new();
    for key in listing.keys() {
        let class = destination.archives.classify(key, destination.unlisted);
        if let KeyClass::ReleaseFile { suite, .. } = &class {
            directories.add_foreign(suite.directory_key_prefix());
        } else if is_release_below_flat(key, destination.archives) {
            directories.add_foreign(directory_of(key).to_owned());
        }
        if !matches!(class, KeyClass::Pool { .. } | KeyClass::Foreign | KeyClass::Private) {
            of_a_suite.push(key.as_str());
        }
    }
    of_a_suite.into_iter().filter(|key| directories.is_in_chosen(key)).collect()
}

/// Whether a key is a release file in a directory of a flat archive: then another archive lies there that nobody told of.
fn is_release_below_flat(key: &str, archives: &Archives) -> bool {
    let is_flat = archives.archive_of_key(key).is_some_and(|archive| archive.layout == Layout::Flat);
    is_flat && key.rsplit_once('/').is_some_and(|(_, name)| ReleaseFile::from_file_name(name).is_some())
}

/// The directory of a key, with its slash.
fn directory_of(key: &str) -> &str {
    key.rfind('/').and_then(|end| key.get(..=end)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
