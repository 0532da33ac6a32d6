//! A bucket, by S3's own interface and with the caller's rights.

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use suitecast_store::{ErrorKind, GetRequest, Got, Store, StoreError};

use super::{ArchiveReader, Bytestream, ReadFailure, ReadFailureKind, Seen};

/// Reads a bucket.
pub(crate) struct BucketReader(Arc<dyn Store>);

impl BucketReader {
    /// Over this bucket.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl ArchiveReader for BucketReader {
    async fn look(&self, key: &str) -> Result<Option<Seen>, ReadFailure> {
        let info = match self.0.head(key).await {
            Ok(info) => info,
            // An answer to HEAD has no body to say why. Expired credentials, above all, look like any other bad request.
            Err(error) if error.kind == ErrorKind::Rejected => {
                return Err(self.read(key).await.err().unwrap_or_else(|| failed(&error)));
            }
            Err(error) => return Err(failed(&error)),
        };
        Ok(info.map(|info| Seen { size: Some(info.size), sha256: info.sha256 }))
    }

    async fn read(&self, key: &str) -> Result<Option<Bytestream>, ReadFailure> {
        match self.0.get(GetRequest { key: key.to_owned(), ..GetRequest::default() }).await {
            Ok(Got::Object { body, .. }) => Ok(Some(Box::pin(body.map_err(|error| failed(&error))))),
            Ok(Got::Unchanged) => Ok(None),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &StoreError) -> ReadFailure {
    let kind = match error.kind {
        ErrorKind::AccessDenied => ReadFailureKind::Denied,
        ErrorKind::ExpiredCredentials => ReadFailureKind::Expired,
        kind if kind.is_retryable() => ReadFailureKind::Temporary,
        _ => ReadFailureKind::Refused,
    };
    ReadFailure { kind, message: error.to_string() }
}
