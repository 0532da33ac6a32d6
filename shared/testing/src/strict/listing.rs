//! `ListObjectsV2`: keys in UTF-8 byte order, folded at a delimiter, a page at a time.

use std::ops::Bound;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use super::{bucket::Bucket, failure::Failure};

/// Behind every key that begins with a prefix.
const LAST_CHARACTER: char = char::MAX;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListingInput {
    /// Only keys that begin so.
    pub prefix: String,
    /// Fold keys at the next occurrence of this behind the prefix.
    pub delimiter: Option<String>,
    /// A page's `next`.
    pub continuation: Option<String>,
    /// Only keys behind this one.
    pub start_after: Option<String>,
    /// At most so many keys and folded prefixes; S3's own limit of a page holds anyway.
    pub max_keys: Option<usize>,
}

/// A key of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEntry {
    /// The key.
    pub key: String,
    /// Its tag.
    pub etag: String,
    /// Its size.
    pub size: u64,
    /// When it was written, in whole seconds.
    pub last_modified: Timestamp,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The keys.
    pub objects: Vec<ListingEntry>,
    /// The folded prefixes.
    pub prefixes: Vec<String>,
    /// Where the next page begins, where there is one.
    pub next: Option<String>,
}

pub(super) fn list(bucket: &Bucket, input: &ListingInput, page_keys: usize) -> Result<Listing, Failure> {
    let limit = input.max_keys.unwrap_or(page_keys).min(page_keys);
    let mut behind = match (&input.continuation, &input.start_after) {
        (Some(token), _) => Some(decode(token)?),
        (None, Some(key)) => Some(key.clone()),
        (None, None) => None,
    };
    let mut page = Listing::default();
    let mut last = String::new();
    loop {
        let start = match &behind {
            Some(behind) if behind.as_str() >= input.prefix.as_str() => Bound::Excluded(behind.as_str()),
            _ => Bound::Included(input.prefix.as_str()),
        };
        let mut found = bucket
            .keys
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&input.prefix))
            .filter_map(|(key, versions)| {
                let version = versions.last()?;
                Some((key, version, version.object.as_ref()?))
            });
        let Some((key, version, object)) = found.next() else {
            return Ok(page);
        };
        if page.objects.len() + page.prefixes.len() == limit {
            page.next = Some(URL_SAFE_NO_PAD.encode(&last));
            return Ok(page);
        }
        let folded = input.delimiter.as_deref().and_then(|delimiter| {
            let rest = key.get(input.prefix.len()..)?;
            rest.find(delimiter).map(|at| key[..input.prefix.len() + at + delimiter.len()].to_owned())
        });
        if let Some(prefix) = folded {
            last = format!("{prefix}{LAST_CHARACTER}");
            page.prefixes.push(prefix);
        } else {
            last.clone_from(key);
            page.objects.push(ListingEntry {
                key: key.clone(),
                etag: object.etag.clone(),
                size: object.content.size(),
                last_modified: version.last_modified,
            });
        }
        behind = Some(last.clone());
    }
}

fn decode(token: &str) -> Result<String, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Failure::invalid_argument("The continuation token provided is incorrect"))
}
