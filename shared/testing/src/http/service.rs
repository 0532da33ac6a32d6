//! S3's operations on the wire, each handed to the core.

use bytes::Bytes;
use futures::{StreamExt, stream};
use hyper::{HeaderMap, StatusCode};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode,
        CommonPrefix, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput,
        CopyObjectResult, CopyPartResult, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteMarkerEntry, DeleteObjectInput,
        DeleteObjectOutput, EncodingType, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
        HeadObjectInput, HeadObjectOutput, IfModifiedSince, ListObjectVersionsInput, ListObjectVersionsOutput,
        ListObjectsV2Input, ListObjectsV2Output, MetadataDirective, Object, ObjectVersion, PutBucketVersioningInput,
        PutBucketVersioningOutput, PutObjectInput, PutObjectOutput, StreamingBlob, UploadPartCopyInput,
        UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
    },
    s3_error,
};

use super::convert::{
    caller, checksum, copy_origin, copy_range, etag, listed, not_modified, read_body, read_condition, refused,
    timestamp, write_condition, write_condition_of,
};
use crate::strict::{
    BucketSettings, Caller, CopyInput, Failure, Found, ListingInput, PutInput, ReadInput, StoredHeaders, StrictS3,
    UploadedPart, VersionsInput,
};

/// Bytes of one piece of an answer's body.
const PIECE_BYTES: usize = 64 * 1024;
/// What S3 serves an object as that was written without a type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// The core behind S3's wire protocol.
pub(super) struct Face(pub(super) StrictS3);

fn headers(content_type: Option<String>, cache_control: Option<String>) -> StoredHeaders {
    StoredHeaders { content_type, cache_control }
}

fn wants_sha256(algorithm: Option<&ChecksumAlgorithm>) -> bool {
    algorithm.is_some_and(|algorithm| algorithm.as_str() == ChecksumAlgorithm::SHA256)
}

fn unchanged_since(found: &Found, since: Option<&IfModifiedSince>) -> bool {
    since.is_some_and(|since| timestamp(found.last_modified) <= *since)
}

/// The bytes of an answer, cut where the trouble wants it.
fn body(bytes: &Bytes, cut_after: Option<usize>) -> StreamingBlob {
    let end = cut_after.unwrap_or(bytes.len()).min(bytes.len());
    let cut = end < bytes.len();
    let mut pieces: Vec<Result<Bytes, std::io::Error>> =
        (0..end).step_by(PIECE_BYTES).map(|start| Ok(bytes.slice(start..(start + PIECE_BYTES).min(end)))).collect();
    if cut {
        pieces.push(Err(std::io::Error::other("cut by the test")));
    }
    StreamingBlob::wrap(stream::iter(pieces).then(|piece| async {
        if piece.is_err() {
            // What was written before must be on its way, or the client would see no answer at all.
            tokio::task::yield_now().await;
        }
        piece
    }))
}

/// The found object, or 304 as the error that s3s makes of it.
fn found(
    outcome: Result<Option<Found>, Failure>,
    known: Option<&str>,
    since: Option<&IfModifiedSince>,
) -> S3Result<Found> {
    match outcome.map_err(|failure| refused(&failure))? {
        None => Err(not_modified(known.unwrap_or_default())),
        Some(found) if known.is_none() && unchanged_since(&found, since) => Err(not_modified(&found.etag)),
        Some(found) => Ok(found),
    }
}

impl Face {
    fn settings(&self, caller: &Caller, bucket: &str) -> S3Result<BucketSettings> {
        let settings = self.0.bucket_settings(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        match caller {
            Caller::Anonymous => Err(s3_error!(AccessDenied, "Access Denied")),
            Caller::Signed { region } if *region != settings.region => {
                Err(refused(&Failure::redirect_to(&settings.region)))
            }
            Caller::Signed { .. } => Ok(settings),
        }
    }
}

#[async_trait::async_trait]
impl S3 for Face {
    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let known =
            input.if_none_match.as_ref().and_then(|condition| condition.as_etag()).map(|tag| tag.value().to_owned());
        let read = ReadInput {
            bucket: input.bucket,
            key: input.key,
            version: input.version_id,
            condition: read_condition(input.if_match, input.if_none_match),
        };
        let found = found(self.0.get(&caller, &read), known.as_deref(), input.if_modified_since.as_ref())?;
        let size = found.content.size();
        let whole = found.content.bytes().clone();
        let (bytes, content_range) = match input.range {
            Some(range) => {
                let range = range.check(size)?;
                let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let bounds = usize::try_from(range.start).unwrap_or(0)..usize::try_from(range.end).unwrap_or(0);
                (whole.slice(bounds), Some(shown))
            }
            None => (whole, None),
        };
        let wants_checksum = input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let shown = found.checksum.as_ref().filter(|_| wants_checksum && content_range.is_none());
        let (checksum_sha256, checksum_type) = checksum(shown);
        let status = content_range.as_ref().map(|_| StatusCode::PARTIAL_CONTENT);
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(bytes.len()).ok(),
            content_range,
            content_type: Some(found.headers.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned())),
            cache_control: found.headers.cache_control,
            checksum_sha256,
            checksum_type,
            e_tag: Some(etag(&found.etag)),
            last_modified: Some(timestamp(found.last_modified)),
            version_id: found.version,
            body: Some(body(&bytes, found.cut_after)),
            ..GetObjectOutput::default()
        };
        let mut response = S3Response::new(output);
        response.status = status;
        Ok(response)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let known =
            input.if_none_match.as_ref().and_then(|condition| condition.as_etag()).map(|tag| tag.value().to_owned());
        let read = ReadInput {
            bucket: input.bucket,
            key: input.key,
            version: input.version_id,
            condition: read_condition(input.if_match, input.if_none_match),
        };
        let found = found(self.0.head(&caller, &read), known.as_deref(), input.if_modified_since.as_ref())?;
        let wants_checksum = input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let (checksum_sha256, checksum_type) = checksum(found.checksum.as_ref().filter(|_| wants_checksum));
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(found.content.size()).ok(),
            content_type: Some(found.headers.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned())),
            cache_control: found.headers.cache_control,
            checksum_sha256,
            checksum_type,
            e_tag: Some(etag(&found.etag)),
            last_modified: Some(timestamp(found.last_modified)),
            version_id: found.version,
            ..HeadObjectOutput::default()
        }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let caller = caller(req.region.as_ref());
        let trailers = req.trailing_headers;
        let input = req.input;
        let bytes = read_body(input.body, input.checksum_sha256.as_deref(), input.content_md5.as_deref()).await?;
        let in_trailer = trailers.is_some_and(|trailers| {
            trailers.read(|headers: &HeaderMap| headers.contains_key("x-amz-checksum-sha256")).unwrap_or(false)
        });
        let written = self.0.put(
            &caller,
            PutInput {
                bucket: input.bucket,
                key: input.key,
                bytes,
                condition: write_condition(input.if_match, input.if_none_match)?,
                headers: headers(input.content_type, input.cache_control),
                with_sha256: input.checksum_sha256.is_some() || in_trailer,
            },
        );
        let written = written.map_err(|failure| refused(&failure))?;
        let (checksum_sha256, checksum_type) = checksum(written.checksum.as_ref());
        Ok(S3Response::new(PutObjectOutput {
            checksum_sha256,
            checksum_type,
            e_tag: Some(etag(&written.etag)),
            version_id: written.version,
            ..PutObjectOutput::default()
        }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let caller = caller(req.region.as_ref());
        // The types of s3s know no condition on a copy's destination.
        let condition = write_condition_of(&req.headers)?;
        let input = req.input;
        let origin = copy_origin(&req.headers, input.copy_source_if_match)?;
        let replace =
            input.metadata_directive.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let written = self.0.copy(
            &caller,
            CopyInput {
                origin,
                bucket: input.bucket,
                key: input.key,
                condition,
                headers: replace.then(|| headers(input.content_type, input.cache_control)),
                with_sha256: wants_sha256(input.checksum_algorithm.as_ref()),
            },
        );
        let written = written.map_err(|failure| refused(&failure))?;
        let (checksum_sha256, checksum_type) = checksum(written.checksum.as_ref());
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                checksum_sha256,
                checksum_type,
                e_tag: Some(etag(&written.etag)),
                last_modified: Some(timestamp(written.last_modified)),
                ..CopyObjectResult::default()
            }),
            version_id: written.version,
            ..CopyObjectOutput::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let removed = self.0.delete(&caller, &input.bucket, &input.key, input.version_id.as_deref());
        removed.map_err(|failure| refused(&failure))?;
        Ok(S3Response::new(DeleteObjectOutput { version_id: input.version_id, ..DeleteObjectOutput::default() }))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let encode = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let listing = self.0.list(
            &caller,
            &input.bucket,
            &ListingInput {
                prefix: input.prefix.clone().unwrap_or_default(),
                delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
                continuation: input.continuation_token.clone(),
                start_after: input.start_after.clone(),
                max_keys: input.max_keys.and_then(|keys| usize::try_from(keys).ok()),
            },
        );
        let page = listing.map_err(|failure| refused(&failure))?;
        let found = page.objects.len() + page.prefixes.len();
        let contents = page.objects.iter().map(|entry| Object {
            key: Some(listed(&entry.key, encode)),
            e_tag: Some(etag(&entry.etag)),
            size: i64::try_from(entry.size).ok(),
            last_modified: Some(timestamp(entry.last_modified)),
            ..Object::default()
        });
        let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(listed(prefix, encode)) });
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| listed(&prefix, encode)),
            delimiter: input.delimiter.map(|delimiter| listed(&delimiter, encode)),
            start_after: input.start_after.map(|key| listed(&key, encode)),
            encoding_type: input.encoding_type,
            max_keys: input.max_keys,
            key_count: i32::try_from(found).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.clone(),
            contents: Some(contents.collect()),
            common_prefixes: Some(prefixes.collect()),
            ..ListObjectsV2Output::default()
        }))
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        if input.key_marker.is_some() || input.version_id_marker.is_some() || input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "versions are listed a page at a time, by prefix alone"));
        }
        let encode = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let wanted = VersionsInput {
            prefix: input.prefix.clone().unwrap_or_default(),
            max_keys: input.max_keys.and_then(|keys| usize::try_from(keys).ok()),
        };
        let page = self.0.versions(&caller, &input.bucket, &wanted).map_err(|failure| refused(&failure))?;
        let (mut versions, mut delete_markers) = (Vec::new(), Vec::new());
        for entry in page.entries {
            let (key, version_id) = (Some(listed(&entry.key, encode)), Some(entry.version));
            let (is_latest, last_modified) = (Some(entry.is_latest), Some(timestamp(entry.last_modified)));
            match entry.object {
                Some((tag, size)) => versions.push(ObjectVersion {
                    key,
                    version_id,
                    is_latest,
                    last_modified,
                    e_tag: Some(etag(&tag)),
                    size: i64::try_from(size).ok(),
                    ..ObjectVersion::default()
                }),
                None => delete_markers.push(DeleteMarkerEntry {
                    key,
                    version_id,
                    is_latest,
                    last_modified,
                    ..DeleteMarkerEntry::default()
                }),
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| listed(&prefix, encode)),
            max_keys: input.max_keys,
            encoding_type: input.encoding_type,
            is_truncated: Some(page.is_truncated),
            versions: Some(versions),
            delete_markers: Some(delete_markers),
            ..ListObjectVersionsOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let kept = headers(input.content_type, input.cache_control);
        let with_sha256 = wants_sha256(input.checksum_algorithm.as_ref());
        let id = self.0.create_upload(&caller, &input.bucket, &input.key, kept, with_sha256);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            upload_id: Some(id.map_err(|failure| refused(&failure))?),
            bucket: Some(input.bucket),
            key: Some(input.key),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let bytes = read_body(input.body, input.checksum_sha256.as_deref(), input.content_md5.as_deref()).await?;
        let target = (input.bucket.as_str(), input.key.as_str(), input.upload_id.as_str());
        let number = u32::try_from(input.part_number).unwrap_or(0);
        let part = self.0.upload_part(&caller, target, number, bytes).map_err(|failure| refused(&failure))?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(etag(&part.etag)), ..UploadPartOutput::default() }))
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let origin = copy_origin(&req.headers, input.copy_source_if_match)?;
        let range = input.copy_source_range.as_deref().map(copy_range).transpose()?;
        let target = (input.bucket.as_str(), input.key.as_str(), input.upload_id.as_str());
        let number = u32::try_from(input.part_number).unwrap_or(0);
        let part = self.0.copy_part(&caller, target, number, &origin, range).map_err(|failure| refused(&failure))?;
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult { e_tag: Some(etag(&part.etag)), ..CopyPartResult::default() }),
            ..UploadPartCopyOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let condition = write_condition(input.if_match, input.if_none_match)?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let parts: Vec<UploadedPart> = named
            .into_iter()
            .map(|part| UploadedPart {
                number: part.part_number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
                etag: part.e_tag.map(|tag| tag.value().to_owned()).unwrap_or_default(),
            })
            .collect();
        let target = (input.bucket.as_str(), input.key.as_str(), input.upload_id.as_str());
        let written =
            self.0.complete_upload(&caller, target, &parts, &condition).map_err(|failure| refused(&failure))?;
        let (checksum_sha256, checksum_type) = checksum(written.checksum.as_ref());
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            checksum_sha256,
            checksum_type,
            e_tag: Some(etag(&written.etag)),
            version_id: written.version,
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let caller = caller(req.region.as_ref());
        let input = req.input;
        let target = (input.bucket.as_str(), input.key.as_str(), input.upload_id.as_str());
        self.0.abort_upload(&caller, target).map_err(|failure| refused(&failure))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let Caller::Signed { region } = caller(req.region.as_ref()) else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        if self.0.bucket_settings(&req.input.bucket).is_some() {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        let named = req.input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
        let region = named.map_or(region, |constraint| constraint.as_str().to_owned());
        self.0.create_bucket(req.input.bucket, BucketSettings::in_region(region));
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        let caller = caller(req.region.as_ref());
        self.settings(&caller, &req.input.bucket)?;
        let versions = self.0.versions(&caller, &req.input.bucket, &VersionsInput::default());
        if !versions.map_err(|failure| refused(&failure))?.entries.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        self.0.remove_bucket(&req.input.bucket);
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let settings = self.settings(&caller(req.region.as_ref()), &req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(settings.region), ..HeadBucketOutput::default() }))
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        self.settings(&caller(req.region.as_ref()), &req.input.bucket)?;
        let status = req.input.versioning_configuration.status;
        let enabled = status.is_some_and(|status| status.as_str() == BucketVersioningStatus::ENABLED);
        self.0.change_bucket(&req.input.bucket, |settings| settings.versioned = enabled);
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }
}
