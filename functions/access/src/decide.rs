//! Whether a policy takes the place of the one that stands: a plain function of what was seen.
//!
//! On any doubt the policy that stands stays. A wrong list would lock machines out all over a Region, or let strangers in;
//! an old one does little harm for a while.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::addresses::{AddressSet, Ranges};
use crate::ip_ranges::{IpRanges, SyncToken};
use crate::policy::{
    Admitted, Instances, MAX_POLICY_BYTES, StandingInstances, StandingPolicy, StandingPolicyError, statements,
};
use crate::readers::{Area, OwnReaders, RegionBucket};

/// A list that locks out more than one in this many of the addresses that are admitted is refused. Amazon takes addresses
/// back a few at a time; a list that lacks a tenth of them was cut, or is of something else.
pub const LARGEST_LOSS: u128 = 10;

/// How far ahead of our clock a document may be dated, in seconds: as with the `Date` of a release, a day. One from the far
/// future would keep all later ones out.
pub const MAX_SECONDS_AHEAD: u64 = 86_400;

/// Whom the operator wants to admit, with what Amazon says of them.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Instances.
    Instances {
        /// Whose.
        area: Area,
        /// Where they are.
        ranges: IpRanges,
    },
    /// Everyone.
    Everyone,
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The bucket.
    pub bucket: &'a RegionBucket,
    /// Whom the operator wants to admit.
    pub wanted: &'a Wanted,
    /// The operator's own readers.
    pub own: &'a OwnReaders,
    /// The policy that stands.
    pub standing: Option<&'a str>,
    /// Now, in seconds since the epoch.
    pub now: u64,
    /// Whether many may be locked out.
    pub force: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Put this policy in the place of the one that stands.
    Apply(Proposal),
    /// The one that stands says it already.
    InStep(Proposal),
    /// Leave the one that stands.
    Refuse {
        /// Why.
        refusal: Refusal,
        /// What would have been put, where it came to that.
        proposal: Option<Proposal>,
    },
}

/// A policy, and what it would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The policy.
    pub policy: Value,
    /// The same as S3 is given it.
    pub text: String,
    /// When the list of addresses was published that it holds.
    pub sync_token: Option<SyncToken>,
    /// What it changes.
    pub difference: Difference,
}

/// What a policy changes, for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Statements that are new, by name.
    pub statements_added: Vec<String>,
    /// Statements that go.
    pub statements_removed: Vec<String>,
    /// Statements that say something else.
    pub statements_changed: Vec<String>,
    /// Who is let in.
    pub admitted: Readership,
    /// Who is locked out.
    pub locked_out: Readership,
}

/// Some readers, as an answer shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readership {
    /// Everyone whom no statement with addresses, VPCs or endpoints admits: written as `"everyone_else"`.
    EveryoneElse,
    /// Those at these addresses.
    #[serde(untagged)]
    At(Addresses),
}

impl Readership {
    /// How many prefixes it is told by.
    pub(crate) fn prefixes(&self) -> usize {
        match self {
            Self::EveryoneElse => 0,
            Self::At(addresses) => addresses.prefixes.len(),
        }
    }
}

impl Default for Readership {
    fn default() -> Self {
        Self::At(Addresses::default())
    }
}

/// Some addresses, as an answer shows them. Numbers are text: those of IPv6 are more than many a reader of JSON can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// How many of IPv4.
    pub ipv4_addresses: String,
    /// How many of IPv6.
    pub ipv6_addresses: String,
    /// Which.
    pub prefixes: Vec<String>,
}

/// Why the policy that stands stays.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error(transparent)]
    Standing(StandingPolicyError),
    /// Suitecast's own statement was changed by somebody else, so that nobody knows whom a new list locks out.
    #[error(
        "statement {sid} of the policy that stands was changed by somebody else, so whom a new list locks out cannot be \
         told; look at it with dry_run, then invoke with force"
    )]
    ChangedByHand {
        /// Its name.
        sid: String,
    },
    /// The document is older than what is in force.
    #[error(
        "the document of address ranges was published at {found}, and the one in force at {standing}: an older one is never \
         applied"
    )]
    Older {
        /// Its publication.
        found: SyncToken,
        /// That of the list in force.
        standing: SyncToken,
    },
    /// The document is dated ahead.
    #[error(
        "the document of address ranges says that it was published at {found}, {seconds} s ahead of now: it would keep all \
         later ones out"
    )]
    Ahead {
        /// Its publication.
        found: SyncToken,
        /// How far ahead.
        seconds: u64,
    },
    /// The document does not know the Region.
    #[error("the document of address ranges knows no instances in {region}: check the function's Region")]
    UnknownRegion {
        /// The Region.
        region: String,
    },
    /// S3 would not take it.
    #[error(
        "the policy would have {bytes} bytes, {over} more than the {MAX_POLICY_BYTES} that S3 takes (your own \
         statements have {foreign}): {advice}"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// How much it is too large.
        over: usize,
        /// How much of it is not Suitecast's.
        foreign: usize,
        /// What to do.
        advice: &'static str,
    },
    /// Too many would be locked out.
    #[error(
        "the new list locks out {lost} of the {of} {family} addresses that the old one admits, more than a tenth: look at it \
         with dry_run, then invoke with force if it is right"
    )]
    LocksOut {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// How many.
        lost: u128,
        /// Of how many.
        of: u128,
    },
}

/// Decides.
pub fn decide(seen: &Seen<'_>) -> Decision {
    let standing = match StandingPolicy::parse(seen.standing) {
        Ok(standing) => standing,
        Err(error) => return Decision::Refuse { refusal: Refusal::Standing(error), proposal: None },
    };
    let admitted = match admitted(seen, &standing) {
        Ok(admitted) => admitted,
        Err(refusal) => return Decision::Refuse { refusal, proposal: None },
    };
    let wanted = standing.with(statements(seen.bucket, &admitted, seen.own));
    let proposal = proposal(&standing, &wanted, &admitted);
    let refusal = too_large(&proposal, &standing, &admitted)
        .or_else(|| if seen.force { None } else { loss(&standing, &admitted, seen.own) });
    if let Some(refusal) = refusal {
        return Decision::Refuse { refusal, proposal: Some(proposal) };
    }
    if seen.standing.is_some() && wanted.says_the_same_as(&standing) {
        Decision::InStep(proposal)
    } else {
        Decision::Apply(proposal)
    }
}

/// Whom Amazon's document admits, if it is to be believed at all.
fn admitted(seen: &Seen<'_>, standing: &StandingPolicy) -> Result<Admitted, Refusal> {
    let Wanted::Instances { area, ranges } = seen.wanted else { return Ok(Admitted::Everyone) };
    let found = ranges.sync_token;
    let seconds = found.seconds().saturating_sub(seen.now);
    if seconds > MAX_SECONDS_AHEAD {
        return Err(Refusal::Ahead { found, seconds });
    }
    let in_force = match standing.instances() {
        StandingInstances::Listed(instances) => Some(instances.sync_token),
        StandingInstances::Unreadable { sync_token, .. } => sync_token,
        StandingInstances::None => None,
    };
    if let Some(standing) = in_force
        && standing > found
    {
        return Err(Refusal::Older { found, standing });
    }
    let addresses = match area {
        Area::Region => ranges.of_region(&seen.bucket.region),
        Area::Aws => ranges.of_all_regions(),
    };
    if addresses.is_empty() {
        return Err(Refusal::UnknownRegion { region: seen.bucket.region.clone() });
    }
    Ok(Admitted::Instances(Instances { area: *area, sync_token: found, addresses }))
}

fn proposal(standing: &StandingPolicy, wanted: &StandingPolicy, admitted: &Admitted) -> Proposal {
    let policy = wanted.document();
    let sync_token = match admitted {
        Admitted::Instances(instances) => Some(instances.sync_token),
        Admitted::Everyone => None,
    };
    Proposal { text: policy.to_string(), policy, sync_token, difference: difference(standing, wanted) }
}

fn difference(standing: &StandingPolicy, wanted: &StandingPolicy) -> Difference {
    let (before, after) = (standing.own_statements(), wanted.own_statements());
    let of = |statements: &[(String, Value)], name: &str| {
        statements.iter().find(|(of, _)| of == name).map(|(_, statement)| statement.clone())
    };
    let mut difference = Difference::default();
    for (name, statement) in &after {
        match of(&before, name) {
            None => difference.statements_added.push(name.clone()),
            Some(old) if old != *statement => difference.statements_changed.push(name.clone()),
            Some(_) => {}
        }
    }
    difference.statements_removed =
        before.iter().map(|(name, _)| name.clone()).filter(|name| of(&after, name).is_none()).collect();
    difference.admitted = beyond(wanted, standing);
    difference.locked_out = beyond(standing, wanted);
    difference
}

/// Whom a policy admits and another does not.
fn beyond(policy: &StandingPolicy, other: &StandingPolicy) -> Readership {
    match (policy.admits_everyone(), other.admits_everyone()) {
        (_, true) => shown(&AddressSet::default()),
        (true, false) => Readership::EveryoneElse,
        (false, false) => shown(&policy.admitted_addresses().minus(&other.admitted_addresses())),
    }
}

fn shown(addresses: &AddressSet) -> Readership {
    Readership::At(Addresses {
        ipv4_addresses: addresses.v4().addresses().to_string(),
        ipv6_addresses: addresses.v6().addresses().to_string(),
        prefixes: addresses.prefixes(),
    })
}

fn too_large(proposal: &Proposal, standing: &StandingPolicy, admitted: &Admitted) -> Option<Refusal> {
    let bytes = proposal.text.len();
    let over = bytes.checked_sub(MAX_POLICY_BYTES).filter(|&over| over > 0)?;
    let advice = match admitted {
        Admitted::Instances(Instances { area: Area::Aws, .. }) => {
            "all Regions' addresses do not fit into one policy; admit those of the Region (Readers=region) and your own \
             networks, or everyone"
        }
        Admitted::Instances(_) | Admitted::Everyone => {
            "shorten your own statements, or admit fewer networks and VPCs of your own"
        }
    };
    Some(Refusal::TooLarge { bytes, over, foreign: standing.foreign_bytes(), advice })
}

/// Whether a list of the same area locks out too many. Another area, or networks that the operator no longer names, are
/// the operator's own word; an address that leaves Amazon's list and is among the operator's networks stays admitted.
fn loss(standing: &StandingPolicy, admitted: &Admitted, own: &OwnReaders) -> Option<Refusal> {
    let Admitted::Instances(new) = admitted else { return None };
    let old = match standing.instances() {
        StandingInstances::Listed(old) if old.area == new.area => old,
        StandingInstances::Unreadable { sid, .. } => return Some(Refusal::ChangedByHand { sid }),
        StandingInstances::Listed(_) | StandingInstances::None => return None,
    };
    let lost = old.addresses.minus(&new.addresses).minus(&own.networks);
    loss_of("IPv4", lost.v4(), old.addresses.v4()).or_else(|| loss_of("IPv6", lost.v6(), old.addresses.v6()))
}

fn loss_of(family: &'static str, lost: &Ranges, of: &Ranges) -> Option<Refusal> {
    let (lost, of) = (lost.addresses(), of.addresses());
    (lost > of / LARGEST_LOSS).then_some(Refusal::LocksOut { family, lost, of })
}

#[cfg(test)]
mod tests;
