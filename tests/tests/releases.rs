//! Releases that wait, step back, vanish, change files in place or are damaged from outside.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, PublishReport, Settings};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices};
use suitecast_testing::strict::S3Operation;
use suitecast_tests::edits::{sha256, with_changed_file};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(23)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(2)
        .plain_indices(PlainIndices::Shipped)
}

fn request(suite: &str) -> PublishRequest {
    PublishRequest::new(SuiteName::parse(suite).unwrap())
}

async fn serving(settings: Settings, generation: &Generation) -> World {
    let mut world = World::new(settings);
    world.upload_changes(generation);
    world.settle().await;
    assert!(world.serves(generation).await);
    world
}

fn is_plain_package(key: &str) -> bool {
    key.contains("/plain-") && (key.ends_with("_amd64.deb") || key.ends_with("_all.deb"))
}

fn greeting(generation: &Generation) -> String {
    let is_greeting = |key: &&String| key.contains("hello-suitecast_") && key.ends_with("_amd64.deb");
    generation.changed.iter().find(is_greeting).unwrap().clone()
}

async fn full(world: &mut World) -> PublishReport {
    world.publish(PublishRequest { full: true, ..request(SUITE) }).await.unwrap()
}

#[tokio::test]
async fn a_step_back_to_a_release_that_is_not_whole_yet_takes_place_when_it_is() {
    let generations = maker().history(2).unwrap();
    let (older, newer) = (&generations[0], &generations[1]);
    let mut world = World::default();
    world.upload_keys(newer, newer.files.keys());
    world.settle().await;
    assert!(world.serves(newer).await);
    let held = older
        .pool_keys()
        .find(|key| !newer.files.contains_key(*key) && key.ends_with("_amd64.deb"))
        .unwrap()
        .to_owned();
    world.upload_keys(older, older.files.keys().filter(|key| **key != held));
    world.settle().await;
    assert!(world.serves(newer).await, "an older release goes live by force only");
    let forced = world.publish(PublishRequest { force: true, ..request(SUITE) }).await.unwrap();
    assert_eq!((forced.outcome, forced.missing_count), (Outcome::Waiting, 1), "{forced:#?}");
    // The upload's own event says nothing of the force.
    world.upload(&held, older.files[&held].clone());
    world.settle().await;
    assert!(world.serves(older).await, "{:#?}", world.reports.last());
    world.upload_keys(newer, &newer.changed);
    world.settle().await;
    assert!(world.serves(older).await, "the suite is held where it was forced to");
}

#[tokio::test]
async fn a_force_that_waits_is_for_that_release_alone() {
    let generations = maker().history(3).unwrap();
    let [oldest, older, newest] = &generations[..] else { panic!("three were asked for") };
    let mut world = World::default();
    world.upload_keys(newest, newest.files.keys());
    world.settle().await;
    let held = oldest.pool_keys().find(|key| !newest.files.contains_key(*key)).unwrap().to_owned();
    world.upload_keys(oldest, oldest.files.keys().filter(|key| **key != held));
    let forced = world.publish(PublishRequest { force: true, ..request(SUITE) }).await.unwrap();
    assert_eq!(forced.outcome, Outcome::Waiting, "{forced:#?}");
    // The master moves on, to another release that is older than what is served, and nobody asks for that one.
    world.upload_keys(older, older.files.keys());
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Older);
    assert!(world.serves(newest).await);
}

#[tokio::test]
async fn an_upload_between_the_look_that_missed_it_and_its_marker_is_not_missed() {
    let generation = maker().generation(1).unwrap();
    let start = World::default();
    let held = generation.pool_keys().last().unwrap().to_owned();
    start.upload_keys(&generation, generation.changed.iter().filter(|key| **key != held));
    start.uploads();
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    assert_eq!(rehearsal.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    let marker =
        watcher.sights().effects.iter().find(|effect| effect.key.starts_with(".suitecast/waiting/")).unwrap().number;
    let mut world = start.fork();
    let mut gate = world.faults.hold(marker);
    let s3 = world.s3.clone();
    let meanwhile = async {
        gate.reached().await;
        s3.plant(MASTER, &held, generation.files[&held].clone()).unwrap();
        gate.open();
    };
    let (report, ()) = tokio::join!(world.publish_suite(SUITE), meanwhile);
    // Its event may have come before the marker, and then nothing else wakes the suite.
    assert_eq!(report.outcome, Outcome::Swapped, "{report:#?}");
    assert!(world.serves(&generation).await);
}

#[tokio::test]
async fn of_releases_that_wait_the_newest_complete_one_is_swapped() {
    let generations = maker().history(4).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    let watcher = Watcher::over(&world, SUITE);
    for generation in &generations[1..] {
        let held = greeting(generation);
        world.upload_keys(generation, generation.changed.iter().filter(|key| **key != held));
        world.settle().await;
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    }
    assert!(world.serves(&generations[0]).await);
    world.clock.advance(jiff::SignedDuration::from_secs(60));
    // The third becomes whole while the fourth still waits, and the second with it: the third is the newer.
    for generation in &generations[1..3] {
        let held = greeting(generation);
        world.upload(&held, generation.files[&held].clone());
    }
    // By the upload's own event, without a sweep.
    world.settle().await;
    assert!(world.serves(&generations[2]).await, "{:#?}", world.reports.last());
    let told = world.reports.iter().find(|report| report.outcome == Outcome::Swapped && report.missing_count == 1);
    let told =
        told.unwrap_or_else(|| panic!("one answer tells of the swap and of what is missing: {:#?}", world.reports));
    assert!(told.live_date < told.master_date && told.lag_seconds.is_some(), "{told:#?}");
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "the fourth still waits");
    assert_eq!(report.waiting_seconds, 60, "since before the third went live");
    assert_eq!(report.missing[0].key, greeting(&generations[3]));
    let held = greeting(&generations[3]);
    world.upload(&held, generations[3].files[&held].clone());
    world.settle().await;
    assert!(world.serves(&generations[3]).await);
    assert!(world.s3.keys(REGION, ".suitecast/candidates/").is_empty(), "what was kept of them is gone");
    assert!(world.s3.keys(REGION, ".suitecast/waiting/").is_empty());
    let sights = watcher.sights();
    assert_eq!(sights.broken, Vec::<String>::new());
    let served = sights.lives.iter().map(|live| live.date.unwrap()).collect::<Vec<_>>();
    assert_eq!(served.len(), 3, "first, third, fourth: {served:?}");
}

/// Uploads what a generation changed but its greeting, looks, and then lets the greeting come without anybody's notice.
async fn waited_and_came(world: &mut World, generation: &Generation, request: PublishRequest) {
    let held = greeting(generation);
    world.upload_keys(generation, generation.files.keys().filter(|key| **key != held));
    assert_eq!(world.publish(request).await.unwrap().outcome, Outcome::Waiting);
    world.upload(&held, generation.files[&held].clone());
    drop(world.uploads());
}

#[tokio::test]
async fn a_release_that_waited_goes_live_only_between_what_is_served_and_what_the_master_holds_and_by_no_force() {
    let generations = maker().history(4).unwrap();
    let [first, second, third, fourth] = &generations[..] else { panic!("four were asked for") };
    let forced = || PublishRequest { force: true, ..request(SUITE) };
    // The generation that comes last is never whole.
    let newest = |world: &World, generation: &Generation| {
        let held = greeting(generation);
        world.upload_keys(generation, generation.files.keys().filter(|key| **key != held));
        world.s3.uproot(MASTER, &held).unwrap();
        drop(world.uploads());
    };

    let mut between = serving(default_settings(), first).await;
    waited_and_came(&mut between, second, request(SUITE)).await;
    newest(&between, third);
    assert_eq!(between.publish(forced()).await.unwrap().outcome, Outcome::Waiting, "the force was for the third");
    assert!(between.serves(first).await);

    let mut withdrawn = serving(default_settings(), first).await;
    waited_and_came(&mut withdrawn, third, request(SUITE)).await;
    newest(&withdrawn, second);
    assert_eq!(withdrawn.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    assert!(withdrawn.serves(first).await, "the master took the third back");

    let mut older = World::default();
    older.upload_keys(third, third.files.keys());
    older.settle().await;
    waited_and_came(&mut older, second, forced()).await;
    newest(&older, fourth);
    assert_eq!(older.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    assert!(older.serves(third).await, "the force that the second was asked for with is over");
}

#[tokio::test]
async fn a_file_changed_in_place_is_refused_by_default() {
    let maker = maker();
    let generations = maker.history(2).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    let key = generations[0].pool_keys().find(|key| is_plain_package(key)).unwrap().to_owned();
    let changed = with_changed_file(&maker, &generations[0], &key);
    world.upload_keys(&changed, changed.files.keys());
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Refused);
    let reason = report.reason.unwrap();
    for word in [key.as_str(), "changed in place", "new version", "AllowChangeInPlace"] {
        assert!(reason.contains(word), "{word}: {reason}");
    }
    assert!(world.serves(&generations[0]).await);
}

#[tokio::test]
async fn a_file_changed_in_place_is_overwritten_where_that_is_allowed_and_nobody_else_names_it() {
    let maker = maker();
    let first = maker.generation(1).unwrap();
    let key = first.pool_keys().find(|key| is_plain_package(key)).unwrap().to_owned();
    let changed = with_changed_file(&maker, &first, &key);
    let allowing = Settings { allow_change_in_place: true, ..default_settings() };
    let mut world = serving(allowing, &first).await;
    let watcher = Watcher::over(&world, SUITE);
    world.upload_keys(&changed, changed.files.keys());
    world.settle().await;
    assert!(world.serves(&changed).await, "{:#?}", world.reports.last());
    assert_eq!(world.s3.peek(REGION, &key), Some(changed.files[&key].clone()));
    // The window is from that overwrite to the commit, and holds nothing else.
    let broken = watcher.sights().broken.clone();
    assert!(
        !broken.is_empty() && broken.iter().all(|broken| broken.contains(&format!(": {key} (named by"))),
        "{broken:?}"
    );
    assert!(world.s3.keys(REGION, ".suitecast/staging/").is_empty());
}

#[tokio::test]
async fn a_file_changed_in_place_is_refused_where_another_suite_names_the_old_bytes() {
    let (maker, other_maker) = (maker(), maker().suite("trixie"));
    let first = maker.generation(1).unwrap();
    // The other suite's indices are the same to the byte, or are not.
    for number in [1, 2] {
        let other = other_maker.generation(number).unwrap();
        let allowing = Settings { allow_change_in_place: true, ..default_settings() };
        let mut world = serving(allowing, &first).await;
        world.upload_keys(&other, other.files.keys());
        world.settle().await;
        assert!(world.serves(&other).await);
        let stays = |key: &&str| is_plain_package(key) && first.files.get(*key) == other.files.get(*key);
        let key = first.pool_keys().find(stays).unwrap().to_owned();
        let changed = with_changed_file(&maker, &first, &key);
        world.upload_keys(&changed, changed.files.keys());
        world.settle().await;
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, Outcome::Refused, "{number}");
        let reason = report.reason.unwrap();
        assert!(reason.contains(&key) && reason.contains("another suite"), "{reason}");
        assert!(world.serves(&first).await && world.serves(&other).await, "{number}");
    }
}

#[tokio::test]
async fn bytes_that_no_release_ever_named_give_way() {
    let maker = maker();
    let generations = maker.history(2).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    let watcher = Watcher::over(&world, SUITE);
    let key = greeting(&generations[1]);
    world.upload(&key, "a botched upload, put right before any release named it");
    world.settle().await;
    world.upload_changes(&generations[1]);
    world.settle().await;
    assert!(world.serves(&generations[1]).await, "{:#?}", world.reports.last());
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

#[tokio::test]
async fn bytes_that_come_between_the_look_and_the_copy_give_way_too() {
    let generations = maker().history(2).unwrap();
    let start = serving(default_settings(), &generations[0]).await;
    let key = greeting(&generations[1]);
    start.upload_changes(&generations[1]);
    drop(start.uploads());
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    rehearsal.publish_suite(SUITE).await;
    let copy = watcher.sights().effects.iter().find(|effect| effect.key == key).unwrap().number;
    let mut world = start.fork();
    let watcher = Watcher::over(&world, SUITE);
    let mut gate = world.faults.hold(copy);
    let s3 = world.s3.clone();
    let meanwhile = async {
        gate.reached().await;
        let reached = s3.peek(REGION, &key).is_none();
        s3.plant(REGION, &key, "a botched upload, replicated by its event").unwrap();
        gate.open();
        reached
    };
    let (report, reached) = tokio::join!(world.publish_suite(SUITE), meanwhile);
    assert!(reached, "it was not there when it was looked at");
    assert_eq!(report.outcome, Outcome::Swapped, "{report:#?}");
    assert!(world.serves(&generations[1]).await);
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}

#[tokio::test]
async fn a_suite_that_stepped_back_by_force_stays_there_until_it_is_released() {
    let generations = maker().history(3).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    world.upload_changes(&generations[1]);
    world.settle().await;
    world.upload_keys(&generations[0], generations[0].files.keys());
    world.settle().await;
    let forced = PublishRequest { force: true, ..request(SUITE) };
    assert_eq!(world.publish(forced.clone()).await.unwrap().outcome, Outcome::Swapped);
    assert!(world.serves(&generations[0]).await);
    // Newer releases do not move it, whoever wakes it.
    world.upload_keys(&generations[2], generations[2].files.keys());
    world.settle().await;
    world.sweep().await;
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Held);
    assert!(report.reason.as_ref().unwrap().contains("replay with force"), "{:?}", report.reason);
    assert!(world.serves(&generations[0]).await);
    // Force again releases it, and then it moves by itself.
    assert_eq!(world.publish(forced).await.unwrap().outcome, Outcome::Swapped);
    assert!(world.serves(&generations[2]).await);
    let fourth = maker().generation(4).unwrap();
    world.upload_changes(&fourth);
    world.settle().await;
    assert!(world.serves(&fourth).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn a_withdrawn_suite_goes_on_being_served_and_comes_back() {
    let generations = maker().history(2).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    for name in ["InRelease", "Release", "Release.gpg"] {
        world.s3.uproot(MASTER, &generations[0].suite_key(name)).unwrap();
    }
    let sweep = world.sweep().await;
    assert_eq!(sweep.woken.values().copied().collect::<Vec<_>>(), ["gone from the master"]);
    world.settle().await;
    let report = world.reports.last().unwrap();
    assert_eq!(report.outcome, Outcome::Withdrawn);
    assert!(report.reason.as_ref().unwrap().contains("gone from the master"));
    assert!(world.serves(&generations[0]).await && world.view(SUITE).await.is_settled());
    world.upload_keys(&generations[1], generations[1].files.keys());
    world.settle().await;
    assert!(world.serves(&generations[1]).await);
    assert_eq!(world.publish_suite("dists/nothing-like-it").await.outcome, Outcome::Absent);
}

#[tokio::test]
async fn a_full_check_repairs_what_was_damaged_from_outside() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(default_settings(), &generation).await;
    let package = generation.pool_keys().find(|key| is_plain_package(key)).unwrap().to_owned();
    let another = generation.pool_keys().find(|key| key.contains("/tiny-data")).unwrap().to_owned();
    let by_hash = [("binary-amd64", "Packages.gz"), ("i18n", "Translation-en.xz")].map(|(directory, index)| {
        let index = &generation.files[&generation.suite_key(&format!("main/{directory}/{index}"))];
        generation.suite_key(&format!("main/{directory}/by-hash/SHA256/{}", sha256(index)))
    });
    let canonical = generation.suite_key("main/binary-amd64/Packages.xz");
    world.s3.plant(REGION, &package, "damaged").unwrap();
    world.s3.plant(REGION, &by_hash[0], "damaged").unwrap();
    world.s3.plant(REGION, &canonical, "damaged").unwrap();
    world.s3.uproot(REGION, &another).unwrap();
    world.s3.uproot(REGION, &by_hash[1]).unwrap();
    assert_eq!(world.view(SUITE).await.broken.len(), 4);
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::UpToDate, "a plain look goes by what it remembers");
    let repaired = full(&mut world).await;
    assert_eq!(repaired.lag_seconds, None, "clients saw this release before");
    assert!(world.view(SUITE).await.is_settled(), "{}", world.view(SUITE).await);
    // The sweep asks for a full check once a day.
    world.s3.uproot(REGION, &package).unwrap();
    world.clock.advance(jiff::SignedDuration::from_hours(25));
    world.sweep().await;
    world.settle().await;
    assert!(world.view(SUITE).await.is_settled(), "{}", world.view(SUITE).await);
    assert!(world.sweep().await.woken.is_empty(), "once is enough");
}

#[tokio::test]
async fn a_file_that_a_full_check_found_lost_is_waited_for_by_the_next_release_too() {
    let generations = maker().history(2).unwrap();
    let mut world = serving(default_settings(), &generations[0]).await;
    let is_in_both = |key: &&str| is_plain_package(key) && generations[1].files.contains_key(*key);
    let lost = generations[0].pool_keys().find(is_in_both).unwrap().to_owned();
    for bucket in [MASTER, REGION] {
        world.s3.uproot(bucket, &lost).unwrap();
    }
    assert_eq!(full(&mut world).await.outcome, Outcome::Waiting);
    // What the live release names is no longer known to be here, so it vouches for nothing of the next.
    world.upload_keys(&generations[1], generations[1].changed.iter().filter(|key| **key != lost));
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!((report.outcome, report.missing_count), (Outcome::Waiting, 1), "{report:#?}");
    world.upload(&lost, generations[1].files[&lost].clone());
    world.settle().await;
    assert!(world.serves(&generations[1]).await);
}

#[tokio::test]
async fn release_files_damaged_from_outside_are_put_right_by_the_next_look() {
    let generation = maker().generation(1).unwrap();
    for (name, damage) in [("InRelease", "damaged"), ("Release", "damaged"), ("Release.gpg", "")] {
        let mut world = serving(default_settings(), &generation).await;
        world.s3.plant(REGION, &generation.suite_key(name), damage).unwrap();
        world.publish_suite(SUITE).await;
        assert!(world.serves(&generation).await, "{name}");
        let key = generation.suite_key(name);
        assert_eq!(world.s3.peek(REGION, &key).as_ref(), Some(&generation.files[&key]), "{name}");
    }
    let mut world = serving(default_settings(), &generation).await;
    world.s3.uproot(REGION, &generation.suite_key("InRelease")).unwrap();
    world.publish_suite(SUITE).await;
    assert!(world.serves(&generation).await);
    // A state that is lost or unreadable costs time, and nothing else.
    for damage in [None, Some("not JSON")] {
        let mut world = serving(default_settings(), &generation).await;
        let state = world.s3.keys(REGION, ".suitecast/state/").remove(0);
        match damage {
            None => world.s3.uproot(REGION, &state).unwrap(),
            Some(text) => drop(world.s3.plant(REGION, &state, text).unwrap()),
        }
        let watcher = Watcher::over(&world, SUITE);
        world.publish_suite(SUITE).await;
        assert!(world.serves(&generation).await);
        assert_eq!(watcher.sights().broken, Vec::<String>::new());
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::UpToDate);
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_writes_nothing() {
    let generations = maker().history(2).unwrap();
    let start = serving(default_settings(), &generations[0]).await;
    let dry = |full| PublishRequest { dry_run: true, full, ..request(SUITE) };
    let complete = start.fork();
    complete.upload_changes(&generations[1]);
    let lacking = start.fork();
    let held = greeting(&generations[1]);
    lacking.upload_keys(&generations[1], generations[1].changed.iter().filter(|key| **key != held));
    let mixed = start.fork();
    let release = generations[1].suite_key("InRelease");
    mixed.upload(&release, generations[1].files[&release].clone());
    let withdrawn = start.fork();
    for key in withdrawn.s3.keys(MASTER, "dists/") {
        withdrawn.s3.uproot(MASTER, &key).unwrap();
    }
    let two_names = maker().by_hash(ByHash::Sha256AndSha512).generation(1).unwrap();
    let one_name = serving(default_settings(), &two_names).await;
    for key in one_name.s3.keys(REGION, "dists/").into_iter().filter(|key| key.contains("/SHA512/")) {
        one_name.s3.uproot(REGION, &key).unwrap();
    }
    let worlds = [
        ("complete", complete, Outcome::Swapped),
        ("lacking", lacking, Outcome::Waiting),
        ("mixed", mixed, Outcome::Waiting),
        ("withdrawn", withdrawn, Outcome::Withdrawn),
        ("unchanged", start.fork(), Outcome::UpToDate),
        ("without names by the strongest digest", one_name, Outcome::UpToDate),
        ("empty", World::default(), Outcome::Absent),
    ];
    for (name, mut world, outcome) in worlds {
        let before: Vec<_> = world.s3.keys(REGION, "").iter().map(|key| world.s3.peek_etag(REGION, key)).collect();
        world.s3.forget_requests();
        let report = world.publish(dry(false)).await.unwrap();
        assert_eq!((report.outcome, report.dry_run), (outcome, true), "{name}: {report:#?}");
        if name == "complete" {
            assert!(report.would_copy.unwrap() > 0, "{report:#?}");
        }
        if name == "lacking" {
            assert_eq!((report.missing_count, &report.missing[0].key), (1, &held));
        }
        world.publish(dry(true)).await.unwrap();
        let writes = world.s3.requests().into_iter().filter(|request| request.operation.is_write());
        assert_eq!(writes.collect::<Vec<_>>(), [], "{name}");
        let after: Vec<_> = world.s3.keys(REGION, "").iter().map(|key| world.s3.peek_etag(REGION, key)).collect();
        assert_eq!(before, after, "{name}");
        assert_eq!(world.queue.take(), [], "{name}");
    }
}

#[tokio::test]
async fn an_unchanged_suite_is_looked_at_and_left_alone() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(default_settings(), &generation).await;
    for _ in 0..3 {
        world.s3.forget_requests();
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, Outcome::UpToDate);
        let counts = world.s3.count(|_| true);
        assert!(counts.requests <= 5, "{counts:?}");
        assert_eq!(counts.of_operation(S3Operation::PutObject), 0);
    }
    // The same files uploaded once more change nothing that clients see.
    let watcher = Watcher::over(&world, SUITE);
    world.upload_changes(&generation);
    world.settle().await;
    assert!(world.serves(&generation).await && world.sweep().await.woken.is_empty());
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
}
