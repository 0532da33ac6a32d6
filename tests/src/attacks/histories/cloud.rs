//! A master and one or two Regions, each with its own queues: what histories play in.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use jiff::Timestamp;
use suitecast_archive::{Archives, Scope, Strictness};
use suitecast_engine::replicate::Upload;
use suitecast_engine::{Clock, Ports, Settings};
use suitecast_store::Store;
use suitecast_testing::client_model::Scope as ClientScope;
use suitecast_testing::strict::BucketSettings;
use suitecast_testing::{Faults, FaultyStore, ManualClock, Random, StrictS3};

use super::archives::{ARCHIVES, ArchiveSet};
use super::lookout::{Lookout, Memory};
use crate::world::{MASTER, MemoryQueue, default_settings};

/// The Regions' buckets.
const REGIONS: [(&str, &str); 2] =
    [("eu-west-1.archive.example.com", "eu-west-1"), ("ap-south-1.archive.example.com", "ap-south-1")];

/// The part of every suite that a Region mirrors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    Everything,
    /// The component main.
    Main,
    /// The architecture amd64, without sources.
    Amd64,
    /// Both limits.
    MainAmd64,
    /// All of it, one form of each index.
    Relaxed,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 5] = [Self::Everything, Self::Main, Self::Amd64, Self::MainAmd64, Self::Relaxed];

    fn components(self) -> Option<Vec<String>> {
        matches!(self, Self::Main | Self::MainAmd64).then(|| vec!["main".to_owned()])
    }

    fn architectures(self) -> Option<Vec<String>> {
        matches!(self, Self::Amd64 | Self::MainAmd64).then(|| vec!["amd64".to_owned()])
    }

    /// As the operator sets it.
    pub fn scope(self) -> Scope {
        let strictness = if self == Self::Relaxed { Strictness::Relaxed } else { Strictness::Strict };
        Scope { components: self.components(), architectures: self.architectures(), strictness, ..Scope::everything() }
    }

    /// As a client of the mirror expects it.
    pub fn client_scope(self) -> ClientScope {
        let relaxed = self == Self::Relaxed;
        ClientScope {
            components: self.components(),
            architectures: self.architectures(),
            relaxed,
            ..ClientScope::default()
        }
    }
}

struct TestClock(ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// One Region.
pub struct Region {
    /// Its bucket.
    pub bucket: &'static str,
    /// The ports of its functions.
    pub ports: Ports,
    /// What its operator set.
    pub settings: Settings,
    /// The suites queue.
    pub queue: MemoryQueue,
    /// What fails.
    pub faults: Faults,
    /// Notifications under way.
    pub under_way: Vec<Upload>,
    /// Who watches what it serves.
    pub lookout: Lookout,
}

impl Region {
    fn new(
        bucket: &'static str,
        settings: Settings,
        lookout: Lookout,
        faults: Faults,
        s3: &StrictS3,
        clock: &ManualClock,
    ) -> Self {
        let queue = MemoryQueue::default();
        let ports = Ports {
            master: Arc::new(s3.bucket(MASTER)),
            region: Arc::new(FaultyStore::new(Arc::new(s3.bucket(bucket)) as Arc<dyn Store>, &faults)),
            queue: Arc::new(queue.clone()),
            clock: Arc::new(TestClock(clock.clone())),
        };
        Self { bucket, ports, settings, queue, faults, under_way: Vec::new(), lookout }
    }
}

/// What befalls one notification on its way to one Region.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    /// Of a hundred, so many never arrive.
    pub lost_percent: u8,
    /// Of a hundred, so many arrive twice.
    pub doubled_percent: u8,
}

/// A master and its Regions.
pub struct Cloud {
    /// The buckets.
    pub s3: StrictS3,
    /// The time.
    pub clock: ManualClock,
    /// The Regions.
    pub regions: Vec<Region>,
}

/// What every Region is set to but for its scope.
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings {
    archives: Archives::parse(ARCHIVES).unwrap_or_else(|error| unreachable!("{error}")),
    copy_concurrency: NonZeroUsize::MIN.saturating_add(3),
    ..default_settings()
});

impl Cloud {
    /// An empty master and empty Regions, watched from the beginning.
    pub fn new(set: &ArchiveSet, regions: usize, part: Part, memory: &Memory) -> Self {
        let clock = ManualClock::default();
        let for_s3 = clock.clone();
        let s3 = StrictS3::new(move || for_s3.now());
        // Events are made here and not by the bucket: how they are encoded is for other tests.
        s3.create_bucket(MASTER, BucketSettings { versioned: true, ..BucketSettings::in_region("us-east-1") });
        let settings = Settings { scope: part.scope(), ..SETTINGS.clone() };
        let regions = REGIONS.iter().take(regions).map(|&(bucket, region)| {
            s3.create_bucket(bucket, BucketSettings::in_region(region).readable_except(".suitecast/"));
            let faults = Faults::none();
            let lookout = Lookout::over(&s3, bucket, &faults, set, part, memory);
            Region::new(bucket, settings.clone(), lookout, faults, &s3, &clock)
        });
        let regions = regions.collect();
        Self { s3, clock, regions }
    }

    /// The same, from here on apart. What is under way, messages and faults are not taken along.
    #[must_use]
    pub fn fork(&self) -> Self {
        let clock = ManualClock::at(self.clock.now());
        let for_s3 = clock.clone();
        let s3 = self.s3.fork(move || for_s3.now());
        let fork = |region: &Region| {
            let faults = Faults::none();
            let lookout = region.lookout.fork(&s3, &faults);
            Region::new(region.bucket, region.settings.clone(), lookout, faults, &s3, &clock)
        };
        let regions = self.regions.iter().map(fork).collect();
        Self { s3, clock, regions }
    }

    /// Uploads a key to the master, and sends each Region its notification.
    ///
    /// # Panics
    /// When the strict S3 refuses.
    pub fn upload(&mut self, key: &str, bytes: Bytes, fate: Fate, random: &mut Random) {
        let size = u64::try_from(bytes.len()).ok();
        self.s3.plant(MASTER, key, bytes).unwrap();
        for region in &mut self.regions {
            if random.chance(fate.lost_percent) {
                continue;
            }
            let times = if random.chance(fate.doubled_percent) { 2 } else { 1 };
            for _ in 0..times {
                // Nobody reads the version: a copy takes what the master holds by then.
                region.under_way.push(Upload { key: key.to_owned(), version: None, size });
            }
        }
    }
}
