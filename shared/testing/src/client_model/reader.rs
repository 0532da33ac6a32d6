//! Where the model reads: one bucket, seen from outside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use sha2::Digest as _;
use suitecast_store::{ErrorKind, GetRequest, Got, Store};

/// What is known of a key without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Equal tags of one key mean equal bytes.
    pub tag: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One bucket as a client reads it. An `Err` is a read that failed, not an absent key, and is reported as such.
#[async_trait]
pub trait BucketReader: Send + Sync {
    /// Looks at a key; `None` where it is absent.
    async fn look(&self, key: &str) -> Result<Option<Seen>, String>;

    /// Reads a key; `None` where it is absent.
    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String>;
}

/// Files at hand, such as those of a made archive.
#[async_trait]
impl BucketReader for BTreeMap<String, Bytes> {
    async fn look(&self, key: &str) -> Result<Option<Seen>, String> {
        Ok(self.get(key).map(seen))
    }

    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String> {
        Ok(self.get(key).map(|bytes| (seen(bytes), bytes.clone())))
    }
}

fn seen(bytes: &Bytes) -> Seen {
    Seen { tag: super::hex(&sha2::Sha256::digest(bytes)), size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) }
}

/// Any store of the port. In crash tests, hand it the store beneath the one that fails.
pub struct StoreReader<'a>(pub &'a dyn Store);

#[async_trait]
impl BucketReader for StoreReader<'_> {
    async fn look(&self, key: &str) -> Result<Option<Seen>, String> {
        let info = self.0.head(key).await.map_err(|error| error.to_string())?;
        Ok(info.map(|info| Seen { tag: info.etag.as_str().to_owned(), size: info.size }))
    }

    async fn read(&self, key: &str) -> Result<Option<(Seen, Bytes)>, String> {
        let request = GetRequest { key: key.to_owned(), ..GetRequest::default() };
        match self.0.get(request).await {
            Ok(Got::Object { info, body }) => {
                let bytes = body
                    .try_fold(BytesMut::new(), |mut all, part| async move {
                        all.extend_from_slice(&part);
                        Ok(all)
                    })
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(Some((Seen { tag: info.etag.as_str().to_owned(), size: info.size }, bytes.freeze())))
            }
            Ok(Got::Unchanged) => Err(format!("the store answered `unchanged` to an unconditional read of `{key}`")),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
