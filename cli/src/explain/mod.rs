//! `suitecast explain`: why a suite is not swapped, or who refers to an object.
//!
//! A suite is explained by the engine itself, as a dry run over stores that refuse to write ([`read_only`]); [`suite`] puts
//! its report into words. A key is looked for in the indices of all releases that count ([`key`]).

mod arguments;
mod key;
mod read_only;
mod suite;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use futures::future::try_join_all;
use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Clock, Ports, Settings, looking};
use suitecast_lambda::clock::SystemClock;
use suitecast_mirror::ReleaseSet;
use suitecast_store::Store;

use crate::clients;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::reader::{ArchiveReader, BucketReader, read_release_files, seen_by_apt};
use crate::regions::{self, Region};

pub(crate) use arguments::ExplainArguments;
use key::{Held, Holder, Reference, replaced_release};
use read_only::{Nobody, ReadOnly};
use suite::ExplainedSuite;

/// How long a look at a suite may take: nothing limits it here as Lambda limits publish, and somebody waits for it.
const SLICE: Duration = Duration::from_hours(1);

/// A Region's buckets, read only.
struct Opened {
    region: Region,
    master: Arc<dyn Store>,
    bucket: Arc<dyn Store>,
}

/// Runs the command.
pub(crate) async fn run(arguments: ExplainArguments, output: &Output) -> Result<Exit, Failure> {
    let shared = clients::shared_config().await?;
    let found = regions::find(&shared, &arguments.regions).await?;
    let opened = try_join_all(found.into_iter().map(|region| Opened::open(&shared, region))).await?;
    let mut suites = BTreeSet::new();
    for region in &opened {
        suites.extend(region.suites().await?.into_iter().filter(|suite| is_called(suite, &arguments.what)));
    }
    if suites.is_empty() {
        return explain_key(&opened, &arguments.what, output).await;
    }
    let mut explained = Vec::new();
    for suite in &suites {
        let looks = opened.iter().map(|region| region.explain(&shared, suite, arguments.full));
        for found in try_join_all(looks).await? {
            for line in found.lines() {
                output.line(line)?;
            }
            explained.push(found);
        }
    }
    output.json(&ExplainedSuites { suites: explained })?;
    Ok(Exit::Done)
}

/// Whether a suite goes by this name: its path in the bucket, or the last part of it.
fn is_called(suite: &SuiteName, name: &str) -> bool {
    let name = name.trim_end_matches('/');
    suite.as_str() == name || !name.contains('/') && suite.as_str().ends_with(&format!("/{name}"))
}

#[derive(Serialize)]
struct ExplainedSuites {
    suites: Vec<ExplainedSuite>,
}

/// What there is to say of a key.
#[derive(Serialize)]
struct ExplainedKey<'a> {
    key: &'a str,
    objects: Vec<FoundObject>,
    references: Vec<Reference>,
}

/// The object in one bucket.
#[derive(Serialize)]
struct FoundObject {
    bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// In bytes; none where it is not there.
    size: Option<u64>,
}

async fn explain_key(opened: &[Opened], key: &str, output: &Output) -> Result<Exit, Failure> {
    let mut objects: Vec<FoundObject> = Vec::new();
    let mut references = Vec::new();
    for region in opened {
        for (store, name) in [(&region.master, None), (&region.bucket, Some(region.region.name.clone()))] {
            if objects.iter().all(|object| object.bucket != store.bucket()) {
                let size = store.head(key).await?.map(|info| info.size);
                objects.push(FoundObject { bucket: store.bucket().to_owned(), region: name, size });
            }
        }
        references.extend(region.references(key).await?);
    }
    references.sort();
    references.dedup();
    output.line(key)?;
    for object in &objects {
        let place =
            object.region.as_deref().map_or("the master".to_owned(), |region| format!("{region} ({})", object.bucket));
        let size = object.size.map_or("not there".to_owned(), |size| format!("{size} bytes"));
        output.line(format_args!("  in {place}: {size}"))?;
    }
    for reference in &references {
        output.line(format_args!("  {}", reference.line()))?;
    }
    if references.is_empty() {
        if objects.iter().all(|object| object.size.is_none()) {
            output.line("  there is no suite of that name, in the master or in a Region")?;
        }
        output.line("  no release names it: neither one that the master holds nor one that a Region serves")?;
    }
    let exit = if references.is_empty() { Exit::Wrong } else { Exit::Done };
    output.json(&ExplainedKey { key, objects, references })?;
    Ok(exit)
}

impl Opened {
    async fn open(shared: &SdkConfig, region: Region) -> Result<Self, Failure> {
        let master: Arc<dyn Store> = Arc::new(ReadOnly(region.master(shared).await?));
        let bucket: Arc<dyn Store> = Arc::new(ReadOnly(region.bucket(shared).await?));
        Ok(Self { region, master, bucket })
    }

    /// The suites of the master and of the Region.
    async fn suites(&self) -> Result<BTreeSet<SuiteName>, Failure> {
        let mut suites = looking::suites_of(self.master.as_ref(), &self.region.settings).await?;
        suites.extend(looking::suites_of(self.bucket.as_ref(), &self.region.settings).await?);
        Ok(suites)
    }

    /// Lets the engine look at a suite.
    async fn explain(&self, shared: &SdkConfig, suite: &SuiteName, full: bool) -> Result<ExplainedSuite, Failure> {
        let ports = Ports {
            master: Arc::clone(&self.master),
            region: Arc::clone(&self.bucket),
            queue: Arc::new(Nobody),
            clock: Arc::new(SystemClock),
        };
        let keyring = self.region.keyring(shared, SystemClock.now()).await?;
        let settings = Settings { keyring, slice: SLICE, ..self.region.settings.clone() };
        let request = PublishRequest { dry_run: true, full, ..PublishRequest::new(suite.clone()) };
        let report = publish::run(&ports, &settings, &request).await?;
        Ok(ExplainedSuite::of(&self.region.name, report))
    }

    /// Who refers to a key: the master's releases, those that are served here, and those that were within the grace.
    async fn references(&self, key: &str) -> Result<Vec<Reference>, Failure> {
        let (master, bucket) =
            (BucketReader::new(Arc::clone(&self.master)), BucketReader::new(Arc::clone(&self.bucket)));
        let mut references = Vec::new();
        for suite in self.suites().await? {
            let Some(archive) = self.region.settings.archives.archive_of(&suite) else { continue };
            let holder = |reader, held| Holder {
                reader,
                archive,
                scope: &self.region.settings.scope,
                suite: &suite,
                held,
                region: (held != Held::Master).then_some(self.region.name.as_str()),
            };
            if let Some(release) = release_of(&master, &suite).await? {
                references.extend(holder(&master, Held::Master).references(&release, key).await?);
            }
            let live = release_of(&bucket, &suite).await?;
            let seen = live.as_ref().and_then(|live| live.identity.commit_digest());
            if let Some(release) = &live {
                references.extend(holder(&bucket, Held::Live).references(release, key).await?);
            }
            let state = looking::remembered(self.bucket.as_ref(), &suite).await?;
            for commit in state.protected(SystemClock.now()).filter(|commit| Some(*commit) != seen) {
                if let Some(release) = replaced_release(&bucket, &suite, &commit).await? {
                    references.extend(holder(&bucket, Held::Replaced).references(&release, key).await?);
                }
            }
        }
        Ok(references)
    }
}

/// The release of a suite in a bucket, as clients go by it: `InRelease` where there is one. Files that are none count as
/// nothing.
async fn release_of(reader: &dyn ArchiveReader, suite: &SuiteName) -> Result<Option<ReleaseSet>, Failure> {
    let files = read_release_files(reader, suite).await.map_err(|(_, failure)| failure)?;
    Ok(ReleaseSet::read(seen_by_apt(files), None).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_suite_goes_by_its_path_and_by_its_last_part() {
        let suite = SuiteName::parse("debian/dists/bookworm").unwrap();
        for name in ["debian/dists/bookworm", "debian/dists/bookworm/", "bookworm"] {
            assert!(is_called(&suite, name), "{name}");
        }
        for name in ["dists/bookworm", "worm", "bookworm-updates", "pool/main/h/hello_1_all.deb"] {
            assert!(!is_called(&suite, name), "{name}");
        }
    }
}
