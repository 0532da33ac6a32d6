//! Finding the suites of the master.

use std::collections::BTreeMap;

use suitecast_archive::{Archive, KeyClass, Layout, ReleaseFile, SuiteName};
use suitecast_mirror::ReleaseTags;
use suitecast_store::{Store, StoreError};

use crate::Settings;
use crate::concurrent::try_map;
use crate::limits::MAX_SUITE_DEPTH;
use crate::listing::list_all;
use crate::release_io::set_tag;

/// What the master holds under its `dists/` directories.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The suites, with the tags of their release files.
    pub(crate) suites: BTreeMap<SuiteName, ReleaseTags>,
    /// Key prefixes of trees that no release lists.
    pub(crate) trees: Vec<String>,
}

/// Walks the `dists/` directories of every archive with folded listings; the pool is never listed.
pub(crate) async fn find(master: &dyn Store, settings: &Settings) -> Result<Found, StoreError> {
    let mut found = Found::default();
    for archive in settings.archives.iter() {
        match archive.layout {
            Layout::Flat => {
                look_at_directory(master, settings, &archive.prefix, &mut found).await?;
            }
            Layout::Standard => walk(master, settings, archive, &mut found).await?,
        }
    }
    found.suites.retain(|suite, _| settings.suites.matches(suite));
    Ok(found)
}

async fn walk(master: &dyn Store, settings: &Settings, archive: &Archive, found: &mut Found) -> Result<(), StoreError> {
    let mut level = vec![format!("{}dists/", archive.prefix)];
    for _ in 0..MAX_SUITE_DEPTH {
        let listings = try_map(&level, settings.copy_concurrency.get(), async |directory: &String| {
            list_all(master, directory, true).await
        })
        .await?;
        let mut next = Vec::new();
        for listing in listings {
            record(settings, &listing, found);
            for prefix in listing.prefixes {
                match kind_of_directory(settings, &prefix) {
                    Directory::Tree => found.trees.push(prefix),
                    Directory::Indices => {}
                    Directory::MayHoldMore => next.push(prefix),
                }
            }
        }
        level = next;
    }
    Ok(())
}

async fn look_at_directory(
    master: &dyn Store,
    settings: &Settings,
    directory: &str,
    found: &mut Found,
) -> Result<(), StoreError> {
    let listing = list_all(master, directory, true).await?;
    record(settings, &listing, found);
    Ok(())
}

fn record(settings: &Settings, listing: &crate::listing::Listing, found: &mut Found) {
    for listed in &listing.objects {
        if let KeyClass::ReleaseFile { suite, file } = settings.archives.classify(&listed.key, &settings.unlisted) {
            let tags = found.suites.entry(suite).or_default();
            let file: ReleaseFile = file;
            set_tag(tags, file, Some(listed.etag.as_str().to_owned()));
        }
    }
}

enum Directory {
    /// A tree that no release lists.
    Tree,
    /// Indices and nothing below them that matters here.
    Indices,
    /// A suite, a component, or something above these.
    MayHoldMore,
}

fn kind_of_directory(settings: &Settings, prefix: &str) -> Directory {
    let name = prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if settings.unlisted.matches_directory(name) {
        return Directory::Tree;
    }
    let holds_indices = name.starts_with("binary-")
        || name.strip_suffix(".diff").is_some()
        || matches!(name, "by-hash" | "source" | "i18n" | "dep11" | "cnf" | "debian-installer");
    if holds_indices { Directory::Indices } else { Directory::MayHoldMore }
}
