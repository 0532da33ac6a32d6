//! S3's operations on objects and listings, whoever asks through whichever face.

use super::{
    conditions::check_write,
    failure::Failure,
    listing::{self, Listing, ListingInput},
    log::S3Operation,
    object::{Content, Object},
    requests::{Caller, CopyInput, Found, PutInput, ReadInput, Written},
    s3::StrictS3,
    trouble::Trouble,
    world::Right,
};

impl StrictS3 {
    /// `GetObject`; `None` is 304.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn get(&self, caller: &Caller, input: &ReadInput) -> Result<Option<Found>, Failure> {
        self.serve((S3Operation::GetObject, &input.bucket, &input.key), |world, _, moved, trouble| {
            let mut found = world.read(caller, input)?;
            if let (Some(found), Some(Trouble::CutBody(after))) = (&mut found, trouble) {
                found.cut_after = Some(*after);
            }
            moved.sent = found.as_ref().map_or(0, |found| found.content.size());
            Ok(found)
        })
    }

    /// `HeadObject`; `None` is 304.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn head(&self, caller: &Caller, input: &ReadInput) -> Result<Option<Found>, Failure> {
        self.serve((S3Operation::HeadObject, &input.bucket, &input.key), |world, _, _, _| world.read(caller, input))
    }

    /// `PutObject`
    ///
    /// # Errors
    /// As S3 documents.
    pub fn put(&self, caller: &Caller, input: PutInput) -> Result<Written, Failure> {
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        self.serve((S3Operation::PutObject, &bucket, &key), |world, time, moved, _| {
            world.authorise(caller, &bucket, &key, Right::Write)?;
            moved.received = input.bytes.len() as u64;
            if moved.received > world.limits.one_call_bytes {
                return Err(Failure::new(
                    "EntityTooLarge",
                    400,
                    "Your proposed upload exceeds the maximum allowed size",
                ));
            }
            check_write(&input.condition, world.bucket(&bucket)?.current(&key).map(|(_, object)| object))?;
            let object = Object::whole(Content::new(input.bytes), input.with_sha256, input.headers);
            world.write(&bucket, &key, object, time, "ObjectCreated:Put")
        })
    }

    /// `CopyObject`
    ///
    /// # Errors
    /// As S3 documents. A 412 does not say which of the two conditions failed.
    pub fn copy(&self, caller: &Caller, input: CopyInput) -> Result<Written, Failure> {
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        self.serve((S3Operation::CopyObject, &bucket, &key), |world, time, moved, _| {
            world.authorise(caller, &bucket, &key, Right::Write)?;
            let source = world.copy_source(caller, &input.origin)?;
            if source.content.size() > world.limits.one_call_bytes {
                return Err(Failure::copy_source_too_large(world.limits.one_call_bytes));
            }
            if input.headers.is_none() && (&input.origin.bucket, &input.origin.key) == (&bucket, &key) {
                let message = "This copy request is illegal because it is trying to copy an object to itself without \
                               changing the object's metadata, storage class, website redirect location or encryption \
                               attributes.";
                return Err(Failure::new("InvalidRequest", 400, message));
            }
            check_write(&input.condition, world.bucket(&bucket)?.current(&key).map(|(_, object)| object))?;
            moved.copied = source.content.size();
            // A copy is written in one go, whatever its source was: a composite checksum becomes one of the whole.
            let with_sha256 = input.with_sha256 || source.checksum.is_some();
            let headers = input.headers.unwrap_or(source.headers);
            let object = Object::whole(source.content, with_sha256, headers);
            world.write(&bucket, &key, object, time, "ObjectCreated:Copy")
        })
    }

    /// `ListObjectsV2`
    ///
    /// # Errors
    /// As S3 documents.
    pub fn list(&self, caller: &Caller, bucket: &str, input: &ListingInput) -> Result<Listing, Failure> {
        self.serve((S3Operation::ListObjectsV2, bucket, &input.prefix), |world, _, _, _| {
            world.authorise(caller, bucket, &input.prefix, Right::List)?;
            let page_keys = world.limits.page_keys;
            listing::list(world.bucket(bucket)?, input, page_keys)
        })
    }

    /// `DeleteObject`: of the newest version by a delete marker, of a given one for good.
    ///
    /// # Errors
    /// As S3 documents. An absent key is no error.
    pub fn delete(&self, caller: &Caller, bucket: &str, key: &str, version: Option<&str>) -> Result<(), Failure> {
        self.serve((S3Operation::DeleteObject, bucket, key), |world, time, _, _| {
            world.authorise(caller, bucket, key, Right::Write)?;
            world.remove(bucket, key, version, time)
        })
    }
}
