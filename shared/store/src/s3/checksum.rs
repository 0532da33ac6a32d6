//! SHA-256 as S3 writes it: base64 of the digest, and another thing altogether for objects uploaded in parts.

use std::fmt::Write;

use aws_sdk_s3::types::ChecksumType;
use base64::{Engine, engine::general_purpose::STANDARD};
use suitecast_archive::{Digest, DigestAlgorithm};

/// Bytes of a SHA-256 digest.
const SHA256_BYTES: usize = 32;

/// The digest of the whole object, if that is what S3 answered. A composite checksum (of the parts' checksums, written
/// `base64-N`) says nothing about the bytes as a whole and counts as none.
pub(super) fn whole_object_sha256(checksum: Option<&str>, kind: Option<&ChecksumType>) -> Option<Digest> {
    if matches!(kind, Some(kind) if *kind != ChecksumType::FullObject) {
        return None;
    }
    let bytes = STANDARD.decode(checksum?).ok()?;
    if bytes.len() != SHA256_BYTES {
        return None;
    }
    let mut hex = String::with_capacity(2 * SHA256_BYTES);
    for byte in bytes {
        // Writing to a string never fails.
        let _ = write!(hex, "{byte:02x}");
    }
    Digest::parse(DigestAlgorithm::Sha256, &hex).ok()
}

/// The value of `x-amz-checksum-sha256` for these bytes.
pub(super) fn sha256_header(bytes: &[u8]) -> String {
    header_of(&Digest::of(DigestAlgorithm::Sha256, bytes))
}

/// The same for bytes whose SHA-256 is known.
pub(super) fn header_of(sha256: &Digest) -> String {
    STANDARD.encode(sha256.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_object_checksum_is_the_digest_of_the_bytes() {
        let header = sha256_header(b"suite");
        let expected = Digest::of(DigestAlgorithm::Sha256, b"suite");
        assert_eq!(whole_object_sha256(Some(&header), Some(&ChecksumType::FullObject)), Some(expected));
        assert_eq!(whole_object_sha256(Some(&header), None), Some(expected), "older stores name no type");
    }

    #[test]
    fn a_composite_checksum_never_passes_for_a_digest() {
        let header = sha256_header(b"suite");
        assert_eq!(whole_object_sha256(Some(&header), Some(&ChecksumType::Composite)), None);
        assert_eq!(whole_object_sha256(Some(&format!("{header}-3")), None), None);
        assert_eq!(whole_object_sha256(Some("AAAA"), Some(&ChecksumType::FullObject)), None);
        assert_eq!(whole_object_sha256(None, None), None);
    }
}
