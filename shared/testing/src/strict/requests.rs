//! The words in which the core is asked and answers.

use bytes::Bytes;
use jiff::Timestamp;
use suitecast_store::{GetCondition, SourceCondition, WriteCondition};

use super::object::{Checksum, Content, StoredHeaders};

/// S3's limits. Tests make them smaller, to meet them with few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one `CopyObject` or `PutObject` takes: 5 GiB.
    pub one_call_bytes: u64,
    /// Bytes of the largest part: 5 GiB.
    pub largest_part_bytes: u64,
    /// Bytes of any part but the last: 5 MiB at the least.
    pub smallest_part_bytes: u64,
    /// Keys and folded prefixes of one page: 1,000.
    pub page_keys: usize,
    /// Bytes of a key: 1,024.
    pub key_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            one_call_bytes: 5 * 1024 * 1024 * 1024,
            largest_part_bytes: 5 * 1024 * 1024 * 1024,
            smallest_part_bytes: 5 * 1024 * 1024,
            page_keys: 1_000,
            key_bytes: 1_024,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that S3 knows: an apt client.
    Anonymous,
    /// Somebody with keys, whose client is set to a region.
    Signed {
        /// The region that the request was signed for.
        region: String,
    },
}

/// A read.
#[derive(Debug, Clone, Default)]
pub struct ReadInput {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A version of it.
    pub version: Option<String>,
    /// When it is answered with bytes.
    pub condition: GetCondition,
}

/// What a read finds.
#[derive(Debug, Clone)]
pub struct Found {
    /// The bytes.
    pub content: Content,
    /// Where a body breaks off, if it does.
    pub cut_after: Option<usize>,
    /// The tag, without quotes.
    pub etag: String,
    /// The checksum kept.
    pub checksum: Option<Checksum>,
    /// The version.
    pub version: Option<String>,
    /// When it was written, in whole seconds.
    pub last_modified: Timestamp,
    /// Its headers.
    pub headers: StoredHeaders,
}

/// A write of bytes.
#[derive(Debug, Clone)]
pub struct PutInput {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The bytes.
    pub bytes: Bytes,
    /// When it takes place.
    pub condition: WriteCondition,
    /// Its headers.
    pub headers: StoredHeaders,
    /// Whether a SHA-256 was sent along, and so is kept.
    pub with_sha256: bool,
}

/// Where a copy reads.
#[derive(Debug, Clone)]
pub struct CopyOrigin {
    /// The bucket, in whatever region.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A version of it.
    pub version: Option<String>,
    /// When it reads.
    pub condition: SourceCondition,
}

/// A copy.
#[derive(Debug, Clone)]
pub struct CopyInput {
    /// Where it reads.
    pub origin: CopyOrigin,
    /// The bucket it writes.
    pub bucket: String,
    /// The key it writes.
    pub key: String,
    /// When it writes.
    pub condition: WriteCondition,
    /// The copy's headers (`MetadataDirective: REPLACE`); `None` takes over the source's.
    pub headers: Option<StoredHeaders>,
    /// `ChecksumAlgorithm: SHA256`.
    pub with_sha256: bool,
}

/// A write that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The new tag, without quotes.
    pub etag: String,
    /// The new version.
    pub version: Option<String>,
    /// The checksum kept with it.
    pub checksum: Option<Checksum>,
    /// When, in whole seconds.
    pub last_modified: Timestamp,
}
