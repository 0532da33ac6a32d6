//! Time that passes with requests, on a clock that otherwise stands still.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use suitecast_store::{
    Copied, CopyRequest, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Put, PutRequest, Store, StoreError,
};
use suitecast_testing::ManualClock;

use super::COPY_CONCURRENCY;

/// How long S3 takes to answer within a region: a typical median.
const ANSWER: SignedDuration = SignedDuration::from_millis(20);

/// How long a copy of a small object takes from another continent's region.
const COPY: SignedDuration = SignedDuration::from_millis(150);

/// A bucket whose requests take time. As many as are at work at once share it, so slices end where they would.
pub struct PacedStore {
    inner: Arc<dyn Store>,
    clock: ManualClock,
}

impl PacedStore {
    /// Lets time pass on `clock` with each request to `inner`.
    pub fn new(inner: Arc<dyn Store>, clock: ManualClock) -> Self {
        Self { inner, clock }
    }

    fn pass(&self, time: SignedDuration) {
        let side_by_side = i32::try_from(COPY_CONCURRENCY).unwrap_or(1);
        self.clock.advance(time / side_by_side);
    }
}

#[async_trait]
impl Store for PacedStore {
    fn bucket(&self) -> &str {
        self.inner.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.pass(ANSWER);
        self.inner.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.pass(ANSWER);
        self.inner.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        self.pass(ANSWER);
        self.inner.put(request).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        self.pass(COPY);
        self.inner.copy(request).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.pass(ANSWER);
        self.inner.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.pass(ANSWER);
        self.inner.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.pass(ANSWER);
        self.inner.delete(key).await
    }
}
