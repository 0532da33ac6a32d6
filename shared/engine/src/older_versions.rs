//! Older versions of an index in the master: what stood under its plain name before the next generation took it over.
//!
//! A release that waits may outlive its indices' plain names, and without by-hash names nothing else leads to them. The
//! master's bucket keeps versions, so they are found behind the plain name and told apart by size and digest.

use suitecast_archive::Variant;
use suitecast_mirror::SeenKey;
use suitecast_store::{ObjectInfo, StoreError};

use crate::index_files::{Standing, VersionedKey, content_of, place_staged, staging, suite_key};
use crate::limits::MAX_VERSIONS_LOOKED_THROUGH;
use crate::objects::{CopyOutcome, Presence, compare, copy_of, copy_verified};
use crate::run::Run;

/// Brings a variant under its by-hash names from an older version of its plain name. `None`: there is none that holds it,
/// or the versions may not be listed. `seen` is what was seen under the names it could have, and is not looked at again.
///
/// Each candidate is verified under a private key first, so that a guess never stands under a by-hash name.
pub(crate) async fn fetch(run: &Run<'_>, variant: &Variant, seen: &[SeenKey]) -> Result<Option<Standing>, StoreError> {
    let key = suite_key(run, &variant.path);
    let content = content_of(variant);
    let Some((by_hash, _)) = variant.by_hash_names().into_iter().next() else { return Ok(None) };
    let destination = staging(run, &suite_key(run, &by_hash), &content);
    let mut staged_in_vain = false;
    for version in candidates(run, &key, variant.entry.size, seen).await? {
        if run.looks_only {
            if compare(run.master.as_ref(), &key, &version, &content).await? == Presence::Verified {
                return Ok(Some(Standing::InMaster(VersionedKey { key, version: version.version })));
            }
            continue;
        }
        let request = copy_of(run.master.as_ref(), &key, &version, &destination);
        if copy_verified(run.region.as_ref(), request, &content).await? == CopyOutcome::Verified {
            place_staged(run, variant).await?;
            tracing::info!(key, version = ?version.version, "taken from an older version of the master's index");
            return Ok(Some(Standing::Here));
        }
        staged_in_vain = true;
    }
    if staged_in_vain {
        run.region.delete(&destination.key).await?;
    }
    Ok(None)
}

/// The versions of a key that may hold what is looked for: of the right size, each content once, the newest first.
async fn candidates(run: &Run<'_>, key: &str, size: u64, seen: &[SeenKey]) -> Result<Vec<ObjectInfo>, StoreError> {
    let versions = match run.master.versions(key, MAX_VERSIONS_LOOKED_THROUGH).await {
        Ok(versions) => versions,
        Err(error) if error.is_retryable() => return Err(error),
        // A master without the right to list versions, or without versions, has the newest only: that is known.
        Err(error) => {
            tracing::warn!(key, %error, "older versions of an index cannot be listed; it is waited for");
            return Ok(Vec::new());
        }
    };
    let mut looked_at: Vec<&str> =
        seen.iter().filter(|seen| seen.key == key).filter_map(|seen| seen.tag.as_deref()).collect();
    let mut candidates = Vec::new();
    for version in versions.iter().filter(|version| version.size == size) {
        if !looked_at.contains(&version.etag.as_str()) {
            looked_at.push(version.etag.as_str());
            candidates.push(version.clone());
        }
    }
    Ok(candidates)
}
