//! Which digests and keys are strong enough: rules 10 and 15, and the digests of rule 16.

use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams, SignatureBytes};

use crate::error::KeyProblem;

/// The smallest RSA key that counts, in bits. NIST SP 800-57 calls less than 2048 insufficient since 2014; apt warns of
/// them since 2.7.
pub const MIN_RSA_BITS: usize = 2048;

/// Whether a signature over a release may use this digest. MD5, SHA-1 and RIPEMD-160 are apt's list of untrusted ones;
/// RFC 9580 wants at least 256 bits for Ed25519, so SHA-224 is out too; SHA-3 is in no released gpgv.
pub(crate) fn strong_for_documents(algorithm: HashAlgorithm) -> bool {
    matches!(algorithm, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
}

/// Whether gpgv knows a digest, weak or not. Where it does not, apt refuses the file whatever else is in it.
pub(crate) fn known_to_apt(algorithm: HashAlgorithm) -> bool {
    strong_for_keys(algorithm) || matches!(algorithm, HashAlgorithm::Md5 | HashAlgorithm::Ripemd160)
}

/// Whether a key's signature on itself may use this digest. SHA-1 may: see rule 16.
pub(crate) fn strong_for_keys(algorithm: HashAlgorithm) -> bool {
    strong_for_documents(algorithm) || matches!(algorithm, HashAlgorithm::Sha1 | HashAlgorithm::Sha224)
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

/// Whether an Ed25519 key made this signature over a digest that the `pgp` crate holds too short to look at. It never makes
/// the signature count; it tells a weak one (rule 10) from a bad one (rule 3).
pub(crate) fn fits_in_spite_of_its_digest(key: &impl KeyDetails, digest: &[u8], signature: &SignatureBytes) -> bool {
    const HALF: usize = 32;
    let PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }) = key.public_params() else { return false };
    let SignatureBytes::Mpis(numbers) = signature else { return false };
    let mut bytes = Vec::with_capacity(2 * HALF);
    for number in numbers {
        // Zeros at the beginning of a number are not written down.
        let number = number.as_ref();
        bytes.extend(std::iter::repeat_n(0, HALF.saturating_sub(number.len())));
        bytes.extend_from_slice(number);
    }
    bytes.as_slice().try_into().is_ok_and(|signature| key.verify_strict(digest, &signature).is_ok())
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
