//! The verbs and the words of the port.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use suitecast_archive::Digest;

use crate::StoreError;

/// An entity tag as the store answered it, without quotes. Equal tags of one key mean equal bytes; tags of two keys or
/// two buckets are never compared (a multipart source becomes a single-part copy with another tag).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(String);

impl ETag {
    /// Takes a tag with or without its quotes.
    pub fn new(text: &str) -> Self {
        Self(text.trim_matches('"').to_owned())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A version of a key in a versioned bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionId(pub String);

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its entity tag.
    pub etag: ETag,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of the whole object, where the store keeps a full-object one (never a composite).
    pub sha256: Option<Digest>,
    /// Its version, where the bucket is versioned.
    pub version: Option<VersionId>,
    /// When the store took it.
    pub last_modified: Option<Timestamp>,
}

/// When a read is answered with bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GetCondition {
    /// Always.
    #[default]
    Always,
    /// Only when the object's tag differs from this one (`If-None-Match`); otherwise [`Got::Unchanged`].
    Changed(ETag),
    /// Only when the tag is still this one (`If-Match`); otherwise `PreconditionFailed`.
    Same(ETag),
}

/// One read.
#[derive(Debug, Clone, Default)]
pub struct GetRequest {
    /// The key.
    pub key: String,
    /// A version of it, in place of the newest.
    pub version: Option<VersionId>,
    /// When to answer with bytes.
    pub condition: GetCondition,
}

/// The bytes of an object, as they arrive.
pub type Body = BoxStream<'static, Result<Bytes, StoreError>>;

/// What a read answers.
pub enum Got {
    /// The object and its bytes.
    Object {
        /// What is known of it.
        info: ObjectInfo,
        /// Its bytes; the stream ends with an error when fewer than `info.size` arrive.
        body: Body,
    },
    /// The condition [`GetCondition::Changed`] did not hold: the object is as it was.
    Unchanged,
}

/// When a write takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteCondition {
    /// Always.
    Always,
    /// Only where the key is absent (`If-None-Match: *`).
    Absent,
    /// Only where the key holds this (`If-Match`).
    Matches(ETag),
}

/// The same, for the destination of a copy.
pub type CopyCondition = WriteCondition;

/// When a copy reads its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceCondition {
    /// Always.
    Always,
    /// Only where the source holds this (`x-amz-copy-source-if-match`).
    Matches(ETag),
}

/// The headers that clients and caches see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectHeaders {
    /// `Content-Type`
    pub content_type: Option<&'static str>,
    /// `Cache-Control`
    pub cache_control: Option<&'static str>,
}

/// One write of bytes at hand.
#[derive(Debug, Clone)]
pub struct PutRequest {
    /// The key.
    pub key: String,
    /// The bytes; a few megabytes at the most.
    pub bytes: Bytes,
    /// When it takes place.
    pub condition: WriteCondition,
    /// The headers it is served with.
    pub headers: ObjectHeaders,
}

/// A write that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The new tag.
    pub etag: ETag,
}

/// Where a copy reads.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// The bucket, which may be in another region.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A version of it, in place of the newest.
    pub version: Option<VersionId>,
    /// When it reads.
    pub condition: SourceCondition,
    /// Its size where known. Above 5 GB a copy goes in parts; unknown sizes are looked up only when a copy is refused as too large.
    pub size: Option<u64>,
}

/// One server-side copy into this bucket.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// Where it reads.
    pub source: CopySource,
    /// The key it writes.
    pub key: String,
    /// When it writes.
    pub condition: CopyCondition,
    /// The headers the copy is served with; the source's own are not taken over.
    pub headers: ObjectHeaders,
}

/// A copy that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The new object's tag.
    pub etag: ETag,
    /// SHA-256 of the whole copy as the store computed it, where it does.
    pub sha256: Option<Digest>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Fold keys at the next `/` after the prefix into [`ListPage::prefixes`].
    pub folded: bool,
    /// Where the page before this one ended ([`ListPage::next`]).
    pub continuation: Option<String>,
    /// Begin behind this key, in the store's own order.
    pub start_after: Option<String>,
}

/// One key of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// Its tag.
    pub etag: ETag,
    /// Its size in bytes.
    pub size: u64,
    /// When the store took it.
    pub last_modified: Option<Timestamp>,
}

/// A page of a listing: up to 1,000 keys and folded prefixes together.
#[derive(Debug, Clone, Default)]
pub struct ListPage {
    /// The keys.
    pub objects: Vec<Listed>,
    /// The folded prefixes, each ending in `/`.
    pub prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One bucket of an object store.
///
/// Each call is one attempt as far as the engine is concerned; an adapter may retry what is safe to repeat. Answers to
/// conditional writes can get lost: after `Unavailable`, and after a `PreconditionFailed` or `Conflict` on a call that
/// may have been retried, the caller looks at the key before it concludes anything.
#[async_trait]
pub trait Store: Send + Sync {
    /// The bucket's name.
    fn bucket(&self) -> &str;

    /// Reads an object. `NotFound` where the key is absent.
    async fn get(&self, request: GetRequest) -> Result<Got, StoreError>;

    /// Looks at an object without reading it, its checksum included. `None` where the key is absent (404; a 403 is an error).
    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError>;

    /// Writes bytes.
    async fn put(&self, request: PutRequest) -> Result<Put, StoreError>;

    /// Copies an object into this bucket without its bytes passing through here, and asks the store for the copy's SHA-256.
    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError>;

    /// Lists a page of keys. Order is the store's own and is never compared with another store's.
    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError>;

    /// The versions of exactly this key, the newest first, at most `most` of them: what was deleted later too, but not
    /// the deletions themselves, though they may count towards `most`. A bucket without versions answers the one object
    /// there is, or none. Digests are not told ([`ObjectInfo::sha256`] is `None`).
    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError>;

    /// Removes a key; removing an absent one succeeds.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
