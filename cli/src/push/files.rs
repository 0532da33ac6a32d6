//! Reading the files of a tree for sending: an adapter that notices when one changes under it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use suitecast_archive::{Digest, DigestAlgorithm, Digests, Hasher};
use thiserror::Error;

use super::plan::{Expected, Item, LocalDigests};
use super::survey::ReadFile;

/// Bytes read at once of a file that is only hashed.
const PIECE_BYTES: usize = 256 * 1024;

/// Why a file cannot be sent. It concerns this file alone, and keeps the release files from being sent.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        /// The file, relative to the tree.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is another one than when the tree was looked through, or became another one while it was read.
    #[error("{path}: changed while the tree was being pushed; push again when nobody writes to it")]
    Changed {
        /// The file, relative to the tree.
        path: String,
    },
    /// It is not what the indices say.
    #[error(
        "{path}: has the {algorithm} {found}, and its index says {expected}: the file is damaged, or the tree is being changed"
    )]
    Mismatch {
        /// The file, relative to the tree.
        path: String,
        /// `SHA256` or `SHA512`.
        algorithm: &'static str,
        /// What it is.
        found: Box<Digest>,
        /// What it should be.
        expected: Box<Digest>,
    },
}

/// A directory that files are read from.
#[derive(Debug, Clone)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl ReadFile for Directory {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.0.join(path))?))
    }
}

/// What tells one state of a file from another.
fn state(metadata: &Metadata) -> (u64, i64, i64, u64, u64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.dev(), metadata.ino())
}

/// A file that is open for sending.
pub(crate) struct OpenFile {
    file: File,
    on_disk: PathBuf,
    item: Item,
    hasher: Hasher,
    before: (u64, i64, i64, u64, u64),
}

impl OpenFile {
    /// Opens the file of an item.
    pub(crate) fn open(directory: &Directory, item: &Item) -> Result<Self, FileError> {
        let on_disk = directory.0.join(&item.path);
        let unreadable = |source| FileError::Unreadable { path: item.path.clone(), source };
        let file = File::open(&on_disk).map_err(unreadable)?;
        let before = state(&file.metadata().map_err(unreadable)?);
        if before.0 != item.size {
            return Err(FileError::Changed { path: item.path.clone() });
        }
        let hasher = match item.expected {
            // SHA-256 always: S3 is told it.
            Expected::Digests(Digests { sha512: Some(_), .. }) => Hasher::new(),
            _ => Hasher::matching(&Digests { sha256: Some(Digest::from_sha256([0; 32])), sha512: None }),
        };
        Ok(Self { file, on_disk, item: item.clone(), hasher, before })
    }

    /// The next bytes, which have to be asked for in order; `offset` and `length` lie within the file.
    pub(crate) fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, FileError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Changed { path: self.item.path.clone() },
            _ => FileError::Unreadable { path: self.item.path.clone(), source },
        })?;
        self.hasher.update(&bytes);
        Ok(bytes.into())
    }

    /// Says that everything was read: whether the file is the same as before, and what its index says. Answers its
    /// SHA-256.
    pub(crate) fn finish(self) -> Result<Digest, FileError> {
        let Self { file, on_disk, item, hasher, before } = self;
        let path = item.path;
        let unreadable = |source| FileError::Unreadable { path: path.clone(), source };
        let here = state(&file.metadata().map_err(unreadable)?);
        // A file is replaced by renaming another one over it: then the one that is open never changes.
        let there = state(&std::fs::metadata(&on_disk).map_err(unreadable)?);
        let (_, found) = hasher.finish();
        let sha256 = found.sha256.filter(|_| here == before && there == before);
        let Some(sha256) = sha256 else {
            return Err(FileError::Changed { path });
        };
        if let Expected::Digests(expected) = item.expected {
            for (expected, found) in expected.all().filter_map(|digest| Some((digest, same_kind(&found, &digest)?))) {
                if expected != found {
                    let algorithm = expected.algorithm().release_field();
                    let (found, expected) = (Box::new(found), Box::new(expected));
                    return Err(FileError::Mismatch { path, algorithm, found, expected });
                }
            }
        }
        Ok(sha256)
    }
}

fn same_kind(found: &Digests, digest: &Digest) -> Option<Digest> {
    found.all().find(|one| one.algorithm() == digest.algorithm())
}

/// Hashes a file that is compared with an object.
pub(crate) fn digests_of(directory: &Directory, item: &Item) -> Result<LocalDigests, FileError> {
    let path: &Path = item.path.as_ref();
    let unreadable = |source| FileError::Unreadable { path: item.path.clone(), source };
    let mut file = File::open(directory.0.join(path)).map_err(unreadable)?;
    let mut hasher = Hasher::new();
    let mut md5 = md5::Md5::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = piece.get(..count).unwrap_or_default();
                hasher.update(bytes);
                md5::Digest::update(&mut md5, bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(unreadable(source)),
        }
    }
    let (size, found) = hasher.finish();
    let md5 = hexadecimal(&md5::Digest::finalize(md5));
    match (found.sha256, Digest::parse(DigestAlgorithm::Md5, &md5)) {
        (Some(sha256), Ok(md5)) if size == item.size => Ok(LocalDigests { sha256, sha512: found.sha512, md5 }),
        _ => Err(FileError::Changed { path: item.path.clone() }),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
