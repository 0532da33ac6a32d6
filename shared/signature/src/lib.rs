//! `OpenPGP` signatures of release files: who signed this text, by a keyring that the operator trusts.
//! POLICY

mod algorithms;
mod armour;
mod certificate;
mod error;
mod fingerprint;
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
pub use keyring::{Keyring, MAX_KEYRING_BYTES, MAX_KEYRING_PACKETS, MAX_KEYS};
pub use verify::{CLOCK_TOLERANCE_SECONDS, MAX_SIGNATURE_PACKETS, MAX_SIGNATURES, Verified};
