//! The keys that an operator trusts.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use crate::armour::{self, Between};
use crate::certificate::certificates;
use crate::error::KeyringError;
use crate::fingerprint::Fingerprint;
use crate::key::Key;
use crate::packets::{self, PacketsError};

/// The largest keyring in bytes. Debian's own has 56 kB.
pub const MAX_KEYRING_BYTES: usize = 4 * 1024 * 1024;

/// The most primary keys of a keyring. Debian's own has about ten.
pub const MAX_KEYS: usize = 256;

/// The most packets of a keyring: keys, names and signatures. Debian's own has a few hundred.
pub const MAX_KEYRING_PACKETS: usize = 16 * 1024;

const PUBLIC_KEY_BLOCK: &[u8] = b"PGP PUBLIC KEY BLOCK";
const PRIVATE_KEY_BLOCK: &[u8] = b"PGP PRIVATE KEY BLOCK";

/// A packet's first byte has its highest bit set, and text does not.
const PACKET_BIT: u8 = 0x80;

/// Public keys, read and checked once.
///
/// ```
/// use suitecast_signature::{Keyring, KeyringError};
///
/// assert_eq!(Keyring::parse(b"# no key yet\n").unwrap_err(), KeyringError::NoKeys);
/// ```
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Key>,
    identity: String,
}

impl Keyring {
    /// Reads a keyring: what `gpg --export` writes, armoured or not, one key or several, also several armoured blocks one
    /// after another with comments between them.
    ///
    /// Keys of versions and algorithms that are not known here are passed over; the same key in two places is put together.
    ///
    /// # Errors
    /// When it is too large, damaged, holds a secret key, or holds no key at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > MAX_KEYRING_BYTES {
            return Err(KeyringError::TooLarge { bytes: bytes.len() });
        }
        let binary = bytes.first().is_some_and(|byte| byte & PACKET_BIT != 0);
        let mut packets = Vec::new();
        for part in if binary { vec![bytes.to_vec()] } else { armoured(bytes)? } {
            let read = packets::read(&part, MAX_KEYRING_PACKETS).map_err(|error| match error {
                PacketsError::TooMany => KeyringError::TooManyPackets,
                PacketsError::Frame { packet, problem } => KeyringError::Packet { packet, problem },
            })?;
            packets.extend(read);
        }
        if packets.len() > MAX_KEYRING_PACKETS {
            return Err(KeyringError::TooManyPackets);
        }
        let certificates = certificates(packets)?;
        if certificates.is_empty() {
            return Err(KeyringError::NoKeys);
        }
        if certificates.len() > MAX_KEYS {
            return Err(KeyringError::TooManyKeys);
        }
        let mut contents: Vec<_> =
            certificates.iter().map(|certificate| Sha256::digest(&certificate.canonical)).collect();
        contents.sort_unstable();
        let whole = contents.iter().fold(Sha256::new(), Sha256::chain_update).finalize();
        let identity = hexadecimal(&whole);
        let mut keys: Vec<Key> = certificates.into_iter().map(Key::check).collect();
        let revoked: Vec<bool> = keys.iter().map(|key| key.is_revoked_by_one_of(&keys)).collect();
        keys.iter_mut().zip(revoked).filter(|(_, revoked)| *revoked).for_each(|(key, _)| key.revoke());
        Ok(Self { keys, identity })
    }

    /// What names this keyring's content: SHA-256 over its keys with all that is said of them, in hexadecimal. The same
    /// for the same keys in another order or armour.
    pub fn fingerprint(&self) -> String {
        self.identity.clone()
    }

    /// The primary keys, sorted.
    pub fn keys(&self) -> Vec<Fingerprint> {
        let mut keys: Vec<Fingerprint> = self.keys.iter().map(|key| key.fingerprint).collect();
        keys.sort_unstable();
        keys
    }

    pub(crate) fn all(&self) -> &[Key] {
        &self.keys
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Keyring").field(&self.keys()).finish()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the armoured blocks hold.
fn armoured(bytes: &[u8]) -> Result<Vec<Vec<u8>>, KeyringError> {
    let blocks = armour::blocks(bytes, Between::Anything).map_err(|source| KeyringError::Armour { source })?;
    blocks
        .into_iter()
        .map(|block| match block.kind.as_slice() {
            PUBLIC_KEY_BLOCK => Ok(block.bytes),
            PRIVATE_KEY_BLOCK => Err(KeyringError::SecretKey),
            other => Err(KeyringError::Kind { line: block.line, kind: String::from_utf8_lossy(other).into_owned() }),
        })
        .collect()
}
