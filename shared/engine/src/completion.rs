//! Making releases live: the master's newest if it is whole, or else the newest that waited and is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use suitecast_mirror::{
    Awaited, Candidate, Identity, Intent, Live, MissingObjects, Progress, ReleaseSet, ReleaseTags, SwapPlan, plan_swap,
};

use crate::attempt::{Seeing, finish};
use crate::fill::{Filled, Filling, fill};
use crate::lease::{self, Held};
use crate::publish::{Answer, Look, Options};
use crate::report::Outcome;
use crate::run::Run;
use crate::swap::{SwapOutcome, swap};
use crate::{EngineError, candidates, waiting};

/// A release to try, and what else there is to know of it.
pub(crate) struct Target<'a> {
    pub(crate) set: &'a ReleaseSet,
    pub(crate) in_master: ReleaseTags,
    pub(crate) hold: bool,
}

/// What trying a release came to.
enum Tried {
    Swapped(Box<Answer>),
    Missing(MissingObjects),
    Refused(Vec<String>),
    SliceOver,
    LookAgain,
    WouldSwap(Box<Answer>),
}

/// Fills and swaps the master's release, or else the newest candidate that is whole.
pub(crate) async fn publish(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    newest: &Target<'_>,
    options: &mut Options,
) -> Result<Look, EngineError> {
    let master_date = Some(newest.set.release.date);
    let live_date = seeing.served.map(|served| served.date);
    if let Some(look) = finish_what_was_begun(run, held, seeing, newest, options).await? {
        return Ok(look);
    }
    let missing = match try_release(run, held, seeing, newest, options).await? {
        Tried::Swapped(mut answer) | Tried::WouldSwap(mut answer) => {
            held.state().refused = None;
            answer.master_date = master_date;
            return finish(run, held, options, *answer).await;
        }
        Tried::LookAgain => return look_again(run, held, options).await,
        Tried::SliceOver => {
            keep_filling(run, held, newest.set).await?;
            // The run's own loop re-queues the rest.
            return look_again(run, held, options).await;
        }
        Tried::Refused(rules) => {
            note_audit(run, held, *options);
            let mut answer = Answer::refused(rules);
            held.state().refuse(newest.set.identity, answer.reason.as_deref().unwrap_or_default(), run.now());
            (answer.live_date, answer.master_date) = (live_date, master_date);
            return finish(run, held, options, answer).await;
        }
        Tried::Missing(missing) => missing,
    };
    note_audit(run, held, *options);
    held.state().refused = None;
    if let Some(live) = &mut held.state().live
        && live.identity == newest.set.identity
    {
        live.is_damaged = true;
    }
    let mut answer = Answer::new(Outcome::Waiting)
        .because(format!("{} object(s) that the release names are not in the master yet", missing.count()));
    (answer.live_date, answer.master_date) = (live_date, master_date);
    let awaited = missing.awaited().into_iter().flat_map(|awaited| &awaited.keys);
    answer.awaited = awaited.map(|seen| seen.key.clone()).collect();
    if run.looks_only {
        answer.waiting = Some(waiting::record(run, &held.remembered.state, newest.set.identity, &missing));
        return Ok(Look::Answer(Box::new(answer)));
    }
    wait_for(run, held, newest.set, &missing).await?;
    if options.force {
        held.state().forced = Some(newest.set.identity);
    }
    answer.waiting.clone_from(&held.remembered.state.waiting);
    let mut awaited: Vec<Awaited> = missing.awaited().cloned().into_iter().collect();
    if let Some(swapped) = try_candidates(run, held, seeing, newest.set, options, &mut awaited).await? {
        match swapped {
            Tried::Swapped(instead) => {
                answer.outcome = Outcome::Swapped;
                answer.live_date = instead.live_date;
                answer.lag_seconds = instead.lag_seconds;
                answer.plan = instead.plan;
            }
            _ => return look_again(run, held, options).await,
        }
    }
    let markers = waiting::mark(run, &awaited).await?;
    waiting::keep_markers(run, held, markers).await?;
    match finish(run, held, options, answer).await? {
        Look::Answer(answer) if waiting::came_meanwhile(run, &awaited).await? => {
            Ok(Look::Again((answer.outcome == Outcome::Swapped).then_some(answer)))
        }
        look => Ok(look),
    }
}

/// Notes that everything was looked at, whatever came of it: a suite that cannot be mended must not keep the audit from the
/// others.
fn note_audit(run: &Run<'_>, held: &mut Held<'_>, options: Options) {
    if options.full {
        held.state().audited_at = Some(run.now());
        // The next one begins anew.
        held.state().progress.retain(|progress| !progress.full);
    }
}

async fn look_again(run: &Run<'_>, held: &mut Held<'_>, options: &mut Options) -> Result<Look, EngineError> {
    if !run.looks_only {
        lease::let_go(run, held, options).await?;
    }
    Ok(Look::Again(None))
}

/// Keeps a release whose verification has begun, so that it is finished even if the master moves on.
async fn keep_filling(run: &Run<'_>, held: &mut Held<'_>, set: &ReleaseSet) -> Result<(), EngineError> {
    if run.looks_only {
        return Ok(());
    }
    let dropped = candidates::keep(run, held.state(), set).await?;
    held.state().filling = Some(set.identity);
    candidates::forget(run, &dropped).await
}

/// A release whose files were being verified when a slice ended comes before a newer one. `None`: there is none, or it
/// cannot be finished any more.
async fn finish_what_was_begun(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    newest: &Target<'_>,
    options: &mut Options,
) -> Result<Option<Look>, EngineError> {
    let is_begun = held.remembered.state.filling.filter(|begun| *begun != newest.set.identity);
    let Some(begun) = is_begun else { return Ok(None) };
    for candidate in hopeful(held, seeing, newest.set, *options) {
        if candidate.identity != begun {
            continue;
        }
        let Some(set) = candidates::load(run, &candidate).await? else { continue };
        let target = Target { set: &set, in_master: ReleaseTags::default(), hold: false };
        match try_release(run, held, seeing, &target, options).await? {
            Tried::Swapped(answer) => {
                lease::let_go(run, held, options).await?;
                return Ok(Some(Look::Again(Some(answer))));
            }
            Tried::SliceOver | Tried::LookAgain => return look_again(run, held, options).await.map(Some),
            Tried::Missing(_) | Tried::Refused(_) | Tried::WouldSwap(_) => {}
        }
    }
    held.state().filling = None;
    Ok(None)
}

/// The candidates worth trying beside the newest release, newest first.
fn hopeful(held: &Held<'_>, seeing: &Seeing, newest: &ReleaseSet, options: Options) -> Vec<Candidate> {
    let state = &held.remembered.state;
    if options.force || state.hold.is_some() {
        return Vec::new();
    }
    let served = seeing.served.map(|served| served.date);
    let is_between = |candidate: &&Candidate| {
        candidate.identity != newest.identity
            && candidate.date <= newest.release.date
            && served.is_none_or(|served| candidate.date > served)
    };
    state.candidates.iter().filter(is_between).cloned().collect()
}

/// Records what the newest release waits for, and keeps it as a candidate.
async fn wait_for(
    run: &Run<'_>,
    held: &mut Held<'_>,
    set: &ReleaseSet,
    missing: &MissingObjects,
) -> Result<(), EngineError> {
    let record = waiting::record(run, &held.remembered.state, set.identity, missing);
    let dropped = candidates::keep(run, held.state(), set).await?;
    held.state().waiting = Some(record);
    candidates::forget(run, &dropped).await
}

/// Tries the releases that waited before this one, newest first, so that a suite that changes faster than it can be
/// filled still moves. Adds what those that wait on are waiting for.
async fn try_candidates(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    newest: &ReleaseSet,
    options: &Options,
    awaited: &mut Vec<Awaited>,
) -> Result<Option<Tried>, EngineError> {
    for candidate in hopeful(held, seeing, newest, *options) {
        let Some(set) = candidates::load(run, &candidate).await? else { continue };
        let target = Target { set: &set, in_master: ReleaseTags::default(), hold: false };
        match try_release(run, held, seeing, &target, options).await? {
            Tried::Missing(missing) => awaited.extend(missing.awaited().cloned()),
            Tried::Refused(_) | Tried::WouldSwap(_) => {}
            tried => return Ok(Some(tried)),
        }
    }
    Ok(None)
}

/// Fills one release and, if it is whole, swaps it.
async fn try_release(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    target: &Target<'_>,
    options: &Options,
) -> Result<Tried, EngineError> {
    let vouched = seeing.served.filter(|served| served.vouched && !options.full);
    let live = seeing.live.set.as_ref().map(|set| &set.release);
    let previous = live.filter(|_| vouched.is_some());
    let scope = run.settings.scope.fingerprint();
    let progress = Progress {
        identity: target.set.identity,
        scope: scope.clone(),
        live: vouched.map(|served| served.identity),
        full: options.full,
        verified: BTreeMap::new(),
    };
    let earlier = held.remembered.state.progress_of(&progress).cloned();
    let filling = Filling::new(run, target.set, live, previous, earlier.as_ref());
    match fill(run, &filling).await? {
        Filled::Whole { indices, in_place } => {
            let before = vouched.map(|served| served.identity);
            let plan = plan_swap(target.set, indices, before.as_ref(), in_place);
            carry_out(run, held, seeing, target, plan, options).await
        }
        Filled::Missing { missing, verified } => {
            held.state().keep_progress(Progress { verified, ..progress });
            Ok(Tried::Missing(missing))
        }
        Filled::SliceOver { verified } => {
            held.state().keep_progress(Progress { verified, ..progress });
            Ok(Tried::SliceOver)
        }
        Filled::Refused { rules } => Ok(Tried::Refused(rules)),
        Filled::WouldCopy { objects } => {
            let mut answer = Answer::new(Outcome::Swapped);
            answer.would_copy = Some(objects);
            answer.live_date = seeing.served.map(|served| served.date);
            Ok(Tried::WouldSwap(Box::new(answer)))
        }
    }
}

/// Swaps a release that is whole. The intent is written first: whoever finds it unfinished checks every canonical name.
async fn carry_out(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    target: &Target<'_>,
    plan: SwapPlan,
    options: &Options,
) -> Result<Tried, EngineError> {
    let began = run.now();
    let identity: Identity = target.set.identity;
    let intent = Intent {
        identity,
        date: target.set.release.date,
        scope: run.settings.scope.fingerprint(),
        keyring: run.settings.keyring_fingerprint(),
        in_master: target.in_master.clone(),
        over: seeing.live.set.as_ref().and_then(|set| set.identity.commit_digest()),
        hold: target.hold,
        begun_at: began,
    };
    let state = held.state();
    if let Some(digest) = identity.commit_digest() {
        state.prepare_history(digest, began);
    }
    state.intent = Some(intent.clone());
    if options.force {
        // Whoever finds the swap unfinished finishes it: without the force it would leave plain names of two releases.
        state.forced = Some(identity);
    }
    if !lease::record(run, held).await? {
        return Ok(Tried::LookAgain);
    }
    let in_region = match swap(run, target.set, &plan, &seeing.seen).await? {
        SwapOutcome::Committed(tags) => tags,
        SwapOutcome::Lost => return Ok(Tried::LookAgain),
    };
    commit_to_state(run, held, intent, in_region);
    clear_what_waited(run, held, target, options).await?;
    let mut answer = Answer::new(Outcome::Swapped);
    answer.live_date = Some(target.set.release.date);
    // Committed again after a full look, it came no later to clients than it did the first time.
    let is_new = seeing.served.is_none_or(|served| served.identity != identity);
    answer.lag_seconds = is_new.then(|| lag(run.now(), target.set.release.date));
    answer.plan = plan;
    Ok(Tried::Swapped(Box::new(answer)))
}

/// What waited up to this release waits no more.
async fn clear_what_waited(
    run: &Run<'_>,
    held: &mut Held<'_>,
    target: &Target<'_>,
    options: &Options,
) -> Result<(), EngineError> {
    let now = run.now();
    let date = target.set.release.date;
    let state = held.state();
    if options.full || state.audited_at.is_none() {
        state.audited_at = Some(now);
    }
    let (kept, dropped): (Vec<Candidate>, Vec<Candidate>) =
        std::mem::take(&mut state.candidates).into_iter().partition(|candidate| candidate.date > date);
    state.candidates = kept;
    let is_still_waiting = state
        .waiting
        .as_ref()
        .is_some_and(|waiting| state.candidates.iter().any(|kept| kept.identity == waiting.identity));
    if !is_still_waiting {
        state.waiting = None;
        waiting::keep_markers(run, held, BTreeSet::new()).await?;
    }
    candidates::forget(run, &dropped).await
}

fn lag(now: Timestamp, date: Timestamp) -> u64 {
    u64::try_from(now.duration_since(date).as_secs()).unwrap_or(0)
}

/// The release of an intent became live.
pub(crate) fn commit_to_state(run: &Run<'_>, held: &mut Held<'_>, intent: Intent, in_region: ReleaseTags) {
    let now = run.now();
    let state = held.state();
    state.live = Some(Live {
        identity: intent.identity,
        date: intent.date,
        scope: intent.scope,
        keyring: intent.keyring,
        in_master: intent.in_master,
        in_region,
        is_damaged: false,
        swapped_at: now,
    });
    state.hold = intent.hold.then_some(intent.identity);
    state.forced = None;
    state.intent = None;
    let served = intent.identity;
    state.progress.retain(|progress| progress.identity != served);
    if state.filling == Some(served) {
        state.filling = None;
    }
    state.close_history(now);
}
