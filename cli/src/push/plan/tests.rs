#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use suitecast_archive::SuiteName;

use super::*;
use crate::push::survey::{Extent, Wanted};

const SIZE: u64 = 4;

fn sha256(text: &str) -> Digest {
    Digest::of(DigestAlgorithm::Sha256, text.as_bytes())
}

fn local(text: &str) -> LocalDigests {
    let both = Digests::of(text.as_bytes());
    LocalDigests {
        sha256: both.sha256.unwrap(),
        sha512: both.sha512,
        md5: Digest::of(DigestAlgorithm::Md5, text.as_bytes()),
    }
}

fn listed(etag: &str) -> ListedObject {
    ListedObject { size: SIZE, etag: ETag::new(etag) }
}

fn item(expected: Expected) -> Item {
    let (path, key) = ("pool/a.deb".to_owned(), "pool/a.deb".to_owned());
    Item { path, key, size: SIZE, phase: Phase::Pool, headers: ObjectHeaders::default(), expected }
}

fn named(text: &str) -> Item {
    item(Expected::Digests(Digests { sha256: Some(sha256(text)), sha512: None }))
}

fn md5_tag(text: &str) -> String {
    Digest::of(DigestAlgorithm::Md5, text.as_bytes()).to_string()
}

#[test]
fn what_is_absent_or_of_another_size_is_sent_without_a_further_look() {
    let nothing = Evidence::default();
    assert_eq!(judge(&named("same"), None, &nothing), Verdict::Send(Reason::Absent));
    let longer = ListedObject { size: SIZE + 1, ..listed("tag") };
    assert_eq!(judge(&named("same"), Some(&longer), &nothing), Verdict::Send(Reason::Size));
}

#[test]
fn a_recorded_object_is_judged_by_its_index_alone() {
    let recorded = |text| Evidence { recorded: Some(sha256(text)), ..Evidence::default() };
    let judged = |text| judge(&named("same"), Some(&listed("tag")), &recorded(text));
    assert_eq!(judged("same"), Verdict::Unchanged(Some(sha256("same"))));
    assert_eq!(judged("diff"), Verdict::Send(Reason::Content));
}

#[test]
fn without_a_record_the_store_is_asked_and_then_the_file_is_read() {
    let (single, parted) = (listed(&md5_tag("same")), listed("0123-7"));
    let nothing = Evidence::default();
    assert_eq!(judge(&named("same"), Some(&single), &nothing), Verdict::Ask);
    let silent = Evidence { asked: Some(Answer::KeepsNone), ..nothing };
    assert_eq!(judge(&named("same"), Some(&single), &silent), Verdict::Read);
    assert_eq!(judge(&named("same"), Some(&parted), &silent), Verdict::Send(Reason::Unknown));
    let read = Evidence { local: Some(local("same")), ..silent };
    assert_eq!(judge(&named("same"), Some(&single), &read), Verdict::Unchanged(Some(sha256("same"))));
    assert_eq!(judge(&named("same"), Some(&listed(&md5_tag("diff"))), &read), Verdict::Send(Reason::Unknown));
}

#[test]
fn a_file_that_nothing_vouches_for_is_read() {
    let object = listed(&md5_tag("same"));
    let recorded = Evidence { recorded: Some(sha256("same")), ..Evidence::default() };
    for expected in [Expected::Nothing, Expected::Digests(Digests { sha256: None, ..Digests::of(b"same") })] {
        assert_eq!(judge(&item(expected), Some(&object), &recorded), Verdict::Read, "a record does not tell the file");
        let read = Evidence { local: Some(local("same")), ..recorded };
        assert_eq!(judge(&item(expected), Some(&object), &read), Verdict::Unchanged(Some(sha256("same"))));
    }
    assert_eq!(judge(&item(Expected::ByName), Some(&object), &recorded), Verdict::Unchanged(Some(sha256("same"))));
    assert_eq!(judge(&item(Expected::ByName), Some(&object), &Evidence::default()), Verdict::Read);
}

#[test]
fn a_file_that_is_not_what_its_index_says_is_never_unchanged() {
    let expected = Expected::Digests(Digests { sha256: None, ..Digests::of(b"good") });
    let evidence = Evidence { local: Some(local("evil")), recorded: Some(sha256("evil")), asked: None };
    assert_eq!(judge(&item(expected), Some(&listed("tag")), &evidence), Verdict::Send(Reason::Content));
}

/// An object of the bucket as it is, and what can be found out of it.
#[derive(Debug, Clone)]
struct Object {
    text: &'static str,
    etag: Tag,
    keeps_sha256: bool,
    is_recorded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Md5,
    Parted,
    /// Encrypted with a key of one's own: it looks like an MD5 and is none.
    Opaque,
}

impl Object {
    fn etag(&self) -> String {
        match self.etag {
            Tag::Md5 => md5_tag(self.text),
            Tag::Parted => format!("{}-2", md5_tag(self.text)),
            Tag::Opaque => md5_tag(&format!("opaque {}", self.text)),
        }
    }
}

fn texts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["same", "diff", "more bytes"])
}

fn objects() -> impl Strategy<Value = Option<Object>> {
    let tags = prop::sample::select(vec![Tag::Md5, Tag::Parted, Tag::Opaque]);
    prop::option::of(
        (texts(), tags, any::<bool>(), any::<bool>()).prop_map(|(text, etag, keeps_sha256, is_recorded)| Object {
            text,
            etag,
            keeps_sha256,
            is_recorded,
        }),
    )
}

fn expectations() -> impl Strategy<Value = fn(&str) -> Expected> {
    prop::sample::select(vec![
        (|text| Expected::Digests(Digests { sha512: None, ..Digests::of(text.as_bytes()) })) as fn(&str) -> Expected,
        |text| Expected::Digests(Digests { sha256: None, ..Digests::of(text.as_bytes()) }),
        |text| Expected::Digests(Digests::of(text.as_bytes())),
        |_| Expected::Nothing,
    ])
}

/// Judges until it is decided, carrying out what is asked for; how often it was asked for something.
fn decide(item: &Item, object: Option<&Object>, text: &str) -> (Verdict, u32) {
    let mut evidence = Evidence {
        recorded: object.filter(|object| object.is_recorded).map(|object| sha256(object.text)),
        ..Evidence::default()
    };
    let listed = object.map(|object| ListedObject { size: object.text.len() as u64, etag: ETag::new(&object.etag()) });
    for rounds in 0.. {
        match judge(item, listed.as_ref(), &evidence) {
            Verdict::Ask => {
                assert_eq!(evidence.asked, None, "asked twice");
                let object = object.unwrap();
                let sha256 = object.keeps_sha256.then(|| sha256(object.text));
                evidence.asked = Some(sha256.map_or(Answer::KeepsNone, Answer::Keeps));
            }
            Verdict::Read => {
                assert_eq!(evidence.local, None, "read twice");
                evidence.local = Some(local(text));
            }
            decided => return (decided, rounds),
        }
    }
    unreachable!("judged for ever")
}

proptest! {
    #[test]
    fn an_object_counts_as_unchanged_only_if_it_is_the_file(
        text in texts(), object in objects(), expectation in expectations()
    ) {
        let item = Item { size: text.len() as u64, ..item(expectation(text)) };
        let (verdict, rounds) = decide(&item, object.as_ref(), text);
        prop_assert!(rounds <= 2, "{} rounds", rounds);
        let is_same = object.as_ref().is_some_and(|object| object.text == text);
        match verdict {
            Verdict::Unchanged(sha256_told) => {
                prop_assert!(is_same);
                prop_assert_eq!(sha256_told, Some(sha256(text)));
            }
            Verdict::Send(reason) => {
                let can_be_told = object
                    .as_ref()
                    .is_some_and(|object| object.is_recorded || object.keeps_sha256 || object.etag == Tag::Md5);
                prop_assert!(!(is_same && can_be_told), "sent again for nothing: {:?}", reason);
            }
            Verdict::Ask | Verdict::Read => prop_assert!(false, "undecided"),
        }
    }

    #[test]
    fn an_object_that_is_recorded_and_named_costs_no_request(text in texts(), other in texts()) {
        let item = Item { size: text.len() as u64, ..named(text) };
        let object = Object { text: other, etag: Tag::Opaque, keeps_sha256: true, is_recorded: true };
        prop_assert_eq!(decide(&item, Some(&object), text).1, 0);
    }
}

fn archives() -> Archives {
    Archives::parse("/").unwrap()
}

fn trees() -> UnlistedTrees {
    UnlistedTrees::parse("installer-*").unwrap()
}

fn survey(wanted: &[&str], chosen: &[&str], others: &[&str]) -> Survey {
    let suite = |name: &&str| SuiteName::parse(name).unwrap();
    let wanted = wanted
        .iter()
        .map(|path| {
            let is_chosen = !chosen.is_empty() && !path.contains("other");
            ((*path).to_owned(), Wanted { size: None, digests: Digests::of(b"x"), is_chosen })
        })
        .collect();
    Survey {
        extent: if others.is_empty() { Extent::Everything } else { Extent::ChosenSuites },
        wanted,
        suites: chosen.iter().chain(others).map(suite).collect(),
        chosen: chosen.iter().map(suite).collect(),
        ..Survey::default()
    }
}

fn files(paths: &[&str]) -> Vec<TreeFile> {
    paths.iter().zip(1..).map(|(path, size)| TreeFile { path: (*path).to_owned(), size }).collect()
}

fn planned(paths: &[&str], survey: &Survey) -> Vec<(Phase, String)> {
    let (archives, unlisted) = (archives(), trees());
    let destination = Destination { prefix: "", archives: &archives, unlisted: &unlisted };
    items(&files(paths), survey, &destination).into_iter().map(|item| (item.phase, item.path)).collect()
}

#[test]
fn what_is_named_goes_up_before_what_names_it_and_in_release_last_of_all() {
    let by_hash = format!("dists/s/main/by-hash/SHA256/{}", sha256("x"));
    let paths = [
        "dists/s/InRelease",
        "dists/s/Release",
        "dists/s/Release.gpg",
        "dists/s/main/binary-amd64/Packages.xz",
        "dists/s/main/installer-amd64/current/SHA256SUMS",
        "dists/s/main/installer-amd64/current/linux",
        "dists/t/InRelease",
        by_hash.as_str(),
        "pool/small.deb",
        "pool/large.deb",
        "index.html",
    ];
    let order = planned(&paths, &survey(&[], &["dists/s", "dists/t"], &[]));
    let expected = [
        (Phase::Pool, "index.html"),
        (Phase::Pool, "pool/large.deb"),
        (Phase::Pool, "pool/small.deb"),
        (Phase::ByHash, by_hash.as_str()),
        (Phase::Unlisted, "dists/s/main/installer-amd64/current/linux"),
        (Phase::UnlistedChecksums, "dists/s/main/installer-amd64/current/SHA256SUMS"),
        (Phase::Index, "dists/s/main/binary-amd64/Packages.xz"),
        (Phase::Release, "dists/s/Release.gpg"),
        (Phase::Release, "dists/s/Release"),
        (Phase::InRelease, "dists/t/InRelease"),
        (Phase::InRelease, "dists/s/InRelease"),
    ];
    assert_eq!(order, expected.map(|(phase, path)| (phase, path.to_owned())));
    assert!(Phase::ALL.is_sorted());
}

#[test]
fn objects_are_served_as_the_functions_serve_their_copies() {
    let (archives, unlisted) = (archives(), trees());
    let destination = Destination { prefix: "", archives: &archives, unlisted: &unlisted };
    let paths = ["pool/a_1_all.deb", "dists/s/InRelease"];
    for item in items(&files(&paths), &survey(&[], &["dists/s"], &[]), &destination) {
        let class = archives.classify(&item.key, &unlisted);
        let (content_type, cache_control) = class.headers(&item.key);
        assert!(content_type.is_some() && cache_control.is_some());
        assert_eq!(item.headers, ObjectHeaders { content_type, cache_control });
    }
}

#[test]
fn a_suite_of_several_takes_what_it_names_along_and_nothing_else() {
    let paths = ["dists/s/InRelease", "dists/other/InRelease", "pool/a.deb", "pool/other.deb", "pool/nobodys.deb"];
    let survey = survey(&["dists/s/InRelease", "pool/a.deb", "pool/other.deb"], &["dists/s"], &["dists/other"]);
    let sent: Vec<String> = planned(&paths, &survey).into_iter().map(|(_, path)| path).collect();
    assert_eq!(sent, ["pool/a.deb", "dists/s/InRelease"]);
}

#[test]
fn the_name_of_a_by_hash_file_says_what_it_is() {
    let digest = sha256("x");
    let class = archives().classify(&format!("dists/s/main/by-hash/SHA256/{digest}"), &trees());
    assert_eq!(expected(&class, None), Expected::Digests(Digests { sha256: Some(digest), sha512: None }));
    let weak = Digest::of(DigestAlgorithm::Md5, b"x");
    let class = archives().classify(&format!("dists/s/main/by-hash/MD5Sum/{weak}"), &trees());
    assert_eq!(expected(&class, None), Expected::ByName);
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn deleted(keys: &[&str], paths: &[&str], survey: &Survey, exclude: &[String]) -> Vec<String> {
    let (archives, unlisted) = (archives(), trees());
    let destination = Destination { prefix: "", archives: &archives, unlisted: &unlisted };
    let listing = keys.iter().map(|key| ((*key).to_owned(), listed("tag"))).collect();
    let selection = Selection::parse(&[], exclude).unwrap();
    deletions(&listing, &files(paths), survey, &selection, &destination)
}

#[test]
fn only_what_is_neither_there_nor_named_is_deleted() {
    let keys = ["pool/here.deb", "pool/named.deb", "pool/old.deb", "dists/s/InRelease", ".suitecast/pushed/record.gz"];
    let survey = survey(&["pool/named.deb"], &["dists/s"], &[]);
    let paths = ["pool/here.deb", "dists/s/InRelease"];
    assert_eq!(deleted(&keys, &paths, &survey, &[]), ["pool/old.deb"]);
    assert!(deleted(&keys, &paths, &survey, &["pool".to_owned()]).is_empty(), "what is excluded is left alone");
}

#[test]
fn with_some_suites_only_their_directories_are_tidied() {
    let keys = ["pool/old.deb", "dists/s/old", "dists/s/updates/old", "dists/other/old"];
    let survey = survey(&[], &["dists/s"], &["dists/other", "dists/s/updates"]);
    assert_eq!(deleted(&keys, &["dists/s/InRelease"], &survey, &[]), ["dists/s/old"]);
}

#[test]
fn suites_that_only_the_bucket_knows_are_left_alone_when_suites_were_chosen() {
    let keys = [
        "dists/bookworm/InRelease",
        "dists/s/main/binary-amd64/Release",
        "dists/s/main/old",
        "dists/s/nested/InRelease",
        "dists/s/nested/main/Packages",
        "index.html",
        "pool/b.deb",
    ];
    let survey = Survey { extent: Extent::ChosenSuites, ..survey(&[], &["dists/s"], &[]) };
    let expected = ["dists/s/main/binary-amd64/Release", "dists/s/main/old"];
    assert_eq!(deleted(&keys, &["dists/s/InRelease"], &survey, &[]), expected);
}

#[test]
fn of_a_flat_suite_that_was_chosen_neither_packages_nor_an_archive_below_it_are_deleted() {
    let keys = ["InRelease", "Packages.old.gz", "a.deb", "debian/dists/s/InRelease", "debian/dists/s/Packages.gz"];
    let archives = Archives::parse("flat:/").unwrap();
    let unlisted = trees();
    let destination = Destination { prefix: "", archives: &archives, unlisted: &unlisted };
    let keys = keys.iter().copied().chain(["Packages.bz2"]);
    let listing = keys.map(|key| (key.to_owned(), listed("tag"))).collect();
    let survey = Survey {
        extent: Extent::ChosenSuites,
        suites: vec![SuiteName::root()],
        chosen: vec![SuiteName::root()],
        ..Survey::default()
    };
    let gone = deletions(&listing, &files(&["InRelease"]), &survey, &Selection::default(), &destination);
    assert_eq!(gone, ["Packages.bz2"]);
}

proptest! {
    #[test]
    fn a_deletion_never_takes_what_is_named_there_or_private(
        keys in prop::collection::btree_set("(pool|dists/s|\\.suitecast)/[abc]{1,2}", 0..20),
        here in prop::collection::btree_set("(pool|dists/s)/[abc]{1,2}", 0..10),
        named in prop::collection::btree_set("(pool|dists/s)/[abc]{1,2}", 0..10),
    ) {
        let borrowed = |set: &std::collections::BTreeSet<String>| -> Vec<String> { set.iter().cloned().collect() };
        let (keys, here, named) = (borrowed(&keys), borrowed(&here), borrowed(&named));
        let survey = survey(&refs(&named), &["dists/s"], &[]);
        let gone = deleted(&refs(&keys), &refs(&here), &survey, &[]);
        let states: BTreeMap<&String, bool> = keys
            .iter()
            .map(|key| (key, !here.contains(key) && !named.contains(key) && !key.starts_with(".suitecast/")))
            .collect();
        for (key, may_go) in states {
            prop_assert_eq!(gone.contains(key), may_go, "{}", key);
        }
    }
}
