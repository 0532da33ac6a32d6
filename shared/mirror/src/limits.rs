//! Every bound of the deciding half, in one place, each with its unit and its reason.

use jiff::SignedDuration;

/// How far in the future a release's `Date` may lie: archives are made on machines whose clocks are a little off, and a
/// release from next year would keep every later one out.
pub const MAX_DATE_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// How long a set of release files that do not belong together is taken for an upload under way. Uploads of the three
/// files are three events; a quarter of an hour is far more than any of them takes.
pub const MIXED_SET_PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// Missing keys kept in the state and in an answer: enough for a person to see the pattern, small enough for one object.
pub const MAX_MISSING_RECORDED: usize = 100;

/// Bytes kept in the state of why a release was refused: what an index says may be quoted there, and may be long.
pub const MAX_RULE_BYTES: usize = 2_000;

/// Waiting releases kept as candidates beside the master's newest. A suite re-published faster than it can be filled
/// needs one that stands still for as long as a fill takes; each costs a look at every wake-up.
pub const MAX_CANDIDATES: usize = 3;

/// How long what a replaced release names stays untouched (promise 4). Practice lies between one day (Launchpad) and
/// seven (aptberg); `pulp_deb`'s three days cover a client that is switched off over a weekend.
pub const GRACE: SignedDuration = SignedDuration::from_hours(72);

/// Replaced releases remembered in a suite's state: a suite re-published every minute makes 4,320 within [`GRACE`].
pub const MAX_HISTORY: usize = 4_500;
