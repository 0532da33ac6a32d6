//! Rules broken on purpose, between a publisher and the store, to prove that the attack would notice.
//!
//! Not here are rules with a second one behind them.

use suitecast_store::{CopyRequest, PutRequest, WriteCondition};

/// Where the states of suites are kept.
pub(super) const STATES: &str = ".suitecast/state/";

/// A rule that publishers keep, and that is taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The state is changed by compare-and-swap: it is overwritten whatever stands there.
    StateUnconditional,
    /// A release file is written only over what was seen: it is overwritten whatever stands there.
    CommitUnconditional,
    /// A plain name is written only over what was seen: it is overwritten whatever stands there.
    PlainNamesUnconditional,
}

impl Sabotage {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::StateUnconditional, Self::CommitUnconditional, Self::PlainNamesUnconditional];

    pub(super) fn spoil_put(self, put: &mut PutRequest) {
        let is_spoilt = match self {
            Self::StateUnconditional => put.key.starts_with(STATES),
            Self::CommitUnconditional => {
                ["/InRelease", "/Release", "/Release.gpg"].iter().any(|name| put.key.ends_with(name))
            }
            Self::PlainNamesUnconditional => false,
        };
        if is_spoilt {
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
