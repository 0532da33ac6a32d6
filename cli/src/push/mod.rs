//! `suitecast push`: fills the master bucket from a directory.
//!
//! The way of a push:
//!
//! 1. the tree is looked through ([`tree`]), its archives are found ([`places`]), its own indices say what its files should
//!    be and whether it is complete ([`mod@survey`]); meanwhile the bucket is listed once ([`bucket`]);
//! 2. [`plan`] decides without I/O what is sent, in which order, and what is deleted; [`mod@compare`] gets it what it asks for;
//! 3. [`send`] sends phase by phase, release files last, then what nothing names is deleted;
//! 4. what was learnt goes into the [`record`], however it ended.
//!
//! What must never happen: a release file that goes up although something that it names did not, and a deletion of what an
//! index of the tree names.

mod arguments;
mod bucket;
mod compare;
mod files;
mod places;
mod plan;
mod progress;
mod record;
mod report;
mod selection;
mod send;
mod stop;
mod survey;
mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use suitecast_archive::UnlistedTrees;
use suitecast_store::{S3Bucket, S3Uploads, Store, StoreError};
use tokio::task::spawn_blocking;

pub(crate) use arguments::PushArguments;

use crate::clients;
use crate::exit::{Exit, Failure, exit_of};
use crate::output::Output;
use arguments::PushSettings;
use bucket::{listing, load_record, save_record};
use compare::{Comparison, compare};
use files::Directory;
use plan::{Destination, Item, ListedObject, Phase, deletions, items};
use progress::Progress;
use record::Record;
use report::{MAX_TOLD, Report};
use send::{PhaseOutcome, Sender};
use stop::Stop;
use survey::{Question, Survey, survey};
use tree::{TreeFile, read_tree};

/// Directories that no release lists, as the template's parameter has them by default.
const UNLISTED_TREES: &str = "installer-*,dist-upgrader-*,signed,uefi";

/// Runs the command.
pub(crate) async fn run(arguments: PushArguments, output: &Output) -> Result<Exit, Failure> {
    let settings = arguments.read()?;
    let stop = Stop::on_signals().map_err(|error| Failure::temporary(format!("cannot hear signals: {error}")))?;
    let push = stop.or(Box::pin(Push::prepare(settings, output))).await;
    let push = push.unwrap_or_else(|| Err(Failure::new(Exit::Interrupted, "interrupted; nothing was sent")))?;
    Box::pin(push.run(&stop, output)).await
}

/// A tree that was looked through, beside the bucket that it goes to.
struct Push {
    settings: PushSettings,
    unlisted: UnlistedTrees,
    archives: suitecast_archive::Archives,
    files: Arc<[TreeFile]>,
    survey: Survey,
    store: S3Bucket,
    uploads: S3Uploads,
    listing: HashMap<String, ListedObject>,
    record: Record,
    comparison: Comparison,
}

impl Push {
    /// Looks at both ends. Nothing is written.
    async fn prepare(settings: PushSettings, output: &Output) -> Result<Self, Failure> {
        let unlisted = UnlistedTrees::parse(UNLISTED_TREES).map_err(|error| Failure::usage(error.to_string()))?;
        let files: Arc<[TreeFile]> = spawn_blocking({
            let (directory, selection) = (settings.directory.clone(), settings.selection.clone());
            move || {
                let tree = read_tree(&directory, &selection)?;
                refuse_faults("the tree cannot be pushed as it is", &tree.faults)?;
                Ok::<_, Failure>(tree.files.into())
            }
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let local = spawn_blocking({
            let (directory, files) = (settings.directory.clone(), Arc::clone(&files));
            let (prefix, archives) = (settings.destination.prefix.clone(), settings.archives.clone());
            let (suites, scope, unlisted) = (settings.suites.clone(), settings.scope.clone(), unlisted.clone());
            move || {
                let archives = archives
                    .or_else(|| {
                        places::archives_of(&files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), &prefix)
                    })
                    .ok_or_else(|| Failure::usage("cannot find out where the archives lie: say it by --archives"))?;
                let question = Question {
                    files: &files,
                    prefix: &prefix,
                    archives: &archives,
                    unlisted: &unlisted,
                    suites: &suites,
                    scope: &scope,
                };
                let survey = survey(&question, &Directory(directory.clone()));
                Ok::<_, Failure>((archives, survey))
            }
        });
        let url = settings.destination.clone();
        let remote = async {
            let shared = clients::shared_config().await?;
            let client = clients::s3_client_of(&shared, &url.bucket).await?;
            let store = S3Bucket::new(client.clone(), &url.bucket);
            let (listing, record) = tokio::try_join!(
                listing(&store, &url.prefix, &files, settings.concurrency),
                load_record(&store, &url.prefix)
            )?;
            Ok::<_, Failure>((store, S3Uploads::new(client, &url.bucket), listing, record))
        };
        let local = async { local.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) };
        let ((archives, survey), (store, uploads, listing, record)) = tokio::try_join!(local, remote)?;
        let comparison = Comparison::default();
        let mut push =
            Self { settings, unlisted, archives, files, survey, store, uploads, listing, record, comparison };
        push.check(output)?;
        let items = items(&push.files, &push.survey, &push.destination());
        let directory = push.directory();
        let concurrency = push.settings.concurrency;
        push.comparison = compare(items, &push.listing, &push.record, &push.store, &directory, concurrency).await?;
        let faults: Vec<String> = push.comparison.faults.iter().map(ToString::to_string).collect();
        refuse_faults("files of the tree cannot be compared", &faults)?;
        Ok(push)
    }

    fn destination(&self) -> Destination<'_> {
        Destination { prefix: &self.settings.destination.prefix, archives: &self.archives, unlisted: &self.unlisted }
    }

    fn directory(&self) -> Directory {
        Directory(self.settings.directory.clone())
    }

    /// Refuses a tree that is no complete archive, unless that was allowed.
    fn check(&self, output: &Output) -> Result<(), Failure> {
        let settings = &self.settings;
        if self.files.is_empty() {
            let text = format!("{} holds no file to push", settings.directory.display());
            return Err(if settings.max_delete.is_some() { Failure::refused(text) } else { Failure::wrong(text) });
        }
        if self.survey.chosen.is_empty() && !settings.suites.is_everything() {
            return Err(Failure::wrong("no suite of the tree is of the form that --suite gives"));
        }
        let problems = &self.survey.problems;
        for problem in problems.iter().take(MAX_TOLD) {
            output.remark(problem);
        }
        if problems.len() > MAX_TOLD {
            output.remark(format_args!("… and {} more", problems.len() - MAX_TOLD));
        }
        let incomplete = format!("the tree is no complete archive ({} problems)", problems.len());
        if settings.max_delete.is_some() {
            if self.survey.chosen.is_empty() {
                return Err(Failure::refused(
                    "--delete: the tree holds no release, so that everything would be deleted",
                ));
            }
            if !problems.is_empty() || self.survey.is_blind {
                let text = format!("--delete: {incomplete}, so that it is not known what is named");
                return Err(Failure::refused(text));
            }
        }
        if settings.is_checked && !problems.is_empty() {
            let told = output.json(&self.report(Exit::Wrong, &Done::default()));
            let advice = "nothing was sent; --no-check sends it all the same, --suite, --components and --architectures \
                          limit what is looked at";
            return output.ending(Err(Failure::wrong(format!("{incomplete}: {advice}"))), told).map(|_| ());
        }
        Ok(())
    }

    /// The keys to delete.
    fn deletions(&self) -> Vec<String> {
        if self.settings.max_delete.is_none() {
            return Vec::new();
        }
        deletions(&self.listing, &self.files, &self.survey, &self.settings.selection, &self.destination())
    }

    /// Sends what is to be sent, and says how it went.
    async fn run(mut self, stop: &Stop, output: &Output) -> Result<Exit, Failure> {
        let deletions = self.deletions();
        if self.settings.is_dry_run {
            return self.tell_plan(&deletions, output);
        }
        let to_send = std::mem::take(&mut self.comparison.to_send);
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
        self.keep_record(&done, output).await;
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

    /// Writes down what is known now, if that is more than was. Where it cannot be written, the next push asks more.
    async fn keep_record(&mut self, done: &Done, output: &Output) {
        let before = self.record.clone();
        for (item, sha256) in &self.comparison.unchanged {
            if let (Some(sha256), Some(listed)) = (sha256, self.listing.get(&item.key)) {
                self.record.learn(item.key.clone(), listed.etag.clone(), *sha256);
            }
        }
        let sent: HashSet<&str> = done.sent.iter().map(|sent| sent.key.as_str()).collect();
        let deleted: HashSet<&str> = done.deleted.iter().map(String::as_str).collect();
        self.record.keep(|key| (self.listing.contains_key(key) || sent.contains(key)) && !deleted.contains(key));
        for sent in &done.sent {
            self.record.learn(sent.key.clone(), sent.etag.clone(), sent.sha256);
        }
        if self.record == before {
            return;
        }
        if let Err(reason) = save_record(&self.store, &self.settings.destination.prefix, &self.record).await {
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

/// What was done of a plan.
#[derive(Debug, Default)]
struct Done {
    sent: Vec<send::Sent>,
    deleted: Vec<String>,
    deletions_wanted: u64,
    faults: Vec<files::FileError>,
    failures: Vec<StoreError>,
    died: Option<tokio::task::JoinError>,
    is_stopped: bool,
    ended_in: Option<Phase>,
    seconds: f64,
}

impl Done {
    fn take(&mut self, outcome: PhaseOutcome) {
        self.sent.extend(outcome.sent);
        self.faults.extend(outcome.faults);
        self.failures.extend(outcome.failures);
        self.died = outcome.died.or(self.died.take());
        self.is_stopped |= outcome.is_stopped;
    }

    /// Why it is not all done, the gravest first.
    fn failure(&self, max_delete: Option<u64>) -> Option<Failure> {
        let rest = match self.ended_in {
            Some(phase) if phase < Phase::Release => "; no release file was sent",
            Some(_) => "; not every release file was sent",
            None => "",
        };
        if self.is_stopped {
            return Some(Failure::new(Exit::Interrupted, format!("interrupted{rest}; push again to go on")));
        }
        if let Some(error) = self.failures.first() {
            let exit = exit_of(error.kind);
            let again = if exit == Exit::Temporary { "; push again to go on" } else { "" };
            return Some(Failure::new(exit, format!("{error}{rest}{again}")));
        }
        if let Some(error) = &self.died {
            return Some(Failure::temporary(format!("a task died: {error}{rest}")));
        }
        if !self.faults.is_empty() {
            return Some(Failure::wrong(format!("{} files of the tree could not be sent{rest}", self.faults.len())));
        }
        let is_over = max_delete.is_some_and(|most| self.deletions_wanted > most);
        is_over.then(|| too_many_deletions(self.deletions_wanted, max_delete))
    }
}

fn too_many_deletions(wanted: u64, most: Option<u64>) -> Failure {
    let most = most.unwrap_or_default();
    Failure::refused(format!(
        "{wanted} objects would be deleted and --max-delete is {most}: none is; see what they are by --dry-run"
    ))
}

fn refuse_faults(what: &str, faults: &[String]) -> Result<(), Failure> {
    if faults.is_empty() {
        return Ok(());
    }
    let mut text = format!("{what}; nothing was sent:");
    for fault in faults.iter().take(MAX_TOLD) {
        text.push_str("\n  ");
        text.push_str(fault);
    }
    if faults.len() > MAX_TOLD {
        text = format!("{text}\n  … and {} more", faults.len() - MAX_TOLD);
    }
    Err(Failure::wrong(text))
}
