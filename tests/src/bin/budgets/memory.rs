//! How much memory a publish run takes: one run, of the engine itself, in a process of its own, over buckets on the disk.
//! What the SDK takes for its connections comes on top in a function.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use suitecast_archive::{Release, SuiteName};
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Clock, Outcome, Ports, Settings};
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_tests::budgets::COPY_CONCURRENCY;
use suitecast_tests::world::{MemoryQueue, default_settings};

use crate::Failure;
use crate::disk::{DiskBucket, POOL_CONTENT};
use crate::table;

/// What a run took.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) peak_bytes: u64,
    pub(crate) requests: u64,
    /// Sizes of what was read, for a person.
    pub(crate) indices: String,
}

/// A directory that goes when it is let go.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes two generations to the disk and publishes them, each run in a process of its own.
pub(crate) fn measure(maker: &ArchiveMaker) -> Result<Vec<Measured>, Failure> {
    let scratch = Scratch(std::env::temp_dir().join(format!("suitecast-budgets-{}", std::process::id())));
    let [first, second] = [1, 2].map(|number| maker.generation(number));
    let (first, second) = (first?, second?);
    let directory = &scratch.0;
    fs::create_dir_all(directory)?;
    lay_out(directory, &first)?;
    let mut measured = Vec::new();
    // Nothing was replicated: every object is listed in the master and copied by the run.
    fs::write(directory.join("region.pool"), "")?;
    measured.push(run("first publication, all to copy", directory, &first)?);
    // Everything was replicated: every object is looked at.
    fs::remove_dir_all(directory.join("region"))?;
    fs::copy(directory.join("master.pool"), directory.join("region.pool"))?;
    measured.push(run("first publication, all there", directory, &first)?);
    // The predecessor's Packages and the new one are read, and the difference looked at.
    lay_out(directory, &second)?;
    measured.push(run("update", directory, &second)?);
    Ok(measured)
}

/// The master as uploaded: files of the suite as files, the pool as a list.
fn lay_out(directory: &Path, generation: &Generation) -> Result<(), Failure> {
    let mut pool = String::new();
    for (key, bytes) in &generation.files {
        if key.starts_with("pool/") {
            if bytes != POOL_CONTENT {
                return Err(format!("{key} holds other bytes than the disk's buckets say").into());
            }
            pool.push_str(key);
            pool.push('\n');
            continue;
        }
        let path = directory.join("master").join(key);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, bytes)?;
    }
    fs::write(directory.join("master.pool"), pool)?;
    Ok(())
}

fn run(name: &'static str, directory: &Path, generation: &Generation) -> Result<Measured, Failure> {
    let output = Command::new(std::env::current_exe()?).arg("--read-plan").arg(directory).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let (true, &[peak_bytes, requests]) = (output.status.success(), numbers.as_slice()) else {
        return Err(format!("{name}: {printed}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    let release = Release::parse(&generation.files[&generation.suite_key("Release")])?;
    let size = |suffix: &str| {
        let entry = release.entries.iter().find(|(path, _)| path.as_str().ends_with(suffix));
        table::mebibytes(entry.map_or(0, |(_, entry)| entry.size))
    };
    let indices = format!("Packages of {}, xz {}", size("Packages"), size("Packages.xz"));
    Ok(Measured { name, peak_bytes, requests, indices })
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// One publish run over the buckets in `directory`; prints the peak of this process's memory in bytes, and requests.
pub(crate) async fn read_and_plan(directory: &Path) -> Result<(), Failure> {
    let master = Arc::new(DiskBucket::new(directory, "master"));
    let region = Arc::new(DiskBucket::new(directory, "region"));
    let ports = Ports {
        master: Arc::clone(&master) as _,
        region: Arc::clone(&region) as _,
        queue: Arc::new(MemoryQueue::default()),
        clock: Arc::new(WallClock),
    };
    let settings = Settings { copy_concurrency: COPY_CONCURRENCY.try_into()?, ..default_settings() };
    let suite = SuiteName::parse("dists/stable")?;
    let report = publish::run(&ports, &settings, &PublishRequest::new(suite)).await?;
    if report.outcome != Outcome::Swapped {
        return Err(format!("not swapped: {report:?}").into());
    }
    table::say(&format!("{} {}", peak_bytes()?, master.requests() + region.requests()));
    Ok(())
}

/// The most memory this process ever had in use, code and libraries included, as Linux counts it.
fn peak_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes << 10)
}
