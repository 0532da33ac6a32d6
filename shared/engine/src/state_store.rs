//! The suite's state as an object: read, and changed by compare-and-swap only.

use bytes::Bytes;
use suitecast_archive::SuiteName;
use suitecast_mirror::SuiteState;
use suitecast_store::{ETag, ErrorKind, GetCondition, GetRequest, Got, PutRequest, Store, WriteCondition, collect};

use crate::limits::MAX_STATE_BYTES;
use crate::{EngineError, private_keys};

/// A state and the tag it was read under (`None`: there was none).
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) state: SuiteState,
    pub(crate) etag: Option<ETag>,
}

/// What a compare-and-swap came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// The new state stands, under this tag.
    Stored(ETag),
    /// Somebody else wrote in between: read again.
    Lost,
}

/// Reads the state of a suite; a suite never seen has an empty one.
pub(crate) async fn load(region: &dyn Store, suite: &SuiteName) -> Result<Remembered, EngineError> {
    let key = private_keys::state(suite);
    let doing = || format!("reading the state of suite {suite}");
    let request = GetRequest { key: key.clone(), version: None, condition: GetCondition::Always };
    let (info, body) = match region.get(request).await {
        Ok(Got::Object { info, body }) => (info, body),
        Ok(Got::Unchanged) => return Ok(Remembered { state: SuiteState::new(suite.clone()), etag: None }),
        Err(error) if error.kind == ErrorKind::NotFound => {
            return Ok(Remembered { state: SuiteState::new(suite.clone()), etag: None });
        }
        Err(source) => return Err(EngineError::Store { doing: doing(), source }),
    };
    let bytes = collect(body, &key, region.bucket(), MAX_STATE_BYTES)
        .await
        .map_err(|source| EngineError::Store { doing: doing(), source })?;
    // A state that cannot be read only costs a full look: the bucket's own bytes are the truth.
    let state = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(suite = %suite, %error, "the state object is unreadable and is begun anew");
        SuiteState::new(suite.clone())
    });
    Ok(Remembered { state, etag: Some(info.etag) })
}

/// Puts `state` in the place of what was read under `seen`.
pub(crate) async fn store(region: &dyn Store, state: &SuiteState, seen: Option<&ETag>) -> Result<Swapped, EngineError> {
    let suite = &state.suite;
    let doing = || format!("recording the state of suite {suite}");
    let bytes = serde_json::to_vec(state).map_err(|error| EngineError::Rejected {
        what: doing(),
        rule: format!("the state cannot be written as JSON: {error}"),
    })?;
    let key = private_keys::state(suite);
    let request = PutRequest {
        headers: private_keys::headers(&key),
        key,
        bytes: Bytes::from(bytes.clone()),
        condition: seen.map_or(WriteCondition::Absent, |etag| WriteCondition::Matches(etag.clone())),
    };
    match region.put(request).await {
        Ok(put) => Ok(Swapped::Stored(put.etag)),
        Err(error) if may_have_happened(error.kind) => {
            // The answer may have got lost behind a write that took place (and the adapter's own retry then fails its condition).
            let now = load(region, suite).await?;
            match now.etag {
                Some(etag) if now.state == *state => Ok(Swapped::Stored(etag)),
                _ if error.kind == ErrorKind::Unavailable => Err(EngineError::Store { doing: doing(), source: error }),
                _ => Ok(Swapped::Lost),
            }
        }
        Err(source) => Err(EngineError::Store { doing: doing(), source }),
    }
}

/// Whether a failed conditional write must be looked at before anything is concluded from it.
pub(crate) fn may_have_happened(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PreconditionFailed | ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::NotFound)
}
