//! What is remembered of a suite in a Region between runs: one small object, changed by conditional writes only.
//!
//! It only remembers. The region bucket's own bytes are the truth, and every write of a swap is conditional on them, so
//! a state that is lost or stale costs time and never correctness.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use suitecast_archive::{ArchivePath, Digest, SuiteName};

use crate::limits::{GRACE, MAX_CANDIDATES, MAX_HISTORY, MAX_RULE_BYTES};
use crate::release_set::Identity;

/// The entity tags of the three release files in one bucket; `None` where a file is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReleaseTags {
    /// Of `InRelease`.
    pub in_release: Option<String>,
    /// Of `Release`.
    pub release: Option<String>,
    /// Of `Release.gpg`.
    pub release_gpg: Option<String>,
}

/// The right to write to a suite, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which run holds it: a token of its own.
    pub holder: String,
    /// From when on anybody may take it.
    pub expires_at: Timestamp,
    /// What others asked of this run before it took the suite: they were told that it is busy and will not come again,
    /// so whoever finds the lease run out answers them.
    #[serde(default)]
    pub owed: Woken,
}

/// A wake-up that found the suite leased; the holder looks again before it lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Woken {
    /// Any wake-up at all.
    pub again: bool,
    /// One of them asked to accept an older release.
    pub force: bool,
    /// One of them asked to check everything.
    pub full: bool,
}

/// The release that was verified whole and made live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Which one.
    pub identity: Identity,
    /// Its `Date`.
    pub date: Timestamp,
    /// The scope under which it is whole.
    pub scope: String,
    /// The keyring that its signature was verified with; `None` where none was set.
    #[serde(default)]
    pub keyring: Option<String>,
    /// Tags of its files in the master, to see at a glance whether the master moved on.
    pub in_master: ReleaseTags,
    /// Tags of its files in the Region.
    pub in_region: ReleaseTags,
    /// Whether it lost something since, so that nothing vouches for it until it is whole again.
    #[serde(default)]
    pub is_damaged: bool,
    /// When it was swapped in.
    pub swapped_at: Timestamp,
}

/// A swap that was begun. Found by a later run it makes every canonical name suspect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The release that was being made live; it had been verified whole under `scope`.
    pub identity: Identity,
    /// Its `Date`.
    pub date: Timestamp,
    /// The scope it was verified under.
    pub scope: String,
    /// The keyring that its signature was verified with.
    #[serde(default)]
    pub keyring: Option<String>,
    /// Tags of its files in the master.
    pub in_master: ReleaseTags,
    /// The digest of the commit file that clients saw when the swap began. Where it is the intent's own, the commit changes
    /// nothing, and seeing it says nothing of how far the swap has come.
    #[serde(default)]
    pub over: Option<Digest>,
    /// Hold the suite at this release once it is live.
    #[serde(default)]
    pub hold: bool,
    /// When the swap began.
    pub begun_at: Timestamp,
}

/// The files of an index that were verified: a run of them, from the first that had to be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedFiles {
    /// How many.
    pub count: usize,
    /// Which: the digest over the run (see [`run_digest`](crate::run_digest)). What has to be checked depends on what
    /// else could be read, so a count alone could mean other files.
    pub digest: Digest,
    /// Whether that is all that had to be checked, so that the index need not be read again.
    #[serde(default)]
    pub is_all: bool,
}

/// How far a fill has come, so that the next slice goes on there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The release being filled.
    pub identity: Identity,
    /// Under this scope.
    pub scope: String,
    /// Counted against this live release (what it vouches for is not counted).
    pub live: Option<Identity>,
    /// Whether everything is being checked, whatever the state vouches for.
    pub full: bool,
    /// By index (its stem): which of its files to check are verified.
    pub verified: BTreeMap<ArchivePath, VerifiedFiles>,
}

/// Why an object that a release needs cannot be had from the master yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissingReason {
    /// It is not there.
    Absent,
    /// It is there with other content.
    Mismatch {
        /// What the release asks for.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// One object that a release waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its key in the master.
    pub key: String,
    /// The index or release that names it.
    pub named_by: String,
    /// What is wrong.
    #[serde(flatten)]
    pub reason: MissingReason,
}

/// What the newest release waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which release.
    pub identity: Identity,
    /// Since when this release waits.
    pub since: Timestamp,
    /// How many objects it waits for, at least.
    pub count: usize,
    /// The first of them.
    pub missing: Vec<Missing>,
}

/// A set of release files that cannot be used, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// Which bytes.
    pub identity: Identity,
    /// Since when they stand like this.
    pub since: Timestamp,
}

/// A release that breaks a rule, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which release.
    pub identity: Identity,
    /// Since when it is refused.
    pub since: Timestamp,
    /// The rule, and what to do, as the last look found it; cut off where it is long.
    pub rule: String,
}

/// A release that waited and is still worth completing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which one; its bytes are kept under this identity.
    pub identity: Identity,
    /// Its `Date`.
    pub date: Timestamp,
}

/// A release that is or was served. What it names is kept for the grace period after `replaced_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Digest of the file that committed it: its by-hash name in the suite's directory.
    pub commit_digest: Digest,
    /// When its swap was prepared.
    pub prepared_at: Timestamp,
    /// When another release took its place.
    pub replaced_at: Option<Timestamp>,
}

/// Everything that is remembered of one suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteState {
    /// The suite.
    pub suite: SuiteName,
    /// Who works on it.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Who came meanwhile.
    #[serde(default)]
    pub woken: Woken,
    /// What is live.
    #[serde(default)]
    pub live: Option<Live>,
    /// What is being made live.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// How far the fills of the newest release and of the candidates have come.
    #[serde(default)]
    pub progress: Vec<Progress>,
    /// The release whose files were being verified when a slice ended: it is finished before a newer one is begun, or a
    /// suite re-published faster than it can be filled would never move.
    #[serde(default)]
    pub filling: Option<Identity>,
    /// What is waited for.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// Keys of the markers that wake the suite when an awaited upload comes: for the newest release and for each candidate.
    #[serde(default)]
    pub markers: BTreeSet<String>,
    /// A mixed set, and since when.
    #[serde(default)]
    pub unsettled: Option<Unsettled>,
    /// Why the newest release is not served, where that is final.
    #[serde(default)]
    pub refused: Option<Refusal>,
    /// Releases that waited, newest first.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// A release that was asked for by force, and that waits or whose swap was begun: whatever wakes the suite next says
    /// nothing of the force.
    #[serde(default)]
    pub forced: Option<Identity>,
    /// The release the suite is held at after a forced step back.
    #[serde(default)]
    pub hold: Option<Identity>,
    /// When everything served was last checked.
    #[serde(default)]
    pub audited_at: Option<Timestamp>,
    /// Releases served, oldest first.
    #[serde(default)]
    pub history: Vec<Served>,
}

impl SuiteState {
    /// Notes that a release is refused. `since` stays where it was refused before, whatever the rule was then.
    pub fn refuse(&mut self, identity: Identity, rule: &str, now: Timestamp) {
        let since = self.refused.take().filter(|before| before.identity == identity).map_or(now, |before| before.since);
        let rule = rule.get(..rule.floor_char_boundary(MAX_RULE_BYTES)).unwrap_or_default().to_owned();
        self.refused = Some(Refusal { identity, since, rule });
    }
}

impl Intent {
    /// Whether clients seeing this commit file proves that the swap came to its end.
    pub fn is_committed_by(&self, here: Option<Digest>) -> bool {
        here.is_some() && self.identity.commit_digest() == here && self.over != here
    }
}

impl Woken {
    /// What both ask for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { again: self.again || other.again, force: self.force || other.force, full: self.full || other.full }
    }
}

impl Progress {
    /// Whether this is the same work, however far it has come.
    pub fn is_same_work(&self, other: &Self) -> bool {
        (self.identity, &self.scope, self.live, self.full) == (other.identity, &other.scope, other.live, other.full)
    }
}

impl SuiteState {
    /// Nothing known yet.
    pub fn new(suite: SuiteName) -> Self {
        Self {
            suite,
            lease: None,
            woken: Woken::default(),
            live: None,
            intent: None,
            progress: Vec::new(),
            filling: None,
            waiting: None,
            markers: BTreeSet::new(),
            unsettled: None,
            refused: None,
            candidates: Vec::new(),
            forced: None,
            hold: None,
            audited_at: None,
            history: Vec::new(),
        }
    }

    /// Whether another run than `holder` may write to the suite now.
    pub fn is_held_by_another(&self, holder: &str, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.holder != holder && lease.expires_at > now)
    }

    /// What was asked for by those who were told that another run is at work, and was not answered yet.
    pub fn owed(&self) -> Woken {
        self.lease.as_ref().map_or(self.woken, |lease| lease.owed.and(self.woken))
    }

    /// What was verified of this work before.
    pub fn progress_of(&self, work: &Progress) -> Option<&Progress> {
        self.progress.iter().find(|earlier| earlier.is_same_work(work))
    }

    /// Remembers how far a fill has come, in the place of what was known of the same release; the oldest gives way.
    pub fn keep_progress(&mut self, progress: Progress) {
        self.progress.retain(|earlier| earlier.identity != progress.identity);
        if !progress.verified.is_empty() {
            self.progress.insert(0, progress);
            self.progress.truncate(MAX_CANDIDATES + 1);
        }
    }

    /// Writes down that a release is about to be served, so that what it names is kept even if the run dies here.
    pub fn prepare_history(&mut self, commit_digest: Digest, now: Timestamp) {
        self.history.retain(|served| served.replaced_at.is_none_or(|replaced| now.duration_since(replaced) < GRACE));
        if self.history.last().is_some_and(|last| last.commit_digest == commit_digest && last.replaced_at.is_none()) {
            return;
        }
        let surplus = (self.history.len() + 1).saturating_sub(MAX_HISTORY);
        self.history.drain(..surplus);
        self.history.push(Served { commit_digest, prepared_at: now, replaced_at: None });
    }

    /// Starts the grace of every release but the newest.
    pub fn close_history(&mut self, now: Timestamp) {
        if let Some((_, replaced)) = self.history.split_last_mut() {
            for served in replaced {
                served.replaced_at.get_or_insert(now);
            }
        }
    }

    /// The commit digests of all releases whose files must stay as they are: served, or replaced within the grace.
    pub fn protected(&self, now: Timestamp) -> impl Iterator<Item = Digest> + '_ {
        self.history
            .iter()
            .filter(move |served| served.replaced_at.is_none_or(|replaced| now.duration_since(replaced) < GRACE))
            .map(|served| served.commit_digest)
    }
}

#[cfg(test)]
mod tests;
