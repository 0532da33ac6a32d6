//! What may name a bucket.

use std::fmt;

use thiserror::Error;

/// Shortest and longest name, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=63;

/// Beginnings that S3 keeps for itself.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];

/// Endings that S3 keeps for access points and other kinds of bucket.
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// The name of a general purpose bucket, by S3's rules ("General purpose bucket naming rules").
///
/// A region bucket is named like the host name that its clients use, and not every host name will do.
///
/// ```
/// use suitecast_store::BucketName;
///
/// assert!(BucketName::parse("eu-west-1.archive.example.com").is_ok());
/// assert!(BucketName::parse("Archive.Example.com").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketName(String);

/// A text that names no bucket.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no bucket name, {rule}; the bucket is named like the host name that its clients use, so choose another"
)]
pub struct BucketNameError {
    /// The text.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl BucketName {
    /// Reads a name.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, BucketNameError> {
        match broken_rule(text) {
            Some(rule) => Err(BucketNameError { text: text.to_owned(), rule }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    let is_edge = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    if !LENGTHS.contains(&text.len()) {
        return Some("which has 3 to 63 characters");
    }
    if text.contains(|character: char| character.is_ascii_uppercase()) {
        return Some("which has no capital letters");
    }
    if !text.chars().all(|character| is_edge(character) || character == '.' || character == '-') {
        return Some("which is made of a-z, 0-9, dots and hyphens");
    }
    if !text.starts_with(is_edge) || !text.ends_with(is_edge) {
        return Some("which begins and ends with a letter or a digit");
    }
    if text.contains("..") {
        return Some("which has no two dots side by side");
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("which is not written like an IP address");
    }
    if RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return Some("which does not begin with xn--, sthree- or amzn-s3-demo-");
    }
    if RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
        return Some("which does not end with -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_in_lower_case_names_a_bucket() {
        for name in ["abc", "eu-west-1.ec2.archive.example.com", "0a9", &"a".repeat(63)] {
            assert_eq!(BucketName::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn a_host_name_that_is_no_bucket_name_is_told_by_the_rule_that_it_breaks() {
        let table = [
            ("ab", "3 to 63"),
            (&*"a".repeat(64), "3 to 63"),
            ("Archive.example.com", "capital"),
            ("archive_1.example.com", "made of"),
            ("archive.example.com/", "made of"),
            ("münchen.example.com", "made of"),
            ("archive.example.com.", "begins and ends"),
            ("-archive.example.com", "begins and ends"),
            ("archive..example.com", "two dots"),
            ("192.0.2.17", "IP address"),
            ("xn--mnchen-3ya.example.com", "xn--"),
            ("archive.mrap", ".mrap"),
        ];
        for (name, rule) in table {
            let told = BucketName::parse(name).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(told.contains(rule), "{name}: {told}");
        }
    }
}
