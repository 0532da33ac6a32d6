//! Publishing one suite: look, decide, fill, swap, record.
//!
//! Level-triggered: a run compares what the master's release asks for with what the Region has, does what is missing and
//! swaps when nothing is. Running it twice changes nothing. The order of its writes is what keeps clients whole, and is
//! explained where each is made.

use jiff::Timestamp;
use suitecast_archive::SuiteName;
use suitecast_mirror::{Authenticity, ReleaseTags, SuiteState, SwapPlan, Waiting, Woken};

use crate::attempt::{self, Master};
use crate::lease::Held;
use crate::limits::{MAX_HOPS, MAX_LOOKS};
use crate::release_io::{MasterLook, look_at_master, region_tags};
use crate::report::{Outcome, PublishReport};
use crate::run::Run;
use crate::state_store;
use crate::{EngineError, Ports, Settings, Wake, lease};

/// What is asked of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishRequest {
    /// The suite.
    pub suite: SuiteName,
    /// Look and answer, write nothing.
    pub dry_run: bool,
    /// Accept an older release and hold the suite there; or go on from such a hold.
    pub force: bool,
    /// Check everything, whatever the state vouches for.
    pub full: bool,
    /// How often this work re-queued itself already.
    pub hops: u32,
}

impl PublishRequest {
    /// A plain look at a suite.
    pub fn new(suite: SuiteName) -> Self {
        Self { suite, dry_run: false, force: false, full: false, hops: 0 }
    }
}

impl From<Wake> for PublishRequest {
    fn from(wake: Wake) -> Self {
        Self { suite: wake.suite, dry_run: false, force: wake.force, full: wake.full, hops: wake.hops }
    }
}

/// Publishes a suite as far as it can be.
///
/// # Errors
/// Failures of the store or the queue that are no answer. Nothing that is served is touched by an error, or the swap
/// that was under way is recorded in the suite's intent and the next run completes it.
pub async fn run(ports: &Ports, settings: &Settings, request: &PublishRequest) -> Result<PublishReport, EngineError> {
    let run = Run::new(ports, settings, &request.suite, request.dry_run)?;
    let mut options = Options { force: request.force, full: request.full, hops: request.hops, answers_others: false };
    let holder = lease::token(run.started);
    let mut swapped = None;
    for _ in 0..MAX_LOOKS {
        match Box::pin(look_once(&run, &mut options, &holder)).await? {
            // Somebody came while this run swapped, and it looked again: what it did is still the answer.
            Look::Answer(answer) if answer.outcome.is_without_news() => {
                return Ok(report(&run, swapped.unwrap_or(*answer)));
            }
            Look::Answer(answer) => return Ok(report(&run, *answer)),
            Look::Again(earlier) => swapped = earlier.map(|answer| *answer).or(swapped),
        }
        if run.is_over() {
            break;
        }
    }
    if !run.is_over() && swapped.is_none() {
        let suite = request.suite.to_string();
        return Err(EngineError::Contended { suite, doing: "publishing it", attempts: MAX_LOOKS });
    }
    if !run.looks_only {
        go_on_later(&run, &options).await?;
    }
    Ok(report(&run, swapped.unwrap_or_else(|| Answer::new(Outcome::Continued))))
}

/// Leaves the rest to a run of its own: sent before this message is acknowledged, so that it cannot get lost.
async fn go_on_later(run: &Run<'_>, options: &Options) -> Result<(), EngineError> {
    if options.hops >= MAX_HOPS {
        tracing::error!(suite = %run.suite, hops = options.hops, "this work has re-queued itself too often; the sweep goes on");
        return Ok(());
    }
    let wake = Wake { suite: run.suite.clone(), force: options.force, full: options.full, hops: options.hops + 1 };
    run.ports
        .queue
        .wake(&[wake])
        .await
        .map_err(|source| EngineError::Queue { doing: format!("suite {}: re-queueing the rest", run.suite), source })
}

/// What is asked of the run, by its caller and by those who came while it worked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) force: bool,
    pub(crate) full: bool,
    pub(crate) hops: u32,
    /// Whether some of it was asked by others, who were told that a run is at work and will not come again.
    pub(crate) answers_others: bool,
}

impl Options {
    /// Does what others asked for as well.
    pub(crate) fn take_over(&mut self, woken: Woken) {
        self.force |= woken.force;
        self.full |= woken.full;
        self.answers_others |= woken.again;
    }

    /// What the next run has to take over if this one dies. What only its own caller asked for, that one asks again.
    pub(crate) fn owed(self) -> Woken {
        if self.answers_others { Woken { again: true, force: self.force, full: self.full } } else { Woken::default() }
    }

    /// What was asked for is done: what comes next is a look like any other.
    pub(crate) fn are_met(&mut self) {
        self.force = false;
        self.full = false;
    }
}

/// What one look came to.
pub(crate) enum Look {
    /// This is the answer.
    Answer(Box<Answer>),
    /// Something changed meanwhile; with what this look did before it was noticed.
    Again(Option<Box<Answer>>),
}

impl Look {
    /// The same, with what was found out of the signature.
    pub(crate) fn with(mut self, authenticity: Authenticity) -> Self {
        if let Self::Answer(answer) | Self::Again(Some(answer)) = &mut self {
            answer.authenticity = Some(authenticity);
        }
        self
    }
}

/// What there is to say of a run, beside what it counted.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<String>,
    /// Where it is refused: the first of the rules that it breaks.
    pub(crate) rules: Vec<String>,
    pub(crate) live_date: Option<Timestamp>,
    pub(crate) master_date: Option<Timestamp>,
    pub(crate) waiting: Option<Waiting>,
    /// The keys whose upload wakes the suite.
    pub(crate) awaited: Vec<String>,
    /// `None`: the run did not come to look at a signature.
    pub(crate) authenticity: Option<Authenticity>,
    pub(crate) would_copy: Option<u64>,
    pub(crate) lag_seconds: Option<u64>,
    pub(crate) plan: SwapPlan,
}

impl Answer {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            rules: Vec::new(),
            live_date: None,
            master_date: None,
            waiting: None,
            awaited: Vec::new(),
            authenticity: None,
            would_copy: None,
            lag_seconds: None,
            plan: SwapPlan::default(),
        }
    }

    /// The release breaks a rule, or several.
    pub(crate) fn refused(rules: Vec<String>) -> Self {
        let reason = match rules.as_slice() {
            [first, _, ..] => Some(format!("{first}; and {} more like it at least", rules.len() - 1)),
            rules => rules.first().cloned(),
        };
        Self { reason, rules, ..Self::new(Outcome::Refused) }
    }

    pub(crate) fn because(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }
}

fn report(run: &Run<'_>, answer: Answer) -> PublishReport {
    let now = run.now();
    let seconds = |since: Timestamp| u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0);
    let (missing_count, missing, waiting_seconds) = answer
        .waiting
        .map_or_else(Default::default, |waiting| (waiting.count, waiting.missing, seconds(waiting.since)));
    PublishReport {
        suite: run.suite.clone(),
        outcome: answer.outcome,
        reason: answer.reason,
        rules: answer.rules,
        live_date: answer.live_date.map(|date| date.to_string()),
        master_date: answer.master_date.map(|date| date.to_string()),
        missing_count,
        missing,
        awaited: answer.awaited,
        waiting_seconds,
        lag_seconds: answer.lag_seconds,
        objects_copied: run.meter.objects_copied(),
        bytes_copied: run.meter.bytes_copied(),
        would_copy: answer.would_copy,
        requests: run.meter.requests(),
        signature: answer.authenticity.unwrap_or_else(|| unlooked_at(run)),
        dry_run: run.looks_only,
        duration_ms: u64::try_from(now.duration_since(run.started).as_millis()).unwrap_or(0),
        plan: answer.plan,
    }
}

/// What is said of a signature that nobody looked at.
fn unlooked_at(run: &Run<'_>) -> Authenticity {
    if run.settings.keyring.is_some() { Authenticity::NotReached } else { Authenticity::NotChecked }
}

/// One look at the suite, from its state to an answer.
async fn look_once(run: &Run<'_>, options: &mut Options, holder: &str) -> Result<Look, EngineError> {
    let mut remembered = state_store::load(run.region.as_ref(), run.suite).await?;
    if !run.looks_only && remembered.state.is_held_by_another(holder, run.now()) {
        return lease::mark_woken(run, remembered, options).await;
    }
    // Left by a run that died.
    options.take_over(remembered.state.owed());
    let master = match quick_look(run, &remembered.state, options).await? {
        Quick::UpToDate(answer) => return Ok(Look::Answer(answer)),
        Quick::Changed(master) => master,
        Quick::Tampered => {
            // Whoever wrote there may have written elsewhere: nothing that was recorded is believed.
            if let Some(live) = &mut remembered.state.live {
                live.in_region = ReleaseTags::default();
            }
            None
        }
    };
    if run.looks_only {
        return attempt::work(run, &mut Held { remembered, holder }, master, options).await;
    }
    let Some(mut held) = lease::take(run, remembered, holder, options).await? else { return Ok(Look::Again(None)) };
    let look = attempt::work(run, &mut held, master, options).await;
    if look.is_err() {
        // The lease would run out by itself; letting go now brings the retry forward. It failed already, and says why.
        let _ = lease::give_up(run, &mut held).await;
    }
    look
}

enum Quick {
    UpToDate(Box<Answer>),
    /// Not as recorded. The master's release files as they were read, unless they are as recorded.
    Changed(Option<Master>),
    /// The master is as recorded, and somebody else wrote to the Region's release files.
    Tampered,
}

/// The cheap look, without a lease: five requests with the state. Anything but "as recorded, tag for tag" is left to the
/// full one. The state was read before the master, so a lease taken on that state proves that nobody worked in between.
async fn quick_look(run: &Run<'_>, state: &SuiteState, options: &Options) -> Result<Quick, EngineError> {
    let known = state.live.as_ref().map(|live| &live.in_master);
    let master = look_at_master(run.master.as_ref(), run.suite, known)
        .await
        .map_err(run.failed("reading the master's release files"))?;
    let live = match (master, &state.live) {
        (MasterLook::Read { files, tags }, _) => return Ok(Quick::Changed(Some(Master { files, tags }))),
        (MasterLook::Unchanged, None) => return Ok(Quick::Changed(None)),
        (MasterLook::Unchanged, Some(live)) => live,
    };
    let settled = state.intent.is_none()
        && state.waiting.is_none()
        && state.unsettled.is_none()
        && state.filling.is_none()
        && state.refused.is_none()
        && !state.owed().again;
    let as_set = live.scope == run.settings.scope.fingerprint() && live.keyring == run.settings.keyring_fingerprint();
    if options.full || !settled || !as_set {
        return Ok(Quick::Changed(None));
    }
    let here = region_tags(run.region.as_ref(), run.suite).await.map_err(run.failed("looking at what is served"))?;
    if here != live.in_region {
        return Ok(Quick::Tampered);
    }
    let mut answer = Answer::new(Outcome::UpToDate);
    answer.live_date = Some(live.date);
    answer.master_date = Some(live.date);
    answer.authenticity = live.keyring.as_ref().map(|_| Authenticity::Verified);
    Ok(Quick::UpToDate(Box::new(answer)))
}
