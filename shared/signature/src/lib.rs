//! `OpenPGP` signatures of release files: who signed this text, by a keyring that the operator trusts.
//!
//! Everything here is pure: bytes and a time in, a verdict out. The mathematics are the `pgp` crate's; the rules are ours,
//! since that crate leaves them to its users. They are apt's verdict (gpgv as apt 2.6 runs it), or stricter. Each is held by
//! a test of the same number in `tests/rules.rs`; where apt takes what is refused here, `tests/tests/signatures_agree_with_apt.rs`
//! says so with the reason.
//!
//! Of the file:
//!
//! 1. One good signature by a key of the keyring suffices. Others that do not count do not matter.
//! 2. A signature by a key that is not in the keyring does not count.
//! 3. A **bad** signature, by a key of the keyring over another text, refuses the file even beside a good one; so does one
//!    that expired, one with a digest that apt does not know, and one of a version later than 4, by whatever key.
//! 4. Nothing may stand outside of the signed text ([`ClearSigned`](suitecast_archive::ClearSigned) sees to it).
//! 5. What is signed of a clear-signed text is its lines, without blanks at their ends, joined by CR LF, without the last
//!    line end. A detached signature is over the bytes, or, if it is one over text, over the lines with their blanks.
//! 6. Signatures come in armour: a detached file is armoured blocks and nothing else, not even an empty line. A checksum
//!    must be right, and may be absent. A binary `Release.gpg` is refused, as apt does.
//! 7. In the armour are only signatures: at most [`MAX_SIGNATURES`], in at most [`MAX_SIGNATURE_PACKETS`] packets.
//!
//! Of a signature; one that breaks a rule does not count:
//!
//! 8. It is of version 4. Version 3 signs too little; versions 5 and 6 are not read by the gpgv of Debian 12, which then gives
//!    up on the whole file.
//! 9. It is one over text, or, of a file with a detached signature, one over bytes.
//! 10. Its digest is SHA-256, SHA-384 or SHA-512. MD5, SHA-1, RIPEMD-160 and SHA-224 are weak.
//! 11. It holds no critical subpacket that is not understood here, notations included.
//! 12. It says when it was made, in the part of it that is signed.
//! 13. It was not made later than [`CLOCK_TOLERANCE_SECONDS`] from now.
//! 14. It did not expire by now.
//!
//! Of the key that made it, by what the keyring says of it **now** (an upload is verified when it is published, so what
//! counts is what apt would say today and not what was right on the day of the signature):
//!
//! 15. It is RSA of [`MIN_RSA_BITS`] or more, Ed25519 in its older framing, or ECDSA on the NIST curves. DSA is refused.
//! 16. It signed itself or a name of its own, and that is in force: not expired, not taken back. SHA-1 is allowed here and
//!     in rules 17, 21 and 22, as in gpgv: many old keys have nothing else, the operator chose the keyring, and who could
//!     forge such a signature would first have to get it into the keyring. MD5 and RIPEMD-160 are not allowed even here, nor
//!     is SHA-1 by an Ed25519 key, which is younger than its fall.
//! 17. Neither it nor, for a subkey, its primary key was revoked, for whatever reason and whenever: also one that was only
//!     retired says nothing more, as in apt.
//! 18. Neither it nor its primary key expired by now.
//! 19. Neither it nor its primary key is younger than the signature.
//! 20. It is for signing: its flags say so, or it is a primary key without any flags.
//! 21. A subkey is bound by its primary key, and the binding is in force. The newest binding counts.
//! 22. A subkey signed in its binding that it belongs to the primary key; otherwise anyone could adopt it.
//!
//! Of the keyring:
//!
//! 23. It is public keys, binary or armoured; several blocks with text between them are one keyring. A damaged one, an
//!     empty one and one with a secret key are refused. What other keys say of a key does not count, but for a revocation
//!     by a key of the same keyring that it allows to revoke it. Keys of version 6 are passed over; a client's gpgv finds
//!     no key at all in a keyring that holds one, so they do not belong into what clients are given.
//!
//! ```
//! use suitecast_archive::ClearSigned;
//! use suitecast_signature::Keyring;
//! use suitecast_testing::archive_maker::ArchiveKey;
//!
//! let key = ArchiveKey::from_seed(1)?;
//! let date: jiff::Timestamp = "2026-01-01T12:00:00Z".parse()?;
//! let file = ClearSigned::parse(&key.clear_signed("Suite: stable\n", date)?)?;
//!
//! let keyring = Keyring::parse(key.public_armoured()?.as_bytes())?;
//! assert_eq!(keyring.verify_clear_signed(&file, date)?.signers, keyring.keys());
//!
//! let other = Keyring::parse(&ArchiveKey::from_seed(2)?.public_bytes()?)?;
//! let refusal = other.verify_clear_signed(&file, date).unwrap_err();
//! assert!(refusal.to_string().contains("not in the keyring"), "{refusal}");
//! assert!(!refusal.is_of_another_text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithms;
mod armour;
mod certificate;
mod error;
mod fingerprint;
mod fit;
mod key;
mod keyring;
mod packets;
mod self_signature;
mod text;
mod verify;

pub use algorithms::MIN_RSA_BITS;
pub use armour::ArmourError;
pub use error::{Document, KeyProblem, KeyringError, RejectedSignature, Rejection, SignatureError};
pub use fingerprint::{Fingerprint, Issuer};
pub use fit::Fit;
pub use keyring::{Keyring, MAX_KEYRING_BYTES, MAX_KEYRING_PACKETS, MAX_KEYS};
pub use verify::{CLOCK_TOLERANCE_SECONDS, MAX_SIGNATURE_PACKETS, MAX_SIGNATURES, Verified};
