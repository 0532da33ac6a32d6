//! Finds out which files are to be sent: asks [`judge`], and gets it the evidence that it wants.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use suitecast_archive::Digest;
use suitecast_store::{Store, StoreError};
use tokio::task::spawn_blocking;

use super::files::{Directory, FileError, digests_of};
use super::plan::{Answer, Evidence, Item, ListedObject, Reason, Verdict, judge};
use super::record::Record;

/// Files read at once for comparison: more would make disks seek and not read.
const READS_AT_ONCE: usize = 4;

/// What became of the files.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What is to be sent, in order, and why.
    pub(crate) to_send: Vec<(Item, Reason)>,
    /// What is in the bucket already, with its digest where it is known.
    pub(crate) unchanged: Vec<(Item, Option<Digest>)>,
    /// Files that could not be read.
    pub(crate) faults: Vec<FileError>,
    /// Objects that S3 was asked about one by one.
    pub(crate) asked: u64,
    /// Files that were read for comparison.
    pub(crate) read: u64,
}

/// Judges all items.
///
/// # Errors
/// S3 would not answer.
pub(crate) async fn compare(
    items: Vec<Item>,
    listing: &HashMap<String, ListedObject>,
    record: &Record,
    store: &dyn Store,
    directory: &Directory,
    concurrency: usize,
) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison::default();
    let mut open: Vec<(usize, Item, Evidence)> = items
        .into_iter()
        .enumerate()
        .map(|(place, item)| {
            let recorded = listing.get(&item.key).and_then(|listed| record.sha256_of(&item.key, &listed.etag));
            (place, item, Evidence { recorded, ..Evidence::default() })
        })
        .collect();
    let mut to_send = Vec::new();
    while !open.is_empty() {
        let (mut to_ask, mut to_read) = (Vec::new(), Vec::new());
        for (place, item, evidence) in open.drain(..) {
            match judge(&item, listing.get(&item.key), &evidence) {
                Verdict::Unchanged(sha256) => comparison.unchanged.push((item, sha256)),
                Verdict::Send(reason) => to_send.push((place, item, reason)),
                Verdict::Ask => to_ask.push((place, item, evidence)),
                Verdict::Read => to_read.push((place, item, evidence)),
            }
        }
        comparison.asked += to_ask.len() as u64;
        comparison.read += to_read.len() as u64;
        let answers = stream::iter(to_ask).map(|(place, item, evidence)| async move {
            // An object that is gone since the listing is asked about no more, and sent.
            let sha256 = store.head(&item.key).await?.and_then(|info| info.sha256);
            let asked = sha256.map_or(Answer::KeepsNone, Answer::Keeps);
            Ok::<_, StoreError>((place, item, Evidence { asked: Some(asked), ..evidence }))
        });
        let mut answers = answers.buffer_unordered(concurrency);
        while let Some(answer) = answers.next().await {
            open.push(answer?);
        }
        drop(answers);
        let readings = stream::iter(to_read).map(|(place, item, evidence)| {
            let (directory, owned) = (directory.clone(), item.clone());
            async move { (place, item, evidence, spawn_blocking(move || digests_of(&directory, &owned)).await) }
        });
        let mut readings = readings.buffer_unordered(READS_AT_ONCE);
        while let Some((place, item, evidence, reading)) = readings.next().await {
            match reading {
                Ok(Ok(local)) => open.push((place, item, Evidence { local: Some(local), ..evidence })),
                Ok(Err(fault)) => comparison.faults.push(fault),
                // A panic of ours goes on here.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }
    to_send.sort_unstable_by_key(|(place, ..)| *place);
    comparison.to_send = to_send.into_iter().map(|(_, item, reason)| (item, reason)).collect();
    Ok(comparison)
}
