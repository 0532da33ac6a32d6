//! Reading an archive from outside: a bucket by S3's own interface, or whatever a web server serves, as apt asks for it.
//!
//! A reader knows keys and bytes and no archive. A key is the object's key in a bucket, and over HTTP the path below the
//! address that was given.

mod http;
mod index;
mod release;
mod s3;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use suitecast_archive::{Digest, Digests, Hasher};

use crate::exit::{Exit, Failure};

pub(crate) use http::{HttpAddress, HttpReader};
pub(crate) use index::{IndexFailure, read_group, read_index};
pub(crate) use release::{SeenRelease, read_release_files, seen_by_apt};
pub(crate) use s3::BucketReader;

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Its size in bytes, where the server says.
    pub size: Option<u64>,
    /// Its SHA-256, where a store keeps it.
    pub sha256: Option<Digest>,
}

/// The bytes of an object, as they arrive.
pub(crate) type Bytestream = BoxStream<'static, Result<Bytes, ReadFailure>>;

/// Why an object could not be looked at. That it is not there is no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFailure {
    /// What it means to the caller.
    pub kind: ReadFailureKind,
    /// What was asked, and what the server said.
    pub message: String,
}

/// What a failed read means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFailureKind {
    /// The server says that this reader may not read it.
    Denied,
    /// The credentials are past their time: nothing more can be read with them.
    Expired,
    /// No answer, or one that may be another the next time.
    Temporary,
    /// The server will never answer this.
    Refused,
}

impl From<ReadFailure> for Failure {
    fn from(failure: ReadFailure) -> Self {
        let exit = match failure.kind {
            ReadFailureKind::Denied | ReadFailureKind::Expired | ReadFailureKind::Refused => Exit::Refused,
            ReadFailureKind::Temporary => Exit::Temporary,
        };
        Self::new(exit, failure.message)
    }
}

/// An archive as a reader has it.
#[async_trait]
pub(crate) trait ArchiveReader: Send + Sync {
    /// Looks at an object without reading it; `None` where it is not there.
    async fn look(&self, key: &str) -> Result<Option<Seen>, ReadFailure>;

    /// Reads an object; `None` where it is not there.
    async fn read(&self, key: &str) -> Result<Option<Bytestream>, ReadFailure>;
}

/// Reads an object of at most `limit` bytes whole; `None` where it is not there.
///
/// # Errors
/// It could not be read, or is larger.
pub(crate) async fn read_whole(
    reader: &dyn ArchiveReader,
    key: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, ReadFailure> {
    let Some(mut body) = reader.read(key).await? else { return Ok(None) };
    let mut bytes = Vec::new();
    while let Some(piece) = body.try_next().await? {
        if bytes.len() + piece.len() > limit {
            let message = format!("{key}: larger than {limit} bytes, the most that is read of such a file");
            return Err(ReadFailure { kind: ReadFailureKind::Refused, message });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

/// Reads an object to its end and computes what is needed to compare it with `expected`: its size and those digests.
/// `None` where it is not there.
///
/// # Errors
/// It could not be read.
pub(crate) async fn read_digests(
    reader: &dyn ArchiveReader,
    key: &str,
    expected: &Digests,
) -> Result<Option<(u64, Digests)>, ReadFailure> {
    let Some(mut body) = reader.read(key).await? else { return Ok(None) };
    let mut hasher = Hasher::matching(expected);
    while let Some(piece) = body.try_next().await? {
        hasher.update(&piece);
    }
    Ok(Some(hasher.finish()))
}
