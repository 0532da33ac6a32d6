//! Generations changed by hand and signed again: what a botched or hostile publisher uploads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own input: what fails here fails the test"
)]

use bytes::Bytes;
use jiff::Timestamp;
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};

/// The index that is edited, relative to its suite.
const PACKAGES: &str = "main/binary-amd64/Packages";
/// When edited releases are signed: 2026-08-01. Nothing looks at it.
const SIGNED_AT: i64 = 1_785_542_400;

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Digest::of(DigestAlgorithm::Sha256, bytes).to_string()
}

/// The generation with the text of its Release changed, and signed as it was before.
///
/// # Panics
/// When the generation has no `Release`, or signing fails.
#[must_use]
pub fn with_release(maker: &ArchiveMaker, generation: &Generation, edit: impl FnOnce(&str) -> String) -> Generation {
    let mut edited = generation.clone();
    let text = text_of(&edited, "Release");
    let text = edit(&text);
    let key = maker.key().unwrap();
    let signed_at = Timestamp::from_second(SIGNED_AT).unwrap();
    let files = [
        ("InRelease", key.clear_signed(&text, signed_at).unwrap()),
        ("Release.gpg", key.detached(text.as_bytes(), signed_at).unwrap()),
        ("Release", text.into_bytes()),
    ];
    for (name, bytes) in files {
        if let Some(place) = edited.files.get_mut(&generation.suite_key(name)) {
            *place = Bytes::from(bytes);
        }
    }
    edited
}

/// The generation with `Date` replaced.
#[must_use]
pub fn with_date(maker: &ArchiveMaker, generation: &Generation, date: &str) -> Generation {
    with_release(maker, generation, |text| {
        let lines =
            text.lines().map(|line| if line.starts_with("Date:") { format!("Date: {date}") } else { line.into() });
        joined(lines)
    })
}

/// The generation with the text of `main/binary-amd64/Packages` changed, and everything above it consistent with that.
/// The index is offered in its plain form only, so the generation needs to be made with plain indices shipped.
///
/// # Panics
/// When the generation has no such index.
#[must_use]
pub fn with_packages(maker: &ArchiveMaker, generation: &Generation, edit: impl FnOnce(&str) -> String) -> Generation {
    with_index(maker, generation, PACKAGES, edit)
}

/// The same for an index of another path within the suite.
///
/// # Panics
/// When the generation has no such index.
#[must_use]
pub fn with_index(
    maker: &ArchiveMaker,
    generation: &Generation,
    path: &str,
    edit: impl FnOnce(&str) -> String,
) -> Generation {
    let text = edit(&text_of(generation, path));
    with_index_bytes(maker, generation, path, "", Bytes::from(text))
}

/// The generation with an index in one form only, the one with this suffix, holding these bytes; listed correctly.
///
/// # Panics
/// When the generation has no `Release`.
#[must_use]
pub fn with_index_bytes(
    maker: &ArchiveMaker,
    generation: &Generation,
    path: &str,
    suffix: &str,
    bytes: Bytes,
) -> Generation {
    let mut edited = generation.clone();
    let digest = sha256(&bytes);
    let row = format!(" {digest} {:>8} {path}{suffix}", bytes.len());
    for form in ["", ".gz", ".xz"] {
        edited.files.remove(&generation.suite_key(&format!("{path}{form}")));
    }
    let (directory, _) = path.rsplit_once('/').unwrap();
    let by_hash = generation.suite_key(&format!("{directory}/by-hash/SHA256/{digest}"));
    edited.files.insert(by_hash, bytes.clone());
    edited.files.insert(generation.suite_key(&format!("{path}{suffix}")), bytes);
    with_release(maker, &edited, |release| {
        let strong = release.find("SHA256:").unwrap();
        let (weak, strong) = release.split_at(strong);
        let is_of_index = |line: &&str| line.contains(&format!(" {path}"));
        let weak = weak.lines().filter(|line| !is_of_index(line)).map(str::to_owned);
        let strong = strong.lines().filter(|line| !is_of_index(line)).map(str::to_owned);
        joined(weak.chain(strong).chain([row]))
    })
}

/// The generation with one pool file holding other bytes of the same length, listed correctly.
///
/// # Panics
/// When the generation has no such file.
#[must_use]
pub fn with_changed_file(maker: &ArchiveMaker, generation: &Generation, key: &str) -> Generation {
    let old = generation.files[key].clone();
    let mut new = old.to_vec();
    *new.last_mut().unwrap() ^= 1;
    let (old, listed) = (sha256(&old), sha256(&new));
    let mut edited = with_packages(maker, generation, |text| {
        assert!(text.contains(&old), "{key} is not listed");
        text.replace(&old, &listed)
    });
    edited.files.insert(key.to_owned(), Bytes::from(new));
    edited
}

fn text_of(generation: &Generation, path: &str) -> String {
    let key = generation.suite_key(path);
    let bytes = generation.files.get(&key).unwrap_or_else(|| panic!("no {key}"));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}
