//! Copies above S3's limit for one call: in parts, all of one and the same source object, made visible at once.
//!
//! The checksum of such a copy is none of the whole object's SHA-256 (S3 keeps only a composite for parts), so
//! [`Copied::sha256`] is `None` and the caller reads it to check it.

use aws_sdk_s3::{
    config::{Builder, Region},
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    Copied, CopyRequest, CopySource, ETag, ErrorKind, Operation, SourceCondition, Store, StoreError, VersionId,
    WriteCondition,
};

use super::{
    bucket::{S3Bucket, condition_headers, copy_source_header, copy_timeouts, quoted},
    failure::{Subject, region_named_by},
};

/// What one `CopyObject` takes: 5 GiB (S3 user guide, "Copying, moving, and renaming objects").
pub const MAX_COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// Size of a part: small enough to be repeated without regret, large enough that few are needed (S3 takes 5 MiB–5 GiB).
const PART_BYTES: u64 = 512 * 1024 * 1024;
/// Parts of one upload (S3's limit).
const MAX_PARTS: u64 = 10_000;
/// Parts of one object on their way at a time.
const PARTS_AT_ONCE: usize = 8;

/// A part: its number, from 1, and its first and last byte.
type Part = (i32, u64, u64);

/// How `size` bytes are cut.
fn parts(size: u64) -> Vec<Part> {
    let part_bytes = PART_BYTES.max(size.div_ceil(MAX_PARTS));
    (1..)
        .zip((0..size).step_by(usize::try_from(part_bytes).unwrap_or(usize::MAX)))
        .map(|(number, first)| (number, first, (first + part_bytes).min(size) - 1))
        .collect()
}

/// What the parts are cut from: every part asks for this very tag, so that no copy is made of two objects.
struct Source {
    etag: ETag,
    size: u64,
}

impl S3Bucket {
    /// Copies in parts, with the conditions of the request at both ends.
    pub(super) async fn copy_in_parts(&self, request: &CopyRequest) -> Result<Copied, StoreError> {
        self.check_destination_first(request).await?;
        let source = self.look_at_source(&request.source, &request.key).await?;
        let subject = self.subject(Operation::Copy, &request.key);
        let upload = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(&request.key)
            .set_content_type(request.headers.content_type.map(str::to_owned))
            .set_cache_control(request.headers.cache_control.map(str::to_owned))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let upload_id = upload
            .upload_id()
            .ok_or_else(|| subject.error(ErrorKind::Unavailable, "an upload without an id; repeat"))?;
        let outcome = self.copy_parts_and_complete(request, &source, upload_id, &subject).await;
        if outcome.is_err() {
            self.abort(&request.key, upload_id).await;
        }
        outcome
    }

    /// The condition is checked again by the store when the copy becomes visible; asking first saves copying
    /// gigabytes for nothing.
    async fn check_destination_first(&self, request: &CopyRequest) -> Result<(), StoreError> {
        let (kind, detail) = match (&request.condition, self.head(&request.key).await?) {
            (WriteCondition::Absent, Some(_)) => (ErrorKind::PreconditionFailed, "the key is there already"),
            (WriteCondition::Matches(_), None) => (ErrorKind::NotFound, "the key to be replaced is not there"),
            (WriteCondition::Matches(wanted), Some(info)) if *wanted != info.etag => {
                (ErrorKind::PreconditionFailed, "the key to be replaced holds something else: look at it again")
            }
            _ => return Ok(()),
        };
        Err(self.subject(Operation::Copy, &request.key).error(kind, detail))
    }

    /// Size and tag of the source, whichever region its bucket is in: a redirect names the region.
    async fn look_at_source(&self, source: &CopySource, key: &str) -> Result<Source, StoreError> {
        let call = || {
            let call = self.client.head_object().bucket(&source.bucket).key(&source.key);
            let call = call.set_version_id(source.version.clone().map(|VersionId(version)| version));
            match &source.condition {
                SourceCondition::Always => call,
                SourceCondition::Matches(etag) => call.if_match(quoted(etag)),
            }
        };
        let subject = Subject { operation: Operation::Copy, bucket: &self.name, key };
        let output = match call().send().await {
            Ok(output) => output,
            Err(error) => {
                let region = region_named_by(&error);
                let error = subject.failed(error);
                let (ErrorKind::WrongRegion, Some(region)) = (error.kind, region) else {
                    return Err(error);
                };
                let there = Builder::new().region(Region::new(region));
                call().customize().config_override(there).send().await.map_err(|error| subject.failed(error))?
            }
        };
        let size = output.content_length().and_then(|size| u64::try_from(size).ok());
        match (output.e_tag(), size) {
            (Some(etag), Some(size)) => Ok(Source { etag: ETag::new(etag), size }),
            _ => {
                Err(subject.error(ErrorKind::Rejected, "the source has no tag or no size; this store is not S3 enough"))
            }
        }
    }

    async fn copy_parts_and_complete(
        &self,
        request: &CopyRequest,
        source: &Source,
        upload_id: &str,
        subject: &Subject<'_>,
    ) -> Result<Copied, StoreError> {
        let mut completed: Vec<CompletedPart> = stream::iter(parts(source.size))
            .map(|part| self.copy_part(request, source, upload_id, part))
            .buffer_unordered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        completed.sort_by_key(CompletedPart::part_number);
        let (if_match, if_none_match) = condition_headers(&request.condition);
        let output = self
            .client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(&request.key)
            .upload_id(upload_id)
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(completed)).build())
            .customize()
            // Joining the parts of a large object takes minutes.
            .config_override(copy_timeouts(None))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let etag = output.e_tag().ok_or_else(|| {
            subject.error(ErrorKind::Unavailable, "a completion without a tag; look at the key, then repeat")
        })?;
        Ok(Copied { etag: ETag::new(etag), sha256: None })
    }

    async fn copy_part(
        &self,
        request: &CopyRequest,
        source: &Source,
        upload_id: &str,
        (number, first, last): Part,
    ) -> Result<CompletedPart, StoreError> {
        let subject = self.subject(Operation::Copy, &request.key);
        let output = self
            .client
            .upload_part_copy()
            .bucket(&self.name)
            .key(&request.key)
            .upload_id(upload_id)
            .part_number(number)
            .copy_source(copy_source_header(&request.source))
            .copy_source_if_match(quoted(&source.etag))
            .copy_source_range(format!("bytes={first}-{last}"))
            .customize()
            .config_override(copy_timeouts(Some(last + 1 - first)))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let etag = output.copy_part_result().and_then(|part| part.e_tag()).ok_or_else(|| {
            subject.error(ErrorKind::Unavailable, format!("part {number} was answered without a tag; repeat"))
        })?;
        Ok(CompletedPart::builder().part_number(number).e_tag(etag).build())
    }

    /// Parts of an upload that came to nothing cost money until they are removed. Where this fails too, the bucket's
    /// lifecycle rule removes them.
    async fn abort(&self, key: &str, upload_id: &str) {
        let call = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload_id);
        if let Err(error) = call.send().await {
            let error = self.subject(Operation::Copy, key).failed(error);
            tracing::warn!(bucket = self.name, key, upload_id, %error, "an unfinished upload could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once_within_s3s_limits() {
        for size in [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, MAX_COPY_BYTES + 1, MAX_PARTS * PART_BYTES + 1] {
            let parts = parts(size);
            assert!(parts.len() as u64 <= MAX_PARTS, "{size} bytes");
            let mut next = 0;
            for (index, (number, first, last)) in parts.iter().enumerate() {
                assert_eq!(usize::try_from(*number), Ok(index + 1));
                assert_eq!(*first, next, "{size} bytes");
                assert!(last >= first && last - first < MAX_COPY_BYTES, "{size} bytes");
                next = last + 1;
            }
            assert_eq!(next, size);
        }
    }
}
