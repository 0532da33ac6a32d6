//! `suitecast push`: fills the master bucket from a directory.
//!
//! The way of a push:
//!
//! 1. the tree is looked through ([`tree`]), its archives are found ([`places`]), its own indices say what its files should
//!    be and whether it is complete ([`mod@survey`]); meanwhile it is found out what the bucket holds ([`inventory`]), by the
//!    record of the last push or by one listing ([`bucket`]); all this is [`prepare`]'s;
//! 2. [`plan`] decides without I/O what is sent, in which order, and what is deleted; [`mod@compare`] gets it what it asks for,
//!    and [`following`] finds what Regions would refuse after what the bucket holds;
//! 3. [`send`] sends phase by phase, release files last, then what nothing names is deleted;
//! 4. what was learnt goes into the [`record`], however it ended.
//!
//! What must never happen: a release file that goes up although something that it names did not, and a deletion of what an
//! index of the tree names.

mod arguments;
mod bucket;
mod compare;
mod done;
mod files;
mod following;
mod inventory;
mod places;
mod plan;
mod prepare;
mod progress;
mod record;
mod report;
mod selection;
mod send;
mod stop;
mod survey;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt, stream};
use suitecast_archive::{Archives, UnlistedTrees};
use suitecast_engine::Clock;
use suitecast_lambda::clock::SystemClock;
use suitecast_store::{S3Bucket, S3Uploads, Store};

pub(crate) use arguments::PushArguments;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use arguments::PushSettings;
use compare::Comparison;
use done::{Done, too_many_deletions};
use files::Directory;
use inventory::{Ending, Inventory, Target};
use plan::{Destination, Item, Phase, deletions};
use progress::Progress;
use report::{MAX_TOLD, Report};
use send::Sender;
use stop::Stop;
use survey::Survey;
use tree::TreeFile;

/// Runs the command.
pub(crate) async fn run(arguments: PushArguments, output: &Output) -> Result<Exit, Failure> {
    let settings = arguments.read()?;
    let stop = Stop::on_signals().map_err(|error| Failure::temporary(format!("cannot hear signals: {error}")))?;
    let interrupted = || Failure::new(Exit::Interrupted, "interrupted; nothing was sent");
    let push = stop.or(Box::pin(Push::look_through(settings, output))).await;
    let mut push = push.unwrap_or_else(|| Err(interrupted()))?;
    let compared = stop.or(Box::pin(push.compare(output))).await;
    if let Err(failure) = compared.unwrap_or_else(|| Err(interrupted())) {
        // Asking about each object of a large bucket takes a while: the next push need not begin again.
        push.keep_record(&Done::default(), Ending::CutShort, output).await;
        return Err(failure);
    }
    Box::pin(push.run(&stop, output)).await
}

/// Where a push goes to, for its inventory.
fn target<'a>(
    settings: &'a PushSettings,
    archives: &'a Archives,
    unlisted: &'a UnlistedTrees,
    store: &'a S3Bucket,
) -> Target<'a> {
    let (prefix, concurrency) = (settings.destination.prefix.as_str(), settings.concurrency);
    Target { store, prefix, archives, unlisted, concurrency, now: SystemClock.now() }
}

/// A tree that was looked through, beside the bucket that it goes to.
struct Push {
    settings: PushSettings,
    unlisted: UnlistedTrees,
    archives: Archives,
    files: Arc<[TreeFile]>,
    survey: Survey,
    store: S3Bucket,
    uploads: S3Uploads,
    inventory: Inventory,
    comparison: Comparison,
}

impl Push {
    fn destination(&self) -> Destination<'_> {
        Destination { prefix: &self.settings.destination.prefix, archives: &self.archives, unlisted: &self.unlisted }
    }

    fn directory(&self) -> Directory {
        Directory(self.settings.directory.clone())
    }

    /// The keys to delete.
    fn deletions(&self) -> Vec<String> {
        if self.settings.max_delete.is_none() {
            return Vec::new();
        }
        deletions(&self.inventory.objects, &self.files, &self.survey, &self.settings.selection, &self.destination())
    }

    /// Sends what is to be sent, and says how it went.
    async fn run(mut self, stop: &Stop, output: &Output) -> Result<Exit, Failure> {
        let deletions = self.deletions();
        if self.settings.is_dry_run {
            return self.tell_plan(&deletions, output);
        }
        let to_send = std::mem::take(&mut self.comparison.to_send);
        if !(to_send.is_empty() && deletions.is_empty()) {
            self.unseal_record().await?;
        }
        let total_bytes = to_send.iter().map(|(item, _)| item.size).sum();
        let progress = Arc::new(Progress::new(output.is_terminal(), to_send.len() as u64, total_bytes));
        let mut done = Done { deletions_wanted: deletions.len() as u64, ..Done::default() };
        let work = self.send_and_delete(to_send, deletions, &progress, stop, &mut done);
        tokio::select! {
            () = work => {}
            never = progress.lines(output) => match never {},
        }
        progress.end(output);
        done.seconds = progress.elapsed().as_secs_f64();
        let ending = match done.failure(self.settings.max_delete) {
            None => Ending::Finished,
            Some(_) => Ending::CutShort,
        };
        self.keep_record(&done, ending, output).await;
        self.tell(&done, output)
    }

    async fn send_and_delete(
        &self,
        to_send: Vec<(Item, plan::Reason)>,
        deletions: Vec<String>,
        progress: &Arc<Progress>,
        stop: &Stop,
        done: &mut Done,
    ) {
        let concurrency = self.settings.concurrency;
        let sender =
            Sender::new(self.uploads.clone(), self.directory(), Arc::clone(progress), stop.clone(), concurrency);
        let mut by_phase: HashMap<Phase, Vec<Item>> = HashMap::new();
        for (item, _) in to_send {
            by_phase.entry(item.phase).or_default().push(item);
        }
        for phase in Phase::ALL {
            let Some(items) = by_phase.remove(&phase) else { continue };
            progress.phase(phase.name());
            let outcome = sender.phase(items).await;
            let is_complete = outcome.is_complete();
            done.take(outcome);
            if !is_complete {
                done.ended_in = Some(phase);
                return;
            }
        }
        if self.settings.max_delete.is_some_and(|most| deletions.len() as u64 > most) {
            return;
        }
        let mut answers = stream::iter(deletions)
            .map(|key| async move { self.store.delete(&key).await.map(|()| key) })
            .buffer_unordered(concurrency);
        while let Some(Some(answer)) = stop.or(answers.next()).await {
            match answer {
                Ok(key) => done.deleted.push(key),
                Err(error) => {
                    done.failures.push(error);
                    return;
                }
            }
        }
        done.is_stopped |= stop.is_wished();
    }

    /// Before the first write: the record is behind the bucket from here on, and no other push may go by it alone.
    async fn unseal_record(&mut self) -> Result<(), Failure> {
        let Self { settings, archives, unlisted, store, inventory, .. } = self;
        inventory.unseal(&target(settings, archives, unlisted, store)).await.map_err(|error| {
            let failure = Failure::from(error);
            Failure::new(
                failure.exit,
                format!("breaking the seal of the record: {}; nothing was sent", failure.message),
            )
        })
    }

    /// Writes down what is known now, if that is more than was. Where it cannot be written, the next push asks more.
    async fn keep_record(&mut self, done: &Done, ending: Ending, output: &Output) {
        if self.settings.is_dry_run {
            return;
        }
        let Self { settings, archives, unlisted, store, inventory, comparison, .. } = self;
        let target = target(settings, archives, unlisted, store);
        if let Err(reason) = inventory.keep(&target, &comparison.unchanged, done, ending).await {
            output.remark(format_args!(
                "what was learnt could not be written down, so that the next push asks about each object: {reason}"
            ));
        }
    }

    fn report<'a>(&'a self, exit: Exit, done: &'a Done) -> Report<'a> {
        Report {
            destination: self.settings.destination.to_string(),
            dry_run: self.settings.is_dry_run,
            exit: exit.code(),
            suites: self.survey.chosen.iter().map(ToString::to_string).collect(),
            sent: done.sent.len() as u64,
            sent_bytes: done.sent.iter().map(|sent| sent.size).sum(),
            unchanged: self.comparison.unchanged.len() as u64,
            asked: self.comparison.asked,
            read: self.comparison.read,
            deleted: done.deleted.len() as u64,
            listed_at: self.inventory.listed_at.to_string(),
            is_listed: self.inventory.is_listed,
            problem_count: self.survey.problems.len() as u64,
            problems: self.survey.problems.iter().take(MAX_TOLD).collect(),
            would_send: Vec::new(),
            would_delete: Vec::new(),
            seconds: done.seconds,
        }
    }

    fn tell_plan(&self, deletions: &[String], output: &Output) -> Result<Exit, Failure> {
        let wanted = deletions.len() as u64;
        let is_over = self.settings.max_delete.is_some_and(|most| wanted > most);
        let exit = if is_over { Err(too_many_deletions(wanted, self.settings.max_delete)) } else { Ok(Exit::Done) };
        let code = exit.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
        let told = self.tell_each_step(code, deletions, output);
        output.ending(exit, told)
    }

    fn tell_each_step(&self, exit: Exit, deletions: &[String], output: &Output) -> Result<(), Failure> {
        for (item, reason) in &self.comparison.to_send {
            output.line(format_args!("send   {} ({} bytes, {})", item.key, item.size, report::word(*reason)))?;
        }
        for key in deletions {
            output.line(format_args!("delete {key}"))?;
        }
        let done = Done::default();
        let mut report = self.report(exit, &done);
        report.would_send =
            self.comparison.to_send.iter().map(|(item, reason)| report::WouldSend::of(item, *reason)).collect();
        report.would_delete = deletions.to_vec();
        output.line(report.dry_summary(&self.comparison))?;
        output.json(&report)
    }

    fn tell(&self, done: &Done, output: &Output) -> Result<Exit, Failure> {
        for fault in done.faults.iter().take(MAX_TOLD) {
            output.remark(fault);
        }
        let exit = done.failure(self.settings.max_delete).map_or(Ok(Exit::Done), Err);
        let report = self.report(exit.as_ref().map_or_else(|failure| failure.exit, |exit| *exit), done);
        let told = output.line(report.summary()).and_then(|()| output.json(&report));
        output.ending(exit, told)
    }
}
