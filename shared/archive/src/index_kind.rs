//! What an index is, by its place and name.

use crate::{ArchivePath, Compression};

/// What a listed file is for, which decides whether it is read for the files that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexKind {
    /// `Packages`: names binary packages.
    Packages,
    /// `Sources`: names source packages.
    Sources,
    /// `*.diff/Index`: names patches beside itself.
    DiffIndex,
    /// `SHA256SUMS`: names files below its own directory (the installer's images). `MD5SUMS` vouches for nothing and is
    /// not read.
    ChecksumList,
    /// `i18n/Translation-*`
    Translation,
    /// `Contents-*`
    Contents,
    /// `dep11/`: descriptions and icons of applications.
    Dep11,
    /// `cnf/`: for command-not-found.
    Cnf,
    /// The small `Release` beside a `Packages` or `Sources`.
    ArchitectureRelease,
    /// Anything else.
    Other,
}

impl IndexKind {
    /// The kind of an index by its path relative to the suite; a compression's suffix does not matter.
    ///
    /// ```
    /// use suitecast_archive::{ArchivePath, IndexKind};
    ///
    /// let path = ArchivePath::parse("main/binary-amd64/Packages.diff/Index")?;
    /// assert_eq!(IndexKind::of_path(&path), IndexKind::DiffIndex);
    /// # Ok::<(), suitecast_archive::PathError>(())
    /// ```
    pub fn of_path(path: &ArchivePath) -> Self {
        let directory = path.parent().map(|parent| parent.rsplit_once('/').map_or(parent, |(_, name)| name));
        let (name, compression) = Compression::split(path.file_name());
        match (directory, name) {
            (_, "Packages") => Self::Packages,
            (_, "Sources") => Self::Sources,
            (Some(parent), "Index") if parent.ends_with(".diff") && compression == Compression::None => Self::DiffIndex,
            (_, "SHA256SUMS") if compression == Compression::None => Self::ChecksumList,
            (Some(_), "Release") if compression == Compression::None => Self::ArchitectureRelease,
            (Some("dep11"), _) => Self::Dep11,
            (Some("cnf"), _) => Self::Cnf,
            (_, name) if name.starts_with("Translation-") => Self::Translation,
            (_, name) if name.starts_with("Contents-") => Self::Contents,
            _ => Self::Other,
        }
    }

    /// Whether its content names further files that a complete suite needs.
    pub fn names_files(self) -> bool {
        matches!(self, Self::Packages | Self::Sources | Self::DiffIndex | Self::ChecksumList)
    }

    /// Whether apt can do without it, so that a relaxed mirror only warns when it is absent.
    pub(crate) fn is_extra(self) -> bool {
        matches!(self, Self::Translation | Self::Contents | Self::Dep11 | Self::Cnf)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_told_by_place_and_name() {
        for (text, kind) in [
            ("main/binary-amd64/Packages", IndexKind::Packages),
            ("main/debian-installer/binary-amd64/Packages.xz", IndexKind::Packages),
            ("Packages.gz", IndexKind::Packages),
            ("main/source/Sources.xz", IndexKind::Sources),
            ("main/binary-amd64/Packages.diff/Index", IndexKind::DiffIndex),
            ("main/Contents-amd64.diff/Index", IndexKind::DiffIndex),
            ("main/i18n/Index", IndexKind::Other),
            ("main/installer-amd64/current/images/SHA256SUMS", IndexKind::ChecksumList),
            ("main/installer-amd64/current/images/MD5SUMS", IndexKind::Other),
            ("main/i18n/Translation-en.bz2", IndexKind::Translation),
            ("main/Contents-udeb-amd64.gz", IndexKind::Contents),
            ("Contents-amd64", IndexKind::Contents),
            ("main/dep11/icons-48x48.tar.gz", IndexKind::Dep11),
            ("main/cnf/Commands-amd64.xz", IndexKind::Cnf),
            ("main/binary-amd64/Release", IndexKind::ArchitectureRelease),
            ("Release", IndexKind::Other),
            ("main/binary-amd64/Packages.gz.sig", IndexKind::Other),
        ] {
            assert_eq!(IndexKind::of_path(&ArchivePath::parse(text).unwrap()), kind, "{text}");
        }
    }
}
