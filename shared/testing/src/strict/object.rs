//! What a bucket keeps of an object.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use suitecast_archive::{Digest, DigestAlgorithm};

/// Bytes with their digests, each computed once however often the object is copied.
#[derive(Debug, Clone)]
pub struct Content(Arc<ContentParts>);

#[derive(Debug)]
struct ContentParts {
    bytes: Bytes,
    md5: OnceLock<Digest>,
    sha256: OnceLock<Digest>,
}

impl Content {
    /// Takes bytes; digests are computed when somebody asks.
    pub fn new(bytes: Bytes) -> Self {
        Self(Arc::new(ContentParts { bytes, md5: OnceLock::new(), sha256: OnceLock::new() }))
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// Their number.
    pub fn size(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    /// Their MD5, which is the tag of an object written in one go.
    pub fn md5(&self) -> Digest {
        *self.0.md5.get_or_init(|| Digest::of(DigestAlgorithm::Md5, &self.0.bytes))
    }

    /// Their SHA-256.
    pub fn sha256(&self) -> Digest {
        *self.0.sha256.get_or_init(|| Digest::of(DigestAlgorithm::Sha256, &self.0.bytes))
    }
}

/// The SHA-256 checksum S3 keeps with an object, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// Of the whole object.
    FullObject(Digest),
    /// Of the checksums of its parts, with their number: says nothing about the whole object's bytes.
    Composite(Digest, usize),
}

/// The headers kept with an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredHeaders {
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Cache-Control`
    pub cache_control: Option<String>,
}

/// An object as it lies in a bucket.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) etag: String,
    pub(super) checksum: Option<Checksum>,
    pub(super) headers: StoredHeaders,
}

impl Object {
    /// An object written in one go.
    pub(super) fn whole(content: Content, with_sha256: bool, headers: StoredHeaders) -> Self {
        let checksum = with_sha256.then(|| Checksum::FullObject(content.sha256()));
        Self { etag: content.md5().to_string(), content, checksum, headers }
    }
}
