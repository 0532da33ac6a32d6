//! Whose signatures count: with a keyring set, only what its keys signed is ever served; without one, every answer says
//! that nothing was verified.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pgp::packet::SignatureType;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Authenticity, Outcome, PublishReport, Settings};
use suitecast_signature::Keyring;
use suitecast_testing::archive_maker::{ArchiveKey, ArchiveMaker, Generation, Signing};
use suitecast_testing::signer::{Says, Signer, clear_signed, signed_lines};
use suitecast_tests::world::{MASTER, REGION, World, default_settings};

const SUITE: &str = "dists/bookworm";
/// The key of the operator's archive, and one of somebody else.
const OURS: u64 = 1;
const THEIRS: u64 = 2;
/// Longer than a mixed set is taken for an upload under way.
const PAST_PATIENCE: SignedDuration = SignedDuration::from_mins(16);

fn key(seed: u64) -> ArchiveKey {
    ArchiveKey::from_seed(seed).unwrap()
}

fn keyring(seeds: &[u64]) -> Arc<Keyring> {
    let armoured: Vec<String> = seeds.iter().map(|seed| key(*seed).public_armoured().unwrap()).collect();
    Arc::new(Keyring::parse(armoured.concat().as_bytes()).unwrap())
}

fn trusting(seeds: &[u64]) -> World {
    World::new(Settings { keyring: Some(keyring(seeds)), ..default_settings() })
}

fn maker(seed: u64, signing: Signing) -> ArchiveMaker {
    ArchiveMaker::new(31)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(1)
        .signing(signing)
        .signed_with(key(seed))
}

fn history(seed: u64, signing: Signing) -> [Generation; 3] {
    maker(seed, signing).history(3).unwrap().try_into().unwrap_or_else(|_| panic!("three generations"))
}

fn request() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

fn said(report: &PublishReport) -> (Outcome, Authenticity) {
    (report.outcome, report.signature)
}

fn last(world: &World) -> &PublishReport {
    world.reports.last().unwrap()
}

#[tokio::test]
async fn what_a_key_of_the_keyring_signed_goes_live_and_every_answer_says_so() {
    for signing in [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached] {
        let [first, ..] = history(OURS, signing);
        let mut world = trusting(&[THEIRS, OURS]);
        world.upload_changes(&first);
        world.settle().await;
        assert!(world.serves(&first).await, "{signing:?}: {:?}", last(&world));
        assert!(world.reports.iter().any(|report| said(report) == (Outcome::Swapped, Authenticity::Verified)));
        let again = world.publish_suite(SUITE).await;
        assert_eq!(said(&again), (Outcome::UpToDate, Authenticity::Verified), "{signing:?}");
        assert_eq!(again.requests, 5, "what is recorded as verified is not read again");
        assert_eq!(serde_json::to_value(&again).unwrap()["signature"], "verified");
    }
}

#[tokio::test]
async fn what_somebody_else_signed_is_refused_with_the_reason_and_what_is_served_stays() {
    for signing in [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached] {
        let [first, ..] = history(OURS, signing);
        let [_, forged, _] = history(THEIRS, signing);
        let mut world = trusting(&[OURS]);
        world.upload_changes(&first);
        world.settle().await;
        world.upload_keys(&forged, forged.files.keys());
        world.settle().await;
        for force in [false, true] {
            let report = world.publish(PublishRequest { force, full: force, ..request() }).await.unwrap();
            assert_eq!(said(&report), (Outcome::Refused, Authenticity::Rejected), "{signing:?}: {report:?}");
            let reason = report.reason.unwrap();
            let file = if signing == Signing::OnlyDetached { "Release.gpg: " } else { "InRelease: " };
            assert!(reason.starts_with(file) && reason.contains("keyring"), "{reason}");
        }
        assert!(world.serves(&first).await, "{signing:?}");
    }
}

#[tokio::test]
async fn without_a_keyring_every_answer_says_that_nothing_was_verified() {
    let [first, ..] = history(THEIRS, Signing::Both);
    let mut world = World::default();
    world.upload_changes(&first);
    world.settle().await;
    world.publish_suite(SUITE).await;
    assert!(world.serves(&first).await);
    assert!(world.reports.iter().all(|report| report.signature == Authenticity::NotChecked));
    assert_eq!(serde_json::to_value(last(&world)).unwrap()["signature"], "not_checked");
}

#[tokio::test]
async fn an_unsigned_release_waits_for_its_signature_and_is_refused_when_none_comes() {
    let [unsigned, ..] = history(OURS, Signing::Unsigned);
    let [signed, ..] = history(OURS, Signing::OnlyDetached);
    let mut world = trusting(&[OURS]);
    world.upload_changes(&unsigned);
    world.settle().await;
    assert_eq!(said(last(&world)), (Outcome::Waiting, Authenticity::Rejected));
    let mut patient = world.fork();
    patient.clock.advance(PAST_PATIENCE);
    let report = patient.publish_suite(SUITE).await;
    assert_eq!(said(&report), (Outcome::Refused, Authenticity::Rejected));
    assert!(report.reason.unwrap().contains("not signed"));
    assert!(patient.view(SUITE).await.live.is_none());
    world.upload(&signed.suite_key("Release.gpg"), signed.files[&signed.suite_key("Release.gpg")].clone());
    world.settle().await;
    assert!(world.serves(&signed).await, "{:?}", last(&world));
}

/// The case that only a keyring can tell: nothing is served, nothing waits, and the three files are of two generations.
#[tokio::test]
async fn a_signature_of_another_generation_is_told_apart_though_neither_was_seen_before() {
    for signing in [Signing::Both, Signing::OnlyDetached] {
        let [first, second, _] = history(OURS, signing);
        let mut world = trusting(&[OURS]);
        let signature = second.suite_key("Release.gpg");
        world.upload_keys(&second, second.files.keys().filter(|key| **key != signature));
        world.upload(&signature, first.files[&signature].clone());
        world.settle().await;
        assert_eq!(said(last(&world)), (Outcome::Waiting, Authenticity::Rejected), "{signing:?}");
        assert!(world.view(SUITE).await.live.is_none(), "{signing:?}");
        world.upload(&signature, second.files[&signature].clone());
        world.settle().await;
        assert!(world.serves(&second).await, "{signing:?}: {:?}", last(&world));
    }
}

#[tokio::test]
async fn a_release_signed_again_goes_live_at_once() {
    for signing in [Signing::Both, Signing::OnlyDetached] {
        let [first, ..] = history(OURS, signing);
        let mut world = trusting(&[OURS]);
        world.upload_changes(&first);
        world.settle().await;
        let text = &first.files[&first.suite_key("Release")];
        let later: Timestamp = world.clock.now();
        let again = key(OURS).detached(text, later).unwrap();
        let name = first.suite_key("Release.gpg");
        assert_ne!(again, first.files[&name], "the same signature proves nothing");
        world.upload(&name, again.clone());
        world.settle().await;
        assert_eq!(said(last(&world)), (Outcome::Swapped, Authenticity::Verified), "{signing:?}: {:?}", last(&world));
        assert_eq!(world.s3.peek(REGION, &name).unwrap(), again, "{signing:?}");
    }
}

#[tokio::test]
async fn another_keyring_counts_for_what_is_served_already() {
    let [first, second, _] = history(OURS, Signing::Both);
    let mut world = trusting(&[OURS]);
    world.upload_changes(&first);
    world.settle().await;
    // One that holds the key as well: the sweep has it looked at once, and that is all.
    world.settings.keyring = Some(keyring(&[OURS, THEIRS]));
    assert_eq!(world.sweep().await.woken.values().copied().collect::<Vec<_>>(), ["the keyring changed"]);
    world.settle().await;
    assert_eq!(said(last(&world)), (Outcome::UpToDate, Authenticity::Verified));
    assert!(world.sweep().await.woken.is_empty());
    // One that does not: what is served cannot be taken back, and is told of until it is replaced.
    world.settings.keyring = Some(keyring(&[THEIRS]));
    world.sweep().await;
    world.settle().await;
    assert_eq!(said(last(&world)), (Outcome::Refused, Authenticity::Rejected));
    assert!(world.serves(&first).await);
    world.upload_changes(&second);
    world.settle().await;
    assert_eq!(said(last(&world)), (Outcome::Refused, Authenticity::Rejected));
    assert!(world.serves(&first).await);
}

#[tokio::test]
async fn a_release_that_waited_is_verified_with_the_keyring_of_the_day_it_goes_live() {
    let [first, second, _] = history(THEIRS, Signing::Both);
    let [.., third] = history(OURS, Signing::Both);
    let mut world = World::default();
    world.upload_changes(&first);
    world.settle().await;
    // The second waits for its last file while no keyring is set; then the third comes and waits, and the second is whole.
    let held = second.pool_keys().find(|key| second.changed.contains(*key)).unwrap();
    world.upload_keys(&second, second.changed.iter().filter(|key| *key != held));
    world.settle().await;
    assert_eq!(last(&world).outcome, Outcome::Waiting);
    world.settings.keyring = Some(keyring(&[OURS]));
    let names = ["InRelease", "Release", "Release.gpg"].map(|name| third.suite_key(name));
    world.upload_keys(&third, &names);
    world.upload(held, second.files[held].clone());
    world.settle().await;
    assert_eq!(said(last(&world)), (Outcome::Waiting, Authenticity::Verified));
    assert!(world.serves(&first).await, "{:?}", last(&world));
    // Without the keyring it is the older release that is whole, and goes live.
    world.settings.keyring = None;
    world.sweep().await;
    world.settle().await;
    assert!(world.serves(&second).await, "{:?}", last(&world));
}

#[tokio::test]
async fn what_went_live_stays_and_is_checked_when_its_signature_has_expired_since() {
    let day = 24 * 60 * 60;
    let [first, ..] = history(OURS, Signing::Unsigned);
    let text = String::from_utf8(first.files[&first.suite_key("Release")].to_vec()).unwrap();
    let mut world = World::default();
    let now = u32::try_from(world.clock.now().as_second()).unwrap();
    let signer = Signer::new(7, now - day).unwrap();
    let signature = signer.over_bytes(SignatureType::Text, Says::at(now - day).lives(2 * day), &signed_lines(&text));
    world.settings.keyring = Some(Arc::new(Keyring::parse(&signer.certificate().unwrap()).unwrap()));
    world.upload_changes(&first);
    world.s3.uproot(MASTER, &first.suite_key("Release")).unwrap();
    world.upload(&first.suite_key("InRelease"), clear_signed(&text, &signature.unwrap()).unwrap());
    drop(world.uploads());
    assert_eq!(said(&world.publish_suite(SUITE).await), (Outcome::Swapped, Authenticity::Verified));
    world.clock.advance(SignedDuration::from_hours(2 * 24));
    let checked = world.publish(PublishRequest { full: true, ..request() }).await.unwrap();
    assert_eq!(said(&checked), (Outcome::Swapped, Authenticity::Verified), "{checked:#?}");
    // Nobody else would believe it today.
    for key in world.s3.keys(REGION, "") {
        world.s3.uproot(REGION, &key).unwrap();
    }
    assert_eq!(world.publish_suite(SUITE).await.outcome, Outcome::Refused);
}
