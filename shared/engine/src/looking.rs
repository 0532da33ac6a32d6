//! Looks that change nothing, for those who ask where things stand: which suites a bucket holds, what is remembered of one.

use std::collections::BTreeSet;

use suitecast_archive::SuiteName;
use suitecast_mirror::SuiteState;
use suitecast_store::Store;

use crate::{EngineError, Settings, state_store, suites};

/// The suites that a bucket holds and that these settings mirror: the directories with a release file.
///
/// # Errors
/// A listing failed.
pub async fn suites_of(store: &dyn Store, settings: &Settings) -> Result<BTreeSet<SuiteName>, EngineError> {
    let doing = || format!("listing the suites of s3://{}", store.bucket());
    let found = suites::find(store, settings).await.map_err(|source| EngineError::Store { doing: doing(), source })?;
    Ok(found.suites.into_keys().collect())
}

/// What is remembered of a suite in a Region; an empty state where nothing is. It only remembers: what clients see is said
/// by the release files alone.
///
/// # Errors
/// The state could not be read.
pub async fn remembered(region: &dyn Store, suite: &SuiteName) -> Result<SuiteState, EngineError> {
    Ok(state_store::load(region, suite).await?.state)
}
