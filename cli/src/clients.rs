//! The connections to buckets: credentials, Region and endpoint as every AWS tool takes them from the environment.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::ProvideCredentials;
use suitecast_store::{S3Bucket, S3ClientSettings, bucket_region, s3_client};

use crate::exit::Failure;

/// The Region asked first where nothing names one; S3 there answers where any bucket is.
const FIRST_REGION: &str = "us-east-1";

/// What the environment says of credentials, Region and endpoint (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …),
/// loaded once for all clients of the process.
///
/// # Errors
/// There are no credentials: told here, since whatever is asked without them only fails to get through.
pub async fn shared_config() -> Result<SdkConfig, Failure> {
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    if let Some(provider) = config.credentials_provider() {
        provider.provide_credentials().await.map_err(|error| {
            let reason = suitecast_mirror::with_causes(&error);
            Failure::refused(format!(
                "no credentials: {reason}; set them as for every AWS tool (AWS_PROFILE, AWS_ACCESS_KEY_ID, …)"
            ))
        })?;
    }
    if config.region().is_some() {
        return Ok(config);
    }
    Ok(config.into_builder().region(Region::from_static(FIRST_REGION)).build())
}

/// A client for the Region that a bucket is in, which S3 is asked for.
///
/// # Errors
/// The bucket does not exist, or S3 cannot be reached.
pub async fn s3_client_of(shared: &SdkConfig, bucket: &str) -> Result<aws_sdk_s3::Client, Failure> {
    let configured = shared.region().map_or(FIRST_REGION, Region::as_ref).to_owned();
    let client = s3_client(shared, &S3ClientSettings::for_region(&configured));
    match bucket_region(&client, bucket).await? {
        Some(region) if region != configured => Ok(s3_client(shared, &S3ClientSettings::for_region(region))),
        _ => Ok(client),
    }
}

/// The storage port on a bucket, wherever it is.
///
/// # Errors
/// The bucket does not exist, or S3 cannot be reached.
pub async fn bucket(shared: &SdkConfig, name: &str) -> Result<S3Bucket, Failure> {
    Ok(S3Bucket::new(s3_client_of(shared, name).await?, name))
}
