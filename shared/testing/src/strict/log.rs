//! Every request that was made, and what it moved.

use std::collections::BTreeMap;

/// An operation of S3's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are S3's own")]
pub enum S3Operation {
    GetObject,
    HeadObject,
    PutObject,
    CopyObject,
    ListObjectsV2,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListObjectVersions,
}

impl S3Operation {
    /// Whether it changes what a reader sees.
    pub fn is_write(self) -> bool {
        matches!(self, Self::PutObject | Self::CopyObject | Self::DeleteObject | Self::CompleteMultipartUpload)
    }
}

/// One request and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What was asked.
    pub operation: S3Operation,
    /// Of which bucket.
    pub bucket: String,
    /// About which key; of a listing, its prefix.
    pub key: String,
    /// The status it was answered with.
    pub status: u16,
    /// Bytes of content that the caller sent.
    pub bytes_received: u64,
    /// Bytes of content that the caller was answered with.
    pub bytes_sent: u64,
    /// Bytes that S3 copied by itself.
    pub bytes_copied: u64,
}

/// Requests counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestCounts {
    /// By operation.
    pub by_operation: BTreeMap<S3Operation, u64>,
    /// All of them.
    pub requests: u64,
    /// Bytes that callers sent.
    pub bytes_received: u64,
    /// Bytes that callers were answered with.
    pub bytes_sent: u64,
    /// Bytes that S3 copied by itself.
    pub bytes_copied: u64,
}

impl RequestCounts {
    /// Adds up requests.
    pub fn of<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Self {
        let mut counts = Self::default();
        for request in requests {
            *counts.by_operation.entry(request.operation).or_default() += 1;
            counts.requests += 1;
            counts.bytes_received += request.bytes_received;
            counts.bytes_sent += request.bytes_sent;
            counts.bytes_copied += request.bytes_copied;
        }
        counts
    }

    /// How many requests of one operation.
    pub fn of_operation(&self, operation: S3Operation) -> u64 {
        self.by_operation.get(&operation).copied().unwrap_or_default()
    }
}
