//! The access function: keeps who may read the region bucket in step with Amazon's addresses.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use suitecast_access::config::AccessConfig;
use suitecast_access::fetch::HttpSource;
use suitecast_access::{Handler, Ports, cannot_start};
use suitecast_engine::Clock;
use suitecast_lambda::clock::SystemClock;
use suitecast_lambda::logs;
use suitecast_lambda::metrics::Metrics;
use suitecast_store::{S3Bucket, S3ClientSettings, s3_client};

#[tokio::main]
#[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
async fn main() -> Result<(), Error> {
    logs::start();
    let environment = |name: &str| std::env::var(name).ok();
    let config =
        AccessConfig::read(environment).inspect_err(|error| cannot_start(error, environment, SystemClock.now()))?;
    let region = config.bucket.region.clone();
    let shared = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.clone())).load().await;
    let client = s3_client(&shared, &S3ClientSettings::for_region(&region));
    let ports = Ports {
        source: Arc::new(HttpSource::new(config.ip_ranges_url.clone())?),
        policy: Arc::new(S3Bucket::new(client, config.bucket.name.as_str())),
        clock: Arc::new(SystemClock),
    };
    let metrics = Metrics::on_standard_output(&config.metrics_namespace, &region);
    let handler = &Handler::new(config, ports, metrics);
    run(service_fn(
        |event: LambdaEvent<Value>| async move { handler.handle(&event.payload, event.context.deadline).await },
    ))
    .await
}
