//! A throwaway `OpenPGP` key and what apt wants signed by it.
//!
//! Everything follows from the seed and the dates given, so that the same archive is signed with the same bytes: Ed25519
//! signatures have no random part, and version 4 signatures no salt. The framing is the older one (`EdDSALegacy`), which
//! is what the `gpgv` of apt 2.6 knows. Never use such a key for anything that matters: whoever knows the seed has it.

use std::path::Path;

use jiff::Timestamp;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, Deserializable, DetachedSignature, SignedKeyDetails, SignedSecretKey,
};
use pgp::crypto::ed25519::{Mode, SecretKey as Ed25519Secret};
use pgp::crypto::eddsa_legacy;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize as _;
use pgp::types::{
    KeyDetails, KeyVersion, PacketHeaderVersion, Password, PlainSecretParams, PublicParams, SecretParams, SignedUser,
    Tag,
};
use sha2::{Digest, Sha256};

use super::MakeError;

/// The key's date of birth: 2025-01-01T00:00:00Z, in seconds since 1970. It must not be later than any signature.
const KEY_CREATED_SECONDS: u32 = 1_735_689_600;

/// Under these names a key lies in its directory.
const SECRET_FILE: &str = "archive-key.secret.asc";
const PUBLIC_FILE: &str = "archive-key.asc";

/// A key to sign archives with.
#[derive(Debug, Clone)]
pub struct ArchiveKey {
    key: SignedSecretKey,
}

impl ArchiveKey {
    /// The key of this seed, always the same.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`] when the `OpenPGP` library refuses.
    pub fn from_seed(seed: u64) -> Result<Self, MakeError> {
        Self::make(seed).map_err(|source| MakeError::Signing { doing: "making the key", source: Box::new(source) })
    }

    /// The key kept in `directory`; where there is none yet, the key of the seed is put there, the public part beside it.
    ///
    /// # Errors
    ///
    /// [`MakeError::Disk`] or [`MakeError::Signing`] when what lies there cannot be read or written.
    pub fn load_or_make(directory: &Path, seed: u64) -> Result<Self, MakeError> {
        let secret_path = directory.join(SECRET_FILE);
        let disk = |path: &Path, source| MakeError::Disk { path: path.to_owned(), source };
        if secret_path.exists() {
            let text = std::fs::read_to_string(&secret_path).map_err(|source| disk(&secret_path, source))?;
            let (key, _) = SignedSecretKey::from_string(&text)
                .map_err(|source| MakeError::Signing { doing: "reading the kept key", source: Box::new(source) })?;
            return Ok(Self { key });
        }
        let made = Self::from_seed(seed)?;
        std::fs::create_dir_all(directory).map_err(|source| disk(directory, source))?;
        let secret = made
            .key
            .to_armored_string(ArmorOptions::default())
            .map_err(|source| MakeError::Signing { doing: "writing the key down", source: Box::new(source) })?;
        std::fs::write(&secret_path, secret).map_err(|source| disk(&secret_path, source))?;
        let public_path = directory.join(PUBLIC_FILE);
        std::fs::write(&public_path, made.public_armoured()?).map_err(|source| disk(&public_path, source))?;
        Ok(made)
    }

    /// The public part, armoured: what `Signed-By` of an apt source takes.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`] when the `OpenPGP` library refuses.
    pub fn public_armoured(&self) -> Result<String, MakeError> {
        self.key
            .to_public_key()
            .to_armored_string(ArmorOptions::default())
            .map_err(|source| MakeError::Signing { doing: "exporting the public key", source: Box::new(source) })
    }

    /// The public part, binary: a keyring of this key alone.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`] when the `OpenPGP` library refuses.
    pub fn public_bytes(&self) -> Result<Vec<u8>, MakeError> {
        self.key
            .to_public_key()
            .to_bytes()
            .map_err(|source| MakeError::Signing { doing: "exporting the public key", source: Box::new(source) })
    }

    /// `text` inside a clear-signed envelope: an `InRelease`.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`], or [`MakeError::Date`] for a date that a signature cannot hold.
    pub fn clear_signed(&self, text: &str, date: Timestamp) -> Result<Vec<u8>, MakeError> {
        let created = signature_time(date)?;
        self.sign_text(text, created)
            .map_err(|source| MakeError::Signing { doing: "clear-signing the release", source: Box::new(source) })
    }

    /// A detached signature of `bytes`, armoured: a `Release.gpg`.
    ///
    /// # Errors
    ///
    /// [`MakeError::Signing`], or [`MakeError::Date`] for a date that a signature cannot hold.
    pub fn detached(&self, bytes: &[u8], date: Timestamp) -> Result<Vec<u8>, MakeError> {
        let created = signature_time(date)?;
        self.sign_bytes(bytes, created)
            .map_err(|source| MakeError::Signing { doing: "signing the release", source: Box::new(source) })
    }

    fn make(seed: u64) -> Result<Self, pgp::errors::Error> {
        let mut hasher = Sha256::new();
        hasher.update(b"suitecast throwaway archive key");
        hasher.update(seed.to_le_bytes());
        let secret = Ed25519Secret::try_from_bytes(hasher.finalize().into(), Mode::EdDSALegacy)?;
        let public = PublicKey::from_inner(PubKeyInner::new(
            KeyVersion::V4,
            PublicKeyAlgorithm::EdDSALegacy,
            pgp::types::Timestamp::from_secs(KEY_CREATED_SECONDS),
            None,
            PublicParams::EdDSALegacy((&secret).into()),
        )?)?;
        let parameters = SecretParams::Plain(PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret)));
        let primary = SecretKey::new(public.clone(), parameters)?;

        let user =
            UserId::from_str(PacketHeaderVersion::default(), "Suitecast throwaway archive key <none@example.com>")?;
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut config = configuration(&primary, SignatureType::CertPositive, KEY_CREATED_SECONDS)?;
        config.hashed_subpackets.push(Subpacket::regular(SubpacketData::KeyFlags(flags))?);
        config.hashed_subpackets.push(Subpacket::regular(SubpacketData::IsPrimary(true))?);
        let bound = config.sign_certification(&primary, &public, &Password::empty(), Tag::UserId, &user)?;
        let details = SignedKeyDetails::new(vec![], vec![], vec![SignedUser::new(user, vec![bound])], vec![]);
        Ok(Self { key: SignedSecretKey::new(primary, details, vec![], vec![]) })
    }

    fn sign_text(&self, text: &str, created: u32) -> Result<Vec<u8>, pgp::errors::Error> {
        let config = configuration(&self.key.primary_key, SignatureType::Text, created)?;
        CleartextSignedMessage::new(text, config, &self.key.primary_key, &Password::empty())?
            .to_armored_bytes(ArmorOptions::default())
    }

    fn sign_bytes(&self, bytes: &[u8], created: u32) -> Result<Vec<u8>, pgp::errors::Error> {
        let config = configuration(&self.key.primary_key, SignatureType::Binary, created)?;
        let signature = config.sign(&self.key.primary_key, &Password::empty(), bytes)?;
        DetachedSignature::new(signature).to_armored_bytes(ArmorOptions::default())
    }
}

fn configuration(key: &SecretKey, kind: SignatureType, created: u32) -> Result<SignatureConfig, pgp::errors::Error> {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(created)))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

fn signature_time(date: Timestamp) -> Result<u32, MakeError> {
    u32::try_from(date.as_second()).map_err(|_| MakeError::Date { date })
}
