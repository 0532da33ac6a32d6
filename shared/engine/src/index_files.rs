//! The index files of a release: bringing them under their by-hash names, and reading what they name.

use futures::TryStreamExt;
use suitecast_archive::{ArchivePath, Digest, IndexError, IndexKind, IndexLocation, IndexReader, NamedFile, Variant};
use suitecast_mirror::{MissingReason, SeenKey, Stale};
use suitecast_store::{GetCondition, GetRequest, Got, Store, StoreError, VersionId, WriteCondition};
use thiserror::Error;

use crate::concurrent::try_map;
use crate::objects::{
    Brought, Content, CopyOutcome, Destination, Place, Presence, bring, copy_verified, copy_within, look, offered,
};
use crate::private_keys;
use crate::run::Run;

/// Where a verified variant can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In the Region, under its by-hash names.
    Here,
    /// Only in the master so far (a dry run copies nothing).
    InMaster(VersionedKey),
    /// Nowhere.
    Missing {
        /// The keys that could bring it, each with the tag seen there.
        seen: Vec<SeenKey>,
        /// Why.
        reason: MissingReason,
    },
}

/// A key, or a version of it that is not the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionedKey {
    pub(crate) key: String,
    pub(crate) version: Option<VersionId>,
}

impl VersionedKey {
    /// The key as it is now.
    pub(crate) fn newest(key: String) -> Self {
        Self { key, version: None }
    }
}

/// What the release says of a variant.
pub(crate) fn content_of(variant: &Variant) -> Content {
    Content { size: Some(variant.entry.size), digests: variant.entry.digests }
}

/// The bucket key of a file of the suite.
pub(crate) fn suite_key(run: &Run<'_>, path: &ArchivePath) -> String {
    run.suite.key(path)
}

/// Whether clients are led to the names of a variant while it is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// What is wrong under its names is put right, or taken away, before anybody looks there.
    Hidden,
    /// The live release lists it, and was served without it: nothing unverified may ever stand there.
    Served,
}

/// Makes sure that a variant stands under its by-hash names, from wherever in the master its content is.
pub(crate) async fn ensure(
    run: &Run<'_>,
    variant: &Variant,
    exposure: Exposure,
    by_hash: bool,
) -> Result<Standing, StoreError> {
    let content = content_of(variant);
    let names = variant.by_hash_names();
    let Some((first, rest)) = names.split_first() else {
        return Ok(Standing::Missing { seen: Vec::new(), reason: MissingReason::Absent });
    };
    let first_key = suite_key(run, &first.0);
    let presence = look(run.region.as_ref(), &first_key, &content).await?;
    if presence != Presence::Verified {
        let places = places(run, variant, &names, by_hash);
        if run.looks_only {
            return in_master(run, &places, &content).await;
        }
        if let Some(missing) = fetch(run, &first_key, presence, exposure, &places, &content).await? {
            return Ok(missing);
        }
    }
    for (path, _) in rest {
        alias(run, &first_key, &suite_key(run, path), &content).await?;
    }
    Ok(Standing::Here)
}

/// Where in the master a variant's bytes may be. Its plain name is looked at last: there it may be of another generation.
fn places(run: &Run<'_>, variant: &Variant, names: &[(ArchivePath, Digest)], by_hash: bool) -> Vec<Place> {
    let by_hash_keys = names.iter().filter(|_| by_hash).map(|(path, _)| suite_key(run, path));
    by_hash_keys.chain([suite_key(run, &variant.path)]).map(Place::unseen).collect()
}

async fn in_master(run: &Run<'_>, places: &[Place], content: &Content) -> Result<Standing, StoreError> {
    for place in places {
        if look(run.master.as_ref(), &place.key, content).await? == Presence::Verified {
            return Ok(Standing::InMaster(VersionedKey::newest(place.key.clone())));
        }
    }
    Ok(match offered(run.master.as_ref(), places, content).await? {
        Brought::Missing { seen, reason } => Standing::Missing { seen, reason },
        // Of the right size, but with another digest, which only reading told.
        Brought::Verified | Brought::Occupied { .. } => Standing::Missing {
            seen: places.iter().map(|place| SeenKey { key: place.key.clone(), tag: None }).collect(),
            reason: MissingReason::Mismatch {
                expected: content.describe(),
                found: "other content of the same size".into(),
            },
        },
    })
}

/// Brings the bytes to a by-hash name. What stands there under a wrong name serves nobody, so it is overwritten, but
/// only from bytes that were verified under a private key first; so is a name that the live release lists.
async fn fetch(
    run: &Run<'_>,
    key: &str,
    presence: Presence,
    exposure: Exposure,
    places: &[Place],
    content: &Content,
) -> Result<Option<Standing>, StoreError> {
    let mut occupied = match presence {
        Presence::Mismatch { etag, .. } => Some(etag),
        Presence::Verified | Presence::Absent => None,
    };
    if occupied.is_none() && exposure == Exposure::Hidden {
        let destination =
            Destination { key: key.to_owned(), condition: WriteCondition::Absent, headers: run.headers(key) };
        match bring(run.master.as_ref(), run.region.as_ref(), places, &destination, content).await? {
            Brought::Verified => return Ok(None),
            Brought::Missing { seen, reason } => return Ok(Some(Standing::Missing { seen, reason })),
            Brought::Occupied { etag, .. } => occupied = Some(etag),
        }
    }
    let condition = occupied.map_or(WriteCondition::Absent, WriteCondition::Matches);
    match stage(run, key, places, content).await? {
        Brought::Missing { seen, reason } => return Ok(Some(Standing::Missing { seen, reason })),
        Brought::Verified | Brought::Occupied { .. } => {}
    }
    unstage(run, key, condition, content).await?;
    Ok(None)
}

/// The names of variants that are not here and under which something else stands.
pub(crate) async fn stale_names(run: &Run<'_>, absent: &[&Variant]) -> Result<Vec<Stale>, StoreError> {
    let names = absent.iter().filter_map(|variant| Some((variant, variant.entry.digests.checkable()?)));
    let names = names.flat_map(|(variant, digest)| {
        let by_hash = variant.by_hash_names().into_iter().map(|(path, _)| path);
        by_hash.chain([variant.path.clone()]).map(move |path| Stale { path, digest, size: variant.entry.size })
    });
    let looked_at = try_map(names, run.concurrency(), async |stale: Stale| {
        let content = Content::of(stale.digest, Some(stale.size));
        let presence = look(run.region.as_ref(), &suite_key(run, &stale.path), &content).await?;
        Ok::<_, StoreError>(matches!(presence, Presence::Mismatch { .. }).then_some(stale))
    });
    Ok(looked_at.await?.into_iter().flatten().collect())
}

/// The private key under which bytes for `key` are verified before they overwrite it.
pub(crate) fn staging_key(run: &Run<'_>, key: &str, content: &Content) -> String {
    content.digests.checkable().map_or_else(String::new, |digest| private_keys::staging(run.suite, key, &digest))
}

/// Brings bytes to their staging key and verifies them there.
pub(crate) async fn stage(
    run: &Run<'_>,
    key: &str,
    places: &[Place],
    content: &Content,
) -> Result<Brought, StoreError> {
    bring(run.master.as_ref(), run.region.as_ref(), places, &staging(run, key, content), content).await.map_err(
        |error| {
            // The private key tells a person nothing.
            StoreError { detail: format!("{}; the bytes are to become {key}", error.detail), ..error }
        },
    )
}

/// Where bytes for `key` are verified.
pub(crate) fn staging(run: &Run<'_>, key: &str, content: &Content) -> Destination {
    let key = staging_key(run, key, content);
    Destination { headers: private_keys::headers(&key), key, condition: WriteCondition::Always }
}

/// Overwrites `key` from its staging key, and removes that.
pub(crate) async fn unstage(
    run: &Run<'_>,
    key: &str,
    condition: WriteCondition,
    content: &Content,
) -> Result<(), StoreError> {
    let staging = staging_key(run, key, content);
    within_region(run, &staging, key, condition, content).await?;
    run.region.delete(&staging).await
}

/// Puts a variant that was staged for the first of its by-hash names under all of them.
pub(crate) async fn place_staged(run: &Run<'_>, variant: &Variant) -> Result<(), StoreError> {
    let content = content_of(variant);
    let names = variant.by_hash_names();
    let Some((first, rest)) = names.split_first() else { return Ok(()) };
    let key = suite_key(run, &first.0);
    let condition = match look(run.region.as_ref(), &key, &content).await? {
        Presence::Verified | Presence::Absent => WriteCondition::Absent,
        Presence::Mismatch { etag, .. } => WriteCondition::Matches(etag),
    };
    unstage(run, &key, condition, &content).await?;
    for (path, _) in rest {
        alias(run, &key, &suite_key(run, path), &content).await?;
    }
    Ok(())
}

/// Gives verified content its other by-hash name, within the Region.
async fn alias(run: &Run<'_>, from: &str, key: &str, content: &Content) -> Result<(), StoreError> {
    let condition = match look(run.region.as_ref(), key, content).await? {
        Presence::Verified => return Ok(()),
        _ if run.looks_only => return Ok(()),
        Presence::Absent => WriteCondition::Absent,
        Presence::Mismatch { etag, .. } => WriteCondition::Matches(etag),
    };
    within_region(run, from, key, condition, content).await
}

/// Copies verified content within the Region. A copy that does not come out right is the store's failure, and is retried.
pub(crate) async fn within_region(
    run: &Run<'_>,
    from: &str,
    key: &str,
    condition: WriteCondition,
    content: &Content,
) -> Result<(), StoreError> {
    let destination = Destination { key: key.to_owned(), condition, headers: run.headers(key) };
    let request = copy_within(run.region.as_ref(), from, content.size, destination);
    let outcome = copy_verified(run.region.as_ref(), request, content).await?;
    if outcome == CopyOutcome::Verified {
        return Ok(());
    }
    Err(StoreError {
        operation: suitecast_store::Operation::Copy,
        bucket: run.region.bucket().to_owned(),
        key: key.to_owned(),
        kind: suitecast_store::ErrorKind::Conflict,
        detail: format!("somebody else wrote here while it was being replaced from {from}; the next run looks again"),
        source: None,
    })
}

/// An index that could not be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// The store failed.
    #[error("{0}")]
    Store(#[source] StoreError),
    /// The content breaks the format or a limit.
    #[error("{key}: {source}")]
    Index {
        /// The key that was read.
        key: String,
        /// The rule.
        #[source]
        source: IndexError,
    },
}

/// Reads an index as it arrives and hands out what it names. What was handed out counts only when this succeeds.
pub(crate) async fn read(
    run: &Run<'_>,
    store: &dyn Store,
    at: &VersionedKey,
    kind: IndexKind,
    variant: &Variant,
    sink: &mut (dyn FnMut(NamedFile) + Send),
) -> Result<(), ReadError> {
    let wrong = |source| ReadError::Index { key: at.key.clone(), source };
    // A suite always lies in its run's archive; a root location would only make its paths unfindable.
    let location = IndexLocation::of(run.archive, run.suite, &variant.path).unwrap_or_default();
    let mut reader = IndexReader::new(kind, variant.compression, &variant.entry, &location).map_err(wrong)?;
    let request = GetRequest { key: at.key.clone(), version: at.version.clone(), condition: GetCondition::Always };
    if let Got::Object { mut body, .. } = store.get(request).await.map_err(ReadError::Store)? {
        while let Some(chunk) = body.try_next().await.map_err(ReadError::Store)? {
            reader.push(&chunk, sink).map_err(wrong)?;
        }
    }
    reader.finish(sink).map_err(wrong)?;
    Ok(())
}
