//! Finds out which files are to be sent: asks [`judge`], and gets it the evidence that it wants.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use suitecast_archive::Digest;
use suitecast_store::{Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::files::{Directory, FileError, digests_of};
use super::plan::{Answer, Evidence, Item, ListedObject, Reason, Verdict, judge};
use super::record::Record;

/// Files read at once for comparison: more would make disks seek and not read.
const READS_AT_ONCE: usize = 4;

/// What became of the files.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What is to be sent, in order, and why; only once all is compared.
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

/// Where evidence is found.
pub(crate) struct Comparing<'a> {
    /// The bucket, as it was listed.
    pub(crate) listing: &'a HashMap<String, ListedObject>,
    /// What earlier pushes learnt.
    pub(crate) record: &'a Record,
    /// The bucket itself.
    pub(crate) store: &'a dyn Store,
    /// The tree.
    pub(crate) directory: &'a Directory,
    /// Files compared at once.
    pub(crate) concurrency: usize,
}

/// What came of looking closer at a file.
enum Closer {
    Unchanged(Option<Digest>),
    Send(Reason),
    Unreadable(FileError),
}

impl Comparing<'_> {
    /// Judges all items. What is found out goes into `comparison` as it is found, so that it is kept however this ends.
    ///
    /// # Errors
    /// S3 would not answer.
    pub(crate) async fn compare(&self, items: Vec<Item>, comparison: &mut Comparison) -> Result<(), StoreError> {
        let mut to_send = Vec::new();
        let mut open: Vec<(usize, Item, Option<Digest>)> = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            let listed = self.listing.get(&item.key);
            let recorded = listed.and_then(|listed| self.record.sha256_of(&item.key, &listed.etag));
            let evidence = Evidence { recorded, ..Evidence::default() };
            match judge(&item, listed, &evidence) {
                Verdict::Unchanged(sha256) => comparison.unchanged.push((item, sha256)),
                Verdict::Send(reason) => to_send.push((place, item, reason)),
                Verdict::Ask | Verdict::Read => open.push((place, item, recorded)),
            }
        }
        let reads = Semaphore::new(READS_AT_ONCE);
        let mut looks = stream::iter(open)
            .map(|(place, item, recorded)| self.look_closer(place, item, recorded, &reads))
            .buffer_unordered(self.concurrency);
        while let Some(look) = looks.next().await {
            let (place, item, evidence, closer) = look?;
            comparison.asked += u64::from(evidence.asked.is_some());
            comparison.read += u64::from(evidence.local.is_some());
            match closer {
                Closer::Unchanged(sha256) => comparison.unchanged.push((item, sha256)),
                Closer::Send(reason) => to_send.push((place, item, reason)),
                Closer::Unreadable(fault) => comparison.faults.push(fault),
            }
        }
        to_send.sort_unstable_by_key(|(place, ..)| *place);
        comparison.to_send = to_send.into_iter().map(|(_, item, reason)| (item, reason)).collect();
        Ok(())
    }

    /// Gets the evidence that a judgement wants, until there is one.
    async fn look_closer(
        &self,
        place: usize,
        item: Item,
        recorded: Option<Digest>,
        reads: &Semaphore,
    ) -> Result<(usize, Item, Evidence, Closer), StoreError> {
        let mut evidence = Evidence { recorded, ..Evidence::default() };
        loop {
            let closer = match judge(&item, self.listing.get(&item.key), &evidence) {
                Verdict::Unchanged(sha256) => Closer::Unchanged(sha256),
                Verdict::Send(reason) => Closer::Send(reason),
                Verdict::Ask => {
                    // An object that is gone since the listing is asked about no more, and sent.
                    let sha256 = self.store.head(&item.key).await?.and_then(|info| info.sha256);
                    evidence.asked = Some(sha256.map_or(Answer::KeepsNone, Answer::Keeps));
                    continue;
                }
                Verdict::Read => {
                    // It is never closed.
                    let _permit = reads.acquire().await;
                    let (directory, owned) = (self.directory.clone(), item.clone());
                    match spawn_blocking(move || digests_of(&directory, &owned)).await {
                        Ok(Ok(local)) => evidence.local = Some(local),
                        Ok(Err(fault)) => return Ok((place, item, evidence, Closer::Unreadable(fault))),
                        // A panic of ours goes on here.
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    }
                    continue;
                }
            };
            return Ok((place, item, evidence, closer));
        }
    }
}
