//! The lease on a suite: who holds it writes while it lasts and no longer, and who finds it held is not forgotten.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::error::Error;
use std::num::NonZeroUsize;

use jiff::SignedDuration;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Outcome, limits};
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::strict::{Request, S3Operation, Trouble, TroubleRule};
use suitecast_tests::case::{history, look};
use suitecast_tests::world::{REGION, World};
use tokio::sync::oneshot;

/// Where the states of suites lie.
const STATES: &str = ".suitecast/state/";

/// What a clock can tell apart here.
const A_MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// A Region that serves the first of two generations, with all of the second in the master and no event to tell of it; and
/// the number of the first copy of a run on it.
async fn about_to_swap() -> (World, [Generation; 2], u64) {
    let generations: [Generation; 2] = history(2).try_into().unwrap();
    let mut world = World::default();
    world.settings.copy_concurrency = NonZeroUsize::MIN;
    world.upload_changes(&generations[0]);
    world.settle().await;
    assert!(world.serves(&generations[0]).await);
    world.upload_changes(&generations[1]);
    drop(world.uploads());
    // The suite is taken first.
    let first_copy = 1;
    (world, generations, first_copy)
}

fn slice(world: &World) -> SignedDuration {
    SignedDuration::try_from(world.settings.slice).unwrap()
}

fn writes(world: &World) -> u64 {
    world.s3.count(|request: &Request| request.bucket == REGION && request.operation.is_write()).requests
}

#[tokio::test]
async fn a_run_that_slept_starts_no_write_that_might_end_after_its_lease() {
    let (start, [first, second], first_copy) = about_to_swap().await;
    let lasts = slice(&start) + SignedDuration::try_from(limits::LEASE_BEYOND_SLICE).unwrap() - limits::WRITE_MARGIN;
    for (slept, may_write) in [(lasts - A_MOMENT, true), (lasts, false)] {
        let mut world = start.fork();
        let mut gate = world.faults.hold(first_copy);
        let sleeps = async {
            gate.reached().await;
            world.clock.advance(slept);
            world.s3.forget_requests();
            gate.open();
        };
        let request = look();
        let (told, ()) = tokio::join!(publish::run(&world.ports, &world.settings, &request), sleeps);
        // The copy that was under way is counted too.
        assert_eq!(writes(&world) > 1, may_write, "slept {slept:#}");
        assert_eq!(told.is_ok(), may_write, "slept {slept:#}: {told:?}");
        if let Err(error) = told {
            let source = error.source().unwrap().to_string();
            assert!(error.is_retryable() && source.contains("too little is left of the lease"), "{source}");
        }
        assert!(world.serves(&first).await);
        world.clock.advance(SignedDuration::from_mins(10));
        world.queue.take();
        assert_eq!(world.publish(look()).await.unwrap().outcome, Outcome::Swapped, "the next run goes on from there");
        assert!(world.serves(&second).await);
    }
}

#[tokio::test]
async fn a_run_is_counted_on_until_its_slice_is_over_and_no_longer() {
    let (start, _, first_copy) = about_to_swap().await;
    for (passed, is_counted_on) in [(slice(&start), true), (slice(&start) + A_MOMENT, false)] {
        let mut world = start.fork();
        let (ports, settings, request) = (world.ports.clone(), world.settings.clone(), look());
        let mut gate = world.faults.hold(first_copy);
        let mut run = Box::pin(publish::run(&ports, &settings, &request));
        tokio::select! {
            biased;
            () = gate.reached() => {}
            _ = &mut run => panic!("never reached"),
        }
        world.clock.advance(passed);
        match world.publish(look()).await {
            Ok(report) => assert!(is_counted_on && report.outcome == Outcome::Busy, "{passed:#}: {report:#?}"),
            Err(error) => {
                assert!(!is_counted_on && error.is_retryable(), "{passed:#}: {error:?}");
                let beyond = SignedDuration::try_from(limits::LEASE_BEYOND_SLICE).unwrap() - A_MOMENT;
                assert_eq!(error.in_the_way_until(), Some(world.clock.now() + beyond), "no need to wait longer");
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_fails_lets_go_although_what_made_it_fail_goes_on_for_a_while() {
    let (start, [_, second], _) = about_to_swap().await;
    let tries = limits::MAX_GIVE_UP_ATTEMPTS;
    for (failures, is_free) in [(0, true), (tries - 1, true), (tries, false)] {
        let mut world = start.fork();
        world.s3.trouble(TroubleRule::once(Trouble::SlowDown).on(S3Operation::CopyObject));
        let after_taking_the_suite = 1;
        let state = TroubleRule::once(Trouble::InternalError).on(S3Operation::PutObject).at(REGION, STATES);
        world.s3.trouble(state.times(failures.into(), after_taking_the_suite));
        let error = world.publish(look()).await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        let next = world.publish(look()).await.unwrap();
        let outcome = if is_free { Outcome::Swapped } else { Outcome::Busy };
        assert_eq!(next.outcome, outcome, "after {failures} failures to let go");
        assert_eq!(world.serves(&second).await, is_free);
    }
}

/// Its word would stand in a state that nobody reads any more.
#[tokio::test]
async fn who_finds_a_suite_busy_that_is_let_go_at_that_moment_takes_it_itself() {
    let (start, [_, second], first_copy) = about_to_swap().await;
    let world = start.fork();
    let stays = |key: &&str| !second.changed.contains(*key) && key.ends_with("_amd64.deb");
    let damaged = second.pool_keys().find(stays).unwrap().to_owned();
    world.s3.uproot(REGION, &damaged).unwrap();
    let (finished, has_finished) = oneshot::channel();
    let (plain, full) = (look(), PublishRequest { full: true, ..look() });
    let mut gate = world.faults.hold(first_copy);
    let holder = async {
        let report = publish::run(&world.ports, &world.settings, &plain).await.unwrap();
        finished.send(()).unwrap();
        report
    };
    let visitor = async {
        gate.reached().await;
        // It has read who holds the suite, and is about to leave word.
        let mut marking = world.faults.hold(world.faults.effects());
        let meanwhile = async {
            marking.reached().await;
            gate.open();
            has_finished.await.unwrap();
            marking.open();
        };
        tokio::join!(publish::run(&world.ports, &world.settings, &full), meanwhile).0.unwrap()
    };
    let (holder, visitor) = tokio::join!(holder, visitor);
    assert_eq!(holder.outcome, Outcome::Swapped);
    assert_eq!(visitor.outcome, Outcome::Swapped, "everything was checked, as it asked");
    assert_eq!(world.s3.peek(REGION, &damaged).as_ref(), Some(&second.files[&damaged]));
    assert!(world.serves(&second).await);
}
