//! What the operator set.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use suitecast_archive::{Archives, Scope, UnlistedTrees};
use suitecast_signature::Keyring;

pub use suitecast_archive::SuitePatterns;

/// What the operator set, complete and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The archives in the master bucket.
    pub archives: Archives,
    /// The suites to mirror.
    pub suites: SuitePatterns,
    /// The part of each suite to mirror.
    pub scope: Scope,
    /// Trees under `dists/` that no release lists, mirrored by name.
    pub unlisted: UnlistedTrees,
    /// Objects copied or looked at side by side.
    pub copy_concurrency: NonZeroUsize,
    /// Overwrite a pool object in place where only the suite's own releases name the old bytes.
    pub allow_change_in_place: bool,
    /// Whose signatures count; without it none is verified.
    pub keyring: Option<Arc<Keyring>>,
    /// How long one run works before it re-queues itself.
    pub slice: Duration,
}

impl Settings {
    /// The name of the keyring that is set, by its content.
    pub fn keyring_fingerprint(&self) -> Option<String> {
        self.keyring.as_ref().map(|keyring| keyring.fingerprint())
    }
}
