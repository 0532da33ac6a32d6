//! Release files: what a suite says of itself and of its indices.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use thiserror::Error;

use crate::deb822::{Line, parse_size, words};
use crate::path::shown;
use crate::{
    ArchivePath, DateError, Digest, DigestAlgorithm, DigestError, Digests, PathError, ReleaseFile, parse_date,
};

/// The largest release file in bytes. Debian's largest has some 250 kB; a hundred times that is no release.
pub const MAX_RELEASE_BYTES: usize = 16 * 1024 * 1024;

/// The most files that a release may list. Debian's `sid` lists some 1,500.
pub const MAX_RELEASE_ENTRIES: usize = 100_000;

/// The largest file in bytes that a list may name: S3's largest object, 50 TB (Amazon S3 quotas, 2025-12). Beyond it a
/// size is no size.
pub const MAX_FILE_BYTES: u64 = 50_000_000_000_000;

/// What a release says of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReleaseEntry {
    /// Its size in bytes.
    pub size: u64,
    /// Its digests: at least one.
    pub digests: Digests,
}

/// Why bytes are no release that a mirror can go by. Permanent: the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReleaseError {
    /// It is over [`MAX_RELEASE_BYTES`].
    #[error("the release has {bytes} bytes, and at most {MAX_RELEASE_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It lists more than [`MAX_RELEASE_ENTRIES`].
    #[error("the release lists more than {MAX_RELEASE_ENTRIES} files (line {line})")]
    TooManyEntries {
        /// Where the limit was passed.
        line: usize,
    },
    /// A line is neither a field nor more of one, or stands behind the release's only stanza.
    #[error("line {line} of the release is no field of a single stanza: {text}")]
    Line {
        /// The line, from one.
        line: usize,
        /// What it says, escaped and cut.
        text: String,
    },
    /// A field that a mirror goes by is there twice.
    #[error("line {line} of the release gives the field {field} a second time")]
    DuplicateField {
        /// The line, from one.
        line: usize,
        /// The field.
        field: &'static str,
    },
    /// A line of a digest list is not made of a digest, a size and a path.
    #[error("line {line} of the release, in the list {list}, is not a digest, a size and a path: {text}")]
    Entry {
        /// The line, from one.
        line: usize,
        /// The list.
        list: &'static str,
        /// What it says, escaped and cut.
        text: String,
    },
    /// A digest in a list is none.
    #[error("line {line} of the release holds no digest")]
    Digest {
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: DigestError,
    },
    /// A size is no number, or absurd.
    #[error("line {line} of the release gives the size {text}, which is no number up to {MAX_FILE_BYTES}")]
    Size {
        /// The line, from one.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A path leads out of the suite or is none.
    #[error("line {line} of the release names a path that cannot be used")]
    Path {
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: PathError,
    },
    /// Two lines say different things of one file.
    #[error("line {line} of the release gives another {what} for {path} than a line before it")]
    Conflict {
        /// The line, from one.
        line: usize,
        /// The file.
        path: ArchivePath,
        /// `size` or the name of a list.
        what: &'static str,
    },
    /// Nothing is listed with a digest that proves anything.
    #[error("the release lists no file with a SHA256 or SHA512 digest; apt trusts nothing weaker")]
    NoStrongDigest,
    /// There is no `Date`, so that older and newer cannot be told apart.
    #[error("the release has no Date; a mirror cannot tell whether it is newer than what is served")]
    NoDate,
    /// A date is none that apt reads.
    #[error("the field {field} of the release cannot be read")]
    Date {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: DateError,
    },
}

/// A release file, read: without signature, or the text inside an `InRelease`
/// ([`ClearSigned`](crate::ClearSigned)).
///
/// ```
/// use suitecast_archive::Release;
///
/// let text = "Suite: stable\nDate: Mon, 23 Nov 2026 00:00:00 UTC\nAcquire-By-Hash: yes\nSHA256:\n \
///     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n";
/// let release = Release::parse(text.as_bytes())?;
/// assert_eq!(release.suite.as_deref(), Some("stable"));
/// assert!(release.acquire_by_hash);
/// assert_eq!(release.entries.len(), 1);
/// # Ok::<(), suitecast_archive::ReleaseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Suite`, such as `stable`.
    pub suite: Option<String>,
    /// `Codename`, such as `bookworm`.
    pub codename: Option<String>,
    /// `Date`: when it was made.
    pub date: Timestamp,
    /// `Valid-Until`: when clients begin to refuse it.
    pub valid_until: Option<Timestamp>,
    /// `Acquire-By-Hash`: whether clients ask for indices by digest first.
    pub acquire_by_hash: bool,
    /// `Architectures`
    pub architectures: Vec<String>,
    /// `Components`, as they are called; never part of a path (see [`Scope`](crate::Scope)).
    pub components: Vec<String>,
    /// Whether `No-Support-for-Architecture-all` says `Packages`: clients then leave `binary-all` alone.
    pub no_support_for_architecture_all_packages: bool,
    /// The listed files by their path relative to the suite. The release files themselves are left out, since a release
    /// cannot hold its own digest, and so is what is listed with weak digests only.
    pub entries: BTreeMap<ArchivePath, ReleaseEntry>,
}

/// The fields a mirror goes by, as written by apt-ftparchive; their place in this list marks them as seen.
const FIELDS: [&str; 10] = [
    "Suite",
    "Codename",
    "Date",
    "Valid-Until",
    "Acquire-By-Hash",
    "Architectures",
    "Components",
    "No-Support-for-Architecture-all",
    "SHA256",
    "SHA512",
];

impl Release {
    /// Reads a release. `MD5Sum` and `SHA1` are passed over, as apt passes over what proves nothing.
    ///
    /// # Errors
    /// When it is too large, malformed, contradicts itself, names paths outside of the suite, has no usable `Date`, or
    /// vouches for nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        if bytes.len() > MAX_RELEASE_BYTES {
            return Err(ReleaseError::TooLarge { bytes: bytes.len() });
        }
        let mut fields: [Option<String>; FIELDS.len()] = Default::default();
        let mut entries = BTreeMap::new();
        let mut current: Option<usize> = None;
        let mut is_begun = false;
        let mut is_ended = false;
        for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = index + 1;
            let parsed = Line::of(text);
            let is_stray = match parsed {
                Line::Blank => false,
                Line::Continuation { value, .. } => (is_ended || !is_begun) && !value.is_empty(),
                Line::Field { .. } => is_ended,
                Line::Malformed => true,
            };
            if is_stray {
                return Err(ReleaseError::Line { line, text: shown(&String::from_utf8_lossy(text)) });
            }
            match parsed {
                Line::Blank => is_ended = is_begun,
                Line::Continuation { value, .. } => take_continuation(current, value, line, &mut fields, &mut entries)?,
                Line::Field { name, value } => {
                    is_begun = true;
                    current = FIELDS.iter().position(|field| field.as_bytes().eq_ignore_ascii_case(name));
                    take_field(current, value, line, &mut fields, &mut entries)?;
                }
                Line::Malformed => {}
            }
        }
        Self::assembled(fields, entries)
    }

    fn assembled(
        fields: [Option<String>; FIELDS.len()],
        entries: BTreeMap<ArchivePath, ReleaseEntry>,
    ) -> Result<Self, ReleaseError> {
        let [suite, codename, date, valid_until, by_hash, architectures, components, no_support, _, _] = fields;
        let date = date.ok_or(ReleaseError::NoDate)?;
        let date = parse_date(&date).map_err(|source| ReleaseError::Date { field: "Date", source })?;
        let valid_until = valid_until
            .map(|text| parse_date(&text).map_err(|source| ReleaseError::Date { field: "Valid-Until", source }))
            .transpose()?;
        if entries.is_empty() {
            return Err(ReleaseError::NoStrongDigest);
        }
        let list = |text: Option<String>| -> Vec<String> {
            text.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
        };
        Ok(Self {
            suite: suite.filter(|text| !text.is_empty()),
            codename: codename.filter(|text| !text.is_empty()),
            date,
            valid_until,
            acquire_by_hash: by_hash.is_some_and(|text| is_true(&text)),
            architectures: list(architectures),
            components: list(components),
            no_support_for_architecture_all_packages: list(no_support).iter().any(|name| name == "Packages"),
            entries,
        })
    }

    /// The entry of a file by its path relative to the suite.
    pub fn entry(&self, path: &ArchivePath) -> Option<&ReleaseEntry> {
        self.entries.get(path)
    }
}

fn take_field(
    field: Option<usize>,
    value: &[u8],
    line: usize,
    fields: &mut [Option<String>; FIELDS.len()],
    entries: &mut BTreeMap<ArchivePath, ReleaseEntry>,
) -> Result<(), ReleaseError> {
    let Some((name, place)) = field.and_then(|index| Some((*FIELDS.get(index)?, fields.get_mut(index)?))) else {
        return Ok(());
    };
    if place.is_some() {
        return Err(ReleaseError::DuplicateField { line, field: name });
    }
    *place = Some(String::new());
    take_continuation(field, value, line, fields, entries)
}

fn take_continuation(
    field: Option<usize>,
    value: &[u8],
    line: usize,
    fields: &mut [Option<String>; FIELDS.len()],
    entries: &mut BTreeMap<ArchivePath, ReleaseEntry>,
) -> Result<(), ReleaseError> {
    let Some((name, Some(text))) = field.and_then(|index| Some((*FIELDS.get(index)?, fields.get_mut(index)?))) else {
        return Ok(());
    };
    if value.is_empty() {
        return Ok(());
    }
    match name {
        "SHA256" => take_entry(DigestAlgorithm::Sha256, value, line, entries),
        "SHA512" => take_entry(DigestAlgorithm::Sha512, value, line, entries),
        _ => {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&String::from_utf8_lossy(value));
            Ok(())
        }
    }
}

fn take_entry(
    algorithm: DigestAlgorithm,
    value: &[u8],
    line: usize,
    entries: &mut BTreeMap<ArchivePath, ReleaseEntry>,
) -> Result<(), ReleaseError> {
    let list = algorithm.release_field();
    let mut parts = words(value);
    let (Some(hexadecimal), Some(size_text), Some(path), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ReleaseError::Entry { line, list, text: shown(&String::from_utf8_lossy(value)) });
    };
    let digest = Digest::parse_bytes(algorithm, hexadecimal).map_err(|source| ReleaseError::Digest { line, source })?;
    let size = parse_size(size_text, MAX_FILE_BYTES)
        .ok_or_else(|| ReleaseError::Size { line, text: shown(&String::from_utf8_lossy(size_text)) })?;
    let path = ArchivePath::parse_bytes(path).map_err(|source| ReleaseError::Path { line, source })?;
    if ReleaseFile::from_file_name(path.as_str()).is_some() {
        return Ok(());
    }
    if entries.len() >= MAX_RELEASE_ENTRIES && !entries.contains_key(&path) {
        return Err(ReleaseError::TooManyEntries { line });
    }
    match entries.entry(path) {
        Entry::Vacant(place) => {
            let mut digests = Digests::default();
            digests.set(digest);
            place.insert(ReleaseEntry { size, digests });
        }
        Entry::Occupied(mut place) => {
            if place.get().size != size {
                return Err(ReleaseError::Conflict { line, path: place.key().clone(), what: "size" });
            }
            if place.get_mut().digests.set(digest).is_some_and(|before| before != digest) {
                return Err(ReleaseError::Conflict { line, path: place.key().clone(), what: list });
            }
        }
    }
    Ok(())
}

/// What apt takes as true (`StringToBool` in `apt-pkg/contrib/strutl.cc`).
fn is_true(text: &str) -> bool {
    ["yes", "true", "with", "on", "enable"].iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.parse::<i64>().is_ok_and(|number| number == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect)]
    use super::*;

    const DATE: &str = "Date: Mon, 23 Nov 2026 00:00:00 UTC\n";

    fn zeros() -> String {
        "0".repeat(64)
    }

    fn parse(text: &str) -> Result<Release, ReleaseError> {
        Release::parse(text.as_bytes())
    }

    fn with_list(lines: &str) -> Result<Release, ReleaseError> {
        parse(&format!("{DATE}SHA256:\n{lines}"))
    }

    #[test]
    fn all_fields_a_mirror_goes_by_are_read() {
        let (zeros, ones) = (zeros(), "1".repeat(128));
        let release = parse(&format!(
            "Origin: Debian\r\nsuite: stable\nCODENAME: bookworm\n{DATE}Valid-Until: Mon, 30 Nov 2026 00:00:00 UTC\n\
             Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\nArchitectures: all amd64\n arm64\n\
             Components: main  contrib\nDescription: x\n folded\nMD5Sum:\n {} 1 only/weak\n\
             SHA256:\n {zeros} 7 main/a\n\t{zeros}   8 ./main/b\r\nSHA512:\n {ones} 7 main/a\n\n\n",
            "2".repeat(32)
        ))
        .unwrap();
        assert_eq!((release.suite.as_deref(), release.codename.as_deref()), (Some("stable"), Some("bookworm")));
        assert_eq!(release.valid_until.unwrap().duration_since(release.date).as_hours(), 7 * 24);
        assert!(release.acquire_by_hash && release.no_support_for_architecture_all_packages);
        assert_eq!(release.architectures, ["all", "amd64", "arm64"]);
        assert_eq!(release.components, ["main", "contrib"]);
        let paths: Vec<&str> = release.entries.keys().map(ArchivePath::as_str).collect();
        assert_eq!(paths, ["main/a", "main/b"]);
        let entry = release.entry(&ArchivePath::parse("main/a").unwrap()).unwrap();
        assert_eq!(entry.size, 7);
        assert!(entry.digests.sha256.is_some() && entry.digests.sha512.is_some());
    }

    #[test]
    fn a_release_that_lists_itself_is_not_held_to_it() {
        let zeros = zeros();
        let release = with_list(&format!(
            " {zeros} 1 Release\n {zeros} 2 InRelease\n {zeros} 3 Release.gpg\n {zeros} 4 main/binary-amd64/Release\n"
        ));
        assert_eq!(release.unwrap().entries.len(), 1);
    }

    #[test]
    fn paths_that_leave_the_suite_are_refused() {
        for path in ["../x", "/etc/passwd", "main/../../x", "main//x", "main/.", "a\\b"] {
            let error = with_list(&format!(" {} 1 {path}\n", zeros())).unwrap_err();
            assert!(matches!(error, ReleaseError::Path { line: 3, .. }), "{path}: {error}");
        }
    }

    /// apt keeps it within the word beside it: no file has such a digest, and none such a name.
    #[test]
    fn a_form_feed_belongs_to_the_word_beside_it() {
        let zeros = zeros();
        let error = with_list(&format!(" \x0c{zeros} 1 main/a\n")).unwrap_err();
        assert!(matches!(error, ReleaseError::Digest { line: 3, .. }), "{error:?}");
        let error = with_list(&format!(" {zeros} 1 main/a\x0c\n")).unwrap_err();
        assert!(matches!(error, ReleaseError::Path { line: 3, .. }), "{error:?}");
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for size in ["-1", "+1", "1.5", "0x10", "50000000000001", "99999999999999999999999", "1e3"] {
            let error = with_list(&format!(" {} {size} main/a\n", zeros())).unwrap_err();
            assert!(matches!(error, ReleaseError::Size { line: 3, .. }), "{size}: {error}");
        }
        assert!(with_list(&format!(" {} 50000000000000 main/a\n", zeros())).is_ok());
    }

    #[test]
    fn contradictions_are_refused_and_repetitions_are_not() {
        let (zeros, ones) = (zeros(), "1".repeat(64));
        assert!(with_list(&format!(" {zeros} 1 a\n {zeros} 1 a\n")).is_ok());
        let error = with_list(&format!(" {zeros} 1 a\n {zeros} 2 ./a\n")).unwrap_err();
        assert!(matches!(error, ReleaseError::Conflict { line: 4, what: "size", .. }), "{error}");
        let error = with_list(&format!(" {zeros} 1 a\n {ones} 1 a\n")).unwrap_err();
        assert!(matches!(error, ReleaseError::Conflict { line: 4, what: "SHA256", .. }), "{error}");
        let error = with_list(&format!(" {zeros} 1 a\nSHA512:\n {zeros}{zeros} 2 a\n")).unwrap_err();
        assert!(matches!(error, ReleaseError::Conflict { line: 5, what: "size", .. }), "{error}");
        let error = parse(&format!("{DATE}{DATE}SHA256:\n {zeros} 1 a\n")).unwrap_err();
        assert_eq!(error, ReleaseError::DuplicateField { line: 2, field: "Date" });
    }

    #[test]
    fn a_release_that_vouches_for_nothing_is_refused() {
        assert_eq!(parse(DATE), Err(ReleaseError::NoStrongDigest));
        assert_eq!(with_list(""), Err(ReleaseError::NoStrongDigest));
        let weak = format!("{DATE}MD5Sum:\n {} 1 a\nSHA1:\n {} 1 a\n", "0".repeat(32), "0".repeat(40));
        assert_eq!(parse(&weak), Err(ReleaseError::NoStrongDigest));
    }

    #[test]
    fn a_release_without_a_usable_date_is_refused() {
        let list = format!("SHA256:\n {} 1 a\n", zeros());
        assert_eq!(parse(&list), Err(ReleaseError::NoDate));
        for field in ["Date", "Valid-Until"] {
            let date = if field == "Date" { "" } else { DATE };
            let error = parse(&format!("{date}{field}: tomorrow\n{list}")).unwrap_err();
            assert!(matches!(error, ReleaseError::Date { field: found, .. } if found == field), "{error}");
        }
    }

    #[test]
    fn what_is_no_release_says_where() {
        for (text, line) in [
            ("-----BEGIN PGP SIGNED MESSAGE-----\n", 1),
            (" begins: folded\n", 1),
            ("Date: x\n\nSecond: stanza\n", 3),
            ("Date: x\n\n folded\n", 3),
            (": no name\n", 1),
            ("Date: x\nno colon\n", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, ReleaseError::Line { line: found, .. } if found == line), "{text}: {error}");
        }
        let error = with_list(&format!(" {} 1\n", zeros())).unwrap_err();
        assert!(matches!(error, ReleaseError::Entry { line: 3, list: "SHA256", .. }), "{error}");
        let error = with_list(&format!(" {} 1 a b\n", zeros())).unwrap_err();
        assert!(matches!(error, ReleaseError::Entry { .. }), "{error}");
        assert!(matches!(with_list(" abc 1 a\n"), Err(ReleaseError::Digest { line: 3, .. })));
    }

    #[test]
    fn limits_hold() {
        assert_eq!(
            Release::parse(&vec![b' '; MAX_RELEASE_BYTES + 1]),
            Err(ReleaseError::TooLarge { bytes: MAX_RELEASE_BYTES + 1 })
        );
        let zeros = zeros();
        let list = |count: usize| (0..count).map(|number| format!(" {zeros} 1 {number}\n")).collect::<String>();
        let error = with_list(&list(MAX_RELEASE_ENTRIES + 1)).unwrap_err();
        assert_eq!(error, ReleaseError::TooManyEntries { line: MAX_RELEASE_ENTRIES + 3 });
        assert_eq!(with_list(&list(MAX_RELEASE_ENTRIES)).unwrap().entries.len(), MAX_RELEASE_ENTRIES);
        let mut text = format!("{DATE}SHA256:\n{}Description: ", list(1));
        text.push_str(&"x".repeat(MAX_RELEASE_BYTES - text.len()));
        assert!(parse(&text).is_ok());
    }

    #[test]
    fn true_is_what_apt_takes_for_it() {
        for text in ["yes", "Yes", "true", "with", "on", "enable", "1"] {
            assert!(is_true(text), "{text}");
        }
        for text in ["", "no", "0", "force", "2", "yess"] {
            assert!(!is_true(text), "{text}");
        }
    }
}
