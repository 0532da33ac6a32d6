//! What one key of a file comes to.

use suitecast_store::{StoreError, WriteCondition};

use crate::objects::{Brought, Content, Destination, Place, bring, offered};
use crate::run::Run;

/// What a key of a file came to.
pub(crate) enum KeyStanding {
    /// It held the right bytes.
    Here,
    /// A dry run: nothing stands there, and what should can be had.
    WouldCopy,
    /// It did not hold them, and this is what bringing them came to.
    Brought(Brought),
}

/// Brings a file from the master to the same key here, where nothing stands; a dry run only looks whether it could.
pub(crate) async fn bring_or_offer(run: &Run<'_>, place: Place, content: &Content) -> Result<KeyStanding, StoreError> {
    let (key, headers) = (place.key.clone(), run.headers(&place.key));
    let places = [place];
    if run.looks_only {
        return Ok(match offered(run.master.as_ref(), &places, content).await? {
            Brought::Verified => KeyStanding::WouldCopy,
            other => KeyStanding::Brought(other),
        });
    }
    let destination = Destination { key, condition: WriteCondition::Absent, headers };
    bring(run.master.as_ref(), run.region.as_ref(), &places, &destination, content).await.map(KeyStanding::Brought)
}
