//! What happens to a suite while a run is at work on it: uploads, visitors, and another run that takes it over.

#![allow(clippy::unwrap_used, missing_docs)]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use serde_json::{Value, json};
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{EngineError, Outcome, PublishReport};
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::{Aftermath, Moment};
use suitecast_tests::case::{history, look};
use suitecast_tests::world::{REGION, World};

/// What the state says of the lease of a run that took the suite over.
const ANOTHER: &str = "another run";

async fn serving(generation: &Generation) -> World {
    let mut world = World::default();
    world.settings.copy_concurrency = NonZeroUsize::MIN;
    world.upload_keys(generation, generation.files.keys());
    world.settle().await;
    assert!(world.serves(generation).await);
    world
}

/// Runs, and lets something happen just before the effect with this number takes place.
async fn run_and_meanwhile(
    world: &mut World,
    request: &PublishRequest,
    number: u64,
    meanwhile: impl AsyncFnOnce(&mut World),
) -> Result<PublishReport, EngineError> {
    let (ports, settings) = (world.ports.clone(), world.settings.clone());
    let mut gate = world.faults.hold(number);
    let happens = async {
        gate.reached().await;
        meanwhile(world).await;
        gate.open();
    };
    tokio::join!(publish::run(&ports, &settings, request), happens).0
}

fn state(world: &World) -> (String, Value) {
    let key = world.s3.keys(REGION, ".suitecast/state/").remove(0);
    let state = serde_json::from_slice(&world.s3.peek(REGION, &key).unwrap()).unwrap();
    (key, state)
}

/// Another run takes the suite over, as it may when the lease has run out.
fn take_over(world: &World) {
    let (key, mut state) = state(world);
    let expires_at = (world.clock.now() + SignedDuration::from_mins(10)).to_string();
    state["lease"] = json!({ "holder": ANOTHER, "expires_at": expires_at });
    world.s3.plant(REGION, &key, serde_json::to_vec(&state).unwrap()).unwrap();
}

fn holder(world: &World) -> Value {
    state(world).1["lease"]["holder"].clone()
}

/// The numbers of the effects of a look that write the suite's state, and of those that copy.
async fn effects_of_a_look(world: &World) -> (Vec<u64>, Vec<u64>) {
    let mut world = world.fork();
    let seen = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let into = Arc::clone(&seen);
    world.faults.observe(move |effect| {
        let (states, copies) = &mut *into.lock().unwrap();
        if effect.key.starts_with(".suitecast/state/") {
            states.push(effect.number);
        } else if effect.operation == suitecast_store::Operation::Copy {
            copies.push(effect.number);
        }
    });
    assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Swapped);
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[tokio::test]
async fn a_force_is_not_spent_on_an_upload_that_is_under_way() {
    let generations = history(2);
    let (older, newer) = (&generations[0], &generations[1]);
    let mut world = serving(newer).await;
    let in_release = older.suite_key("InRelease");
    world.upload_keys(older, [&in_release]);
    drop(world.uploads());
    // The suite is taken first. What is let go of next has seen half of the release.
    let letting_go = world.faults.effects() + 1;
    let forced = PublishRequest { force: true, ..look() };
    let report = run_and_meanwhile(&mut world, &forced, letting_go, async |world| {
        world.upload_keys(older, older.files.keys());
        assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Busy);
    })
    .await
    .unwrap();
    assert_eq!(report.outcome, Outcome::Swapped, "{report:#?}");
    assert!(world.serves(older).await);
}

#[tokio::test]
async fn a_run_that_lost_the_suite_to_another_leaves_its_state_alone_whatever_it_was_doing() {
    let generations = history(2);
    let start = serving(&generations[0]).await;
    start.upload_changes(&generations[1]);
    drop(start.uploads());
    let (states, copies) = effects_of_a_look(&start).await;
    assert!(states.len() >= 3 && copies.len() >= 3, "taken, intended, let go: {states:?}; {copies:?}");
    for &number in &states[1..] {
        let mut world = start.fork();
        let report = run_and_meanwhile(&mut world, &look(), number, async |world| take_over(world)).await.unwrap();
        let is_last = number == states[states.len() - 1];
        let expected = if is_last { Outcome::Swapped } else { Outcome::Busy };
        assert_eq!((report.outcome, holder(&world)), (expected, json!(ANOTHER)), "at {number} of {states:?}");
        assert!(world.serves(&generations[usize::from(is_last)]).await, "at {number}");
    }
    // A failure lets go of the suite as well.
    let mut world = start.fork();
    world.faults.fail(copies[1], Moment::Before, Aftermath::GoesOn);
    let failed = run_and_meanwhile(&mut world, &look(), copies[0], async |world| take_over(world)).await;
    assert!(failed.unwrap_err().is_retryable());
    assert_eq!(holder(&world), json!(ANOTHER));
}

#[tokio::test]
async fn a_full_check_asked_for_while_a_run_is_at_work_takes_place_after_it() {
    let generations = history(2);
    let mut world = serving(&generations[0]).await;
    world.upload_keys(&generations[1], &generations[1].changed);
    drop(world.uploads());
    let stays = |key: &&str| generations[0].files.contains_key(*key) && key.ends_with("_amd64.deb");
    let damaged = generations[1].pool_keys().find(stays).unwrap().to_owned();
    world.s3.uproot(REGION, &damaged).unwrap();
    let first_copy = world.faults.effects() + 1;
    let report = run_and_meanwhile(&mut world, &look(), first_copy, async |world| {
        let full = PublishRequest { full: true, ..look() };
        assert_eq!(world.publish(full).await.unwrap().outcome, Outcome::Busy);
    })
    .await;
    assert_eq!(report.unwrap().outcome, Outcome::Swapped);
    assert!(world.s3.peek(REGION, &damaged).is_some(), "what the live release vouches for was not looked at");
    assert!(world.serves(&generations[1]).await);
}

/// The upload that a release waits for comes between the look that missed it and the marker that would have told of it.
#[tokio::test]
async fn what_a_run_did_is_its_answer_though_its_slice_ends_before_it_can_look_again() {
    let generations = history(3);
    let is_greeting = |key: &&String| key.contains("hello-suitecast_") && key.ends_with("_amd64.deb");
    let mut start = serving(&generations[0]).await;
    let mut held = Vec::new();
    for generation in &generations[1..] {
        let greeting = generation.changed.iter().find(is_greeting).unwrap();
        start.upload_keys(generation, generation.changed.iter().filter(|key| *key != greeting));
        start.settle().await;
        held.push((greeting.clone(), generation.files[greeting].clone()));
    }
    let [(of_second, bytes_of_second), (of_third, bytes_of_third)] = &held[..] else { unreachable!("two wait") };
    for is_second_whole in [true, false] {
        let start = start.fork();
        if is_second_whole {
            start.upload(of_second, bytes_of_second.clone());
            drop(start.uploads());
        }
        let mut rehearsal = start.fork();
        let marked = Arc::new(Mutex::new(None));
        let into = Arc::clone(&marked);
        rehearsal.faults.observe(move |effect| {
            if effect.key.starts_with(".suitecast/waiting/") && effect.operation == suitecast_store::Operation::Put {
                into.lock().unwrap().get_or_insert(effect.number);
            }
        });
        rehearsal.publish(look()).await.unwrap();
        let marking = marked.lock().unwrap().unwrap();
        let mut world = start.fork();
        let report = run_and_meanwhile(&mut world, &look(), marking, async |world| {
            world.upload(of_third, bytes_of_third.clone());
            drop(world.uploads());
            world.clock.advance(SignedDuration::try_from(world.settings.slice).unwrap());
        })
        .await
        .unwrap();
        let expected = if is_second_whole { Outcome::Swapped } else { Outcome::Continued };
        assert_eq!(report.outcome, expected, "{report:#?}");
        world.settle().await;
        assert!(world.serves(&generations[2]).await, "the rest was asked for: {:#?}", world.reports.last());
    }
}
