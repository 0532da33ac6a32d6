//! Why something is refused.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use crate::armour::ArmourError;
use crate::fingerprint::{Fingerprint, Issuer};
use crate::keyring::{MAX_KEYRING_BYTES, MAX_KEYRING_PACKETS, MAX_KEYS};
use crate::verify::{MAX_SIGNATURE_PACKETS, MAX_SIGNATURES};

/// Why bytes are no keyring. Permanent: the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// It is larger than [`MAX_KEYRING_BYTES`].
    #[error(
        "the keyring has {bytes} bytes, and at most {MAX_KEYRING_BYTES} are read: export only the keys that sign the archive"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It has more than [`MAX_KEYS`] keys.
    #[error("the keyring has more than {MAX_KEYS} keys: export only the keys that sign the archive")]
    TooManyKeys,
    /// It has more than [`MAX_KEYRING_PACKETS`] packets.
    #[error(
        "the keyring has more than {MAX_KEYRING_PACKETS} packets: export the keys again with --export-options export-minimal"
    )]
    TooManyPackets,
    /// There is no key in it that could verify anything.
    #[error(
        "the keyring holds no key that can be used (public keys of version 4 are): export the archive's key with gpg --export"
    )]
    NoKeys,
    /// It holds a secret key.
    #[error(
        "the keyring holds a SECRET key: replace it by the public one (gpg --export), and consider the secret one known to whoever reads this object"
    )]
    SecretKey,
    /// An armoured block that holds something else than keys.
    #[error("line {line} of the keyring begins a {kind}, and only PGP PUBLIC KEY BLOCK is expected")]
    Kind {
        /// The line, from one.
        line: usize,
        /// What stands there.
        kind: String,
    },
    /// Its armour is damaged.
    #[error("the keyring's armour cannot be read")]
    Armour {
        /// What is wrong.
        #[source]
        source: ArmourError,
    },
    /// One of its packets cannot be read.
    #[error(
        "packet {packet} of the keyring cannot be read ({problem}): export the keys again with gpg --export --export-options export-minimal"
    )]
    Packet {
        /// Its number, from one.
        packet: usize,
        /// What the parser said.
        problem: String,
    },
    /// A packet stands where it cannot stand.
    #[error("packet {packet} of the keyring is a {kind}, which does not belong there")]
    Misplaced {
        /// Its number, from one.
        packet: usize,
        /// What it is.
        kind: String,
    },
}

/// What was to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A clear-signed file: `InRelease`.
    ClearSigned,
    /// A file and the signature beside it: `Release` and `Release.gpg`.
    Detached,
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClearSigned => "the clear-signed file",
            Self::Detached => "the file with its detached signature",
        })
    }
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The signature's armour is damaged, is none, or has something beside it.
    #[error("{document} is refused, since its signature cannot be read; sign the release again and upload both")]
    Armour {
        /// What was verified.
        document: Document,
        /// What is wrong.
        #[source]
        source: ArmourError,
    },
    /// There is no signature where one must be.
    #[error(
        "{document} is refused: there is no armoured PGP SIGNATURE in it; sign it with gpg --armor --detach-sign, as apt asks for"
    )]
    NoSignature {
        /// What was verified.
        document: Document,
    },
    /// The armour holds a packet that cannot be read, or something else than signatures.
    #[error(
        "{document} is refused: packet {packet} of its signature {problem}; sign the release again and upload both"
    )]
    Packet {
        /// What was verified.
        document: Document,
        /// Its number, from one.
        packet: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There are more than [`MAX_SIGNATURES`] signatures, or more than [`MAX_SIGNATURE_PACKETS`] packets.
    #[error(
        "{document} is refused: it has more than {MAX_SIGNATURES} signatures, or {MAX_SIGNATURE_PACKETS} packets; sign it with fewer keys"
    )]
    TooMany {
        /// What was verified.
        document: Document,
    },
    /// No signature is good, or one of them is bad.
    #[error("{document} is refused: {}{}", if *good > 0 { "beside a good signature there is one that refuses the whole file: " } else { "" }, Listed(rejected))]
    Refused {
        /// What was verified.
        document: Document,
        /// How many signatures are good; when there are any, one of the others [refuses the file](Rejection::refuses_the_file).
        good: usize,
        /// The signatures that are not good, in the order of the file.
        rejected: Vec<RejectedSignature>,
    },
}

impl SignatureError {
    /// Whether text and signature simply do not belong together: the keys are known, and what they signed is another text.
    /// So looks an upload under way, where the files are of two generations. An unknown key, an expired one or a weak
    /// digest is something else, and waiting does not help.
    pub fn is_of_another_text(&self) -> bool {
        match self {
            Self::Refused { good: 0, rejected, .. } => {
                rejected.iter().any(|signature| signature.reason == Rejection::Bad)
            }
            _ => false,
        }
    }
}

/// A signature that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the signature by {issuer} {reason}")]
pub struct RejectedSignature {
    /// Whose it says to be.
    pub issuer: Issuer,
    /// Why it does not count.
    pub reason: Rejection,
}

struct Listed<'a>(&'a [RejectedSignature]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, signature) in self.0.iter().enumerate() {
            if number > 0 {
                formatter.write_str("; ")?;
            }
            write!(formatter, "{signature}")?;
        }
        Ok(())
    }
}

/// The rule that a signature breaks. The numbers of the rules are those of the [crate's documentation](crate).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Rule 3: it does not fit the text, though the key is known.
    #[error(
        "is BAD: it was made over another text. Upload release and signature of the same generation; if they are, somebody changed one of them"
    )]
    Bad,
    /// Rule 2: none of the keyring's keys made it.
    #[error("is by a key that is not in the keyring. Add the key to the keyring if you trust it")]
    UnknownKey,
    /// Rule 8: it is of another version than 4. Of a later one, apt refuses the file: rule 3.
    #[error("is of version {version}, and apt reads version 4. Sign with a key of version 4")]
    Version {
        /// Its version.
        version: u8,
    },
    /// Rule 9: it says something else than that the text was signed.
    #[error(
        "is of type {kind:#04x}, which does not sign this kind of file. Sign with gpg --clear-sign or --detach-sign"
    )]
    Type {
        /// Its type.
        kind: u8,
    },
    /// Rule 10: its digest is weak.
    #[error("uses the digest {algorithm}, which is weak. Sign with SHA-256 or SHA-512")]
    Digest {
        /// The digest's name.
        algorithm: String,
    },
    /// Rule 3: apt does not know its digest, and then refuses the file.
    #[error("uses the digest {algorithm}, which apt does not know. Sign with SHA-256 or SHA-512")]
    UnknownDigest {
        /// The digest's name.
        algorithm: String,
    },
    /// Rule 11: it holds something critical that is not understood here.
    #[error("holds a critical subpacket of type {kind}, which is not understood. Sign without it")]
    Critical {
        /// The subpacket's type.
        kind: u8,
    },
    /// Rule 12: it does not say when it was made.
    #[error("does not say when it was made. Sign again")]
    NoTime,
    /// Rule 13: it was made later than now.
    #[error("was made at {made}, which is in the future. Set the signer's clock")]
    Future {
        /// When it says to be made.
        made: Timestamp,
    },
    /// Rule 14: it expired.
    #[error("expired at {at}. Sign again")]
    Expired {
        /// When it did.
        at: Timestamp,
    },
    /// The key may not make it.
    #[error("is by the key {primary}, which {reason}")]
    Key {
        /// The fingerprint of the key's primary key.
        primary: Fingerprint,
        /// Why not.
        reason: KeyProblem,
    },
}

impl Rejection {
    /// Whether apt refuses a file for such a signature even beside a good one: rule 3.
    pub fn refuses_the_file(&self) -> bool {
        matches!(self, Self::Bad | Self::Expired { .. } | Self::UnknownDigest { .. } | Self::Version { version: 5.. })
    }
}

/// Why a key of the keyring may not sign. The numbers of the rules are those of the [crate's documentation](crate).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// Rule 15: its algorithm or size is weak, or not known.
    #[error("is a {algorithm} key: weak, or not supported. Sign with RSA of 2048 bits or more, or with Ed25519")]
    Algorithm {
        /// The algorithm, and for RSA the size.
        algorithm: String,
    },
    /// Rule 16: nothing that it signed itself says that it is a key.
    #[error("has no valid signature by itself in the keyring. Export it again")]
    NoSelfSignature,
    /// Rule 17: it was revoked.
    #[error("was revoked. Sign with another one, and take this one out of the keyring")]
    Revoked,
    /// Rule 18: it expired.
    #[error("expired at {at}. Prolong it and put its new export into the keyring, or sign with another one")]
    Expired {
        /// When it did.
        at: Timestamp,
    },
    /// Rule 19: it is younger than the signature.
    #[error("was made at {made}, after the signature. Set the signer's clock")]
    TooYoung {
        /// When it was made.
        made: Timestamp,
    },
    /// Rule 20: it is no key for signing.
    #[error("is not marked for signing. Sign with a key that is")]
    NotForSigning,
    /// Rule 21: no valid binding makes the subkey one of the primary key's.
    #[error("did not bind the subkey {subkey} to itself, or the binding expired. Export the key again")]
    NotBound {
        /// The subkey's fingerprint.
        subkey: Fingerprint,
    },
    /// Rule 22: the subkey did not sign that it belongs to the primary key.
    #[error(
        "has the subkey {subkey}, which does not say that it belongs to it (no back signature). Make one with gpg --edit-key, cross-certify"
    )]
    NoBackSignature {
        /// The subkey's fingerprint.
        subkey: Fingerprint,
    },
    /// Rule 17: the subkey was revoked.
    #[error("revoked its subkey {subkey}. Sign with another one")]
    SubkeyRevoked {
        /// The subkey's fingerprint.
        subkey: Fingerprint,
    },
    /// Rule 18: the subkey expired.
    #[error("has the subkey {subkey}, which expired at {at}. Prolong it and put its new export into the keyring")]
    SubkeyExpired {
        /// The subkey's fingerprint.
        subkey: Fingerprint,
        /// When it did.
        at: Timestamp,
    },
}
