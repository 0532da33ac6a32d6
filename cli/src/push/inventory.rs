//! What the bucket holds: as the last push left it, or as a listing tells.
//!
//! The listing of a large archive takes nearly all the time of a push that finds nothing to do. So a push looks first as a
//! Region looks at its master: at the release files. It goes by the record ([`super::record`]), without a listing, where
//!
//! 1. the record is **sealed**: it has a line for every object, and no push has written anything since. The seal is an object
//!    beside it that names the record by its `ETag`. A push breaks it before its first write and seals anew when it has come
//!    to its end, each time on the condition that nobody else touched it meanwhile: whoever finds that somebody did breaks it;
//! 2. every release file in the bucket is the one recorded: whoever publishes in another way changes one;
//! 3. the bucket was listed within [`LISTING_HOLDS`];
//! 4. all this takes fewer requests than the listing would: an archive of a few thousand files is always listed.
//!
//! What it does not see is an object that somebody removed or overwrote by hand while no release file changed. The first push
//! after a day does, and so does every one with `--list` or `--delete`.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use suitecast_archive::{Archives, Digest, KeyClass, UnlistedTrees};
use suitecast_store::{ETag, ErrorKind, ObjectHeaders, PutRequest, Store, StoreError, WriteCondition};

use super::bucket::{PAGE_OBJECTS, listing, load, load_record, save_record};
use super::done::Done;
use super::plan::{Item, ListedObject};
use super::record::Record;
use super::tree::TreeFile;

/// How long a listing is gone by: as long as a Region goes without checking everything that it serves.
pub(crate) const LISTING_HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// The most bytes of a seal.
const MAX_SEAL_BYTES: usize = 4_096;

/// Where a push may learn what the bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    /// The record, where it can be gone by; a listing otherwise.
    RecordOrListing,
    /// A listing and nothing else.
    ListingAlone,
}

/// Whether a push came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All that was to be done is done.
    Finished,
    /// Something failed or was interrupted: what became of it may not be known.
    CutShort,
}

/// The part of a bucket that a push goes to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The bucket.
    pub(crate) store: &'a dyn Store,
    /// What its keys begin with.
    pub(crate) prefix: &'a str,
    /// The archives in it.
    pub(crate) archives: &'a Archives,
    /// Trees in them that no release lists.
    pub(crate) unlisted: &'a UnlistedTrees,
    /// Requests in flight at once.
    pub(crate) concurrency: usize,
    /// The time.
    pub(crate) now: Timestamp,
}

/// What says that the record is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    /// The tag of the record that is; none where a push is writing, or was cut short.
    record: Option<String>,
    /// When the bucket was listed last.
    listed_at: Timestamp,
    /// Who wrote this, so that no two of them are the same bytes.
    by: String,
}

impl Seal {
    fn new(record: Option<&ETag>, listed_at: Timestamp, now: Timestamp) -> Self {
        let record = record.map(|tag| tag.as_str().to_owned());
        Self { record, listed_at, by: format!("{now} {}", std::process::id()) }
    }

    fn is_of(&self, record: Option<&ETag>) -> bool {
        self.record.is_some() && self.record.as_deref() == record.map(ETag::as_str)
    }

    fn holds_at(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.listed_at);
        !age.is_negative() && age < LISTING_HOLDS
    }
}

/// The seal as it stands in the bucket.
#[derive(Debug, Default)]
struct Standing {
    /// Its tag; none where there is none, or nobody looked.
    tag: Option<ETag>,
    /// None where there is none, or none that can be read.
    seal: Option<Seal>,
}

/// What the bucket holds, and how that is known.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// Its objects by their keys.
    pub(crate) objects: HashMap<String, ListedObject>,
    /// What is known of their digests.
    pub(crate) record: Record,
    /// When the bucket was listed last.
    pub(crate) listed_at: Timestamp,
    /// Whether that was now; else all of this is as the last push left it.
    pub(crate) is_listed: bool,
    record_tag: Option<ETag>,
    standing: Standing,
}

/// The key of the seal for the part of a bucket below a prefix.
fn seal_key(prefix: &str) -> String {
    format!(".suitecast/pushed/{prefix}seal.json")
}

/// Finds out what the bucket holds. `files` are the tree's, in order.
///
/// # Errors
/// The bucket cannot be listed, or does not answer.
pub(crate) async fn take(target: &Target<'_>, files: &[TreeFile], sources: Sources) -> Result<Inventory, StoreError> {
    let (record, record_tag) = load_record(target.store, target.prefix).await?;
    let releases = target.releases(&record);
    let standing = if is_worth_it(&record, releases.len()) {
        load_seal(target.store, target.prefix).await?
    } else {
        Standing::default()
    };
    if sources == Sources::RecordOrListing
        && let Some(seal) = &standing.seal
        && seal.is_of(record_tag.as_ref())
        && seal.holds_at(target.now)
        && target.holds(&releases).await?
    {
        let listed_at = seal.listed_at;
        return Ok(Inventory { objects: record.objects(), record, listed_at, is_listed: false, record_tag, standing });
    }
    let objects = listing(target.store, target.prefix, files, target.concurrency).await?;
    Ok(Inventory { objects, record, listed_at: target.now, is_listed: true, record_tag, standing })
}

/// Whether there are release files to go by, and looking at so many, and at the seal, takes fewer requests than listing
/// what the record has.
fn is_worth_it(record: &Record, releases: usize) -> bool {
    releases > 0 && releases + 1 < record.len().div_ceil(PAGE_OBJECTS)
}

impl Target<'_> {
    /// The release files that a record has, with their tags.
    fn releases(&self, record: &Record) -> Vec<(String, ETag)> {
        let is_release = |key: &str| matches!(self.archives.classify(key, self.unlisted), KeyClass::ReleaseFile { .. });
        let of_release = record.iter().filter(|(key, _)| is_release(key));
        of_release.map(|(key, recorded)| (key.clone(), recorded.etag.clone())).collect()
    }

    /// Whether the bucket holds these very objects.
    async fn holds(&self, objects: &[(String, ETag)]) -> Result<bool, StoreError> {
        let mut looks = stream::iter(objects)
            .map(|(key, etag)| async move {
                let info = self.store.head(key).await?;
                Ok::<_, StoreError>(info.is_some_and(|info| info.etag == *etag))
            })
            .buffer_unordered(self.concurrency);
        while let Some(is_there) = looks.try_next().await? {
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn put_seal(&self, seal: &Seal, condition: WriteCondition) -> Result<ETag, StoreError> {
        let key = seal_key(self.prefix);
        let headers = ObjectHeaders { content_type: Some("application/json"), cache_control: Some("no-store") };
        // One that could not be put into words would be as good as broken.
        let bytes = serde_json::to_vec(seal).unwrap_or_default().into();
        self.store.put(PutRequest { key, bytes, condition, headers }).await.map(|put| put.etag)
    }
}

impl Inventory {
    /// Breaks the seal, before the first write: from here on the record is behind the bucket.
    ///
    /// # Errors
    /// It could not be broken, so nothing may be written.
    pub(crate) async fn unseal(&mut self, target: &Target<'_>) -> Result<(), StoreError> {
        if self.standing.seal.as_ref().is_none_or(|seal| seal.record.is_none()) {
            return Ok(());
        }
        let broken = Seal::new(None, self.listed_at, target.now);
        self.standing.tag = Some(target.put_seal(&broken, WriteCondition::Always).await?);
        self.standing.seal = Some(broken);
        Ok(())
    }

    /// Writes down what was learnt, if that is more than was known, and seals it if it is whole.
    ///
    /// # Errors
    /// It could not be written, so the next push asks more; why, for people.
    pub(crate) async fn keep(
        &mut self,
        target: &Target<'_>,
        unchanged: &[(Item, Option<Digest>)],
        done: &Done,
        ending: Ending,
    ) -> Result<(), String> {
        let has_changed = self.learn(unchanged, done);
        if has_changed {
            self.record_tag = Some(save_record(target.store, target.prefix, &self.record).await?);
        }
        let is_as_it_was = !self.is_listed && !has_changed && done.sent.is_empty() && done.deleted.is_empty();
        if is_as_it_was || ending == Ending::CutShort || !self.is_whole(done) {
            return Ok(());
        }
        if !is_worth_it(&self.record, target.releases(&self.record).len()) {
            return Ok(());
        }
        self.seal(target).await.map_err(|error| error.to_string())
    }

    async fn seal(&self, target: &Target<'_>) -> Result<(), StoreError> {
        let seal = Seal::new(self.record_tag.as_ref(), self.listed_at, target.now);
        let condition = self.standing.tag.clone().map_or(WriteCondition::Absent, WriteCondition::Matches);
        match target.put_seal(&seal, condition).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::Conflict | ErrorKind::NotFound) =>
            {
                // Another push is or was at work: neither's record need be whole.
                let broken = Seal::new(None, self.listed_at, target.now);
                target.put_seal(&broken, WriteCondition::Always).await.map(|_| ())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in what a push found and did; whether that is anything new.
    fn learn(&mut self, unchanged: &[(Item, Option<Digest>)], done: &Done) -> bool {
        let mut is_new = false;
        for (item, sha256) in unchanged {
            if let (Some(sha256), Some(listed)) = (sha256, self.objects.get(&item.key)) {
                is_new |= self.record.learn(&item.key, listed, *sha256);
            }
        }
        let sent: HashSet<&str> = done.sent.iter().map(|sent| sent.key.as_str()).collect();
        let deleted: HashSet<&str> = done.deleted.iter().map(String::as_str).collect();
        let objects = &self.objects;
        is_new |= self.record.keep(|key| (objects.contains_key(key) || sent.contains(key)) && !deleted.contains(key));
        for sent in &done.sent {
            let object = ListedObject { size: sent.size, etag: sent.etag.clone() };
            is_new |= self.record.learn(&sent.key, &object, sent.sha256);
        }
        is_new
    }

    /// Whether the record has a line for every object, as it is now.
    fn is_whole(&self, done: &Done) -> bool {
        let gone: HashSet<&str> =
            done.sent.iter().map(|sent| sent.key.as_str()).chain(done.deleted.iter().map(String::as_str)).collect();
        let mut others = self.objects.iter().filter(|(key, _)| !is_private(key) && !gone.contains(key.as_str()));
        others.all(|(key, object)| self.record.sha256_of(key, &object.etag).is_some())
    }
}

/// Whether an object is Suitecast's own.
fn is_private(key: &str) -> bool {
    key.starts_with(".suitecast/")
}

/// Reads the seal.
async fn load_seal(store: &dyn Store, prefix: &str) -> Result<Standing, StoreError> {
    let found = load(store, &seal_key(prefix), MAX_SEAL_BYTES).await?;
    Ok(found.map_or_else(Standing::default, |(tag, bytes)| Standing {
        tag: Some(tag),
        seal: serde_json::from_slice(&bytes).ok(),
    }))
}

#[cfg(test)]
mod tests;
