//! A suite that changes a little: what the change costs, whatever the suite's size.

use suitecast_archive::Release;
use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, ByHash, Generation, MakeError};
use suitecast_testing::strict::{RequestCounts, S3Operation};

use super::{UPDATE_REQUESTS_A_KEY, UPDATE_REQUESTS_AN_INDEX, UPDATE_REQUESTS_BESIDE, in_a_region};
use crate::world::World;

/// What an update took, and what it may take.
///
/// Everything is uploaded, in key order; then all events are delivered, in batches; then the suite's wake-ups. Counted
/// by the server, in both buckets:
///
/// - every request that publish made, and
/// - the copies that replicate made, those of by-hash names included, whether they took place or found something there.
///
/// The one listing that each event batch takes beside its copies is under the budget of event batches; it depends on
/// how the queue cut them, and is told apart ([`Update::batch_listings`]).
///
/// Allowed are
/// - 2 a *changed key*: an object of the pool that the generation names and its predecessor did not,
/// - 8 a *changed index file*: a file that the release lists with another size or digest than its predecessor did.
///   `Packages.gz`, `Packages.xz` and the `Packages` that is listed and not shipped are three. Its by-hash names (SHA512's
///   too), its plain name, reading it and its predecessor, and finding out that it is not shipped are paid from these,
/// - 12 beside.
#[derive(Debug)]
pub struct Update {
    /// Objects in the pool of the suite.
    pub objects: usize,
    /// Changed keys of the Region.
    pub keys: u64,
    /// Changed index files.
    pub indices: u64,
    /// What replicate asked for.
    pub replicate: RequestCounts,
    /// What publish asked for.
    pub publish: RequestCounts,
    /// Whether one run swapped and an apt client saw the new generation whole.
    pub swapped: bool,
}

impl Update {
    /// The requests that are held against [`Update::allowed`].
    pub fn counted(&self) -> u64 {
        self.replicate.of_operation(S3Operation::CopyObject) + self.publish.requests
    }

    /// How many there may be.
    pub fn allowed(&self) -> u64 {
        UPDATE_REQUESTS_A_KEY * self.keys + UPDATE_REQUESTS_AN_INDEX * self.indices + UPDATE_REQUESTS_BESIDE
    }

    /// What replicate asked for beside its copies.
    pub fn batch_listings(&self) -> u64 {
        self.replicate.requests - self.replicate.of_operation(S3Operation::CopyObject)
    }
}

/// Updates about `changes` packages of a suite of `packages`.
///
/// # Errors
/// When the archive cannot be made.
pub async fn update(packages: usize, changes: usize, by_hash: ByHash, batch_size: usize) -> Result<Update, MakeError> {
    let maker = ArchiveMaker::new(11).bulk(packages, BulkContent::Shared, changes).by_hash(by_hash);
    let history = maker.history(2)?;
    let [before, after] = history.as_slice() else { return Err(MakeError::NoSuchGeneration) };
    let mut world = World { batch_size, ..World::default() };
    world.upload_changes(before);
    world.settle().await;
    world.s3.forget_requests();
    world.reports.clear();

    world.upload_changes(after);
    world.replicate().await;
    let replicate = world.s3.count(|_| true);
    world.s3.forget_requests();
    world.settle().await;
    let publish = world.s3.count(|_| true);
    let swaps = world.reports.iter().filter(|report| report.outcome == Outcome::Swapped).count();
    Ok(Update {
        objects: after.pool_keys().count(),
        keys: in_a_region(after.changed.iter().filter(|key| !is_of_suite(after, key)).map(String::as_str)),
        indices: changed_indices(before, after),
        replicate,
        publish,
        swapped: swaps == 1 && world.serves(after).await,
    })
}

fn is_of_suite(generation: &Generation, key: &str) -> bool {
    key.starts_with(&generation.suite_key(""))
}

/// Files that the release lists otherwise than its predecessor.
fn changed_indices(before: &Generation, after: &Generation) -> u64 {
    let [before, after] = [before, after].map(|generation| {
        Release::parse(&generation.files[&generation.suite_key("Release")]).map(|release| release.entries)
    });
    let (Ok(before), Ok(after)) = (before, after) else { return 0 };
    let changed = after.iter().filter(|(path, entry)| before.get(*path) != Some(entry)).count();
    u64::try_from(changed).unwrap_or(u64::MAX)
}
