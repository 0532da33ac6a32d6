//! The release files: the list of every index with its digests, its two signatures, and the envelope of both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::digests;
use super::{ArchiveKey, MakeError, Signing};

/// What a Release says besides its lists.
pub(super) struct ReleaseFields<'a> {
    pub(super) suite: &'a str,
    pub(super) date: Timestamp,
    pub(super) valid_for: Option<SignedDuration>,
    pub(super) by_hash: bool,
    pub(super) architectures: Vec<String>,
    pub(super) components: &'a [String],
    pub(super) no_support_for_all: bool,
    pub(super) with_sha512: bool,
}

/// A date as a Release writes it: RFC 2822 with the zone spelt `UTC`.
fn written(date: Timestamp) -> String {
    date.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// The text of the Release over these indices (path relative to the suite, bytes).
pub(super) fn text(fields: &ReleaseFields<'_>, indices: &BTreeMap<String, Bytes>) -> String {
    let mut out = String::new();
    let codename = fields.suite.rsplit('/').next().unwrap_or(fields.suite);
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("Origin: Suitecast tests".to_owned());
    line("Label: Suitecast tests".to_owned());
    line(format!("Suite: {}", fields.suite));
    line(format!("Codename: {codename}"));
    line(format!("Date: {}", written(fields.date)));
    if let Some(until) = fields.valid_for.and_then(|length| fields.date.checked_add(length).ok()) {
        line(format!("Valid-Until: {}", written(until)));
    }
    if fields.by_hash {
        line("Acquire-By-Hash: yes".to_owned());
    }
    if fields.no_support_for_all {
        line("No-Support-for-Architecture-all: Packages".to_owned());
    }
    line(format!("Architectures: {}", fields.architectures.join(" ")));
    line(format!("Components: {}", fields.components.join(" ")));
    line("Description: An archive made for tests".to_owned());
    let mut list = |name: &str, digest: fn(&[u8]) -> String| {
        let _ = writeln!(out, "{name}:");
        for (path, bytes) in indices {
            let _ = writeln!(out, " {} {:>8} {path}", digest(bytes), bytes.len());
        }
    };
    list("MD5Sum", digests::md5);
    list("SHA256", digests::sha256);
    if fields.with_sha512 {
        list("SHA512", digests::sha512);
    }
    out
}

/// The release files, by name.
pub(super) fn files(
    text: String,
    date: Timestamp,
    signing: Signing,
    key: &ArchiveKey,
) -> Result<Vec<(&'static str, Bytes)>, MakeError> {
    let mut files = Vec::new();
    if matches!(signing, Signing::Both | Signing::OnlyInRelease) {
        files.push(("InRelease", Bytes::from(key.clear_signed(&text, date)?)));
    }
    if matches!(signing, Signing::Both | Signing::OnlyDetached) {
        files.push(("Release.gpg", Bytes::from(key.detached(text.as_bytes(), date)?)));
    }
    if signing != Signing::OnlyInRelease {
        files.push(("Release", Bytes::from(text)));
    }
    Ok(files)
}
