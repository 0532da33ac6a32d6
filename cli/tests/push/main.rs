//! The real program against the strict S3 over HTTP: what it sends, in which order, how often, and what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bad_input;
mod proxies;
mod sending;
mod world;

use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_testing::archive_maker::{ArchiveMaker, Generation, Signing};
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};

use world::{MASTER, World};

fn generation(number: u32) -> Generation {
    ArchiveMaker::new(7).generation(number).unwrap()
}

fn assert_master_holds(world: &World, generation: &Generation) {
    for (key, bytes) in &generation.files {
        assert_eq!(world.s3.peek(MASTER, key).as_ref(), Some(bytes), "{key}");
    }
}

#[test]
fn a_tree_arrives_whole_and_what_is_named_comes_before_what_names_it() {
    let generation = generation(1);
    let world = World::with(&generation);
    let pushed = world.push(&["--concurrency", "8"]);
    assert_eq!((pushed.code, pushed.number("sent")), (0, generation.files.len() as u64), "{pushed:?}");
    assert_master_holds(&world, &generation);
    let order = world.written();
    assert_eq!(order.len(), generation.files.len());
    let place = |wanted: &dyn Fn(&str) -> bool| order.iter().position(|key| wanted(key)).unwrap();
    let last_of = |wanted: &dyn Fn(&str) -> bool| order.iter().rposition(|key| wanted(key)).unwrap();
    let is_release = |key: &str| generation.suite_key("Release") == key || generation.suite_key("Release.gpg") == key;
    let is_by_hash = |key: &str| key.contains("/by-hash/");
    let is_index =
        |key: &str| key.starts_with("dists/") && !is_by_hash(key) && !is_release(key) && !key.ends_with("/InRelease");
    assert!(last_of(&|key| !key.starts_with("dists/")) < place(&is_by_hash));
    assert!(last_of(&is_by_hash) < place(&is_index));
    assert!(last_of(&is_index) < place(&is_release));
    assert_eq!(order.last().map(String::as_str), Some(generation.suite_key("InRelease").as_str()));
}

#[test]
fn objects_carry_their_checksum_and_the_headers_that_a_region_serves() {
    let generation = generation(1);
    let world = World::with(&generation);
    assert_eq!(world.push(&[]).code, 0);
    let headers = |key: &str| world.s3.peek_headers(MASTER, key).unwrap();
    let deb = generation.pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap();
    assert_eq!(headers(deb).content_type.as_deref(), Some("application/vnd.debian.binary-package"));
    assert_eq!(headers(deb).cache_control.as_deref(), Some("public, max-age=31536000, immutable"));
    let release = headers(&generation.suite_key("InRelease"));
    assert_eq!(release.cache_control.as_deref(), Some("public, max-age=0, must-revalidate"));
    // A push that has lost its record gets by with what S3 keeps: so S3 was told the digests.
    world.s3.uproot(MASTER, ".suitecast/pushed/record.gz").unwrap();
    world.s3.forget_requests();
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("sent")), (0, 0), "{again:?}");
    assert!(world.written().is_empty());
    assert_eq!(world.count(S3Operation::HeadObject), generation.files.len() as u64);
}

#[test]
fn a_tree_that_did_not_change_costs_one_listing_and_the_record() {
    let generation = generation(1);
    let world = World::with(&generation);
    assert_eq!(world.push(&[]).code, 0);
    world.s3.forget_requests();
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("sent"), again.number("read")), (0, 0, 0), "{again:?}");
    assert_eq!(again.number("unchanged"), generation.files.len() as u64);
    let operations: Vec<S3Operation> = world.s3.requests().iter().map(|request| request.operation).collect();
    let mut expected = [S3Operation::ListObjectsV2, S3Operation::GetObject];
    expected.sort_unstable();
    let mut operations = operations;
    operations.sort_unstable();
    assert_eq!(operations, expected);
}

/// An archive large enough that looking at its release files is cheaper than listing it.
fn large() -> (World, Generation) {
    let generation = ArchiveMaker::new(7).signing(Signing::OnlyInRelease).generation(1).unwrap();
    let world = World::with(&generation);
    for number in 0..2_100 {
        world.write(&format!("pool/more/{number:04}.bin"), number.to_string());
    }
    (world, generation)
}

#[test]
fn a_large_tree_that_did_not_change_costs_a_look_at_its_release_files_and_no_listing() {
    let (world, generation) = large();
    assert_eq!(world.push(&[]).code, 0);
    world.s3.forget_requests();
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("sent"), again.number("asked")), (0, 0, 0), "{again:?}");
    assert_eq!(again.number("unchanged"), generation.files.len() as u64 + 2_100);
    assert_eq!(again.result["is_listed"], false);
    let mut operations: Vec<S3Operation> = world.s3.requests().iter().map(|request| request.operation).collect();
    operations.sort_unstable();
    // The record, its seal, and InRelease.
    let mut expected = [S3Operation::GetObject, S3Operation::GetObject, S3Operation::HeadObject];
    expected.sort_unstable();
    assert_eq!(operations, expected);
}

#[test]
fn what_changes_in_a_large_tree_is_sent_without_a_listing_and_what_others_change_in_the_bucket_is_found() {
    let (world, first) = large();
    assert_eq!(world.push(&[]).code, 0);
    world.write("pool/more/0001.bin", "another");
    world.s3.forget_requests();
    assert_eq!(world.push(&[]).code, 0);
    assert_eq!(world.written(), ["pool/more/0001.bin"]);
    assert_eq!(world.count(S3Operation::ListObjectsV2), 0);
    // Removed by hand: nothing tells of it until the bucket is looked at.
    world.s3.uproot(MASTER, "pool/more/0002.bin").unwrap();
    assert_eq!(world.push(&[]).number("sent"), 0);
    for arguments in [["--list"], ["--delete"]] {
        world.s3.uproot(MASTER, "pool/more/0002.bin").unwrap_or_default();
        world.s3.forget_requests();
        let pushed = world.push(&arguments);
        assert_eq!((pushed.code, world.written()), (0, vec!["pool/more/0002.bin".to_owned()]), "{pushed:?}");
    }
    // Whoever publishes by another way changes a release file.
    let key = first.suite_key("InRelease");
    world.s3.plant(MASTER, &key, "of another publisher").unwrap();
    world.s3.uproot(MASTER, "pool/more/0003.bin").unwrap();
    world.s3.forget_requests();
    assert_eq!(world.push(&["--no-check"]).code, 0);
    assert_eq!(world.written(), ["pool/more/0003.bin".to_owned(), key]);
}

#[test]
fn a_push_that_was_cut_short_while_it_sent_leaves_nothing_to_go_by() {
    let (world, _) = large();
    assert_eq!(world.push(&[]).code, 0);
    world.write("pool/more/0001.bin", "another");
    world.write("pool/more/0002.bin", "another");
    let refused = TroubleRule::once(Trouble::Denied).on(S3Operation::PutObject).at(MASTER, "pool/more/0002");
    world.s3.trouble(refused.times(u64::MAX, 0));
    assert_ne!(world.push(&["--concurrency", "1"]).code, 0);
    // A push that was killed with SIGKILL could not have said so afterwards.
    let seal = world.s3.peek(MASTER, ".suitecast/pushed/seal.json").unwrap();
    let seal: serde_json::Value = serde_json::from_slice(&seal).unwrap();
    assert!(seal["record"].is_null(), "{seal}");
    // What it had sent is taken back in the tree: the bucket holds what nobody recorded.
    world.write("pool/more/0001.bin", "1");
    world.write("pool/more/0002.bin", "2");
    world.s3.forget_requests();
    assert_eq!(world.push(&[]).code, 0);
    assert!(world.count(S3Operation::ListObjectsV2) > 0);
    assert_eq!(world.s3.peek(MASTER, "pool/more/0001.bin").unwrap(), "1");
}

#[test]
fn of_the_next_generation_only_what_changed_is_sent() {
    let maker = ArchiveMaker::new(7);
    let (first, second) = (maker.generation(1).unwrap(), maker.generation(2).unwrap());
    let world = World::with(&first);
    assert_eq!(world.push(&[]).code, 0);
    second.write_to(&world.tree).unwrap();
    world.s3.forget_requests();
    let pushed = world.push(&[]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    let mut sent = world.written();
    sent.sort();
    assert_eq!(sent, second.changed.iter().cloned().collect::<Vec<_>>());
    assert_master_holds(&world, &second);
}

#[test]
fn an_object_that_somebody_overwrote_is_sent_again_although_its_size_is_the_same() {
    let generation = generation(1);
    let world = World::with(&generation);
    assert_eq!(world.push(&[]).code, 0);
    let key = generation.pool_keys().next().unwrap();
    let spoilt: Vec<u8> = generation.files[key].iter().map(|byte| byte ^ 1).collect();
    world.s3.plant(MASTER, key, spoilt).unwrap();
    world.s3.forget_requests();
    assert_eq!(world.push(&[]).code, 0);
    assert_eq!(world.written(), [key]);
    assert_master_holds(&world, &generation);
}

#[test]
fn a_bucket_that_another_tool_filled_is_taken_over_without_sending_it_again() {
    let generation = generation(1);
    let world = World::with(&generation);
    for (key, bytes) in &generation.files {
        world.s3.plant(MASTER, key, bytes.clone()).unwrap();
    }
    let pushed = world.push(&[]);
    assert_eq!((pushed.code, pushed.number("sent")), (0, 0), "{pushed:?}");
    assert!(pushed.number("read") > 0);
    let again = world.push(&[]);
    assert_eq!((again.number("sent"), again.number("asked"), again.number("read")), (0, 0, 0), "{again:?}");
}

#[test]
fn a_large_file_goes_up_in_parts_and_is_known_afterwards() {
    let world = World::new();
    let bytes: Vec<u8> =
        (0..20 * 1024 * 1024_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    world.write("pool/large.bin", &bytes);
    let pushed = world.push(&[]);
    assert_eq!((pushed.code, pushed.number("sent_bytes")), (0, bytes.len() as u64), "{pushed:?}");
    assert_eq!(world.s3.peek(MASTER, "pool/large.bin").unwrap(), bytes);
    assert_eq!(world.count(S3Operation::UploadPart), 3);
    assert_eq!(world.push(&[]).number("sent"), 0);
}

#[test]
fn links_become_objects() {
    let generation = generation(1);
    let world = World::with(&generation);
    std::os::unix::fs::symlink("stable", world.tree.join("dists/current")).unwrap();
    assert_eq!(world.push(&[]).code, 0);
    let release = world.s3.peek(MASTER, "dists/current/InRelease");
    assert_eq!(release.as_ref(), generation.files.get("dists/stable/InRelease"));
}

#[test]
fn below_a_prefix_nothing_else_is_touched() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.s3.plant(MASTER, "other/pool/a.deb", "theirs").unwrap();
    let url = format!("s3://{MASTER}/debian");
    let tree = world.tree.to_str().unwrap();
    let endpoint = format!("http://{}", world.address());
    let output = World::command_to(&endpoint, &["push", tree, &url, "--delete"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (key, bytes) in &generation.files {
        assert_eq!(world.s3.peek(MASTER, &format!("debian/{key}")).as_ref(), Some(bytes), "{key}");
    }
    assert!(world.s3.peek(MASTER, "other/pool/a.deb").is_some());
}

#[test]
fn a_dry_run_says_everything_and_writes_nothing() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.s3.plant(MASTER, "pool/old.deb", "old").unwrap();
    let pushed = world.push(&["--dry-run", "--delete"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert_eq!(pushed.result["would_send"].as_array().unwrap().len(), generation.files.len());
    assert_eq!(pushed.result["would_delete"], serde_json::json!(["pool/old.deb"]));
    assert_eq!(world.s3.keys(MASTER, ""), ["pool/old.deb"]);
}

#[test]
fn only_what_no_index_names_is_deleted_and_never_more_than_allowed() {
    let generation = generation(1);
    let world = World::with(&generation);
    for key in ["pool/old-1.deb", "pool/old-2.deb", "dists/gone/InRelease"] {
        world.s3.plant(MASTER, key, "old").unwrap();
    }
    let refused = world.push(&["--delete", "--max-delete", "2"]);
    assert_eq!((refused.code, refused.number("deleted")), (4, 0), "{refused:?}");
    assert_master_holds(&world, &generation);
    assert!(world.s3.peek(MASTER, "pool/old-1.deb").is_some());
    world.s3.forget_requests();
    let done = world.push(&["--delete", "--max-delete", "3"]);
    assert_eq!((done.code, done.number("deleted")), (0, 3), "{done:?}");
    assert_eq!(world.keys(), generation.files.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn nothing_is_deleted_for_a_tree_that_is_empty_or_incomplete() {
    let generation = generation(1);
    let world = World::new();
    world.s3.plant(MASTER, "pool/old.deb", "old").unwrap();
    assert_eq!(world.push(&["--delete"]).code, 4);
    generation.write_to(&world.tree).unwrap();
    std::fs::remove_file(world.tree.join(generation.pool_keys().next().unwrap())).unwrap();
    assert_eq!(world.push(&["--delete", "--no-check"]).code, 4);
    assert_eq!(world.s3.keys(MASTER, ""), ["pool/old.deb"]);
}

#[test]
fn an_incomplete_tree_is_told_and_sent_only_on_request() {
    let generation = generation(1);
    let world = World::with(&generation);
    let missing = generation.pool_keys().next().unwrap();
    std::fs::remove_file(world.tree.join(missing)).unwrap();
    let refused = world.push(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.said.contains(missing), "{refused:?}");
    assert_eq!(refused.result["problems"][0]["path"], missing);
    assert!(world.s3.keys(MASTER, "").is_empty());
    let sent = world.push(&["--no-check"]);
    assert_eq!((sent.code, sent.number("sent")), (0, generation.files.len() as u64 - 1), "{sent:?}");
}

#[test]
fn a_suite_of_several_is_sent_with_what_it_names() {
    let world = World::with(&generation(1));
    let other = ArchiveMaker::new(8).suite("other").generation(1).unwrap();
    other.write_to(&world.tree).unwrap();
    let pushed = world.push(&["--suite", "other", "--exclude", "archive-key.asc"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert_eq!(world.keys(), other.files.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn with_a_suite_chosen_other_suites_of_the_bucket_keep_everything_although_the_tree_does_not_know_them() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.write("index.html", "no suite names it");
    let theirs = ["dists/bookworm/InRelease", "dists/bookworm/main/binary-amd64/Packages", "pool/b.deb"];
    for key in theirs.iter().chain(&["dists/stable/main/binary-amd64/old"]) {
        world.s3.plant(MASTER, key, "theirs").unwrap();
    }
    let pushed = world.push(&["--suite", "stable", "--delete"]);
    assert_eq!((pushed.code, pushed.number("deleted")), (0, 1), "{pushed:?}");
    for key in theirs {
        assert!(world.s3.peek(MASTER, key).is_some(), "{key} is another suite's");
    }
    assert!(world.s3.peek(MASTER, "dists/stable/main/binary-amd64/old").is_none());
    assert!(world.s3.peek(MASTER, "index.html").is_none(), "it is sent, and no suite names it");
    assert!(world.s3.peek(MASTER, &generation.suite_key("InRelease")).is_some());
}

/// Regions refuse these; push says so before it sends anything.
#[test]
fn a_release_that_regions_would_refuse_after_that_of_the_bucket_is_told_and_sent_only_on_request() {
    let maker = ArchiveMaker::new(7);
    let (first, second) = (maker.generation(1).unwrap(), maker.generation(2).unwrap());
    let detached = ArchiveMaker::new(7).signing(Signing::OnlyDetached).generation(2).unwrap();
    for (held, tree, file, word) in
        [(&second, &first, "InRelease", "do not go back"), (&first, &detached, "InRelease", "mixed set")]
    {
        let world = World::with(held);
        assert_eq!(world.push(&[]).code, 0);
        std::fs::remove_dir_all(&world.tree).unwrap();
        tree.write_to(&world.tree).unwrap();
        world.s3.forget_requests();
        let refused = world.push(&[]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.said.contains(word) && refused.said.contains("nothing was sent"), "{refused:?}");
        assert_eq!(refused.result["problems"][0]["path"], held.suite_key(file));
        assert!(world.written().is_empty(), "{:?}", world.written());
        assert_eq!(world.push(&["--no-check"]).code, 0);
        assert!(!world.written().is_empty());
    }
}

#[test]
fn a_package_changed_in_place_is_told_and_a_damaged_one_is_sent() {
    let generation = generation(1);
    let world = World::with(&generation);
    // Another suite of the bucket names the same key with other bytes.
    let key = generation.pool_keys().next().unwrap();
    let digest = |text: &str| Digest::of(DigestAlgorithm::Sha256, text.as_bytes());
    let theirs = "their bytes";
    let packages = format!(
        "Package: x\nVersion: 1\nArchitecture: amd64\nFilename: {key}\nSize: {}\nSHA256: {}\n",
        theirs.len(),
        digest(theirs)
    );
    let release = format!(
        "Suite: other\nDate: Wed, 01 Jan 2025 00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n {} {} \
         main/binary-amd64/Packages\n",
        digest(&packages),
        packages.len()
    );
    for (key, text) in
        [(key, theirs), ("dists/other/main/binary-amd64/Packages", &packages), ("dists/other/Release", &release)]
    {
        world.s3.plant(MASTER, key, text.to_owned()).unwrap();
    }
    let refused = world.push(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.said.contains("changed in place"), "{refused:?}");
    let problems = refused.result["problems"].as_array().unwrap();
    let told = problems.iter().find(|problem| problem["path"] == key).unwrap();
    assert_eq!(told["named_by"], "dists/other/main/binary-amd64/Packages");
    assert_eq!(world.s3.peek(MASTER, key).unwrap(), theirs);
    // Bytes that no release names are damage, and mended.
    world.s3.uproot(MASTER, "dists/other/Release").unwrap();
    assert_eq!(world.push(&[]).code, 0);
    assert_master_holds(&world, &generation);
}

#[test]
fn what_the_options_leave_out_is_told_as_such() {
    let generation = generation(1);
    let world = World::with(&generation);
    let key = generation.pool_keys().next().unwrap();
    let refused = world.push(&["--exclude", key]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.said.contains(&format!("{key}: is left out by --include or --exclude")), "{refused:?}");
}
