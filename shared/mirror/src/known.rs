//! The files that a verified index already named, so that cost follows the change and not the archive.

use std::collections::HashSet;

use suitecast_archive::{Digest, DigestAlgorithm, NamedFile, WrittenPath};

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
    // Another way to write it may need a further key.
    bytes.push(u8::from(file.written == WrittenPath::Dotted));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use suitecast_archive::{ArchivePath, Digests};

    use super::*;

    fn file(path: &str, size: Option<u64>, content: &str) -> NamedFile {
        NamedFile {
            path: ArchivePath::parse(path).unwrap(),
            written: WrittenPath::Plain,
            size,
            digests: Digests::of(content.as_bytes()),
        }
    }

    #[test]
    fn a_file_is_known_by_path_size_and_digest_together() {
        let mut known = KnownFiles::default();
        assert!(known.is_empty());
        known.insert(&file("pool/a", Some(1), "x"));
        known.insert(&file("pool/a", Some(1), "x"));
        assert!(known.len() == 1 && !known.is_empty());
        assert!(known.contains(&file("pool/a", Some(1), "x")));
        for other in [file("pool/b", Some(1), "x"), file("pool/a", Some(2), "x"), file("pool/a", None, "x")] {
            assert!(!known.contains(&other), "{other:?}");
        }
        assert!(!known.contains(&file("pool/a", Some(1), "y")));
    }

    #[test]
    fn one_set_takes_over_another() {
        let mut known = KnownFiles::default();
        known.insert(&file("pool/a", Some(1), "x"));
        let mut more = KnownFiles::default();
        more.insert(&file("pool/b", Some(1), "x"));
        known.append(more);
        assert!(known.len() == 2 && known.contains(&file("pool/b", Some(1), "x")));
    }

    #[test]
    fn a_run_is_known_by_its_files_in_their_order() {
        let [one, two] = [file("pool/a", Some(1), "x"), file("pool/b", Some(1), "x")];
        let run = run_digest(&[one.clone(), two.clone()]);
        assert_eq!(run, run_digest(&[one.clone(), two.clone()]));
        for other in [vec![two.clone(), one.clone()], vec![one], vec![two]] {
            assert_ne!(run, run_digest(&other));
        }
    }
}
