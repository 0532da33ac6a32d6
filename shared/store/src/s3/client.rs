//! One SDK client a region, with the timeouts and retries that copies need.

use std::time::Duration;

use aws_config::{Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{Client, config::StalledStreamProtectionConfig};

/// Attempts of one operation, the first included. The SDK's default of three is too few where copies run into
/// `503 SlowDown` while S3 splits a prefix.
const MAX_ATTEMPTS: u32 = 8;
/// Pause before the first repetition; it doubles from there, with jitter.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
/// Longest pause between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Time to open a connection; within AWS it takes milliseconds, across the world some hundreds of them.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one attempt of anything but a copy, up to the answer's headers.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for anything but a copy, all attempts together. A caller that holds a lease starts no write when less is left.
pub const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);

/// Where a client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3ClientSettings {
    /// The region of the buckets it is used for. A copy goes to the region of its **destination**.
    pub region: String,
    /// An S3-compatible server in place of AWS; `None` leaves it to `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
}

impl S3ClientSettings {
    /// A client for the buckets of one region, at AWS or wherever `AWS_ENDPOINT_URL` points.
    pub fn for_region(region: impl Into<String>) -> Self {
        Self { region: region.into(), endpoint: None }
    }
}

/// Makes a client for one region. `shared` is what `aws_config` loaded from the environment, once a process, so that
/// credentials and connections are shared between the clients.
///
/// Where an endpoint is set (in the settings or by `AWS_ENDPOINT_URL`), buckets are addressed by path, since nothing
/// resolves their names as hosts there.
///
/// The stalled-stream guard is off: it counts bytes on the wire and would cut a server-side copy, which sends none for
/// minutes (smithy-rs #4439). Timeouts for each attempt and each operation stand in for it.
pub fn s3_client(shared: &SdkConfig, settings: &S3ClientSettings) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut builder = aws_sdk_s3::config::Builder::from(shared)
        .region(Region::new(settings.region.clone()))
        .retry_config(retries())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    if settings.endpoint.is_some() || shared.endpoint_url().is_some() {
        builder = builder.force_path_style(true);
    }
    Client::from_conf(builder.build())
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF)
}
