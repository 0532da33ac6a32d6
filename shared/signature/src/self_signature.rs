//! What a key says of itself: rules 16 to 22, the part that does not depend on the time.

use pgp::packet::{Signature, SignatureType, SignatureVersion, Subpacket, SubpacketData, SubpacketType};

use crate::algorithms::strong_for_keys;

/// A statement of a key on itself, on an identity of its own or on a subkey, its signature verified.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// Seconds since 1970.
    pub(crate) made: u64,
    /// When the statement itself ends, in seconds since 1970.
    pub(crate) ends: Option<u64>,
    /// For how many seconds since its making the key is valid.
    pub(crate) key_lives: Option<u64>,
    /// Whether the key may sign, where the statement says anything of what it is for.
    pub(crate) may_sign: Option<bool>,
    /// Whether this takes back what was said before.
    pub(crate) takes_back: bool,
}

impl Statement {
    /// `None` for a signature that must not count whatever it says: rule 16. Its own validity was not checked.
    pub(crate) fn of(signature: &Signature) -> Option<Self> {
        let config = signature.config()?;
        if config.version() != SignatureVersion::V4 || !strong_for_keys(config.hash_alg) {
            return None;
        }
        if config.hashed_subpackets().chain(config.unhashed_subpackets()).any(|part| not_understood(part).is_some()) {
            return None;
        }
        let made = u64::from(config.created()?.as_secs());
        let flags = config.hashed_subpackets().find_map(|part| match &part.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        });
        Some(Self {
            made,
            ends: lifetime(signature.signature_expiration_time()).map(|lives| made + lives),
            key_lives: lifetime(signature.key_expiration_time()),
            may_sign: flags,
            takes_back: config.typ() == SignatureType::CertRevocation,
        })
    }

    /// Whether it is in force.
    pub(crate) fn holds(&self, now: u64, tolerance: u64) -> bool {
        self.made <= now + tolerance && self.ends.is_none_or(|end| now < end)
    }
}

/// Zero stands for ever, as if it was not there.
pub(crate) fn lifetime(duration: Option<pgp::types::Duration>) -> Option<u64> {
    duration.map(|duration| u64::from(duration.as_secs())).filter(|seconds| *seconds > 0)
}

/// The type of a subpacket that is critical and not understood here: what it demands is not known, so the signature
/// cannot count. Notations are among them, since none is known.
pub(crate) fn not_understood(part: &Subpacket) -> Option<u8> {
    let kind = part.typ();
    let understood = matches!(
        kind,
        SubpacketType::SignatureCreationTime
            | SubpacketType::SignatureExpirationTime
            | SubpacketType::KeyExpirationTime
            | SubpacketType::IssuerKeyId
            | SubpacketType::IssuerFingerprint
            | SubpacketType::KeyFlags
            | SubpacketType::RevocationReason
            | SubpacketType::RevocationKey
            | SubpacketType::Revocable
            | SubpacketType::PrimaryUserId
            | SubpacketType::EmbeddedSignature
            | SubpacketType::ExportableCertification
            | SubpacketType::Features
            | SubpacketType::PreferredSymmetricAlgorithms
            | SubpacketType::PreferredHashAlgorithms
            | SubpacketType::PreferredCompressionAlgorithms
            | SubpacketType::PreferredAead
            | SubpacketType::KeyServerPreferences
            | SubpacketType::PreferredKeyServer
            | SubpacketType::PolicyURI
            | SubpacketType::SignersUserID
    );
    (part.is_critical && !understood).then(|| kind.as_u8(false))
}
