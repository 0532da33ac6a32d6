//! `ListObjectVersions`: keys in UTF-8 byte order, the versions of each from the newest back.

use jiff::Timestamp;

use super::{failure::Failure, log::S3Operation, requests::Caller, s3::StrictS3, world::Right};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct VersionsInput {
    /// Only keys that begin so.
    pub prefix: String,
    /// At most so many versions and delete markers; S3's own limit of a page holds anyway.
    pub max_keys: Option<usize>,
}

/// A version or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// The key.
    pub key: String,
    /// Its id; `null` in a bucket without versions.
    pub version: String,
    /// Its tag and its size; `None` is a delete marker.
    pub object: Option<(String, u64)>,
    /// When it was written, in whole seconds.
    pub last_modified: Timestamp,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
}

/// A page. There is no going on behind it: those who want more list fewer keys at a time.
#[derive(Debug, Clone, Default)]
pub struct VersionListing {
    /// The versions and delete markers.
    pub entries: Vec<VersionEntry>,
    /// Whether there are more.
    pub is_truncated: bool,
}

impl StrictS3 {
    /// `ListObjectVersions`, its first page.
    ///
    /// # Errors
    /// As S3 documents.
    pub fn versions(&self, caller: &Caller, bucket: &str, input: &VersionsInput) -> Result<VersionListing, Failure> {
        self.serve((S3Operation::ListObjectVersions, bucket, &input.prefix), |world, _, _, _| {
            world.authorise(caller, bucket, &input.prefix, Right::List)?;
            let limit = input.max_keys.unwrap_or(usize::MAX).min(world.limits.page_keys);
            let keys = world.bucket(bucket)?.keys.range(input.prefix.clone()..);
            let mut entries = keys.take_while(|(key, _)| key.starts_with(&input.prefix)).flat_map(|(key, versions)| {
                versions.iter().rev().enumerate().map(|(age, version)| VersionEntry {
                    key: key.clone(),
                    version: version.id.clone().unwrap_or_else(|| "null".to_owned()),
                    object: version.object.as_ref().map(|object| (object.etag.clone(), object.content.size())),
                    last_modified: version.last_modified,
                    is_latest: age == 0,
                })
            });
            let listed = entries.by_ref().take(limit).collect();
            Ok(VersionListing { entries: listed, is_truncated: entries.next().is_some() })
        })
    }
}
