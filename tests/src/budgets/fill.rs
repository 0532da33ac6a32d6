//! A Region filled for the first time, from uploads as they come or from a sweep alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's own world: what fails here fails the test")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use suitecast_engine::{Outcome, Settings};
use suitecast_testing::Random;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::strict::{Mishaps, RequestCounts};

use super::{COPY_CONCURRENCY, PacedStore, in_a_region};
use crate::world::{MASTER, REGION, World, default_settings};

/// Uploads a second: what `aws s3 sync` makes of small files.
const UPLOADS_A_SECOND: usize = 100;

/// How often the template sweeps.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// Sweeps that a fill may need: far above any scenario's, so that one that never ends is found.
const MAX_SWEEPS: usize = 20;

/// In which order keys are uploaded. `InRelease` comes first in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As `aws s3 sync` walks: `dists/` with its release files long before `pool/`.
    ByKey,
    /// `InRelease`, then everything else in any order, drawn from this seed.
    Any(u64),
}

/// What a fill took.
#[derive(Debug)]
pub struct Fill {
    /// Objects of the pool.
    pub objects: u64,
    /// All requests to both buckets, by replicate, publish and sweep.
    pub requests: RequestCounts,
    /// Publish runs that did more than to find that there was nothing to do: they swapped, waited, or worked a slice.
    pub working_runs: usize,
    /// Publish runs in all.
    pub runs: usize,
    /// Sweeps.
    pub sweeps: usize,
    /// Time by the scenario's clock, uploads included.
    pub took: SignedDuration,
    /// Whether an apt client saw the generation whole at the end, down to every file of the pool.
    pub whole: bool,
}

impl Fill {
    /// Requests an object.
    #[allow(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
    pub fn requests_an_object(&self) -> f64 {
        self.requests.requests as f64 / self.objects as f64
    }
}

fn world(batch_size: usize) -> World {
    let concurrency = NonZeroUsize::new(COPY_CONCURRENCY).unwrap();
    let mut world = World::new(Settings { copy_concurrency: concurrency, ..default_settings() });
    world.batch_size = batch_size;
    world.ports.master = Arc::new(PacedStore::new(Arc::clone(&world.ports.master), world.clock.clone()));
    world.ports.region = Arc::new(PacedStore::new(Arc::clone(&world.ports.region), world.clock.clone()));
    world
}

/// Uploads `generation` to an empty master with an empty Region behind it. What befalls the notifications is `mishaps`;
/// wake-ups are worked on as they come, between the uploads of one second and those of the next, and the sweep runs on
/// its schedule.
///
/// # Panics
/// When the Region is not filled after many sweeps.
pub async fn first_fill(generation: &Generation, batch_size: usize, order: Order, mishaps: Mishaps) -> Fill {
    let mut world = world(batch_size);
    let began = world.clock.now();
    let mut watch = Sweeping { next: began + SWEEP_EVERY, count: 0 };
    let seed = mishaps.seed;
    for (second, keys) in in_order(generation, order).chunks(UPLOADS_A_SECOND).enumerate() {
        world.upload_keys(generation, keys.iter().copied());
        // Otherwise the same places of every second would be struck.
        world.mishaps = Mishaps { seed: seed.wrapping_add(u64::try_from(second).unwrap()), ..mishaps.clone() };
        world.clock.advance(SignedDuration::from_secs(1));
        world.settle().await;
        watch.sweep_if_due(&mut world).await;
    }
    finish(world, generation, began, watch).await
}

/// Fills a Region made long after everything was uploaded: no event ever told of it.
///
/// # Panics
/// When the Region is not filled after many sweeps.
pub async fn fill_a_new_region(generation: &Generation) -> Fill {
    let world = world(super::BATCH_SIZE);
    world.upload_changes(generation);
    drop(world.uploads());
    world.clock.advance(SignedDuration::from_hours(24 * 30));
    let began = world.clock.now();
    let watch = Sweeping { next: began, count: 0 };
    finish(world, generation, began, watch).await
}

struct Sweeping {
    next: Timestamp,
    count: usize,
}

impl Sweeping {
    async fn sweep_if_due(&mut self, world: &mut World) {
        if world.clock.now() < self.next {
            return;
        }
        self.next += SWEEP_EVERY;
        self.count += 1;
        assert!(self.count <= MAX_SWEEPS, "not filled after {MAX_SWEEPS} sweeps: {:#?}", world.reports.last());
        world.sweep().await;
        world.settle().await;
    }
}

fn in_order(generation: &Generation, order: Order) -> Vec<&String> {
    let mut keys: Vec<&String> = generation.changed.iter().collect();
    if let Order::Any(seed) = order {
        Random::new(seed).shuffle(&mut keys);
    }
    let first = generation.suite_key("InRelease");
    let at = keys.iter().position(|key| **key == first).expect("the archive has an InRelease");
    let first = keys.remove(at);
    keys.insert(0, first);
    keys
}

async fn finish(mut world: World, generation: &Generation, began: Timestamp, mut watch: Sweeping) -> Fill {
    let commit = generation.suite_key("InRelease");
    let newest = world.s3.peek(MASTER, &commit);
    while world.s3.peek(REGION, &commit) != newest {
        world.clock.set(world.clock.now().max(watch.next));
        watch.sweep_if_due(&mut world).await;
    }
    let took = world.clock.now().duration_since(began);
    let requests = world.s3.count(|_| true);
    let works = |outcome: Outcome| !matches!(outcome, Outcome::UpToDate | Outcome::Busy);
    Fill {
        objects: in_a_region(generation.pool_keys()),
        working_runs: world.reports.iter().filter(|report| works(report.outcome)).count(),
        runs: world.publish_runs,
        sweeps: watch.count,
        requests,
        took,
        whole: world.serves(generation).await,
    }
}
