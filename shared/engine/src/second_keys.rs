//! Files under their further keys, for clients whose requests S3 takes for these ([`SecondKeys`]).
//!
//! They are copies of what stands under the first key, made within the Region: nothing crosses between Regions twice. A release
//! is whole only when they are here and verified like the first.
//!
//! [`SecondKeys`]: suitecast_archive::SecondKeys

use suitecast_store::{ErrorKind, Operation, StoreError, WriteCondition};

use crate::key_standing::KeyStanding;
use crate::objects::{Brought, Content, CopyOutcome, Destination, Presence, copy_verified, copy_within, look};
use crate::run::Run;

/// The first key of a file.
pub(crate) struct FirstKey<'a> {
    key: &'a str,
    content: &'a Content,
    /// Whether it was brought just now: then the others are likely absent as well, and are not looked at first.
    is_new: bool,
}

impl<'a> FirstKey<'a> {
    /// The key that a file is named by, after it was looked at.
    pub(crate) fn new(key: &'a str, content: &'a Content, standing: &KeyStanding) -> Self {
        let is_new = matches!(standing, KeyStanding::WouldCopy | KeyStanding::Brought(Brought::Verified));
        Self { key, content, is_new }
    }
}

/// Sees to it that a further key holds what the first does. Where that is not what the file should be, both are occupied: they
/// hold what clients of the live release may want, and change together or not at all.
pub(crate) async fn keep(run: &Run<'_>, first: &FirstKey<'_>, second: &str) -> Result<KeyStanding, StoreError> {
    let region = run.region.as_ref();
    if !first.is_new {
        match look(region, second, first.content).await? {
            Presence::Verified => return Ok(KeyStanding::Here),
            Presence::Mismatch { etag, found } => return Ok(KeyStanding::Brought(Brought::Occupied { etag, found })),
            Presence::Absent => {}
        }
    }
    if run.looks_only {
        return Ok(KeyStanding::WouldCopy);
    }
    let (key, headers) = (second.to_owned(), run.headers(first.key));
    let destination = Destination { key, condition: WriteCondition::Absent, headers };
    let request = copy_within(region, first.key, first.content.size, destination);
    Ok(KeyStanding::Brought(match copy_verified(region, request, first.content).await? {
        CopyOutcome::Verified => Brought::Verified,
        CopyOutcome::Wrong { etag, found } => Brought::Occupied { etag, found },
        CopyOutcome::SourceGone => {
            return Err(StoreError {
                operation: Operation::Copy,
                bucket: region.bucket().to_owned(),
                key: second.to_owned(),
                kind: ErrorKind::Conflict,
                detail: format!("somebody removed {} while it was being copied; the next run looks again", first.key),
                source: None,
            });
        }
    }))
}
