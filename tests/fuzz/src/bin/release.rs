//! `Release`: what is accepted says the same when it is written down anew, and whatever its line ends are.

#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use suitecast_archive::{MAX_FILE_BYTES, MAX_RELEASE_ENTRIES, Release, Scope, Strictness, index_groups};
use suitecast_fuzz::{assert_presentable, assert_stays_inside};

fuzz_target!(|input: &[u8]| {
    let parsed = Release::parse(input);
    let with_carriage_returns = Release::parse(&replaced(input));
    match (&parsed, &with_carriage_returns) {
        (Ok(one), Ok(two)) => assert_eq!(one, two, "line ends make a difference"),
        (Err(one), Err(_)) => assert_presentable(one),
        (one, two) => panic!("line ends make a difference: {one:?} and {two:?}"),
    }
    if let Ok(release) = parsed {
        check(&release);
    }
});

/// Every line feed with a carriage return before it, as a tool on another system would write it.
fn replaced(input: &[u8]) -> Vec<u8> {
    input
        .iter()
        .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

fn check(release: &Release) {
    assert!(!release.entries.is_empty() && release.entries.len() <= MAX_RELEASE_ENTRIES);
    for (path, entry) in &release.entries {
        assert_stays_inside(path.as_str());
        assert!(!matches!(path.as_str(), "Release" | "InRelease" | "Release.gpg"), "{path}");
        assert!(entry.size <= MAX_FILE_BYTES && !entry.digests.is_empty(), "{path}: {entry:?}");
    }
    assert_eq!(Release::parse(written(release).as_bytes()).as_ref(), Ok(release), "{}", written(release));
    for strictness in [Strictness::Strict, Strictness::Relaxed] {
        for architectures in [None, Some(vec!["amd64".to_owned()])] {
            let scope = Scope { architectures, strictness, ..Scope::everything() };
            let groups = index_groups(release, &scope);
            let variants: usize = groups.iter().map(|group| group.variants.len()).sum();
            assert!(variants <= release.entries.len(), "a file is in two groups");
            assert!(!scope.is_everything() || variants == release.entries.len(), "a file is in no group");
        }
    }
}

/// The release in the plainest form that says the same.
fn written(release: &Release) -> String {
    let mut text = String::new();
    for (field, value) in [("Suite", &release.suite), ("Codename", &release.codename)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{field}: {value}");
        }
    }
    let date = |instant: jiff::Timestamp| instant.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
    let _ = writeln!(text, "Date: {}", date(release.date));
    if let Some(until) = release.valid_until {
        let _ = writeln!(text, "Valid-Until: {}", date(until));
    }
    let _ = writeln!(text, "Acquire-By-Hash: {}", if release.acquire_by_hash { "yes" } else { "no" });
    let _ = writeln!(text, "Architectures: {}", release.architectures.join(" "));
    let _ = writeln!(text, "Components: {}", release.components.join(" "));
    if release.no_support_for_architecture_all_packages {
        let _ = writeln!(text, "No-Support-for-Architecture-all: Packages");
    }
    for strong in ["SHA256", "SHA512"] {
        let _ = writeln!(text, "{strong}:");
        for (path, entry) in &release.entries {
            let digest = if strong == "SHA256" { entry.digests.sha256 } else { entry.digests.sha512 };
            if let Some(digest) = digest {
                let _ = writeln!(text, " {digest} {} {path}", entry.size);
            }
        }
    }
    text
}
