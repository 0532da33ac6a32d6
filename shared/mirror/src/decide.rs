//! What is to be done about a suite, as a plain function of what was seen.

use jiff::Timestamp;
use suitecast_signature::{Fit, Keyring};

use crate::authenticity::{Authenticity, Doubt, authenticate};
use crate::limits::{MAX_DATE_AHEAD, MIXED_SET_PATIENCE};
use crate::release_set::{Identity, ReleaseFiles, ReleaseSet, SetProblem};
use crate::state::{Candidate, Unsettled};

/// The release that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedRelease {
    /// Which one.
    pub identity: Identity,
    /// Its `Date`.
    pub date: Timestamp,
    /// Whether it needs no second look: the Region's bytes are those recorded, whole under the scope in force, with no
    /// swap begun since.
    pub vouched: bool,
    /// Whether its signature was verified with the keyring that is set; so it is, too, where none is.
    pub is_authentic: bool,
}

/// Everything a decision rests on.
#[derive(Debug)]
pub struct Observation<'a> {
    /// Now.
    pub now: Timestamp,
    /// The master's release files.
    pub master: &'a ReleaseFiles,
    /// What clients see.
    pub served: Option<ServedRelease>,
    /// The release the suite is held at.
    pub hold: Option<Identity>,
    /// A set that did not fit together when it was last looked at.
    pub unsettled: Option<&'a Unsettled>,
    /// Releases that waited and still may be completed.
    pub candidates: &'a [Candidate],
    /// Whose signatures count; without it none is verified.
    pub keyring: Option<&'a Keyring>,
    /// Accept an older release, or go on from a hold.
    pub force: bool,
    /// Check everything.
    pub full: bool,
}

/// What is to be done.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made a look, and taken apart at once")]
pub enum Decision {
    /// Clients see what the master holds.
    UpToDate {
        /// Its `Date`.
        date: Timestamp,
    },
    /// The suite vanished from the master: keep serving, tell the operator.
    Withdrawn,
    /// There is no such suite, here or in the master.
    Absent,
    /// The release files do not belong together yet.
    Unsettled {
        /// What to remember.
        unsettled: Unsettled,
        /// What does not fit.
        rule: String,
    },
    /// Not to be served.
    Refused {
        /// The rule it breaks, and what to do.
        rule: String,
    },
    /// The master's release is older than the one served.
    Older {
        /// What to tell.
        rule: String,
    },
    /// The suite is held at a release after a forced step back.
    Held {
        /// What to tell.
        rule: String,
    },
    /// Fill this release and make it live.
    Publish {
        /// The release.
        set: Box<ReleaseSet>,
        /// Hold the suite there afterwards.
        hold: bool,
    },
}

/// A decision, and what was found out of the signature on the way to it.
#[derive(Debug)]
pub struct Decided {
    /// What is to be done.
    pub decision: Decision,
    /// Whether the master's release is signed by whom the operator trusts.
    pub authenticity: Authenticity,
}

/// Decides. Looks at nothing but its argument.
pub fn decide(observation: &Observation<'_>) -> Decided {
    let unchecked = if observation.keyring.is_some() { Authenticity::NotReached } else { Authenticity::NotChecked };
    let set = match read_together(observation) {
        Ok(set) => set,
        Err(decision) => return Decided { decision: *decision, authenticity: unchecked },
    };
    let authenticity = match vouch(observation, &set) {
        Ok(authenticity) => authenticity,
        Err(Doubt::MayBeMixed(rule)) => {
            return Decided { decision: unsettled(observation, &rule), authenticity: Authenticity::Rejected };
        }
        Err(Doubt::Rejected(rule)) => {
            return Decided { decision: Decision::Refused { rule }, authenticity: Authenticity::Rejected };
        }
    };
    Decided { decision: decide_on(observation, set), authenticity }
}

/// Reads the master's release files as one release, or says what to do where they are none.
fn read_together(observation: &Observation<'_>) -> Result<ReleaseSet, Box<Decision>> {
    let served = observation.served;
    let live = served.as_ref().map(|served| &served.identity);
    // With a keyring the signature is verified. Without one, what cannot be told by itself has to stand for as long as no
    // upload takes: then the release was signed again, and nothing else is to come.
    let takes_signature_alone = observation.keyring.is_some() || has_stood(observation);
    let read = match ReleaseSet::read(observation.master.clone(), live) {
        Err(SetProblem::SignatureAlone) if takes_signature_alone => ReleaseSet::read(observation.master.clone(), None),
        read => read,
    };
    let set = match read {
        Ok(set) => set,
        Err(SetProblem::Absent) if served.is_some() => return Err(Box::new(Decision::Withdrawn)),
        Err(SetProblem::Absent) => return Err(Box::new(Decision::Absent)),
        Err(problem @ SetProblem::Malformed { .. }) => {
            return Err(Box::new(Decision::Refused { rule: problem.to_string() }));
        }
        Err(SetProblem::Mixed { rule }) => return Err(Box::new(unsettled(observation, &rule))),
        Err(problem @ SetProblem::SignatureAlone) => {
            return Err(Box::new(unsettled(observation, &problem.to_string())));
        }
    };
    if observation.keyring.is_some() {
        return Ok(set);
    }
    let doubt = match set.fit {
        Fit::Fits => None,
        Fit::OfAnotherText => Some("Release.gpg is no signature of this Release"),
        Fit::Unknown => half_replaced(observation, &set.identity),
    };
    match doubt {
        Some(rule) => Err(Box::new(unsettled(observation, rule))),
        None => Ok(set),
    }
}

/// Whether the release is signed by whom the operator trusts. What went live under this very keyring stays what it is when
/// its key expires afterwards.
fn vouch(observation: &Observation<'_>, set: &ReleaseSet) -> Result<Authenticity, Doubt> {
    let Some(keyring) = observation.keyring else { return Ok(Authenticity::NotChecked) };
    let is_known = observation.served.is_some_and(|served| served.is_authentic && served.identity == set.identity);
    if !is_known {
        authenticate(set, keyring, observation.now)?;
    }
    Ok(Authenticity::Verified)
}

/// What is to be done about a release that belongs together and is authentic.
fn decide_on(observation: &Observation<'_>, set: ReleaseSet) -> Decision {
    let date = set.release.date;
    if date.duration_since(observation.now) > MAX_DATE_AHEAD {
        return Decision::Refused {
            rule: format!("Date {date} lies more than a day in the future; correct the clock that signs the release"),
        };
    }
    let Some(served) = observation.served else { return Decision::Publish { set: Box::new(set), hold: false } };
    if served.identity == set.identity {
        if served.vouched && !observation.full {
            return Decision::UpToDate { date };
        }
        let hold = observation.hold == Some(set.identity);
        return Decision::Publish { set: Box::new(set), hold };
    }
    if date < served.date {
        if observation.force {
            return Decision::Publish { set: Box::new(set), hold: true };
        }
        return Decision::Older {
            rule: format!(
                "Date {date} is before {}, that of the release served; replay with force to step back",
                served.date
            ),
        };
    }
    match observation.hold {
        Some(held) if held != set.identity && !observation.force => Decision::Held {
            rule: format!(
                "the suite is held at release {} since a forced step back; replay with force to go on",
                held.name()
            ),
        },
        held => Decision::Publish { hold: held == Some(set.identity), set: Box::new(set) },
    }
}

/// Whether the set is one that waits with only some of its files replaced: seen in the master between the uploads of two
/// files, and never served, so that comparing with the live release does not tell.
fn half_replaced(observation: &Observation<'_>, identity: &Identity) -> Option<&'static str> {
    if observation.candidates.iter().any(|candidate| candidate.identity == *identity) {
        return None;
    }
    for candidate in observation.candidates.iter().map(|candidate| candidate.identity) {
        if candidate.release_gpg.is_none() || identity.release_gpg.is_none() {
            continue;
        }
        // What waits was never served and may be the half-replaced one itself, so it keeps no set out for ever.
        if has_stood(observation) {
            return None;
        }
        let has_its_signature = identity.release_gpg == candidate.release_gpg;
        if has_its_signature && identity.release != candidate.release {
            return Some("Release is new but Release.gpg is that of a release that waits");
        }
        let has_its_text = (identity.in_release, identity.release) == (candidate.in_release, candidate.release);
        if has_its_text {
            return Some("Release.gpg is new while the files that it comes with are those of a release that waits");
        }
    }
    None
}

/// Since when the master's release files stand as they do, as far as is remembered.
fn unchanged_since(observation: &Observation<'_>) -> (Identity, Timestamp) {
    let identity = Identity::of(observation.master);
    match observation.unsettled {
        Some(before) if before.identity == identity => (identity, before.since),
        _ => (identity, observation.now),
    }
}

/// Whether they have stood like that for longer than an upload takes.
fn has_stood(observation: &Observation<'_>) -> bool {
    let (_, since) = unchanged_since(observation);
    observation.now.duration_since(since) >= MIXED_SET_PATIENCE
}

/// A mixed set is an upload under way until it has stood unchanged for too long.
fn unsettled(observation: &Observation<'_>, rule: &str) -> Decision {
    let (identity, since) = unchanged_since(observation);
    if has_stood(observation) {
        return Decision::Refused {
            rule: format!("{rule}; unchanged since {since}: upload the release files of one generation"),
        };
    }
    Decision::Unsettled { unsettled: Unsettled { identity, since }, rule: rule.to_owned() }
}

#[cfg(test)]
mod tests;
