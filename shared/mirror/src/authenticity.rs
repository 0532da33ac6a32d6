//! Whether a release was signed by whom the operator trusts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use suitecast_archive::ClearSigned;
use suitecast_signature::{Keyring, SignatureError};

use crate::release_set::{ReleaseSet, with_causes};

/// What an answer says of the signature of the release that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authenticity {
    /// No keyring is set: nothing was verified.
    NotChecked,
    /// A keyring is set, and the run did not come to look at a signature: nothing was there, or another run is at work.
    NotReached,
    /// Signed by a key of the keyring, by the rules of the signature crate.
    Verified,
    /// Not so; the reason is in the answer.
    Rejected,
}

/// Why a release is not taken for authentic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Files of two generations would look like this: an upload under way, or a botched one.
    MayBeMixed(String),
    /// No file that is still to come changes it.
    Rejected(String),
}

/// Verifies every signature that a client may rely on: that of `InRelease`, and that of `Release.gpg` over `Release`.
/// `Release` without `Release.gpg` is vouched for by an `InRelease` of the same text, and by nothing else.
pub(crate) fn authenticate(set: &ReleaseSet, keyring: &Keyring, now: Timestamp) -> Result<(), Doubt> {
    let in_release = &set.files.in_release;
    if let Some(bytes) = in_release {
        // One object, written at once: whatever is wrong with it is not mended by another file.
        let rejected = |error: &dyn std::error::Error| Doubt::Rejected(format!("InRelease: {}", with_causes(error)));
        let file = ClearSigned::parse(bytes).map_err(|error| rejected(&error))?;
        keyring.verify_clear_signed(&file, now).map_err(|error| rejected(&error))?;
    }
    match (&set.files.release, &set.files.release_gpg) {
        (Some(release), Some(signature)) => {
            keyring.verify_detached(release, signature, now).map(|_| ()).map_err(|error| of_detached(&error))
        }
        (Some(_), None) if in_release.is_none() => {
            Err(Doubt::MayBeMixed("Release is not signed: there is neither an InRelease nor a Release.gpg".into()))
        }
        _ => Ok(()),
    }
}

/// The same as a plain answer, for a release that was authentic when it was kept: the keyring may have changed since.
pub fn is_authentic(set: &ReleaseSet, keyring: Option<&Keyring>, now: Timestamp) -> bool {
    keyring.is_none_or(|keyring| authenticate(set, keyring, now).is_ok())
}

fn of_detached(error: &SignatureError) -> Doubt {
    let rule = format!("Release.gpg: {}", with_causes(error));
    if error.is_of_another_text() { Doubt::MayBeMixed(rule) } else { Doubt::Rejected(rule) }
}
