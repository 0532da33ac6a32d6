//! The scenarios: what a Region goes through, each with what it starts from and where it ends.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use suitecast_archive::{Scope, SuiteName};
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, Settings, Wake};
use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices, Signing};
use suitecast_testing::client_model::Scope as ClientScope;

use super::scenario::{Afterwards, Scenario, Trigger};
use crate::edits::{sha256, with_changed_file, with_date};
use crate::world::{MASTER, REGION, World, default_settings};

/// Makes a scenario; its worlds are full of archives, so each is made when its turn comes.
pub type Make = fn(&'static str) -> Pin<Box<dyn Future<Output = Scenario>>>;

/// All of them by their names, in the order of the table.
pub const ALL: &[(&str, Make)] = &[
    ("first publication", |name| Box::pin(first_publication(name))),
    ("update", |name| Box::pin(update(name, ByHash::Sha256AndSha512, Signing::Both))),
    ("update, InRelease alone", |name| Box::pin(update(name, ByHash::Sha256, Signing::OnlyInRelease))),
    ("update, Release and Release.gpg", |name| Box::pin(update(name, ByHash::Sha256, Signing::OnlyDetached))),
    ("no by-hash", |name| Box::pin(update(name, ByHash::None, Signing::Both))),
    ("update found by a sweep", |name| Box::pin(found_by_a_sweep(name))),
    ("removed packages", |name| Box::pin(removed_packages(name))),
    ("scope widened", |name| Box::pin(scope_widened(name))),
    ("candidates", |name| Box::pin(candidates(name))),
    ("change in place", |name| Box::pin(change_in_place(name))),
    ("change in place of what another suite names", |name| Box::pin(change_refused(name))),
    ("two suites that share a pool", |name| Box::pin(two_suites(name))),
    ("no by-hash, the master goes back to the earlier release", |name| Box::pin(back_to_the_earlier_release(name))),
    ("no by-hash, the master goes back to the earlier indices", |name| Box::pin(back_to_the_earlier_indices(name))),
    ("forced step back", |name| Box::pin(forced_back(name))),
    ("forced on from a hold", |name| Box::pin(forced_on(name))),
    ("mixed set", |name| Box::pin(mixed_set(name))),
    ("mixed set that completes", |name| Box::pin(mixed_set_completes(name))),
    ("the master moves on in mid-run", |name| Box::pin(the_master_moves_on(name))),
    ("withdrawn", |name| Box::pin(withdrawn(name))),
    ("slices", |name| Box::pin(slices(name))),
    ("damage from outside, and the audit", |name| Box::pin(damage_and_audit(name))),
    ("unlisted trees and stale markers", |name| Box::pin(trees_and_markers(name))),
];

/// A day after which a full check is due.
const A_DAY: SignedDuration = SignedDuration::from_hours(25);

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]).plain_packages(1)
}

fn history<const N: usize>(maker: &ArchiveMaker) -> [Generation; N] {
    maker.history(u32::try_from(N).unwrap()).unwrap().try_into().unwrap()
}

fn look(suite: &str) -> Wake {
    Wake::new(SuiteName::parse(suite).unwrap())
}

fn forced(suite: &str) -> Wake {
    Wake { force: true, ..look(suite) }
}

/// What has to be uploaded for the master to hold `generation` where it held `before`.
fn changes(generation: &Generation, before: &Generation) -> BTreeMap<String, Bytes> {
    let changed = generation.changes_since(before).changed;
    changed.into_iter().map(|key| (key.clone(), generation.files[&key].clone())).collect()
}

fn upload(world: &World, files: &BTreeMap<String, Bytes>) {
    for (key, bytes) in files {
        world.upload(key, bytes.clone());
    }
}

fn afterwards(upload: BTreeMap<String, Bytes>, served: &Generation) -> Vec<Afterwards> {
    vec![Afterwards { upload, served: served.clone() }]
}

/// A file that only this generation has, and so has to wait for where it is held back.
fn greeting(generation: &Generation) -> String {
    let is_greeting = |key: &&String| key.contains("hello-suitecast_") && key.ends_with("_amd64.deb");
    generation.changed.iter().find(is_greeting).unwrap().clone()
}

async fn serving(mut world: World, generations: &[&Generation]) -> World {
    for generation in generations {
        world.upload_keys(generation, &generation.changed);
        world.settle().await;
        assert!(world.serves(generation).await, "{:#?}", world.reports.last());
    }
    world
}

/// The first of a history is served, and the second was just uploaded.
async fn updating(first: &Generation, second: &Generation) -> World {
    let world = serving(World::default(), &[first]).await;
    world.upload_changes(second);
    world
}

async fn first_publication(name: &'static str) -> Scenario {
    let [first] = history(&maker());
    let world = serving(World::default(), &[]).await;
    world.upload_changes(&first);
    Scenario::new(name, world, &[&first], &[&first])
}

async fn update(name: &'static str, by_hash: ByHash, signing: Signing) -> Scenario {
    let [first, second] = history(&maker().by_hash(by_hash).signing(signing));
    Scenario::new(name, updating(&first, &second).await, &[&first, &second], &[&second])
}

async fn found_by_a_sweep(name: &'static str) -> Scenario {
    let [first, second] = history(&maker().signing(Signing::OnlyInRelease));
    let world = updating(&first, &second).await;
    world.uploads();
    let scenario = Scenario::new(name, world, &[&first, &second], &[&second]);
    Scenario { trigger: Trigger::Sweep, ..scenario }
}

async fn removed_packages(name: &'static str) -> Scenario {
    let [first, second] = history(&maker().plain_packages(3).signing(Signing::OnlyDetached));
    let world = updating(&first, &second).await;
    let is_package = |key: &&String| key.starts_with("pool/");
    assert!(second.removed.iter().filter(is_package).count() > 2, "{:?}", second.removed);
    for key in &second.removed {
        world.s3.uproot(MASTER, key).unwrap();
    }
    let kept = second.removed.iter().map(|key| (key.clone(), Some(first.files[key].clone())));
    let in_region = kept.filter(|(key, _)| key.starts_with("pool/")).collect();
    let scenario = Scenario::new(name, world, &[&first, &second], &[&second]);
    Scenario { in_region, ..scenario }
}

async fn scope_widened(name: &'static str) -> Scenario {
    let maker = ArchiveMaker::new(3).suite("bookworm").components(&["main"]).plain_packages(1);
    let [first] = history(&maker.by_hash(ByHash::None));
    let architectures = Some(vec!["amd64".to_owned(), "source".to_owned()]);
    let narrow = Scope { architectures: architectures.clone(), ..Scope::everything() };
    let mut world = World::new(Settings { scope: narrow, ..default_settings() });
    world.upload_changes(&first);
    world.settle().await;
    world.settings.scope = Scope::everything();
    let scenario = Scenario::new(name, world, &[&first], &[&first]);
    Scenario { trigger: Trigger::Sweep, scope: ClientScope { architectures, ..ClientScope::default() }, ..scenario }
}

async fn candidates(name: &'static str) -> Scenario {
    let [first, second, third] = history(&maker());
    let mut world = serving(World::default(), &[&first]).await;
    let (held, held_too) = (greeting(&second), greeting(&third));
    for (generation, held) in [(&second, &held), (&third, &held_too)] {
        world.upload_keys(generation, generation.changed.iter().filter(|key| *key != held));
        world.settle().await;
        assert_eq!(world.reports.last().unwrap().outcome, Outcome::Waiting);
    }
    world.upload(&held, second.files[&held].clone());
    let last = BTreeMap::from([(held_too.clone(), third.files[&held_too].clone())]);
    let scenario = Scenario::new(name, world, &[&first, &second, &third], &[&second]);
    Scenario { waits: true, afterwards: afterwards(last, &third), ..scenario }
}

/// Two generations of which the second holds other bytes under the name of a package of the first.
fn with_a_change_in_place() -> (Generation, Generation, String) {
    let maker = maker().plain_indices(PlainIndices::Shipped);
    let [first, second] = history(&maker);
    let stays = |key: &&str| key.ends_with("_all.deb") && first.files.get(*key) == second.files.get(*key);
    let key = second.pool_keys().find(stays).unwrap().to_owned();
    let changed = with_changed_file(&maker, &second, &key);
    (first, changed, key)
}

async fn change_in_place(name: &'static str) -> Scenario {
    let (first, second, key) = with_a_change_in_place();
    let settings = Settings { allow_change_in_place: true, ..default_settings() };
    let world = serving(World::new(settings), &[&first]).await;
    upload(&world, &changes(&second, &first));
    let scenario = Scenario::new(name, world, &[&first, &second], &[&second]);
    Scenario { changed_in_place: [key].into(), ..scenario }
}

async fn change_refused(name: &'static str) -> Scenario {
    let (first, second, _) = with_a_change_in_place();
    let [other] = history(&maker().suite("trixie").plain_indices(PlainIndices::Shipped));
    let settings = Settings { allow_change_in_place: true, ..default_settings() };
    let world = serving(World::new(settings), &[&first, &other]).await;
    upload(&world, &changes(&second, &first));
    Scenario::new(name, world, &[&first, &second, &other], &[&first, &other])
}

async fn two_suites(name: &'static str) -> Scenario {
    let [first, second] = history(&maker().signing(Signing::OnlyInRelease));
    let [other, other_second] = history(&maker().suite("trixie").signing(Signing::OnlyDetached));
    let world = serving(World::default(), &[&first, &other]).await;
    world.upload_changes(&second);
    world.upload_changes(&other_second);
    let releases = [&first, &second, &other, &other_second];
    Scenario::new(name, world, &releases, &[&second, &other_second])
}

async fn back_to_the_earlier_release(name: &'static str) -> Scenario {
    let [first, second] = history(&maker().by_hash(ByHash::None));
    let world = updating(&first, &second).await;
    let mut scenario = Scenario::new(name, world, &[&first, &second], &[&first]);
    scenario.endings[0].unless_served = Some(second.clone());
    Scenario { meanwhile: Some(changes(&first, &second)), ..scenario }
}

async fn back_to_the_earlier_indices(name: &'static str) -> Scenario {
    let maker = maker().by_hash(ByHash::None);
    let [first, second] = history(&maker);
    let third = with_date(&maker, &first, "Tue, 04 Mar 2025 00:00:00 UTC");
    let world = updating(&first, &second).await;
    let scenario = Scenario::new(name, world, &[&first, &second, &third], &[&third]);
    Scenario { meanwhile: Some(changes(&third, &second)), ..scenario }
}

async fn forced_back(name: &'static str) -> Scenario {
    let [first, second, third] = history(&maker());
    let mut world = serving(World::default(), &[&first, &second]).await;
    upload(&world, &changes(&first, &second));
    world.settle().await;
    assert!(world.serves(&second).await, "an older release goes live by force only");
    let scenario = Scenario::new(name, world, &[&first, &second, &third], &[&first]);
    // The suite is held there.
    let afterwards = afterwards(changes(&third, &first), &first);
    Scenario { trigger: Trigger::Operator(forced(&first.suite)), steps_back: true, afterwards, ..scenario }
}

async fn forced_on(name: &'static str) -> Scenario {
    let [first, second, third, fourth] = history(&maker().signing(Signing::OnlyDetached));
    let mut world = serving(World::default(), &[&first, &second]).await;
    upload(&world, &changes(&first, &second));
    world.settle().await;
    world.publish(PublishRequest::from(forced(&first.suite))).await.unwrap();
    upload(&world, &changes(&third, &first));
    world.settle().await;
    assert_eq!(world.reports.last().unwrap().outcome, Outcome::Held);
    assert!(world.serves(&first).await);
    let scenario = Scenario::new(name, world, &[&first, &second, &third, &fourth], &[&third]);
    // It moves by itself again.
    let afterwards = afterwards(changes(&fourth, &third), &fourth);
    Scenario { trigger: Trigger::Operator(forced(&first.suite)), afterwards, ..scenario }
}

/// The first generation is served, and of the second everything but its signature is uploaded.
async fn without_the_signature() -> (World, Generation, Generation, BTreeMap<String, Bytes>) {
    let [first, second] = history(&maker().signing(Signing::OnlyDetached));
    let world = serving(World::default(), &[&first]).await;
    let key = second.suite_key("Release.gpg");
    world.upload_keys(&second, second.changed.iter().filter(|changed| **changed != key));
    let signature = BTreeMap::from([(key.clone(), second.files[&key].clone())]);
    (world, first, second, signature)
}

async fn mixed_set(name: &'static str) -> Scenario {
    let (world, first, second, signature) = without_the_signature().await;
    let scenario = Scenario::new(name, world, &[&first, &second], &[&first]);
    Scenario { waits: true, afterwards: afterwards(signature, &second), ..scenario }
}

async fn mixed_set_completes(name: &'static str) -> Scenario {
    let (mut world, first, second, signature) = without_the_signature().await;
    world.settle().await;
    assert!(world.serves(&first).await);
    upload(&world, &signature);
    Scenario::new(name, world, &[&first, &second], &[&second])
}

async fn the_master_moves_on(name: &'static str) -> Scenario {
    let [first, second, third] = history(&maker());
    let world = updating(&first, &second).await;
    let scenario = Scenario::new(name, world, &[&first, &second, &third], &[&third]);
    Scenario { meanwhile: Some(changes(&third, &second)), ..scenario }
}

async fn withdrawn(name: &'static str) -> Scenario {
    let [first, second] = history(&maker());
    let world = serving(World::default(), &[&first]).await;
    for name in ["InRelease", "Release", "Release.gpg"] {
        world.s3.uproot(MASTER, &first.suite_key(name)).unwrap();
    }
    let scenario = Scenario::new(name, world, &[&first, &second], &[&first]);
    Scenario { trigger: Trigger::Sweep, afterwards: afterwards(changes(&second, &first), &second), ..scenario }
}

async fn slices(name: &'static str) -> Scenario {
    let maker = ArchiveMaker::new(3).suite("bookworm").architectures(&["amd64"]).plain_packages(1);
    let [first, second] = history(&maker.signing(Signing::OnlyInRelease));
    // Over as soon as they have done the least they do: one index a run.
    let settings = Settings { slice: Duration::ZERO, ..default_settings() };
    let world = serving(World::new(settings), &[&first]).await;
    world.upload_changes(&second);
    world.uploads();
    let scenario = Scenario::new(name, world, &[&first, &second], &[&second]);
    Scenario { trigger: Trigger::Sweep, ..scenario }
}

async fn damage_and_audit(name: &'static str) -> Scenario {
    let [first] = history(&maker());
    let world = serving(World::default(), &[&first]).await;
    let index = &first.files[&first.suite_key("main/binary-amd64/Packages.gz")];
    let by_hash = first.suite_key(&format!("main/binary-amd64/by-hash/SHA256/{}", sha256(index)));
    let plain = first.suite_key("main/binary-amd64/Packages.xz");
    let of = |name: &str| first.pool_keys().find(|key| key.contains(name)).unwrap().to_owned();
    let (package, another) = (of("hello-suitecast_"), of("tiny-data_"));
    for key in [&by_hash, &plain, &package] {
        world.s3.plant(REGION, key, "damaged").unwrap();
    }
    world.s3.uproot(REGION, &another).unwrap();
    world.clock.advance(A_DAY);
    let scenario = Scenario::new(name, world, &[&first], &[&first]);
    Scenario { trigger: Trigger::Sweep, damaged: [by_hash, plain, package, another].into(), ..scenario }
}

async fn trees_and_markers(name: &'static str) -> Scenario {
    let [first] = history(&maker());
    let world = serving(World::default(), &[&first]).await;
    let tree = first.suite_key("main/installer-amd64/current/images");
    let mut in_region = BTreeMap::new();
    for name in ["SHA256SUMS", "netboot/mini.iso", "SHA256SUMS.gpg"] {
        let (key, bytes) = (format!("{tree}/{name}"), Bytes::from(format!("{name} of an installer")));
        world.upload(&key, bytes.clone());
        in_region.insert(key, Some(bytes));
    }
    world.uploads();
    for number in 0..3 {
        let marker = format!(".suitecast/waiting/{number:032}={}", first.suite);
        world.s3.plant(REGION, &marker, "").unwrap();
        in_region.insert(marker, None);
    }
    world.clock.advance(A_DAY);
    let scenario = Scenario::new(name, world, &[&first], &[&first]);
    Scenario { trigger: Trigger::Sweep, in_region, ..scenario }
}
