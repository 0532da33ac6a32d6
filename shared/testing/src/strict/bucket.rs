//! A bucket: its settings, its keys and their versions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{failure::Failure, multipart::Upload, object::Object};

/// Who may do what with a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Anonymous callers may read objects outside the private prefixes.
    pub public_read: bool,
    /// Anonymous callers may list. Without it an absent key is 403 to them.
    pub public_list: bool,
    /// Signed callers may list. Without it an absent key is 403 to them, too.
    pub signed_list: bool,
    /// Prefixes that anonymous callers never read.
    pub private_prefixes: Vec<String>,
    /// Prefixes that nobody reads or writes, as after a mistake in a policy.
    pub denied_prefixes: Vec<String>,
}

impl Default for Access {
    /// Signed callers may do everything, anonymous ones nothing: a new bucket.
    fn default() -> Self {
        Self {
            public_read: false,
            public_list: false,
            signed_list: true,
            private_prefixes: Vec::new(),
            denied_prefixes: Vec::new(),
        }
    }
}

/// How a bucket is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// Its region.
    pub region: String,
    /// Whether it keeps versions.
    pub versioned: bool,
    /// Whether it sends notifications of objects created and removed.
    pub notifies: bool,
    /// Who may do what.
    pub access: Access,
}

impl BucketSettings {
    /// A bucket in `region` without versions and notifications.
    pub fn in_region(region: impl Into<String>) -> Self {
        Self { region: region.into(), versioned: false, notifies: false, access: Access::default() }
    }

    /// The same, with versions and notifications: what a master bucket has.
    #[must_use]
    pub fn versioned_and_notifying(mut self) -> Self {
        self.versioned = true;
        self.notifies = true;
        self
    }

    /// The same, readable by everybody except below `private_prefix`: what a region bucket has. Nobody but signed
    /// callers may list it.
    #[must_use]
    pub fn readable_except(mut self, private_prefix: impl Into<String>) -> Self {
        self.access.public_read = true;
        self.access.private_prefixes.push(private_prefix.into());
        self
    }
}

/// One version of a key.
#[derive(Debug, Clone)]
pub(super) struct Version {
    /// `None` in a bucket without versions ("null" on the wire).
    pub(super) id: Option<String>,
    /// `None` is a delete marker.
    pub(super) object: Option<Object>,
    pub(super) last_modified: Timestamp,
}

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) settings: BucketSettings,
    /// Each key's versions, oldest first; never an empty list.
    pub(super) keys: BTreeMap<String, Vec<Version>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

impl Bucket {
    pub(super) fn new(settings: BucketSettings) -> Self {
        Self { settings, keys: BTreeMap::new(), uploads: BTreeMap::new() }
    }

    /// The newest version with its object; `None` where the key is absent or deleted.
    pub(super) fn current(&self, key: &str) -> Option<(&Version, &Object)> {
        let version = self.keys.get(key)?.last()?;
        Some((version, version.object.as_ref()?))
    }

    /// The object a read is about.
    pub(super) fn find(&self, key: &str, version: Option<&str>) -> Result<(&Version, &Object), Failure> {
        let versions = self.keys.get(key).map(Vec::as_slice).unwrap_or_default();
        let Some(wanted) = version else {
            let newest = versions.last().ok_or_else(Failure::no_such_key)?;
            return newest.object.as_ref().map(|object| (newest, object)).ok_or_else(Failure::deleted_key);
        };
        let found = versions.iter().find(|version| version.id.as_deref().unwrap_or("null") == wanted);
        let found = found.ok_or_else(Failure::no_such_version)?;
        found.object.as_ref().map(|object| (found, object)).ok_or_else(Failure::version_is_delete_marker)
    }

    /// Makes `object` (or a delete marker) the newest version.
    pub(super) fn store(&mut self, key: &str, version: Version) {
        if self.settings.versioned {
            self.keys.entry(key.to_owned()).or_default().push(version);
        } else if version.object.is_some() {
            self.keys.insert(key.to_owned(), vec![version]);
        } else {
            self.keys.remove(key);
        }
    }
}
