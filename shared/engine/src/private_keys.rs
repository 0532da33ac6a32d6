//! The keys under `.suitecast/` in a region bucket: Suitecast's own, never readable by clients.

use suitecast_archive::{Digest, DigestAlgorithm, KeyClass, SuiteName};
use suitecast_mirror::Identity;
use suitecast_store::ObjectHeaders;

/// Everything private begins so.
pub(crate) const PRIVATE: &str = ".suitecast/";
/// One state object a suite.
pub(crate) const STATES: &str = ".suitecast/state/";
/// One empty object for each key that a suite waits for.
pub(crate) const MARKERS: &str = ".suitecast/waiting/";

/// The headers that a private object is kept with.
pub(crate) fn headers(key: &str) -> ObjectHeaders {
    let (content_type, cache_control) = KeyClass::Private.headers(key);
    ObjectHeaders { content_type, cache_control }
}

/// A short, fixed name for any text.
fn short_digest(text: &str) -> String {
    let mut name = Digest::of(DigestAlgorithm::Sha256, text.as_bytes()).to_string();
    name.truncate(32);
    name
}

/// Where the suite's state is kept.
pub(crate) fn state(suite: &SuiteName) -> String {
    format!("{STATES}{}", short_digest(suite.as_ref()))
}

/// The first part of the names of all markers for one awaited key.
pub(crate) fn marker_name(key: &str) -> String {
    short_digest(key)
}

/// The marker that wakes `suite` when `key` is uploaded. No slash stands before the suite: the one at the bucket's root is
/// called `.`, and a key that ends in `/.` does not survive every client.
pub(crate) fn marker(key: &str, suite: &SuiteName) -> String {
    format!("{MARKERS}{}={}", marker_name(key), suite.as_ref())
}

/// The awaited key's name and the suite of a marker.
pub(crate) fn parse_marker(marker: &str) -> Option<(&str, SuiteName)> {
    let (name, suite) = marker.strip_prefix(MARKERS)?.split_once('=')?;
    Some((name, SuiteName::parse(suite).ok()?))
}

/// Where a waiting release's files are kept.
pub(crate) fn candidate(suite: &SuiteName, identity: &Identity) -> String {
    format!("{PRIVATE}candidates/{}/{}", short_digest(suite.as_ref()), identity.name())
}

/// Where bytes stand while they are verified before they overwrite `key`.
pub(crate) fn staging(suite: &SuiteName, key: &str, digest: &Digest) -> String {
    format!("{PRIVATE}staging/{}/{}-{digest}", short_digest(suite.as_ref()), short_digest(key))
}
