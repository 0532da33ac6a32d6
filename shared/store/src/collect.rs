//! Reading an object that is known to be small.

use futures::TryStreamExt;

use crate::{Body, ErrorKind, Operation, StoreError};

/// Collects a body of at most `limit` bytes; `key` and `bucket` are for the error.
///
/// # Errors
/// The read broke off, or the object is larger ([`ErrorKind::Rejected`]): then no more than `limit` bytes were kept.
pub async fn collect(mut body: Body, key: &str, bucket: &str, limit: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.try_next().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(StoreError {
                operation: Operation::Get,
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                kind: ErrorKind::Rejected,
                detail: format!("larger than {limit} bytes, the most that is read of such an object"),
                source: None,
            });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
