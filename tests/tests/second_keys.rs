//! Files whose names clients send in a way that S3 reads as another key are served under that key too.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use jiff::SignedDuration;
use suitecast_archive::{Scope, SecondKeys};
use suitecast_engine::{Outcome, Settings};
use suitecast_testing::archive_maker::{ArchiveMaker, Generation, PlainIndices};
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_tests::case::look;
use suitecast_tests::edits::{sha256, with_changed_file, with_packages};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    let maker = ArchiveMaker::new(17).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    maker.plain_packages(1).plain_indices(PlainIndices::Shipped)
}

/// The names with a `+`, each with the key that S3 understands clients to mean who send it as it is.
fn with_plus(generation: &Generation) -> Vec<(String, String)> {
    let names: Vec<_> = generation
        .pool_keys()
        .filter(|key| key.contains('+'))
        .map(|key| (key.to_owned(), key.replace('+', " ")))
        .collect();
    assert!(names.len() > 3, "{names:?}");
    names
}

fn is_served_under_both(world: &World, generation: &Generation) {
    for (key, spaced) in with_plus(generation) {
        let bytes = generation.files[&key].clone();
        assert_eq!(world.s3.peek(REGION, &key), Some(bytes.clone()), "{key}");
        assert_eq!(world.s3.peek(REGION, &spaced), Some(bytes), "{spaced:?}");
        assert_eq!(world.s3.peek_headers(REGION, &spaced), world.s3.peek_headers(REGION, &key), "{spaced:?}");
        assert_eq!(world.s3.peek(MASTER, &spaced), None, "the master needs none");
    }
}

async fn serving(settings: Settings, generation: &Generation) -> World {
    let mut world = World::new(settings);
    world.upload_changes(generation);
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::UpToDate, "{:#?}", world.reports.last());
    let commit = generation.suite_key("InRelease");
    assert_eq!(world.s3.peek(REGION, &commit), Some(generation.files[&commit].clone()));
    world
}

fn without_second_keys() -> Settings {
    Settings { scope: Scope { second_keys: SecondKeys::Omitted, ..Scope::everything() }, ..default_settings() }
}

/// By events, and with every event lost.
#[tokio::test]
async fn a_name_with_a_plus_is_served_under_the_key_with_spaces_too() {
    let generations = maker().history(2).unwrap();
    for by_events in [true, false] {
        let mut world = World::default();
        for generation in &generations {
            world.upload_changes(generation);
            if !by_events {
                world.uploads();
                world.clock.advance(SignedDuration::from_hours(1));
                world.sweep().await;
            }
            world.settle().await;
            assert!(world.serves(generation).await, "{:#?}", world.reports.last());
            is_served_under_both(&world, generation);
        }
        assert!(world.view(SUITE).await.is_settled());
    }
}

/// By the event alone: the first key may be here from before there were second ones, or both from an earlier delivery.
#[tokio::test]
async fn an_event_brings_the_second_key_whatever_is_here_and_comes_again_where_it_could_not() {
    let generation = maker().generation(1).unwrap();
    let (key, spaced) = with_plus(&generation).remove(0);
    let bytes = generation.files[&key].clone();
    for here in [vec![], vec![&key], vec![&key, &spaced]] {
        let mut world = World::default();
        for held in &here {
            world.s3.plant(REGION, held, bytes.clone()).unwrap();
        }
        world.upload_keys(&generation, [&key]);
        let reports = world.replicate().await;
        let outcomes: Vec<_> = reports.iter().flat_map(|report| &report.uploads).collect();
        assert!(outcomes.len() == 1 && outcomes[0].is_ok(), "{here:?}: {outcomes:?}");
        assert_eq!(world.s3.peek(REGION, &spaced), Some(bytes.clone()), "{here:?}");
    }
    let mut world = World::default();
    world.s3.trouble(TroubleRule::once(Trouble::SlowDown).on(S3Operation::CopyObject).at(REGION, &spaced));
    world.upload_keys(&generation, [&key]);
    let reports = world.replicate().await;
    let outcomes: Vec<_> = reports.iter().flat_map(|report| &report.uploads).collect();
    assert!(outcomes[0].as_ref().is_err_and(suitecast_engine::EngineError::is_retryable), "{outcomes:?}");
}

/// Between Regions bytes cost money.
#[tokio::test]
async fn a_second_key_is_copied_within_the_region() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(without_second_keys(), &generation).await;
    for key in generation.pool_keys() {
        world.ports.master.delete(key).await.unwrap();
    }
    world.settings.scope = Scope::everything();
    world.sweep().await;
    world.settle().await;
    is_served_under_both(&world, &generation);
}

#[tokio::test]
async fn a_release_does_not_go_live_before_its_second_keys_are_here() {
    let generation = maker().generation(1).unwrap();
    let (key, spaced) = with_plus(&generation).remove(0);
    let mut world = World::default();
    world.s3.trouble(TroubleRule {
        operation: Some(S3Operation::CopyObject),
        bucket: Some(REGION.to_owned()),
        key_prefix: spaced,
        times: u64::MAX,
        ..TroubleRule::once(Trouble::Denied)
    });
    world.upload_changes(&generation);
    world.replicate().await;
    world.uploads();
    assert_eq!(world.s3.peek(REGION, &key), Some(generation.files[&key].clone()));
    world.publish(look()).await.unwrap_err();
    assert_eq!(world.s3.peek(REGION, &generation.suite_key("InRelease")), None);
    world.s3.clear_troubles();
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
    is_served_under_both(&world, &generation);
}

#[tokio::test]
async fn without_them_every_file_has_one_key_and_a_stack_that_wants_them_later_gets_them() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(without_second_keys(), &generation).await;
    let has_spaces = |world: &World| world.s3.keys(REGION, "pool/").iter().any(|key| key.contains(' '));
    assert!(!has_spaces(&world));
    assert!(world.sweep().await.woken.is_empty());
    world.settings.scope = Scope::everything();
    assert_eq!(world.sweep().await.woken.len(), 1);
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::UpToDate);
    is_served_under_both(&world, &generation);
}

#[tokio::test]
async fn a_file_changed_in_place_changes_under_both_keys_where_that_is_allowed() {
    let maker = maker();
    let first = maker.generation(1).unwrap();
    let is_listed = |key: &String| key.ends_with("_amd64.deb");
    let (key, spaced) = with_plus(&first).into_iter().find(|(key, _)| is_listed(key)).unwrap();
    let changed = with_changed_file(&maker, &first, &key);
    let mut refusing = serving(default_settings(), &first).await;
    refusing.upload_keys(&changed, changed.files.keys());
    refusing.settle().await;
    assert_eq!(refusing.publish_suite(SUITE).await.outcome, Outcome::Refused);
    is_served_under_both(&refusing, &first);
    let allowing = Settings { allow_change_in_place: true, ..default_settings() };
    let mut world = serving(allowing, &first).await;
    let watcher = Watcher::over(&world, SUITE);
    world.upload_keys(&changed, changed.files.keys());
    world.settle().await;
    assert!(world.serves(&changed).await, "{:#?}", world.reports.last());
    is_served_under_both(&world, &changed);
    let is_window = |broken: &String| [&key, &spaced].iter().any(|key| broken.contains(&format!(": {key} (named by")));
    assert!(watcher.sights().broken.iter().all(is_window), "{:?}", watcher.sights().broken);
    assert!(world.s3.keys(REGION, ".suitecast/staging/").is_empty());
}

#[tokio::test]
async fn other_bytes_under_a_second_key_give_way_if_nobody_names_them() {
    let generation = maker().generation(1).unwrap();
    let (_, spaced) = with_plus(&generation).remove(0);
    let mut world = World::default();
    world.s3.plant(REGION, &spaced, "something else").unwrap();
    world.upload_changes(&generation);
    world.settle().await;
    assert!(world.serves(&generation).await, "{:#?}", world.reports.last());
    is_served_under_both(&world, &generation);
}

/// The one that came first stays as it is: what a release names is not overwritten.
#[tokio::test]
async fn two_files_whose_names_s3_takes_for_one_are_refused_and_the_first_of_them_stays() {
    let maker = maker();
    let first = maker.generation(1).unwrap();
    let key = with_plus(&first).into_iter().map(|(key, _)| key).find(|key| key.ends_with("_amd64.deb")).unwrap();
    let spaced = key.replace('+', " ");
    let stanza_of = |name: &str, bytes: &[u8]| {
        let (size, digest) = (bytes.len(), sha256(bytes));
        format!("\nPackage: other\nVersion: 1\nArchitecture: amd64\nFilename: {name}\nSize: {size}\nSHA256: {digest}\n")
    };
    let mut second = with_packages(&maker, &first, |text| text.to_owned() + &stanza_of(&spaced, b"another file"));
    second.files.insert(spaced.clone(), "another file".into());
    let mut world = serving(default_settings(), &first).await;
    world.upload_keys(&second, second.files.keys());
    world.settle().await;
    let report = world.publish_suite(SUITE).await;
    assert_eq!(report.outcome, Outcome::Refused, "{report:#?}");
    assert!(report.reason.unwrap().contains(&spaced));
    assert!(world.serves(&first).await);
    assert_eq!(world.s3.peek(REGION, &spaced), Some(first.files[&key].clone()));
}

#[tokio::test]
async fn a_second_key_that_was_damaged_is_mended_by_a_full_look() {
    let generation = maker().generation(1).unwrap();
    let mut world = serving(default_settings(), &generation).await;
    let names = with_plus(&generation);
    world.s3.plant(REGION, &names[0].1, "damaged").unwrap();
    world.ports.region.delete(&names[1].1).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(world.sweep().await.woken.len(), 1);
    world.settle().await;
    is_served_under_both(&world, &generation);
}

#[tokio::test]
async fn trees_that_no_release_lists_have_them_too() {
    let generation = maker().generation(1).unwrap();
    let tree = format!("{SUITE}/main/installer-amd64/current/images");
    for by_events in [true, false] {
        let mut world = serving(default_settings(), &generation).await;
        for round in 1..=2 {
            world.clock.advance(SignedDuration::from_mins(30));
            world.upload(&format!("{tree}/gtk+/mini.iso"), format!("image {round}"));
            if by_events && round == 1 {
                world.settle().await;
            } else {
                world.uploads();
                assert_eq!(world.sweep().await.tree_objects_copied, 2);
            }
            for name in ["gtk+", "gtk "] {
                let key = format!("{tree}/{name}/mini.iso");
                assert_eq!(world.s3.peek(REGION, &key).unwrap(), format!("image {round}"), "{key}");
            }
        }
        assert_eq!(world.sweep().await.tree_objects_copied, 0, "what is there is left alone");
    }
}
