//! One look at the master and all Regions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::join_all;
use futures::{StreamExt, stream};
use serde::Serialize;
use suitecast_archive::{SuiteName, SuitePatterns};
use suitecast_engine::{Clock, looking};
use suitecast_lambda::clock::SystemClock;
use suitecast_store::Store;

use super::standing::{Standing, SuiteInRegion, SuiteRow, is_live_everywhere};
use crate::aws;
use crate::exit::{Exit, Failure};
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

/// The master's release of a suite, and how that stands in a Region.
type LookedAt = Result<(SeenRelease, SuiteInRegion), Failure>;

/// Messages that were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetters {
    /// Uploads that could not be copied.
    pub uploads: u64,
    /// Suites that could not be looked at.
    pub suites: u64,
}

/// What is said of a Region as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct RegionRow {
    /// Its name.
    pub region: String,
    /// Its bucket; empty where its stack could not be looked up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    /// The bucket that it mirrors; empty where its stack could not be looked up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub master: String,
    /// Its dead letters; `None` where there is no stack to name the queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,
    /// What could not be looked at there, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_known: Vec<NotKnown>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NotKnown {
    /// The suite; none where it is the Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<SuiteName>,
    /// Why.
    pub reason: String,
    /// How the program ends for it.
    #[serde(skip)]
    pub exit: Exit,
}

impl NotKnown {
    fn of(suite: Option<SuiteName>, failure: Failure) -> Self {
        Self { suite, reason: failure.message, exit: failure.exit }
    }
}

/// What was seen of a Region.
struct SeenRegion {
    dead_letters: Option<DeadLetters>,
    suites: Vec<(SuiteName, Option<SeenRelease>, SuiteInRegion)>,
    /// How suites stand that were not found: unless everything was listed, nobody knows.
    of_others: Standing,
    not_known: Vec<NotKnown>,
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

    /// Looks at everything here. What cannot be looked at does not keep the rest from being told.
    async fn look(&self, wanted: &SuitePatterns) -> SeenRegion {
        let (dead_letters, suites) = futures::future::join(self.dead_letters(), self.suites(wanted)).await;
        let mut seen = SeenRegion {
            dead_letters: None,
            suites: Vec::new(),
            of_others: Standing::NotMirrored,
            not_known: Vec::new(),
        };
        match dead_letters {
            Ok(letters) => seen.dead_letters = letters,
            Err(failure) => seen.not_known.push(NotKnown::of(None, failure)),
        }
        match suites {
            Ok(suites) => {
                for (suite, found) in suites {
                    match found {
                        Ok((master, standing)) => seen.suites.push((suite, Some(master), standing)),
                        Err(failure) => {
                            seen.suites.push((suite.clone(), None, SuiteInRegion::unknown(&self.region.name)));
                            seen.not_known.push(NotKnown::of(Some(suite), failure));
                        }
                    }
                }
            }
            Err(failure) => {
                seen.of_others = Standing::Unknown;
                seen.not_known.push(NotKnown::of(None, failure));
            }
        }
        seen
    }

    /// How every suite that `wanted` matches stands with the master's `Date` of it, or why that is not known.
    async fn suites(&self, wanted: &SuitePatterns) -> Result<Vec<(SuiteName, LookedAt)>, Failure> {
        let settings = &self.region.settings;
        let in_master = looking::suites_of(self.master.as_ref(), settings).await?;
        let here = looking::suites_of(self.bucket.as_ref(), settings).await?;
        let suites: BTreeSet<SuiteName> =
            in_master.into_iter().chain(here).filter(|suite| wanted.matches(suite)).collect();
        let (master, bucket) =
            (BucketReader::new(Arc::clone(&self.master)), BucketReader::new(Arc::clone(&self.bucket)));
        let (master, bucket) = (&master, &bucket);
        let looks = stream::iter(suites).map(|suite| async move {
            let look = async {
                // The state first: what is read later is newer, so that a swap in between reads as done and not as stuck.
                let state = looking::remembered(self.bucket.as_ref(), &suite).await?;
                let read = async |reader| read_release_files(reader, &suite).await.map_err(|(_, failure)| failure);
                let in_master = SeenRelease::of(&read(master).await?);
                let served = SeenRelease::of(&read(bucket).await?);
                let standing = SuiteInRegion::of(&self.region.name, &in_master, &served, &state, SystemClock.now());
                Ok::<_, Failure>((in_master, standing))
            };
            let found = look.await;
            (suite, found)
        });
        Ok(looks.buffered(SUITES_AT_ONCE).collect().await)
    }
}

/// A Region to look at, or why it could not be opened.
pub(crate) enum Opened {
    /// Its buckets are at hand.
    Open(Box<OpenRegion>),
    /// They are not, or are not known.
    Closed(RegionRow),
}

impl Opened {
    /// Opens the buckets of a Region that was found, as far as they can be.
    pub(crate) async fn of(shared: &SdkConfig, name: String, found: Result<Region, Failure>) -> Self {
        let mut row = RegionRow { region: name, ..RegionRow::default() };
        let opened = match found {
            Ok(region) => {
                (row.bucket, row.master) = (region.bucket.clone(), region.master.clone());
                OpenRegion::open(shared, region).await
            }
            Err(failure) => Err(failure),
        };
        opened.map_or_else(
            |failure| Self::Closed(RegionRow { not_known: vec![NotKnown::of(None, failure)], ..row }),
            |open| Self::Open(Box::new(open)),
        )
    }

    /// Whether its buckets are not at hand.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    fn row(&self) -> RegionRow {
        match self {
            Self::Open(open) => RegionRow {
                region: open.region.name.clone(),
                bucket: open.region.bucket.clone(),
                master: open.region.master.clone(),
                ..RegionRow::default()
            },
            Self::Closed(row) => row.clone(),
        }
    }

    async fn look(&self, wanted: &SuitePatterns) -> SeenRegion {
        match self {
            Self::Open(open) => open.look(wanted).await,
            Self::Closed(row) => SeenRegion {
                dead_letters: None,
                suites: Vec::new(),
                of_others: Standing::Unknown,
                not_known: row.not_known.clone(),
            },
        }
    }
}

/// Looks at everything once.
pub(crate) async fn look(regions: &[Opened], wanted: &SuitePatterns) -> Look {
    let looks = join_all(regions.iter().map(|region| region.look(wanted))).await;
    let mut rows: BTreeMap<SuiteName, SuiteRow> = BTreeMap::new();
    let mut region_rows = Vec::new();
    let mut of_others = Vec::new();
    for (opened, seen) in regions.iter().zip(looks) {
        let row = opened.row();
        of_others.push((row.region.clone(), seen.of_others));
        region_rows.push(RegionRow { dead_letters: seen.dead_letters, not_known: seen.not_known, ..row });
        for (suite, master, standing) in seen.suites {
            let row = rows.entry(suite.clone()).or_insert(SuiteRow { suite, master_date: None, regions: Vec::new() });
            row.master_date = row.master_date.max(master.and_then(|master| master.date));
            row.regions.push(standing);
        }
    }
    let mut suites: Vec<SuiteRow> = rows.into_values().collect();
    for row in &mut suites {
        row.regions = of_others.iter().map(|(region, of_others)| in_region(row, region, *of_others)).collect();
    }
    let is_all_known = region_rows.iter().all(|region| region.not_known.is_empty());
    Look { live_everywhere: is_all_known && is_live_everywhere(&suites), suites, regions: region_rows }
}

fn in_region(row: &SuiteRow, region: &str, of_others: Standing) -> SuiteInRegion {
    let found = row.regions.iter().find(|standing| standing.region == region);
    found.cloned().unwrap_or_else(|| match of_others {
        Standing::Unknown => SuiteInRegion::unknown(region),
        _ => SuiteInRegion::not_mirrored(region),
    })
}

impl Look {
    /// What could not be looked at, with the Region.
    pub(crate) fn not_known(&self) -> impl Iterator<Item = (&RegionRow, &NotKnown)> {
        self.regions.iter().flat_map(|region| region.not_known.iter().map(move |not_known| (region, not_known)))
    }

    /// The gravest end that something which could not be looked at asks for.
    pub(crate) fn worst(&self) -> Option<Exit> {
        self.not_known().map(|(_, not_known)| not_known.exit).max_by_key(|exit| exit.code())
    }
}
