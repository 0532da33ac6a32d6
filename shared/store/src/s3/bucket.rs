//! The verbs of the port over one bucket.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::{
    Client,
    config::Builder,
    primitives::{ByteStream, DateTime},
    types::{ChecksumAlgorithm, ChecksumMode, EncodingType, MetadataDirective, TaggingDirective},
};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Copied, CopyRequest, CopySource, ETag, ErrorKind, GetCondition, GetRequest, Got, ListPage, ListRequest, Listed,
    ObjectInfo, Operation, Put, PutRequest, SourceCondition, Store, StoreError, VersionId, WriteCondition,
};

use super::{
    big_copy::MAX_COPY_BYTES,
    body,
    checksum::{sha256_header, whole_object_sha256},
    client::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT},
    failure::{Subject, status_of},
    listing::decoded,
};

/// Time for one attempt of a copy at the most: five gigabytes between far regions take some minutes.
const COPY_ATTEMPT_TIMEOUT: Duration = Duration::from_mins(4);
/// Time for one copy call at the most, all attempts together; below the 15 minutes that a function may run.
pub const COPY_OPERATION_TIMEOUT: Duration = Duration::from_mins(8);
/// Bytes a second that any copy moves, so that the largest just has its four minutes.
const SLOWEST_COPY: u64 = 20_000_000;

/// What a copy source leaves as it is: S3 wants the caller to percent-encode it, slashes excepted.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// One bucket of S3, or of a store that speaks its language.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    pub(super) client: Client,
    pub(super) name: String,
}

impl S3Bucket {
    /// The bucket `name`, reached by a client of **its** region.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub(super) fn subject<'a>(&'a self, operation: Operation, key: &'a str) -> Subject<'a> {
        Subject { operation, bucket: &self.name, key }
    }
}

/// The two headers of a condition on a write: `If-Match` and `If-None-Match`.
pub(super) fn condition_headers(condition: &WriteCondition) -> (Option<String>, Option<String>) {
    match condition {
        WriteCondition::Always => (None, None),
        WriteCondition::Absent => (None, Some("*".to_owned())),
        WriteCondition::Matches(etag) => (Some(quoted(etag)), None),
    }
}

/// A tag as HTTP writes it.
pub(super) fn quoted(etag: &ETag) -> String {
    format!("\"{}\"", etag.as_str())
}

/// `x-amz-copy-source`: bucket and key percent-encoded, and the version where one is asked for.
pub(super) fn copy_source_header(source: &CopySource) -> String {
    let path = format!("{}/{}", source.bucket, source.key);
    let encoded = utf8_percent_encode(&path, COPY_SOURCE);
    match &source.version {
        Some(VersionId(version)) => format!("{encoded}?versionId={}", utf8_percent_encode(version, COPY_SOURCE)),
        None => encoded.to_string(),
    }
}

/// How long one attempt of a copy of `size` bytes is waited for, and all attempts together: as long as for any other call,
/// and for the bytes. A copy that hangs is so repeated within the run, unless it may really take so long.
fn copy_patience(size: Option<u64>) -> (Duration, Duration) {
    let moving = size.map_or(COPY_ATTEMPT_TIMEOUT, |size| Duration::from_secs(size / SLOWEST_COPY));
    ((ATTEMPT_TIMEOUT + moving).min(COPY_ATTEMPT_TIMEOUT), (OPERATION_TIMEOUT + 2 * moving).min(COPY_OPERATION_TIMEOUT))
}

/// Timeouts that suit a copy of `size` bytes, for one call; `None` is as many as one call may copy.
pub(super) fn copy_timeouts(size: Option<u64>) -> Builder {
    let (attempt, operation) = copy_patience(size);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation);
    Builder::new().timeout_config(timeouts.build())
}

fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// A tag and a size as answered, or what is missing.
fn tag_and_size(subject: &Subject<'_>, etag: Option<&str>, size: Option<i64>) -> Result<(ETag, u64), StoreError> {
    let missing =
        |what| subject.error(ErrorKind::Rejected, format!("the answer has no {what}; this store is not S3 enough"));
    let etag = etag.filter(|etag| !etag.is_empty()).ok_or_else(|| missing("ETag"))?;
    let size = size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| missing("size"))?;
    Ok((ETag::new(etag), size))
}

#[async_trait]
impl Store for S3Bucket {
    fn bucket(&self) -> &str {
        &self.name
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        let subject = self.subject(Operation::Get, &request.key);
        let mut call = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(&request.key)
            .set_version_id(request.version.clone().map(|VersionId(version)| version))
            .checksum_mode(ChecksumMode::Enabled);
        match &request.condition {
            GetCondition::Always => {}
            GetCondition::Changed(etag) => call = call.if_none_match(quoted(etag)),
            GetCondition::Same(etag) => call = call.if_match(quoted(etag)),
        }
        let output = match call.send().await {
            Ok(output) => output,
            Err(error) if status_of(&error) == Some(304) => return Ok(Got::Unchanged),
            Err(error) => return Err(subject.failed(error)),
        };
        let (etag, size) = tag_and_size(&subject, output.e_tag(), output.content_length())?;
        let info = ObjectInfo {
            etag,
            size,
            sha256: whole_object_sha256(output.checksum_sha256(), output.checksum_type()),
            version: output.version_id().map(|version| VersionId(version.to_owned())),
            last_modified: timestamp(output.last_modified()),
        };
        Ok(Got::Object { info, body: body::checked(output.body, &self.name, &request.key, size) })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        let subject = self.subject(Operation::Head, key);
        let call = self.client.head_object().bucket(&self.name).key(key).checksum_mode(ChecksumMode::Enabled);
        let output = match call.send().await {
            Ok(output) => output,
            Err(error) => {
                let error = subject.failed(error);
                return if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) };
            }
        };
        let (etag, size) = tag_and_size(&subject, output.e_tag(), output.content_length())?;
        Ok(Some(ObjectInfo {
            etag,
            size,
            sha256: whole_object_sha256(output.checksum_sha256(), output.checksum_type()),
            version: output.version_id().map(|version| VersionId(version.to_owned())),
            last_modified: timestamp(output.last_modified()),
        }))
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        let subject = self.subject(Operation::Put, &request.key);
        let (if_match, if_none_match) = condition_headers(&request.condition);
        let output = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(&request.key)
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .set_content_type(request.headers.content_type.map(str::to_owned))
            .set_cache_control(request.headers.cache_control.map(str::to_owned))
            .checksum_sha256(sha256_header(&request.bytes))
            .body(ByteStream::from(request.bytes.clone()))
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let (etag, _) = tag_and_size(&subject, output.e_tag(), Some(0))?;
        Ok(Put { etag })
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        if request.source.size.is_some_and(|size| size > MAX_COPY_BYTES) {
            return self.copy_in_parts(&request).await;
        }
        match self.copy_at_once(&request).await {
            Err(error) if error.kind == ErrorKind::TooLarge => self.copy_in_parts(&request).await,
            outcome => outcome,
        }
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        let subject = self.subject(Operation::List, &request.prefix);
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(&request.prefix)
            .set_delimiter(request.folded.then(|| "/".to_owned()))
            .set_continuation_token(request.continuation.clone())
            .set_start_after(request.start_after.clone().filter(|_| request.continuation.is_none()))
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let malformed =
            |what: &str| subject.error(ErrorKind::Unavailable, format!("a listing with {what}; list again"));
        let encoding = output.encoding_type();
        let mut page = ListPage::default();
        for object in output.contents() {
            let key =
                object.key().and_then(|key| decoded(key, encoding)).ok_or_else(|| malformed("an unreadable key"))?;
            let (etag, size) = tag_and_size(&subject, object.e_tag(), object.size())?;
            let last_modified = timestamp(object.last_modified());
            page.objects.push(Listed { key: key.into_owned(), etag, size, last_modified });
        }
        for folded in output.common_prefixes() {
            let prefix = folded
                .prefix()
                .and_then(|key| decoded(key, encoding))
                .ok_or_else(|| malformed("an unreadable prefix"))?;
            page.prefixes.push(prefix.into_owned());
        }
        if output.is_truncated() == Some(true) {
            // Without the token the rest would be lost without anybody noticing.
            let next = output.next_continuation_token().ok_or_else(|| malformed("more to come and no way to go on"))?;
            page.next = Some(next.to_owned());
        }
        Ok(page)
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        let subject = self.subject(Operation::Versions, key);
        // The key itself comes before the longer ones that begin like it, so it has the page to itself as far as it goes.
        let output = self
            .client
            .list_object_versions()
            .bucket(&self.name)
            .prefix(key)
            .max_keys(i32::try_from(most).unwrap_or(i32::MAX))
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| subject.failed(error))?;
        let encoding = output.encoding_type();
        let mut versions = Vec::new();
        for version in output.versions() {
            if version.key().and_then(|listed| decoded(listed, encoding)).as_deref() != Some(key) {
                continue;
            }
            let (etag, size) = tag_and_size(&subject, version.e_tag(), version.size())?;
            versions.push(ObjectInfo {
                etag,
                size,
                sha256: None,
                version: version.version_id().map(|id| VersionId(id.to_owned())),
                last_modified: timestamp(version.last_modified()),
            });
        }
        versions.truncate(most);
        Ok(versions)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let subject = self.subject(Operation::Delete, key);
        match self.client.delete_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = subject.failed(error);
                if error.kind == ErrorKind::NotFound { Ok(()) } else { Err(error) }
            }
        }
    }
}

impl S3Bucket {
    /// `CopyObject`: up to [`MAX_COPY_BYTES`], one atomic action.
    async fn copy_at_once(&self, request: &CopyRequest) -> Result<Copied, StoreError> {
        let subject = self.subject(Operation::Copy, &request.key);
        let (if_match, if_none_match) = condition_headers(&request.condition);
        let mut call = self
            .client
            .copy_object()
            .bucket(&self.name)
            .key(&request.key)
            .copy_source(copy_source_header(&request.source))
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            // S3 computes the digest of what it wrote, also when the source was uploaded in parts.
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .metadata_directive(MetadataDirective::Replace)
            .set_content_type(request.headers.content_type.map(str::to_owned))
            .set_cache_control(request.headers.cache_control.map(str::to_owned))
            // Taking the source's tags over would need rights to read and write tags.
            .tagging_directive(TaggingDirective::Replace);
        if let SourceCondition::Matches(etag) = &request.source.condition {
            call = call.copy_source_if_match(quoted(etag));
        }
        let timeouts = copy_timeouts(request.source.size);
        let output = call.customize().config_override(timeouts).send().await.map_err(|error| subject.failed(error))?;
        let result = output.copy_object_result().ok_or_else(|| {
            subject.error(ErrorKind::Unavailable, "an answer without a result; look at the key, then repeat")
        })?;
        let (etag, _) = tag_and_size(&subject, result.e_tag(), Some(0))?;
        Ok(Copied { etag, sha256: whole_object_sha256(result.checksum_sha256(), result.checksum_type()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: &str, version: Option<&str>) -> CopySource {
        CopySource {
            bucket: "master.example.com".to_owned(),
            key: key.to_owned(),
            version: version.map(|version| VersionId(version.to_owned())),
            condition: SourceCondition::Always,
            size: None,
        }
    }

    #[test]
    fn a_copy_source_is_encoded_so_that_no_key_is_taken_for_another() {
        assert_eq!(
            copy_source_header(&source("pool/g++_1:2~rc1+b2_all.deb", None)),
            "master.example.com/pool/g%2B%2B_1%3A2~rc1%2Bb2_all.deb"
        );
        assert_eq!(copy_source_header(&source("a b/ä?%", None)), "master.example.com/a%20b/%C3%A4%3F%25");
        assert_eq!(copy_source_header(&source("k", Some("v+/="))), "master.example.com/k?versionId=v%2B/%3D");
    }

    #[test]
    fn a_copy_is_waited_for_as_long_as_its_bytes_may_take() {
        let seconds = |size| {
            let (attempt, operation) = copy_patience(size);
            (attempt.as_secs(), operation.as_secs())
        };
        assert_eq!(seconds(Some(0)), (15, 60));
        assert_eq!(seconds(Some(50_000_000)), (17, 64));
        assert_eq!(seconds(Some(1 << 30)), (68, 166));
        assert_eq!(seconds(Some(MAX_COPY_BYTES)), (240, 480));
        assert_eq!(seconds(None), (240, 480));
    }

    #[test]
    fn conditions_become_the_headers_s3_knows() {
        assert_eq!(condition_headers(&WriteCondition::Always), (None, None));
        assert_eq!(condition_headers(&WriteCondition::Absent), (None, Some("*".to_owned())));
        let matches = WriteCondition::Matches(ETag::new("\"abc\""));
        assert_eq!(condition_headers(&matches), (Some("\"abc\"".to_owned()), None));
    }
}
