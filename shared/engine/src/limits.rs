//! Every bound of the engine, in one place, each with its unit and its reason.

use std::time::Duration;

use jiff::SignedDuration;

/// How long a lease outlives the slice it was taken for: a minute for what a slice may run over, and [`WRITE_MARGIN`];
/// short enough that a killed run is resumed soon.
pub const LEASE_BEYOND_SLICE: Duration = Duration::from_secs(125);

/// No write starts when less than this is left of the lease: a write of a release file or an index may take a minute in
/// all, retries included (the adapter's `OPERATION_TIMEOUT`), and clocks differ by a little.
pub const WRITE_MARGIN: SignedDuration = SignedDuration::from_secs(65);

/// Looks that one run takes at a suite (races lost, wake-ups while it worked) before it leaves the rest to the queue.
pub const MAX_LOOKS: u32 = 8;

/// Attempts at a compare-and-swap of the state within one step.
pub const MAX_STATE_ATTEMPTS: u32 = 8;

/// Times that a run which failed tries to let go of its suite, each with the retries of the store's client: when all of
/// them fail the store is out of reach for everybody, and the lease ends by itself.
pub const MAX_GIVE_UP_ATTEMPTS: u32 = 3;

/// Re-queues of one piece of work by itself. At two minutes a slice this is more than a day; the sweep goes on from there.
pub const MAX_HOPS: u32 = 1_000;

/// Largest state object read, in bytes: the history at its bound and a full record of what is missing fit ten times.
pub const MAX_STATE_BYTES: usize = 16 << 20;

/// Versions of one index's plain name that are listed when the index is nowhere else: a publisher every five minutes for
/// an hour and a half. What is further back has been superseded many times over. At most as many are copied to be checked.
pub const MAX_VERSIONS_LOOKED_THROUGH: usize = 20;

/// Files to check from which on listings are cheaper than looking at each key: a page of a listing tells of a thousand.
pub const LISTING_THRESHOLD: usize = 400;

/// Reasons given for one refusal: enough for a person to see the pattern, as with missing objects.
pub const MAX_RULES: usize = 100;

/// Files of an update looked at before listings are made: where all of these are here, so are most of the others. More
/// would hardly tell more, and each is a request in every run that waits.
pub const PROBES: usize = 16;

/// Pages a listing may take beyond what the wanted keys would fill twice over, per directory: a pool shared with many
/// other suites and architectures is listed only while that tells more than looking at each key would. A page costs as
/// much as a dozen looks and tells of a thousand keys.
pub const SPARE_PAGES: usize = 4;

/// Files verified between two looks at the clock. At 64 side by side and 20 ms each this is well under a second.
pub const CHUNK: usize = 2_000;

/// While a release waits, objects that are in the master but not here are copied only when they are older than this:
/// younger ones have an event of their own under way, and would be copied twice.
pub const EVENT_GRACE: SignedDuration = SignedDuration::from_mins(5);

/// How often everything that is served is checked again.
pub const AUDIT_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Directories below `dists/` that the search for suites descends: `dists/bookworm/updates` is the deepest in use, and
/// one more level finds the trees of installers.
pub const MAX_SUITE_DEPTH: usize = 4;

/// Pages of one listing: a hundred million keys, a bound against a store that never ends.
pub const MAX_PAGES: usize = 100_000;

/// Directories listed side by side: each holds pages of a thousand keys in memory.
pub const LISTING_CONCURRENCY: usize = 8;
