//! Source packages in format `3.0 (quilt)`: the upstream tarball, the Debian one, and the `.dsc` that names both.

use std::fmt::Write as _;

use super::MakeError;
use super::compress::{Effort, xz};
use super::containers::{TarEntry, TarKind, tar};
use super::digests;
use super::package::{Built, Package};

/// The files of a source package: file name and bytes, and the fields for `Sources`.
pub(super) struct Source {
    /// The .dsc is the last.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// The fields of the stanza without the lists of files, each line with its newline.
    pub(super) fields: String,
}

/// Builds it. The upstream tarball follows from name and upstream version alone: it stays as it is from one Debian
/// revision to the next.
pub(super) fn build(package: &Package) -> Result<Source, MakeError> {
    let (name, upstream, version) = (&package.name, &package.upstream, package.version());
    let bare = package.version_without_epoch();
    let root = format!("{name}-{upstream}");
    let readme = format!("{name} {upstream}\n");
    let original = xz(
        &tar(&[
            TarEntry { path: format!("{root}/"), kind: TarKind::Directory },
            TarEntry {
                path: format!("{root}/README"),
                kind: TarKind::File { bytes: readme.as_bytes(), executable: false },
            },
        ])?,
        Effort::Usual,
    )?;

    let architecture = if package.built == Built::All { "all" } else { "any" };
    let control = format!(
        "Source: {name}\nSection: misc\nPriority: optional\nMaintainer: Nobody <none@example.com>\n\n\
         Package: {name}\nArchitecture: {architecture}\nDescription: {}\n{}",
        package.short_description(),
        package.long_description()
    );
    let changelog = format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * Made for tests.\n\n \
         -- Nobody <none@example.com>  Wed, 01 Jan 2025 00:00:00 +0000\n"
    );
    let text = |path: &str, text: &'static str| TarEntry {
        path: path.to_owned(),
        kind: TarKind::File { bytes: text.as_bytes(), executable: false },
    };
    let debian = xz(
        &tar(&[
            TarEntry { path: "debian/".to_owned(), kind: TarKind::Directory },
            TarEntry {
                path: "debian/changelog".to_owned(),
                kind: TarKind::File { bytes: changelog.as_bytes(), executable: false },
            },
            TarEntry {
                path: "debian/control".to_owned(),
                kind: TarKind::File { bytes: control.as_bytes(), executable: false },
            },
            TarEntry {
                path: "debian/rules".to_owned(),
                kind: TarKind::File { bytes: b"#!/usr/bin/make -f\n%:\n\ttrue\n", executable: true },
            },
            TarEntry { path: "debian/source/".to_owned(), kind: TarKind::Directory },
            text("debian/source/format", "3.0 (quilt)\n"),
        ])?,
        Effort::Usual,
    )?;

    let tarballs =
        vec![(format!("{name}_{upstream}.orig.tar.xz"), original), (format!("{name}_{bare}.debian.tar.xz"), debian)];
    let fields = format!(
        "Binary: {name}\nVersion: {version}\nMaintainer: Nobody <none@example.com>\nArchitecture: {architecture}\n\
         Format: 3.0 (quilt)\nStandards-Version: 4.6.2\n"
    );
    let description = format!("Format: 3.0 (quilt)\nSource: {name}\n{}", fields.replace("Format: 3.0 (quilt)\n", ""))
        + &lists(&tarballs);
    let mut files = tarballs;
    files.push((format!("{name}_{bare}.dsc"), description.into_bytes()));
    Ok(Source { files, fields })
}

/// `Files` (MD5) and `Checksums-Sha256` over these files.
pub(super) fn lists(files: &[(String, Vec<u8>)]) -> String {
    let mut out = String::new();
    let mut list = |field: &str, digest: fn(&[u8]) -> String| {
        let _ = writeln!(out, "{field}:");
        for (name, bytes) in files {
            let _ = writeln!(out, " {} {} {name}", digest(bytes), bytes.len());
        }
    };
    list("Files", digests::md5);
    list("Checksums-Sha256", digests::sha256);
    out
}
