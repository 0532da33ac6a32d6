//! Suites and their release files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ArchivePath, PathError};

/// What a suite at the root of the bucket is called: a flat archive without a prefix.
const ROOT: &str = ".";

/// The files that make up a release, the one clients ask for first in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReleaseFile {
    /// `InRelease`: the release with its signature inside.
    InRelease,
    /// `Release`: the same text without.
    Release,
    /// `Release.gpg`: the signature of `Release`.
    #[serde(rename = "Release.gpg")]
    ReleaseGpg,
}

impl ReleaseFile {
    /// All three, in the order in which apt asks for them.
    pub const ALL: [Self; 3] = [Self::InRelease, Self::Release, Self::ReleaseGpg];

    /// Its name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::InRelease => "InRelease",
            Self::Release => "Release",
            Self::ReleaseGpg => "Release.gpg",
        }
    }

    /// The release file of this name.
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.file_name() == name)
    }

    /// Its path relative to the suite.
    pub fn path(self) -> ArchivePath {
        ArchivePath::assembled(self.file_name().to_owned())
    }
}

impl fmt::Display for ReleaseFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file_name())
    }
}

/// A suite, named by the path of its directory in the bucket without a slash at the end: `debian/dists/bookworm`,
/// `dists/bookworm/updates`; for a flat archive its prefix; `.` for a flat archive at the bucket's root.
///
/// ```
/// use suitecast_archive::{ArchivePath, SuiteName};
///
/// let suite = SuiteName::parse("debian/dists/bookworm")?;
/// let index = ArchivePath::parse("main/binary-amd64/Packages.xz")?;
/// assert_eq!(suite.key(&index), "debian/dists/bookworm/main/binary-amd64/Packages.xz");
/// # Ok::<(), suitecast_archive::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SuiteName(String);

impl SuiteName {
    /// Reads a name. A slash at the end is dropped; `.` is the root.
    ///
    /// # Errors
    /// When it is neither `.` nor a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if matches!(text, ROOT | "./") {
            return Ok(Self::root());
        }
        let path = ArchivePath::parse(text.strip_suffix('/').unwrap_or(text))?;
        Ok(Self(path.as_str().to_owned()))
    }

    /// The suite of a flat archive at the bucket's root.
    pub fn root() -> Self {
        Self(ROOT.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the bucket's root.
    pub fn is_root(&self) -> bool {
        self.0 == ROOT
    }

    /// The key in the bucket of a file given by its path relative to the suite.
    pub fn key(&self, path: &ArchivePath) -> String {
        let mut key = self.directory_key_prefix();
        key.push_str(path.as_str());
        key
    }

    /// The key of one of its release files.
    pub fn release_key(&self, file: ReleaseFile) -> String {
        let mut key = self.directory_key_prefix();
        key.push_str(file.file_name());
        key
    }

    /// What every key in the suite begins with: the directory and a slash; nothing at the root.
    pub fn directory_key_prefix(&self) -> String {
        if self.is_root() { String::new() } else { format!("{}/", self.0) }
    }

    /// The path relative to the suite of a key below it.
    pub fn path_of_key(&self, key: &str) -> Option<ArchivePath> {
        let rest = if self.is_root() { key } else { key.strip_prefix(&self.0)?.strip_prefix('/')? };
        ArchivePath::parse(rest).ok().filter(|path| path.as_str() == rest)
    }
}

crate::path::checked_text!(SuiteName);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_of_a_suite_lie_below_it() {
        let index = ArchivePath::parse("main/x").unwrap();
        for (name, key) in [("dists/sid", "dists/sid/main/x"), ("flat/", "flat/main/x"), (".", "main/x")] {
            let suite = SuiteName::parse(name).unwrap();
            assert_eq!(suite.key(&index), key);
            assert_eq!(suite.path_of_key(key), Some(index.clone()));
        }
        let suite = SuiteName::parse("dists/sid").unwrap();
        assert_eq!(suite.release_key(ReleaseFile::ReleaseGpg), "dists/sid/Release.gpg");
        assert_eq!(suite.path_of_key("dists/sidx/main"), None);
        assert_eq!(suite.path_of_key("dists/sid/../x"), None);
        assert_eq!(suite.path_of_key("dists/sid/./x"), None);
    }

    #[test]
    fn names_that_are_no_directory_are_refused() {
        for text in ["", "/", "..", "/dists/sid", "dists//sid", "dists/../x"] {
            assert!(SuiteName::parse(text).is_err(), "{text}");
            assert!(serde_json::from_str::<SuiteName>(&serde_json::to_string(text).unwrap()).is_err());
        }
        let suite = SuiteName::parse("dists/sid").unwrap();
        assert_eq!(serde_json::to_string(&suite).unwrap(), "\"dists/sid\"");
    }
}
