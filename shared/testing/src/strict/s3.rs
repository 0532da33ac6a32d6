//! The set of buckets: making and changing them, looking at them from outside.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use suitecast_store::ETag;

use super::{
    StrictBucket,
    bucket::{Bucket, BucketSettings},
    events::Mishaps,
    failure::Failure,
    log::{Request, RequestCounts, S3Operation},
    object::{Content, Object, StoredHeaders},
    requests::{Caller, Limits},
    trouble::{Trouble, TroubleRule},
    world::{Moved, World},
};

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
        mishaps.befall(events)
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
}
