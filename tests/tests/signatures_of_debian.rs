//! Debian's own `InRelease` files by Debian's own keyring: what apt brought onto this machine, and the package
//! `debian-archive-keyring`.
//!
//! Skipped aloud where either is absent; with `CI=true` that is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::Path;

use suitecast_archive::{ClearSigned, Release};
use suitecast_signature::{Keyring, Rejection, SignatureError};
use suitecast_testing::archive_maker::ArchiveKey;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LISTS: &str = "/var/lib/apt/lists";

/// A file's name and what it holds.
type NamedBytes = (String, Vec<u8>);

/// Debian's keyring and its `InRelease` files by their names; none where the machine has them not.
fn debian() -> Option<(Vec<u8>, Vec<NamedBytes>)> {
    let keyring = std::fs::read(KEYRING).ok();
    let lists = Path::new(LISTS).read_dir().into_iter().flatten().flatten();
    let named = lists.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("_InRelease"));
    let read =
        named.filter_map(|path| Some((path.file_name()?.to_string_lossy().into_owned(), std::fs::read(path).ok()?)));
    let files: Vec<_> = read.filter(|(_, bytes)| bytes.windows(16).any(|at| at == b"\nOrigin: Debian\n")).collect();
    match keyring {
        Some(keyring) if !files.is_empty() => Some((keyring, files)),
        _ => {
            let line = format!(
                "{KEYRING} (package debian-archive-keyring) and Debian's InRelease in {LISTS} (apt-get update) are needed"
            );
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}: with CI=true nothing may be skipped");
            eprintln!("SKIPPED: {line}");
            None
        }
    }
}

/// The signatures of these files are old, and what counts here is not when this test runs.
fn now(text: &[u8]) -> jiff::Timestamp {
    Release::parse(text).unwrap().date
}

#[test]
fn debian_signed_its_own_releases() {
    let Some((keyring, files)) = debian() else { return };
    let keyring = Keyring::parse(&keyring).unwrap();
    for (name, bytes) in &files {
        let file = ClearSigned::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let day = jiff::SignedDuration::from_hours(24);
        let verified = keyring.verify_clear_signed(&file, now(&file.text) + day);
        let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
        eprintln!("{name}: signed by {:?}; ignored: {:?}", verified.signers, verified.ignored);
        assert!(!verified.signers.is_empty(), "{name}");
    }
}

#[test]
fn a_changed_release_of_debian_is_refused() {
    let Some((keyring, files)) = debian() else { return };
    let keyring = Keyring::parse(&keyring).unwrap();
    let stranger = Keyring::parse(&ArchiveKey::from_seed(1).unwrap().public_bytes().unwrap()).unwrap();
    for (name, bytes) in &files {
        let file = ClearSigned::parse(bytes).unwrap();
        let at = now(&file.text) + jiff::SignedDuration::from_hours(24);
        let mut changed = file.clone();
        let digit = changed.text.iter().rposition(u8::is_ascii_digit).unwrap();
        changed.text[digit] ^= 1;
        let error = keyring.verify_clear_signed(&changed, at).unwrap_err();
        assert!(error.is_of_another_text(), "{name}: {error}");
        let error = stranger.verify_clear_signed(&file, at).unwrap_err();
        let unknown = matches!(&error, SignatureError::Refused { rejected, .. }
            if rejected.iter().all(|signature| signature.reason == Rejection::UnknownKey));
        assert!(unknown, "{name}: {error}");
    }
}
