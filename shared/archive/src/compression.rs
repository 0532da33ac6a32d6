//! The compressions an index comes in.

use crate::ArchivePath;

/// How a file of an archive is compressed, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.bz2`
    Bzip2,
    /// `.lzma`
    Lzma,
    /// `.zst`
    Zstd,
    /// `.lz4`
    Lz4,
}

impl Compression {
    /// Every compression that has a suffix.
    const COMPRESSED: [Self; 6] = [Self::Gzip, Self::Xz, Self::Bzip2, Self::Lzma, Self::Zstd, Self::Lz4];

    /// The compression that a path's name says. A name that is nothing but a suffix says nothing.
    pub fn of_path(path: &ArchivePath) -> Self {
        Self::split(path.as_str()).1
    }

    /// The path without its compression's suffix: what its variants have in common.
    ///
    /// ```
    /// use suitecast_archive::{ArchivePath, Compression};
    ///
    /// let path = ArchivePath::parse("main/binary-amd64/Packages.xz")?;
    /// assert_eq!(Compression::of_path(&path), Compression::Xz);
    /// assert_eq!(Compression::stem(&path).as_str(), "main/binary-amd64/Packages");
    /// # Ok::<(), suitecast_archive::PathError>(())
    /// ```
    pub fn stem(path: &ArchivePath) -> ArchivePath {
        ArchivePath::assembled(Self::split(path.as_str()).0.to_owned())
    }

    /// The suffix with its dot; empty for a plain file.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Bzip2 => ".bz2",
            Self::Lzma => ".lzma",
            Self::Zstd => ".zst",
            Self::Lz4 => ".lz4",
        }
    }

    /// Whether [`IndexReader`](crate::IndexReader) reads it. Every archive that apt of the last ten years can use has
    /// one of these.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::None | Self::Gzip | Self::Xz)
    }

    /// Which of several variants to read: the lowest is the smallest to fetch.
    pub(crate) fn reading_rank(self) -> Option<u8> {
        match self {
            Self::Xz => Some(0),
            Self::Gzip => Some(1),
            Self::None => Some(2),
            Self::Bzip2 | Self::Lzma | Self::Zstd | Self::Lz4 => None,
        }
    }

    /// Splits a name or path into what it is without the suffix, and the compression.
    pub(crate) fn split(text: &str) -> (&str, Self) {
        for compression in Self::COMPRESSED {
            if let Some(stem) = text.strip_suffix(compression.suffix())
                && !matches!(stem.rsplit_once('/').map_or(stem, |(_, name)| name), "" | "." | "..")
            {
                return (stem, compression);
            }
        }
        (text, Self::None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> ArchivePath {
        ArchivePath::parse(text).unwrap()
    }

    #[test]
    fn one_suffix_is_dropped_and_never_a_whole_name() {
        for (text, stem, compression) in [
            ("a/Packages.gz", "a/Packages", Compression::Gzip),
            ("Packages.zst", "Packages", Compression::Zstd),
            ("a/icons-48x48.tar.gz", "a/icons-48x48.tar", Compression::Gzip),
            ("a/Packages", "a/Packages", Compression::None),
            ("a/.xz", "a/.xz", Compression::None),
            (".xz", ".xz", Compression::None),
            ("a/..gz", "a/..gz", Compression::None),
            ("a/...gz", "a/...gz", Compression::None),
            ("a.xz/b", "a.xz/b", Compression::None),
        ] {
            assert_eq!(Compression::of_path(&path(text)), compression, "{text}");
            assert_eq!(Compression::stem(&path(text)).as_str(), stem, "{text}");
        }
    }
}
