//! The headers that objects are served with.

use crate::{ArchivePath, Compression, IndexKind, KeyClass};

/// For what never changes under its name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// For what changes under its name: caches may keep it, and must ask each time.
pub const REVALIDATE: &str = "public, max-age=0, must-revalidate";

/// For what no reader is to see.
const PRIVATE: &str = "no-store";

impl KeyClass {
    /// `Content-Type` and `Cache-Control` of the object of this class under a key.
    ///
    /// What an index names, or a digest, is never used for other bytes: those names may be kept for a year. By its ending a
    /// file outside of `dists/` is told from what changes there (`project/trace/…`, `ls-lR.gz`, an archive's key), and a patch
    /// beside a `*.diff/Index` from indices.
    ///
    /// ```
    /// use suitecast_archive::{Archives, IMMUTABLE, UnlistedTrees};
    ///
    /// let key = "pool/main/h/hello/hello_2.10-3_amd64.deb";
    /// let class = Archives::parse("/")?.classify(key, &UnlistedTrees::default());
    /// assert_eq!(class.headers(key), (Some("application/vnd.debian.binary-package"), Some(IMMUTABLE)));
    /// # Ok::<(), suitecast_archive::ArchivesError>(())
    /// ```
    pub fn headers(&self, key: &str) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::ByHash { .. } => (None, Some(IMMUTABLE)),
            Self::Pool { .. } if is_package_file(key) => (content_type(key), Some(IMMUTABLE)),
            Self::Index if is_patch(key) => (content_type(key), Some(IMMUTABLE)),
            Self::Pool { .. } | Self::Index | Self::Unlisted { .. } => (content_type(key), Some(REVALIDATE)),
            Self::ReleaseFile { file, .. } => (content_type(file.file_name()), Some(REVALIDATE)),
            Self::Private => (content_type(key), Some(PRIVATE)),
            Self::Foreign => (None, None),
        }
    }
}

/// Whether a file's name is one that `Packages` and `Sources` list: of a package, of its debug symbols, or of a source package
/// (deb-src-control(5): the `.dsc`, tar archives and their signatures, and the diff of format 1.0).
fn is_package_file(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let signed = name.strip_suffix(".asc").unwrap_or(name);
    let (stem, compression) = Compression::split(signed);
    let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "deb" | "udeb" | "ddeb" | "dsc" => compression == Compression::None && signed == name,
        "tar" => true,
        "diff" => compression == Compression::Gzip,
        _ => false,
    }
}

/// Whether a key is that of a patch to an index (`Packages.diff/T-2026-…-F-….gz`).
fn is_patch(key: &str) -> bool {
    let Ok(path) = ArchivePath::parse(key) else {
        return false;
    };
    path.parent().is_some_and(|parent| parent.ends_with(".diff")) && IndexKind::of_path(&path) != IndexKind::DiffIndex
}

/// The media type that a name says; none where it says nothing, so that the store's default stays.
///
/// Compressed files are served as what they are, never with a `Content-Encoding`: apt wants the very bytes.
pub fn content_type(key: &str) -> Option<&'static str> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let (stem, compression) = Compression::split(name);
    match compression {
        Compression::Gzip => return Some("application/gzip"),
        Compression::Xz => return Some("application/x-xz"),
        Compression::Bzip2 => return Some("application/x-bzip2"),
        Compression::Lzma => return Some("application/x-lzma"),
        Compression::Zstd => return Some("application/zstd"),
        Compression::Lz4 => return Some("application/x-lz4"),
        Compression::None => {}
    }
    match stem {
        "InRelease" | "Release" | "Packages" | "Sources" | "Index" | "MD5SUMS" | "SHA256SUMS" => {
            return Some("text/plain; charset=utf-8");
        }
        _ if ["Contents-", "Translation-", "Commands-"].iter().any(|start| stem.starts_with(start)) => {
            return Some("text/plain; charset=utf-8");
        }
        _ => {}
    }
    match stem.rsplit_once('.')?.1 {
        "deb" | "udeb" | "ddeb" => Some("application/vnd.debian.binary-package"),
        "gpg" | "asc" | "sign" => Some("application/pgp-signature"),
        "dsc" | "changes" | "buildinfo" | "txt" => Some("text/plain; charset=utf-8"),
        "html" => Some("text/html; charset=utf-8"),
        "tar" => Some("application/x-tar"),
        "yml" | "yaml" => Some("application/yaml"),
        "json" => Some("application/json"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Archives, UnlistedTrees};

    fn headers_of(key: &str) -> (Option<&'static str>, Option<&'static str>) {
        let unlisted = UnlistedTrees::parse("installer-*").unwrap();
        Archives::parse("/").unwrap().classify(key, &unlisted).headers(key)
    }

    fn cache_control_in_a_flat_archive(path: &str) -> Option<&'static str> {
        Archives::parse("flat:/").unwrap().classify(path, &UnlistedTrees::default()).headers(path).1
    }

    #[test]
    fn what_never_changes_may_be_kept_and_the_rest_is_asked_for() {
        let digest = "0".repeat(64);
        for key in [
            "pool/a_1_all.deb",
            "pool/a_1_all.udeb",
            "pool/a_1.dsc",
            "pool/a_1.orig.tar.xz",
            "pool/a_1.orig.tar.gz.asc",
            "pool/a_1.diff.gz",
            "a-native_1.tar.zst",
            &format!("dists/s/main/by-hash/SHA256/{digest}"),
            "dists/s/main/binary-amd64/Packages.diff/T-2026-01-01-F-2025-12-31.gz",
        ] {
            assert_eq!(headers_of(key).1, Some(IMMUTABLE), "{key}");
        }
        for key in [
            "dists/s/InRelease",
            "dists/s/main/binary-amd64/Packages.xz",
            "dists/s/main/binary-amd64/Packages.diff/Index",
            "dists/s/main/installer-amd64/current/images/SHA256SUMS",
            "project/trace/master",
            "ls-lR.gz",
            "archive-key.asc",
            "pool/a_1.dsc.asc",
            "doc/index.html",
        ] {
            assert_eq!(headers_of(key).1, Some(REVALIDATE), "{key}");
        }
        for path in ["a_1_all.deb", "amd64/a_1_all.deb", "a_1.tar.gz"] {
            assert_eq!(cache_control_in_a_flat_archive(path), Some(IMMUTABLE), "{path}");
        }
        // A flat archive's release may list these, and each swap overwrites them.
        for path in ["SHA256SUMS", "Contents-amd64.gz", "amd64/Release", "Packages.gz", "InRelease", "archive-key.gpg"]
        {
            assert_eq!(cache_control_in_a_flat_archive(path), Some(REVALIDATE), "{path}");
        }
        assert_eq!(headers_of(".suitecast/state/1").1, Some("no-store"));
    }

    #[test]
    fn types_follow_names() {
        for (key, kind) in [
            ("pool/a_1_all.deb", Some("application/vnd.debian.binary-package")),
            ("pool/a_1.orig.tar.xz", Some("application/x-xz")),
            ("pool/a_1.dsc", Some("text/plain; charset=utf-8")),
            ("dists/s/InRelease", Some("text/plain; charset=utf-8")),
            ("dists/s/Release.gpg", Some("application/pgp-signature")),
            ("dists/s/main/binary-amd64/Packages.gz", Some("application/gzip")),
            ("dists/s/main/dep11/Components-amd64.yml", Some("application/yaml")),
            ("pool/thing.bin", None),
            ("pool/thing", None),
        ] {
            assert_eq!(headers_of(key).0, kind, "{key}");
        }
    }
}
