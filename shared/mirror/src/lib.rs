//! Deciding what a Region does about a suite: pure functions of what was observed.
//!
//! Nothing here does I/O, reads a clock or knows S3. [`decide()`] says whether a release is to be published, waited for
//! or refused; [`plan_swap`] lays the writes of a swap out in their order; [`SuiteState`] is what is remembered between
//! runs. The engine carries it out.

mod authenticity;
mod decide;
mod known;
pub mod limits;
mod missing;
mod plan;
mod release_set;
#[cfg(test)]
mod samples;
mod state;
mod vouching;

pub use authenticity::{Authenticity, is_authentic};
pub use decide::{Decided, Decision, Observation, ServedRelease, decide};
pub use known::{KnownFiles, run_digest};
pub use missing::{Awaited, MissingObjects, SeenKey};
pub use plan::{Indices, Overwrite, Phase, Planned, Stale, Step, SwapPlan, plan_swap};
pub use release_set::{Identity, ReleaseFiles, ReleaseSet, SetProblem, with_causes};
pub use state::{
    Candidate, Intent, Lease, Live, Missing, MissingReason, Progress, Refusal, ReleaseTags, Served, SuiteState,
    Unsettled, VerifiedFiles, Waiting, Woken,
};
pub use vouching::vouched_indices;
