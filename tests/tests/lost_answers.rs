//! Writes whose answer got lost, writes that cannot be made, and writes that somebody else came before: what stands in the
//! bucket decides, and an error says what was being done.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::error::Error;

use suitecast_engine::publish;
use suitecast_engine::{EngineError, Outcome, PublishReport};
use suitecast_store::Operation;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use suitecast_testing::{Aftermath, Effect, Moment};
use suitecast_tests::case::{SUITE, history, look};
use suitecast_tests::watcher::Watcher;
use suitecast_tests::world::{REGION, World};

const STATES: &str = ".suitecast/state/";

/// The files that a release is, signed in both ways.
const RELEASE_FILES: [&str; 3] = ["InRelease", "Release", "Release.gpg"];

/// A Region that serves the first of two generations, with all of the second in the master and no event to tell of it.
async fn about_to_swap() -> (World, [Generation; 2]) {
    let generations: [Generation; 2] = history(2).try_into().unwrap();
    let mut world = World::default();
    world.upload_changes(&generations[0]);
    world.settle().await;
    assert!(world.serves(&generations[0]).await);
    world.upload_changes(&generations[1]);
    drop(world.uploads());
    (world, generations)
}

/// The effects of the swap that is about to take place.
async fn effects_of_the_swap(start: &World) -> Vec<Effect> {
    let mut rehearsal = start.fork();
    let watcher = Watcher::over(&rehearsal, SUITE);
    assert_eq!(rehearsal.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    watcher.sights().effects.clone()
}

/// The number of the effect that writes a release file.
fn write_of(effects: &[Effect], file: &str) -> u64 {
    let key = format!("{SUITE}/{file}");
    effects.iter().find(|effect| effect.key == key).unwrap().number
}

/// Runs, and lets something happen just before the effect with this number takes place.
async fn run_and_meanwhile(
    world: &World,
    number: u64,
    meanwhile: impl FnOnce(&World),
) -> Result<PublishReport, EngineError> {
    let mut gate = world.faults.hold(number);
    let happens = async {
        gate.reached().await;
        meanwhile(world);
        gate.open();
    };
    let request = look();
    tokio::join!(publish::run(&world.ports, &world.settings, &request), happens).0
}

fn always(world: &World, trouble: Trouble, operation: S3Operation, key: &str) {
    world.s3.trouble(TroubleRule::once(trouble).on(operation).at(REGION, key).times(u64::MAX, 0));
}

/// What an error says, with what it comes from.
fn told(error: &EngineError) -> String {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

#[tokio::test]
async fn a_write_that_took_place_counts_though_its_answer_got_lost() {
    let (start, [_, second]) = about_to_swap().await;
    let effects = effects_of_the_swap(&start).await;
    let is_release_file = |key: &str| RELEASE_FILES.iter().any(|file| key == format!("{SUITE}/{file}"));
    let is_looked_at = |effect: &&Effect| {
        effect.operation == Operation::Put && (effect.key.starts_with(STATES) || is_release_file(&effect.key))
    };
    let writes: Vec<&Effect> = effects.iter().filter(is_looked_at).collect();
    assert!(writes.len() >= 6, "the suite taken, the intent, let go, three files: {writes:#?}");
    for write in writes {
        let mut world = start.fork();
        world.faults.fail(write.number, Moment::After, Aftermath::GoesOn);
        let report = world.publish(look()).await.unwrap_or_else(|error| panic!("{write:?}: {}", told(&error)));
        assert!(world.faults.struck());
        assert_eq!(report.outcome, Outcome::Swapped, "{write:?}");
        assert!(world.serves(&second).await, "{write:?}");
        assert!(world.sweep().await.woken.is_empty(), "{write:?}: it is recorded as well");
    }
}

#[tokio::test]
async fn a_write_that_is_denied_is_an_error_for_good_that_says_what_was_being_done() {
    let (start, [first, second]) = about_to_swap().await;
    let in_release = format!("{SUITE}/InRelease");
    for (key, doing) in
        [(STATES, "recording the state of suite dists/bookworm"), (&in_release, "writing dists/bookworm/InRelease")]
    {
        let mut world = start.fork();
        always(&world, Trouble::Denied, S3Operation::PutObject, key);
        let error = world.publish(look()).await.unwrap_err();
        assert!(!error.is_retryable() && told(&error).contains(doing), "{key}: {}", told(&error));
        assert!(world.serves(&first).await, "{key}");
        world.s3.clear_troubles();
        assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Swapped, "{key}");
        assert!(world.serves(&second).await, "{key}");
    }
}

/// Who is told of races looks for another run that there is none of.
#[tokio::test]
async fn a_store_that_takes_no_write_is_called_unavailable_and_no_lost_race() {
    let (start, [first, second]) = about_to_swap().await;
    for key in [STATES, "dists/bookworm/InRelease"] {
        let mut world = start.fork();
        always(&world, Trouble::InternalError, S3Operation::PutObject, key);
        let error = world.publish(look()).await.unwrap_err();
        assert!(matches!(error, EngineError::Store { .. }) && error.is_retryable(), "{key}: {}", told(&error));
        assert!(world.serves(&first).await, "{key}");
        world.s3.clear_troubles();
        assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Swapped, "{key}");
        assert!(world.serves(&second).await, "{key}");
    }
}

#[tokio::test]
async fn a_release_file_that_somebody_else_wrote_or_removed_meanwhile_is_looked_at_and_written_again() {
    let (start, [_, second]) = about_to_swap().await;
    let effects = effects_of_the_swap(&start).await;
    for file in RELEASE_FILES {
        let (number, key) = (write_of(&effects, file), format!("{SUITE}/{file}"));
        for removed in [false, true] {
            let mut world = start.fork();
            let report = run_and_meanwhile(&world, number, |world| {
                if removed {
                    world.s3.uproot(REGION, &key).unwrap();
                } else {
                    world.s3.plant(REGION, &key, "written by somebody else").unwrap();
                }
            })
            .await;
            let at = format!("{file}, removed: {removed}");
            let report = report.unwrap_or_else(|error| panic!("{at}: {}", told(&error)));
            assert_eq!(report.outcome, Outcome::Swapped, "{at}");
            assert!(world.serves(&second).await, "{at}: {}", world.view(SUITE).await);
            assert_eq!(world.s3.peek(REGION, &key).as_ref(), Some(&second.files[&key]), "{at}");
            assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::UpToDate, "{at}");
        }
    }
}

#[tokio::test]
async fn what_stands_behind_a_lost_answer_is_never_guessed_where_it_may_not_be_read() {
    let (start, [_, second]) = about_to_swap().await;
    let commit = write_of(&effects_of_the_swap(&start).await, "InRelease");
    let mut world = start.fork();
    world.faults.fail(commit, Moment::After, Aftermath::GoesOn);
    let deny = |world: &World| always(world, Trouble::Denied, S3Operation::GetObject, "dists/bookworm/InRelease");
    let error = run_and_meanwhile(&world, commit, deny).await.unwrap_err();
    assert!(!error.is_retryable(), "the role lacks a right, and no retry gives it: {}", told(&error));
    world.s3.clear_troubles();
    assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::UpToDate, "it had taken place");
    assert!(world.serves(&second).await);
}

#[tokio::test]
async fn a_state_that_may_not_be_read_is_not_begun_anew() {
    let (start, [first, _]) = about_to_swap().await;
    let mut world = start.fork();
    always(&world, Trouble::Denied, S3Operation::GetObject, STATES);
    let before = world.faults.effects();
    let error = world.publish(look()).await.unwrap_err();
    assert!(!error.is_retryable() && told(&error).contains("reading the state of suite"), "{}", told(&error));
    assert_eq!(world.faults.effects(), before, "nothing was written");
    assert!(world.serves(&first).await);
}
