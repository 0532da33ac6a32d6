//! One attempt at a suite under its lease: observe, decide, fill, swap, record.

use jiff::Timestamp;
use suitecast_mirror::{
    Before, Candidate, Decision, Identity, Intent, Live, MissingObjects, Observation, Progress, ReleaseFiles,
    ReleaseSet, ReleaseTags, ServedRelease, decide, plan_swap,
};

use crate::fill::{Filled, Filling, fill};
use crate::lease::{self, Held};
use crate::publish::{Answer, Look, Options};
use crate::release_io::{LiveFile, MasterLook, look_at_live, look_at_master, region_tags, set_tag, tag};
use crate::report::Outcome;
use crate::run::Run;
use crate::swap::{Seen, SwapOutcome, swap};
use crate::{EngineError, candidates, waiting};

/// The master's release files, as read.
pub(crate) struct Master {
    pub(crate) files: ReleaseFiles,
    pub(crate) tags: ReleaseTags,
}

/// What clients see, as observed.
struct Seeing {
    live: LiveFile,
    served: Option<ServedRelease>,
    seen: Seen,
}

/// A release to try, and what else there is to know of it.
struct Target<'a> {
    set: &'a ReleaseSet,
    in_master: ReleaseTags,
    hold: bool,
}

/// What trying a release came to.
enum Tried {
    Swapped(Box<Answer>),
    Missing(MissingObjects),
    Refused(String),
    SliceOver,
    LookAgain,
    WouldSwap(Box<Answer>),
}

/// Works on the suite. `master` is what was read of it already, if anything.
pub(crate) async fn work(
    run: &Run<'_>,
    held: &mut Held<'_>,
    master: Option<Master>,
    options: &mut Options,
) -> Result<Look, EngineError> {
    let master = match master {
        Some(master) => master,
        None => read_master(run).await?,
    };
    let seeing = observe(run, held).await?;
    let state = &held.remembered.state;
    let decision = decide(&Observation {
        now: run.now(),
        master: &master.files,
        served: seeing.served,
        hold: state.hold,
        unsettled: state.unsettled.as_ref(),
        force: options.force,
        full: options.full,
    });
    if !matches!(decision, Decision::Unsettled { .. } | Decision::Refused { .. }) {
        held.state().unsettled = None;
    }
    let mut answer = match decision {
        Decision::Publish { set, hold } => {
            let target = Target { set: &set, in_master: master.tags, hold };
            return publish(run, held, &seeing, &target, options).await;
        }
        Decision::UpToDate { date } => {
            settle(run, held, &master.tags).await?;
            let mut answer = Answer::new(Outcome::UpToDate);
            answer.master_date = Some(date);
            answer
        }
        Decision::Withdrawn => Answer::new(Outcome::Withdrawn)
            .because("the suite's release files are gone from the master; what was served stays".into()),
        Decision::Absent => Answer::new(Outcome::Absent)
            .because("no release file in the master and none here; check the suite's name".into()),
        Decision::Unsettled { unsettled, rule } => {
            held.state().unsettled = Some(unsettled);
            Answer::new(Outcome::Waiting).because(rule)
        }
        Decision::Refused { rule } => Answer::new(Outcome::Refused).because(rule),
        Decision::Older { rule } => Answer::new(Outcome::Older).because(rule),
        Decision::Held { rule } => Answer::new(Outcome::Held).because(rule),
    };
    answer.live_date = seeing.served.map(|served| served.date);
    finish(run, held, options, answer).await
}

async fn read_master(run: &Run<'_>) -> Result<Master, EngineError> {
    let look = look_at_master(run.master.as_ref(), run.suite, None)
        .await
        .map_err(run.failed("reading the master's release files"))?;
    Ok(match look {
        MasterLook::Read { files, tags } => Master { files, tags },
        MasterLook::Unchanged => Master { files: ReleaseFiles::default(), tags: ReleaseTags::default() },
    })
}

/// Records, lets go, answers.
async fn finish(
    run: &Run<'_>,
    held: &mut Held<'_>,
    options: &mut Options,
    answer: Answer,
) -> Result<Look, EngineError> {
    if !run.looks_only && lease::let_go(run, held, options).await? {
        let news = (answer.outcome == Outcome::Swapped).then(|| Box::new(answer));
        return Ok(Look::Again(news));
    }
    Ok(Look::Answer(Box::new(answer)))
}

/// The master went back to (or was re-uploaded as) what is live: nothing waits any more.
async fn settle(run: &Run<'_>, held: &mut Held<'_>, in_master: &ReleaseTags) -> Result<(), EngineError> {
    let state = held.state();
    if let Some(live) = &mut state.live {
        live.in_master = in_master.clone();
    }
    let waited = state.waiting.take();
    let dropped = std::mem::take(&mut state.candidates);
    if run.looks_only {
        return Ok(());
    }
    waiting::unmark(run, waited.as_ref(), None).await?;
    candidates::forget(run, &dropped).await
}

/// Reads what clients see, and finds out how far the state can be believed.
async fn observe(run: &Run<'_>, held: &mut Held<'_>) -> Result<Seeing, EngineError> {
    let doing = run.failed("looking at what is served");
    let live = look_at_live(run.region.as_ref(), run.suite).await.map_err(&doing)?;
    let here = live.set.as_ref().and_then(|set| set.identity.commit_digest());
    let tag_here = live.tag.as_ref().map(|(file, etag)| (*file, etag.as_str().to_owned()));
    let mut tags = None;
    if let Some(intent) = held.state().intent.clone()
        && intent.identity.commit_digest() == here
        && here.is_some()
    {
        // The commit took place; only its record is missing. Everything before it was finished.
        let in_region = region_tags(run.region.as_ref(), run.suite).await.map_err(&doing)?;
        tags = Some(in_region.clone());
        commit_to_state(run, held, intent, in_region);
    }
    let state = held.state();
    let recorded = state.live.as_ref().filter(|live| live.identity.commit_digest() == here);
    let is_as_recorded = recorded.is_some_and(|recorded| {
        tag_here.as_ref().is_some_and(|(file, etag)| tag(&recorded.in_region, *file) == Some(etag))
    });
    let mut tags = match (tags, recorded) {
        (Some(tags), _) => tags,
        (None, Some(recorded)) if is_as_recorded && state.intent.is_none() => recorded.in_region.clone(),
        _ => region_tags(run.region.as_ref(), run.suite).await.map_err(&doing)?,
    };
    if let Some((file, etag)) = tag_here {
        set_tag(&mut tags, file, Some(etag));
    }
    let scope = run.settings.scope.fingerprint();
    let served = match (recorded, &live.set, &state.live) {
        (Some(recorded), _, _) => Some(ServedRelease {
            identity: recorded.identity,
            date: recorded.date,
            vouched: recorded.scope == scope && recorded.in_region == tags && state.intent.is_none(),
        }),
        (None, Some(set), _) => Some(ServedRelease { identity: set.identity, date: set.release.date, vouched: false }),
        // Damaged from outside: what was served last still counts for the Date rule.
        (None, None, Some(lost)) => Some(ServedRelease { identity: lost.identity, date: lost.date, vouched: false }),
        (None, None, None) => None,
    };
    Ok(Seeing { live, served, seen: Seen { tags } })
}

/// The release of an intent became live.
fn commit_to_state(run: &Run<'_>, held: &mut Held<'_>, intent: Intent, in_region: ReleaseTags) {
    let now = run.now();
    let state = held.state();
    state.live = Some(Live {
        identity: intent.identity,
        date: intent.date,
        scope: intent.scope,
        in_master: intent.in_master,
        in_region,
        swapped_at: now,
    });
    state.hold = intent.hold.then_some(intent.identity);
    state.intent = None;
    state.progress = None;
    state.close_history(now);
}

/// Fills and swaps the master's release, or else the newest candidate that is whole.
async fn publish(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    newest: &Target<'_>,
    options: &mut Options,
) -> Result<Look, EngineError> {
    let master_date = Some(newest.set.release.date);
    let live_date = seeing.served.map(|served| served.date);
    let missing = match try_release(run, held, seeing, newest, options).await? {
        Tried::Swapped(mut answer) | Tried::WouldSwap(mut answer) => {
            answer.master_date = master_date;
            return finish(run, held, options, *answer).await;
        }
        Tried::LookAgain => return look_again(run, held, options).await,
        Tried::SliceOver => {
            // The run's own loop re-queues the rest.
            return look_again(run, held, options).await;
        }
        Tried::Refused(rule) => {
            let mut answer = Answer::new(Outcome::Refused).because(rule);
            (answer.live_date, answer.master_date) = (live_date, master_date);
            return finish(run, held, options, answer).await;
        }
        Tried::Missing(missing) => missing,
    };
    let mut answer = Answer::new(Outcome::Waiting)
        .because(format!("{} object(s) that the release names are not in the master yet", missing.count()));
    (answer.live_date, answer.master_date) = (live_date, master_date);
    if run.looks_only {
        answer.waiting = Some(waiting::record(run, &held.remembered.state, newest.set.identity, &missing, Vec::new()));
        return Ok(Look::Answer(Box::new(answer)));
    }
    wait_for(run, held, newest.set, &missing).await?;
    answer.waiting.clone_from(&held.remembered.state.waiting);
    if let Some(swapped) = try_candidates(run, held, seeing, newest.set, options).await? {
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
    let look = finish(run, held, options, answer).await?;
    match (look, missing.awaited()) {
        (Look::Answer(answer), Some(awaited)) if waiting::came_meanwhile(run, awaited).await? => {
            Ok(Look::Again((answer.outcome == Outcome::Swapped).then_some(answer)))
        }
        (look, _) => Ok(look),
    }
}

async fn look_again(run: &Run<'_>, held: &mut Held<'_>, options: &mut Options) -> Result<Look, EngineError> {
    if !run.looks_only {
        lease::let_go(run, held, options).await?;
    }
    Ok(Look::Again(None))
}

/// Records what the newest release waits for, and keeps it as a candidate.
async fn wait_for(
    run: &Run<'_>,
    held: &mut Held<'_>,
    set: &ReleaseSet,
    missing: &MissingObjects,
) -> Result<(), EngineError> {
    let markers = match missing.awaited() {
        Some(awaited) => waiting::mark(run, awaited).await?,
        None => Vec::new(),
    };
    let record = waiting::record(run, &held.remembered.state, set.identity, missing, markers);
    let dropped = candidates::keep(run, held.state(), set).await?;
    candidates::forget(run, &dropped).await?;
    let before = held.state().waiting.replace(record);
    waiting::unmark(run, before.as_ref(), held.remembered.state.waiting.as_ref()).await
}

/// Tries the releases that waited before this one, newest first, so that a suite that changes faster than it can be
/// filled still moves.
async fn try_candidates(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    newest: &ReleaseSet,
    options: &Options,
) -> Result<Option<Tried>, EngineError> {
    let served = seeing.served.map(|served| served.date);
    let hopeful: Vec<Candidate> = held
        .remembered
        .state
        .candidates
        .iter()
        .filter(|candidate| candidate.identity != newest.identity)
        .filter(|candidate| {
            candidate.date <= newest.release.date && served.is_none_or(|served| candidate.date > served)
        })
        .cloned()
        .collect();
    if options.force || held.remembered.state.hold.is_some() {
        return Ok(None);
    }
    for candidate in hopeful {
        let Some(set) = candidates::load(run, &candidate).await? else { continue };
        let target = Target { set: &set, in_master: ReleaseTags::default(), hold: false };
        match try_release(run, held, seeing, &target, options).await? {
            Tried::Missing(_) | Tried::Refused(_) | Tried::WouldSwap(_) => {}
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
    let previous = vouched.and(seeing.live.set.as_ref()).map(|set| &set.release);
    let scope = run.settings.scope.fingerprint();
    let progress = Progress {
        identity: target.set.identity,
        scope: scope.clone(),
        live: vouched.map(|served| served.identity),
        full: options.full,
        verified: std::collections::BTreeMap::new(),
    };
    let earlier = held.remembered.state.progress.clone().filter(|earlier| is_same_work(earlier, &progress));
    let filling = Filling { set: target.set, previous, progress: earlier.as_ref() };
    match fill(run, &filling).await? {
        Filled::Whole { present, in_place } => {
            let before = match (vouched, previous) {
                (Some(served), Some(_)) => Some(served.identity),
                _ => None,
            };
            let plan = plan_swap(
                target.set,
                &present,
                before.as_ref().zip(previous).map(|(identity, release)| Before { identity, release }),
                in_place,
            );
            carry_out(run, held, seeing, target, plan, options).await
        }
        Filled::Missing { missing, verified } => {
            held.state().progress = Some(Progress { verified, ..progress });
            Ok(Tried::Missing(missing))
        }
        Filled::SliceOver { verified } => {
            held.state().progress = Some(Progress { verified, ..progress });
            Ok(Tried::SliceOver)
        }
        Filled::Refused { rule } => Ok(Tried::Refused(rule)),
        Filled::WouldCopy { objects } => {
            let mut answer = Answer::new(Outcome::Swapped);
            answer.would_copy = Some(objects);
            answer.live_date = seeing.served.map(|served| served.date);
            Ok(Tried::WouldSwap(Box::new(answer)))
        }
    }
}

fn is_same_work(earlier: &Progress, now: &Progress) -> bool {
    Progress { verified: std::collections::BTreeMap::new(), ..earlier.clone() } == *now
}

/// Swaps a release that is whole. The intent is written first: whoever finds it unfinished checks every canonical name.
async fn carry_out(
    run: &Run<'_>,
    held: &mut Held<'_>,
    seeing: &Seeing,
    target: &Target<'_>,
    plan: suitecast_mirror::SwapPlan,
    options: &Options,
) -> Result<Tried, EngineError> {
    let began = run.now();
    let identity: Identity = target.set.identity;
    let intent = Intent {
        identity,
        date: target.set.release.date,
        scope: run.settings.scope.fingerprint(),
        in_master: target.in_master.clone(),
        hold: target.hold,
        begun_at: began,
    };
    let state = held.state();
    if let Some(digest) = identity.commit_digest() {
        state.prepare_history(digest, began);
    }
    state.intent = Some(intent.clone());
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
    answer.lag_seconds = Some(lag(run.now(), target.set.release.date));
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
    let waited = if is_still_waiting { None } else { state.waiting.take() };
    waiting::unmark(run, waited.as_ref(), None).await?;
    candidates::forget(run, &dropped).await
}

fn lag(now: Timestamp, date: Timestamp) -> u64 {
    u64::try_from(now.duration_since(date).as_secs()).unwrap_or(0)
}
