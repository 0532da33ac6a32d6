//! What a run that died, or that could not go on, leaves behind for the next: nothing asked for is forgotten, and nothing
//! is vouched for that was not finished.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use suitecast_archive::{Scope, SuiteName};
use suitecast_engine::Outcome;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_store::{GetCondition, GetRequest, Got, Store};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices, Signing};
use suitecast_testing::client_model::{ClientModel, Scope as ClientScope, StoreReader};
use suitecast_testing::strict::{Request, S3Operation};
use suitecast_testing::{Aftermath, Moment};
use suitecast_tests::budgets::in_a_region;
use suitecast_tests::case::{SUITE, look};
use suitecast_tests::edits::{with_changed_file, with_release};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

/// Longer than any lease: a slice and what it is outlived by.
const PAST_THE_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// How long a sweep leaves a suite before it audits it.
const A_DAY: SignedDuration = SignedDuration::from_hours(25);

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]).plain_packages(1)
}

async fn serving(generation: &Generation) -> World {
    serving_under(generation, World::default()).await
}

async fn serving_under(generation: &Generation, mut world: World) -> World {
    world.upload_changes(generation);
    world.settle().await;
    assert!(world.serves(generation).await, "{:#?}", world.reports.last());
    world
}

/// Starts a publish run and kills it at its write `step`, while a request, if there is one, is told that it is busy.
async fn killed(world: &mut World, step: u64, visitor: Option<PublishRequest>) {
    let mut gate = world.faults.hold(world.faults.effects() + step);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = look();
    let mut run = Box::pin(publish::run(&ports, &settings, &request));
    tokio::select! {
        biased;
        () = gate.reached() => {}
        _ = &mut run => panic!("write {step} was never reached"),
    }
    if let Some(visitor) = visitor {
        assert_eq!(world.publish(visitor).await.unwrap().outcome, Outcome::Busy);
    }
    drop(run);
    drop(gate);
}

#[tokio::test]
async fn a_forced_step_back_asked_for_while_a_run_dies_is_taken_by_the_next_that_lives() {
    let generations = maker().history(2).unwrap();
    let mut world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.settle().await;
    assert!(world.serves(&generations[1]).await);
    // The operator goes back to the first generation; an event's run (which finds it older) dies with the suite.
    for name in ["InRelease", "Release", "Release.gpg"] {
        let key = generations[0].suite_key(name);
        world.upload(&key, generations[0].files[&key].clone());
    }
    world.uploads();
    killed(&mut world, 1, Some(PublishRequest { force: true, ..look() })).await;
    world.clock.advance(PAST_THE_LEASE);
    for dies_too in [false, true] {
        let mut world = world.fork();
        if dies_too {
            killed(&mut world, 1, None).await;
            world.clock.advance(PAST_THE_LEASE);
        }
        world.sweep().await;
        world.settle().await;
        assert!(world.serves(&generations[0]).await, "dies too: {dies_too}: {:#?}", world.reports.last());
    }
}

#[tokio::test]
async fn a_force_is_used_once() {
    let generations = maker().history(3).unwrap();
    let mut world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.settle().await;
    for name in ["InRelease", "Release", "Release.gpg"] {
        let key = generations[0].suite_key(name);
        world.upload(&key, generations[0].files[&key].clone());
    }
    world.uploads();
    // The step back is under way when the next generation is uploaded: the suite is held all the same.
    let mut gate = world.faults.hold(world.faults.effects() + 3);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = PublishRequest { force: true, ..look() };
    let mut run = Box::pin(publish::run(&ports, &settings, &request));
    tokio::select! {
        biased;
        () = gate.reached() => {}
        _ = &mut run => panic!("never reached"),
    }
    world.upload_changes(&generations[2]);
    world.settle().await;
    gate.open();
    run.await.unwrap();
    world.settle().await;
    assert!(world.serves(&generations[0]).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn a_wider_scope_is_not_vouched_for_before_its_swap_is_finished() {
    let generation =
        ArchiveMaker::new(3).suite("bookworm").plain_packages(1).by_hash(ByHash::None).generation(1).unwrap();
    let mut settings = default_settings();
    settings.scope = Scope { architectures: Some(vec!["amd64".into(), "source".into()]), ..Scope::everything() };
    let mut start = World::new(settings);
    start.upload_changes(&generation);
    start.settle().await;
    start.settings.scope = Scope::everything();
    let mut whole = start.fork();
    whole.sweep().await;
    whole.settle().await;
    assert!(whole.view(SUITE).await.is_settled(), "{}", whole.view(SUITE).await);
    for step in 0..whole.faults.effects() {
        let mut world = start.fork();
        world.faults.fail(step, Moment::Before, Aftermath::Crash);
        let _ = world.publish(look()).await;
        world.faults.repair();
        world.clock.advance(PAST_THE_LEASE);
        world.sweep().await;
        world.settle().await;
        let view = world.view(SUITE).await;
        assert!(view.is_settled(), "crash at write {step}: {view}");
    }
}

#[tokio::test]
async fn a_signature_of_the_release_that_waits_is_none_of_the_next() {
    let generations = maker().signing(Signing::OnlyDetached).history(3).unwrap();
    let mut world = serving(&generations[0]).await;
    // The second generation waits for a package.
    let held = generations[1].changed.iter().find(|key| key.ends_with("amd64.deb")).unwrap().clone();
    world.upload_keys(&generations[1], generations[1].changed.iter().filter(|key| **key != held));
    world.settle().await;
    assert!(world.serves(&generations[0]).await);
    // Of the third, everything is there but its signature.
    let signature = generations[2].suite_key("Release.gpg");
    let changes = generations[2].changes_since(&generations[0]).changed;
    world.upload_keys(&generations[2], changes.iter().filter(|key| **key != signature));
    world.settle().await;
    assert!(world.serves(&generations[0]).await, "a Release was served with the signature of another");
    world.upload(&signature, generations[2].files[&signature].clone());
    world.settle().await;
    assert!(world.serves(&generations[2]).await, "{:#?}", world.reports.last());
}

#[tokio::test]
async fn bytes_that_a_live_release_names_stay_though_its_state_is_lost() {
    let maker = maker().plain_indices(PlainIndices::Shipped);
    let generations = maker.history(2).unwrap();
    let mut world = serving(&generations[0]).await;
    let changed =
        generations[0].pool_keys().find(|key| key.contains("tiny-data") && key.ends_with("_all.deb")).unwrap();
    let second = with_changed_file(&maker, &generations[1], changed);
    let region = world.s3.bucket(REGION);
    let page = region
        .list(suitecast_store::ListRequest { prefix: ".suitecast/state/".into(), ..Default::default() })
        .await
        .unwrap();
    for state in page.objects {
        region.delete(&state.key).await.unwrap();
    }
    let watcher = Watcher::over(&world, SUITE);
    world.upload_keys(&second, &second.changes_since(&generations[0]).changed);
    world.settle().await;
    assert_eq!(watcher.sights().broken, Vec::<String>::new());
    assert!(world.serves(&generations[0]).await, "{:#?}", world.reports.last());
}

/// Somebody filled the Region before by other means: there is no state, and no index by hash.
#[tokio::test]
async fn bytes_that_a_live_release_names_stay_in_a_bucket_that_others_filled() {
    let maker = maker().by_hash(ByHash::None).plain_indices(PlainIndices::Shipped);
    let generations = maker.history(2).unwrap();
    let mut world = World::default();
    for (key, bytes) in &generations[0].files {
        world.s3.plant(REGION, key, bytes.clone()).unwrap();
    }
    let changed =
        generations[0].pool_keys().find(|key| key.contains("tiny-data") && key.ends_with("_all.deb")).unwrap();
    let second = with_changed_file(&maker, &generations[1], changed);
    let mut client = ClientModel::without_by_hash(ClientScope::as_made());
    world.upload_keys(&second, second.files.keys());
    world.settle().await;
    let report = world.reports.last().unwrap();
    assert_eq!(report.outcome, Outcome::Refused, "{report:#?}");
    let view = client.walk(&StoreReader(&world.s3.bucket(REGION)), SUITE).await.unwrap();
    assert!(view.is_whole() && view.files > 3, "{view}");
}

#[tokio::test]
async fn a_wake_up_that_finds_a_dead_run_s_lease_comes_back_for_it() {
    let generations = maker().history(2).unwrap();
    let mut world = serving(&generations[0]).await;
    world.upload_changes(&generations[1]);
    world.uploads();
    let mut gate = world.faults.hold(world.faults.effects() + 1);
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let request = look();
    let mut run = Box::pin(publish::run(&ports, &settings, &request));
    tokio::select! {
        biased;
        () = gate.reached() => {}
        _ = &mut run => panic!("never reached"),
    }
    drop(run);
    drop(gate);
    // The function was ended with its slice, and its message is given back: the lease has still to run out.
    world.clock.advance(SignedDuration::from_secs(150));
    let told = world.publish(look()).await.unwrap_err();
    assert!(told.is_retryable(), "{told:?}");
    world.clock.advance(PAST_THE_LEASE);
    world.publish(look()).await.unwrap();
    assert!(world.serves(&generations[1]).await, "no sweep was needed");
}

#[tokio::test]
async fn what_the_live_release_could_do_without_it_does_not_vouch_for() {
    let maker = maker().binary_all(true);
    let first = maker.generation(1).unwrap();
    let is_of_all = |key: &&String| key.contains("/binary-all/");
    let mut world = World::default();
    world.upload_keys(&first, first.changed.iter().filter(|key| !is_of_all(key)));
    world.settle().await;
    assert!(world.serves(&first).await, "clients do not look at binary-all: {:#?}", world.reports.last());
    // The same indices, and from now on clients look there too.
    let second = with_release(&maker, &first, |text| {
        assert!(text.contains("No-Support-for-Architecture-all: Packages\n"));
        text.replace("No-Support-for-Architecture-all: Packages\n", "")
    });
    let changes = second.changes_since(&first).changed;
    world.upload_keys(&second, &changes);
    world.settle().await;
    assert!(world.serves(&first).await, "swapped to a release whose index is nowhere: {}", world.view(SUITE).await);
    world.upload_keys(&second, second.files.keys().filter(is_of_all));
    world.settle().await;
    assert!(world.serves(&second).await, "{:#?}", world.reports.last());
    assert!(world.view(SUITE).await.is_settled(), "{}", world.view(SUITE).await);
}

#[tokio::test]
async fn a_slice_too_short_for_all_indices_still_brings_one_of_them_to_its_end() {
    let generation = ArchiveMaker::new(3).suite("bookworm").plain_packages(1).generation(1).unwrap();
    let mut settings = default_settings();
    settings.slice = std::time::Duration::ZERO;
    let mut world = World::new(settings);
    world.upload_changes(&generation);
    world.uploads();
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
    // Two components of two architectures and sources: six indices, one a run.
    assert!((6..12).contains(&world.publish_runs), "{} runs", world.publish_runs);
}

#[tokio::test]
async fn many_files_changed_in_place_are_judged_in_one_reading_of_what_is_served() {
    let maker = maker().plain_indices(PlainIndices::Shipped);
    let generations = maker.history(2).unwrap();
    let (mut changed, mut requests) = (Vec::new(), Vec::new());
    for count in [1, 4] {
        let mut world = serving(&generations[0]).await;
        world.settings.allow_change_in_place = true;
        let keys: Vec<&str> = generations[0]
            .pool_keys()
            .filter(|key| key.ends_with("_all.deb") || key.ends_with("_amd64.deb"))
            .filter(|key| generations[1].files.contains_key(*key))
            .take(count)
            .collect();
        assert_eq!(keys.len(), count);
        changed.push(in_a_region(keys.iter().copied()));
        let mut second = generations[1].clone();
        for key in keys {
            second = with_changed_file(&maker, &second, key);
        }
        world.upload_keys(&second, &second.changes_since(&generations[0]).changed);
        world.settle().await;
        assert!(world.serves(&second).await, "{:#?}", world.reports.last());
        let swapped = world.reports.iter().rfind(|report| report.outcome == Outcome::Swapped).unwrap();
        requests.push(swapped.requests);
    }
    // Look, stage (a look at each end, a copy), overwrite, clear up; nothing that grows with what is served.
    assert!(requests[1] - requests[0] <= (changed[1] - changed[0]) * 8, "{requests:?} for {changed:?} keys");
}

async fn bytes_of(world: &World, bucket: &str, key: &str) -> bytes::Bytes {
    use futures::TryStreamExt;
    let request = GetRequest { key: key.to_owned(), version: None, condition: GetCondition::Always };
    let Got::Object { body, .. } = world.s3.bucket(bucket).get(request).await.unwrap() else { panic!("{key}") };
    body.try_collect::<Vec<_>>().await.unwrap().concat().into()
}

#[tokio::test]
async fn a_signature_damaged_from_outside_is_repaired_by_the_next_look() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(&generation).await;
    let key = generation.suite_key("Release.gpg");
    world.s3.plant(REGION, &key, "no signature at all").unwrap();
    world.publish(look()).await.unwrap();
    world.settle().await;
    assert_eq!(bytes_of(&world, REGION, &key).await, generation.files[&key]);
}

#[tokio::test]
async fn one_suite_that_cannot_be_audited_does_not_keep_the_others_from_it() {
    let of = |suite: &str| ArchiveMaker::new(3).suite(suite).plain_packages(1).architectures(&["amd64"]);
    let suites = ["bookworm", "trixie", "sid"];
    let mut world = World::default();
    for suite in suites {
        world.upload_changes(&of(suite).generation(1).unwrap());
    }
    world.settle().await;
    // One suite's pool file is gone, here and in the master.
    let lost =
        of("bookworm").generation(1).unwrap().pool_keys().find(|key| key.ends_with("_amd64.deb")).unwrap().to_owned();
    world.s3.bucket(REGION).delete(&lost).await.unwrap();
    world.s3.bucket(MASTER).delete(&lost).await.unwrap();
    world.clock.advance(A_DAY);
    let audited = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..3 {
        let report = world.sweep().await;
        audited.lock().unwrap().extend(report.woken.into_keys());
        world.settle().await;
        world.clock.advance(SignedDuration::from_mins(15));
    }
    let audited = audited.lock().unwrap();
    for suite in suites {
        let suite = SuiteName::parse(&format!("dists/{suite}")).unwrap();
        assert!(audited.contains(&suite), "{suite} was never looked at: {audited:?}");
    }
}

#[tokio::test]
async fn the_release_files_that_clients_see_are_listed_once_after_a_run_died_and_not_where_they_are_recorded() {
    let generations = maker().history(2).unwrap();
    let start = serving(&generations[0]).await;
    start.upload_changes(&generations[1]);
    drop(start.uploads());
    let listings = |world: &World| {
        let is_one = |request: &Request| {
            request.operation == S3Operation::ListObjectsV2
                && request.bucket == REGION
                && request.key == format!("{SUITE}/")
        };
        world.s3.count(is_one).requests
    };
    let mut whole = start.fork();
    let commit = Arc::new(Mutex::new(0));
    let into = Arc::clone(&commit);
    whole.faults.observe(move |effect| {
        if effect.key == format!("{SUITE}/InRelease") {
            *into.lock().unwrap() = effect.number;
        }
    });
    whole.s3.forget_requests();
    assert_eq!(whole.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    assert_eq!(listings(&whole), 0);

    let mut dead = start.fork();
    let commit = *commit.lock().unwrap();
    dead.faults.fail(commit, Moment::After, Aftermath::Crash);
    dead.publish(look()).await.unwrap_err();
    assert!(dead.serves(&generations[1]).await, "it died behind its commit");
    dead.faults.repair();
    dead.clock.advance(PAST_THE_LEASE);
    dead.s3.forget_requests();
    assert_eq!(dead.publish(look()).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(listings(&dead), 1);
}
