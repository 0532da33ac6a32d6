//! `SHA256SUMS`: lines as `sha256sum` writes them.

use super::{IndexError, IndexLocation, NamedFile};
use crate::{ArchivePath, Digest, DigestAlgorithm, Digests, WrittenPath};

/// Reads `digest  path` and `digest *path`, with paths relative to the list's own directory.
pub(super) struct ChecksumListParser {
    directory: String,
}

impl ChecksumListParser {
    pub(super) fn new(location: &IndexLocation) -> Self {
        Self { directory: location.directory.clone() }
    }

    pub(super) fn line(&mut self, number: u64, line: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(());
        }
        let malformed = || IndexError::malformed(number, "a SHA-256 digest, two characters and a path", line);
        let end = line.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let (hexadecimal, rest) = line.split_at(end);
        let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).ok_or_else(malformed)?;
        let digest = Digest::parse_bytes(DigestAlgorithm::Sha256, hexadecimal)
            .map_err(|source| IndexError::FileDigest { line: number, source })?;
        let name = std::str::from_utf8(name).map_err(|_| malformed())?;
        let path =
            ArchivePath::joined(&self.directory, name).map_err(|source| IndexError::Path { line: number, source })?;
        let digests = Digests { sha256: Some(digest), sha512: None };
        // People read these lists; no client asks for a file as it is written there.
        sink(NamedFile { path, written: WrittenPath::Plain, size: None, digests });
        Ok(())
    }
}
