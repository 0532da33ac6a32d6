//! One generation of an archive: its files, and what is new in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;

use super::MakeError;

/// A whole archive as published once.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Which it is, counted from 1.
    pub number: u32,
    /// The suite's directory in the bucket, such as `debian/dists/bookworm`.
    pub suite: String,
    /// Every file by its key in the bucket. Tests may break it at will.
    pub files: BTreeMap<String, Bytes>,
    /// Keys that the generation before lacks or holds with other bytes; for the first one, all.
    pub changed: BTreeSet<String>,
    /// Keys that only the generation before has.
    pub removed: BTreeSet<String>,
}

/// How one generation differs from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Keys that the older one lacks or holds with other bytes.
    pub changed: BTreeSet<String>,
    /// Keys that only the older one has.
    pub removed: BTreeSet<String>,
}

impl Generation {
    pub(super) fn new(
        number: u32,
        suite: String,
        files: BTreeMap<String, Bytes>,
        before: Option<&BTreeMap<String, Bytes>>,
    ) -> Self {
        let Changes { changed, removed } = differences(before.unwrap_or(&BTreeMap::new()), &files);
        Self { number, suite, files, changed, removed }
    }

    /// How this generation differs from an older one.
    pub fn changes_since(&self, older: &Self) -> Changes {
        differences(&older.files, &self.files)
    }

    /// The key of a file of the suite, such as `InRelease` or `main/binary-amd64/Packages.xz`.
    pub fn suite_key(&self, path: &str) -> String {
        format!("{}/{path}", self.suite)
    }

    /// The keys of everything that is not under `dists/`.
    pub fn pool_keys(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str).filter(|key| !key.starts_with("dists/") && !key.contains("/dists/"))
    }

    /// Writes every file below `directory`, over what is there; deletes nothing.
    ///
    /// # Errors
    ///
    /// [`MakeError::Disk`] with the file that could not be written.
    pub fn write_to(&self, directory: &Path) -> Result<(), MakeError> {
        for (key, bytes) in &self.files {
            let path = directory.join(key);
            let failed = |source| MakeError::Disk { path: path.clone(), source };
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            std::fs::write(&path, bytes).map_err(failed)?;
        }
        Ok(())
    }
}

fn differences(older: &BTreeMap<String, Bytes>, newer: &BTreeMap<String, Bytes>) -> Changes {
    Changes {
        changed: newer
            .iter()
            .filter(|(key, bytes)| older.get(*key) != Some(bytes))
            .map(|(key, _)| key.clone())
            .collect(),
        removed: older.keys().filter(|key| !newer.contains_key(*key)).cloned().collect(),
    }
}
