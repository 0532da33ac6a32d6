//! Which digests and keys are strong enough: rules 10 and 15, and the digests of rule 16.

use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams};

use crate::error::KeyProblem;

/// The smallest RSA key that counts, in bits. NIST SP 800-57 calls less than 2048 insufficient since 2014; apt warns of
/// them since 2.7.
pub const MIN_RSA_BITS: usize = 2048;

/// Whether a signature over a release may use this digest. MD5, SHA-1 and RIPEMD-160 are apt's list of untrusted ones;
/// SHA-3 is in no released gpgv.
pub(crate) fn strong_for_documents(algorithm: HashAlgorithm) -> bool {
    matches!(algorithm, HashAlgorithm::Sha224 | HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
}

/// Whether a key's signature on itself may use this digest. SHA-1 may: see rule 16.
pub(crate) fn strong_for_keys(algorithm: HashAlgorithm) -> bool {
    strong_for_documents(algorithm) || algorithm == HashAlgorithm::Sha1
}

/// Whether a key's algorithm and size may sign.
pub(crate) fn check_key(key: &impl KeyDetails) -> Result<(), KeyProblem> {
    let weak = |algorithm: String| Err(KeyProblem::Algorithm { algorithm });
    match key.public_params() {
        PublicParams::RSA(parameters) => match modulus_bits(parameters) {
            bits if bits < MIN_RSA_BITS => weak(format!("{bits}-bit RSA")),
            _ => Ok(()),
        },
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. })
        | PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        ) => Ok(()),
        PublicParams::ECDSA(parameters) => weak(format!("{} ECDSA", parameters.curve())),
        PublicParams::EdDSALegacy(parameters) => weak(format!("{} EdDSA", parameters.curve())),
        _ => weak(format!("{:?}", key.algorithm())),
    }
}

/// The length of the modulus, from the encoded number: two bytes that count its bits come first.
fn modulus_bits(parameters: &pgp::types::RsaPublicParams) -> usize {
    use pgp::ser::Serialize as _;
    let encoded = parameters.to_bytes().unwrap_or_default();
    match encoded.as_slice() {
        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    }
}
