//! The core: every operation, whoever asks through whichever face.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use suitecast_store::{ETag, GetCondition, SourceCondition, WriteCondition};

use super::{
    StrictBucket,
    bucket::{Bucket, BucketSettings, Version},
    conditions::{check_read, check_source, check_write},
    events::{Happening, Mishaps, message},
    failure::Failure,
    listing::{self, Listing, ListingInput},
    log::{Request, RequestCounts, S3Operation},
    object::{Checksum, Content, Object, StoredHeaders},
    trouble::{Trouble, TroubleRule},
};

/// S3's limits. Tests make them smaller, to meet them with few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one `CopyObject` or `PutObject` takes: 5 GiB.
    pub one_call_bytes: u64,
    /// Bytes of the largest part: 5 GiB.
    pub largest_part_bytes: u64,
    /// Bytes of any part but the last: 5 MiB at the least.
    pub smallest_part_bytes: u64,
    /// Keys and folded prefixes of one page: 1,000.
    pub page_keys: usize,
    /// Bytes of a key: 1,024.
    pub key_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            one_call_bytes: 5 * 1024 * 1024 * 1024,
            largest_part_bytes: 5 * 1024 * 1024 * 1024,
            smallest_part_bytes: 5 * 1024 * 1024,
            page_keys: 1_000,
            key_bytes: 1_024,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that S3 knows: an apt client.
    Anonymous,
    /// Somebody with keys, whose client is set to a region.
    Signed {
        /// The region that the request was signed for.
        region: String,
    },
}

/// What is being done to a key, for the rights it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
    List,
}

/// A read.
#[derive(Debug, Clone, Default)]
pub struct ReadInput {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A version of it.
    pub version: Option<String>,
    /// When it is answered with bytes.
    pub condition: GetCondition,
}

/// What a read finds.
#[derive(Debug, Clone)]
pub struct Found {
    /// The bytes.
    pub content: Content,
    /// Where a body breaks off, if it does.
    pub cut_after: Option<usize>,
    /// The tag, without quotes.
    pub etag: String,
    /// The checksum kept.
    pub checksum: Option<Checksum>,
    /// The version.
    pub version: Option<String>,
    /// When it was written, in whole seconds.
    pub last_modified: Timestamp,
    /// Its headers.
    pub headers: StoredHeaders,
}

/// A write of bytes.
#[derive(Debug, Clone)]
pub struct PutInput {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The bytes.
    pub bytes: Bytes,
    /// When it takes place.
    pub condition: WriteCondition,
    /// Its headers.
    pub headers: StoredHeaders,
    /// Whether a SHA-256 was sent along, and so is kept.
    pub with_sha256: bool,
}

/// Where a copy reads.
#[derive(Debug, Clone)]
pub struct CopyOrigin {
    /// The bucket, in whatever region.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A version of it.
    pub version: Option<String>,
    /// When it reads.
    pub condition: SourceCondition,
}

/// A copy.
#[derive(Debug, Clone)]
pub struct CopyInput {
    /// Where it reads.
    pub origin: CopyOrigin,
    /// The bucket it writes.
    pub bucket: String,
    /// The key it writes.
    pub key: String,
    /// When it writes.
    pub condition: WriteCondition,
    /// The copy's headers (`MetadataDirective: REPLACE`); `None` takes over the source's.
    pub headers: Option<StoredHeaders>,
    /// `ChecksumAlgorithm: SHA256`.
    pub with_sha256: bool,
}

/// A write that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The new tag, without quotes.
    pub etag: String,
    /// The new version.
    pub version: Option<String>,
    /// The checksum kept with it.
    pub checksum: Option<Checksum>,
    /// When, in whole seconds.
    pub last_modified: Timestamp,
}

/// The state behind the lock.
#[derive(Clone)]
pub(super) struct World {
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) limits: Limits,
    troubles: Vec<TroubleRule>,
    requests: Vec<Request>,
    events: Vec<(String, Value)>,
    pub(super) counter: u64,
}

/// Bytes that one request moves, filled in while it is served.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) copied: u64,
}

/// A set of buckets. Clones are the same set.
#[derive(Clone)]
pub struct StrictS3 {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl StrictS3 {
    /// No buckets yet; `clock` gives `Last-Modified`.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let world = World {
            buckets: BTreeMap::new(),
            limits: Limits::default(),
            troubles: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
            counter: 0,
        };
        Self { world: Arc::new(Mutex::new(world)), clock: Arc::new(clock) }
    }

    /// The same buckets, from here on apart: what one does is not seen by the other. Bytes are shared, not copied.
    #[must_use]
    pub fn fork(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { world: Arc::new(Mutex::new(self.world().clone())), clock: Arc::new(clock) }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        // A test that failed while it held the lock has said so already.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whole seconds, as S3 keeps them.
    fn now(&self) -> Timestamp {
        let now = (self.clock)();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Makes a bucket; one of that name is emptied.
    pub fn create_bucket(&self, name: impl Into<String>, settings: BucketSettings) {
        self.world().buckets.insert(name.into(), Bucket::new(settings));
    }

    /// Removes a bucket with all that it holds.
    pub fn remove_bucket(&self, name: &str) {
        self.world().buckets.remove(name);
    }

    /// A bucket's settings.
    pub fn bucket_settings(&self, name: &str) -> Option<BucketSettings> {
        self.world().buckets.get(name).map(|bucket| bucket.settings.clone())
    }

    /// Changes a bucket's settings; of an absent bucket, nothing.
    pub fn change_bucket(&self, name: &str, change: impl FnOnce(&mut BucketSettings)) {
        if let Some(bucket) = self.world().buckets.get_mut(name) {
            change(&mut bucket.settings);
        }
    }

    /// Sets the limits.
    pub fn set_limits(&self, limits: Limits) {
        self.world().limits = limits;
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.world().limits
    }

    /// The storage port over a bucket, by a client of the bucket's own region (of no region where there is no such bucket).
    pub fn bucket(&self, name: &str) -> StrictBucket {
        let region = self.bucket_settings(name).map(|settings| settings.region).unwrap_or_default();
        self.bucket_from(&region, name)
    }

    /// The same, by a client that is set to `region`.
    pub fn bucket_from(&self, region: &str, name: &str) -> StrictBucket {
        StrictBucket::new(self.clone(), name.to_owned(), Caller::Signed { region: region.to_owned() })
    }

    /// The same, by an apt client.
    pub fn anonymous(&self, name: &str) -> StrictBucket {
        StrictBucket::new(self.clone(), name.to_owned(), Caller::Anonymous)
    }

    /// Adds a trouble; the first rule that means a request strikes it.
    pub fn trouble(&self, rule: TroubleRule) {
        self.world().troubles.push(rule);
    }

    /// No more troubles.
    pub fn clear_troubles(&self) {
        self.world().troubles.clear();
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.world().requests.clone()
    }

    /// Counts the requests that `wanted` picks.
    pub fn count(&self, wanted: impl Fn(&Request) -> bool) -> RequestCounts {
        RequestCounts::of(self.world().requests.iter().filter(|request| wanted(request)))
    }

    /// Counts from zero again.
    pub fn forget_requests(&self) {
        self.world().requests.clear();
    }

    /// Takes the notifications sent since the last call, as messages (`{"Records": […]}`) in the order of their arrival.
    pub fn take_events(&self, mishaps: &Mishaps) -> Vec<Value> {
        let events = std::mem::take(&mut self.world().events);
        mishaps.befall(events.into_iter().map(|(_, event)| event).collect())
    }

    /// What a key holds now, seen from outside: no request, no count.
    pub fn peek(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let world = self.world();
        world.buckets.get(bucket)?.current(key).map(|(_, object)| object.content.bytes().clone())
    }

    /// The headers a key is served with, seen from outside.
    pub fn peek_headers(&self, bucket: &str, key: &str) -> Option<StoredHeaders> {
        let world = self.world();
        world.buckets.get(bucket)?.current(key).map(|(_, object)| object.headers.clone())
    }

    /// The tag a key has now, seen from outside.
    pub fn peek_etag(&self, bucket: &str, key: &str) -> Option<ETag> {
        let world = self.world();
        world.buckets.get(bucket)?.current(key).map(|(_, object)| ETag::new(&object.etag))
    }

    /// The keys that begin with `prefix`, seen from outside.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let world = self.world();
        let Some(bucket) = world.buckets.get(bucket) else {
            return Vec::new();
        };
        let from_prefix = bucket.keys.range(prefix.to_owned()..);
        from_prefix
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, versions)| versions.last().is_some_and(|version| version.object.is_some()))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// How many versions and delete markers a key has.
    pub fn version_count(&self, bucket: &str, key: &str) -> usize {
        self.world().buckets.get(bucket).and_then(|bucket| bucket.keys.get(key)).map_or(0, Vec::len)
    }

    /// Writes a key from outside, as an uploader does: notified, not counted.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub fn plant(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> Result<ETag, Failure> {
        let object = Object::whole(Content::new(bytes.into()), false, StoredHeaders::default());
        let time = self.now();
        let written = self.world().write(bucket, key, object, time, "ObjectCreated:Put")?;
        Ok(ETag::new(&written.etag))
    }

    /// Removes a key from outside: notified, not counted.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub fn uproot(&self, bucket: &str, key: &str) -> Result<(), Failure> {
        let time = self.now();
        self.world().remove(bucket, key, None, time)
    }

    /// Serves a request: troubles, counting and the effect, as one atomic action.
    pub(super) fn serve<T>(
        &self,
        (operation, bucket, key): (S3Operation, &str, &str),
        effect: impl FnOnce(&mut World, Timestamp, &mut Moved, Option<&Trouble>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let time = self.now();
        let mut world = self.world();
        let world = &mut *world;
        let trouble = world
            .troubles
            .iter_mut()
            .find_map(|rule| rule.strikes(operation, bucket, key).then(|| rule.trouble.clone()));
        let mut moved = Moved::default();
        let outcome = match trouble.as_ref().and_then(Trouble::refusal) {
            Some(failure) => Err(failure),
            None => effect(world, time, &mut moved, trouble.as_ref()),
        };
        let outcome = if trouble == Some(Trouble::LostAnswer) { Err(Failure::internal_error()) } else { outcome };
        world.requests.push(Request {
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            status: outcome.as_ref().err().map_or(200, |failure| failure.status),
            bytes_received: moved.received,
            bytes_sent: moved.sent,
            bytes_copied: moved.copied,
        });
        outcome
    }

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

    /// `ListObjectVersions`: every key with its versions, newest first; `true` marks delete markers.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn versions(&self, caller: &Caller, bucket: &str) -> Result<Vec<(String, String, bool)>, Failure> {
        self.serve((S3Operation::ListObjectVersions, bucket, ""), |world, _, _, _| {
            world.authorise(caller, bucket, "", Right::List)?;
            let mut all = Vec::new();
            for (key, versions) in &world.bucket(bucket)?.keys {
                for version in versions.iter().rev() {
                    let id = version.id.clone().unwrap_or_else(|| "null".to_owned());
                    all.push((key.clone(), id, version.object.is_none()));
                }
            }
            Ok(all)
        })
    }
}

impl World {
    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Failure> {
        self.buckets.get(name).ok_or_else(Failure::no_such_bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Failure> {
        self.buckets.get_mut(name).ok_or_else(Failure::no_such_bucket)
    }

    /// Whether the caller may. Also: whether there is such a bucket, and in the region that the caller thinks.
    pub(super) fn authorise(&self, caller: &Caller, bucket: &str, key: &str, right: Right) -> Result<(), Failure> {
        let settings = &self.bucket(bucket)?.settings;
        if let Caller::Signed { region } = caller
            && *region != settings.region
        {
            return Err(Failure::redirect_to(&settings.region));
        }
        if key.len() > self.limits.key_bytes {
            return Err(Failure::new("KeyTooLongError", 400, "Your key is too long"));
        }
        self.permit(caller, bucket, key, right)
    }

    /// Rights alone: the source of a copy may be in any region.
    fn permit(&self, caller: &Caller, bucket: &str, key: &str, right: Right) -> Result<(), Failure> {
        let access = &self.bucket(bucket)?.settings.access;
        let below = |prefixes: &[String]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let allowed = match (caller, right) {
            (Caller::Signed { .. }, Right::Read | Right::Write) => !below(&access.denied_prefixes),
            (Caller::Signed { .. }, Right::List) => access.signed_list,
            (Caller::Anonymous, Right::Read) => {
                access.public_read && !below(&access.private_prefixes) && !below(&access.denied_prefixes)
            }
            (Caller::Anonymous, Right::Write) => false,
            (Caller::Anonymous, Right::List) => access.public_list,
        };
        if allowed { Ok(()) } else { Err(Failure::access_denied()) }
    }

    /// To somebody who may not list, an absent key reads as denied.
    fn absent(&self, caller: &Caller, bucket: &str, failure: Failure) -> Failure {
        let hidden = failure.code == "NoSuchKey" && self.permit(caller, bucket, "", Right::List).is_err();
        if hidden { Failure::access_denied() } else { failure }
    }

    fn read(&self, caller: &Caller, input: &ReadInput) -> Result<Option<Found>, Failure> {
        self.authorise(caller, &input.bucket, &input.key, Right::Read)?;
        let bucket = self.bucket(&input.bucket)?;
        let found = bucket.find(&input.key, input.version.as_deref());
        let (version, object) = found.map_err(|failure| self.absent(caller, &input.bucket, failure))?;
        if !check_read(&input.condition, object)? {
            return Ok(None);
        }
        Ok(Some(Found {
            content: object.content.clone(),
            cut_after: None,
            etag: object.etag.clone(),
            checksum: object.checksum.clone(),
            version: version.id.clone(),
            last_modified: version.last_modified,
            headers: object.headers.clone(),
        }))
    }

    /// The object a copy reads.
    pub(super) fn copy_source(&self, caller: &Caller, origin: &CopyOrigin) -> Result<Object, Failure> {
        self.permit(caller, &origin.bucket, &origin.key, Right::Read)?;
        let found = self.bucket(&origin.bucket)?.find(&origin.key, origin.version.as_deref());
        let (_, object) = found.map_err(|failure| match failure.code {
            "MethodNotAllowed" => Failure::copy_source_is_delete_marker(),
            _ => self.absent(caller, &origin.bucket, failure),
        })?;
        check_source(&origin.condition, object)?;
        Ok(object.clone())
    }

    pub(super) fn write(
        &mut self,
        bucket: &str,
        key: &str,
        object: Object,
        time: Timestamp,
        name: &'static str,
    ) -> Result<Written, Failure> {
        self.counter += 1;
        let counter = self.counter;
        let target = self.bucket_mut(bucket)?;
        let id = target.settings.versioned.then(|| version_id(counter));
        let written = Written {
            etag: object.etag.clone(),
            version: id.clone(),
            checksum: object.checksum.clone(),
            last_modified: time,
        };
        let size = object.content.size();
        target.store(key, Version { id, object: Some(object), last_modified: time });
        self.notify(bucket, key, name, time, Some((size, &written.etag)), written.version.as_deref());
        Ok(written)
    }

    fn remove(&mut self, bucket: &str, key: &str, version: Option<&str>, time: Timestamp) -> Result<(), Failure> {
        self.counter += 1;
        let counter = self.counter;
        let target = self.bucket_mut(bucket)?;
        if let Some(wanted) = version {
            if let Some(versions) = target.keys.get_mut(key) {
                versions.retain(|version| version.id.as_deref().unwrap_or("null") != wanted);
                if versions.is_empty() {
                    target.keys.remove(key);
                }
            }
            self.notify(bucket, key, "ObjectRemoved:Delete", time, None, version);
            return Ok(());
        }
        if target.settings.versioned {
            let id = version_id(counter);
            target.store(key, Version { id: Some(id.clone()), object: None, last_modified: time });
            self.notify(bucket, key, "ObjectRemoved:DeleteMarkerCreated", time, None, Some(&id));
        } else if target.keys.remove(key).is_some() {
            self.notify(bucket, key, "ObjectRemoved:Delete", time, None, None);
        }
        Ok(())
    }

    fn notify(
        &mut self,
        bucket: &str,
        key: &str,
        name: &'static str,
        time: Timestamp,
        object: Option<(u64, &str)>,
        version: Option<&str>,
    ) {
        let Some(settings) =
            self.buckets.get(bucket).map(|bucket| &bucket.settings).filter(|settings| settings.notifies)
        else {
            return;
        };
        let happening =
            Happening { name, region: &settings.region, bucket, key, time, object, version, sequence: self.counter };
        let event = message(&happening);
        self.events.push((bucket.to_owned(), event));
    }
}

/// Version ids are opaque, and hold characters that a URL must not: as the real ones do.
fn version_id(counter: u64) -> String {
    format!("3/L4kqt+{counter:08}=.x")
}
