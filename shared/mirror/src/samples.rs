//! Release files for the tests of this crate.

#![allow(clippy::unwrap_used, reason = "a test's own input: what fails here fails the test")]

use std::fmt::Write as _;

use crate::release_set::{ReleaseFiles, ReleaseSet};

/// The text of a release of this `Date` over indices (path, digit that its digest is made of).
pub(crate) fn text(date: &str, indices: &[(&str, u8)]) -> String {
    let mut text = format!("Suite: stable\nDate: {date}\nAcquire-By-Hash: yes\nSHA256:\n");
    for (path, digit) in indices {
        writeln!(text, " {} {} {path}", digit.to_string().repeat(64), u64::from(*digit) + 100).unwrap();
    }
    text
}

/// A day of November 2026, as a release writes it.
pub(crate) fn day(day: u8) -> String {
    let midnight: jiff::Timestamp = format!("2026-11-{day:02}T00:00:00Z").parse().unwrap();
    midnight.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// The text of a release of that day.
pub(crate) fn of_day(number: u8) -> String {
    text(&day(number), &[("main/binary-amd64/Packages.xz", number % 10)])
}

/// An envelope as `InRelease` has it, with a signature that names its maker.
pub(crate) fn clear_signed(text: &str, signature: &str) -> Vec<u8> {
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}-----BEGIN PGP SIGNATURE-----\n\n{signature}\n\
         -----END PGP SIGNATURE-----\n"
    )
    .into_bytes()
}

/// All three files of that day, signed by `signature`.
pub(crate) fn files(number: u8, signature: &str) -> ReleaseFiles {
    let text = of_day(number);
    ReleaseFiles {
        in_release: Some(clear_signed(&text, signature)),
        release: Some(text.into_bytes()),
        release_gpg: Some(format!("{signature} on day {number}").into_bytes()),
    }
}

/// `Release` and `Release.gpg` of that day.
pub(crate) fn detached(number: u8, signature: &str) -> ReleaseFiles {
    ReleaseFiles { in_release: None, ..files(number, signature) }
}

/// The release of these files.
pub(crate) fn set(files: ReleaseFiles) -> ReleaseSet {
    ReleaseSet::read(files, None).unwrap()
}
