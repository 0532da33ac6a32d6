//! Whether the bytes that were fetched are the document that they should be.

use md5::{Digest, Md5};
use suitecast_lambda::envelope::Announcement;
use thiserror::Error;
use url::Url;

use crate::ip_ranges::{IpRanges, IpRangesError, SyncToken};

/// Where Amazon publishes its address ranges.
pub const AMAZON: &str = "https://ip-ranges.amazonaws.com/ip-ranges.json";

/// What was fetched.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The document.
    Document(IpRanges),
    /// A newer one than was announced, which nobody has vouched for: its own announcement, or the schedule, brings it.
    Superseded {
        /// What was announced.
        announced: SyncToken,
        /// What was found.
        found: SyncToken,
    },
}

/// Why what was fetched is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// It is not as documented.
    #[error("what was fetched cannot be used")]
    Unusable(#[source] IpRangesError),
    /// It is not what was announced.
    #[error("what was fetched is not what was announced: its MD5 is {found}, the announced one {announced}")]
    OtherDigest {
        /// What was announced.
        announced: String,
        /// What was found.
        found: String,
    },
    /// An older document than was announced: the new one has not arrived yet where it is fetched.
    #[error("the document of {announced} was announced, and that of {found} is still there: the new one is on its way")]
    NotThereYet {
        /// What was announced.
        announced: SyncToken,
        /// What was found.
        found: SyncToken,
    },
    /// Something was announced in a place that nobody trusts.
    #[error("a document at {url:?} was announced; only Amazon's own and the configured one are looked at")]
    OtherPlace {
        /// The place, cut.
        url: String,
    },
}

impl DocumentError {
    /// Whether the same call may come to an answer later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotThereYet { .. } => true,
            Self::Unusable(_) | Self::OtherDigest { .. } | Self::OtherPlace { .. } => false,
        }
    }
}

/// Characters of an address that an error shows.
const MAX_CHARACTERS_SHOWN: usize = 200;

/// Checks where something was announced. What is fetched is the configured document all the same.
///
/// # Errors
/// It is in a place that nobody trusts.
pub fn check_place(announcement: &Announcement, configured: &Url) -> Result<(), DocumentError> {
    if announcement.url == AMAZON || announcement.url == configured.as_str() {
        return Ok(());
    }
    Err(DocumentError::OtherPlace { url: announcement.url.chars().take(MAX_CHARACTERS_SHOWN).collect() })
}

/// Reads what was fetched; where it was announced, it must be what was.
///
/// # Errors
/// Why it is not used.
pub fn accept(bytes: &[u8], announcement: Option<&Announcement>) -> Result<Fetched, DocumentError> {
    let document = IpRanges::parse(bytes);
    let Some(announcement) = announcement else {
        return document.map(Fetched::Document).map_err(DocumentError::Unusable);
    };
    let found = md5_of(bytes);
    if found == announcement.md5 {
        return document.map(Fetched::Document).map_err(DocumentError::Unusable);
    }
    let announced = SyncToken::from_seconds(announcement.sync_token);
    match document {
        Ok(document) if document.sync_token > announced => {
            Ok(Fetched::Superseded { announced, found: document.sync_token })
        }
        Ok(document) if document.sync_token < announced => {
            Err(DocumentError::NotThereYet { announced, found: document.sync_token })
        }
        // Of the announced date with other bytes, or not to be read at all.
        Ok(_) | Err(_) => Err(DocumentError::OtherDigest { announced: announcement.md5.clone(), found }),
    }
}

/// The MD5 of some bytes, as it is announced: in lower-case hexadecimal.
pub(crate) fn md5_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    Md5::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const DOCUMENT: &str = r#"{"syncToken":"1700000000","createDate":"2023-11-14-22-13-20",
        "prefixes":[{"ip_prefix":"192.0.2.0/24","region":"eu-west-1","service":"EC2","network_border_group":"eu-west-1"}],
        "ipv6_prefixes":[{"ipv6_prefix":"2001:db8::/32","region":"eu-west-1","service":"EC2","network_border_group":"x"}]}"#;

    fn announced(sync_token: u64, md5: &str) -> Announcement {
        Announcement { sync_token, md5: md5.to_owned(), url: AMAZON.to_owned() }
    }

    #[test]
    fn a_document_counts_when_its_digest_is_the_announced_one() {
        assert_eq!(md5_of(b""), "d41d8cd98f00b204e9800998ecf8427e");
        let right = announced(1_700_000_000, &md5_of(DOCUMENT.as_bytes()));
        assert!(matches!(accept(DOCUMENT.as_bytes(), Some(&right)), Ok(Fetched::Document(_))));
        assert!(matches!(accept(DOCUMENT.as_bytes(), None), Ok(Fetched::Document(_))));
    }

    #[test]
    fn a_document_of_the_announced_date_with_another_digest_is_refused() {
        let wrong = announced(1_700_000_000, &md5_of(b"another"));
        let error = accept(DOCUMENT.as_bytes(), Some(&wrong)).expect_err("it was taken");
        assert!(matches!(error, DocumentError::OtherDigest { .. }), "{error}");
        assert!(!error.is_retryable());
        let cut = &DOCUMENT.as_bytes()[..DOCUMENT.len() / 2];
        assert!(matches!(accept(cut, Some(&wrong)), Err(DocumentError::OtherDigest { .. })));
    }

    #[test]
    fn a_newer_document_than_announced_is_left_to_its_own_announcement_and_an_older_one_is_waited_out() {
        let superseded = accept(DOCUMENT.as_bytes(), Some(&announced(1_699_999_999, &md5_of(b"before"))));
        assert!(matches!(superseded, Ok(Fetched::Superseded { .. })), "{superseded:?}");
        let early = accept(DOCUMENT.as_bytes(), Some(&announced(1_700_000_001, &md5_of(b"after")))).unwrap_err();
        assert!(matches!(early, DocumentError::NotThereYet { .. }) && early.is_retryable(), "{early}");
    }

    #[test]
    fn nothing_is_looked_at_that_was_announced_elsewhere() {
        let configured: Url = "https://mirror.example.com/ranges.json".parse().unwrap();
        let at = |url: &str| Announcement { url: url.to_owned(), ..announced(1, "") };
        for right in [AMAZON, "https://mirror.example.com/ranges.json"] {
            assert_eq!(check_place(&at(right), &configured), Ok(()));
        }
        for wrong in [
            "http://ip-ranges.amazonaws.com/ip-ranges.json",
            "https://ip-ranges.amazonaws.com.example.com/ip-ranges.json",
            "https://ip-ranges.amazonaws.com@example.com/ip-ranges.json",
            "https://169.254.169.254/ip-ranges.json",
            "file:///etc/passwd",
            "",
        ] {
            assert!(check_place(&at(wrong), &configured).is_err(), "{wrong}");
        }
    }
}
