//! The configuration of access: read once, at its start.

use suitecast_lambda::config::{ConfigError, Variables, variable};
use url::Url;

use crate::document::AMAZON;
use crate::readers::{OwnReaders, Readers, RegionBucket, networks, vpc_endpoints, vpcs};

/// Names of the environment variables that access alone reads.
pub mod access_variable {
    /// `region`, `aws` or `everyone`. Default `region`.
    pub const READERS: &str = "SUITECAST_READERS";
    /// Networks of the operator's own, separated by commas. Default none.
    pub const READER_CIDRS: &str = "SUITECAST_READER_CIDRS";
    /// VPCs, separated by commas. Default none.
    pub const READER_VPCS: &str = "SUITECAST_READER_VPCS";
    /// VPC endpoints, separated by commas. Default none.
    pub const READER_VPC_ENDPOINTS: &str = "SUITECAST_READER_VPC_ENDPOINTS";
    /// Where the document of address ranges lies. Default Amazon's own place.
    pub const IP_RANGES_URL: &str = "SUITECAST_IP_RANGES_URL";
    /// The partition of the stack: how ARNs begin.
    pub const PARTITION: &str = "SUITECAST_PARTITION";
    /// The account of the stack, and so of the bucket.
    pub const ACCOUNT: &str = "SUITECAST_ACCOUNT";
}

/// The configuration, complete and checked.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// The bucket whose readers they are.
    pub bucket: RegionBucket,
    /// Who may read.
    pub readers: Readers,
    /// Who else.
    pub own: OwnReaders,
    /// Where the document of address ranges lies.
    pub ip_ranges_url: Url,
    /// `CloudWatch` namespace of the metrics.
    pub metrics_namespace: String,
}

impl AccessConfig {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Every variable that is missing or cannot be used, together.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut variables = Variables::new(lookup);
        let config = access_config(&mut variables);
        variables.finish(config)
    }
}

fn access_config<L: Fn(&str) -> Option<String>>(variables: &mut Variables<L>) -> Option<AccessConfig> {
    let name = variables.bucket(variable::REGION_BUCKET);
    let region = variables.required(variable::REGION);
    let partition = variables.required(access_variable::PARTITION);
    let account = variables.required(access_variable::ACCOUNT);
    let readers = variables.parsed(access_variable::READERS, "region", str::parse);
    let networks = variables.parsed(access_variable::READER_CIDRS, "", networks);
    let vpcs = variables.parsed(access_variable::READER_VPCS, "", vpcs);
    let vpc_endpoints = variables.parsed(access_variable::READER_VPC_ENDPOINTS, "", vpc_endpoints);
    let ip_ranges_url = variables.parsed(access_variable::IP_RANGES_URL, AMAZON, https_url);
    let metrics_namespace = variables.namespace();
    Some(AccessConfig {
        bucket: RegionBucket { name: name?, region: region?, partition: partition?, account: account? },
        readers: readers?,
        own: OwnReaders { networks: networks?, vpcs: vpcs?, vpc_endpoints: vpc_endpoints? },
        ip_ranges_url: ip_ranges_url?,
        metrics_namespace: metrics_namespace?,
    })
}

/// Who may read is decided by what comes from there, so it comes over TLS.
fn https_url(text: &str) -> Result<Url, String> {
    let is_https = |url: &Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    text.parse()
        .ok()
        .filter(is_https)
        .ok_or_else(|| format!("{text:?} is no address that begins with https://, without a user"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::HashMap;

    use super::*;
    use crate::readers::Area;

    fn read(changes: &[(&str, &str)]) -> Result<AccessConfig, ConfigError> {
        let complete = [
            (variable::REGION_BUCKET, "eu-west-1.archive.example.com"),
            (variable::REGION, "eu-west-1"),
            (access_variable::PARTITION, "aws"),
            (access_variable::ACCOUNT, "123456789012"),
        ];
        let variables: HashMap<&str, &str> = complete.iter().chain(changes).copied().collect();
        AccessConfig::read(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn what_is_not_set_is_the_region_and_nobody_else() {
        let config = read(&[]).unwrap();
        assert_eq!(config.readers, Readers::Instances(Area::Region));
        assert!(config.own.networks.is_empty() && config.own.vpcs.is_empty() && config.own.vpc_endpoints.is_empty());
        assert_eq!(config.ip_ranges_url.as_str(), AMAZON);
        assert_eq!(config.metrics_namespace, "Suitecast");
    }

    #[test]
    fn a_host_name_that_is_no_bucket_name_and_every_other_problem_are_told_at_once() {
        let error = read(&[
            (variable::REGION_BUCKET, "Archive.Example.com"),
            (access_variable::ACCOUNT, ""),
            (access_variable::READERS, "all"),
            (access_variable::READER_CIDRS, "0.0.0.0/0"),
            (access_variable::READER_VPCS, "vpce-0123456789abcdef0"),
            (access_variable::READER_VPC_ENDPOINTS, "*"),
            (access_variable::IP_RANGES_URL, "http://ip-ranges.amazonaws.com/ip-ranges.json"),
        ])
        .unwrap_err();
        let problems: Vec<&str> = error.problems.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            problems,
            [
                variable::REGION_BUCKET,
                access_variable::ACCOUNT,
                access_variable::READERS,
                access_variable::READER_CIDRS,
                access_variable::READER_VPCS,
                access_variable::READER_VPC_ENDPOINTS,
                access_variable::IP_RANGES_URL,
            ]
        );
        assert!(error.to_string().contains("\"Archive.Example.com\" is no bucket name, which has no capital letters"));
    }
}
