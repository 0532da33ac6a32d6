//! Trees under `dists/` that no release lists (Ubuntu's installers and signed boot files): mirrored by name.
//!
//! No index vouches for them, so all there is to go by is what the master holds: absent files are copied, and files
//! whose size differs or that the master took later are copied again, a checksum file after the files it names. A tree
//! whose checksum files a release does list, inside the scope (Debian's installers), belongs to that release: publish
//! overwrites it, in step with the swap, and only absent files are copied here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use suitecast_archive::{KeyClass, SuiteName, index_groups};
use suitecast_store::{CopyRequest, CopySource, ErrorKind, Listed, SourceCondition, Store, StoreError, WriteCondition};

use crate::Settings;
use crate::concurrent::try_map;
use crate::listing::list_all;
use crate::release_io::look_at_live;
use crate::run::object_headers;
use crate::suites::Found;

/// What mirroring the trees came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TreesReport {
    /// Objects copied.
    pub(crate) copied: u64,
}

/// Mirrors all trees that were found in the master.
pub(crate) async fn mirror(
    master: &Arc<dyn Store>,
    region: &Arc<dyn Store>,
    settings: &Settings,
    found: &Found,
) -> Result<TreesReport, StoreError> {
    let mut report = TreesReport::default();
    for tree in &found.trees {
        // The innermost: a flat archive at the bucket's root holds every key.
        let holders = found.suites.keys().filter(|suite| tree.starts_with(&suite.directory_key_prefix()));
        let suite = holders.max_by_key(|suite| suite.directory_key_prefix().len());
        let Some(suite) = suite else { continue };
        let there = list_all(master.as_ref(), tree, false).await?;
        let here = list_all(region.as_ref(), tree, false).await?;
        let here: HashMap<&str, &Listed> = here.objects.iter().map(|listed| (listed.key.as_str(), listed)).collect();
        let mut todo: Vec<(&Listed, String, WriteCondition)> = Vec::new();
        let mut is_of_release = None;
        for (listed, key) in keys_of(settings, &there.objects) {
            match here.get(key.as_str()) {
                None => todo.push((listed, key, WriteCondition::Absent)),
                Some(standing) if is_newer(listed, standing) => {
                    let belongs = match is_of_release {
                        Some(known) => known,
                        None => is_published(region.as_ref(), settings, suite, tree).await?,
                    };
                    is_of_release = Some(belongs);
                    if !belongs {
                        todo.push((listed, key, WriteCondition::Matches(standing.etag.clone())));
                    }
                }
                Some(_) => {}
            }
        }
        for checksum_lists in [false, true] {
            let step = todo.iter().filter(|(listed, ..)| is_checksum_list(settings, &listed.key) == checksum_lists);
            let copied = try_map(step, settings.copy_concurrency.get(), async |(listed, key, condition)| {
                copy(master.as_ref(), region.as_ref(), settings, listed, key, condition.clone()).await
            })
            .await?;
            report.copied += copied.into_iter().map(u64::from).sum::<u64>();
        }
    }
    Ok(report)
}

/// What a tree is mirrored to: each object with its key here, second keys after all first ones. Names by hash are publish's.
fn keys_of<'a>(settings: &Settings, objects: &'a [Listed]) -> Vec<(&'a Listed, String)> {
    let taken: HashSet<&str> = objects.iter().map(|listed| listed.key.as_str()).collect();
    let by_name: Vec<&Listed> = objects.iter().filter(|listed| !is_by_hash(settings, &listed.key)).collect();
    let second = by_name.iter().filter_map(|listed| Some((*listed, settings.scope.second_keys.of_key(&listed.key)?)));
    // One that the master holds itself is not taken for another's second key.
    let second = second.filter(|(_, key)| !taken.contains(key.as_str()));
    by_name.iter().map(|listed| (*listed, listed.key.clone())).chain(second).collect()
}

fn is_newer(there: &Listed, here: &Listed) -> bool {
    there.size != here.size || there.last_modified > here.last_modified
}

fn is_checksum_list(settings: &Settings, key: &str) -> bool {
    matches!(settings.archives.classify(key, &settings.unlisted), KeyClass::Unlisted { is_checksum_list: true })
}

/// Whether a key says what it holds. Where a release lists that, clients are led there, so only publish, which verifies, brings it.
fn is_by_hash(settings: &Settings, key: &str) -> bool {
    matches!(settings.archives.classify(key, &settings.unlisted), KeyClass::ByHash { .. })
}

/// Whether the live release lists a file of the tree inside the scope, so that the tree is publish's.
async fn is_published(
    region: &dyn Store,
    settings: &Settings,
    suite: &SuiteName,
    tree: &str,
) -> Result<bool, StoreError> {
    let live = look_at_live(region, suite).await?;
    let Some(set) = live.set else { return Ok(false) };
    let directory = tree.strip_prefix(&suite.directory_key_prefix()).unwrap_or(tree);
    let groups = index_groups(&set.release, &settings.scope);
    Ok(groups.iter().flat_map(|group| &group.variants).any(|variant| variant.path.as_str().starts_with(directory)))
}

/// Copies one file; whether it did. What changed meanwhile is found by the next sweep.
async fn copy(
    master: &dyn Store,
    region: &dyn Store,
    settings: &Settings,
    listed: &Listed,
    key: &str,
    condition: WriteCondition,
) -> Result<bool, StoreError> {
    let request = CopyRequest {
        source: CopySource {
            bucket: master.bucket().to_owned(),
            key: listed.key.clone(),
            version: None,
            condition: SourceCondition::Matches(listed.etag.clone()),
            size: Some(listed.size),
        },
        key: key.to_owned(),
        condition,
        headers: object_headers(settings, &listed.key),
    };
    match region.copy(request).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
