//! Plans as they are, step by step, in files under `golden/`; and what holds of every plan.
//!
//! `UPDATE_GOLDEN=1 cargo test -p suitecast-mirror --test golden` writes the files anew: read the difference.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use suitecast_archive::{ArchivePath, Digest, DigestAlgorithm, IndexGroup, ReleaseFile, Scope, index_groups};
use suitecast_mirror::{
    Indices, Overwrite, Phase, ReleaseFiles, ReleaseSet, Stale, Step, SwapPlan, plan_swap, vouched_indices,
};

const ORDER: [Phase; 5] = [Phase::Pin, Phase::InPlace, Phase::Canonical, Phase::Detached, Phase::Commit];

const XZ: &str = "main/binary-amd64/Packages.xz";

/// Which release files a set has.
#[derive(Debug, Clone, Copy)]
enum Files {
    All,
    OnlyInRelease,
    OnlyDetached,
}

/// A release over indices (path, content).
fn set(files: Files, indices: &[(&str, &str)]) -> ReleaseSet {
    let mut text = "Date: Mon, 23 Nov 2026 00:00:00 UTC\nAcquire-By-Hash: yes\nSHA256:\n".to_owned();
    for (path, content) in indices {
        let digest = Digest::of(DigestAlgorithm::Sha256, content.as_bytes());
        writeln!(text, " {digest} {} {path}", content.len()).unwrap();
    }
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n\
         -----END PGP SIGNATURE-----\n"
    );
    let signature = Digest::of(DigestAlgorithm::Sha256, text.as_bytes()).to_string();
    let (in_release, release) = match files {
        Files::All => (true, true),
        Files::OnlyInRelease => (true, false),
        Files::OnlyDetached => (false, true),
    };
    let files = ReleaseFiles {
        in_release: in_release.then(|| signed.into_bytes()),
        release: release.then(|| text.into_bytes()),
        release_gpg: release.then(|| signature.into_bytes()),
    };
    ReleaseSet::read(files, None).unwrap()
}

/// What a fill looked at: everything that is required and that the live release does not vouch for was verified, and nothing
/// stands where it should not.
fn present(set: &ReleaseSet, live: Option<&ReleaseSet>) -> Indices {
    let scope = Scope::everything();
    let vouched = live.map(|live| vouched_indices(&set.release, &live.release, &scope)).unwrap_or_default();
    let groups = index_groups(&set.release, &scope);
    let looked_at = groups.iter().flat_map(IndexGroup::required).filter(|variant| !vouched.contains(&variant.path));
    Indices { present: looked_at.map(|variant| (variant.path.clone(), variant.entry)).collect(), stale: Vec::new() }
}

/// The plan of a swap to a set from the live one.
fn plan(set: &ReleaseSet, live: Option<&ReleaseSet>, in_place: Vec<Overwrite>) -> SwapPlan {
    plan_swap(set, present(set, live), live.map(|live| &live.identity), in_place)
}

/// The same where one form is enough: the xz has not come, and the release before left something under its plain name.
fn without_xz(set: &ReleaseSet, live: &ReleaseSet) -> Indices {
    let Indices { mut present, mut stale } = present(set, Some(live));
    present.retain(|(path, _)| path.as_str() != XZ);
    let entry = set.release.entry(&ArchivePath::parse(XZ).unwrap()).unwrap();
    let digest = entry.digests.checkable().unwrap();
    stale.push(Stale { path: ArchivePath::parse(XZ).unwrap(), digest, size: entry.size });
    Indices { present, stale }
}

fn overwrite() -> Overwrite {
    Overwrite {
        key: "pool/main/h/hello/hello_1_amd64.deb".to_owned(),
        seen: "tag".to_owned(),
        staging: ".suitecast/staging/x".to_owned(),
        digest: Digest::of(DigestAlgorithm::Sha256, b"new"),
        size: Some(3),
    }
}

/// What holds of every plan, whatever it is made from.
fn check(set: &ReleaseSet, plan: &SwapPlan) {
    let phases: Vec<usize> =
        plan.steps.iter().map(|step| ORDER.iter().position(|phase| *phase == step.phase).unwrap()).collect();
    assert!(phases.is_sorted(), "phases in order: {plan:#?}");
    let commits: Vec<&Step> = plan.phase(Phase::Commit).collect();
    assert!(commits.len() <= 1, "one write commits: {plan:#?}");
    for commit in &commits {
        assert_eq!(**commit, Step::Write { file: set.commit_file() });
        assert!(plan.phase(Phase::Pin).count() == 1, "what is committed is pinned first: {plan:#?}");
    }
    let mut names = BTreeSet::new();
    for planned in &plan.steps {
        let name = serde_json::to_value(&planned.step).unwrap();
        assert!(names.insert(name.to_string()), "written once: {plan:#?}");
        match (&planned.step, planned.phase) {
            (Step::Canonical { path, from, digest, size }, Phase::Canonical) => {
                let entry = set.release.entry(path).unwrap();
                assert_eq!((entry.digests.checkable().unwrap(), entry.size), (*digest, *size));
                assert!(from.as_str().ends_with(&format!("by-hash/SHA256/{digest}")));
            }
            (Step::Withdraw(stale), Phase::Canonical) => {
                let kept = plan.phase(Phase::Canonical).any(|step| match step {
                    Step::Canonical { path, from, .. } => [path, from].contains(&&stale.path),
                    _ => false,
                });
                assert!(!kept, "nothing that is served is taken away: {plan:#?}");
            }
            (Step::Write { file }, Phase::Detached) => {
                assert_ne!(*file, set.commit_file());
                assert!(set.files.get(*file).is_some());
            }
            (Step::Pin { .. }, Phase::Pin)
            | (Step::InPlace(_), Phase::InPlace)
            | (Step::Write { .. }, Phase::Commit) => {}
            other => panic!("a step in a phase of another kind: {other:?}"),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the test asks for new files by the environment")]
fn assert_golden(name: &str, set: &ReleaseSet, plan: &SwapPlan) {
    check(set, plan);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.json"));
    let found = serde_json::to_string_pretty(plan).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(found, wanted, "{name}: the plan is no longer the one on record");
}

const FIRST: [(&str, &str); 5] = [
    ("main/binary-amd64/Packages", "plain one"),
    ("main/binary-amd64/Packages.gz", "gzip one"),
    ("main/binary-amd64/Packages.xz", "xz one"),
    ("main/binary-amd64/Release", "stays"),
    ("main/i18n/Translation-en.xz", "stays too"),
];
const SECOND: [(&str, &str); 5] = [
    ("main/binary-amd64/Packages", "plain two"),
    ("main/binary-amd64/Packages.gz", "gzip two"),
    ("main/binary-amd64/Packages.xz", "xz two"),
    ("main/binary-amd64/Release", "stays"),
    ("main/i18n/Translation-en.xz", "stays too"),
];

#[test]
fn a_first_publication_writes_every_name() {
    let first = set(Files::All, &FIRST);
    assert_golden("first_publication", &first, &plan(&first, None, Vec::new()));
}

#[test]
fn an_update_writes_what_changed() {
    let (first, second) = (set(Files::All, &FIRST), set(Files::All, &SECOND));
    assert_golden("update", &second, &plan(&second, Some(&first), Vec::new()));
}

#[test]
fn an_update_without_in_release_commits_by_release_after_its_signature() {
    let (first, second) = (set(Files::OnlyDetached, &FIRST), set(Files::OnlyDetached, &SECOND));
    let plan = plan(&second, Some(&first), Vec::new());
    assert_golden("update_without_in_release", &second, &plan);
    assert_eq!(plan.phase(Phase::Detached).collect::<Vec<_>>(), [&Step::Write { file: ReleaseFile::ReleaseGpg }]);
}

#[test]
fn a_change_in_place_comes_behind_everything_that_may_come_before_it() {
    let (first, second) = (set(Files::OnlyInRelease, &FIRST), set(Files::OnlyInRelease, &SECOND));
    let plan = plan(&second, Some(&first), vec![overwrite()]);
    assert_golden("change_in_place", &second, &plan);
}

#[test]
fn a_name_of_an_index_that_is_not_mirrored_is_taken_away_before_the_commit() {
    let (first, second) = (set(Files::OnlyInRelease, &FIRST), set(Files::OnlyInRelease, &SECOND));
    let plan = plan_swap(&second, without_xz(&second, &first), Some(&first.identity), Vec::new());
    assert_golden("without_a_form", &second, &plan);
}

#[test]
fn after_a_crash_every_canonical_name_is_suspect() {
    let second = set(Files::All, &SECOND);
    assert_golden("after_a_crash", &second, &plan(&second, None, Vec::new()));
}

#[test]
fn planning_again_after_a_whole_run_leaves_nothing_to_do() {
    for files in [Files::All, Files::OnlyInRelease, Files::OnlyDetached] {
        let second = set(files, &SECOND);
        assert!(!plan(&second, None, Vec::new()).is_empty());
        let again = plan(&second, Some(&second), Vec::new());
        assert!(again.is_empty(), "{again:#?}");
    }
}

const NAMES: [&str; 6] = [
    "main/binary-amd64/Packages.xz",
    "main/binary-arm64/Packages.xz",
    "main/source/Sources.gz",
    "main/i18n/Translation-en.xz",
    "Contents-amd64.gz",
    "main/binary-amd64/Release",
];

proptest! {
    /// For any two releases: the invariants hold, exactly the changed names are written, and planning again writes nothing.
    #[test]
    fn any_swap_is_in_order_minimal_and_final(
        old in prop::collection::vec(0_u8..3, NAMES.len()), new in prop::collection::vec(0_u8..3, NAMES.len()), kind in 0..3,
    ) {
        let files = [Files::All, Files::OnlyInRelease, Files::OnlyDetached][usize::try_from(kind).unwrap()];
        // Content 0 is an index that the release does not list.
        let listed = |contents: &[u8]| -> Vec<(String, String)> {
            let pairs = NAMES.iter().zip(contents).filter(|(_, content)| **content > 0);
            let mut listed: Vec<_> = pairs.map(|(name, content)| ((*name).to_owned(), format!("content {content}"))).collect();
            listed.push(("main/always/Packages.xz".to_owned(), "always".to_owned()));
            listed
        };
        let make = |contents: &[u8]| {
            let listed = listed(contents);
            let borrowed: Vec<(&str, &str)> = listed.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
            set(files, &borrowed)
        };
        let (old_set, new_set) = (make(&old), make(&new));
        let swap = plan(&new_set, Some(&old_set), Vec::new());
        check(&new_set, &swap);
        let changed = NAMES.iter().zip(old.iter().zip(&new)).filter(|(_, (old, new))| **new > 0 && old != new).count();
        prop_assert_eq!(swap.phase(Phase::Canonical).count(), changed);
        prop_assert_eq!(swap.phase(Phase::Commit).count(), usize::from(old_set.identity != new_set.identity));
        let again = plan(&new_set, Some(&new_set), Vec::new());
        prop_assert!(again.is_empty());
    }
}
