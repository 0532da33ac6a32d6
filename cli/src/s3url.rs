//! `s3://BUCKET[/PREFIX]`.

use std::fmt;
use std::str::FromStr;

use suitecast_archive::{ArchivePath, PathError};
use thiserror::Error;

const SCHEME: &str = "s3://";

/// A bucket, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket's name.
    pub bucket: String,
    /// What every key of the part begins with: empty, or ending with `/`.
    pub prefix: String,
}

/// Why a text is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum S3UrlError {
    /// It begins otherwise.
    #[error("a bucket is written s3://BUCKET or s3://BUCKET/PREFIX")]
    Scheme,
    /// No bucket is named, or one that S3 allows nowhere.
    #[error("{name:?} is no name of a bucket: 3 to 63 of a-z, 0-9, `.` and `-`")]
    Bucket {
        /// What stands there.
        name: String,
    },
    /// The prefix is no path.
    #[error("the prefix cannot be used")]
    Prefix(#[source] PathError),
}

impl FromStr for S3Url {
    type Err = S3UrlError;

    fn from_str(text: &str) -> Result<Self, S3UrlError> {
        let rest = text.strip_prefix(SCHEME).ok_or(S3UrlError::Scheme)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_allowed) {
            return Err(S3UrlError::Bucket { name: bucket.to_owned() });
        }
        let prefix = match prefix.strip_suffix('/').unwrap_or(prefix) {
            "" => String::new(),
            path => format!("{}/", ArchivePath::parse(path).map_err(S3UrlError::Prefix)?),
        };
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bucket_and_its_prefix_are_told_apart() {
        for (text, bucket, prefix) in [
            ("s3://archive-master.example.com", "archive-master.example.com", ""),
            ("s3://archive-master.example.com/", "archive-master.example.com", ""),
            ("s3://master/debian", "master", "debian/"),
            ("s3://master/debian/security/", "master", "debian/security/"),
        ] {
            let url: S3Url = text.parse().unwrap();
            assert_eq!((url.bucket.as_str(), url.prefix.as_str()), (bucket, prefix), "{text}");
        }
    }

    #[test]
    fn what_is_no_bucket_or_leaves_it_is_refused() {
        for text in
            ["", "master", "https://master", "s3://", "s3:///a", "s3://A_B/x", "s3://master/a//b", "s3://master/../x"]
        {
            assert!(text.parse::<S3Url>().is_err(), "{text}");
        }
    }
}
