//! The files that a verified index already named, so that cost follows the change and not the archive.

use std::collections::HashSet;

use suitecast_archive::{Digest, DigestAlgorithm, NamedFile};

/// A set of (path, size, digest), kept as 16 bytes each: 63,000 entries take about two megabytes. Two different files
/// share 128 bits of SHA-256 with no more likelihood than two files share a digest at all.
#[derive(Debug, Default)]
pub struct KnownFiles {
    fingerprints: HashSet<[u8; 16]>,
}

impl KnownFiles {
    /// Remembers a file.
    pub fn insert(&mut self, file: &NamedFile) {
        self.fingerprints.insert(fingerprint(file));
    }

    /// Whether this very file, with this size and digest, was named.
    pub fn contains(&self, file: &NamedFile) -> bool {
        self.fingerprints.contains(&fingerprint(file))
    }

    /// Takes over what another set holds.
    pub fn append(&mut self, other: Self) {
        self.fingerprints.extend(other.fingerprints);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Whether none.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }
}

/// A digest over a run of files in their order, to know it again.
pub fn run_digest(files: &[NamedFile]) -> Digest {
    let bytes: Vec<u8> = files.iter().flat_map(fingerprint).collect();
    Digest::of(DigestAlgorithm::Sha256, &bytes)
}

fn fingerprint(file: &NamedFile) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(192);
    bytes.extend_from_slice(file.path.as_ref().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&file.size.unwrap_or(u64::MAX).to_le_bytes());
    if let Some(digest) = file.digests.checkable() {
        bytes.extend_from_slice(digest.as_bytes());
    }
    let digest = Digest::of(DigestAlgorithm::Sha256, &bytes);
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    short
}
