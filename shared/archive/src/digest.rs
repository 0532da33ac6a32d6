//! Digests: parsed, compared, computed.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use thiserror::Error;

/// The digest algorithms an archive may list, from the weakest to the strongest.
///
/// Only SHA-256 and SHA-512 vouch for anything; apt has not trusted the other two since 2016.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// MD5, 16 bytes: seen in by-hash paths, never relied on.
    Md5,
    /// SHA-1, 20 bytes: seen in by-hash paths, never relied on.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl DigestAlgorithm {
    /// Every algorithm, weakest first.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name of its list in a release file, which is also the name of its directory below `by-hash/`.
    pub fn release_field(self) -> &'static str {
        match self {
            Self::Md5 => "MD5Sum",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm whose `by-hash/` directory has this name; the case counts, as in every path.
    pub fn from_by_hash_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.release_field() == name)
    }

    /// The length of a digest in bytes; in hexadecimal it is twice as long.
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Whether apt takes a digest of this kind as proof of content.
    pub fn is_strong(self) -> bool {
        self >= Self::Sha256
    }

    /// The name before the colon in a digest's serialised form.
    fn tag(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.tag() == tag)
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// The number of characters does not suit the algorithm.
    #[error("{} digest: {found} characters where {expected} hexadecimal ones belong", algorithm.release_field())]
    Length {
        /// What it should have been.
        algorithm: DigestAlgorithm,
        /// Characters a digest of this algorithm has.
        expected: usize,
        /// Characters found.
        found: usize,
    },
    /// A character is not hexadecimal.
    #[error("{} digest: character {position} is not hexadecimal", algorithm.release_field())]
    NotHexadecimal {
        /// What it should have been.
        algorithm: DigestAlgorithm,
        /// Which character, from zero.
        position: usize,
    },
    /// The serialised form names no algorithm known here.
    #[error("a digest is written as algorithm:hexadecimal with md5, sha1, sha256 or sha512 before the colon")]
    UnknownAlgorithm,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Value {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// A digest of one algorithm. Shown as lower-case hexadecimal; serialised as `sha256:…`, so that the algorithm stays
/// with it.
///
/// Ordered by strength, then by value.
///
/// ```
/// use suitecast_archive::{Digest, DigestAlgorithm};
///
/// let digest = Digest::of(DigestAlgorithm::Sha256, b"");
/// assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
/// assert_eq!(Digest::parse(DigestAlgorithm::Sha256, &digest.to_string())?, digest);
/// # Ok::<(), suitecast_archive::DigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(Value);

impl Digest {
    /// Reads hexadecimal of either case.
    ///
    /// # Errors
    /// When the length does not suit the algorithm, or a character is not hexadecimal.
    pub fn parse(algorithm: DigestAlgorithm, hexadecimal: &str) -> Result<Self, DigestError> {
        Self::parse_bytes(algorithm, hexadecimal.as_bytes())
    }

    /// The same for text that is not known to be UTF-8, as the readers meet it.
    pub(crate) fn parse_bytes(algorithm: DigestAlgorithm, hexadecimal: &[u8]) -> Result<Self, DigestError> {
        Ok(Self(match algorithm {
            DigestAlgorithm::Md5 => Value::Md5(decode(algorithm, hexadecimal)?),
            DigestAlgorithm::Sha1 => Value::Sha1(decode(algorithm, hexadecimal)?),
            DigestAlgorithm::Sha256 => Value::Sha256(decode(algorithm, hexadecimal)?),
            DigestAlgorithm::Sha512 => Value::Sha512(decode(algorithm, hexadecimal)?),
        }))
    }

    /// Computes the digest of bytes at hand.
    pub fn of(algorithm: DigestAlgorithm, bytes: &[u8]) -> Self {
        Self(match algorithm {
            DigestAlgorithm::Md5 => Value::Md5(Md5::digest(bytes).into()),
            DigestAlgorithm::Sha1 => Value::Sha1(Sha1::digest(bytes).into()),
            DigestAlgorithm::Sha256 => Value::Sha256(Sha256::digest(bytes).into()),
            DigestAlgorithm::Sha512 => Value::Sha512(Sha512::digest(bytes).into()),
        })
    }

    /// A SHA-256 from its 32 bytes, as stores answer it.
    pub fn from_sha256(bytes: [u8; 32]) -> Self {
        Self(Value::Sha256(bytes))
    }

    /// Which algorithm made it.
    pub fn algorithm(&self) -> DigestAlgorithm {
        match self.0 {
            Value::Md5(_) => DigestAlgorithm::Md5,
            Value::Sha1(_) => DigestAlgorithm::Sha1,
            Value::Sha256(_) => DigestAlgorithm::Sha256,
            Value::Sha512(_) => DigestAlgorithm::Sha512,
        }
    }

    /// The bytes, as many as [`DigestAlgorithm::length`] says.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Value::Md5(bytes) => bytes,
            Value::Sha1(bytes) => bytes,
            Value::Sha256(bytes) => bytes,
            Value::Sha512(bytes) => bytes,
        }
    }
}

fn decode<const LENGTH: usize>(algorithm: DigestAlgorithm, text: &[u8]) -> Result<[u8; LENGTH], DigestError> {
    if text.len() != LENGTH * 2 {
        return Err(DigestError::Length { algorithm, expected: LENGTH * 2, found: text.len() });
    }
    let mut bytes = [0; LENGTH];
    for (index, (byte, pair)) in bytes.iter_mut().zip(text.chunks_exact(2)).enumerate() {
        let mut value = 0;
        for (offset, character) in pair.iter().enumerate() {
            let position = index * 2 + offset;
            value = value << 4 | nibble(*character).ok_or(DigestError::NotHexadecimal { algorithm, position })?;
        }
        *byte = value;
    }
    Ok(bytes)
}

fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{self}", self.algorithm().tag()))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let parsed = text
            .split_once(':')
            .and_then(|(tag, hexadecimal)| DigestAlgorithm::from_tag(tag).map(|algorithm| (algorithm, hexadecimal)))
            .ok_or(DigestError::UnknownAlgorithm)
            .and_then(|(algorithm, hexadecimal)| Self::parse(algorithm, hexadecimal));
        parsed.map_err(de::Error::custom)
    }
}

/// The digests that a signed list gives for one file: those strong enough to vouch for its content.
///
/// ```
/// use suitecast_archive::Digests;
///
/// let digests = Digests::of(b"a file");
/// assert_eq!(digests.strongest(), digests.sha512);
/// assert_eq!(digests.checkable(), digests.sha256);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Digests {
    /// SHA-256, where listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// SHA-512, where listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha512: Option<Digest>,
}

impl Digests {
    /// Both digests of bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Some(Digest::of(DigestAlgorithm::Sha256, bytes)),
            sha512: Some(Digest::of(DigestAlgorithm::Sha512, bytes)),
        }
    }

    /// The one by whose name apt asks under `by-hash/`: SHA-512 where listed, else SHA-256.
    pub fn strongest(&self) -> Option<Digest> {
        self.sha512.or(self.sha256)
    }

    /// The one a copy is checked by: SHA-256 where listed, since that is what S3 answers for a copy; else SHA-512, for
    /// which the copy has to be read.
    pub fn checkable(&self) -> Option<Digest> {
        self.sha256.or(self.sha512)
    }

    /// Those that are there, SHA-256 first.
    pub fn all(&self) -> impl Iterator<Item = Digest> + use<> {
        self.sha256.into_iter().chain(self.sha512)
    }

    /// Whether none is there.
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none()
    }

    /// Whether no algorithm given on both sides gives different values. Says nothing where the sides share none.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let agree = |one: Option<Digest>, two: Option<Digest>| one.is_none() || two.is_none() || one == two;
        agree(self.sha256, other.sha256) && agree(self.sha512, other.sha512)
    }

    /// Whether both share an algorithm and agree in every one they share: proof of equal content.
    pub fn proves(&self, other: &Self) -> bool {
        let shared =
            (self.sha256.is_some() && other.sha256.is_some()) || (self.sha512.is_some() && other.sha512.is_some());
        shared && self.agrees_with(other)
    }

    /// Takes a digest into its place; what was there is returned. Weak ones find no place and are dropped.
    pub(crate) fn set(&mut self, digest: Digest) -> Option<Digest> {
        match digest.algorithm() {
            DigestAlgorithm::Sha256 => self.sha256.replace(digest),
            DigestAlgorithm::Sha512 => self.sha512.replace(digest),
            DigestAlgorithm::Md5 | DigestAlgorithm::Sha1 => None,
        }
    }
}

/// Computes size, SHA-256 and SHA-512 of bytes as they pass.
///
/// ```
/// use suitecast_archive::{Digests, Hasher};
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"in two ");
/// hasher.update(b"pieces");
/// assert_eq!(hasher.finish(), (13, Digests::of(b"in two pieces")));
/// ```
#[derive(Debug, Clone)]
pub struct Hasher {
    size: u64,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Hasher {
    /// Computes both digests.
    pub fn new() -> Self {
        Self { size: 0, sha256: Some(Sha256::new()), sha512: Some(Sha512::new()) }
    }

    /// Computes only those digests that are there to compare with.
    pub fn matching(expected: &Digests) -> Self {
        Self { size: 0, sha256: expected.sha256.map(|_| Sha256::new()), sha512: expected.sha512.map(|_| Sha512::new()) }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The number of bytes taken and their digests.
    pub fn finish(self) -> (u64, Digests) {
        let sha256 = self.sha256.map(|hasher| Digest(Value::Sha256(hasher.finalize().into())));
        let sha512 = self.sha512.map(|hasher| Digest(Value::Sha512(hasher.finalize().into())));
        (self.size, Digests { sha256, sha512 })
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_digest_reads_what_it_shows_whatever_the_case() {
        for algorithm in DigestAlgorithm::ALL {
            let digest = Digest::of(algorithm, b"content");
            assert_eq!(digest.as_bytes().len(), algorithm.length());
            assert_eq!(Digest::parse(algorithm, &digest.to_string()).unwrap(), digest);
            assert_eq!(Digest::parse(algorithm, &digest.to_string().to_uppercase()).unwrap(), digest);
            assert_eq!(DigestAlgorithm::from_by_hash_name(algorithm.release_field()), Some(algorithm));
        }
        assert_eq!(DigestAlgorithm::from_by_hash_name("sha256"), None);
    }

    #[test]
    fn known_digests_are_computed() {
        let shown = |algorithm| Digest::of(algorithm, b"abc").to_string();
        assert_eq!(shown(DigestAlgorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(shown(DigestAlgorithm::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(shown(DigestAlgorithm::Sha256), sha256);
    }

    #[test]
    fn what_is_no_digest_says_why() {
        let sha256 = DigestAlgorithm::Sha256;
        let error = Digest::parse(sha256, "abc").unwrap_err();
        assert_eq!(error, DigestError::Length { algorithm: sha256, expected: 64, found: 3 });
        let error = Digest::parse(sha256, &format!("{}g", "0".repeat(63))).unwrap_err();
        assert_eq!(error, DigestError::NotHexadecimal { algorithm: sha256, position: 63 });
        assert!(Digest::parse(sha256, &"é".repeat(32)).is_err());
    }

    #[test]
    fn strength_orders_algorithms() {
        assert!(DigestAlgorithm::Md5 < DigestAlgorithm::Sha1 && DigestAlgorithm::Sha256 < DigestAlgorithm::Sha512);
        assert!(!DigestAlgorithm::Sha1.is_strong() && DigestAlgorithm::Sha256.is_strong());
    }

    #[test]
    fn serialised_digests_keep_their_algorithm() {
        let digests = Digests::of(b"x");
        let text = serde_json::to_string(&digests).unwrap();
        assert!(text.contains("\"sha256:") && text.contains("\"sha512:"), "{text}");
        assert_eq!(serde_json::from_str::<Digests>(&text).unwrap(), digests);
        assert!(serde_json::from_str::<Digest>("\"sha3:00\"").is_err());
        assert!(serde_json::from_str::<Digest>("\"00\"").is_err());
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
    }

    #[test]
    fn equal_content_is_proven_only_by_a_shared_digest() {
        let both = Digests::of(b"one");
        let short = Digests { sha512: None, ..both };
        let long = Digests { sha256: None, ..both };
        assert!(both.proves(&short) && both.proves(&long) && both.proves(&both));
        assert!(!short.proves(&long) && short.agrees_with(&long));
        assert!(!both.proves(&Digests::of(b"two")) && !both.agrees_with(&Digests::of(b"two")));
        let mixed = Digests { sha512: Digests::of(b"two").sha512, ..both };
        assert!(!both.proves(&mixed));
        assert_eq!(short.strongest(), short.sha256);
        assert_eq!(long.checkable(), long.sha512);
    }

    #[test]
    fn a_hasher_computes_only_what_is_compared() {
        let expected = Digests { sha512: None, ..Digests::of(b"x") };
        let mut hasher = Hasher::matching(&expected);
        hasher.update(b"x");
        assert_eq!(hasher.finish(), (1, expected));
    }
}
