//! What one key of a file comes to.

use suitecast_mirror::{MissingReason, SeenKey};
use suitecast_store::{ETag, StoreError, WriteCondition};

use crate::objects::{Brought, Content, Destination, Place, bring, offered};
use crate::run::Run;

/// What a key of a file came to.
pub(crate) enum Standing {
    /// It held the right bytes.
    Here,
    /// It holds them now.
    Brought,
    /// A dry run: nothing stands there, and what should can be had.
    WouldCopy,
    /// Nothing stands there, and the master does not hold what should.
    Missing {
        /// The keys of the master, each with the tag seen there.
        seen: Vec<SeenKey>,
        /// Why.
        reason: MissingReason,
    },
    /// Something else stands there.
    Occupied {
        /// Its tag.
        etag: ETag,
        /// What it is, for a person.
        found: String,
    },
}

/// Brings a file from the master to the same key here, where nothing stands; a dry run only looks whether it could.
pub(crate) async fn bring_or_offer(run: &Run<'_>, place: Place, content: &Content) -> Result<Standing, StoreError> {
    let (key, headers) = (place.key.clone(), run.headers(&place.key));
    let places = [place];
    let brought = if run.looks_only {
        match offered(run.master.as_ref(), &places, content).await? {
            Brought::Verified => return Ok(Standing::WouldCopy),
            other => other,
        }
    } else {
        let destination = Destination { key, condition: WriteCondition::Absent, headers };
        bring(run.master.as_ref(), run.region.as_ref(), &places, &destination, content).await?
    };
    Ok(match brought {
        Brought::Verified => Standing::Brought,
        Brought::Missing { seen, reason } => Standing::Missing { seen, reason },
        Brought::Occupied { etag, found } => Standing::Occupied { etag, found },
    })
}
