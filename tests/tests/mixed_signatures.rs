//! A `Release.gpg` of one generation beside a `Release` of another, with nobody's keyring to tell: the signature itself says
//! which text it is of.

#![allow(clippy::unwrap_used, missing_docs)]

use jiff::SignedDuration;
use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation, Signing};
use suitecast_tests::world::World;

const SUITE: &str = "dists/bookworm";
const KINDS: [Signing; 2] = [Signing::Both, Signing::OnlyDetached];

fn history(signing: Signing) -> Vec<Generation> {
    let maker = ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    maker.plain_packages(1).signing(signing).history(3).unwrap()
}

async fn serving(generation: &Generation) -> World {
    let mut world = World::default();
    world.upload_changes(generation);
    world.settle().await;
    assert!(world.serves(generation).await);
    world
}

/// Found by playing every interleaving: the set was served, clients of `Release.gpg` met a bad signature, and the whole
/// release was refused for good, since its signature was "that of the release before".
#[tokio::test]
async fn the_signature_of_the_next_release_is_not_served_with_this_one_and_keeps_nothing_out() {
    for signing in KINDS {
        let [first, second, third] = &history(signing)[..] else { unreachable!() };
        let mut world = serving(first).await;
        world.upload_changes(second);
        world.uploads();
        let signature = third.suite_key("Release.gpg");
        world.upload(&signature, third.files[&signature].clone());
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, Outcome::Waiting, "{signing:?}: {report:?}");
        assert!(report.reason.unwrap().contains("no signature of this Release"));
        assert!(world.serves(first).await, "{signing:?}");
        world.upload_changes(third);
        world.settle().await;
        assert!(world.serves(third).await, "{signing:?}: {:?}", world.reports.last());
    }
}

#[tokio::test]
async fn a_set_that_stays_mixed_is_refused_and_never_served() {
    for signing in KINDS {
        let [first, second, third] = &history(signing)[..] else { unreachable!() };
        let mut world = serving(first).await;
        let signature = third.suite_key("Release.gpg");
        world.upload_keys(second, second.changed.iter().filter(|key| **key != signature));
        world.upload(&signature, third.files[&signature].clone());
        world.settle().await;
        world.clock.advance(SignedDuration::from_mins(20));
        let report = world.publish_suite(SUITE).await;
        assert_eq!(report.outcome, Outcome::Refused, "{signing:?}: {report:?}");
        assert!(world.serves(first).await, "{signing:?}");
    }
}
