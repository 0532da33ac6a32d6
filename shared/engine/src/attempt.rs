//! One attempt at a suite under its lease: what is observed and what follows from it.

use std::collections::BTreeSet;

use suitecast_mirror::{Decided, Decision, Identity, Observation, ReleaseFiles, ReleaseTags, ServedRelease, decide};

use crate::completion::{self, Target};
use crate::lease::{self, Held};
use crate::publish::{Answer, Look, Options};
use crate::release_io::{LiveFile, MasterLook, look_at_live, look_at_master, region_tags, set_tag, tag};
use crate::report::Outcome;
use crate::run::Run;
use crate::swap::Seen;
use crate::{EngineError, candidates, waiting};

/// The master's release files, as read.
pub(crate) struct Master {
    pub(crate) files: ReleaseFiles,
    pub(crate) tags: ReleaseTags,
}

/// What clients see, as observed.
pub(crate) struct Seeing {
    pub(crate) live: LiveFile,
    pub(crate) served: Option<ServedRelease>,
    pub(crate) seen: Seen,
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
    match held.state().forced {
        Some(forced) if forced == Identity::of(&master.files) => options.force = true,
        // The master moved on: what was forced is no longer there to be served.
        _ => held.state().forced = None,
    }
    let state = &held.remembered.state;
    let Decided { decision, authenticity } = decide(&Observation {
        now: run.now(),
        master: &master.files,
        served: seeing.served,
        hold: state.hold,
        unsettled: state.unsettled.as_ref(),
        candidates: &state.candidates,
        keyring: run.settings.keyring.as_deref(),
        force: options.force,
        full: options.full,
    });
    if !matches!(decision, Decision::Unsettled { .. } | Decision::Refused { .. }) {
        held.state().unsettled = None;
    }
    if !matches!(decision, Decision::Publish { .. } | Decision::Refused { .. }) {
        held.state().refused = None;
    }
    let mut answer = match decision {
        Decision::Publish { set, hold } => {
            let target = Target { set: &set, in_master: master.tags, hold };
            return Ok(completion::publish(run, held, &seeing, &target, options).await?.with(authenticity));
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
        Decision::Refused { rule } => {
            held.state().refuse(Identity::of(&master.files), &rule, run.now());
            Answer::refused(vec![rule])
        }
        Decision::Older { rule } => Answer::new(Outcome::Older).because(rule),
        Decision::Held { rule } => Answer::new(Outcome::Held).because(rule),
    };
    answer.live_date = seeing.served.map(|served| served.date);
    Ok(finish(run, held, options, answer).await?.with(authenticity))
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
pub(crate) async fn finish(
    run: &Run<'_>,
    held: &mut Held<'_>,
    options: &mut Options,
    answer: Answer,
) -> Result<Look, EngineError> {
    let is_done = matches!(answer.outcome, Outcome::Swapped | Outcome::UpToDate) && answer.waiting.is_none();
    if is_done {
        // Asked for once is done once: whoever came meanwhile gets a look like any other.
        options.are_met();
    }
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
        // Reached only by a release that is authentic under the keyring that is set now.
        live.keyring = run.settings.keyring_fingerprint();
    }
    state.waiting = None;
    state.filling = None;
    state.progress.clear();
    let dropped = std::mem::take(&mut state.candidates);
    if run.looks_only {
        return Ok(());
    }
    waiting::keep_markers(run, held, BTreeSet::new()).await?;
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
        && intent.is_committed_by(here)
    {
        // The commit took place; only its record is missing. Everything before it was finished.
        let in_region = region_tags(run.region.as_ref(), run.suite).await.map_err(&doing)?;
        tags = Some(in_region.clone());
        completion::commit_to_state(run, held, intent, in_region);
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
    let keyring = run.settings.keyring_fingerprint();
    // Nothing is recorded of it.
    let suspect =
        |identity, date| Some(ServedRelease { identity, date, vouched: false, is_authentic: keyring.is_none() });
    let served = match (recorded, &live.set, &state.live) {
        (Some(recorded), _, _) => Some(ServedRelease {
            identity: recorded.identity,
            date: recorded.date,
            vouched: recorded.scope == scope
                && recorded.in_region == tags
                && state.intent.is_none()
                && !recorded.is_damaged,
            is_authentic: keyring.is_none() || recorded.keyring == keyring,
        }),
        (None, Some(set), _) => suspect(set.identity, set.release.date),
        // Damaged from outside: what was served last still counts for the Date rule.
        (None, None, Some(lost)) => suspect(lost.identity, lost.date),
        (None, None, None) => None,
    };
    Ok(Seeing { live, served, seen: Seen { tags } })
}
