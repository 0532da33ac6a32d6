//! The clients, one a region, made once a process: a cold start pays for connections and credentials a single time.

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use suitecast_engine::Ports;
use suitecast_store::{S3Bucket, S3ClientSettings, s3_client};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::keyring::{KeyringSource, Keyrings};
use crate::queue::{MessageReturns, QueueApi, SqsApi, SqsMessageReturns, SqsSuitesQueue};

/// Time for one call to SQS, all attempts together: it must fit into what a run keeps back before Lambda's deadline.
pub const QUEUE_OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// What a function talks to.
pub struct Clients {
    /// The engine's ports.
    pub ports: Ports,
    /// The keyring that releases are verified with.
    pub keyrings: Keyrings,
    /// The queue that gave the function its messages.
    pub returns: Arc<dyn MessageReturns>,
}

impl Clients {
    /// Makes the clients; no call goes out yet.
    pub async fn connect(config: &Config) -> Self {
        let shared =
            aws_config::defaults(BehaviorVersion::latest()).region(Region::new(config.region.clone())).load().await;
        let region_client = s3_client(&shared, &S3ClientSettings::for_region(&config.region));
        let master_client = if config.master_region == config.region {
            region_client.clone()
        } else {
            s3_client(&shared, &S3ClientSettings::for_region(&config.master_region))
        };
        let keyrings = match &config.keyring {
            KeyringSource::Nowhere => Keyrings::fixed(None),
            KeyringSource::Given(keyring) => Keyrings::fixed(Some(Arc::clone(keyring))),
            KeyringSource::Object { bucket, key } => {
                Keyrings::object(Arc::new(S3Bucket::new(region_client.clone(), bucket)), key)
            }
        };
        let queues: Arc<dyn QueueApi> = Arc::new(SqsApi::new(sqs_client(&shared)));
        let ports = Ports {
            master: Arc::new(S3Bucket::new(master_client, &config.master_bucket)),
            region: Arc::new(S3Bucket::new(region_client, &config.region_bucket)),
            queue: Arc::new(SqsSuitesQueue::new(Arc::clone(&queues), &config.suites_queue_url)),
            clock: Arc::new(SystemClock),
        };
        Self { ports, keyrings, returns: Arc::new(SqsMessageReturns::new(queues, &config.source_queue_url)) }
    }
}

fn sqs_client(shared: &SdkConfig) -> aws_sdk_sqs::Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(QUEUE_OPERATION_TIMEOUT).build();
    aws_sdk_sqs::Client::from_conf(aws_sdk_sqs::config::Builder::from(shared).timeout_config(timeouts).build())
}
