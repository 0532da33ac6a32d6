//! Looking at both ends of a push, and what speaks against it. Nothing is written here.

use std::sync::Arc;

use suitecast_archive::UnlistedTrees;
use suitecast_engine::Clock;
use suitecast_lambda::clock::SystemClock;
use suitecast_store::{S3Bucket, S3Uploads};
use tokio::task::spawn_blocking;

use super::arguments::PushSettings;
use super::compare::{Comparing, Comparison};
use super::done::Done;
use super::files::Directory;
use super::following::{Following, Leftovers};
use super::inventory::Sources;
use super::plan::items;
use super::report::MAX_TOLD;
use super::survey::{Problem, Question, survey};
use super::tree::{TreeFile, read_tree};
use super::{Push, inventory, places, target};
use crate::clients;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::reader::{BucketReader, ReadFailureKind};

/// Directories that no release lists, as the template's parameter has them by default.
const UNLISTED_TREES: &str = "installer-*,dist-upgrader-*,signed,uefi";

impl Push {
    /// Looks at both ends. Nothing is written.
    pub(super) async fn look_through(settings: PushSettings, output: &Output) -> Result<Self, Failure> {
        let unlisted = UnlistedTrees::parse(UNLISTED_TREES).map_err(|error| Failure::usage(error.to_string()))?;
        let (files, archives) = spawn_blocking({
            let (directory, selection) = (settings.directory.clone(), settings.selection.clone());
            let (prefix, archives) = (settings.destination.prefix.clone(), settings.archives.clone());
            move || {
                let tree = read_tree(&directory, &selection)?;
                refuse_faults("the tree cannot be pushed as it is", &tree.faults)?;
                let files: Arc<[TreeFile]> = tree.files.into();
                let paths = || files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>();
                let archives = archives
                    .or_else(|| places::archives_of(&paths(), &prefix))
                    .ok_or_else(|| Failure::usage("cannot find out where the archives lie: say it by --archives"))?;
                Ok::<_, Failure>((files, archives))
            }
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let local = spawn_blocking({
            let (directory, files) = (settings.directory.clone(), Arc::clone(&files));
            let (prefix, archives) = (settings.destination.prefix.clone(), archives.clone());
            let (suites, scope, unlisted) = (settings.suites.clone(), settings.scope.clone(), unlisted.clone());
            let selection = settings.selection.clone();
            move || {
                let question = Question {
                    files: &files,
                    prefix: &prefix,
                    archives: &archives,
                    unlisted: &unlisted,
                    suites: &suites,
                    scope: &scope,
                    selection: &selection,
                    now: SystemClock.now(),
                };
                survey(&question, &Directory(directory))
            }
        });
        let url = settings.destination.clone();
        let remote = async {
            let shared = clients::shared_config().await?;
            let client = clients::s3_client_of(&shared, &url.bucket).await?;
            let store = S3Bucket::new(client.clone(), &url.bucket);
            // What is to be deleted must not be told from memory.
            let is_by_record = settings.max_delete.is_none() && !settings.is_listed;
            let sources = if is_by_record { Sources::RecordOrListing } else { Sources::ListingAlone };
            let inventory = inventory::take(&target(&settings, &archives, &unlisted, &store), &files, sources).await?;
            Ok::<_, Failure>((store, S3Uploads::new(client, &url.bucket), inventory))
        };
        let local = async { Ok(local.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))) };
        let (survey, (store, uploads, inventory)) = tokio::try_join!(local, remote)?;
        let comparison = Comparison::default();
        let push = Self { settings, unlisted, archives, files, survey, store, uploads, inventory, comparison };
        push.check(output)?;
        Ok(push)
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
        tell_problems(problems, output);
        let incomplete = format!("the tree is no archive that Regions can serve ({} problems)", problems.len());
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
            let advice = "nothing was sent; --no-check sends it all the same, --suite, --components and --architectures \
                          limit what is looked at";
            return self.refuse(format!("{incomplete}: {advice}"), output);
        }
        Ok(())
    }

    /// Compares the tree with the bucket, and its releases with those there. What is learnt on the way stays in
    /// [`Push::comparison`], however this ends.
    pub(super) async fn compare(&mut self, output: &Output) -> Result<(), Failure> {
        let items = items(&self.files, &self.survey, &self.destination());
        let directory = self.directory();
        let comparing = Comparing {
            listing: &self.inventory.objects,
            record: &self.inventory.record,
            store: &self.store,
            directory: &directory,
            concurrency: self.settings.concurrency,
        };
        comparing.compare(items, &mut self.comparison).await?;
        let faults: Vec<String> = self.comparison.faults.iter().map(ToString::to_string).collect();
        refuse_faults("files of the tree cannot be compared", &faults)?;
        if self.settings.is_checked {
            self.check_against_bucket(output).await?;
        }
        Ok(())
    }

    /// Refuses what Regions would refuse after the releases that the bucket holds.
    async fn check_against_bucket(&mut self, output: &Output) -> Result<(), Failure> {
        let reader = BucketReader::new(Arc::new(self.store.clone()));
        let leftovers = if self.settings.max_delete.is_some() { Leftovers::AreDeleted } else { Leftovers::Stay };
        let destination = self.destination();
        let following =
            Following { reader: &reader, listing: &self.inventory.objects, destination: &destination, leftovers };
        let problems = match following.problems(&self.survey, &self.comparison.to_send).await {
            Ok(problems) => problems,
            Err(failure) if failure.kind == ReadFailureKind::Denied => {
                let reason = failure.message;
                output.remark(format_args!("whether Regions take the releases is not known before: {reason}"));
                return Ok(());
            }
            Err(failure) => return Err(failure.into()),
        };
        if problems.is_empty() {
            return Ok(());
        }
        tell_problems(&problems, output);
        let count = problems.len();
        self.survey.problems.extend(problems);
        let refused = format!(
            "Regions would refuse what is to be sent ({count} problems): nothing was sent; --no-check sends it all the same"
        );
        self.refuse(refused, output)
    }

    /// Ends with the result and the reason.
    fn refuse(&self, reason: String, output: &Output) -> Result<(), Failure> {
        let told = output.json(&self.report(Exit::Wrong, &Done::default()));
        output.ending(Err(Failure::wrong(reason)), told).map(|_| ())
    }
}

fn tell_problems(problems: &[Problem], output: &Output) {
    for problem in problems.iter().take(MAX_TOLD) {
        output.remark(problem);
    }
    if problems.len() > MAX_TOLD {
        output.remark(format_args!("… and {} more", problems.len() - MAX_TOLD));
    }
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
