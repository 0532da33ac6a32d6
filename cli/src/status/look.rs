//! One look at the master and all Regions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use suitecast_archive::{SuiteName, SuitePatterns};
use suitecast_engine::{Clock, looking};
use suitecast_lambda::clock::SystemClock;
use suitecast_store::Store;

use super::standing::{SuiteInRegion, SuiteRow, is_live_everywhere};
use crate::aws;
use crate::exit::Failure;
use crate::reader::{BucketReader, SeenRelease, read_release_files};
use crate::regions::Region;

/// Suites of a Region that are looked at side by side, at some ten requests each.
const SUITES_AT_ONCE: usize = 8;

/// A Region's buckets, opened once for all looks.
pub(crate) struct OpenRegion {
    /// What is known of it.
    pub region: Region,
    master: Arc<dyn Store>,
    bucket: Arc<dyn Store>,
    queues: aws_sdk_sqs::Client,
}

/// Messages that were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetters {
    /// Uploads that could not be copied.
    pub uploads: u64,
    /// Suites that could not be looked at.
    pub suites: u64,
}

/// What is said of a Region as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RegionRow {
    /// Its name.
    pub region: String,
    /// Its bucket.
    pub bucket: String,
    /// The bucket that it mirrors.
    pub master: String,
    /// Its dead letters; `None` where there is no stack to name the queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Look {
    /// The suites, by name.
    pub suites: Vec<SuiteRow>,
    /// The Regions, in the order in which they were named.
    pub regions: Vec<RegionRow>,
    /// Whether every Region serves what the master holds.
    pub live_everywhere: bool,
}

impl OpenRegion {
    /// Opens a Region's buckets.
    ///
    /// # Errors
    /// A bucket does not exist, or S3 cannot be reached.
    pub(crate) async fn open(shared: &SdkConfig, region: Region) -> Result<Self, Failure> {
        let config = aws_sdk_sqs::config::Builder::from(shared)
            .region(aws_config::Region::new(region.name.clone()))
            .timeout_config(aws::timeouts())
            .build();
        Ok(Self {
            master: region.master(shared).await?,
            bucket: region.bucket(shared).await?,
            queues: aws_sdk_sqs::Client::from_conf(config),
            region,
        })
    }

    async fn dead_letters(&self) -> Result<Option<DeadLetters>, Failure> {
        let Some(deployed) = &self.region.deployed else { return Ok(None) };
        Ok(Some(DeadLetters {
            uploads: self.depth(&deployed.uploads_dead_letters).await?,
            suites: self.depth(&deployed.suites_dead_letters).await?,
        }))
    }

    async fn depth(&self, queue: &str) -> Result<u64, Failure> {
        let depth = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self.queues.get_queue_attributes().queue_url(queue).attribute_names(depth.clone()).send().await;
        let answer = answer.map_err(|error| aws::failure(&format!("counting the messages of {queue}"), &error))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&depth)?.parse().ok());
        count.ok_or_else(|| Failure::temporary(format!("{queue} does not say how many messages it has")))
    }

    /// How every suite that `wanted` matches stands, and the master's `Date` of each.
    async fn suites(&self, wanted: &SuitePatterns) -> Result<Vec<(SuiteName, SeenRelease, SuiteInRegion)>, Failure> {
        let settings = &self.region.settings;
        let in_master = looking::suites_of(self.master.as_ref(), settings).await?;
        let here = looking::suites_of(self.bucket.as_ref(), settings).await?;
        let suites: BTreeSet<SuiteName> =
            in_master.into_iter().chain(here).filter(|suite| wanted.matches(suite)).collect();
        let (master, bucket) =
            (BucketReader::new(Arc::clone(&self.master)), BucketReader::new(Arc::clone(&self.bucket)));
        let (master, bucket) = (&master, &bucket);
        stream::iter(suites)
            .map(|suite| async move {
                // The state first: what is read later is newer, so that a swap in between reads as done and not as stuck.
                let state = looking::remembered(self.bucket.as_ref(), &suite).await?;
                let read = async |reader| read_release_files(reader, &suite).await.map_err(|(_, failure)| failure);
                let in_master = SeenRelease::of(&read(master).await?);
                let served = SeenRelease::of(&read(bucket).await?);
                let standing = SuiteInRegion::of(&self.region.name, &in_master, &served, &state, SystemClock.now());
                Ok::<_, Failure>((suite, in_master, standing))
            })
            .buffered(SUITES_AT_ONCE)
            .try_collect()
            .await
    }
}

/// Looks at everything once.
///
/// # Errors
/// Something could not be looked at.
pub(crate) async fn look(regions: &[OpenRegion], wanted: &SuitePatterns) -> Result<Look, Failure> {
    let looks = try_join_all(regions.iter().map(async |region| {
        let (dead_letters, suites) = futures::future::try_join(region.dead_letters(), region.suites(wanted)).await?;
        Ok::<_, Failure>((dead_letters, suites))
    }))
    .await?;
    let mut rows: BTreeMap<SuiteName, SuiteRow> = BTreeMap::new();
    let mut region_rows = Vec::new();
    for (OpenRegion { region, .. }, (dead_letters, suites)) in regions.iter().zip(looks) {
        region_rows.push(RegionRow {
            region: region.name.clone(),
            bucket: region.bucket.clone(),
            master: region.master.clone(),
            dead_letters,
        });
        for (suite, master, standing) in suites {
            let row = rows.entry(suite.clone()).or_insert(SuiteRow { suite, master_date: None, regions: Vec::new() });
            row.master_date = row.master_date.max(master.date);
            row.regions.push(standing);
        }
    }
    let mut suites: Vec<SuiteRow> = rows.into_values().collect();
    for row in &mut suites {
        row.regions = regions.iter().map(|open| in_region(row, &open.region.name)).collect();
    }
    Ok(Look { live_everywhere: is_live_everywhere(&suites), suites, regions: region_rows })
}

fn in_region(row: &SuiteRow, region: &str) -> SuiteInRegion {
    let found = row.regions.iter().find(|standing| standing.region == region);
    found.cloned().unwrap_or_else(|| SuiteInRegion::not_mirrored(region))
}
