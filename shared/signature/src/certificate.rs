//! A key as it stands in a keyring: the packets that belong together, nothing of it checked yet.

use pgp::packet::{Packet, PublicKey, PublicSubkey, Signature, SignatureType, UserAttribute, UserId};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Tag};

use crate::error::KeyringError;
use crate::fingerprint::Fingerprint;
use crate::packets::{Read, one_line};

/// Whom a key is said to belong to.
#[derive(Clone)]
pub(crate) enum Identity {
    /// A name and an address.
    Name(UserId),
    /// A picture, usually.
    Attribute(UserAttribute),
}

/// A primary key with all that is said of it.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) primary: PublicKey,
    /// Signatures over the key itself, revocations among them.
    pub(crate) direct: Vec<Signature>,
    pub(crate) identities: Vec<(Identity, Vec<Signature>)>,
    pub(crate) subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
    /// Its packets, written down again: the same whether they came armoured or not.
    pub(crate) canonical: Vec<u8>,
}

/// What the next signature is about.
#[derive(Clone, Copy)]
enum About {
    Key,
    Identity,
    Subkey,
    /// Something that was skipped, and so is what is said of it.
    Skipped,
}

/// Sorts packets into certificates. Those of the same key are put together, as a revocation may stand in either.
///
/// What is of a version or an algorithm not known here is skipped, as the standard asks for.
pub(crate) fn certificates(packets: Vec<Read>) -> Result<Vec<Certificate>, KeyringError> {
    let mut all: Vec<Certificate> = Vec::new();
    // Which of `all` the packets are about, and what of it.
    let mut current: Option<usize> = None;
    let mut about = About::Skipped;
    for Read { number, tag, packet } in packets {
        if matches!(tag, Tag::SecretKey | Tag::SecretSubkey) {
            return Err(KeyringError::SecretKey);
        }
        let packet = match packet {
            Ok(packet) => packet,
            Err(_) if tag == Tag::PublicKey => {
                current = None;
                continue;
            }
            Err(_) if tag == Tag::PublicSubkey => {
                about = About::Skipped;
                continue;
            }
            Err(unreadable) if unreadable.unsupported => continue,
            Err(unreadable) => return Err(KeyringError::Packet { packet: number, problem: unreadable.problem }),
        };
        if let Packet::PublicKey(primary) = packet {
            current = Fingerprint::of(&primary.fingerprint()).map(|fingerprint| begin(&mut all, fingerprint, primary));
            about = About::Key;
            continue;
        }
        let misplaced = || KeyringError::Misplaced { packet: number, kind: format!("{tag:?}") };
        if matches!(packet, Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_)) {
            continue;
        }
        let belongs = matches!(
            packet,
            Packet::Signature(_) | Packet::UserId(_) | Packet::UserAttribute(_) | Packet::PublicSubkey(_)
        );
        if !belongs || (all.is_empty() && current.is_none() && number == 1) {
            return Err(misplaced());
        }
        let Some(certificate) = current.and_then(|index| all.get_mut(index)) else { continue };
        packet
            .to_writer(&mut certificate.canonical)
            .map_err(|error| KeyringError::Packet { packet: number, problem: one_line(&error.to_string()) })?;
        about = certificate.add(packet, about);
    }
    Ok(all)
}

/// The index of this key's certificate; a new one when there is none yet.
fn begin(all: &mut Vec<Certificate>, fingerprint: Fingerprint, primary: PublicKey) -> usize {
    if let Some(index) = all.iter().position(|certificate| certificate.fingerprint == fingerprint) {
        return index;
    }
    let canonical = fingerprint.as_bytes().to_vec();
    all.push(Certificate { fingerprint, primary, direct: vec![], identities: vec![], subkeys: vec![], canonical });
    all.len() - 1
}

impl Certificate {
    /// Takes a packet in; answers what the next signature is about.
    fn add(&mut self, packet: Packet, about: About) -> About {
        match packet {
            Packet::UserId(id) => {
                self.identities.push((Identity::Name(id), vec![]));
                About::Identity
            }
            Packet::UserAttribute(attribute) => {
                self.identities.push((Identity::Attribute(attribute), vec![]));
                About::Identity
            }
            Packet::PublicSubkey(subkey) => {
                self.subkeys.push((subkey, vec![]));
                About::Subkey
            }
            Packet::Signature(signature) => {
                self.add_signature(signature, about);
                about
            }
            _ => about,
        }
    }

    /// Where a signature belongs is said by its type rather than by its place: a revocation of the key counts wherever it
    /// was pasted.
    fn add_signature(&mut self, signature: Signature, about: About) {
        let list = match (signature.typ(), about) {
            (Some(SignatureType::Key | SignatureType::KeyRevocation), _) => Some(&mut self.direct),
            (_, About::Identity) => self.identities.last_mut().map(|(_, list)| list),
            (_, About::Subkey) => self.subkeys.last_mut().map(|(_, list)| list),
            (_, About::Key | About::Skipped) => None,
        };
        if let Some(list) = list {
            list.push(signature);
        }
    }
}
