//! The release files of a suite, as a reader finds them.

use jiff::Timestamp;
use suitecast_archive::{MAX_RELEASE_BYTES, ReleaseFile, SuiteName};
use suitecast_mirror::{Identity, ReleaseFiles, ReleaseSet};

use super::{ArchiveReader, ReadFailure, ReadFailureKind, read_whole};

/// Reads the three release files. What apt never asks for, because there is an `InRelease`, may be denied.
///
/// # Errors
/// One of them could not be read.
pub(crate) async fn read_release_files(
    reader: &dyn ArchiveReader,
    suite: &SuiteName,
) -> Result<ReleaseFiles, (ReleaseFile, ReadFailure)> {
    let mut files = ReleaseFiles::default();
    for file in ReleaseFile::ALL {
        let bytes = match read_whole(reader, &suite.release_key(file), MAX_RELEASE_BYTES).await {
            Ok(bytes) => bytes,
            Err(failure) if failure.kind == ReadFailureKind::Denied && files.in_release.is_some() => None,
            Err(failure) => return Err((file, failure)),
        };
        match file {
            ReleaseFile::InRelease => files.in_release = bytes,
            ReleaseFile::Release => files.release = bytes,
            ReleaseFile::ReleaseGpg => files.release_gpg = bytes,
        }
    }
    Ok(files)
}

/// Those of the files that apt goes by: `InRelease` where there is one, and then it never asks for the others.
pub(crate) fn seen_by_apt(files: ReleaseFiles) -> ReleaseFiles {
    match files.in_release {
        Some(_) => ReleaseFiles { release: None, release_gpg: None, ..files },
        None => files,
    }
}

/// Which release the files are, and what it says of its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenRelease {
    /// Which one: the digests of the files.
    pub identity: Identity,
    /// Its `Date`; `None` where there is no release, or none that can be read.
    pub date: Option<Timestamp>,
}

impl SeenRelease {
    /// Of these files. What clients see it by counts: `InRelease`, or `Release` where there is none.
    pub(crate) fn of(files: &ReleaseFiles) -> Self {
        let seen = ReleaseFiles { release_gpg: None, ..seen_by_apt(files.clone()) };
        let date = ReleaseSet::read(seen, None).ok().map(|set| set.release.date);
        Self { identity: Identity::of(files), date }
    }

    /// Whether there is any release file.
    pub(crate) fn is_there(&self) -> bool {
        self.identity.commit_digest().is_some() || self.identity.release_gpg.is_some()
    }
}
