//! The lease on a suite: one run writes at a time, and whoever comes meanwhile is not forgotten.

use jiff::Timestamp;
use suitecast_mirror::{Lease, SuiteState, Woken};

use crate::EngineError;
use crate::limits::{LEASE_BEYOND_SLICE, MAX_GIVE_UP_ATTEMPTS, MAX_STATE_ATTEMPTS};
use crate::publish::{Answer, Look, Options};
use crate::report::Outcome;
use crate::run::Run;
use crate::state_store::{self, Remembered, Swapped};

/// The suite's state, under this run's lease (or without one, in a dry run).
pub(crate) struct Held<'a> {
    pub(crate) remembered: Remembered,
    pub(crate) holder: &'a str,
}

impl Held<'_> {
    pub(crate) fn state(&mut self) -> &mut SuiteState {
        &mut self.remembered.state
    }

    fn is_still_ours(&self, state: &SuiteState) -> bool {
        state.lease.as_ref().is_some_and(|lease| lease.holder == self.holder)
    }
}

/// A token that no other run has: the moment, and what the standard library seeds its hash maps with.
pub(crate) fn token(now: Timestamp) -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:x}-{:016x}", now.as_nanosecond(), RandomState::new().hash_one(now.as_nanosecond()))
}

/// Takes the suite, unless somebody changed its state since it was read. The lease ends a little after the slice, and
/// says what this run owes to others, in case it dies.
pub(crate) async fn take<'a>(
    run: &Run<'_>,
    mut remembered: Remembered,
    holder: &'a str,
    options: &Options,
) -> Result<Option<Held<'a>>, EngineError> {
    let expires_at = run.deadline + LEASE_BEYOND_SLICE;
    remembered.state.lease = Some(Lease { holder: holder.to_owned(), expires_at, owed: options.owed() });
    remembered.state.woken = Woken::default();
    match state_store::store(run.region.as_ref(), &remembered.state, remembered.etag.as_ref()).await? {
        Swapped::Stored(etag) => {
            run.permit.lease_until(expires_at);
            remembered.etag = Some(etag);
            Ok(Some(Held { remembered, holder }))
        }
        Swapped::Lost => Ok(None),
    }
}

/// Tells the run that holds the suite to look again before it lets go.
pub(crate) async fn mark_woken(run: &Run<'_>, remembered: Remembered, options: &Options) -> Result<Look, EngineError> {
    let mut state = remembered.state;
    let woken =
        Woken { again: true, force: state.woken.force || options.force, full: state.woken.full || options.full };
    if state.woken != woken {
        state.woken = woken;
        if state_store::store(run.region.as_ref(), &state, remembered.etag.as_ref()).await? == Swapped::Lost {
            return Ok(Look::Again(None));
        }
    }
    if let Some(lease) = &state.lease
        && lease.expires_at < run.now() + LEASE_BEYOND_SLICE
    {
        // It is past its slice and may be dead; then nobody would look again before the sweep.
        return Err(EngineError::Held { suite: run.suite.to_string(), until: lease.expires_at });
    }
    let mut answer = Answer::new(Outcome::Busy);
    answer.live_date = state.live.map(|live| live.date);
    Ok(Look::Answer(Box::new(answer)))
}

/// Records the state, keeping the lease. Others may only have marked it woken meanwhile; that is kept for the end.
/// `false`: the lease is lost, and nothing may be written on its strength.
pub(crate) async fn record(run: &Run<'_>, held: &mut Held<'_>) -> Result<bool, EngineError> {
    for _ in 0..MAX_STATE_ATTEMPTS {
        let Remembered { state, etag } = &held.remembered;
        if let Swapped::Stored(etag) = state_store::store(run.region.as_ref(), state, etag.as_ref()).await? {
            held.remembered.etag = Some(etag);
            return Ok(true);
        }
        let now = state_store::load(run.region.as_ref(), run.suite).await?;
        if !held.is_still_ours(&now.state) {
            return Ok(false);
        }
        held.remembered.etag = now.etag;
        held.remembered.state.woken = now.state.woken;
    }
    Err(contended(run, "recording its state"))
}

/// Records the state and lets go. `true`: somebody came meanwhile (what they asked for is in `options` now) or the lease
/// was lost, so the suite has to be looked at again.
pub(crate) async fn let_go(run: &Run<'_>, held: &mut Held<'_>, options: &mut Options) -> Result<bool, EngineError> {
    let mut free = held.remembered.state.clone();
    free.lease = None;
    let mut again = take_over(&mut free, options);
    for _ in 0..MAX_STATE_ATTEMPTS {
        let etag = held.remembered.etag.as_ref();
        if let Swapped::Stored(_) = state_store::store(run.region.as_ref(), &free, etag).await? {
            return Ok(again);
        }
        let mut now = state_store::load(run.region.as_ref(), run.suite).await?;
        if !held.is_still_ours(&now.state) {
            return Ok(true);
        }
        again |= take_over(&mut now.state, options);
        held.remembered.etag = now.etag;
    }
    Err(contended(run, "letting go of it"))
}

/// Lets go after a failure. Whoever came meanwhile was told that this run would look again; it will not, so what they
/// asked for stays in the state for the next one.
///
/// What fails here is tried again, by [`MAX_GIVE_UP_ATTEMPTS`]: what made the run fail may still be going on, and a lease
/// that is left behind keeps everybody out until it ends.
pub(crate) async fn give_up(run: &Run<'_>, held: &mut Held<'_>) -> Result<(), EngineError> {
    let mut attempts_left = MAX_GIVE_UP_ATTEMPTS;
    loop {
        attempts_left -= 1;
        match try_to_give_up(run, held).await {
            Err(error) if error.is_retryable() && attempts_left > 0 => {}
            given_up => return given_up,
        }
    }
}

async fn try_to_give_up(run: &Run<'_>, held: &mut Held<'_>) -> Result<(), EngineError> {
    for _ in 0..MAX_STATE_ATTEMPTS {
        let mut free = held.remembered.state.clone();
        free.woken = free.owed();
        free.lease = None;
        let etag = held.remembered.etag.as_ref();
        if let Swapped::Stored(_) = state_store::store(run.region.as_ref(), &free, etag).await? {
            return Ok(());
        }
        let now = state_store::load(run.region.as_ref(), run.suite).await?;
        if !held.is_still_ours(&now.state) {
            return Ok(());
        }
        held.remembered.state.woken = now.state.woken;
        held.remembered.etag = now.etag;
    }
    Err(contended(run, "letting go of it"))
}

/// Takes what others asked for meanwhile out of the state; whether there was anything.
fn take_over(state: &mut SuiteState, options: &mut Options) -> bool {
    let woken = std::mem::take(&mut state.woken);
    options.take_over(woken);
    woken.again
}

fn contended(run: &Run<'_>, doing: &'static str) -> EngineError {
    EngineError::Contended { suite: run.suite.to_string(), doing, attempts: MAX_STATE_ATTEMPTS }
}
