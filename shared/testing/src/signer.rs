//! `OpenPGP` keys and signatures with any defect: what gpg would never make, and a verifier must refuse all the same.
//!
//! Everything is Ed25519 from a seed, and so the same in every run: in its older framing, as keys of version 4 have it, but for
//! [`Signer::version_6`]. Parts come as binary packets, to be put together in any order. [`ArchiveKey`](crate::archive_maker::ArchiveKey) is the key for archives without
//! defects.

use pgp::armor::{self, BlockType};
use pgp::crypto::ed25519::{Mode, SecretKey as Ed25519Secret};
use pgp::crypto::eddsa_legacy;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Result;
use pgp::packet::{
    KeyFlags, PacketTrait, PubKeyInner, PublicKey, PublicSubkey, SecretKey, Signature, SignatureConfig, SignatureType,
    SignatureVersionSpecific, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    Duration, Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PacketHeaderVersion, Password, PlainSecretParams,
    PublicParams, SecretParams, SignatureBytes, SigningKey, Tag, Timestamp,
};
use sha2::{Digest, Sha256};

/// What a signature says of itself.
#[derive(Debug, Clone)]
pub struct Says {
    made: Option<u32>,
    digest: HashAlgorithm,
    named: bool,
    old: bool,
    hashed: Vec<SubpacketData>,
    critical: Vec<SubpacketData>,
    unhashed: Vec<SubpacketData>,
}

impl Says {
    /// Made at this time, in seconds since 1970; with SHA-256, naming its key.
    pub fn at(made: u32) -> Self {
        Self {
            made: Some(made),
            digest: HashAlgorithm::Sha256,
            named: true,
            old: false,
            hashed: vec![],
            critical: vec![],
            unhashed: vec![],
        }
    }

    /// With another digest.
    #[must_use]
    pub fn digest(self, digest: HashAlgorithm) -> Self {
        Self { digest, ..self }
    }

    /// Without a time.
    #[must_use]
    pub fn undated(self) -> Self {
        Self { made: None, ..self }
    }

    /// Without naming its key.
    #[must_use]
    pub fn unnamed(self) -> Self {
        Self { named: false, ..self }
    }

    /// As a version 3 signature, which can say nothing more.
    #[must_use]
    pub fn version_3(self) -> Self {
        Self { old: true, ..self }
    }

    /// The signature expires after so many seconds.
    #[must_use]
    pub fn lives(self, seconds: u32) -> Self {
        self.with(SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds)))
    }

    /// The key that it is about expires so many seconds after it was made.
    #[must_use]
    pub fn key_lives(self, seconds: u32) -> Self {
        self.with(SubpacketData::KeyExpirationTime(Duration::from_secs(seconds)))
    }

    /// What the key that it is about is for.
    #[must_use]
    pub fn key_is_for(self, certifying: bool, signing: bool) -> Self {
        let mut flags = KeyFlags::default();
        flags.set_certify(certifying);
        flags.set_sign(signing);
        self.with(SubpacketData::KeyFlags(flags))
    }

    /// Something more, signed.
    #[must_use]
    pub fn with(mut self, part: SubpacketData) -> Self {
        self.hashed.push(part);
        self
    }

    /// Something more, signed and critical.
    #[must_use]
    pub fn with_critical(mut self, part: SubpacketData) -> Self {
        self.critical.push(part);
        self
    }

    /// Something more, not signed.
    #[must_use]
    pub fn beside(mut self, part: SubpacketData) -> Self {
        self.unhashed.push(part);
        self
    }

    fn config(self, key: &impl KeyDetails, kind: SignatureType) -> Result<SignatureConfig> {
        let is_version_6 = key.version() == KeyVersion::V6;
        let mut config = if is_version_6 {
            let salt = vec![0x5a; self.digest.salt_len().unwrap_or_default()];
            SignatureConfig::v6_with_salt(kind, key.algorithm(), self.digest, salt)
        } else {
            SignatureConfig::v4(kind, key.algorithm(), self.digest)
        };
        let made = self.made.map(|made| SubpacketData::SignatureCreationTime(Timestamp::from_secs(made)));
        let name = self.named.then(|| SubpacketData::IssuerFingerprint(key.fingerprint()));
        for part in made.into_iter().chain(name).chain(self.hashed) {
            config.hashed_subpackets.push(Subpacket::regular(part)?);
        }
        for part in self.critical {
            config.hashed_subpackets.push(Subpacket::critical(part)?);
        }
        let id = (self.named && !is_version_6).then(|| SubpacketData::IssuerKeyId(key.legacy_key_id()));
        for part in id.into_iter().chain(self.unhashed) {
            config.unhashed_subpackets.push(Subpacket::regular(part)?);
        }
        if self.old {
            let created = Timestamp::from_secs(self.made.unwrap_or_default());
            config.version_specific = SignatureVersionSpecific::V3 { created, issuer_key_id: key.legacy_key_id() };
            config.hashed_subpackets.clear();
            config.unhashed_subpackets.clear();
        }
        Ok(config)
    }
}

/// A secret key with its public part: a primary key or a subkey, as it is used.
#[derive(Debug, Clone)]
pub struct Signer {
    inner: PubKeyInner,
    public: PublicKey,
    secret: AnyDigest,
    made: u32,
}

/// The secret key, which signs any digest: the library refuses short ones.
#[derive(Debug, Clone)]
struct AnyDigest {
    key: SecretKey,
    raw: ed25519_dalek::SigningKey,
}

impl KeyDetails for AnyDigest {
    fn version(&self) -> KeyVersion {
        self.key.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.key.legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.key.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.key.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        self.key.legacy_v3_expiration_days()
    }

    fn public_params(&self) -> &PublicParams {
        self.key.public_params()
    }
}

impl SigningKey for AnyDigest {
    fn sign(&self, _: &Password, _: HashAlgorithm, digest: &[u8]) -> Result<SignatureBytes> {
        let signature = ed25519_dalek::Signer::sign(&self.raw, digest);
        if self.version() == KeyVersion::V6 {
            return Ok(SignatureBytes::Native(signature.to_vec().into()));
        }
        Ok(SignatureBytes::Mpis(vec![Mpi::from_slice(signature.r_bytes()), Mpi::from_slice(signature.s_bytes())]))
    }

    fn hash_alg(&self) -> HashAlgorithm {
        self.key.hash_alg()
    }
}

/// What the names of all keys are.
const NAME: &str = "Suitecast throwaway key <none@example.com>";

impl Signer {
    /// The key of this seed, made at this time, in seconds since 1970.
    ///
    /// # Errors
    /// When the `OpenPGP` library refuses; so for all functions here.
    pub fn new(seed: u64, made: u32) -> Result<Self> {
        let secret = Ed25519Secret::try_from_bytes(secret_of(seed), Mode::EdDSALegacy)?;
        let public = PublicParams::EdDSALegacy((&secret).into());
        let parameters = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
        Self::of(KeyVersion::V4, PublicKeyAlgorithm::EdDSALegacy, seed, made, public, parameters)
    }

    /// The key of this seed as RFC 9580 wants new keys to be: of version 6, with Ed25519 in its own framing.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn version_6(seed: u64, made: u32) -> Result<Self> {
        let secret = Ed25519Secret::try_from_bytes(secret_of(seed), Mode::Ed25519)?;
        let public = PublicParams::Ed25519((&secret).into());
        Self::of(KeyVersion::V6, PublicKeyAlgorithm::Ed25519, seed, made, public, PlainSecretParams::Ed25519(secret))
    }

    fn of(
        version: KeyVersion,
        algorithm: PublicKeyAlgorithm,
        seed: u64,
        made: u32,
        public: PublicParams,
        secret: PlainSecretParams,
    ) -> Result<Self> {
        let raw = ed25519_dalek::SigningKey::from_bytes(&secret_of(seed));
        let inner = PubKeyInner::new(version, algorithm, Timestamp::from_secs(made), None, public)?;
        let public = PublicKey::from_inner(inner.clone())?;
        let parameters = SecretParams::Plain(secret);
        let secret = AnyDigest { key: SecretKey::new(public.clone(), parameters)?, raw };
        Ok(Self { inner, public, secret, made })
    }

    /// The fingerprint, as gpg prints it.
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint().to_string().to_uppercase()
    }

    /// The fingerprint's bytes.
    pub fn fingerprint_bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes.copy_from_slice(self.public.fingerprint().as_bytes());
        bytes
    }

    /// The packet of the primary key.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn key_packet(&self) -> Result<Vec<u8>> {
        packet(&self.public)
    }

    /// The packet of the secret key.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn secret_packet(&self) -> Result<Vec<u8>> {
        packet(&self.secret.key)
    }

    /// The packet of a subkey.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn subkey_packet(&self) -> Result<Vec<u8>> {
        packet(&PublicSubkey::from_inner(self.inner.clone())?)
    }

    /// A key as gpg makes them: a name, a signature by itself, for certifying and signing.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn certificate(&self) -> Result<Vec<u8>> {
        self.certificate_saying(Says::at(self.made).key_is_for(true, true))
    }

    /// A key with a name, and this said of both.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn certificate_saying(&self, says: Says) -> Result<Vec<u8>> {
        let bound = self.over_name(SignatureType::CertPositive, says)?;
        Ok([self.key_packet()?, self.name_packet()?, bound].concat())
    }

    /// The packet of the key's name.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn name_packet(&self) -> Result<Vec<u8>> {
        packet(&name()?)
    }

    /// A signature over bytes: those that are signed, so for a text with its lines ending in CR LF.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_bytes(&self, kind: SignatureType, says: Says, bytes: &[u8]) -> Result<Vec<u8>> {
        let config = says.config(&self.secret, kind)?;
        let mut hasher = config.hash_alg.new_hasher()?;
        hasher.update(bytes);
        let length = config.hash_signature_data(&mut hasher)?;
        hasher.update(&config.trailer(length)?);
        let digest = hasher.finalize();
        let left = [digest[0], digest[1]];
        let signature = self.secret.sign(&Password::empty(), config.hash_alg, &digest)?;
        packet(&Signature::from_config(config, left, signature)?)
    }

    /// A signature over the key and its name.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_name(&self, kind: SignatureType, says: Says) -> Result<Vec<u8>> {
        self.over_name_of(&self.public, kind, says)
    }

    /// A signature over another key and its name.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_other(&self, other: &Self, says: Says) -> Result<Vec<u8>> {
        self.over_name_of(&other.public, SignatureType::CertGeneric, says)
    }

    fn over_name_of(&self, key: &PublicKey, kind: SignatureType, says: Says) -> Result<Vec<u8>> {
        let config = says.config(&self.secret, kind)?;
        packet(&config.sign_certification(&self.secret, key, &Password::empty(), Tag::UserId, &name()?)?)
    }

    /// A signature over the key itself, such as its revocation.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_key(&self, kind: SignatureType, says: Says) -> Result<Vec<u8>> {
        self.over_key_of(self, kind, says)
    }

    /// A signature over another key, such as a revocation by somebody else.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_key_of(&self, other: &Self, kind: SignatureType, says: Says) -> Result<Vec<u8>> {
        packet(&says.config(&self.secret, kind)?.sign_key(&self.secret, &Password::empty(), &other.public)?)
    }

    /// A signature over a subkey: its binding, or its revocation.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn over_subkey(&self, subkey: &Self, kind: SignatureType, says: Says) -> Result<Vec<u8>> {
        let config = says.config(&self.secret, kind)?;
        packet(&config.sign_subkey_binding(&self.secret, &self.public, &Password::empty(), &subkey.public)?)
    }

    /// This subkey's statement that it belongs to a primary key, to be said in its binding.
    ///
    /// # Errors
    /// See [`Signer::new`].
    pub fn back(&self, primary: &Self, says: Says) -> Result<SubpacketData> {
        let config = says.config(&self.secret, SignatureType::KeyBinding)?;
        let signature =
            config.sign_primary_key_binding(&self.secret, &self.public, &Password::empty(), &primary.public)?;
        Ok(SubpacketData::EmbeddedSignature(Box::new(signature)))
    }
}

fn secret_of(seed: u64) -> [u8; 32] {
    Sha256::new_with_prefix(b"suitecast throwaway signer").chain_update(seed.to_le_bytes()).finalize().into()
}

fn name() -> Result<UserId> {
    UserId::from_str(PacketHeaderVersion::default(), NAME)
}

fn packet(packet: &impl PacketTrait) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packet.to_writer_with_header(&mut bytes)?;
    Ok(bytes)
}

struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> Result<()> {
        Ok(writer.write_all(self.0)?)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}

/// Public keys in armour.
///
/// # Errors
/// See [`Signer::new`].
pub fn armoured_keys(packets: &[u8]) -> Result<Vec<u8>> {
    armoured(packets, BlockType::PublicKey, true)
}

/// Signatures in armour.
///
/// # Errors
/// See [`Signer::new`].
pub fn armoured_signatures(packets: &[u8]) -> Result<Vec<u8>> {
    armoured(packets, BlockType::Signature, true)
}

/// Anything in armour, with its checksum or without.
///
/// # Errors
/// See [`Signer::new`].
pub fn armoured(packets: &[u8], kind: BlockType, checksum: bool) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    armor::write(&Raw(packets), kind, &mut bytes, None, checksum)?;
    Ok(bytes)
}

/// A clear-signed file of lines as they shall stand in it and of the signature packets given. Lines that begin with a
/// dash are escaped.
///
/// # Errors
/// See [`Signer::new`].
pub fn clear_signed(text: &str, packets: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n".to_vec();
    for line in text.split_inclusive('\n') {
        if line.starts_with('-') {
            bytes.extend_from_slice(b"- ");
        }
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes.extend_from_slice(&armoured_signatures(packets)?);
    Ok(bytes)
}

/// What is signed of a clear-signed text: its lines without blanks at their ends, joined by CR LF.
pub fn signed_lines(text: &str) -> Vec<u8> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
    lines.join("\r\n").into_bytes()
}
