//! Archives made to do harm, or broken badly: each is refused or waited out with a reason, and what is served stays whole.
//!
//! | what comes | where | test |
//! | --- | --- | --- |
//! | `../`, absolute, doubled slash | `Filename`, Release | `bad_input`: a path that leaves the archive … |
//! | the same | `Sources`: `Directory` and names | here: a source package that leads out … |
//! | empty paths | `Filename`, `Sources`, Release | here: a path that is empty … |
//! | a negative size | `Packages` | `bad_input`: a malformed Packages … |
//! | negative and absurd sizes | `Packages`, `Sources`, Release | here: an absurd size … |
//! | a size that lies | `Packages`, Release | `bad_input`: a size that lies … |
//! | a decompression bomb | gzip, xz, xz that takes too much memory | here: a decompression bomb … |
//! | lines that two readers read differently | `Packages`, `Sources` | here: lines that clients would read otherwise … |
//! | the same pool key with new bytes | pool | `releases`: a file changed in place … (three), bytes that no release … |
//! | two generations interleaved | uploads in turn | here: two generations uploaded in turn … |
//! | two generations interleaved | indices of one, release of the other | here: an index of another generation … |
//! | two generations interleaved | the release files | `bad_input`: a mixed set … |
//! | `Release.gpg` of another generation | the release files | `bad_input`: a mixed set …, `runs_that_died` |
//! | a suite withdrawn in mid-copy | the release files, everything | here: a suite withdrawn in mid-copy … |
//! | a suite withdrawn at rest | the release files | `releases`: a withdrawn suite … |
//! | a master that deletes pool files early | before they were copied, after | here: a master that deletes … |
//! | the same, in mid-copy | pool | `bad_input`: a master object that vanishes … |
//! | an index replaced while it is being read | master | here: an index replaced while it is copied … |
//! | the same, cut | Region | `bad_input`: an index replaced while it is read … |

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write as _;

use bytes::Bytes;
use jiff::SignedDuration;
use suitecast_archive::{MAX_FILE_BYTES, MAX_LINE_BYTES, SuiteName};
use suitecast_engine::Outcome;
use suitecast_engine::publish::PublishRequest;
use suitecast_testing::StrictS3;
use suitecast_tests::case::{Case, PACKAGES, SOURCES, SUITE, says, with_line};
use suitecast_tests::edits::{sha256, with_index, with_index_bytes, with_packages, with_release};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, World};

fn request() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

/// The Release's row of an index of binary packages that has to be there, as it stands in the second generation.
fn row_of_packages(case: &Case) -> String {
    let bytes = &case.second.files[&case.second.suite_key(&format!("{PACKAGES}.xz"))];
    format!("{} {:>8} {PACKAGES}.xz\n", sha256(bytes), bytes.len())
}

/// A `Sources` whose lists call every `.dsc` by another name, or say another size of it.
fn with_dsc_rows(text: &str, edit: impl Fn(&str, &str, &str) -> String) -> String {
    let line = |line: &str| match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [digest, size, name]
            if line.starts_with(' ') && std::path::Path::new(name).extension().is_some_and(|end| end == "dsc") =>
        {
            edit(digest, size, name)
        }
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[tokio::test]
async fn a_path_that_is_empty_is_refused_wherever_it_stands() {
    let case = Case::new().await;
    let refused = Outcome::Refused;
    let bad = with_packages(&case.maker, &case.second, |text| with_line(text, "Filename:", "Filename: ./"));
    case.gets("Filename", &bad, refused, &["main/binary-amd64/", "a path is empty"]).await;
    for (name, words) in [("", "a digest, a size and a name"), ("./", "a path is empty")] {
        let edit = |digest: &str, size: &str, _: &str| format!(" {digest} {size} {name}");
        let bad = with_index(&case.maker, &case.second, SOURCES, |text| with_dsc_rows(text, edit));
        case.gets("Sources", &bad, refused, &["main/source/", words]).await;
    }
    let row = row_of_packages(&case);
    for (path, words) in [(" ./", "a path is empty"), ("", "is not a digest, a size and a path")] {
        let edited = row.replace(&format!(" {PACKAGES}.xz"), path);
        let bad = with_release(&case.maker, &case.second, |text| text.replace(&row, &edited));
        case.gets("Release", &bad, refused, &["InRelease", words]).await;
    }
}

#[tokio::test]
async fn a_source_package_that_leads_out_of_the_archive_is_refused_with_the_path() {
    let case = Case::new().await;
    for (directory, words) in [("../../secret", "../../secret"), ("/etc", "/etc"), ("pool//x", "pool//x")] {
        let edit = |text: &str| with_line(text, "Directory:", &format!("Directory: {directory}"));
        let bad = with_index(&case.maker, &case.second, SOURCES, edit);
        case.gets(directory, &bad, Outcome::Refused, &["main/source/", words]).await;
    }
    for name in ["../../x.dsc", "/etc/x.dsc", "a//x.dsc", "a/./x.dsc"] {
        let edit = |digest: &str, size: &str, _: &str| format!(" {digest} {size} {name}");
        let bad = with_index(&case.maker, &case.second, SOURCES, |text| with_dsc_rows(text, edit));
        case.gets(name, &bad, Outcome::Refused, &["main/source/", name]).await;
    }
}

#[tokio::test]
async fn an_absurd_size_is_refused_wherever_it_stands() {
    let case = Case::new().await;
    let refused = Outcome::Refused;
    let row = row_of_packages(&case);
    let (digest, _) = row.split_once(' ').unwrap();
    for size in ["-1", "1e3", "0x10", "50000000000001", "99999999999999999999999"] {
        let words = [size, "no number up to 50000000000000"];
        let bad = with_packages(&case.maker, &case.second, |text| with_line(text, "Size:", &format!("Size: {size}")));
        case.gets("Packages", &bad, refused, &["main/binary-amd64/", words[0], words[1]]).await;
        let edit = |digest: &str, _: &str, name: &str| format!(" {digest} {size} {name}");
        let bad = with_index(&case.maker, &case.second, SOURCES, |text| with_dsc_rows(text, edit));
        case.gets("Sources", &bad, refused, &["main/source/", words[0], words[1]]).await;
        let edited = format!("{digest} {size} {PACKAGES}.xz\n");
        let bad = with_release(&case.maker, &case.second, |text| text.replace(&row, &edited));
        case.gets("Release", &bad, refused, &["InRelease", words[0], words[1]]).await;
    }
    // At the limit it is a size, and no such file is there.
    let edited = format!("{digest} {MAX_FILE_BYTES} {PACKAGES}.xz\n");
    let bad = with_release(&case.maker, &case.second, |text| text.replace(&row, &edited));
    case.gets("at the limit", &bad, Outcome::Waiting, &["50000000000000 bytes"]).await;
}

#[tokio::test]
async fn a_decompression_bomb_is_refused_after_the_first_piece_of_it() {
    let case = Case::new().await;
    // A line 64 times as long as the longest that is read, in some kilobytes.
    let bomb = format!("Package: a\nDescription: {}\n", "0".repeat(64 * MAX_LINE_BYTES));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bomb.as_bytes()).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(bomb.as_bytes()).unwrap();
    let xz = xz.finish().unwrap();
    for (suffix, bytes, words) in [
        (".gz", gzip.finish().unwrap(), "line 2 of the index has more than 1048576 bytes"),
        (".xz", with_vast_dictionary(&xz), "takes more than 83886080 bytes of memory"),
        (".xz", xz, "line 2 of the index has more than 1048576 bytes"),
    ] {
        assert!(bytes.len() < bomb.len() / 500, "{} bytes", bytes.len());
        let bad = with_index_bytes(&case.maker, &case.second, PACKAGES, suffix, Bytes::from(bytes));
        case.gets(suffix, &bad, Outcome::Refused, &["main/binary-amd64/", words]).await;
    }
}

/// The same xz data, saying that it takes a dictionary of 4 GiB to read.
fn with_vast_dictionary(packed: &[u8]) -> Vec<u8> {
    let mut vast = packed.to_vec();
    // The block's header: flags, the filter's id 0x21, the length 1 of its properties, the dictionary's size.
    let properties = vast.windows(2).position(|pair| pair == [0x21, 0x01]).unwrap() + 2;
    vast[properties] = 40;
    let header = 12..12 + (usize::from(vast[12]) + 1) * 4;
    let mut sum = flate2::Crc::new();
    sum.update(&vast[header.start..header.end - 4]);
    vast[header.end - 4..header.end].copy_from_slice(&sum.sum().to_le_bytes());
    vast
}

#[tokio::test]
async fn lines_that_clients_would_read_otherwise_are_refused_with_the_line() {
    let case = Case::new().await;
    // apt would ask for the file behind the carriage return, of two for the later one, and for a name that holds a tab.
    for (filename, words) in [
        ("Filename: a.deb\n\rFilename: b.deb", "is not a field of a stanza"),
        ("Filename: a.deb\nFilename:", "a second time"),
        ("Filename:\n\tb.deb", "is not a field of a stanza"),
        ("Filename\u{b}: b.deb", "is not a field of a stanza"),
    ] {
        let bad = with_packages(&case.maker, &case.second, |text| with_line(text, "Filename:", filename));
        case.gets(filename, &bad, Outcome::Refused, &["main/binary-amd64/", "line ", words]).await;
    }
}

#[tokio::test]
async fn two_generations_uploaded_in_turn_never_mix_and_the_newer_is_served() {
    let case = Case::new().await;
    let third = case.maker.generation(3).unwrap();
    // Key by key from both, each in its own order: under every name that both have, either may come to stand last.
    for newer_last in [true, false] {
        let mut world = case.start.fork();
        let watcher = Watcher::over(&world, SUITE);
        let (mut second, mut newer) = (case.second.changed.iter(), third.changed.iter());
        loop {
            let pair = [(&case.second, second.next()), (&third, newer.next())];
            if pair.iter().all(|(_, key)| key.is_none()) {
                break;
            }
            let mut pair = pair.to_vec();
            if !newer_last {
                pair.reverse();
            }
            for (generation, key) in pair {
                if let Some(key) = key {
                    world.upload(key, generation.files[key].clone());
                    world.settle().await;
                }
            }
        }
        let seen = world.view(SUITE).await;
        assert!(seen.is_whole(), "newer last: {newer_last}: {seen}");
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
        // Whatever the names came to hold, uploading the newer one once more settles it; without a keyring, release files that
        // may be half of an upload are waited with for a quarter of an hour.
        world.upload_keys(&third, third.files.keys());
        world.settle().await;
        world.clock.advance(SignedDuration::from_mins(16));
        world.sweep().await;
        world.settle().await;
        assert!(world.serves(&third).await, "newer last: {newer_last}: {:#?}", world.reports.last());
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
        assert_eq!(watcher.sights().backwards, Vec::<String>::new());
    }
}

/// Runs a publisher of the second generation that is held at its first effect on `key`, and changes the master meanwhile.
async fn changed_while_copying(
    case: &Case,
    key: &str,
    is_versioned: bool,
    change: impl Fn(&StrictS3),
) -> (World, Watcher) {
    let start = case.start.fork();
    start.upload_changes(&case.second);
    // The events are lost, so that publish itself copies.
    start.uploads();
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.publish(request()).await.unwrap();
    let copy = watcher.sights().effects.iter().find(|effect| effect.key == key).unwrap().number;
    let mut world = start.fork();
    let watcher = Watcher::over(&world, SUITE);
    let mut gate = world.faults.hold(copy);
    let s3 = world.s3.clone();
    let changing = async {
        gate.reached().await;
        s3.change_bucket(MASTER, |settings| settings.versioned = is_versioned);
        change(&s3);
        gate.open();
    };
    let (report, ()) = tokio::join!(world.publish(request()), changing);
    report.unwrap();
    (world, watcher)
}

#[tokio::test]
async fn a_suite_withdrawn_in_mid_copy_leaves_clients_a_whole_one() {
    let case = Case::new().await;
    let package = case.second.changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
    for is_versioned in [true, false] {
        // Only the release files: what the run has read of them is a release that the master held.
        let releases = ["InRelease", "Release", "Release.gpg"].map(|name| case.second.suite_key(name));
        let (mut world, watcher) = changed_while_copying(&case, package, is_versioned, |s3| {
            for key in &releases {
                s3.uproot(MASTER, key).unwrap();
            }
        })
        .await;
        assert_eq!(world.reports.last().unwrap().outcome, Outcome::Swapped, "{:#?}", world.reports.last());
        assert!(world.serves(&case.second).await);
        let report = world.publish_suite(SUITE).await;
        says("withdrawn", &report, Outcome::Withdrawn, &["gone from the master"]);
        assert!(world.serves(&case.second).await);
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
    }
    // Everything at once, and no version is kept: what was served stays, and the answer says what is the matter.
    let (mut world, watcher) = changed_while_copying(&case, package, false, |s3| {
        for key in s3.keys(MASTER, "") {
            s3.uproot(MASTER, &key).unwrap();
        }
    })
    .await;
    says("all gone", world.reports.last().unwrap(), Outcome::Waiting, &[package]);
    assert!(world.serves(&case.first).await);
    let report = world.publish_suite(SUITE).await;
    says("withdrawn", &report, Outcome::Withdrawn, &["gone from the master"]);
    world.upload_keys(&case.second, case.second.files.keys());
    world.settle().await;
    assert!(world.serves(&case.second).await, "{:#?}", world.reports.last());
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

#[tokio::test]
async fn a_master_that_deletes_pool_files_early_takes_nothing_from_clients() {
    let case = Case::new().await;
    // Files that are served, as a tool does that clears its pool before its new release is out.
    let mut world = case.start.fork();
    let watcher = Watcher::over(&world, SUITE);
    world.s3.change_bucket(MASTER, |settings| settings.versioned = false);
    for key in case.first.pool_keys() {
        world.s3.uproot(MASTER, key).unwrap();
    }
    world.settle().await;
    world.clock.advance(SignedDuration::from_hours(25));
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&case.first).await, "{:#?}", world.reports.last());
    let full = world.publish(PublishRequest { full: true, ..request() }).await.unwrap();
    // A full look ends by committing the same bytes again.
    assert_eq!(full.outcome, Outcome::Swapped, "{full:#?}");
    // Files of the next release, before they were ever copied: those are waited for, by name.
    let gone: Vec<&String> = case.second.changed.iter().filter(|key| key.ends_with("_amd64.deb")).collect();
    world.upload_keys(&case.second, case.second.changed.iter().filter(|key| !gone.contains(key)));
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    says("deleted", &report, Outcome::Waiting, &[gone[0], "binary-amd64/Packages", "Absent"]);
    assert_eq!(report.missing_count, gone.len());
    assert!(world.serves(&case.first).await);
    world.upload_keys(&case.second, gone);
    world.settle().await;
    assert!(world.serves(&case.second).await, "{:#?}", world.reports.last());
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

#[tokio::test]
async fn an_index_replaced_while_it_is_copied_is_never_taken_for_the_one_that_was_seen() {
    let case = Case::new().await;
    let third = case.maker.generation(3).unwrap();
    let index = case.second.suite_key(&format!("{PACKAGES}.xz"));
    let digest = sha256(&case.second.files[&index]);
    let by_hash = case.second.suite_key(&format!("main/binary-amd64/by-hash/SHA256/{digest}"));
    for is_versioned in [true, false] {
        for new in [third.files[&index].clone(), Bytes::from_static(b"anything")] {
            let (mut world, watcher) = changed_while_copying(&case, &by_hash, is_versioned, |s3| {
                for key in [&index, &by_hash] {
                    s3.plant(MASTER, key, new.clone()).unwrap();
                }
            })
            .await;
            // Where versions are kept, the one that was seen is copied; else it is waited for. Never is it the new one.
            if is_versioned {
                assert!(world.serves(&case.second).await, "{:#?}", world.reports.last());
            } else {
                says("replaced", world.reports.last().unwrap(), Outcome::Waiting, &["Packages.xz", &digest]);
                assert!(world.serves(&case.first).await);
            }
            world.upload_keys(&third, third.files.keys());
            world.settle().await;
            assert!(world.serves(&third).await, "{:#?}", world.reports.last());
            assert_eq!(watcher.sights().broken, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn an_index_of_another_generation_under_the_name_is_waited_out() {
    let case = Case::new().await;
    let mut bad = case.second.clone();
    let is_index = |key: &&String| key.contains("/binary-amd64/") && !key.contains("by-hash");
    let old: Vec<String> = case.first.files.keys().filter(is_index).cloned().collect();
    for key in &old {
        bad.files.insert(key.clone(), case.first.files[key].clone());
    }
    bad.files.retain(|key, _| !key.contains("/binary-amd64/by-hash/") || case.first.files.contains_key(key));
    let expected = sha256(&case.second.files[&case.second.suite_key(&format!("{PACKAGES}.xz"))]);
    // Of another size, so that it need not be read to be told apart.
    let found = format!("{} bytes", case.first.files[&case.first.suite_key(&format!("{PACKAGES}.xz"))].len());
    case.gets("indices of the first", &bad, Outcome::Waiting, &["Packages.xz", &expected, &found]).await;
}
