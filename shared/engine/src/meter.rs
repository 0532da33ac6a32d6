//! Counting what a run asks of the stores, and keeping it from writing past its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use suitecast_store::{
    Copied, CopyRequest, ErrorKind, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Operation, Put, PutRequest,
    Store, StoreError,
};

use crate::Clock;
use crate::limits::WRITE_MARGIN;

/// What a run asked for, as it counts itself (figures that matter are counted by the server).
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    objects_copied: AtomicU64,
    bytes_copied: AtomicU64,
}

impl Meter {
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn objects_copied(&self) -> u64 {
        self.objects_copied.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_copied(&self) -> u64 {
        self.bytes_copied.load(Ordering::Relaxed)
    }
}

/// Until when a run may start writes. Without a lease (replicate, whose copies never overwrite) always.
#[derive(Debug)]
pub(crate) struct WritePermit {
    until_milliseconds: AtomicI64,
}

impl WritePermit {
    pub(crate) fn unlimited() -> Self {
        Self { until_milliseconds: AtomicI64::new(i64::MAX) }
    }

    /// Writes may start until a margin before this moment.
    pub(crate) fn lease_until(&self, expires_at: Timestamp) {
        let until = expires_at.as_millisecond().saturating_sub(i64::try_from(WRITE_MARGIN.as_millis()).unwrap_or(0));
        self.until_milliseconds.store(until, Ordering::SeqCst);
    }

    fn admits(&self, now: Timestamp) -> bool {
        now.as_millisecond() < self.until_milliseconds.load(Ordering::SeqCst)
    }
}

/// A bucket whose requests are counted and whose writes end with the lease.
pub(crate) struct MeteredStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) permit: Arc<WritePermit>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl MeteredStore {
    fn count(&self) {
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn may_write(&self, operation: Operation, key: &str) -> Result<(), StoreError> {
        if self.permit.admits(self.clock.now()) {
            return Ok(());
        }
        Err(StoreError {
            operation,
            bucket: self.inner.bucket().to_owned(),
            key: key.to_owned(),
            kind: ErrorKind::Unavailable,
            detail: "not started: too little is left of the lease on the suite; the next run goes on from here".into(),
            source: None,
        })
    }
}

#[async_trait]
impl Store for MeteredStore {
    fn bucket(&self) -> &str {
        self.inner.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.count();
        self.inner.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.count();
        self.inner.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        self.may_write(Operation::Put, &request.key)?;
        self.count();
        self.inner.put(request).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        self.may_write(Operation::Copy, &request.key)?;
        self.count();
        let size = request.source.size.unwrap_or(0);
        let copied = self.inner.copy(request).await?;
        self.meter.objects_copied.fetch_add(1, Ordering::Relaxed);
        self.meter.bytes_copied.fetch_add(size, Ordering::Relaxed);
        Ok(copied)
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.count();
        self.inner.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.count();
        self.inner.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.may_write(Operation::Delete, key)?;
        self.count();
        self.inner.delete(key).await
    }
}
