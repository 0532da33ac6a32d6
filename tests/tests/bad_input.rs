//! Bad input, and what it gets: an outcome, the object and the rule, nothing swapped that is not whole, nothing lost.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{EngineError, Outcome, replicate};
use suitecast_store::StoreError;
use suitecast_testing::FaultyStore;
use suitecast_testing::archive_maker::Signing;
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_tests::case::{Case, DROPPED, PACKAGES, SUITE, maker, says, with_line};
use suitecast_tests::edits::{sha256, with_date, with_packages, with_release};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World};

fn request() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

/// The store's part of an error, which says what befell which object.
fn store_error(error: &EngineError) -> &StoreError {
    match error {
        EngineError::Store { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_malformed_release_is_refused_with_the_line() {
    let case = Case::new().await;
    let refused = Outcome::Refused;
    let bad = with_release(&case.maker, &case.second, |text| text.replacen("Origin: ", "no field at all ", 1));
    case.gets("no field", &bad, refused, &["InRelease", "line 1", "no field at all"]).await;
    let bad = with_release(&case.maker, &case.second, |text| text.replacen("SHA256:\n ", "SHA256:\n zz", 1));
    case.gets("no digest", &bad, refused, &["InRelease", "digest"]).await;
    let mut bad = case.second.clone();
    bad.files.insert(bad.suite_key("InRelease"), Bytes::from_static(b"not signed at all\n"));
    case.gets("no envelope", &bad, refused, &["InRelease"]).await;
    let mut bad = case.second.clone();
    bad.files.insert(bad.suite_key("InRelease"), Bytes::new());
    case.gets("empty", &bad, refused, &["InRelease"]).await;
}

#[tokio::test]
async fn a_malformed_packages_is_refused_with_the_index_and_the_line() {
    let case = Case::new().await;
    let key = "main/binary-amd64/";
    for (name, words, edit) in [
        ("no field", [key, "line 1"], &(|text: &str| format!("no field at all\n{text}")) as &dyn Fn(&str) -> String),
        ("no digest", [key, "SHA256"], &|text: &str| with_line(text, "SHA256:", DROPPED)),
        ("two sizes", [key, "Size"], &|text: &str| text.replacen("Size: ", "Size: 1\nSize: ", 1)),
        ("size", [key, "-5"], &|text: &str| with_line(text, "Size:", "Size: -5")),
    ] {
        let bad = with_packages(&case.maker, &case.second, edit);
        case.gets(name, &bad, Outcome::Refused, &words).await;
    }
}

#[tokio::test]
async fn a_path_that_leaves_the_archive_is_refused_with_the_path() {
    let case = Case::new().await;
    for path in ["../../secret", "/etc/passwd", "pool/../../x", "pool//x"] {
        let edit = |text: &str| with_line(text, "Filename:", &format!("Filename: {path}"));
        let bad = with_packages(&case.maker, &case.second, edit);
        case.gets(path, &bad, Outcome::Refused, &["main/binary-amd64/", path]).await;
        let bad = with_release(&case.maker, &case.second, |text| {
            text.replace(&format!(" {PACKAGES}.gz"), &format!(" {path}"))
        });
        case.gets(path, &bad, Outcome::Refused, &["InRelease", path]).await;
    }
}

#[tokio::test]
async fn a_size_that_lies_is_waited_for_with_what_is_there_and_what_should_be() {
    let case = Case::new().await;
    let package = case.second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let size = case.second.files[package].len();
    let lie = |text: &str| text.replacen(&format!("Size: {size}\n"), &format!("Size: {}\n", size + 1), 1);
    let bad = with_packages(&case.maker, &case.second, lie);
    let (found, expected) = (format!("{size} bytes"), format!("{} bytes", size + 1));
    case.gets("of a package", &bad, Outcome::Waiting, &["_amd64.deb", "binary-amd64/Packages", &found, &expected])
        .await;

    let index = case.second.files[&case.second.suite_key(&format!("{PACKAGES}.xz"))].len();
    let row = format!(" {index:>8} {PACKAGES}.xz");
    let lie = |text: &str| text.replace(&row, &format!(" {:>8} {PACKAGES}.xz", index + 1));
    let bad = with_release(&case.maker, &case.second, lie);
    let (found, expected) = (format!("{index} bytes"), format!("{} bytes", index + 1));
    case.gets("of an index", &bad, Outcome::Waiting, &["Packages.xz", &found, &expected]).await;
}

#[tokio::test]
async fn an_index_that_does_not_match_its_digest_is_waited_for_wherever_it_lies() {
    let case = Case::new().await;
    let key = case.second.suite_key(&format!("{PACKAGES}.xz"));
    let right = case.second.files[&key].clone();
    let by_hash = case.second.suite_key(&format!("main/binary-amd64/by-hash/SHA256/{}", sha256(&right)));
    let mut bytes = right.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let wrong = Bytes::from(bytes);
    let mut bad = case.second.clone();
    for key in [&key, &by_hash] {
        bad.files.insert(key.clone(), wrong.clone());
    }
    let words = ["Packages.xz", &sha256(&right), &sha256(&wrong)];
    case.gets("both names", &bad, Outcome::Waiting, &words).await;
    // One good copy is enough, whichever it is, and what replicate brought under the wrong name is put right.
    for spoilt in [&key, &by_hash] {
        let mut half = case.second.clone();
        half.files.insert(spoilt.clone(), wrong.clone());
        let mut world = case.start.fork();
        world.upload_keys(&half, half.files.keys());
        world.settle().await;
        assert!(world.serves(&case.second).await && world.view(SUITE).await.is_settled(), "{spoilt}");
        assert_eq!(world.s3.peek(REGION, &by_hash), Some(right.clone()), "{spoilt}");
    }
}

#[tokio::test]
async fn a_package_with_other_bytes_than_its_index_says_is_waited_for() {
    let case = Case::new().await;
    let package = case.second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
    let right = &case.second.files[package];
    let wrong = Bytes::from(vec![7; right.len()]);
    let mut bad = case.second.clone();
    bad.files.insert(package.clone(), wrong.clone());
    let words = [package.as_str(), &sha256(right), &sha256(&wrong)];
    case.gets("package", &bad, Outcome::Waiting, &words).await;
}

#[tokio::test]
async fn a_date_that_cannot_be_is_refused_and_an_older_one_is_told_so() {
    let case = Case::new().await;
    let refused = Outcome::Refused;
    for (date, words) in [
        ("Fri, 01 Jan 2100 00:00:00 UTC", ["2100-01-01", "in the future"]),
        ("the day before yesterday", ["Date", "the day before yesterday"]),
        ("", ["Date", "InRelease"]),
    ] {
        case.gets(date, &with_date(&case.maker, &case.second, date), refused, &words).await;
    }
    let bad = with_release(&case.maker, &case.second, |text| with_line(text, "Date:", DROPPED));
    case.gets("no Date", &bad, refused, &["InRelease", "no Date"]).await;
    let older = with_date(&case.maker, &case.second, "Sun, 01 Dec 2024 00:00:00 UTC");
    case.gets("older", &older, Outcome::Older, &["2024-12-01", "2025-03-01", "force"]).await;
    // A clock that is a little off is no reason, and neither is a release signed again on the same day.
    let mut world = case.start.fork();
    let soon = with_date(&case.maker, &case.second, "Wed, 02 Sep 2026 11:00:00 UTC");
    world.upload_keys(&soon, soon.files.keys());
    world.settle().await;
    assert!(world.serves(&soon).await, "{:#?}", world.reports.last());
    let again = with_release(&case.maker, &soon, |text| text.replacen("Description: An", "Description: The same", 1));
    world.upload_keys(&again, again.files.keys());
    world.settle().await;
    assert!(world.serves(&again).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn a_release_without_sha256_or_stronger_is_refused() {
    let case = Case::new().await;
    let weak = |text: &str| text.split_once("SHA256:").unwrap().0.to_owned();
    let bad = with_release(&case.maker, &case.second, weak);
    case.gets("MD5 alone", &bad, Outcome::Refused, &["InRelease", "SHA256"]).await;
}

#[tokio::test]
async fn a_mixed_set_waits_then_is_refused_and_heals_by_itself() {
    let case = Case::new().await;
    let mut both_old = case.second.clone();
    for name in ["Release", "Release.gpg"] {
        both_old.files.insert(case.first.suite_key(name), case.first.files[&case.first.suite_key(name)].clone());
    }
    let mut old_signature = case.second.clone();
    let key = case.first.suite_key("Release.gpg");
    old_signature.files.insert(key.clone(), case.first.files[&key].clone());
    let mut only_signature = case.first.clone();
    only_signature.files.insert(key.clone(), case.second.files[&key].clone());
    for (bad, words) in [
        (&both_old, ["InRelease", "Release"]),
        (&old_signature, ["Release.gpg", "release before"]),
        (&only_signature, ["Release.gpg is new", "release before"]),
    ] {
        case.gets(words[0], bad, Outcome::Waiting, &words).await;
    }
    for bad in [&both_old, &old_signature] {
        let mut world = case.start.fork();
        world.upload_keys(bad, bad.files.keys());
        world.settle().await;
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
        world.clock.advance(SignedDuration::from_mins(14));
        world.sweep().await;
        world.settle().await;
        assert_eq!(world.reports.last().unwrap().outcome, Outcome::Waiting);
        world.clock.advance(SignedDuration::from_mins(1));
        world.sweep().await;
        world.settle().await;
        says("stood", world.reports.last().unwrap(), Outcome::Refused, &["one generation"]);
        assert!(world.serves(&case.first).await);
        world.upload_keys(&case.second, case.second.files.keys());
        world.settle().await;
        assert!(world.serves(&case.second).await);
    }
    // A release that was only signed again is served at once: the signature tells that it is of this text.
    let mut world = case.start.fork();
    let text = &case.first.files[&case.first.suite_key("Release")];
    let again = case.maker.key().unwrap().detached(text, world.clock.now()).unwrap();
    world.upload(&key, again);
    world.settle().await;
    assert_eq!(world.reports.last().unwrap().outcome, Outcome::Swapped);
    assert_eq!(world.s3.peek(REGION, &key), world.s3.peek(MASTER, &key));
}

#[tokio::test]
async fn a_signature_without_its_release_waits() {
    let maker = maker().signing(Signing::OnlyDetached);
    let first = maker.generation(1).unwrap();
    let mut world = World::default();
    let release = first.suite_key("Release");
    world.upload_keys(&first, first.files.keys().filter(|key| **key != release));
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    says("gpg alone", &report, Outcome::Waiting, &["Release.gpg", "without the Release"]);
    assert!(world.view(SUITE).await.live.is_none());
    world.upload(&release, first.files[&release].clone());
    world.settle().await;
    assert!(world.serves(&first).await);
}

#[tokio::test]
async fn a_master_object_that_vanishes_in_mid_copy_is_waited_for() {
    let case = Case::new().await;
    let package = case.second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap().clone();
    case.start.upload_changes(&case.second);
    // The events are lost, so that publish itself copies.
    case.start.uploads();
    let mut rehearsal = case.start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.publish(request()).await.unwrap();
    let copy = watcher.sights().effects.iter().find(|effect| effect.key == package).unwrap().number;
    // Where the bucket keeps versions, the one that was seen is still there to be copied.
    for (versioned, outcome) in [(true, Outcome::Swapped), (false, Outcome::Waiting)] {
        let mut world = case.start.fork();
        let watcher = Watcher::over(&world, SUITE);
        let mut gate = world.faults.hold(copy);
        let s3 = world.s3.clone();
        let vanishing = async {
            gate.reached().await;
            s3.change_bucket(MASTER, |settings| settings.versioned = versioned);
            s3.uproot(MASTER, &package).unwrap();
            gate.open();
        };
        let (report, ()) = tokio::join!(world.publish(request()), vanishing);
        let report = report.unwrap();
        assert_eq!(report.outcome, outcome, "{report:#?}");
        if outcome == Outcome::Waiting {
            says("vanished", &report, outcome, &[&package]);
            assert!(world.serves(&case.first).await);
            world.upload(&package, case.second.files[&package].clone());
            world.settle().await;
        }
        assert!(world.serves(&case.second).await);
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_index_replaced_while_it_is_read_is_never_half_believed() {
    let case = Case::new().await;
    case.start.upload_changes(&case.second);
    case.start.uploads();
    let key = case.second.suite_key(&format!("{PACKAGES}.xz"));
    let by_hash = format!("main/binary-amd64/by-hash/SHA256/{}", sha256(&case.second.files[&key]));
    let mut world = case.start.fork();
    let watcher = Watcher::over(&world, SUITE);
    let cut = TroubleRule::once(Trouble::CutBody(40)).on(S3Operation::GetObject);
    world.s3.trouble(cut.at(REGION, case.second.suite_key(&by_hash)));
    let error = world.publish(request()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(store_error(&error).key.contains("by-hash"), "{error:?}");
    assert!(world.serves(&case.first).await);
    assert_eq!(world.publish(request()).await.unwrap().outcome, Outcome::Swapped);
    assert!(world.serves(&case.second).await);
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_in_another_region_is_said_to_be_so_and_not_tried_again() {
    let case = Case::new().await;
    case.start.upload_changes(&case.second);
    for misled in [MASTER, REGION] {
        let mut world = case.start.fork();
        let store = Arc::new(world.s3.bucket_from("ap-southeast-2", misled));
        if misled == MASTER {
            world.ports.master = store;
        } else {
            world.ports.region = Arc::new(FaultyStore::new(store, &world.faults));
        }
        let error = world.publish(request()).await.unwrap_err();
        assert!(!error.is_retryable(), "{error:?}");
        let said = store_error(&error).to_string();
        assert!(said.contains(misled), "{said}");
        if misled == REGION {
            let report = replicate::run(&world.ports, &world.settings, &case.start.fork().uploads()).await;
            assert!(
                report.uploads.iter().all(|upload| upload.as_ref().is_err_and(|error| !error.to_string().is_empty()))
            );
        }
        assert!(world.serves(&case.first).await);
    }
}

#[tokio::test]
async fn a_throttled_or_failing_store_loses_nothing() {
    let case = Case::new().await;
    case.start.upload_changes(&case.second);
    let troubles = [Trouble::SlowDown, Trouble::InternalError, Trouble::ErrorInBody, Trouble::LostAnswer];
    let operations = [S3Operation::CopyObject, S3Operation::PutObject, S3Operation::HeadObject, S3Operation::GetObject];
    for trouble in troubles {
        for operation in operations {
            for (times, after) in [(1, 0), (1, 3), (1, 9), (2, 0), (2, 3), (2, 9), (7, 5)] {
                let name = format!("{times} {trouble:?} on {operation:?} after {after}");
                let mut world = case.start.fork();
                // Troubles with reads would befall the watcher.
                let watcher = operation.is_write().then(|| Watcher::over(&world, SUITE));
                world.s3.trouble(TroubleRule::once(trouble.clone()).on(operation).at(REGION, "").times(times, after));
                // Errors that are not retryable fail the test in here; failed work comes back, as from the queues.
                world.settle().await;
                world.s3.clear_troubles();
                if times > 1 && !world.serves(&case.second).await {
                    // The run could not even let go of the suite: once its lease is over, the sweep is the net.
                    world.clock.advance(SignedDuration::from_mins(5));
                    world.sweep().await;
                    world.settle().await;
                }
                assert!(world.serves(&case.second).await, "{name}: {:#?}", world.reports.last());
                let broken = watcher.map(|watcher| watcher.sights().broken.clone()).unwrap_or_default();
                assert_eq!(broken, Vec::<String>::new(), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_copied_fails_by_itself_and_comes_back() {
    let case = Case::new().await;
    let packages: Vec<&String> = case.second.changed.iter().filter(|key| key.ends_with("_amd64.deb")).collect();
    let mut world = case.start.fork();
    world.upload_keys(&case.second, packages.iter().copied());
    world.s3.trouble(TroubleRule::once(Trouble::SlowDown).on(S3Operation::CopyObject).at(REGION, packages[0]));
    let report = world.replicate().await.remove(0);
    let failed: Vec<&EngineError> = report.uploads.iter().filter_map(|upload| upload.as_ref().err()).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].is_retryable() && failed[0].to_string().contains(packages[0]), "{:?}", failed[0]);
    for package in &packages[1..] {
        assert!(world.s3.peek(REGION, package).is_some(), "{package}");
    }
    // Which suites wait could not be found out: every upload comes back, or a wake-up would be lost.
    world.upload_keys(&case.second, packages.iter().copied());
    world.s3.trouble(TroubleRule::once(Trouble::InternalError).on(S3Operation::ListObjectsV2));
    let report = world.replicate().await.remove(0);
    assert!(report.uploads.iter().all(|upload| upload.as_ref().is_err_and(EngineError::is_retryable)));
}

#[tokio::test]
async fn a_denied_store_is_never_read_as_an_empty_one() {
    let case = Case::new().await;
    case.start.upload_changes(&case.second);
    case.start.uploads();
    for (bucket, operation) in [
        (MASTER, S3Operation::GetObject),
        (MASTER, S3Operation::HeadObject),
        (REGION, S3Operation::HeadObject),
        (REGION, S3Operation::CopyObject),
    ] {
        let mut world = case.start.fork();
        world.s3.trouble(TroubleRule::once(Trouble::Denied).on(operation).at(bucket, "").times(u64::MAX, 0));
        let error = world.publish(request()).await.unwrap_err();
        assert!(!error.is_retryable(), "{error:?}");
        let said = store_error(&error).to_string();
        assert!(said.contains(bucket) && said.contains("dists/bookworm"), "{said}");
        world.s3.clear_troubles();
        assert!(world.serves(&case.first).await);
        assert_eq!(world.publish(request()).await.unwrap().outcome, Outcome::Swapped);
        assert!(world.serves(&case.second).await);
    }
}

#[tokio::test]
async fn a_suite_outside_every_archive_is_an_error_that_says_what_to_check() {
    let world = World::default();
    let request = PublishRequest::new(SuiteName::parse("somewhere/else").unwrap());
    let error = suitecast_engine::publish::run(&world.ports, &world.settings, &request).await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("Archives"), "{error}");
}
