//! Binary packages: what `dpkg-deb` would make, small.

use std::fmt::Write as _;

use super::MakeError;
use super::compress::{Effort, gzip};
use super::containers::{TarEntry, TarKind, ar, tar};
use super::digests;
use super::package::{Built, Package};

/// A built package: its bytes and the stanza it carries.
pub(super) struct Deb {
    pub(super) bytes: Vec<u8>,
    /// The control fields without `Description`, each line with its newline.
    pub(super) control: String,
}

/// Builds the package for one architecture. The bytes follow from name, version and architecture alone, so that a key of
/// the pool never changes its bytes.
pub(super) fn build(package: &Package, architecture: &str) -> Result<Deb, MakeError> {
    let (name, version) = (&package.name, package.version());
    let documents = format!("./usr/share/doc/{name}");
    let library = format!("./usr/lib/{name}");
    let note = format!("{name} {version} for {architecture}\n");
    let rights = "Made for tests. No rights reserved.\n".to_owned();

    let mut files = vec![
        (format!("{documents}/README"), note.into_bytes(), false),
        (format!("{documents}/copyright"), rights.into_bytes(), false),
    ];
    if package.built != Built::All {
        let program = format!("#!/bin/sh\necho '{name} {version} {architecture}'\n");
        files.push((format!("{library}/{name}"), program.into_bytes(), true));
    }

    let mut entries: Vec<TarEntry<'_>> = ["./", "./usr/", "./usr/share/", "./usr/share/doc/"]
        .iter()
        .map(|path| (*path).to_owned())
        .chain([format!("{documents}/")])
        .map(|path| TarEntry { path, kind: TarKind::Directory })
        .collect();
    for (path, bytes, executable) in &files {
        if *executable {
            for path in ["./usr/lib/".to_owned(), format!("{library}/")] {
                entries.push(TarEntry { path, kind: TarKind::Directory });
            }
        }
        entries.push(TarEntry { path: path.clone(), kind: TarKind::File { bytes, executable: *executable } });
    }
    let data = gzip(&tar(&entries)?, Effort::Usual)?;

    let mut sums = String::new();
    for (path, bytes, _) in &files {
        let _ = writeln!(sums, "{}  {}", digests::md5(bytes), path.trim_start_matches("./"));
    }
    let installed_kilobytes = files.len() + entries.len();
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Nobody <none@example.com>\n\
         Installed-Size: {installed_kilobytes}\nSection: misc\nPriority: optional\nHomepage: https://example.com/{name}\n"
    );
    let whole_control =
        format!("{control}Description: {}\n{}", package.short_description(), package.long_description());
    let control_tar = gzip(
        &tar(&[
            TarEntry { path: "./".to_owned(), kind: TarKind::Directory },
            TarEntry {
                path: "./control".to_owned(),
                kind: TarKind::File { bytes: whole_control.as_bytes(), executable: false },
            },
            TarEntry {
                path: "./md5sums".to_owned(),
                kind: TarKind::File { bytes: sums.as_bytes(), executable: false },
            },
        ])?,
        Effort::Usual,
    )?;
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control_tar), ("data.tar.gz", &data)]);
    Ok(Deb { bytes, control })
}
