//! What a store can answer instead of the thing that was asked for.

use thiserror::Error;

/// The verb that failed, as a person would look it up in S3's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `GetObject`
    Get,
    /// `HeadObject`
    Head,
    /// `PutObject`
    Put,
    /// `CopyObject`, or the multipart calls that stand in for it above 5 GB
    Copy,
    /// `ListObjectsV2`
    List,
    /// `ListObjectVersions`, of one key
    Versions,
    /// `DeleteObject`
    Delete,
    /// `GetBucketPolicy`
    GetPolicy,
    /// `PutBucketPolicy`
    PutPolicy,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::Copy => "copy",
            Self::List => "list",
            Self::Versions => "list versions of",
            Self::Delete => "delete",
            Self::GetPolicy => "get the policy of",
            Self::PutPolicy => "put the policy of",
        })
    }
}

/// Why, in the terms the engine decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 404: the key (for a copy: the source key, or the destination of an `If-Match`) is absent.
    NotFound,
    /// 412: a condition did not hold. A copy with conditions at both ends does not say which one.
    PreconditionFailed,
    /// 409 `ConditionalRequestConflict`: another conditional write was under way; look again.
    Conflict,
    /// 403: never read as "absent".
    AccessDenied,
    /// The credentials are past their time. A function's own are replaced by themselves before the next attempt; those of
    /// a person's shell are not.
    ExpiredCredentials,
    /// 503 `SlowDown` and 429: the store asks for fewer requests.
    Throttled,
    /// 5xx, timeouts, cut connections, 200 with an error body: the write may or may not have taken place.
    Unavailable,
    /// 301 or 400 naming another region: the bucket is not where the configuration says.
    WrongRegion,
    /// The bucket itself does not exist.
    NoSuchBucket,
    /// The object is over the limit of the call (5 GB for one copy).
    TooLarge,
    /// Anything else: a request that the store will never take.
    Rejected,
}

impl ErrorKind {
    /// Whether the same request may succeed later with nobody changing anything.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Conflict | Self::ExpiredCredentials | Self::Throttled | Self::Unavailable => true,
            Self::NotFound
            | Self::PreconditionFailed
            | Self::AccessDenied
            | Self::WrongRegion
            | Self::NoSuchBucket
            | Self::TooLarge
            | Self::Rejected => false,
        }
    }
}

/// A storage operation that did not do what was asked, with the object it was about.
#[derive(Debug, Error)]
#[error("{operation} s3://{bucket}/{key}: {detail}")]
pub struct StoreError {
    /// The verb.
    pub operation: Operation,
    /// The bucket as named in the request.
    pub bucket: String,
    /// The key, or the prefix of a listing.
    pub key: String,
    /// What to decide by.
    pub kind: ErrorKind,
    /// What the store said, and what an operator can do about it.
    pub detail: String,
    /// The adapter's own error, where there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// Whether the same request may succeed later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}
