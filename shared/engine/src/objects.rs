//! One object at a time: whether it is here with the right content, and bringing it here if not.
//!
//! Present is not verified. An object counts only when its size and its strongest checkable digest were compared with
//! what a signed index says, from what the store answers where it computes digests, by reading where it does not.

use futures::TryStreamExt;
use suitecast_archive::{Digest, DigestAlgorithm, Digests, Hasher};
use suitecast_mirror::{MissingReason, SeenKey};
use suitecast_store::{
    CopyRequest, CopySource, ETag, ErrorKind, GetCondition, GetRequest, Got, Listed, ObjectHeaders, ObjectInfo,
    SourceCondition, Store, StoreError, WriteCondition,
};

/// What an index says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its size in bytes, where the index tells.
    pub(crate) size: Option<u64>,
    /// Its digests.
    pub(crate) digests: Digests,
}

impl Content {
    /// What has this digest, and this size where it is known.
    pub(crate) fn of(digest: Digest, size: Option<u64>) -> Self {
        let mut digests = Digests::default();
        match digest.algorithm() {
            DigestAlgorithm::Sha512 => digests.sha512 = Some(digest),
            _ => digests.sha256 = Some(digest),
        }
        Self { size, digests }
    }

    /// What is asked for, for a person.
    pub(crate) fn describe(&self) -> String {
        let digest = self.digests.checkable().map_or_else(|| "no digest".to_owned(), |digest| digest.to_string());
        match self.size {
            Some(size) => format!("{size} bytes, {digest}"),
            None => digest,
        }
    }
}

/// What stands under a key, against what should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The right content.
    Verified,
    /// Nothing.
    Absent,
    /// Something else.
    Mismatch {
        /// Its tag.
        etag: ETag,
        /// What it is, for a person.
        found: String,
    },
}

/// Looks at a key: one request where the store keeps digests, two where it does not.
pub(crate) async fn look(store: &dyn Store, key: &str, content: &Content) -> Result<Presence, StoreError> {
    match store.head(key).await? {
        None => Ok(Presence::Absent),
        Some(info) => compare(store, key, &info, content).await,
    }
}

/// Compares an object that was seen with what it should be; reads it only where nothing else tells.
pub(crate) async fn compare(
    store: &dyn Store,
    key: &str,
    info: &ObjectInfo,
    content: &Content,
) -> Result<Presence, StoreError> {
    let mismatch = |found: String| Presence::Mismatch { etag: info.etag.clone(), found };
    if content.size.is_some_and(|size| size != info.size) {
        return Ok(mismatch(format!("{} bytes", info.size)));
    }
    if let (Some(wanted), Some(found)) = (content.digests.sha256, info.sha256) {
        return Ok(if wanted == found { Presence::Verified } else { mismatch(found.to_string()) });
    }
    let request = GetRequest {
        key: key.to_owned(),
        version: info.version.clone(),
        condition: GetCondition::Same(info.etag.clone()),
    };
    let mut body = match store.get(request).await {
        Ok(Got::Object { body, .. }) => body,
        Ok(Got::Unchanged) => return Ok(mismatch("unreadable under a condition".into())),
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Presence::Absent),
        // Replaced between the look and the reading: worth another look, which is no failure for good.
        Err(error) if error.kind == ErrorKind::PreconditionFailed => {
            return Err(StoreError { kind: ErrorKind::Conflict, ..error });
        }
        Err(error) => return Err(error),
    };
    let mut hasher = Hasher::new();
    while let Some(chunk) = body.try_next().await? {
        hasher.update(&chunk);
    }
    let (_, found) = hasher.finish();
    let same = |wanted, found| wanted == found;
    let verdict = match (content.digests.sha256, content.digests.sha512) {
        (Some(wanted), _) => same(Some(wanted), found.sha256),
        (None, Some(wanted)) => same(Some(wanted), found.sha512),
        (None, None) => false,
    };
    let text = found.checkable().map_or_else(String::new, |digest| digest.to_string());
    Ok(if verdict { Presence::Verified } else { mismatch(text) })
}

/// What a copy came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CopyOutcome {
    /// The right content stands under the key, whoever wrote it.
    Verified,
    /// The source vanished or changed between the look and the copy.
    SourceGone,
    /// The key holds something else.
    Wrong {
        /// Its tag.
        etag: ETag,
        /// What it is.
        found: String,
    },
}

/// Copies and verifies. A condition that fails is not an error: the key is looked at, and what stands there counts.
pub(crate) async fn copy_verified(
    destination: &dyn Store,
    request: CopyRequest,
    content: &Content,
) -> Result<CopyOutcome, StoreError> {
    let key = request.key.clone();
    match destination.copy(request).await {
        Ok(copied) => {
            if let (Some(wanted), Some(found)) = (content.digests.sha256, copied.sha256) {
                return Ok(if wanted == found {
                    CopyOutcome::Verified
                } else {
                    CopyOutcome::Wrong { etag: copied.etag, found: found.to_string() }
                });
            }
            Ok(standing(look(destination, &key, content).await?))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(CopyOutcome::SourceGone),
        Err(error) if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::Conflict) => {
            Ok(standing(look(destination, &key, content).await?))
        }
        Err(error) => Err(error),
    }
}

/// What stands under a destination after a copy that did or did not take place.
fn standing(presence: Presence) -> CopyOutcome {
    match presence {
        Presence::Verified => CopyOutcome::Verified,
        Presence::Absent => CopyOutcome::SourceGone,
        Presence::Mismatch { etag, found } => CopyOutcome::Wrong { etag, found },
    }
}

/// Where a copy goes and under which condition.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) key: String,
    pub(crate) condition: WriteCondition,
    pub(crate) headers: ObjectHeaders,
}

/// What bringing an object from the master came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Brought {
    /// It is here, verified.
    Verified,
    /// The master does not hold it under any of the keys it could have: each with the tag seen there, and why.
    Missing {
        /// The keys, each with the tag seen there.
        seen: Vec<SeenKey>,
        /// Why, from the last key that held anything at all.
        reason: MissingReason,
    },
    /// The destination holds something else.
    Occupied {
        /// Its tag.
        etag: ETag,
        /// What it is.
        found: String,
    },
}

/// A place in the master where content may be found.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The key.
    pub(crate) key: String,
    /// What a listing told of it, so that it need not be looked at again.
    pub(crate) listed: Option<Listed>,
}

impl Place {
    pub(crate) fn unseen(key: String) -> Self {
        Self { key, listed: None }
    }

    async fn look(&self, master: &dyn Store) -> Result<Option<ObjectInfo>, StoreError> {
        match &self.listed {
            None => master.head(&self.key).await,
            Some(listed) => Ok(Some(ObjectInfo {
                etag: listed.etag.clone(),
                size: listed.size,
                sha256: None,
                version: None,
                last_modified: listed.last_modified,
            })),
        }
    }
}

/// Why this object of the master cannot be what the index asks for, where that is known without a copy.
fn known_mismatch(info: &ObjectInfo, content: &Content) -> Option<String> {
    if content.size.is_some_and(|size| size != info.size) {
        return Some(format!("{} bytes", info.size));
    }
    match (content.digests.sha256, info.sha256) {
        (Some(wanted), Some(found)) if wanted != found => Some(found.to_string()),
        _ => None,
    }
}

/// Looks whether the master holds content under one of these keys, as far as that shows without reading or copying.
pub(crate) async fn offered(master: &dyn Store, places: &[Place], content: &Content) -> Result<Brought, StoreError> {
    let mut absence = Absence::new(content);
    for place in places {
        match place.look(master).await? {
            None => absence.nothing_at(&place.key),
            Some(info) => match known_mismatch(&info, content) {
                Some(found) => absence.something_else_at(&place.key, &info, found),
                None => return Ok(Brought::Verified),
            },
        }
    }
    Ok(absence.into_missing())
}

/// What was seen on the way to not finding something.
struct Absence<'a> {
    content: &'a Content,
    seen: Vec<SeenKey>,
    reason: MissingReason,
}

impl<'a> Absence<'a> {
    fn new(content: &'a Content) -> Self {
        Self { content, seen: Vec::new(), reason: MissingReason::Absent }
    }

    fn nothing_at(&mut self, key: &str) {
        self.seen.push(SeenKey { key: key.to_owned(), tag: None });
    }

    fn something_else_at(&mut self, key: &str, info: &ObjectInfo, found: String) {
        self.reason = MissingReason::Mismatch { expected: self.content.describe(), found };
        self.seen.push(SeenKey { key: key.to_owned(), tag: Some(info.etag.as_str().to_owned()) });
    }

    fn into_missing(self) -> Brought {
        Brought::Missing { seen: self.seen, reason: self.reason }
    }
}

/// The copy of an object of the master, bound to what was seen of it.
pub(crate) fn copy_of(master: &dyn Store, key: &str, seen: &ObjectInfo, destination: &Destination) -> CopyRequest {
    CopyRequest {
        source: CopySource {
            bucket: master.bucket().to_owned(),
            key: key.to_owned(),
            version: seen.version.clone(),
            condition: SourceCondition::Matches(seen.etag.clone()),
            size: Some(seen.size),
        },
        key: destination.key.clone(),
        condition: destination.condition.clone(),
        headers: destination.headers.clone(),
    }
}

/// The copy of what stands under another key of the same bucket.
pub(crate) fn copy_within(store: &dyn Store, from: &str, size: Option<u64>, destination: Destination) -> CopyRequest {
    let Destination { key, condition, headers } = destination;
    CopyRequest {
        source: CopySource {
            bucket: store.bucket().to_owned(),
            key: from.to_owned(),
            version: None,
            condition: SourceCondition::Always,
            size,
        },
        key,
        condition,
        headers,
    }
}

/// Brings content from the first of `places` in the master that holds it.
///
/// The master's object is looked at before it is copied: its size is compared before any byte moves (a copy's answer
/// tells a digest but no size), and the copy is bound to what was seen.
pub(crate) async fn bring(
    master: &dyn Store,
    region: &dyn Store,
    places: &[Place],
    destination: &Destination,
    content: &Content,
) -> Result<Brought, StoreError> {
    let mut absence = Absence::new(content);
    for place in places {
        let Some(info) = place.look(master).await? else {
            absence.nothing_at(&place.key);
            continue;
        };
        if let Some(found) = known_mismatch(&info, content) {
            absence.something_else_at(&place.key, &info, found);
            continue;
        }
        let request = copy_of(master, &place.key, &info, destination);
        match copy_verified(region, request, content).await? {
            CopyOutcome::Verified => return Ok(Brought::Verified),
            CopyOutcome::SourceGone => absence.nothing_at(&place.key),
            // An unconditional copy is faithful, so it is the master that holds something else.
            CopyOutcome::Wrong { found, .. } if destination.condition == WriteCondition::Always => {
                absence.something_else_at(&place.key, &info, found);
            }
            CopyOutcome::Wrong { etag, found } => return Ok(Brought::Occupied { etag, found }),
        }
    }
    Ok(absence.into_missing())
}
