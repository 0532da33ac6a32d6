//! What the tests of the program share: the strict S3 on the loopback, archives in it, and the program run against it.

#![allow(dead_code, unreachable_pub, reason = "each test file takes what it needs of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use suitecast_archive::SuiteName;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::{Outcome, Ports, PublishReport, QueueError, SuitesQueue, Wake};
use suitecast_lambda::clock::SystemClock;
use suitecast_lambda::config::Looking;
use suitecast_testing::StrictS3;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_testing::http::{HttpServer, SECRET_ACCESS_KEY};
use suitecast_testing::strict::BucketSettings;

/// The Region of the master bucket.
pub const MASTER_REGION: &str = "us-east-1";
/// The bucket that receives uploads.
pub const MASTER: &str = "archive-master";
/// A Region of its clients.
pub const REGION: &str = "eu-west-1";
/// That Region's bucket.
pub const REGION_BUCKET: &str = "eu-west-1.archive.example.com";

/// A strict S3 with a master and a Region, served on the loopback.
pub struct Served {
    pub s3: StrictS3,
    pub server: HttpServer,
}

/// Two generations of a made archive.
pub fn generations(seed: u64) -> [Generation; 2] {
    ArchiveMaker::new(seed).history(2).expect("an archive is made").try_into().expect("two generations")
}

/// How a run of the program ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The JSON documents that it printed, one a line.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
    }

    /// The last of them: the result.
    pub fn result(&self) -> Value {
        self.json().pop().expect("a result")
    }

    /// Everything that it said.
    pub fn said(&self) -> String {
        format!("exit {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

impl Served {
    /// A master and a Region without any object.
    pub async fn start() -> Self {
        #[allow(clippy::disallowed_methods, reason = "the server's clock is the machine's, as that of the program")]
        let s3 = StrictS3::new(jiff::Timestamp::now);
        s3.create_bucket(MASTER, BucketSettings::in_region(MASTER_REGION).versioned_and_notifying());
        let mut region = BucketSettings::in_region(REGION).readable_except(".suitecast/");
        region.access.public_list = true;
        s3.create_bucket(REGION_BUCKET, region);
        let server = HttpServer::start(s3.clone()).await.expect("a port of the loopback");
        Self { s3, server }
    }

    /// A Region that serves the first generation, and a master that holds all of the second but one package, whose key is given
    /// back.
    pub async fn holding_back(suite: &str, first: &Generation, second: &Generation) -> (Self, String) {
        let served = Self::start().await;
        served.put(MASTER, first);
        assert_eq!(served.publish(suite).await.outcome, Outcome::Swapped);
        let held_back = second.changed.iter().rfind(|key| key.starts_with("pool/")).expect("a package").clone();
        for key in second.changed.iter().filter(|key| **key != held_back) {
            served.s3.plant(MASTER, key, second.files[key].clone()).expect("an object can be put there");
        }
        (served, held_back)
    }

    /// Puts a whole archive into a bucket.
    pub fn put(&self, bucket: &str, archive: &Generation) {
        for (key, bytes) in &archive.files {
            self.s3.plant(bucket, key, bytes.clone()).expect("an object can be put there");
        }
    }

    /// What apt's `URIs` would say of a bucket.
    pub fn http(&self, bucket: &str) -> String {
        format!("{}/{bucket}", self.server.endpoint())
    }

    /// Runs the program with the keys that the server takes.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)]).await
    }

    /// Runs the program with this in its environment.
    pub async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = program();
        command.args(arguments).env("AWS_ACCESS_KEY_ID", "test").env("AWS_ENDPOINT_URL", self.server.endpoint());
        command.envs(variables.iter().copied());
        tokio::task::spawn_blocking(move || ran(&command.output().expect("the program runs"))).await.expect("it ended")
    }
}

/// The program, knowing nothing of the caller's own AWS settings, in a directory without any file of interest.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suitecast"));
    command
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_MAX_ATTEMPTS", "2")
        .current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .stdin(Stdio::null());
    command
}

fn ran(output: &Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A suites queue that nobody listens to.
struct Nobody;

#[async_trait::async_trait]
impl SuitesQueue for Nobody {
    async fn wake(&self, _wakes: &[Wake]) -> Result<(), QueueError> {
        Ok(())
    }
}

impl Served {
    /// Lets the Region's publish look at a suite, as if the function had been woken.
    pub async fn publish(&self, suite: &str) -> PublishReport {
        let ports = Ports {
            master: Arc::new(self.s3.bucket_from(MASTER_REGION, MASTER)),
            region: Arc::new(self.s3.bucket(REGION_BUCKET)),
            queue: Arc::new(Nobody),
            clock: Arc::new(SystemClock),
        };
        let settings = Looking::read(|_| None).expect("the defaults hold").settings;
        let request = PublishRequest::new(SuiteName::parse(suite).expect("a suite"));
        publish::run(&ports, &settings, &request).await.expect("an answer")
    }

    /// What the program is told of the Region: its buckets, for want of a stack.
    pub fn by_buckets(words: &[&str]) -> Vec<String> {
        let region = format!("{REGION}={REGION_BUCKET}");
        words.iter().copied().chain(["--master", MASTER, "--region", &region]).map(str::to_owned).collect()
    }

    /// Runs the program with these words and the Region's buckets.
    pub async fn run_by_buckets(&self, words: &[&str]) -> Ran {
        let words = Self::by_buckets(words);
        self.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).await
    }
}
