//! Rules broken on purpose, between a publisher and the store, to prove that the attack would notice.
//!
//! Not here are rules with a second one behind them.

use suitecast_store::{CopyRequest, PutRequest, WriteCondition};

/// Where the states of suites are kept.
pub(super) const STATES: &str = ".suitecast/state/";

/// A rule that publishers keep, and that is taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A release file is written only over what was seen: it is overwritten whatever stands there.
    CommitUnconditional,
    /// A plain name is written only over what was seen: it is overwritten whatever stands there.
    PlainNamesUnconditional,
}

impl Sabotage {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::CommitUnconditional, Self::PlainNamesUnconditional];

    pub(super) fn spoil_put(self, put: &mut PutRequest) {
        let is_release_file = ["/InRelease", "/Release", "/Release.gpg"].iter().any(|name| put.key.ends_with(name));
        if self == Self::CommitUnconditional && is_release_file {
            put.condition = WriteCondition::Always;
        }
    }

    pub(super) fn spoil_copy(self, copy: &mut CopyRequest) {
        let is_plain_name = copy.key.starts_with("dists/") && !copy.key.contains("/by-hash/");
        if self == Self::PlainNamesUnconditional && is_plain_name {
            copy.condition = WriteCondition::Always;
        }
    }
}
