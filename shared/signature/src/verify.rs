//! Whether a text is signed by a key of the keyring: rules 1 to 14.

use jiff::Timestamp;
use pgp::packet::{Packet, Signature, SignatureConfig, SignatureType, SignatureVersion};
use pgp::types::VerifyingKey;
use suitecast_archive::ClearSigned;

use crate::algorithms::{fits_in_spite_of_its_digest, known_to_apt, strong_for_documents};
use crate::armour::{self, Between};
use crate::error::{Document, RejectedSignature, Rejection, SignatureError};
use crate::fingerprint::{Fingerprint, Issuer};
use crate::key::{Key, Subkey, is_named};
use crate::keyring::Keyring;
use crate::packets::{self, PacketsError};
use crate::self_signature::{lifetime, not_understood};
use crate::text;

/// The most signatures of one file. Debian signs with two to four keys; each costs one pass over the text.
pub const MAX_SIGNATURES: usize = 32;

/// The most packets of a signature, skipped ones included.
pub const MAX_SIGNATURE_PACKETS: usize = 64;

/// By how many seconds a signer's clock may be ahead of ours. Clocks that are set by NTP differ by less than a second;
/// five minutes is what Kerberos allows.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 300;

const SIGNATURE_BLOCK: &[u8] = b"PGP SIGNATURE";

/// A text with at least one good signature and no bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The primary keys whose signatures are good, sorted, each once.
    pub signers: Vec<Fingerprint>,
    /// When the newest of the good signatures was made.
    pub signed_at: Timestamp,
    /// The signatures that do not count, such as those by keys that are not in the keyring. None refuses the file (rule 3).
    pub ignored: Vec<RejectedSignature>,
}

/// What is signed, as each type of signature sees it.
struct Signed<'a> {
    document: Document,
    /// As it stands; `None` for a clear-signed text, which is lines and not bytes.
    bytes: Option<&'a [u8]>,
    lines: Vec<u8>,
}

impl Keyring {
    /// Verifies a clear-signed file, such as an `InRelease`.
    ///
    /// # Errors
    /// When no signature by a key of the keyring is good, or one is bad; see the rules in the [crate's documentation](crate).
    pub fn verify_clear_signed(&self, file: &ClearSigned, now: Timestamp) -> Result<Verified, SignatureError> {
        let signed = Signed { document: Document::ClearSigned, bytes: None, lines: text::of_clear_signed(&file.text) };
        self.verify(&signed, &file.signature, now)
    }

    /// Verifies a file with its armoured signature, such as a `Release` with its `Release.gpg`.
    ///
    /// # Errors
    /// When no signature by a key of the keyring is good, or one is bad; see the rules in the [crate's documentation](crate).
    pub fn verify_detached(&self, text: &[u8], signature: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
        let signed = Signed { document: Document::Detached, bytes: Some(text), lines: text::of_detached(text) };
        self.verify(&signed, signature, now)
    }

    fn verify(&self, signed: &Signed<'_>, armoured: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
        let document = signed.document;
        // Before 1970 nothing was signed.
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let mut good = Vec::new();
        let mut rejected = Vec::new();
        for signature in signatures(document, armoured)? {
            match self.judge(signed, &signature, now) {
                Ok(counted) => good.push(counted),
                Err(reason) => rejected.push(RejectedSignature { issuer: issuer(&signature), reason }),
            }
        }
        let bad = rejected.iter().any(|signature| signature.reason.refuses_the_file());
        let Some(newest) = good.iter().map(|(_, made)| *made).max().filter(|_| !bad) else {
            return Err(SignatureError::Refused { document, good: good.len(), rejected });
        };
        let mut signers: Vec<Fingerprint> = good.into_iter().map(|(signer, _)| signer).collect();
        signers.sort_unstable();
        signers.dedup();
        Ok(Verified { signers, signed_at: instant(newest), ignored: rejected })
    }

    /// Whether one signature counts: its signer and when it was made.
    fn judge(&self, signed: &Signed<'_>, signature: &Signature, now: u64) -> Result<(Fingerprint, u64), Rejection> {
        let config = signature.config().filter(|config| config.version() == SignatureVersion::V4);
        let config = config.ok_or_else(|| Rejection::Version { version: signature.version().into() })?;
        let text = match (config.typ(), signed.bytes) {
            (SignatureType::Text, _) => signed.lines.as_slice(),
            (SignatureType::Binary, Some(bytes)) => bytes,
            (other, _) => return Err(Rejection::Type { kind: other.into() }),
        };
        let parts = || config.hashed_subpackets().chain(config.unhashed_subpackets());
        if let Some(kind) = parts().find_map(not_understood) {
            return Err(Rejection::Critical { kind });
        }
        let candidates = self.named_by(config);
        if candidates.is_empty() {
            return Err(Rejection::UnknownKey);
        }
        if !known_to_apt(config.hash_alg) {
            return Err(Rejection::UnknownDigest { algorithm: config.hash_alg.to_string() });
        }
        let weak = || Rejection::Digest { algorithm: config.hash_alg.to_string() };
        let digest = digest(config, text).ok_or_else(weak)?;
        let maker = candidates.into_iter().find(|candidate| candidate.made(signature, config, &digest));
        let maker = maker.ok_or(Rejection::Bad)?;
        if !strong_for_documents(config.hash_alg) {
            return Err(weak());
        }
        let made = u64::from(config.created().ok_or(Rejection::NoTime)?.as_secs());
        if made > now + CLOCK_TOLERANCE_SECONDS {
            return Err(Rejection::Future { made: instant(made) });
        }
        let end = lifetime(signature.signature_expiration_time()).map(|lives| made + lives);
        if let Some(end) = end.filter(|end| *end <= now) {
            return Err(Rejection::Expired { at: instant(end) });
        }
        let primary = maker.key.fingerprint;
        maker.may_sign(now, made).map_err(|reason| Rejection::Key { primary, reason })?;
        Ok((primary, made))
    }

    /// The keys that a signature names: one, or several where two have the same key id.
    fn named_by(&self, config: &SignatureConfig) -> Vec<Candidate<'_>> {
        let (fingerprints, ids) = (config.issuer_fingerprint(), config.issuer_key_id());
        let mut candidates = Vec::new();
        for key in self.all() {
            if is_named(&key.primary, &fingerprints, &ids) {
                candidates.push(Candidate { key, subkey: None });
            }
            let named = key.subkeys.iter().filter(|subkey| is_named(&subkey.key, &fingerprints, &ids));
            candidates.extend(named.map(|subkey| Candidate { key, subkey: Some(subkey) }));
        }
        candidates
    }
}

/// A key that may have made a signature.
struct Candidate<'a> {
    key: &'a Key,
    /// The subkey, where it is one.
    subkey: Option<&'a Subkey>,
}

impl Candidate<'_> {
    fn made(&self, signature: &Signature, config: &SignatureConfig, digest: &[u8]) -> bool {
        match self.subkey {
            Some(subkey) => fits(&subkey.key, signature, config, digest),
            None => fits(&self.key.primary, signature, config, digest),
        }
    }

    fn may_sign(&self, now: u64, signed: u64) -> Result<(), crate::error::KeyProblem> {
        match self.subkey {
            Some(subkey) => self.key.subkey_may_sign(subkey, now, signed),
            None => self.key.may_sign(now, signed),
        }
    }
}

fn fits(key: &impl VerifyingKey, signature: &Signature, config: &SignatureConfig, digest: &[u8]) -> bool {
    config.pub_alg == key.algorithm()
        && signature.signature().is_some_and(|bytes| {
            key.verify(config.hash_alg, digest, bytes).is_ok()
                || !strong_for_documents(config.hash_alg) && fits_in_spite_of_its_digest(key, digest, bytes)
        })
}

/// What the signature is made over: the text and what the signature says of itself. `None` for an unknown digest.
pub(crate) fn digest(config: &SignatureConfig, text: &[u8]) -> Option<Box<[u8]>> {
    let mut hasher = config.hash_alg.new_hasher().ok()?;
    hasher.update(text);
    let length = config.hash_signature_data(&mut hasher).ok()?;
    hasher.update(&config.trailer(length).ok()?);
    Some(hasher.finalize())
}

/// The signatures of armoured blocks, and nothing but signatures.
pub(crate) fn signatures(document: Document, armoured: &[u8]) -> Result<Vec<Signature>, SignatureError> {
    let blocks =
        armour::blocks(armoured, Between::Nothing).map_err(|source| SignatureError::Armour { document, source })?;
    if blocks.is_empty() || blocks.iter().any(|block| block.kind != SIGNATURE_BLOCK) {
        return Err(SignatureError::NoSignature { document });
    }
    // Several blocks are as one: a signer who comes later appends his own.
    let bytes: Vec<u8> = blocks.into_iter().flat_map(|block| block.bytes).collect();
    let packets = packets::read(&bytes, MAX_SIGNATURE_PACKETS).map_err(|error| match error {
        PacketsError::TooMany => SignatureError::TooMany { document },
        PacketsError::Frame { packet, problem } => SignatureError::Packet { document, packet, problem },
    })?;
    let mut signatures = Vec::new();
    for packets::Read { number, tag, packet } in packets {
        let refuse = |problem| SignatureError::Packet { document, packet: number, problem };
        match packet {
            Ok(Packet::Signature(signature)) => signatures.push(signature),
            Ok(Packet::Marker(_) | Packet::Padding(_)) => {}
            Ok(_) => return Err(refuse(format!("is a {tag:?} and no signature"))),
            Err(unreadable) => return Err(refuse(format!("cannot be read ({})", unreadable.problem))),
        }
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(SignatureError::TooMany { document });
    }
    if signatures.is_empty() {
        return Err(SignatureError::NoSignature { document });
    }
    Ok(signatures)
}

fn issuer(signature: &Signature) -> Issuer {
    match (signature.issuer_fingerprint().first(), signature.issuer_key_id().first()) {
        (Some(fingerprint), _) => Issuer::Fingerprint(fingerprint.as_bytes().to_vec()),
        (None, Some(id)) => {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(id.as_ref());
            Issuer::KeyId(bytes)
        }
        (None, None) => Issuer::Nobody,
    }
}

/// A time of a packet. They are of 32 bits, and the sum of two is far below what a timestamp can hold.
pub(crate) fn instant(seconds: u64) -> Timestamp {
    i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX)
}
