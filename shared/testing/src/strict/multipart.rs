//! Uploads in parts.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::WriteCondition;

use super::{
    conditions::check_write,
    failure::Failure,
    log::S3Operation,
    object::{Checksum, Content, Object, StoredHeaders},
    requests::{Caller, CopyOrigin, Written},
    s3::StrictS3,
    world::{Right, World},
};

/// Parts of one upload.
const MAX_PARTS: u32 = 10_000;

/// An upload under way.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    key: String,
    headers: StoredHeaders,
    with_sha256: bool,
    parts: BTreeMap<u32, Bytes>,
}

/// A part as the completion names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its tag, without quotes.
    pub etag: String,
}

impl StrictS3 {
    /// `CreateMultipartUpload`: answers the upload's id. `with_sha256` asks for SHA-256, which for parts is composite.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn create_upload(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        headers: StoredHeaders,
        with_sha256: bool,
    ) -> Result<String, Failure> {
        self.serve((S3Operation::CreateMultipartUpload, bucket, key), |world, _, _, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            world.counter += 1;
            let id = format!("upload-{}", world.counter);
            let upload = Upload { key: key.to_owned(), headers, with_sha256, parts: BTreeMap::new() };
            world.bucket_mut(bucket)?.uploads.insert(id.clone(), upload);
            Ok(id)
        })
    }

    /// `UploadPart`
    ///
    /// # Errors
    /// As S3 documents.
    pub fn upload_part(
        &self,
        caller: &Caller,
        (bucket, key, upload): (&str, &str, &str),
        number: u32,
        bytes: Bytes,
    ) -> Result<UploadedPart, Failure> {
        self.serve((S3Operation::UploadPart, bucket, key), |world, _, moved, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            moved.received = bytes.len() as u64;
            world.keep_part((bucket, key, upload), number, bytes)
        })
    }

    /// `UploadPartCopy` of the bytes `first..=last`, or of the whole source.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn copy_part(
        &self,
        caller: &Caller,
        (bucket, key, upload): (&str, &str, &str),
        number: u32,
        origin: &CopyOrigin,
        range: Option<(u64, u64)>,
    ) -> Result<UploadedPart, Failure> {
        self.serve((S3Operation::UploadPartCopy, bucket, key), |world, _, moved, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            let source = world.copy_source(caller, origin)?;
            let size = source.content.size();
            let (first, last) = range.unwrap_or((0, size.saturating_sub(1)));
            if size == 0 || first > last || last >= size {
                return Err(Failure::invalid_argument("Range specified is not valid for source object of this size"));
            }
            let invalid = || Failure::invalid_argument("The range does not fit this machine");
            let first = usize::try_from(first).map_err(|_| invalid())?;
            let last = usize::try_from(last).map_err(|_| invalid())?;
            let bytes = source.content.bytes().slice(first..=last);
            if bytes.len() as u64 > world.limits.largest_part_bytes {
                return Err(Failure::copy_source_too_large(world.limits.largest_part_bytes));
            }
            moved.copied = bytes.len() as u64;
            world.keep_part((bucket, key, upload), number, bytes)
        })
    }

    /// `CompleteMultipartUpload`: the object appears, if the condition holds.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn complete_upload(
        &self,
        caller: &Caller,
        (bucket, key, upload_id): (&str, &str, &str),
        parts: &[UploadedPart],
        condition: &WriteCondition,
    ) -> Result<Written, Failure> {
        self.serve((S3Operation::CompleteMultipartUpload, bucket, key), |world, time, _, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            let smallest = world.limits.smallest_part_bytes;
            let target = world.bucket(bucket)?;
            check_write(condition, target.current(key).map(|(_, object)| object))?;
            let upload = target.uploads.get(upload_id).filter(|upload| upload.key == key);
            let object = assemble(upload.ok_or_else(Failure::no_such_upload)?, parts, smallest)?;
            world.bucket_mut(bucket)?.uploads.remove(upload_id);
            world.write(bucket, key, object, time, "ObjectCreated:CompleteMultipartUpload")
        })
    }

    /// `AbortMultipartUpload`
    ///
    /// # Errors
    /// As S3 documents.
    pub fn abort_upload(&self, caller: &Caller, (bucket, key, upload): (&str, &str, &str)) -> Result<(), Failure> {
        self.serve((S3Operation::AbortMultipartUpload, bucket, key), |world, _, _, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            let removed = world.bucket_mut(bucket)?.uploads.remove(upload);
            removed.map(|_| ()).ok_or_else(Failure::no_such_upload)
        })
    }

    /// Uploads that were begun and neither completed nor aborted: each costs money until somebody removes it.
    pub fn unfinished_uploads(&self, bucket: &str) -> usize {
        self.world().buckets.get(bucket).map_or(0, |bucket| bucket.uploads.len())
    }
}

impl World {
    fn keep_part(
        &mut self,
        (bucket, key, upload): (&str, &str, &str),
        number: u32,
        bytes: Bytes,
    ) -> Result<UploadedPart, Failure> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Failure::invalid_argument("Part number must be an integer between 1 and 10000, inclusive"));
        }
        let upload = self.bucket_mut(bucket)?.uploads.get_mut(upload).filter(|upload| upload.key == key);
        let upload = upload.ok_or_else(Failure::no_such_upload)?;
        let etag = Digest::of(DigestAlgorithm::Md5, &bytes).to_string();
        upload.parts.insert(number, bytes);
        Ok(UploadedPart { number, etag })
    }
}

/// Puts the parts together that the completion names.
fn assemble(upload: &Upload, parts: &[UploadedPart], smallest: u64) -> Result<Object, Failure> {
    if parts.is_empty() {
        return Err(Failure::new("MalformedXML", 400, "You must specify at least one part"));
    }
    if parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(Failure::new("InvalidPartOrder", 400, message));
    }
    let mut bytes = BytesMut::new();
    let (mut tags, mut checksums) = (Vec::new(), Vec::new());
    for (index, part) in parts.iter().enumerate() {
        let content = upload.parts.get(&part.number).map(|bytes| Content::new(bytes.clone()));
        let content = content.filter(|content| content.md5().to_string() == part.etag).ok_or_else(|| {
            let message = "One or more of the specified parts could not be found. The part may not have been uploaded, \
                           or the specified entity tag may not match the part's entity tag.";
            Failure::new("InvalidPart", 400, message)
        })?;
        if index + 1 < parts.len() && content.size() < smallest {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(Failure::new("EntityTooSmall", 400, message));
        }
        bytes.extend_from_slice(content.bytes());
        tags.extend_from_slice(content.md5().as_bytes());
        checksums.extend_from_slice(content.sha256().as_bytes());
    }
    let composite = Digest::of(DigestAlgorithm::Sha256, &checksums);
    Ok(Object {
        content: Content::new(bytes.freeze()),
        etag: format!("{}-{}", Digest::of(DigestAlgorithm::Md5, &tags), parts.len()),
        checksum: upload.with_sha256.then_some(Checksum::Composite(composite, parts.len())),
        headers: upload.headers.clone(),
    })
}
