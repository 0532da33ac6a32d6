//! Files under their further keys, for clients whose requests S3 takes for these ([`SecondKeys`]).
//!
//! They are copies of what stands under the first key, made within the Region: nothing crosses between Regions twice. A release
//! is whole only when they are here and verified like the first.
//!
//! [`SecondKeys`]: suitecast_archive::SecondKeys

use suitecast_store::{
    CopyRequest, CopySource, ErrorKind, ObjectHeaders, Operation, SourceCondition, Store, StoreError, WriteCondition,
};

use crate::objects::{Content, CopyOutcome, Presence, copy_verified, look};
use crate::run::Run;
use crate::standing::Standing;

/// The first key of a file.
pub(crate) struct FirstKey<'a> {
    key: &'a str,
    content: &'a Content,
    /// Whether it was brought just now: then the others are likely absent as well, and are not looked at first.
    is_new: bool,
}

impl<'a> FirstKey<'a> {
    /// The key that a file is named by, after it was looked at.
    pub(crate) fn new(key: &'a str, content: &'a Content, standing: &Standing) -> Self {
        Self { key, content, is_new: matches!(standing, Standing::Brought | Standing::WouldCopy) }
    }
}

/// Sees to it that a further key holds what the first does. Where that is not what the file should be, both are occupied: they
/// hold what clients of the live release may want, and change together or not at all.
pub(crate) async fn keep(run: &Run<'_>, first: &FirstKey<'_>, second: &str) -> Result<Standing, StoreError> {
    let region = run.region.as_ref();
    if !first.is_new {
        match look(region, second, first.content).await? {
            Presence::Verified => return Ok(Standing::Here),
            Presence::Mismatch { etag, found } => return Ok(Standing::Occupied { etag, found }),
            Presence::Absent => {}
        }
    }
    if run.looks_only {
        return Ok(Standing::WouldCopy);
    }
    let request = copy_of_first(region, first.key, second, first.content.size, run.headers(first.key));
    match copy_verified(region, request, first.content).await? {
        CopyOutcome::Verified => Ok(Standing::Brought),
        CopyOutcome::Wrong { etag, found } => Ok(Standing::Occupied { etag, found }),
        CopyOutcome::SourceGone => Err(StoreError {
            operation: Operation::Copy,
            bucket: region.bucket().to_owned(),
            key: second.to_owned(),
            kind: ErrorKind::Conflict,
            detail: format!("somebody removed {} while it was being copied; the next run looks again", first.key),
            source: None,
        }),
    }
}

/// The copy of what stands under the first key to a further one, if nothing stands there.
pub(crate) fn copy_of_first(
    region: &dyn Store,
    first: &str,
    second: &str,
    size: Option<u64>,
    headers: ObjectHeaders,
) -> CopyRequest {
    CopyRequest {
        source: CopySource {
            bucket: region.bucket().to_owned(),
            key: first.to_owned(),
            version: None,
            condition: SourceCondition::Always,
            size,
        },
        key: second.to_owned(),
        condition: WriteCondition::Absent,
        headers,
    }
}
