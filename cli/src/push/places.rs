//! Where the archives of a tree lie, where nobody said it.

use std::collections::BTreeSet;

use suitecast_archive::{Archives, ReleaseFile};

/// The archives of a tree whose files go below `prefix` of a bucket: every directory that holds `dists/…/InRelease` (or
/// `Release`) is one, and so is, where there is none, the tree itself with its release files at its root. A tree without
/// any release is taken for a standard archive.
///
/// ```text
/// dists/s/InRelease                            → /
/// debian/dists/s/InRelease, ubuntu/dists/…     → debian/, ubuntu/
/// InRelease                                    → flat:/
/// ```
pub(crate) fn archives_of(paths: &[&str], prefix: &str) -> Option<Archives> {
    let is_release = |path: &str| {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        matches!(ReleaseFile::from_file_name(name), Some(ReleaseFile::InRelease | ReleaseFile::Release))
    };
    let standard: BTreeSet<&str> =
        paths.iter().filter(|path| is_release(path)).filter_map(|path| directory_above_dists(path)).collect();
    let text = if !standard.is_empty() {
        let prefixes: Vec<String> = standard
            .into_iter()
            .map(|directory| format!("{}/", format!("{prefix}{directory}").trim_matches('/')))
            .collect();
        prefixes.join(",")
    } else if paths.iter().any(|path| is_release(path) && !path.contains('/')) {
        format!("flat:{}", if prefix.is_empty() { "/" } else { prefix })
    } else {
        if prefix.is_empty() { "/" } else { prefix }.to_owned()
    };
    Archives::parse(&text).ok()
}

/// The directory, with its slash or empty, whose `dists/` a path lies below, a suite's directory in between.
fn directory_above_dists(path: &str) -> Option<&str> {
    let (above, below) = if path.starts_with("dists/") {
        ("", path.strip_prefix("dists/")?)
    } else {
        let start = path.find("/dists/")?;
        (path.get(..=start)?, path.get(start + "/dists/".len()..)?)
    };
    below.contains('/').then_some(above)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use suitecast_archive::{Archive, Layout};

    fn found(paths: &[&str], prefix: &str) -> Vec<(String, Layout)> {
        let archives = archives_of(paths, prefix).unwrap();
        archives.iter().map(|Archive { prefix, layout }| (prefix.clone(), *layout)).collect()
    }

    #[test]
    fn an_archive_is_where_its_dists_are() {
        let one = |prefix: &str, layout| vec![(prefix.to_owned(), layout)];
        assert_eq!(found(&["dists/s/InRelease", "pool/a"], ""), one("", Layout::Standard));
        assert_eq!(found(&["dists/s/updates/Release"], "debian/"), one("debian/", Layout::Standard));
        assert_eq!(found(&["InRelease", "a.deb"], ""), one("", Layout::Flat));
        assert_eq!(found(&["Release", "a.deb"], "flat/"), one("flat/", Layout::Flat));
        assert_eq!(found(&["pool/a"], "x/"), one("x/", Layout::Standard));
        assert_eq!(
            found(&["debian/dists/s/InRelease", "ubuntu/dists/s/Release", "index.html"], "all/"),
            [("all/debian/".to_owned(), Layout::Standard), ("all/ubuntu/".to_owned(), Layout::Standard)]
        );
    }

    #[test]
    fn a_release_of_an_architecture_makes_no_flat_archive() {
        assert_eq!(found(&["binary-amd64/Release", "dists/Release"], ""), [(String::new(), Layout::Standard)]);
    }
}
