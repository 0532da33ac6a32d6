//! The storage port over a bucket of the strict S3, without a wire between.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use suitecast_archive::Digest;
use suitecast_store::{
    Body, Copied, CopyRequest, ETag, ErrorKind, GetRequest, Got, ListPage, ListRequest, Listed, ObjectHeaders,
    ObjectInfo, Operation, Put, PutRequest, Store, StoreError, VersionId, WriteCondition,
};

use crate::contract::{Broken, UploadInParts};

use super::{
    failure::Failure,
    listing::ListingInput,
    object::{Checksum, StoredHeaders},
    requests::{Caller, CopyInput, CopyOrigin, Found, PutInput, ReadInput},
    s3::StrictS3,
    versions::VersionsInput,
};

/// Bytes of one piece of a body: small, so that readers meet boundaries everywhere.
const PIECE_BYTES: usize = 16 * 1024;

/// One bucket, as one caller sees it.
#[derive(Clone)]
pub struct StrictBucket {
    s3: StrictS3,
    name: String,
    caller: Caller,
}

impl StrictBucket {
    pub(super) fn new(s3: StrictS3, name: String, caller: Caller) -> Self {
        Self { s3, name, caller }
    }

    /// The set of buckets it belongs to.
    pub fn s3(&self) -> &StrictS3 {
        &self.s3
    }

    fn error(&self, operation: Operation, key: &str, failure: &Failure) -> StoreError {
        StoreError {
            operation,
            bucket: self.name.clone(),
            key: key.to_owned(),
            kind: failure.kind(),
            detail: failure.to_string(),
            source: None,
        }
    }

    fn read_input(&self, request: &GetRequest) -> ReadInput {
        ReadInput {
            bucket: self.name.clone(),
            key: request.key.clone(),
            version: request.version.clone().map(|VersionId(version)| version),
            condition: request.condition.clone(),
        }
    }

    fn body(&self, key: &str, found: &Found) -> Body {
        let bytes = found.content.bytes();
        let end = found.cut_after.unwrap_or(bytes.len()).min(bytes.len());
        let mut pieces: Vec<Result<Bytes, StoreError>> =
            (0..end).step_by(PIECE_BYTES).map(|start| Ok(bytes.slice(start..(start + PIECE_BYTES).min(end)))).collect();
        if end < bytes.len() {
            let detail = format!("ended after {end} of {} bytes; read it again", bytes.len());
            pieces.push(Err(StoreError {
                operation: Operation::Get,
                bucket: self.name.clone(),
                key: key.to_owned(),
                kind: ErrorKind::Unavailable,
                detail,
                source: None,
            }));
        }
        Box::pin(stream::iter(pieces))
    }

    /// Above the limit, as the S3 adapter does it.
    fn copy_in_parts(&self, request: &CopyRequest, origin: &CopyOrigin) -> Result<Copied, Failure> {
        let size = self.s3.world().copy_source(&self.caller, origin)?.content.size();
        let limits = self.s3.limits();
        let part_bytes = limits.one_call_bytes.max(limits.smallest_part_bytes);
        let upload =
            self.s3.create_upload(&self.caller, &self.name, &request.key, stored_headers(&request.headers), false)?;
        let target = (self.name.as_str(), request.key.as_str(), upload.as_str());
        let step = usize::try_from(part_bytes).unwrap_or(usize::MAX);
        let copied = (1..)
            .zip((0..size).step_by(step))
            .map(|(number, first)| {
                let range = Some((first, (first + part_bytes).min(size) - 1));
                self.s3.copy_part(&self.caller, target, number, origin, range)
            })
            .collect::<Result<Vec<_>, _>>();
        let completed =
            copied.and_then(|parts| self.s3.complete_upload(&self.caller, target, &parts, &request.condition));
        if completed.is_err() {
            // Already gone where only the answer was lost.
            let _ = self.s3.abort_upload(&self.caller, target);
        }
        completed.map(|written| Copied { etag: ETag::new(&written.etag), sha256: None })
    }
}

fn stored_headers(headers: &ObjectHeaders) -> StoredHeaders {
    StoredHeaders {
        content_type: headers.content_type.map(str::to_owned),
        cache_control: headers.cache_control.map(str::to_owned),
    }
}

fn whole_object(checksum: Option<&Checksum>) -> Option<Digest> {
    match checksum {
        Some(Checksum::FullObject(digest)) => Some(*digest),
        _ => None,
    }
}

fn info(found: &Found) -> ObjectInfo {
    ObjectInfo {
        etag: ETag::new(&found.etag),
        size: found.content.size(),
        sha256: whole_object(found.checksum.as_ref()),
        version: found.version.clone().map(VersionId),
        last_modified: Some(found.last_modified),
    }
}

#[async_trait]
impl UploadInParts for StrictBucket {
    async fn upload_in_parts(&self, key: &str, parts: Vec<Bytes>) -> Result<(), Broken> {
        let broken = |failure: Failure| Broken(failure.to_string());
        let upload = self.s3.create_upload(&self.caller, &self.name, key, StoredHeaders::default(), true);
        let upload = upload.map_err(broken)?;
        let target = (self.name.as_str(), key, upload.as_str());
        let uploaded: Result<Vec<_>, _> =
            (1..).zip(parts).map(|(number, part)| self.s3.upload_part(&self.caller, target, number, part)).collect();
        let uploaded = uploaded.map_err(broken)?;
        let completed = self.s3.complete_upload(&self.caller, target, &uploaded, &WriteCondition::Always);
        completed.map(|_| ()).map_err(broken)
    }
}

#[async_trait]
impl Store for StrictBucket {
    fn bucket(&self) -> &str {
        &self.name
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        // A request takes time: others get their turn, as they would over a wire.
        tokio::task::yield_now().await;
        let found = self.s3.get(&self.caller, &self.read_input(&request));
        let found = found.map_err(|failure| self.error(Operation::Get, &request.key, &failure))?;
        Ok(match found {
            Some(found) => Got::Object { info: info(&found), body: self.body(&request.key, &found) },
            None => Got::Unchanged,
        })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        tokio::task::yield_now().await;
        let request = GetRequest { key: key.to_owned(), ..GetRequest::default() };
        match self.s3.head(&self.caller, &self.read_input(&request)) {
            Ok(found) => Ok(found.as_ref().map(info)),
            Err(failure) => {
                let error = self.error(Operation::Head, key, &failure);
                if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) }
            }
        }
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        tokio::task::yield_now().await;
        let input = PutInput {
            bucket: self.name.clone(),
            key: request.key.clone(),
            bytes: request.bytes,
            condition: request.condition,
            headers: stored_headers(&request.headers),
            with_sha256: true,
        };
        let written = self.s3.put(&self.caller, input);
        let written = written.map_err(|failure| self.error(Operation::Put, &request.key, &failure))?;
        Ok(Put { etag: ETag::new(&written.etag) })
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        tokio::task::yield_now().await;
        let source = request.source.clone();
        let origin = CopyOrigin {
            bucket: source.bucket,
            key: source.key,
            version: source.version.map(|VersionId(version)| version),
            condition: source.condition,
        };
        let input = CopyInput {
            origin: origin.clone(),
            bucket: self.name.clone(),
            key: request.key.clone(),
            condition: request.condition.clone(),
            headers: Some(stored_headers(&request.headers)),
            with_sha256: true,
        };
        let copied = match self.s3.copy(&self.caller, input) {
            Ok(written) => {
                Ok(Copied { etag: ETag::new(&written.etag), sha256: whole_object(written.checksum.as_ref()) })
            }
            Err(failure) if failure.kind() == ErrorKind::TooLarge => self.copy_in_parts(&request, &origin),
            Err(failure) => Err(failure),
        };
        copied.map_err(|failure| self.error(Operation::Copy, &request.key, &failure))
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        tokio::task::yield_now().await;
        let input = ListingInput {
            prefix: request.prefix.clone(),
            delimiter: request.folded.then(|| "/".to_owned()),
            continuation: request.continuation,
            start_after: request.start_after,
            max_keys: None,
        };
        let page = self.s3.list(&self.caller, &self.name, &input);
        let page = page.map_err(|failure| self.error(Operation::List, &request.prefix, &failure))?;
        let objects = page.objects.into_iter().map(|entry| Listed {
            key: entry.key,
            etag: ETag::new(&entry.etag),
            size: entry.size,
            last_modified: Some(entry.last_modified),
        });
        Ok(ListPage { objects: objects.collect(), prefixes: page.prefixes, next: page.next })
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        tokio::task::yield_now().await;
        let input = VersionsInput { prefix: key.to_owned(), max_keys: Some(most) };
        let page = self.s3.versions(&self.caller, &self.name, &input);
        let page = page.map_err(|failure| self.error(Operation::Versions, key, &failure))?;
        let of_this_key = page.entries.into_iter().filter(|entry| entry.key == key);
        let versions = of_this_key.filter_map(|entry| {
            let (etag, size) = entry.object?;
            Some(ObjectInfo {
                etag: ETag::new(&etag),
                size,
                sha256: None,
                version: Some(VersionId(entry.version)),
                last_modified: Some(entry.last_modified),
            })
        });
        Ok(versions.collect())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let removed = self.s3.delete(&self.caller, &self.name, key, None);
        removed.map_err(|failure| self.error(Operation::Delete, key, &failure))
    }
}
