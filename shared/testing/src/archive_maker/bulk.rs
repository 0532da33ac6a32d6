//! Suites of tens of thousands of packages: stanzas as long as real ones, pool files of a few bytes that are no packages.

use std::fmt::Write as _;

use bytes::Bytes;

use super::digests;
use super::history::Numbers;

/// What the pool files of a bulk suite hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkContent {
    /// All the same few bytes: the least memory.
    Shared,
    /// Each its own key: a file in another's place is noticed.
    PerName,
}

/// How a bulk suite is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    pub(super) packages: usize,
    pub(super) content: BulkContent,
    pub(super) changes: usize,
}

/// The pool files (path relative to the archive, bytes) and the text of Packages of one generation.
pub(super) struct BulkSuite {
    pub(super) pool: Vec<(String, Bytes)>,
    pub(super) packages: String,
}

/// A stanza of bookworm's main is some 800 bytes long; this is what the fixed fields leave for dependencies.
const FILLER_BYTES: usize = 360;

pub(super) fn suite(bulk: Bulk, seed: u64, generation: u32, component: &str, architecture: &str) -> BulkSuite {
    let mut revisions = vec![1u32; bulk.packages];
    for step in 2..=generation {
        let mut numbers = Numbers::new(seed ^ (u64::from(step) << 32));
        for _ in 0..bulk.changes.min(bulk.packages) {
            revisions[numbers.below(bulk.packages)] = step;
        }
    }
    let shared = Bytes::from_static(b"a pool file that is no package\n");
    let shared_digests = (digests::md5(&shared), digests::sha256(&shared));
    let mut suite = BulkSuite { pool: Vec::with_capacity(bulk.packages), packages: String::new() };
    for (number, revision) in revisions.into_iter().enumerate() {
        let path = format!(
            "pool/{component}/b/bulk-{number:06}/bulk-{number:06}_1.{revision}+dfsg-{revision}_{architecture}.deb"
        );
        let (bytes, (md5, sha256)) = match bulk.content {
            BulkContent::Shared => (shared.clone(), shared_digests.clone()),
            BulkContent::PerName => {
                let bytes = Bytes::from(path.clone());
                let digests = (digests::md5(&bytes), digests::sha256(&bytes));
                (bytes, digests)
            }
        };
        suite.packages.push_str(&stanza(number, revision, architecture, &path, bytes.len(), &md5, &sha256));
        suite.pool.push((path, bytes));
    }
    suite
}

fn stanza(
    number: usize,
    revision: u32,
    architecture: &str,
    path: &str,
    size: usize,
    md5: &str,
    sha256: &str,
) -> String {
    let mut needs = String::new();
    let mut numbers = Numbers::new(u64::try_from(number).unwrap_or(0));
    while needs.len() < FILLER_BYTES {
        if !needs.is_empty() {
            needs.push_str(", ");
        }
        let other = numbers.below(100_000);
        let _ = write!(needs, "bulk-{other:06} (>= 1.{})", other % 7);
    }
    format!(
        "Package: bulk-{number:06}\nVersion: 1.{revision}+dfsg-{revision}\nInstalled-Size: {}\n\
         Maintainer: Nobody <none@example.com>\nArchitecture: {architecture}\nDepends: {needs}\n\
         Description: one of many\nSection: misc\nPriority: optional\nFilename: {path}\nSize: {size}\nMD5sum: {md5}\n\
         SHA256: {sha256}\n\n",
        number % 9000,
    )
}
