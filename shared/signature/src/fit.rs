//! Whether a detached signature can be one of a text, told without any key.
//!
//! A signature carries the first two bytes of the digest that it signs (RFC 9580, section 5.2.3), so that a verifier may
//! tell early that it does not fit. That proves nothing of who signed. But it tells files of two generations apart, and
//! that is all it is for here: an upload under way has such files side by side.

use pgp::packet::{Signature, SignatureType};

use crate::error::Document;
use crate::text;
use crate::verify::{digest, signatures};

/// What can be told of a text and a signature without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Each signature begins as one of this text would. By chance a foreign one does so once in 65,536 times.
    Fits,
    /// One of them is of another text.
    OfAnotherText,
    /// It cannot be told: something cannot be read, or is of a kind that is not known here.
    Unknown,
}

impl Fit {
    /// Of a `Release` and the bytes of its `Release.gpg`.
    ///
    /// ```
    /// use suitecast_signature::Fit;
    /// use suitecast_testing::archive_maker::ArchiveKey;
    ///
    /// let signature = ArchiveKey::from_seed(1)?.detached(b"Suite: stable\n", "2026-01-01T12:00:00Z".parse()?)?;
    /// assert_eq!(Fit::of(b"Suite: stable\n", &signature), Fit::Fits);
    /// assert_eq!(Fit::of(b"Suite: testing\n", &signature), Fit::OfAnotherText);
    /// assert_eq!(Fit::of(b"Suite: stable\n", b"no signature"), Fit::Unknown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(text: &[u8], signature: &[u8]) -> Self {
        let Ok(signatures) = signatures(Document::Detached, signature) else { return Self::Unknown };
        let lines = text::of_detached(text);
        let mut all = Self::Fits;
        for signature in &signatures {
            match Self::of_one(text, &lines, signature) {
                Some(true) => {}
                Some(false) => return Self::OfAnotherText,
                None => all = Self::Unknown,
            }
        }
        all
    }

    fn of_one(bytes: &[u8], lines: &[u8], signature: &Signature) -> Option<bool> {
        let config = signature.config()?;
        let text = match config.typ() {
            SignatureType::Text => lines,
            SignatureType::Binary => bytes,
            _ => return None,
        };
        let digest = digest(config, text)?;
        Some(digest.starts_with(&signature.signed_hash_value()?))
    }
}
