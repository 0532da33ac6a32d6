//! Amazon's document of its address ranges (`ip-ranges.json`), read strictly.
//!
//! What is not understood as a whole is not used in part: who may read is decided by it. Only fields beyond the documented
//! ones are passed over, since Amazon adds some from time to time ("AWS IP address ranges JSON file" in the VPC User Guide).

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::addresses::{AddressSet, Prefix, PrefixError};

/// Largest document, in bytes: six times that of 2026.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// Most prefixes in it: six times those of 2026.
pub const MAX_DOCUMENT_PREFIXES: usize = 100_000;

/// The service whose prefixes are admitted: the addresses that instances have, and what runs on them.
const INSTANCES: &str = "EC2";

/// When a document was published, in seconds since the epoch: documents are told apart, and ordered, by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncToken(u64);

impl SyncToken {
    /// Of a moment, in seconds since the epoch.
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Reads a token: digits alone.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().ok().map(Self) } else { None }
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SyncToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The addresses of Amazon's instances, by Region.
#[derive(Debug, Clone)]
pub struct IpRanges {
    /// When they were published.
    pub sync_token: SyncToken,
    instances: Vec<(String, Prefix)>,
}

/// A document that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IpRangesError {
    /// It is cut off, is no JSON, or has not the documented fields.
    #[error("the document of address ranges is cut off or of another shape than documented: {detail}")]
    Shape {
        /// What the parser said, with the position.
        detail: String,
    },
    /// Its publication is no number of seconds.
    #[error("the document of address ranges: syncToken {found:?} is no number of seconds")]
    SyncToken {
        /// What stands there, cut.
        found: String,
    },
    /// It lists more than anybody expects.
    #[error(
        "the document of address ranges lists {found} prefixes; more than {MAX_DOCUMENT_PREFIXES} are not believed"
    )]
    TooMany {
        /// How many.
        found: usize,
    },
    /// It lists nothing of a family.
    #[error("the document of address ranges: {list} is empty")]
    Empty {
        /// Which list.
        list: &'static str,
    },
    /// One of its prefixes is none, or none that may be admitted.
    #[error("the document of address ranges, a prefix of {service} in {region}")]
    Prefix {
        /// Whose, cut.
        service: String,
        /// Where, cut.
        region: String,
        /// What is wrong with it.
        #[source]
        source: PrefixError,
    },
    /// A prefix of one family stands in the list of the other.
    #[error("the document of address ranges: {prefix} stands in {list}, which is of the other family")]
    Family {
        /// The prefix.
        prefix: Prefix,
        /// Which list.
        list: &'static str,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "syncToken")]
    sync_token: String,
    // Read for its presence alone: the token says the same.
    #[serde(rename = "createDate")]
    _create_date: String,
    prefixes: Vec<V4>,
    ipv6_prefixes: Vec<V6>,
}

#[derive(Deserialize)]
struct V4 {
    ip_prefix: String,
    region: String,
    service: String,
}

#[derive(Deserialize)]
struct V6 {
    ipv6_prefix: String,
    region: String,
    service: String,
}

const V4_LIST: &str = "prefixes";
const V6_LIST: &str = "ipv6_prefixes";

/// Characters of a foreign text that an error shows.
const MAX_CHARACTERS_SHOWN: usize = 64;

impl IpRanges {
    /// Reads a document, all of it.
    ///
    /// # Errors
    /// The first thing that is not as documented.
    pub fn parse(bytes: &[u8]) -> Result<Self, IpRangesError> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| IpRangesError::Shape { detail: shown(&error.to_string(), 4 * MAX_CHARACTERS_SHOWN) })?;
        let sync_token = SyncToken::parse(&document.sync_token)
            .ok_or_else(|| IpRangesError::SyncToken { found: shown(&document.sync_token, MAX_CHARACTERS_SHOWN) })?;
        let found = document.prefixes.len() + document.ipv6_prefixes.len();
        if found > MAX_DOCUMENT_PREFIXES {
            return Err(IpRangesError::TooMany { found });
        }
        for (list, is_empty) in [(V4_LIST, document.prefixes.is_empty()), (V6_LIST, document.ipv6_prefixes.is_empty())]
        {
            if is_empty {
                return Err(IpRangesError::Empty { list });
            }
        }
        let v4 = document.prefixes.into_iter().map(|entry| (V4_LIST, entry.ip_prefix, entry.region, entry.service));
        let v6 =
            document.ipv6_prefixes.into_iter().map(|entry| (V6_LIST, entry.ipv6_prefix, entry.region, entry.service));
        let mut instances = Vec::new();
        for (list, text, region, service) in v4.chain(v6) {
            let prefix: Prefix = text.parse().map_err(|source| IpRangesError::Prefix {
                service: shown(&service, MAX_CHARACTERS_SHOWN),
                region: shown(&region, MAX_CHARACTERS_SHOWN),
                source,
            })?;
            if prefix.is_v4() != (list == V4_LIST) {
                return Err(IpRangesError::Family { prefix, list });
            }
            if service == INSTANCES {
                instances.push((region, prefix));
            }
        }
        Ok(Self { sync_token, instances })
    }

    /// The addresses of instances in a Region; empty where the document knows of none.
    pub fn of_region(&self, region: &str) -> AddressSet {
        self.instances.iter().filter(|(of, _)| of == region).map(|&(_, prefix)| prefix).collect()
    }

    /// The addresses of instances everywhere.
    pub fn of_all_regions(&self) -> AddressSet {
        self.instances.iter().map(|&(_, prefix)| prefix).collect()
    }

    /// The names of all Regions that have instances; among them `GLOBAL`, for what belongs to none.
    pub fn regions(&self) -> BTreeSet<&str> {
        self.instances.iter().map(|(region, _)| region.as_str()).collect()
    }
}

/// A foreign text as an error may show it: cut, and on one line.
fn shown(text: &str, characters: usize) -> String {
    text.chars()
        .take(characters)
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

#[cfg(test)]
mod tests;
