//! A key of the keyring with what it says of itself verified: whether it may sign is then a question of the time only.

use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureConfig, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, KeyId, Tag};

use crate::algorithms::check_key;
use crate::certificate::{Certificate, Identity};
use crate::error::KeyProblem;
use crate::fingerprint::Fingerprint;
use crate::self_signature::Statement;
use crate::verify::{CLOCK_TOLERANCE_SECONDS, instant};

/// A primary key, its statements and its subkeys.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) primary: PublicKey,
    revoked: bool,
    /// Whom it allows to revoke it, by their fingerprints.
    revokers: Vec<Vec<u8>>,
    /// Revocations that it did not make itself.
    by_others: Vec<Signature>,
    /// Over the key itself.
    direct: Vec<Statement>,
    /// Over each of its identities.
    identities: Vec<Vec<Statement>>,
    pub(crate) subkeys: Vec<Subkey>,
}

/// A subkey and what binds it.
#[derive(Clone)]
pub(crate) struct Subkey {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) key: PublicSubkey,
    revoked: bool,
    bindings: Vec<Binding>,
}

#[derive(Clone)]
struct Binding {
    statement: Statement,
    /// Whether the subkey says too that it belongs to the primary key.
    mutual: bool,
}

impl Key {
    /// Verifies what the certificate says of itself, once. What does not verify does not count: anyone could have added it.
    pub(crate) fn check(certificate: Certificate) -> Self {
        let Certificate { fingerprint, primary, direct, identities, subkeys, .. } = certificate;
        let own: Vec<&Signature> = direct
            .iter()
            .filter(|signature| signature.verify_key(&primary).is_ok() && Statement::of(signature).is_some())
            .collect();
        let revoked = own.iter().any(|signature| signature.typ() == Some(SignatureType::KeyRevocation));
        let revokers = own.iter().flat_map(|signature| designated_revokers(signature)).collect();
        let over_key = own
            .iter()
            .filter(|signature| signature.typ() == Some(SignatureType::Key))
            .filter_map(|signature| Statement::of(signature))
            .collect();
        let over_identities = identities
            .iter()
            .map(|(identity, signatures)| {
                let own = signatures.iter().filter(|signature| match identity {
                    Identity::Name(id) => signature.verify_certification(&primary, Tag::UserId, id).is_ok(),
                    Identity::Attribute(attribute) => {
                        signature.verify_certification(&primary, Tag::UserAttribute, attribute).is_ok()
                    }
                });
                own.filter_map(Statement::of).collect()
            })
            .collect();
        let subkeys =
            subkeys.into_iter().filter_map(|(key, signatures)| Subkey::check(&primary, key, &signatures)).collect();
        let by_others = direct.into_iter().filter(|one| one.typ() == Some(SignatureType::KeyRevocation)).collect();
        Self {
            fingerprint,
            primary,
            revoked,
            revokers,
            by_others,
            direct: over_key,
            identities: over_identities,
            subkeys,
        }
    }

    /// Whether a key of the keyring revoked this one and was allowed to.
    pub(crate) fn is_revoked_by_one_of(&self, keys: &[Self]) -> bool {
        let allowed = |key: &&Self| self.revokers.iter().any(|revoker| revoker == key.fingerprint.as_bytes());
        keys.iter().filter(allowed).any(|key| {
            self.by_others.iter().any(|revocation| {
                Statement::of(revocation).is_some()
                    && revocation.verify_key_third_party(&self.primary, &key.primary).is_ok()
            })
        })
    }

    pub(crate) fn revoke(&mut self) {
        self.revoked = true;
    }

    /// Rules 15 to 20, for a signature by the primary key itself.
    pub(crate) fn may_sign(&self, now: u64, signed: u64) -> Result<(), KeyProblem> {
        check_key(&self.primary)?;
        let statements = self.is_valid(now, signed)?;
        // A key that says nothing of what it is for is for everything, as keys before 2000 are.
        let newest = statements.iter().filter(|statement| statement.may_sign.is_some()).max_by_key(|said| said.made);
        if newest.and_then(|statement| statement.may_sign) == Some(false) {
            return Err(KeyProblem::NotForSigning);
        }
        Ok(())
    }

    /// Rules 15 to 22, for a signature by one of its subkeys.
    pub(crate) fn subkey_may_sign(&self, subkey: &Subkey, now: u64, signed: u64) -> Result<(), KeyProblem> {
        check_key(&self.primary)?;
        check_key(&subkey.key)?;
        self.is_valid(now, signed)?;
        subkey.is_valid(now, signed)
    }

    /// Rules 16 to 19. Answers the statements that are in force.
    fn is_valid(&self, now: u64, signed: u64) -> Result<Vec<&Statement>, KeyProblem> {
        if self.revoked {
            return Err(KeyProblem::Revoked);
        }
        let direct = newest_in_force(&self.direct, now);
        let identities: Vec<&Statement> =
            self.identities.iter().filter_map(|statements| newest_in_force(statements, now)).collect();
        if direct.is_none() && identities.is_empty() {
            return Err(KeyProblem::NoSelfSignature);
        }
        // As gpg: what the key says of itself, or else the newest that says for how long it lives.
        let lives = direct.and_then(|statement| statement.key_lives).or_else(|| {
            let saying = identities.iter().filter(|statement| statement.key_lives.is_some());
            saying.max_by_key(|statement| statement.made).and_then(|statement| statement.key_lives)
        });
        let made = u64::from(self.primary.created_at().as_secs());
        if let Some(end) = lives.map(|lives| made + lives).filter(|end| *end <= now) {
            return Err(KeyProblem::Expired { at: instant(end) });
        }
        if made > signed {
            return Err(KeyProblem::TooYoung { made: instant(made) });
        }
        Ok(direct.into_iter().chain(identities).collect())
    }
}

impl Subkey {
    fn check(primary: &PublicKey, key: PublicSubkey, signatures: &[Signature]) -> Option<Self> {
        let fingerprint = Fingerprint::of(&key.fingerprint())?;
        let own: Vec<&Signature> = signatures
            .iter()
            .filter(|signature| {
                Statement::of(signature).is_some() && signature.verify_subkey_binding(primary, &key).is_ok()
            })
            .collect();
        let revoked = own.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
        let bindings = own
            .iter()
            .filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding))
            .filter_map(|signature| {
                let mutual = signature.embedded_signature().is_some_and(|back| {
                    Statement::of(back).is_some() && back.verify_primary_key_binding(&key, primary).is_ok()
                });
                Statement::of(signature).map(|statement| Binding { statement, mutual })
            })
            .collect();
        Some(Self { fingerprint, key, revoked, bindings })
    }

    fn is_valid(&self, now: u64, signed: u64) -> Result<(), KeyProblem> {
        let subkey = self.fingerprint;
        if self.revoked {
            return Err(KeyProblem::SubkeyRevoked { subkey });
        }
        let binding = self
            .bindings
            .iter()
            .filter(|binding| binding.statement.holds(now, CLOCK_TOLERANCE_SECONDS))
            .max_by_key(|binding| binding.statement.made)
            .ok_or(KeyProblem::NotBound { subkey })?;
        let made = u64::from(self.key.created_at().as_secs());
        if let Some(end) = binding.statement.key_lives.map(|lives| made + lives).filter(|end| *end <= now) {
            return Err(KeyProblem::SubkeyExpired { subkey, at: instant(end) });
        }
        if made > signed {
            return Err(KeyProblem::TooYoung { made: instant(made) });
        }
        // Unlike the primary key: a subkey that says nothing of what it is for may be one for encryption.
        if binding.statement.may_sign != Some(true) {
            return Err(KeyProblem::NotForSigning);
        }
        if !binding.mutual {
            return Err(KeyProblem::NoBackSignature { subkey });
        }
        Ok(())
    }
}

/// Whom a verified statement of a key allows to revoke it. Others may name anyone, so only the signed part counts.
fn designated_revokers(signature: &Signature) -> Vec<Vec<u8>> {
    let parts = signature.config().into_iter().flat_map(SignatureConfig::hashed_subpackets);
    parts
        .filter_map(|part| match &part.data {
            SubpacketData::RevocationKey(revoker) => Some(revoker.fingerprint.to_vec()),
            _ => None,
        })
        .collect()
}

/// The newest statement, unless it takes back what was said before.
fn newest_in_force(statements: &[Statement], now: u64) -> Option<&Statement> {
    statements
        .iter()
        .filter(|statement| statement.holds(now, CLOCK_TOLERANCE_SECONDS))
        .max_by_key(|statement| (statement.made, statement.takes_back))
        .filter(|statement| !statement.takes_back)
}

/// Whether a key is the one that a signature names.
pub(crate) fn is_named(key: &impl KeyDetails, fingerprints: &[&pgp::types::Fingerprint], ids: &[&KeyId]) -> bool {
    if fingerprints.is_empty() {
        ids.contains(&&key.legacy_key_id())
    } else {
        fingerprints.contains(&&key.fingerprint())
    }
}
