//! `suitecast verify`: an independent reader's check of an archive, in a bucket or over HTTP.
//!
//! It goes by nothing that Suitecast recorded, only by what clients are served: [`walk`] reads the release and its indices,
//! [`plan`] says which and draws the sample, and what is wrong is a [`problem`].

mod arguments;
pub(crate) mod plan;
mod problem;
pub(crate) mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;
use suitecast_archive::{Archive, Digest, Scope, SuiteName, SuitePatterns};
use suitecast_engine::{Clock, Settings, looking};
use suitecast_lambda::clock::SystemClock;
use suitecast_lambda::config::{Looking, variable};
use suitecast_mirror::Identity;
use suitecast_signature::Keyring;
use suitecast_store::Store;

use crate::clients;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::reader::{ArchiveReader, BucketReader, HttpReader, read_release_files};

pub(crate) use arguments::{Target, VerifyArguments};
use plan::{NamedObject, each_once, sample};
use problem::{Problem, ProblemKind};
use walk::{Depth, Signature, Walk, WalkedSuite, compare};

/// Problems that are printed for people; JSON has all of them.
const MAX_SHOWN: usize = 100;
/// Walks that are begun while releases change under them.
const MAX_WALKS: u32 = 3;

/// Runs the command.
pub(crate) async fn run(arguments: VerifyArguments, output: &Output) -> Result<Exit, Failure> {
    let keyring = arguments.keyring.as_deref().map(read_keyring).transpose()?;
    let settings = settings_of(&arguments)?;
    let (reader, suites) = connect(&arguments, &settings).await?;
    let archive = settings.archives.iter().next().cloned();
    let archive = archive.ok_or_else(|| Failure::usage("no archive is named"))?;
    let verification = Verification {
        reader: reader.as_ref(),
        archive: &archive,
        scope: &settings.scope,
        keyring: keyring.as_ref(),
        arguments: &arguments,
        seed: arguments.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()),
    };
    let verified = verification.until_it_stands_still(&suites, output).await;
    verified.report(&arguments, verification.seed, output)
}

fn read_keyring(path: &std::path::Path) -> Result<Keyring, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("reading the keyring {}: {error}", path.display())))?;
    Keyring::parse(&bytes).map_err(|error| {
        Failure::usage(format!("the keyring {}: {}", path.display(), suitecast_mirror::with_causes(&error)))
    })
}

/// What the engine would be told of the archive, so that suites are found and indices are chosen by its rules.
fn settings_of(arguments: &VerifyArguments) -> Result<Settings, Failure> {
    let prefix = match &arguments.target {
        Target::Bucket(url) if !url.prefix.is_empty() => url.prefix.as_str(),
        _ => "/",
    };
    let lookup = |name: &str| match name {
        variable::ARCHIVES => Some(format!("{}{prefix}", if arguments.flat { "flat:" } else { "" })),
        variable::COMPONENTS => Some(arguments.components.clone()),
        variable::ARCHITECTURES => Some(arguments.architectures.clone()),
        variable::STRICTNESS => Some(if arguments.relaxed { "relaxed" } else { "strict" }.to_owned()),
        variable::SECOND_KEYS => Some(arguments.second_keys.to_string()),
        variable::SUITES if !arguments.suites.is_empty() => Some(arguments.suites.join(",")),
        _ => None,
    };
    Ok(Looking::read(lookup).map_err(|error| Failure::usage(error.to_string()))?.settings)
}

/// The archive's reader, and the suites to walk.
async fn connect(
    arguments: &VerifyArguments,
    settings: &Settings,
) -> Result<(Box<dyn ArchiveReader>, Vec<SuiteName>), Failure> {
    match &arguments.target {
        Target::Http(address) => {
            let reader = HttpReader::new(address.clone())?;
            if arguments.flat {
                return Ok((Box::new(reader), vec![SuiteName::root()]));
            }
            if arguments.suites.is_empty() {
                return Err(Failure::usage(
                    "suites cannot be listed over HTTP: name them with --suite, or say --flat for a flat archive",
                ));
            }
            if let Some(pattern) = arguments.suites.iter().find(|name| is_pattern(name)) {
                return Err(Failure::usage(format!(
                    "--suite {pattern}: suites cannot be listed over HTTP, so that a pattern has nothing to match; name each"
                )));
            }
            let named = arguments.suites.iter().map(|name| named_suite("", name)).collect::<Result<Vec<_>, _>>()?;
            Ok((Box::new(reader), named))
        }
        Target::Bucket(url) => {
            let shared = clients::shared_config().await?;
            let store: Arc<dyn Store> = Arc::new(clients::bucket(&shared, &url.bucket).await?);
            let found = looking::suites_of(store.as_ref(), settings).await?;
            let mut suites: BTreeSet<SuiteName> = found.clone();
            let absent: Vec<&str> = patterns_without_a_suite(&arguments.suites, &found);
            if !absent.is_empty() {
                return Err(Failure::wrong(format!("no suite in {url} is of the form {}", absent.join(" or "))));
            }
            for name in arguments.suites.iter().filter(|name| !is_pattern(name)) {
                let suite = named_suite(&url.prefix, name)?;
                // Named and not there is something to report.
                let is_found =
                    found.iter().any(|found| *found == suite || found.as_str().ends_with(&format!("/{name}")));
                if !is_found {
                    suites.insert(suite);
                }
            }
            if suites.is_empty() {
                return Err(Failure::wrong(format!(
                    "no suite lies in {url}dists/; name the archive's prefix as s3://BUCKET/PREFIX, or say --flat for a \
                     flat archive"
                )));
            }
            Ok((Box::new(BucketReader::new(store)), suites.into_iter().collect()))
        }
    }
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// The patterns that no suite is of: mistyped, they would verify nothing and find nothing wrong.
fn patterns_without_a_suite<'a>(asked: &'a [String], found: &BTreeSet<SuiteName>) -> Vec<&'a str> {
    let is_met =
        |text: &str| SuitePatterns::parse(text).is_ok_and(|pattern| found.iter().any(|suite| pattern.matches(suite)));
    asked.iter().map(String::as_str).filter(|text| is_pattern(text) && !is_met(text)).collect()
}

/// A suite by the name that apt or the bucket has for it.
fn named_suite(prefix: &str, name: &str) -> Result<SuiteName, Failure> {
    let name = name.trim_matches('/');
    let path = if name.starts_with("dists/") {
        format!("{prefix}{name}")
    } else if !prefix.is_empty() && name.starts_with(prefix) {
        name.to_owned()
    } else {
        format!("{prefix}dists/{name}")
    };
    SuiteName::parse(&path).map_err(|error| Failure::usage(format!("--suite {name}: {error}")))
}

/// One verification.
struct Verification<'a> {
    reader: &'a dyn ArchiveReader,
    archive: &'a Archive,
    scope: &'a Scope,
    keyring: Option<&'a Keyring>,
    arguments: &'a VerifyArguments,
    seed: u64,
}

/// What a verification saw.
struct Verified {
    suites: Vec<SuiteReport>,
    releases: BTreeMap<SuiteName, Option<Digest>>,
    files_named: usize,
    files_checked: usize,
    problems: Vec<Problem>,
}

/// What is said of a suite.
#[derive(Serialize)]
struct SuiteReport {
    suite: SuiteName,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    signature: Signature,
    indices: usize,
    files_named: usize,
}

/// The last word.
#[derive(Serialize)]
struct Summary {
    outcome: &'static str,
    suites: usize,
    indices: usize,
    files_named: usize,
    files_checked: usize,
    deep: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    signatures: Signature,
    problems: usize,
}

impl Verification<'_> {
    /// Walks, and walks again where a release was replaced meanwhile: what is wrong with the one that is gone says nothing.
    async fn until_it_stands_still(&self, suites: &[SuiteName], output: &Output) -> Verified {
        let mut walks = 1;
        loop {
            let verified = self.walk(suites, output).await;
            if verified.problems.is_empty() || walks == MAX_WALKS || !self.has_changed(&verified).await {
                return verified;
            }
            output.remark("a release was replaced while it was being walked; walking again");
            walks += 1;
        }
    }

    async fn walk(&self, suites: &[SuiteName], output: &Output) -> Verified {
        let walk = Walk {
            reader: self.reader,
            archive: self.archive,
            scope: self.scope,
            keyring: self.keyring,
            now: SystemClock.now(),
            concurrency: self.arguments.concurrency.get(),
        };
        let mut verified = Verified {
            suites: Vec::new(),
            releases: BTreeMap::new(),
            files_named: 0,
            files_checked: 0,
            problems: Vec::new(),
        };
        let mut named = Vec::new();
        for suite in suites {
            let WalkedSuite { suite, date, release, signature, indices, named: in_suite, problems } =
                walk.suite(suite).await;
            let in_suite = each_once(in_suite);
            verified.suites.push(SuiteReport {
                suite: suite.clone(),
                date: date.map(|date| date.to_string()),
                signature,
                indices,
                files_named: in_suite.len(),
            });
            verified.releases.insert(suite, release);
            verified.problems.extend(problems);
            named.extend(in_suite);
        }
        let mut objects = each_once(named);
        verified.files_named = objects.len();
        if let Some(count) = self.arguments.sample {
            objects = sample(objects, count, self.seed);
        }
        verified.files_checked = objects.len();
        verified.problems.extend(self.files(objects, output).await);
        verified.problems.sort();
        verified
    }

    /// Looks at the files that the indices name.
    async fn files(&self, objects: Vec<NamedObject>, output: &Output) -> Vec<Problem> {
        let depth = if self.arguments.deep { Depth::Read } else { Depth::Size };
        let bar = if output.is_terminal() { ProgressBar::new(objects.len() as u64) } else { ProgressBar::hidden() };
        let looks = stream::iter(objects)
            .map(|object| async move {
                let found = compare(self.reader, &object.key, object.size, &object.digests, depth).await;
                let wrong = found.err()?;
                Some(Problem::of(&object.suite, &object.key, Some(&object.named_by), wrong))
            })
            .buffer_unordered(self.arguments.concurrency.get());
        let problems: Vec<Problem> = looks.inspect(|_| bar.inc(1)).filter_map(std::future::ready).collect().await;
        bar.finish_and_clear();
        problems
    }

    /// Whether another release is served now than the one that was walked.
    async fn has_changed(&self, verified: &Verified) -> bool {
        for (suite, walked) in &verified.releases {
            if let Ok(files) = read_release_files(self.reader, suite).await
                && Identity::of(&files).commit_digest() != *walked
                && walked.is_some()
            {
                return true;
            }
        }
        false
    }
}

impl Verified {
    fn report(&self, arguments: &VerifyArguments, seed: u64, output: &Output) -> Result<Exit, Failure> {
        let exit = exit_of(&self.problems);
        let told = self.tell(exit, arguments, seed, output);
        output.ending(Ok(exit), told)
    }

    fn tell(&self, exit: Exit, arguments: &VerifyArguments, seed: u64, output: &Output) -> Result<(), Failure> {
        for suite in &self.suites {
            output.json(suite)?;
            let date = suite.date.as_deref().unwrap_or("no release");
            let signature = match suite.signature {
                Signature::NotChecked => "signature not verified",
                Signature::Verified => "signature verified",
                Signature::Rejected => "SIGNATURE REJECTED",
            };
            let (indices, files) = (suite.indices, suite.files_named);
            output.line(format_args!("{}: {date}, {signature}, {indices} indices name {files} files", suite.suite))?;
        }
        for problem in &self.problems {
            output.json(problem)?;
        }
        for problem in self.problems.iter().take(MAX_SHOWN) {
            output.line(format_args!("  {problem}"))?;
        }
        if self.problems.len() > MAX_SHOWN {
            output.line(format_args!("  … and {} more; --json has them all", self.problems.len() - MAX_SHOWN))?;
        }
        let summary = self.summary(arguments, seed);
        output.json(&summary)?;
        let how = if arguments.deep { "read" } else { "looked at" };
        let drawn = summary.seed.map_or_else(String::new, |seed| format!(", drawn with --seed {seed}"));
        output.line(format_args!("{} of {} files {how}{drawn}", self.files_checked, self.files_named))?;
        if arguments.keyring.is_none() {
            output.line("no signature was verified: give the archive's public keys with --keyring")?;
        }
        let count = self.problems.len();
        match exit {
            Exit::Done => output.line("nothing is wrong"),
            Exit::Refused => output.line(format_args!(
                "the credentials expired on the way: get new ones and verify again ({count} thing(s) so far)"
            )),
            Exit::Temporary => {
                output.line(format_args!("{count} thing(s) could not be looked at, and nothing else is wrong"))
            }
            _ => output.line(format_args!("{count} thing(s) wrong")),
        }
    }

    fn summary(&self, arguments: &VerifyArguments, seed: u64) -> Summary {
        let signatures = match () {
            () if arguments.keyring.is_none() => Signature::NotChecked,
            () if self.suites.iter().all(|suite| suite.signature == Signature::Verified) => Signature::Verified,
            () => Signature::Rejected,
        };
        Summary {
            outcome: match exit_of(&self.problems) {
                Exit::Done => "whole",
                Exit::Temporary | Exit::Refused => "unread",
                _ => "wrong",
            },
            suites: self.suites.len(),
            indices: self.suites.iter().map(|suite| suite.indices).sum(),
            files_named: self.files_named,
            files_checked: self.files_checked,
            deep: arguments.deep,
            seed: arguments.sample.map(|_| seed),
            signatures,
            problems: self.problems.len(),
        }
    }
}

/// What could not be looked at may be right: where nothing else is wrong, running it again may tell. With credentials that
/// have expired it never does.
fn exit_of(problems: &[Problem]) -> Exit {
    match problems {
        [] => Exit::Done,
        problems if problems.iter().any(|problem| problem.kind == ProblemKind::CredentialsExpired) => Exit::Refused,
        problems if problems.iter().all(|problem| problem.kind == ProblemKind::Unread) => Exit::Temporary,
        _ => Exit::Wrong,
    }
}

#[cfg(test)]
mod tests;
