#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use suitecast_testing::archive_maker::{ArchiveMaker, PlainIndices, Signing};

use super::*;

/// A tree in memory.
struct Files(BTreeMap<String, Bytes>);

impl ReadFile for Files {
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + Send>> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes.clone())))
    }
}

fn made(maker: &ArchiveMaker) -> Files {
    Files(maker.generation(1).unwrap().files)
}

fn looked_at(files: &Files, suites: &str, scope: &Scope) -> Survey {
    looked_at_without(files, suites, scope, &Selection::default())
}

/// The same with the files that the options leave out.
fn looked_at_without(files: &Files, suites: &str, scope: &Scope, selection: &Selection) -> Survey {
    let listed: Vec<TreeFile> =
        files.0.iter().map(|(path, bytes)| TreeFile { path: path.clone(), size: bytes.len() as u64 }).collect();
    let archives = Archives::parse("/").unwrap();
    let suites = SuitePatterns::parse(suites).unwrap();
    let unlisted = UnlistedTrees::default();
    let (files_of, now) = (&listed, now());
    let (archives, unlisted, suites) = (&archives, &unlisted, &suites);
    let question = Question { files: files_of, prefix: "", archives, unlisted, suites, scope, selection, now };
    survey(&question, files)
}

/// Later than all that is made here.
fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

fn problems(files: &Files) -> Vec<Problem> {
    looked_at(files, "*", &Scope::everything()).problems
}

#[test]
fn a_complete_archive_has_no_problems_and_every_file_of_it_is_vouched_for() {
    for maker in [
        ArchiveMaker::new(1),
        ArchiveMaker::new(2).plain_indices(PlainIndices::Shipped).contents(true),
        ArchiveMaker::new(3).signing(Signing::OnlyDetached),
        ArchiveMaker::new(4).signing(Signing::OnlyInRelease).gzip_indices(false),
    ] {
        let files = made(&maker);
        let survey = looked_at(&files, "*", &Scope::everything());
        assert_eq!(survey.problems, [], "{maker:?}");
        assert!(!survey.is_blind && survey.chosen == survey.suites && survey.suites.len() == 1);
        for (path, bytes) in &files.0 {
            let wanted = survey.wanted.get(path).unwrap_or_else(|| panic!("nothing is said of {path}"));
            assert!(wanted.digests.proves(&Digests::of(bytes)) && wanted.is_chosen, "{path}");
            assert_eq!(wanted.size, Some(bytes.len() as u64), "{path}");
        }
    }
}

#[test]
fn each_file_that_is_missing_is_named_with_the_index_that_names_it() {
    let maker = ArchiveMaker::new(5);
    let whole = maker.generation(1).unwrap();
    for key in whole.pool_keys() {
        let mut files = made(&maker);
        files.0.remove(key);
        let found = problems(&files);
        assert!(found.iter().any(|problem| problem.path == key && problem.named_by.is_some()), "{key}: {found:?}");
    }
}

#[test]
fn a_file_of_another_size_is_missing_too() {
    let maker = ArchiveMaker::new(6);
    let key = maker.generation(1).unwrap().pool_keys().next().unwrap().to_owned();
    let mut files = made(&maker);
    files.0.insert(key.clone(), Bytes::from_static(b"short"));
    let found = problems(&files);
    assert!(found.iter().all(|problem| problem.path == key && problem.reason.contains("has 5 bytes")), "{found:?}");
    assert!(!found.is_empty());
}

#[test]
fn an_index_may_stand_under_the_name_of_its_content_alone() {
    let maker = ArchiveMaker::new(7);
    let index = "dists/stable/main/binary-amd64/Packages.xz";
    let mut files = made(&maker);
    let bytes = files.0.remove(index).unwrap();
    assert_eq!(problems(&files), []);
    let by_hash = format!("dists/stable/main/binary-amd64/by-hash/SHA256/{}", Digests::of(&bytes).sha256.unwrap());
    assert!(files.0.remove(&by_hash).is_some());
    let found = problems(&files);
    assert_eq!(found.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [index]);
}

#[test]
fn an_index_that_is_not_what_the_release_says_is_a_problem_when_no_other_form_can_be_read() {
    let mut files = made(&ArchiveMaker::new(8));
    let directory = "dists/stable/main/binary-amd64/";
    let forms: Vec<String> =
        files.0.keys().filter(|path| path.starts_with(directory) && !path.ends_with("Release")).cloned().collect();
    for path in &forms {
        let spoilt: Vec<u8> = files.0[path].iter().map(|byte| byte ^ 1).collect();
        files.0.insert(path.clone(), spoilt.into());
    }
    let survey = looked_at(&files, "*", &Scope::everything());
    assert!(survey.is_blind);
    assert!(survey.problems.iter().any(|problem| problem.path.starts_with(directory)), "{:?}", survey.problems);
}

#[test]
fn release_files_of_two_generations_are_a_problem() {
    let maker = ArchiveMaker::new(9);
    let mut files = made(&maker);
    let newer = maker.generation(2).unwrap().files;
    files.0.insert("dists/stable/Release".to_owned(), newer["dists/stable/Release"].clone());
    let found = problems(&files);
    assert!(found.iter().any(|problem| problem.path == "dists/stable/Release"), "{found:?}");
    let mut files = made(&maker);
    files.0.insert("dists/stable/InRelease".to_owned(), Bytes::from_static(b"torn"));
    assert_eq!(problems(&files).len(), 1);
}

#[test]
fn a_signature_of_another_generation_is_a_problem_even_beside_a_good_in_release() {
    for signing in [Signing::Both, Signing::OnlyDetached] {
        let maker = ArchiveMaker::new(9).signing(signing);
        let mut files = made(&maker);
        assert_eq!(problems(&files), []);
        let newer = maker.generation(2).unwrap().files;
        files.0.insert("dists/stable/Release.gpg".to_owned(), newer["dists/stable/Release.gpg"].clone());
        let found = problems(&files);
        assert!(found.iter().any(|problem| problem.path == "dists/stable/Release.gpg"), "{found:?}");
    }
    let mut files = made(&ArchiveMaker::new(9).signing(Signing::OnlyDetached));
    files.0.remove("dists/stable/Release");
    assert!(problems(&files)[0].reason.contains("without the Release"), "{:?}", problems(&files));
}

#[test]
fn a_date_that_regions_refuse_is_a_problem() {
    let dated = |ahead| {
        let date = now() + jiff::SignedDuration::from_hours(ahead);
        problems(&made(&ArchiveMaker::new(9).dates(date, jiff::SignedDuration::from_hours(1))))
    };
    assert_eq!(dated(12), [], "clocks are a little off");
    let found = dated(72);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].path == "dists/stable/InRelease" && found[0].reason.contains("clock"), "{found:?}");
}

#[test]
fn what_the_options_leave_out_is_not_called_absent() {
    let maker = ArchiveMaker::new(5);
    let key = maker.generation(1).unwrap().pool_keys().next().unwrap().to_owned();
    let mut files = made(&maker);
    files.0.remove(&key);
    let name = key.rsplit('/').next().unwrap().to_owned();
    for (include, exclude) in [(vec![], vec![name]), (vec!["dists".to_owned()], vec![])] {
        let selection = Selection::parse(&include, &exclude).unwrap();
        let found = looked_at_without(&files, "*", &Scope::everything(), &selection).problems;
        let of_key: Vec<&Problem> = found.iter().filter(|problem| problem.path == key).collect();
        assert!(!of_key.is_empty() && of_key.iter().all(|problem| problem.reason.contains("left out")), "{found:?}");
    }
}

#[test]
fn what_is_out_of_scope_may_be_missing() {
    let mut files = made(&ArchiveMaker::new(10));
    files.0.retain(|path, _| !path.contains("arm64"));
    assert!(!problems(&files).is_empty());
    let scope = Scope { architectures: Some(vec!["amd64".to_owned(), "source".to_owned()]), ..Scope::everything() };
    assert_eq!(looked_at(&files, "*", &scope).problems, []);
}

#[test]
fn of_a_suite_that_is_not_chosen_nothing_is_asked_and_all_it_names_is_known() {
    let mut files = made(&ArchiveMaker::new(11).suite("chosen"));
    let other = ArchiveMaker::new(12).suite("other").generation(1).unwrap();
    let lost = other.pool_keys().find(|key| !files.0.contains_key(*key)).unwrap().to_owned();
    files.0.extend(other.files);
    files.0.remove(&lost);
    let survey = looked_at(&files, "chosen", &Scope::everything());
    assert_eq!(survey.problems, []);
    assert_eq!(survey.chosen, [SuiteName::parse("dists/chosen").unwrap()]);
    assert_eq!(survey.suites.len(), 2);
    assert!(survey.wanted.get(&lost).is_some_and(|wanted| !wanted.is_chosen));
    assert!(survey.wanted["dists/chosen/InRelease"].is_chosen);
}
