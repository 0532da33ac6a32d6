//! Archives of every shape: parts of one, without by-hash, flat, nested, several in a bucket, trees that no release lists.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::SignedDuration;
use suitecast_archive::{Archives, Scope, Strictness};
use suitecast_engine::{Outcome, Settings, SuitePatterns};
use suitecast_store::Operation;
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices, Signing};
use suitecast_testing::client_model::{ClientModel, Scope as ClientScope, StoreReader, View};
use suitecast_tests::edits::{sha256, with_release};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(31).suite("bookworm").plain_packages(2)
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

async fn view_in(world: &World, suite: &str, scope: &ClientScope) -> View {
    ClientModel::new(scope.clone()).walk(&StoreReader(&world.s3.bucket(REGION)), suite).await.unwrap()
}

fn public_keys(world: &World) -> Vec<String> {
    world.s3.keys(REGION, "").into_iter().filter(|key| !key.starts_with(".suitecast/")).collect()
}

async fn publish_all(world: &mut World, generations: &[Generation]) {
    for generation in generations {
        world.upload_changes(generation);
        world.settle().await;
        assert!(world.serves(generation).await, "{}: {:#?}", generation.suite, world.reports.last());
        assert!(world.view(&generation.suite).await.is_settled());
    }
}

#[tokio::test]
async fn a_scope_of_components_and_architectures_is_whole_within_itself_and_can_be_widened() {
    let generations = maker().contents(true).binary_all(true).history(2).unwrap();
    let narrow =
        Scope { components: Some(names(&["main"])), architectures: Some(names(&["amd64"])), ..Scope::everything() };
    let clients = ClientScope {
        components: Some(names(&["main"])),
        architectures: Some(names(&["amd64"])),
        ..ClientScope::default()
    };
    let mut world = World::new(Settings { scope: narrow, ..default_settings() });
    for generation in &generations {
        world.upload_changes(generation);
        world.settle().await;
        let view = view_in(&world, SUITE, &clients).await;
        assert!(view.is_settled() && view.files > 3, "{view}");
        let live = view.live.unwrap();
        assert_eq!(live.bytes, generation.files[&live.key]);
    }
    for key in public_keys(&world) {
        let outside = ["arm64", "/contrib/binary-", "/contrib/i18n/", "/source/", ".dsc"];
        assert!(!outside.iter().any(|part| key.contains(part)), "{key} is out of scope");
    }
    assert!(!world.view(SUITE).await.is_whole(), "a client of everything would not be served");
    // The operator widens the scope; the sweep notices.
    world.settings.scope = Scope::everything();
    let watcher_scope = clients;
    let woken = world.sweep().await.woken;
    assert_eq!(woken.values().copied().collect::<Vec<_>>(), ["the scope changed"]);
    world.settle().await;
    let view = world.view(SUITE).await;
    assert!(view.is_settled(), "{view}");
    assert!(view_in(&world, SUITE, &watcher_scope).await.is_settled());
    assert!(world.sweep().await.woken.is_empty());
}

#[tokio::test]
async fn a_relaxed_scope_asks_for_one_form_of_what_apt_needs() {
    let generation = maker().contents(true).generation(1).unwrap();
    let relaxed = Scope { strictness: Strictness::Relaxed, ..Scope::everything() };
    let is_left_out =
        |key: &&String| !(key.ends_with("Packages.gz") || key.contains("Contents-") || key.contains("by-hash"));
    let kept: Vec<&String> = generation.files.keys().filter(is_left_out).collect();
    let mut strict = World::default();
    strict.upload_keys(&generation, kept.iter().copied());
    strict.settle().await;
    assert_eq!(strict.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    let mut world = World::new(Settings { scope: relaxed, ..default_settings() });
    let is_form = |key: &&&String| key.contains("main/binary-amd64/Packages");
    world.upload_keys(&generation, kept.iter().copied().filter(|key| !is_form(&key)));
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "one of them, whichever: {report:#?}");
    world.upload_keys(&generation, kept);
    world.settle().await;
    let key = generation.suite_key("InRelease");
    assert_eq!(world.s3.peek(REGION, &key), Some(generation.files[&key].clone()), "{:#?}", world.reports.last());
    let index = generation.suite_key("main/binary-amd64/Packages.xz");
    assert_eq!(world.s3.peek(REGION, &index), Some(generation.files[&index].clone()));
}

#[tokio::test]
async fn a_form_of_an_index_that_was_not_needed_is_looked_for_when_it_is_the_only_one() {
    let maker = maker().components(&["main"]).architectures(&["amd64"]).plain_indices(PlainIndices::Shipped);
    let generation = maker.generation(1).unwrap();
    let plain = generation.suite_key("main/binary-amd64/Packages");
    let mut world = World::default();
    let is_plain = |key: &&String| generation.files[*key] == generation.files[&plain];
    world.upload_keys(&generation, generation.files.keys().filter(|key| !is_plain(key)));
    world.settle().await;
    assert!(world.s3.peek(REGION, &format!("{SUITE}/InRelease")).is_some());
    let only_plain = with_release(&maker, &generation, |text| {
        let is_other = |line: &&str| !line.contains("binary-amd64/Packages.");
        text.lines().filter(is_other).flat_map(|line| [line, "\n"]).collect()
    });
    world.upload_keys(
        &only_plain,
        ["InRelease", "Release", "Release.gpg"].map(|name| only_plain.suite_key(name)).iter(),
    );
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "{report:#?}");
    world.upload(&plain, generation.files[&plain].clone());
    world.settle().await;
    assert!(world.serves(&only_plain).await);
}

#[tokio::test]
async fn suites_without_by_hash_are_served_whole_and_get_names_by_hash_here() {
    let generations = maker().by_hash(ByHash::None).history(3).unwrap();
    let mut world = World::default();
    let watcher = Watcher::over(&world, SUITE);
    publish_all(&mut world, &generations).await;
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
    // The canonical names change as late as can be: after everything that they name, and before the commit alone.
    let effects: Vec<String> = {
        let sights = watcher.sights();
        let shown = sights.effects.iter().filter(|effect| !effect.key.starts_with(".suitecast/"));
        shown.map(|effect| effect.key.clone()).collect()
    };
    let commits: Vec<usize> = (0..effects.len()).filter(|at| effects[*at] == format!("{SUITE}/InRelease")).collect();
    assert_eq!(commits.len(), 3);
    let is_canonical =
        |key: &String| key.contains("/Packages") || key.contains("/Translation") || key.contains("/Sources");
    for (from, to) in commits.iter().zip(&commits[1..]) {
        let swap = &effects[from + 1..*to];
        let first = swap.iter().position(is_canonical).unwrap();
        let behind = swap[first..].iter().filter(|key| key.starts_with("pool/") || key.contains("/by-hash/"));
        assert_eq!(behind.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

#[tokio::test]
async fn every_way_to_sign_and_to_name_by_hash_is_served() {
    for signing in [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached, Signing::Unsigned] {
        for by_hash in [ByHash::Sha256, ByHash::Sha256AndSha512] {
            for plain in [PlainIndices::Listed, PlainIndices::Shipped] {
                let maker = maker().signing(signing).by_hash(by_hash).plain_indices(plain);
                let generations = maker.components(&["main"]).architectures(&["amd64"]).history(2).unwrap();
                let mut world = World::default();
                let watcher = Watcher::over(&world, SUITE);
                publish_all(&mut world, &generations).await;
                assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{signing:?} {by_hash:?} {plain:?}");
            }
        }
    }
}

/// A flat archive: everything beside its Release.
fn flat(prefix: &str, version: u32) -> BTreeMap<String, Bytes> {
    let package = Bytes::from(format!("a package at version {version}"));
    let path = format!("hello+tools~rc_{version}_all.deb");
    let packages = format!(
        "Package: hello\nVersion: {version}\nArchitecture: all\nFilename: ./{path}\nSize: {}\nSHA256: {}\n",
        package.len(),
        sha256(&package)
    );
    let row = format!(" {} {} Packages\n", sha256(packages.as_bytes()), packages.len());
    let release = format!("Date: Sat, 0{version} Aug 2026 00:00:00 UTC\nSHA256:\n{row}");
    let files = [(path, package), ("Packages".into(), packages.into()), ("Release".into(), release.into())];
    files.into_iter().map(|(path, bytes)| (format!("{prefix}{path}"), bytes)).collect()
}

#[tokio::test]
async fn flat_archives_are_served_under_a_prefix_and_at_the_root() {
    for (archives, prefix, suite) in [("flat:internal/", "internal/", "internal"), ("flat:/", "", ".")] {
        let archives = Archives::parse(archives).unwrap();
        let mut world = World::new(Settings { archives, ..default_settings() });
        let walked = prefix.trim_end_matches('/');
        let watcher = Watcher::over(&world, walked);
        for version in [1, 2] {
            let files = flat(prefix, version);
            for (key, bytes) in &files {
                world.upload(key, bytes.clone());
            }
            world.settle().await;
            let view = world.view(walked).await;
            assert!(view.is_settled() && view.files == 1, "{archives:?}: {view}", archives = world.settings.archives);
            assert_eq!(view.live.unwrap().bytes, files[&format!("{prefix}Release")]);
        }
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
        assert_eq!(world.publish_suite(suite).await.outcome, Outcome::UpToDate);
        assert!(world.sweep().await.woken.is_empty());
        // And with no events at all.
        let mut world = World::new(world.settings.clone());
        for (key, bytes) in flat(prefix, 1) {
            world.upload(&key, bytes);
        }
        world.uploads();
        world.sweep().await;
        world.settle().await;
        assert!(world.view(walked).await.is_settled());
    }
}

#[tokio::test]
async fn suites_may_be_nested_and_each_goes_its_own_way() {
    let outer = maker().components(&["main"]).history(2).unwrap();
    let inner = maker().suite("bookworm/updates").components(&["main"]).history(2).unwrap();
    let mut world = World::default();
    publish_all(&mut world, &outer[..1]).await;
    publish_all(&mut world, &inner).await;
    assert!(world.serves(&outer[0]).await);
    publish_all(&mut world, &outer[1..]).await;
    assert!(world.serves(&inner[1]).await);
    let sweep = world.sweep().await;
    assert_eq!(sweep.suites, 2);
    // A Release of one architecture is no suite.
    assert!(world.reports.iter().all(|report| report.suite.as_str().split('/').count() <= 3));
}

#[tokio::test]
async fn two_archives_in_one_bucket_do_not_touch_each_other() {
    let debian = maker().in_directory("debian").history(2).unwrap();
    let ubuntu = ArchiveMaker::new(77).in_directory("ubuntu").suite("bookworm").plain_packages(1).history(2).unwrap();
    let settings = Settings { archives: Archives::parse("debian/,ubuntu/").unwrap(), ..default_settings() };
    let mut world = World::new(settings);
    publish_all(&mut world, &debian).await;
    let before: Vec<_> =
        world.s3.keys(REGION, "debian/").into_iter().map(|key| (world.s3.peek_etag(REGION, &key), key)).collect();
    publish_all(&mut world, &ubuntu).await;
    let after: Vec<_> =
        world.s3.keys(REGION, "debian/").into_iter().map(|key| (world.s3.peek_etag(REGION, &key), key)).collect();
    assert_eq!(before, after);
    assert_eq!(world.sweep().await.suites, 2);
    // What lies outside of both is left alone.
    world.upload("elsewhere/dists/x/InRelease", "nobody's");
    world.upload("elsewhere/pool/x.deb", "nobody's");
    world.settle().await;
    world.sweep().await;
    assert!(public_keys(&world).iter().all(|key| key.starts_with("debian/") || key.starts_with("ubuntu/")));
}

#[tokio::test]
async fn only_the_suites_asked_for_are_mirrored_with_what_they_name() {
    let wanted = maker().generation(1).unwrap();
    let other = ArchiveMaker::new(32).suite("trixie").plain_packages(3).generation(3).unwrap();
    let settings = Settings { suites: SuitePatterns::parse("book*").unwrap(), ..default_settings() };
    let mut world = World::new(settings);
    world.upload_changes(&other);
    world.upload_keys(&other, other.files.keys());
    world.settle().await;
    world.sweep().await;
    world.settle().await;
    assert_eq!(public_keys(&world), Vec::<String>::new());
    publish_all(&mut world, &[wanted]).await;
    assert!(world.view("dists/trixie").await.live.is_none());
}

#[tokio::test]
async fn names_with_plus_tilde_and_colon_arrive_under_their_own_name() {
    let generation = maker().generation(1).unwrap();
    let mut world = World::default();
    publish_all(&mut world, std::slice::from_ref(&generation)).await;
    for letter in ["+", "~", ":", "%3a"] {
        let key =
            generation.pool_keys().find(|key| key.contains(letter)).unwrap_or_else(|| panic!("none with {letter}"));
        assert_eq!(world.s3.peek(REGION, key), Some(generation.files[key].clone()), "{key}");
    }
}

#[tokio::test]
async fn a_release_that_lists_sha512_alone_is_served() {
    let maker = maker().by_hash(ByHash::Sha256AndSha512);
    let generations = maker.history(2).unwrap();
    let without_sha256 = |generation: &Generation| {
        with_release(&maker, generation, |text| {
            let (before, listed) = text.split_once("SHA256:").unwrap();
            let (_, stronger) = listed.split_once("SHA512:").unwrap();
            format!("{before}SHA512:{stronger}")
        })
    };
    let mut world = World::default();
    publish_all(&mut world, &[without_sha256(&generations[0]), without_sha256(&generations[1])]).await;
}

#[tokio::test]
async fn trees_that_no_release_lists_are_mirrored_checksums_last() {
    let generation = maker().components(&["main"]).architectures(&["amd64"]).generation(1).unwrap();
    let tree = format!("{SUITE}/main/installer-amd64/current/images");
    let files = [("SHA256SUMS", "sums"), ("netboot/mini.iso", "image"), ("SHA256SUMS.gpg", "signature")];
    for by_event in [true, false] {
        let mut world = World::default();
        publish_all(&mut world, std::slice::from_ref(&generation)).await;
        for round in 1..=2 {
            let watcher = Watcher::over(&world, SUITE);
            world.clock.advance(SignedDuration::from_mins(30));
            for (path, content) in files {
                world.upload(&format!("{tree}/{path}"), format!("{content}, {round}"));
            }
            if by_event && round == 1 {
                world.settle().await;
            } else {
                world.uploads();
                assert_eq!(world.sweep().await.tree_objects_copied, 3);
            }
            for (path, content) in files {
                let key = format!("{tree}/{path}");
                assert_eq!(world.s3.peek(REGION, &key).unwrap(), format!("{content}, {round}"), "{key}");
            }
            let sights = watcher.sights();
            let copies: Vec<&str> = sights.effects.iter().map(|effect| effect.key.as_str()).collect();
            let image = copies.iter().position(|key| key.ends_with("mini.iso")).unwrap();
            let sums = copies.iter().position(|key| key.ends_with("SHA256SUMS")).unwrap();
            assert!(image < sums, "{copies:?}");
            assert!(sights.effects.iter().all(|effect| effect.operation != Operation::Delete));
        }
        assert_eq!(world.sweep().await.tree_objects_copied, 0, "what is there is left alone");
    }
}

#[tokio::test]
async fn a_new_region_is_filled_by_one_sweep() {
    let debian = maker().in_directory("debian").generation(3).unwrap();
    let security = maker().in_directory("security").suite("bookworm/updates").generation(2).unwrap();
    let settings = Settings { archives: Archives::parse("debian/,security/").unwrap(), ..default_settings() };
    let mut world = World::new(settings);
    for generation in [&debian, &security] {
        world.upload_keys(generation, generation.files.keys());
    }
    world.uploads();
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep().await.woken.len(), 2);
    world.settle().await;
    assert!(world.serves(&debian).await && world.serves(&security).await);
    assert!(world.sweep().await.woken.is_empty());
}

/// Events bring the names by digest as they are uploaded; without them publish makes each name that a client may ask for.
#[tokio::test]
async fn with_every_event_lost_indices_have_their_names_by_the_strongest_digest_too() {
    let maker = ArchiveMaker::new(29).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    let first = maker.plain_packages(1).by_hash(ByHash::Sha256AndSha512).generation(1).unwrap();
    let mut world = World::default();
    world.upload_changes(&first);
    world.uploads();
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&first).await, "{:?}", world.reports.last());
    let strongest: Vec<&String> =
        first.files.keys().filter(|key| key.contains("binary-amd64/by-hash/SHA512/")).collect();
    assert!(!strongest.is_empty());
    for key in strongest {
        assert_eq!(world.s3.peek(REGION, key).as_ref(), Some(&first.files[key]), "{key}");
    }
}
