//! Paths that cannot leave the archive they are in.

use serde::Serialize;
use thiserror::Error;

/// The longest path in bytes: what S3 allows a whole key (Amazon S3 user guide, "Naming Amazon S3 objects").
pub const MAX_PATH_BYTES: usize = 1024;

/// How much of a refused path an error shows, in characters: enough to find it, not enough to flood a log.
const SHOWN_CHARACTERS: usize = 200;

/// Why a text is no path inside an archive. The path is shown escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// Nothing is there, or only `./`.
    #[error("a path is empty")]
    Empty,
    /// It is over [`MAX_PATH_BYTES`].
    #[error("the path {path} has {bytes} bytes; a key of S3 has at most {MAX_PATH_BYTES}")]
    TooLong {
        /// The path, cut.
        path: String,
        /// Its length.
        bytes: usize,
    },
    /// It begins with `/`.
    #[error("the path {path} is absolute; paths in an archive are relative to its root")]
    Absolute {
        /// The path.
        path: String,
    },
    /// A part of it is empty, `.` or `..`.
    #[error("the path {path} has an empty, \".\" or \"..\" part, so that its place is not what it says")]
    Segment {
        /// The path.
        path: String,
    },
    /// It holds a control character or a backslash.
    #[error("the path {path} holds a control character or a backslash")]
    Character {
        /// The path, escaped.
        path: String,
    },
    /// It is not UTF-8, and keys of S3 are.
    #[error("the path {path} is not UTF-8")]
    NotUtf8 {
        /// The path with its bad bytes replaced.
        path: String,
    },
}

/// A relative path with `/` between its parts that stays where it says: no `..`, no `.`, no empty part, nothing
/// absolute, no control character, no backslash, at most [`MAX_PATH_BYTES`]. A leading `./` is dropped, as flat
/// archives write it.
///
/// ```
/// use suitecast_archive::ArchivePath;
///
/// let path = ArchivePath::parse("./pool/main/a/apt/apt_2.6.1_amd64.deb")?;
/// assert_eq!(path.as_str(), "pool/main/a/apt/apt_2.6.1_amd64.deb");
/// assert_eq!(path.file_name(), "apt_2.6.1_amd64.deb");
/// assert!(ArchivePath::parse("pool/../../secret").is_err());
/// # Ok::<(), suitecast_archive::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ArchivePath(String);

impl ArchivePath {
    /// Reads a path.
    ///
    /// # Errors
    /// When the text breaks one of the rules above; the error says which.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Ok(Self(checked(text)?.to_owned()))
    }

    /// Reads a path from bytes of a file, which need not be UTF-8.
    ///
    /// # Errors
    /// As [`ArchivePath::parse`], and when the bytes are not UTF-8.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, PathError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(_) => Err(PathError::NotUtf8 { path: shown(&String::from_utf8_lossy(bytes)) }),
        }
    }

    /// Joins texts that are paths already, or literals of this crate. The length is left to the store to refuse.
    pub(crate) fn assembled(text: String) -> Self {
        debug_assert!(!text.is_empty() && text.split('/').all(|part| !matches!(part, "" | "." | "..")));
        Self(text)
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the last `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// What stands before the last `/`; none for a file at the root.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// The parts between the slashes.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// A path below this one, which is taken as a directory.
    ///
    /// # Errors
    /// When `relative` is no path by itself, or the two together are too long.
    pub fn join(&self, relative: &str) -> Result<Self, PathError> {
        Self::joined(&self.0, relative)
    }

    /// A path below a directory given as text, where empty means the root.
    ///
    /// # Errors
    /// When either is no path by itself, or the two together are too long.
    pub fn joined(directory: &str, relative: &str) -> Result<Self, PathError> {
        if directory.is_empty() {
            return Self::parse(relative);
        }
        let relative = checked(relative)?;
        let mut path = String::with_capacity(directory.len() + 1 + relative.len());
        path.push_str(checked(directory)?);
        path.push('/');
        path.push_str(relative);
        if path.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong { path: shown(&path), bytes: path.len() });
        }
        Ok(Self(path))
    }

    /// Whether it lies below a directory, at any depth.
    pub fn is_below(&self, directory: &str) -> bool {
        self.0.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn checked(text: &str) -> Result<&str, PathError> {
    let mut path = text;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathError::TooLong { path: shown(path), bytes: path.len() });
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute { path: shown(text) });
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(PathError::Segment { path: shown(text) });
    }
    let is_bad = |byte: u8| byte < 0x20 || byte == 0x7f || byte == b'\\';
    let is_bad_beyond_ascii = || !path.is_ascii() && path.chars().any(char::is_control);
    if path.bytes().any(is_bad) || is_bad_beyond_ascii() {
        return Err(PathError::Character { path: shown(text) });
    }
    Ok(path)
}

/// A foreign text as an error may show it: escaped, in quotes, cut.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// What every type that is a checked text has: it shows as its text, and is made from a text only by its `parse`.
macro_rules! checked_text {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::PathError;

            fn from_str(text: &str) -> Result<Self, crate::PathError> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use checked_text;

checked_text!(ArchivePath);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_that_stay_inside_are_taken() {
        for text in ["a", "pool/main/g/g++/g++_1.0+x~e1.deb", "a b", "..a", "a..", "...", "dists/é/x", "a/.b"] {
            assert_eq!(ArchivePath::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(ArchivePath::parse("./x.deb").unwrap().as_str(), "x.deb");
        assert_eq!(ArchivePath::parse("././x.deb").unwrap().as_str(), "x.deb");
    }

    #[test]
    fn paths_that_leave_or_mislead_are_refused() {
        let kind = |text: &str| ArchivePath::parse(text).unwrap_err();
        assert!(matches!(kind(""), PathError::Empty));
        assert!(matches!(kind("./"), PathError::Empty));
        assert!(matches!(kind("/etc/passwd"), PathError::Absolute { .. }));
        assert!(matches!(kind(".//etc"), PathError::Absolute { .. }));
        for text in ["..", "../x", "a/../b", "a/..", ".", "a/.", "a/./b", "a//b", "a/", "./.."] {
            assert!(matches!(kind(text), PathError::Segment { .. }), "{text}");
        }
        for text in ["a\nb", "a\0", "a\\b", "a\u{7f}", "a\u{85}"] {
            assert!(matches!(kind(text), PathError::Character { .. }), "{text:?}");
        }
        assert!(matches!(kind(&"a".repeat(1025)), PathError::TooLong { bytes: 1025, .. }));
        assert!(ArchivePath::parse(&"a".repeat(1024)).is_ok());
        assert!(matches!(ArchivePath::parse_bytes(b"a\xff"), Err(PathError::NotUtf8 { .. })));
    }

    #[test]
    fn parts_of_a_path_are_told_apart() {
        let path = ArchivePath::parse("a/b/c").unwrap();
        assert_eq!((path.parent(), path.file_name()), (Some("a/b"), "c"));
        assert!(path.is_below("a") && path.is_below("a/b") && !path.is_below("a/b/c") && !path.is_below("a/"));
        let root = ArchivePath::parse("c").unwrap();
        assert_eq!((root.parent(), root.file_name()), (None, "c"));
    }

    #[test]
    fn joined_paths_stay_below_their_directory() {
        let path = ArchivePath::parse("a/b").unwrap();
        assert_eq!(path.join("./c").unwrap().as_str(), "a/b/c");
        assert!(path.join("../c").is_err() && path.join("/c").is_err() && path.join("").is_err());
        assert!(path.join(&"c".repeat(1021)).is_err() && path.join(&"c".repeat(1020)).is_ok());
        assert_eq!(ArchivePath::joined("", "c").unwrap().as_str(), "c");
    }

    #[test]
    fn errors_show_a_cut_and_escaped_path() {
        let text = PathError::to_string(&ArchivePath::parse(&format!("a\n{}", "b".repeat(900))).unwrap_err());
        assert!(text.contains("\\n") && !text.contains('\n') && text.len() < 400, "{text}");
    }

    #[test]
    fn a_stored_path_is_checked_when_it_is_read_back() {
        let path = ArchivePath::parse("a/b").unwrap();
        assert_eq!(serde_json::from_str::<ArchivePath>(&serde_json::to_string(&path).unwrap()).unwrap(), path);
        assert!(serde_json::from_str::<ArchivePath>("\"../a\"").is_err());
    }
}
