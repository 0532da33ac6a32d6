//! A pair of buckets on any S3 server, made for a test and removed behind it.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
    error::DisplayErrorContext,
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, BucketVersioningStatus, ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart,
        CreateBucketConfiguration, VersioningConfiguration,
    },
};
use bytes::Bytes;
use suitecast_store::{S3Bucket, S3ClientSettings, s3_client};
use suitecast_testing::contract::{Bench, Broken, UploadInParts};
use thiserror::Error;

/// The region whose buckets are made without naming it.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket that could not be made or removed.
#[derive(Debug, Error)]
#[error("{action} bucket {bucket}: {detail}")]
pub struct BucketError {
    action: &'static str,
    bucket: String,
    detail: String,
}

/// The SDK's settings with the keys that every server of the tests takes.
pub fn test_settings(endpoint: &str) -> SdkConfig {
    let keys = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .endpoint_url(endpoint)
        .build()
}

/// A master bucket with versions and a region bucket, each reached by a client of its region.
pub struct BucketPair {
    master: (Client, String),
    region: (Client, String),
}

impl BucketPair {
    /// Makes them, under names that nothing else has.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn make(shared: &SdkConfig, master_region: &str, region: &str) -> Result<Self, BucketError> {
        let client = |region: &str| s3_client(shared, &S3ClientSettings::for_region(region));
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let pair = Self {
            master: (client(master_region), format!("suitecast-master-{time}")),
            // A dot, as in the names of hosts.
            region: (client(region), format!("{region}.suitecast-{time}.example.com")),
        };
        create(&pair.master, master_region).await?;
        if let Err(error) = make_versioned(&pair.master).await.and(create(&pair.region, region).await) {
            // The first error is the one to tell.
            let _ = remove(&pair.master).await;
            return Err(error);
        }
        Ok(pair)
    }

    /// The storage port over both.
    pub fn bench(&self) -> Bench {
        let port = |(client, name): &(Client, String)| Arc::new(S3Bucket::new(client.clone(), name));
        let uploader = Uploader { client: self.master.0.clone(), bucket: self.master.1.clone() };
        Bench::new(port(&self.master), port(&self.region), Arc::new(uploader))
    }

    /// Removes them with everything in them.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove(self) -> Result<(), BucketError> {
        let region = remove(&self.region).await;
        remove(&self.master).await.and(region)
    }
}

/// Uploads in parts, as the AWS tools do it.
struct Uploader {
    client: Client,
    bucket: String,
}

#[async_trait]
impl UploadInParts for Uploader {
    async fn upload_in_parts(&self, key: &str, parts: Vec<Bytes>) -> Result<(), Broken> {
        let Self { client, bucket } = self;
        let algorithm = ChecksumAlgorithm::Sha256;
        let call = client.create_multipart_upload().bucket(bucket).key(key).checksum_algorithm(algorithm.clone());
        let upload = call.send().await.map_err(broken)?;
        let upload = upload.upload_id().unwrap_or_default();
        let mut completed = CompletedMultipartUpload::builder();
        for (number, bytes) in (1..).zip(parts) {
            let call = client.upload_part().bucket(bucket).key(key).upload_id(upload).part_number(number);
            let part = call.checksum_algorithm(algorithm.clone()).body(ByteStream::from(bytes)).send();
            let part = part.await.map_err(broken)?;
            let named = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag().map(str::to_owned));
            completed = completed.parts(named.set_checksum_sha256(part.checksum_sha256).build());
        }
        let call = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(upload);
        call.multipart_upload(completed.build()).send().await.map(|_| ()).map_err(broken)
    }
}

fn broken(error: impl std::error::Error) -> Broken {
    Broken(DisplayErrorContext(error).to_string())
}

fn failed(action: &'static str, bucket: &str, error: impl std::error::Error) -> BucketError {
    BucketError { action, bucket: bucket.to_owned(), detail: DisplayErrorContext(error).to_string() }
}

async fn create((client, name): &(Client, String), region: &str) -> Result<(), BucketError> {
    let place = (region != DEFAULT_REGION).then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    let call = client.create_bucket().bucket(name).set_create_bucket_configuration(place);
    call.send().await.map(|_| ()).map_err(|error| failed("making", name, error))
}

async fn make_versioned((client, name): &(Client, String)) -> Result<(), BucketError> {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = client.put_bucket_versioning().bucket(name).versioning_configuration(enabled);
    call.send().await.map(|_| ()).map_err(|error| failed("turning versions on for", name, error))
}

async fn remove((client, name): &(Client, String)) -> Result<(), BucketError> {
    let failed_to_remove = |detail: String| BucketError { action: "emptying", bucket: name.clone(), detail };
    loop {
        let page = client.list_object_versions().bucket(name).send().await;
        let page = page.map_err(|error| failed("listing the versions of", name, error))?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let mut removed = 0;
        for (key, version) in versions.chain(markers) {
            let key = key.ok_or_else(|| failed_to_remove("a version without a key".to_owned()))?;
            let version = version.filter(|version| *version != "null").map(str::to_owned);
            let call = client.delete_object().bucket(name).key(key).set_version_id(version);
            call.send().await.map_err(|error| failed("emptying", name, error))?;
            removed += 1;
        }
        if removed == 0 {
            break;
        }
    }
    client.delete_bucket().bucket(name).send().await.map(|_| ()).map_err(|error| failed("removing", name, error))
}
