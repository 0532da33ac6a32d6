//! A relaxed mirror serves releases that list more than it holds. apt goes on to the next form of an index where it finds
//! nothing, and ends its update where it finds other bytes: so under a name that a live release lists there is the right file or
//! nothing.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use suitecast_archive::{Scope, Strictness};
use suitecast_engine::{Outcome, Settings};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation};
use suitecast_testing::client_model::{ClientModel, Scope as ClientScope, StoreReader, View};
use suitecast_tests::world::{REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(57).suite("bookworm").plain_packages(2)
}

fn relaxed() -> World {
    let scope = Scope { strictness: Strictness::Relaxed, ..Scope::everything() };
    World::new(Settings { scope, ..default_settings() })
}

async fn view(world: &World) -> View {
    let scope = ClientScope { relaxed: true, ..ClientScope::default() };
    ClientModel::new(scope).walk(&StoreReader(&world.s3.bucket(REGION)), SUITE).await.unwrap()
}

fn serves(world: &World, generation: &Generation) -> bool {
    let key = generation.suite_key("InRelease");
    world.s3.peek(REGION, &key).as_ref() == generation.files.get(&key)
}

/// The keys under which the bytes of this index are published, by hash and plain.
fn names_of(generation: &Generation, index: &str) -> Vec<String> {
    let bytes = &generation.files[&generation.suite_key(index)];
    let directory = index.rsplit_once('/').unwrap().0;
    let is_name = |key: &&String| key.contains(directory) && generation.files[*key] == *bytes;
    generation.files.keys().filter(is_name).cloned().collect()
}

fn spoilt(bytes: &Bytes) -> Bytes {
    vec![b'x'; bytes.len()].into()
}

const FORMS: [&str; 2] = ["main/binary-amd64/Packages.xz", "main/i18n/Translation-en.xz"];

/// The master holds something else of the same size under every name of an index that the mirror can do without.
#[tokio::test]
async fn bytes_that_nobody_verified_stand_under_no_name_that_a_live_release_lists() {
    for by_hash in [ByHash::Sha256, ByHash::Sha256AndSha512, ByHash::None] {
        let generation = maker().by_hash(by_hash).generation(1).unwrap();
        let mut world = relaxed();
        world.upload_changes(&generation);
        let names: Vec<String> = FORMS.iter().flat_map(|form| names_of(&generation, form)).collect();
        for key in &names {
            world.upload(key, spoilt(&generation.files[key]));
        }
        world.settle().await;
        assert!(serves(&world, &generation), "{by_hash:?}: {:#?}", world.reports.last());
        let seen = view(&world).await;
        assert!(seen.is_settled(), "{by_hash:?}: {seen}");
        for key in &names {
            assert_eq!(world.s3.peek(REGION, key), None, "{by_hash:?}: {key}");
        }
        // Uploaded once more under the release that is live now: still nobody is led astray.
        for key in &names {
            world.upload(key, spoilt(&generation.files[key]));
        }
        world.settle().await;
        let seen = view(&world).await;
        assert!(seen.is_settled(), "{by_hash:?}, later: {seen}");
    }
}

/// A strict mirror waits, and meanwhile holds the wrong bytes where it was told to put them; then the operator gives up waiting.
#[tokio::test]
async fn a_mirror_that_is_made_relaxed_takes_away_what_it_waited_to_see_mended() {
    let generation = maker().generation(1).unwrap();
    let mut world = World::default();
    let names = names_of(&generation, FORMS[0]);
    world.upload_keys(&generation, generation.changed.iter().filter(|key| !names.contains(key)));
    for key in &names {
        world.upload(key, spoilt(&generation.files[key]));
    }
    world.settle().await;
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
    assert!(
        names.iter().any(|key| world.s3.peek(REGION, key).is_some()),
        "the case would not be the one that is meant"
    );
    world.settings.scope.strictness = Strictness::Relaxed;
    world.sweep().await;
    world.settle().await;
    assert!(serves(&world, &generation), "{:#?}", world.reports.last());
    let seen = view(&world).await;
    assert!(seen.is_settled(), "{seen}");
}

/// The live release lists what it was served without; a strict mirror asks for it, and finds other bytes of that size.
#[tokio::test]
async fn a_mirror_that_is_made_strict_puts_nothing_unverified_under_names_of_its_live_release() {
    for by_hash in [ByHash::Sha256, ByHash::None] {
        let generation = maker().by_hash(by_hash).generation(1).unwrap();
        let mut world = relaxed();
        let names = names_of(&generation, FORMS[0]);
        world.upload_keys(&generation, generation.changed.iter().filter(|key| !names.contains(key)));
        world.settle().await;
        assert!(serves(&world, &generation), "{:#?}", world.reports.last());
        world.settings.scope.strictness = Strictness::Strict;
        for key in &names {
            world.upload(key, spoilt(&generation.files[key]));
        }
        world.sweep().await;
        world.settle().await;
        assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Waiting);
        let seen = view(&world).await;
        assert!(seen.is_settled(), "{by_hash:?}: {seen}");
        // What it waits for comes.
        world.upload_keys(&generation, &names);
        world.settle().await;
        assert!(world.view(SUITE).await.is_settled(), "{:#?}", world.reports.last());
    }
}

/// The release before had this form, and its plain name would be asked for next by a client that finds nothing by hash.
#[tokio::test]
async fn a_form_that_only_the_release_before_brought_keeps_no_plain_name() {
    for by_hash in [ByHash::Sha256, ByHash::None] {
        let generations = maker().by_hash(by_hash).history(3).unwrap();
        let mut world = relaxed();
        world.upload_changes(&generations[0]);
        world.settle().await;
        assert!(view(&world).await.is_settled());
        let index = generations[1].suite_key(FORMS[0]);
        let left_out = names_of(&generations[1], FORMS[0]);
        world.upload_keys(&generations[1], generations[1].changed.iter().filter(|key| !left_out.contains(key)));
        world.settle().await;
        assert!(serves(&world, &generations[1]), "{by_hash:?}: {:#?}", world.reports.last());
        let seen = view(&world).await;
        assert!(seen.is_settled(), "{by_hash:?}: {seen}");
        assert_eq!(world.s3.peek(REGION, &index), None, "{by_hash:?}");
        // The next one has it again.
        world.upload_changes(&generations[2]);
        world.settle().await;
        assert!(serves(&world, &generations[2]));
        assert_eq!(world.s3.peek(REGION, &index), Some(generations[2].files[&index].clone()), "{by_hash:?}");
        assert!(view(&world).await.is_settled());
    }
}

/// A pool file that was spoilt in the master before anybody named it is mended, whatever forms of an index are here.
#[tokio::test]
async fn what_is_not_here_of_a_live_release_keeps_no_file_from_being_mended() {
    for is_made_strict in [false, true] {
        let generations = maker().history(2).unwrap();
        let mut world = relaxed();
        let left_out = names_of(&generations[0], FORMS[0]);
        world.upload_keys(&generations[0], generations[0].changed.iter().filter(|key| !left_out.contains(key)));
        world.settle().await;
        assert!(serves(&world, &generations[0]), "{:#?}", world.reports.last());
        let new = generations[1].changed.iter().find(|key| key.ends_with("_amd64.deb")).unwrap();
        world.upload(new, spoilt(&generations[1].files[new]));
        world.settle().await;
        if is_made_strict {
            world.settings.scope.strictness = Strictness::Strict;
        }
        world.upload_changes(&generations[1]);
        world.settle().await;
        assert!(serves(&world, &generations[1]), "{:#?}", world.reports.last());
        assert!(view(&world).await.is_settled());
    }
}
