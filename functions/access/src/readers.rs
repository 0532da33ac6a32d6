//! Who may read, as the operator says it.

use std::fmt;
use std::str::FromStr;

use suitecast_store::BucketName;
use thiserror::Error;

use crate::addresses::{AddressSet, Prefix};

/// Who may read the region bucket, beside the operator's own networks and VPCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Amazon's instances, as far as this area goes.
    Instances(Area),
    /// Everyone.
    Everyone,
}

/// Whose instances may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Those of the bucket's own Region.
    Region,
    /// Those of all Regions.
    Aws,
}

impl FromStr for Readers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "region" => Ok(Self::Instances(Area::Region)),
            "aws" => Ok(Self::Instances(Area::Aws)),
            "everyone" => Ok(Self::Everyone),
            _ => Err(format!("{text:?} is none of region, aws and everyone")),
        }
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Instances(Area::Region) => "region",
            Self::Instances(Area::Aws) => "aws",
            Self::Everyone => "everyone",
        })
    }
}

/// The id of a VPC or of a VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceId(String);

/// A text that is no such id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is none: write {kind}-0123456789abcdef0, separated by commas")]
pub struct ResourceIdError {
    text: String,
    kind: &'static str,
}

impl ResourceId {
    fn parse(text: &str, kind: &'static str) -> Result<Self, ResourceIdError> {
        let number = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        let is_number = matches!(number.len(), 8 | 17) && number.chars().all(is_lower_hexadecimal);
        if is_number { Ok(Self(text.to_owned())) } else { Err(ResourceIdError { text: text.to_owned(), kind }) }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_lower_hexadecimal(character: char) -> bool {
    character.is_ascii_digit() || ('a'..='f').contains(&character)
}

/// Reads the operator's networks, separated by commas.
///
/// # Errors
/// The first that may not be admitted, and why.
pub fn networks(text: &str) -> Result<AddressSet, String> {
    words(text).map(|word| word.parse::<Prefix>().map_err(|error| error.to_string())).collect()
}

/// Reads ids of VPCs, separated by commas.
///
/// # Errors
/// The first that is none.
pub fn vpcs(text: &str) -> Result<Vec<ResourceId>, ResourceIdError> {
    ids(text, "vpc")
}

/// Reads ids of VPC endpoints, separated by commas.
///
/// # Errors
/// The first that is none.
pub fn vpc_endpoints(text: &str) -> Result<Vec<ResourceId>, ResourceIdError> {
    ids(text, "vpce")
}

fn ids(text: &str, kind: &'static str) -> Result<Vec<ResourceId>, ResourceIdError> {
    let mut ids: Vec<ResourceId> = words(text).map(|word| ResourceId::parse(word, kind)).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Who may read whatever Amazon's list says: the operator's own.
#[derive(Debug, Clone, Default)]
pub struct OwnReaders {
    /// Networks, by the addresses that requests come from.
    pub networks: AddressSet,
    /// VPCs whose requests come through an endpoint: those carry no source address.
    pub vpcs: Vec<ResourceId>,
    /// VPC endpoints, the same.
    pub vpc_endpoints: Vec<ResourceId>,
}

/// The bucket that is read, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionBucket {
    /// Its name.
    pub name: BucketName,
    /// Its Region.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`: how its ARN begins.
    pub partition: String,
    /// The account that it belongs to.
    pub account: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_network_that_s3_would_call_public_is_refused_with_the_reason() {
        for wide in ["0.0.0.0/0", "::/0", "10.0.0.0/7", "12.0.0.0/7", "2600::/31", "fc00::/7"] {
            let told = networks(&format!("192.0.2.0/24,{wide}")).expect_err(wide);
            let reason = if wide == "10.0.0.0/7" { "10.0.0.0/7 is wider than /8" } else { "" };
            assert!(told.starts_with(reason), "{told}");
            assert!(told.contains("Block Public Access"), "{told}");
        }
        assert_eq!(networks("12.0.0.0/8, 2600::/32").unwrap().prefixes(), ["12.0.0.0/8", "2600::/32"]);
    }

    #[test]
    fn a_slip_of_the_pen_in_a_network_is_told() {
        assert!(networks("192.0.2.1/24").expect_err("host bits").contains("192.0.2.0/24"));
        for text in ["192.0.2.1", "192.0.2.0/33", "archive.example.com", "192.0.2.0/24;198.51.100.0/24"] {
            assert!(networks(text).expect_err(text).contains("is no network"), "{text}");
        }
        assert!(networks(" , ").unwrap().is_empty());
    }

    #[test]
    fn ids_are_of_their_kind_and_each_once() {
        let ids = vpcs("vpc-0123456789abcdef0, vpc-01234567,vpc-01234567").unwrap();
        assert_eq!(ids.iter().map(ResourceId::as_str).collect::<Vec<_>>(), ["vpc-01234567", "vpc-0123456789abcdef0"]);
        assert!(vpcs("vpce-0123456789abcdef0").is_err(), "an endpoint is no VPC");
        assert!(vpc_endpoints("vpce-0123456789abcdef0").is_ok());
        for text in ["*", "vpc-*", "vpc-0123", "VPC-01234567", "vpc-0123456G"] {
            assert!(vpcs(text).is_err(), "{text}");
        }
    }
}
