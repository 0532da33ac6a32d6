//! Sending bytes from outside into a bucket: what a person's program does and no function.
//!
//! It is no part of the port: objects of any size go up in parts, each call with the SHA-256 of its bytes, which S3 checks
//! before it takes them. An object becomes visible at once and whole: by one PUT, or when its upload is completed.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::{
    Client,
    config::Builder,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use suitecast_archive::Digest;

use crate::{ETag, ErrorKind, ObjectHeaders, Operation, Put, StoreError};

use super::{
    checksum::header_of,
    client::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT},
    failure::Subject,
};

/// Bytes a second that a line out of an office moves at the least, all that goes up at once sharing it: an attempt that is
/// slower hangs.
const SLOWEST_UPLOAD: u64 = 50_000;
/// Time for one attempt to join the parts of an object; for the largest it takes minutes.
const COMPLETION_TIMEOUT: Duration = Duration::from_mins(10);

/// The part of an upload that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPart {
    number: u32,
    etag: String,
    sha256: Digest,
}

/// An upload in parts that was begun. Whoever holds one completes or aborts it: what is left of it costs money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartedUpload {
    key: String,
    id: String,
}

/// The way into one bucket for bytes from outside.
#[derive(Debug, Clone)]
pub struct S3Uploads {
    client: Client,
    bucket: String,
}

impl S3Uploads {
    /// Into the bucket `name`, reached by a client of **its** region.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, bucket: name.into() }
    }

    /// Writes an object in one call, at most 5 GB. `sha256` is the digest of `bytes`.
    ///
    /// # Errors
    /// As the port's `put`; `Unavailable` where what arrived is not what `sha256` says.
    pub async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Digest,
        headers: ObjectHeaders,
    ) -> Result<Put, StoreError> {
        let subject = self.subject(key);
        let timeouts = upload_timeouts(bytes.len());
        let output = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .set_content_type(headers.content_type.map(str::to_owned))
            .set_cache_control(headers.cache_control.map(str::to_owned))
            .checksum_sha256(header_of(sha256))
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(timeouts)
            // The signature covers the checksum, and the checksum the bytes: hashing them once more for it adds nothing.
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        Ok(Put { etag: tag(&subject, output.e_tag())? })
    }

    /// Begins an object that goes up in parts.
    ///
    /// # Errors
    /// As the port's `put`.
    pub async fn begin(&self, key: &str, headers: ObjectHeaders) -> Result<PartedUpload, StoreError> {
        let subject = self.subject(key);
        let output = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_content_type(headers.content_type.map(str::to_owned))
            .set_cache_control(headers.cache_control.map(str::to_owned))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let id = output
            .upload_id()
            .ok_or_else(|| subject.error(ErrorKind::Unavailable, "an upload without an id; repeat"))?;
        Ok(PartedUpload { key: key.to_owned(), id: id.to_owned() })
    }

    /// Sends a part; `number` counts from one. Every part but the last has at least 5 MiB.
    ///
    /// # Errors
    /// As the port's `put`.
    pub async fn part(
        &self,
        upload: &PartedUpload,
        number: u32,
        bytes: Bytes,
        sha256: &Digest,
    ) -> Result<SentPart, StoreError> {
        let subject = self.subject(&upload.key);
        let timeouts = upload_timeouts(bytes.len());
        let output = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(i32::try_from(number).unwrap_or(i32::MAX))
            .checksum_sha256(header_of(sha256))
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(timeouts)
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        Ok(SentPart { number, etag: tag(&subject, output.e_tag())?.as_str().to_owned(), sha256: *sha256 })
    }

    /// Makes the object out of its parts, which may be given in any order.
    ///
    /// # Errors
    /// As the port's `put`. After `Unavailable` the object may be there.
    pub async fn complete(&self, upload: &PartedUpload, mut parts: Vec<SentPart>) -> Result<Put, StoreError> {
        let subject = self.subject(&upload.key);
        parts.sort_by_key(|part| part.number);
        let completed = parts
            .iter()
            .map(|part| {
                CompletedPart::builder()
                    .part_number(i32::try_from(part.number).unwrap_or(i32::MAX))
                    .e_tag(format!("\"{}\"", part.etag))
                    .checksum_sha256(header_of(&part.sha256))
                    .build()
            })
            .collect();
        let output = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(completed)).build())
            .customize()
            .config_override(timeouts(COMPLETION_TIMEOUT))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        Ok(Put { etag: tag(&subject, output.e_tag())? })
    }

    /// Removes the parts of an upload that comes to nothing.
    ///
    /// # Errors
    /// As the port's `delete`. Where it fails, the bucket's lifecycle rule removes them.
    pub async fn abort(&self, upload: &PartedUpload) -> Result<(), StoreError> {
        let subject = self.subject(&upload.key);
        let call = self.client.abort_multipart_upload().bucket(&self.bucket).key(&upload.key).upload_id(&upload.id);
        call.send().await.map(|_| ()).map_err(|error| subject.failed(error))
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { operation: Operation::Put, bucket: &self.bucket, key }
    }
}

fn tag(subject: &Subject<'_>, etag: Option<&str>) -> Result<ETag, StoreError> {
    etag.filter(|etag| !etag.is_empty())
        .map(ETag::new)
        .ok_or_else(|| subject.error(ErrorKind::Unavailable, "an answer without a tag; look at the key, then repeat"))
}

/// Timeouts for one call that carries so many bytes.
fn upload_timeouts(bytes: usize) -> Builder {
    timeouts(ATTEMPT_TIMEOUT + Duration::from_secs(bytes as u64 / SLOWEST_UPLOAD))
}

fn timeouts(attempt: Duration) -> Builder {
    // All attempts together: a few that hang to their end, and the usual time for those that do not.
    let operation = OPERATION_TIMEOUT + 3 * attempt;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation);
    Builder::new().timeout_config(timeouts.build())
}
