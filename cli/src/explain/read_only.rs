//! A bucket that is only read, whatever the code behind it would do.

use std::sync::Arc;

use async_trait::async_trait;
use suitecast_engine::{QueueError, SuitesQueue, Wake};
use suitecast_store::{
    Copied, CopyRequest, ErrorKind, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Operation, Put, PutRequest,
    Store, StoreError,
};

/// A store that refuses to write.
pub(crate) struct ReadOnly(pub Arc<dyn Store>);

impl ReadOnly {
    fn refused(&self, operation: Operation, key: &str) -> StoreError {
        StoreError {
            operation,
            bucket: self.0.bucket().to_owned(),
            key: key.to_owned(),
            kind: ErrorKind::Rejected,
            detail: "this program only reads here".to_owned(),
            source: None,
        }
    }
}

#[async_trait]
impl Store for ReadOnly {
    fn bucket(&self) -> &str {
        self.0.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.0.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.0.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        Err(self.refused(Operation::Put, &request.key))
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        Err(self.refused(Operation::Copy, &request.key))
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.0.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.0.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Err(self.refused(Operation::Delete, key))
    }
}

/// A queue that nobody listens to: a dry run wakes nobody.
pub(crate) struct Nobody;

#[async_trait]
impl SuitesQueue for Nobody {
    async fn wake(&self, _wakes: &[Wake]) -> Result<(), QueueError> {
        Ok(())
    }
}
