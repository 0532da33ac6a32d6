#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use clap::{Args as _, FromArgMatches};
use suitecast_testing::archive_maker::ArchiveMaker;

use super::*;
use crate::reader::{Bytestream, ReadFailure, Seen};

/// A server whose archive is replaced, whole and at once, after so many questions.
struct Moving {
    before: BTreeMap<String, Bytes>,
    after: BTreeMap<String, Bytes>,
    questions: AtomicUsize,
    replaced_after: usize,
}

impl Moving {
    fn find(&self, key: &str) -> Option<Bytes> {
        let question = self.questions.fetch_add(1, Ordering::Relaxed);
        let now = if question < self.replaced_after { &self.before } else { &self.after };
        now.get(key).cloned()
    }
}

#[async_trait]
impl ArchiveReader for Moving {
    async fn look(&self, key: &str) -> Result<Option<Seen>, ReadFailure> {
        Ok(self.find(key).map(|bytes| Seen { size: Some(bytes.len() as u64), sha256: None }))
    }

    async fn read(&self, key: &str) -> Result<Option<Bytestream>, ReadFailure> {
        Ok(self.find(key).map(|bytes| -> Bytestream { Box::pin(stream::iter([Ok(bytes)])) }))
    }
}

fn arguments(words: &[&str]) -> VerifyArguments {
    let command = VerifyArguments::augment_args(clap::Command::new("verify"));
    let matches = command.try_get_matches_from(["verify", "http://host"].iter().chain(words)).unwrap();
    VerifyArguments::from_arg_matches(&matches).unwrap()
}

#[tokio::test]
async fn whenever_a_release_is_replaced_during_the_walk_nothing_is_called_wrong_that_is_not() {
    let maker = ArchiveMaker::new(5).components(&["main"]).architectures(&["amd64"]).plain_packages(1);
    let [first, second] = &maker.history(2).unwrap()[..] else { unreachable!("two were asked for") };
    let output = Output::to(false, Box::new(std::io::sink()), Box::new(std::io::sink()));
    let arguments = arguments(&["--suite", "stable"]);
    let settings = settings_of(&arguments).unwrap();
    let suites = [SuiteName::parse("dists/stable").unwrap()];
    let walk = async |replaced_after, after: &BTreeMap<String, Bytes>| {
        let (before, after, questions) = (first.files.clone(), after.clone(), AtomicUsize::new(0));
        let reader = Moving { before, after, questions, replaced_after };
        let verification = Verification {
            reader: &reader,
            archive: settings.archives.iter().next().unwrap(),
            scope: &settings.scope,
            keyring: None,
            arguments: &arguments,
            seed: 0,
        };
        let verified = verification.until_it_stands_still(&suites, &output).await;
        (verified.problems, reader.questions.into_inner())
    };
    let (problems, questions) = walk(usize::MAX, &second.files).await;
    assert_eq!(problems, []);
    assert!(questions > 30, "{questions}");
    for replaced_after in 0..=questions {
        let (problems, _) = walk(replaced_after, &second.files).await;
        assert_eq!(problems, [], "replaced after {replaced_after} of {questions} questions");
    }
    // An archive that loses a file and keeps its release is wrong, however often it is walked.
    let mut harmed = first.files.clone();
    let lost = first.pool_keys().last().unwrap();
    harmed.remove(lost);
    let (problems, _) = walk(0, &harmed).await;
    assert_eq!(problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), [lost]);
}

/// What is left of a file that was harmed.
type Harm = fn(&Bytes) -> Option<Bytes>;

/// Ways to harm a file.
const HARMS: [(&str, Harm); 4] = [
    ("lost", |_| None),
    ("cut", |bytes| Some(bytes.slice(..bytes.len().saturating_sub(1)))),
    ("longer", |bytes| Some([bytes, &b"\n"[..]].concat().into())),
    ("changed in one bit", |bytes| {
        let mut changed = bytes.to_vec();
        let middle = changed.len() / 2;
        *changed.get_mut(middle)? ^= 1;
        Some(changed.into())
    }),
];

#[tokio::test]
async fn whatever_single_file_is_harmed_is_found_and_nothing_else_is_called_wrong() {
    let maker = ArchiveMaker::new(6).components(&["main"]).contents(true).plain_packages(2);
    let archive = maker.generation(1).unwrap();
    let keyring = Keyring::parse(&maker.key().unwrap().public_bytes().unwrap()).unwrap();
    let output = Output::to(false, Box::new(std::io::sink()), Box::new(std::io::sink()));
    let arguments = arguments(&["--suite", "stable", "--deep"]);
    let settings = settings_of(&arguments).unwrap();
    let suites = [SuiteName::parse("dists/stable").unwrap()];
    let release_files: Vec<String> = ["InRelease", "Release", "Release.gpg"].map(|name| archive.suite_key(name)).into();
    let mut cases = 0;
    for (key, (harm, of)) in archive.files.keys().flat_map(|key| HARMS.map(|harm| (key, harm))) {
        let mut after = archive.files.clone();
        match of(&after[key]) {
            Some(harmed) => drop(after.insert(key.clone(), harmed)),
            None => drop(after.remove(key)),
        }
        let reader = Moving { before: BTreeMap::new(), after, questions: AtomicUsize::new(0), replaced_after: 0 };
        let verification = Verification {
            reader: &reader,
            archive: settings.archives.iter().next().unwrap(),
            scope: &settings.scope,
            keyring: Some(&keyring),
            arguments: &arguments,
            seed: 0,
        };
        let found = verification.until_it_stands_still(&suites, &output).await.problems;
        let keys: BTreeSet<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
        cases += 1;
        if !release_files.contains(key) {
            assert_eq!(keys, BTreeSet::from([key.as_str()]), "{key} {harm}: {found:?}");
            continue;
        }
        // The end of a line more or less may mean nothing, and what a changed release says of the rest no longer fits it. apt
        // gets on without InRelease, and without Release.gpg where there is an InRelease; Release.gpg alone is nothing.
        let is_wrong = harm.starts_with("changed") || harm == "lost" && key.ends_with("/Release");
        let is_told = keys.iter().any(|key| release_files.iter().any(|file| file == key));
        assert!(!is_wrong || is_told, "{key} {harm}: {found:?}");
        assert!(harm != "lost" || is_wrong || keys.is_empty(), "{key} {harm}: {found:?}");
    }
    assert!(cases > 200, "{cases}");
}

#[test]
fn suites_go_by_apts_names_and_by_the_buckets() {
    for (prefix, name, suite) in [
        ("", "bookworm", "dists/bookworm"),
        ("", "bookworm/updates", "dists/bookworm/updates"),
        ("", "dists/bookworm/", "dists/bookworm"),
        ("debian/", "bookworm", "debian/dists/bookworm"),
        ("debian/", "dists/bookworm", "debian/dists/bookworm"),
        ("debian/", "debian/dists/bookworm", "debian/dists/bookworm"),
    ] {
        assert_eq!(named_suite(prefix, name).unwrap().as_str(), suite, "{prefix} {name}");
    }
    assert!(named_suite("", "../x").is_err());
}

#[test]
fn what_could_not_be_looked_at_is_neither_right_nor_wrong() {
    let suite = SuiteName::root();
    let problem = |kind| Problem::of(&suite, "pool/a.deb", None, (kind, String::new()));
    assert_eq!(exit_of(&[]), Exit::Done);
    assert_eq!(exit_of(&[problem(ProblemKind::Unread)]), Exit::Temporary);
    assert_eq!(exit_of(&[problem(ProblemKind::Unread), problem(ProblemKind::Denied)]), Exit::Wrong);
}
