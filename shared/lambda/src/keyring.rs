//! The keyring that releases are verified with: set in the configuration, or read from an object and kept up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use suitecast_signature::{Keyring, KeyringError, MAX_KEYRING_BYTES};
use suitecast_store::{ETag, GetCondition, GetRequest, Got, Store, StoreError, collect};
use thiserror::Error;

use crate::failure::Chain;

/// How long a keyring that was read counts before the object is looked at again. A process of Lambda's lives for hours,
/// and a key that is exchanged should count soon; one conditional request in this time costs nothing.
pub const KEYRING_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// How an armoured keyring begins; anything else in a variable is a binary one in base64.
const ARMOUR: &str = "-----BEGIN PGP";

/// Where the operator put the keyring.
#[derive(Debug, Clone)]
pub enum KeyringSource {
    /// Nowhere: signatures are not verified.
    Nowhere,
    /// In the configuration.
    Given(Arc<Keyring>),
    /// In an object of this Region.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
}

/// Reads a keyring out of a variable: armoured, or binary in base64 (for one line: `base64 -w0 archive.gpg`).
///
/// # Errors
/// What is wrong with it, for a person.
pub fn from_text(text: &str) -> Result<Keyring, String> {
    let bytes = if text.starts_with(ARMOUR) {
        text.as_bytes().to_vec()
    } else {
        let without_blanks: String = text.split_whitespace().collect();
        STANDARD
            .decode(without_blanks)
            .map_err(|error| format!("is neither an armoured keyring nor a binary one in base64: {error}"))?
    };
    Keyring::parse(&bytes).map_err(|error| Chain(&error).to_string())
}

/// Splits `BUCKET/KEY`.
///
/// # Errors
/// When either half is missing.
pub fn object_of(text: &str) -> Result<(String, String), String> {
    let (bucket, key) = text.strip_prefix("s3://").unwrap_or(text).split_once('/').unwrap_or_default();
    if bucket.is_empty() || key.is_empty() {
        return Err(format!("{text:?} is no object; write BUCKET/KEY, of a bucket in this Region"));
    }
    Ok((bucket.to_owned(), key.to_owned()))
}

/// There is no keyring to verify with, though one is set. Nothing is published without it.
#[derive(Debug, Error)]
pub enum KeyringUnavailable {
    /// The object could not be read.
    #[error("reading the keyring s3://{bucket}/{key}; nothing is published without it")]
    Unread {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// What was read is no keyring.
    #[error("the keyring s3://{bucket}/{key} cannot be used; nothing is published without it")]
    Unusable {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: KeyringError,
    },
}

impl KeyringUnavailable {
    /// Whether the same call may come to an answer later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unread { source, .. } => source.is_retryable(),
            Self::Unusable { .. } => false,
        }
    }
}

/// The keyring in force.
pub struct Keyrings(Kept);

enum Kept {
    Fixed(Option<Arc<Keyring>>),
    Object { store: Arc<dyn Store>, key: String, read: Mutex<Option<Read>> },
}

/// What was read, and when it was last known to be current.
#[derive(Clone)]
struct Read {
    keyring: Arc<Keyring>,
    etag: ETag,
    looked_at: Timestamp,
}

impl Keyrings {
    /// This one, or none, for good.
    pub fn fixed(keyring: Option<Arc<Keyring>>) -> Self {
        Self(Kept::Fixed(keyring))
    }

    /// What this object holds.
    pub fn object(store: Arc<dyn Store>, key: impl Into<String>) -> Self {
        Self(Kept::Object { store, key: key.into(), read: Mutex::new(None) })
    }

    /// The keyring to verify with now; `None` where none is set. An object is looked at again when that was last done
    /// [`KEYRING_MAX_AGE`] ago; if that fails, what was read before stays in force and the log is told.
    ///
    /// # Errors
    /// The object was never read, and cannot be read or used now.
    pub async fn in_force(&self, now: Timestamp) -> Result<Option<Arc<Keyring>>, KeyringUnavailable> {
        let (store, key, read) = match &self.0 {
            Kept::Fixed(keyring) => return Ok(keyring.clone()),
            Kept::Object { store, key, read } => (store.as_ref(), key.as_str(), read),
        };
        let before = locked(read).clone();
        if let Some(before) = &before
            && now.duration_since(before.looked_at) < KEYRING_MAX_AGE
        {
            return Ok(Some(Arc::clone(&before.keyring)));
        }
        match (look(store, key, before.as_ref(), now).await, before) {
            (Ok(current), _) => {
                let keyring = Arc::clone(&current.keyring);
                *locked(read) = Some(current);
                Ok(Some(keyring))
            }
            (Err(error), Some(before)) => {
                tracing::error!(error = %Chain(&error), "the keyring that was read before stays in force");
                Ok(Some(before.keyring))
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn locked(read: &Mutex<Option<Read>>) -> MutexGuard<'_, Option<Read>> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn look(store: &dyn Store, key: &str, before: Option<&Read>, now: Timestamp) -> Result<Read, KeyringUnavailable> {
    let (bucket, key) = (store.bucket().to_owned(), key.to_owned());
    let condition = before.map_or(GetCondition::Always, |before| GetCondition::Changed(before.etag.clone()));
    let request = GetRequest { key: key.clone(), version: None, condition };
    let unread = |source| KeyringUnavailable::Unread { bucket: bucket.clone(), key: key.clone(), source };
    let (info, body) = match (store.get(request).await.map_err(unread)?, before) {
        (Got::Unchanged, Some(before)) => return Ok(Read { looked_at: now, ..before.clone() }),
        (Got::Unchanged, None) => return Box::pin(look(store, &key, None, now)).await,
        (Got::Object { info, body }, _) => (info, body),
    };
    let bytes = collect(body, &key, &bucket, MAX_KEYRING_BYTES).await.map_err(unread)?;
    let keyring = Keyring::parse(&bytes).map_err(|source| KeyringUnavailable::Unusable {
        bucket: bucket.clone(),
        key: key.clone(),
        source,
    })?;
    Ok(Read { keyring: Arc::new(keyring), etag: info.etag, looked_at: now })
}

#[cfg(test)]
mod tests;
