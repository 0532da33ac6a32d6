//! How a key is named.

use std::fmt;

/// The fingerprint of a version 4 key: SHA-1 over its packet, twenty bytes, printed as gpg and apt print it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 20]);

impl Fingerprint {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// `None` for a key of another version.
    pub(crate) fn of(fingerprint: &pgp::types::Fingerprint) -> Option<Self> {
        match fingerprint {
            pgp::types::Fingerprint::V4(bytes) => Some(Self(*bytes)),
            _ => None,
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, formatter)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Whom a signature names as its maker. Anyone can write this; only the check of the signature proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// By the fingerprint of the key, whatever its version.
    Fingerprint(Vec<u8>),
    /// By the last eight bytes of the fingerprint.
    KeyId([u8; 8]),
    /// Not at all.
    Nobody,
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(bytes) => hexadecimal(bytes, formatter),
            Self::KeyId(bytes) => hexadecimal(bytes, formatter),
            Self::Nobody => formatter.write_str("an unnamed key"),
        }
    }
}

fn hexadecimal(bytes: &[u8], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02X}"))
}
