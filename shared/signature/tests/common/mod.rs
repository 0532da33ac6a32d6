//! What the tests of the rules share: one text, one time, and the shortest way to a verdict.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, missing_docs, unreachable_pub)]

use pgp::packet::SignatureType;
use suitecast_archive::ClearSigned;
use suitecast_signature::{KeyProblem, Keyring, Rejection, SignatureError, Verified};
use suitecast_testing::signer::{Says, Signer, armoured_signatures, clear_signed, signed_lines};

/// 2026-01-01T00:00:00Z.
pub const NOW: u32 = 1_767_225_600;
/// 2025-01-01T00:00:00Z.
pub const BORN: u32 = 1_735_689_600;
pub const TEXT: &str = "Suite: stable\n-dash \n\nDate: now\n";

pub mod clear {
    pub fn now() -> jiff::Timestamp {
        jiff::Timestamp::from_second(i64::from(super::NOW)).unwrap()
    }
}

pub mod subkey {
    use super::{BORN, Says, SignatureType, Signer};

    /// The subkey with its binding, saying this and that it belongs to the primary key.
    pub fn saying(primary: &Signer, subkey: &Signer, says: Says) -> Vec<u8> {
        let says = says.with(subkey.back(primary, Says::at(BORN)).unwrap());
        let binding = primary.over_subkey(subkey, SignatureType::SubkeyBinding, says).unwrap();
        [subkey.subkey_packet().unwrap(), binding].concat()
    }

    /// A key with a subkey for signing.
    pub fn bound(primary: &Signer, subkey: &Signer) -> Vec<u8> {
        [primary.certificate().unwrap(), saying(primary, subkey, Says::at(BORN).key_is_for(false, true))].concat()
    }
}

pub fn keyring(certificates: &[pgp::errors::Result<Vec<u8>>]) -> Keyring {
    let bytes: Vec<u8> = certificates.iter().flat_map(|bytes| bytes.as_ref().unwrap()).copied().collect();
    Keyring::parse(&bytes).unwrap()
}

/// A signature over [`TEXT`] as a clear-signed one.
pub fn signature(signer: &Signer, says: Says) -> Vec<u8> {
    signer.over_bytes(SignatureType::Text, says, &signed_lines(TEXT)).unwrap()
}

/// A signature over the bytes of [`TEXT`].
pub fn detached(signer: &Signer, says: Says) -> Vec<u8> {
    signer.over_bytes(SignatureType::Binary, says, TEXT.as_bytes()).unwrap()
}

pub fn verify(keyring: &Keyring, text: &str, packets: &[u8]) -> Result<Verified, SignatureError> {
    let file = ClearSigned::parse(&clear_signed(text, packets).unwrap()).unwrap();
    keyring.verify_clear_signed(&file, clear::now())
}

pub fn verify_detached(keyring: &Keyring, text: &[u8], packets: &[u8]) -> Result<Verified, SignatureError> {
    keyring.verify_detached(text, &armoured_signatures(packets).unwrap(), clear::now())
}

pub fn reasons(error: &SignatureError) -> Vec<Rejection> {
    match error {
        SignatureError::Refused { rejected, .. } => rejected.iter().map(|signature| signature.reason.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

pub fn only_reason(error: &SignatureError) -> Rejection {
    match reasons(error).as_slice() {
        [only] => only.clone(),
        other => panic!("{other:?}"),
    }
}

pub fn only_problem(error: &SignatureError) -> KeyProblem {
    match only_reason(error) {
        Rejection::Key { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// A key and a clear-signed file of `fixtures/`.
pub fn fixture(name: &str) -> (Keyring, ClearSigned) {
    let read =
        |suffix: &str| std::fs::read(format!("{}/tests/fixtures/{name}.{suffix}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    (Keyring::parse(&read("key.asc")).unwrap(), ClearSigned::parse(&read("signed.asc")).unwrap())
}
