//! Where archives lie in a bucket, and what a key is.

use thiserror::Error;

use crate::path::shown;
use crate::pattern::Pattern;
use crate::{
    ArchivePath, Digest, IndexKind, NamedFile, PathError, PatternError, ReleaseFile, SecondKeys, SuiteName,
    parse_by_hash,
};

/// The directory of the suites in a standard archive, with its slash.
const DISTS: &str = "dists/";

/// Suitecast's own keys in a region bucket, which no client may read.
const PRIVATE: &str = ".suitecast";

/// The mark before the prefix of a flat archive in the configuration.
const FLAT_MARK: &str = "flat:";

/// The most archives in one bucket: far above any use, low enough that classifying a key stays cheap.
const MAX_ARCHIVES: usize = 256;

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `dists/` with suites and everything else beside it, as Debian and Ubuntu do.
    Standard,
    /// One suite whose release files stand at the archive's root, as sources.list reaches with `deb URL /`.
    Flat,
}

/// One archive of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Archive {
    /// What every key of it begins with: empty, or ending with `/`.
    pub prefix: String,
    /// How it is laid out.
    pub layout: Layout,
}

impl Archive {
    /// The key in the bucket of a path relative to the archive's root.
    pub fn key(&self, path: &ArchivePath) -> String {
        let mut key = String::with_capacity(self.prefix.len() + path.as_str().len());
        key.push_str(&self.prefix);
        key.push_str(path.as_str());
        key
    }

    /// All keys in a Region's bucket of a file that an index names: the one that is its name, then the further ones.
    pub fn keys_of_file(&self, file: &NamedFile, second_keys: SecondKeys) -> Vec<String> {
        let mut keys = vec![self.key(&file.path)];
        keys.extend(second_keys.of_file(&self.prefix, file));
        keys
    }

    /// The path relative to the archive's root of a key in it. None outside of it, and for a key that is no path.
    pub fn path_of_key(&self, key: &str) -> Option<ArchivePath> {
        let rest = key.strip_prefix(&self.prefix)?;
        // A key is never read as another one: `./a` and `a` are two objects.
        ArchivePath::parse(rest).ok().filter(|path| path.as_str() == rest)
    }

    /// What the keys of its release files begin with: `debian/dists/`, or the prefix of a flat archive.
    pub fn suites_key_prefix(&self) -> String {
        match self.layout {
            Layout::Standard => format!("{}{DISTS}", self.prefix),
            Layout::Flat => self.prefix.clone(),
        }
    }

    /// Whether a suite of this name is one of this archive.
    fn holds(&self, suite: &SuiteName) -> bool {
        let directory = suite.directory_key_prefix();
        match self.layout {
            Layout::Standard => directory
                .strip_prefix(&self.prefix)
                .and_then(|rest| rest.strip_prefix(DISTS))
                .is_some_and(|rest| !rest.is_empty()),
            Layout::Flat => directory == self.prefix,
        }
    }

    /// What a path relative to this archive's root is.
    fn classify(&self, path: ArchivePath, unlisted: &UnlistedTrees) -> KeyClass {
        match self.layout {
            Layout::Standard if path.is_below("dists") => self.classify_below_dists(path, unlisted),
            Layout::Standard => KeyClass::Pool { path },
            Layout::Flat => self.classify_flat(path),
        }
    }

    fn classify_below_dists(&self, path: ArchivePath, unlisted: &UnlistedTrees) -> KeyClass {
        if let Some((_, digest)) = parse_by_hash(&path) {
            return KeyClass::ByHash { digest, path };
        }
        if unlisted.holds(&path) {
            return KeyClass::Unlisted { is_checksum_list: is_checksum_list(path.file_name()) };
        }
        match (ReleaseFile::from_file_name(path.file_name()), path.parent()) {
            (Some(file), Some(parent)) if is_suite_directory(parent) => {
                match SuiteName::parse(&format!("{}{parent}", self.prefix)) {
                    Ok(suite) => KeyClass::ReleaseFile { suite, file },
                    Err(_) => KeyClass::Foreign,
                }
            }
            _ => KeyClass::Index,
        }
    }

    fn classify_flat(&self, path: ArchivePath) -> KeyClass {
        if let Some((_, digest)) = parse_by_hash(&path) {
            return KeyClass::ByHash { digest, path };
        }
        if let (Some(file), None) = (ReleaseFile::from_file_name(path.file_name()), path.parent()) {
            let suite = if self.prefix.is_empty() { Ok(SuiteName::root()) } else { SuiteName::parse(&self.prefix) };
            return suite.map_or(KeyClass::Foreign, |suite| KeyClass::ReleaseFile { suite, file });
        }
        let is_patch = path.parent().is_some_and(|parent| parent.ends_with(".diff"));
        match IndexKind::of_path(&path) {
            // A list of checksums in a flat archive may stand for any files, listed in the release or not.
            IndexKind::ChecksumList | IndexKind::ArchitectureRelease | IndexKind::Other if !is_patch => {
                KeyClass::Pool { path }
            }
            _ => KeyClass::Index,
        }
    }
}

/// Whether release files in this directory, relative to a standard archive's root, are those of a suite: directly below
/// `dists/` always; deeper, not where the small `Release` beside a `Packages` or `Sources` stands, nor below a `by-hash`:
/// aptly links the newest of its files there by their plain names.
fn is_suite_directory(directory: &str) -> bool {
    let Some(suite) = directory.strip_prefix(DISTS) else {
        return false;
    };
    let is_beside_an_index =
        suite.rsplit_once('/').is_some_and(|(_, name)| name == "source" || name.starts_with("binary-"));
    !is_beside_an_index && !suite.split('/').skip(1).any(|name| name == "by-hash")
}

/// Whether a file vouches for others beside it, so that it has to come after them.
fn is_checksum_list(name: &str) -> bool {
    let listed = [".gpg", ".sign", ".asc"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    matches!(listed, "SHA256SUMS" | "MD5SUMS" | "SHA1SUMS" | "SHA512SUMS")
}

/// Why the configured archives cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchivesError {
    /// Nothing is named.
    #[error("no archive is given; use / for one at the bucket's root, or prefixes with commas between them")]
    Empty,
    /// More than the limit.
    #[error("{found} archives are given, and at most {MAX_ARCHIVES} are taken")]
    TooMany {
        /// How many were found.
        found: usize,
    },
    /// A prefix is no path.
    #[error("the archive {archive} has no usable prefix")]
    Prefix {
        /// The archive as it was written.
        archive: String,
        /// What is wrong.
        #[source]
        source: PathError,
    },
    /// A prefix is inside a directory that means something else.
    #[error("the archive {archive} lies in {directory}, which is no place for one")]
    Place {
        /// The archive as it was written.
        archive: String,
        /// The directory.
        directory: &'static str,
    },
    /// A prefix is named twice.
    #[error("the archive prefix {prefix:?} is given twice")]
    Twice {
        /// The prefix.
        prefix: String,
    },
}

/// The archives of a bucket. Where one lies in another, a key belongs to the inner one.
///
/// ```
/// use suitecast_archive::{Archives, KeyClass, UnlistedTrees};
///
/// let archives = Archives::parse("debian/,flat:internal/")?;
/// let unlisted = UnlistedTrees::parse("installer-*,dist-upgrader-*,signed,uefi")?;
/// let class = archives.classify("debian/pool/main/a/apt/apt_2.6.1_amd64.deb", &unlisted);
/// assert!(matches!(class, KeyClass::Pool { path } if path.as_str() == "pool/main/a/apt/apt_2.6.1_amd64.deb"));
/// let class = archives.classify("debian/dists/bookworm/InRelease", &unlisted);
/// assert!(matches!(class, KeyClass::ReleaseFile { suite, .. } if suite.as_str() == "debian/dists/bookworm"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archives(Vec<Archive>);

impl Archives {
    /// Reads prefixes with commas between them, `/` for the bucket's root, `flat:` before a flat one's. The slash at a
    /// prefix's end may be left out.
    ///
    /// # Errors
    /// When there is none, one is no path or at an impossible place, or two are the same.
    pub fn parse(text: &str) -> Result<Self, ArchivesError> {
        let mut archives = text
            .split(',')
            .map(str::trim)
            .filter(|archive| !archive.is_empty())
            .map(parse_archive)
            .collect::<Result<Vec<_>, _>>()?;
        if archives.is_empty() {
            return Err(ArchivesError::Empty);
        }
        if archives.len() > MAX_ARCHIVES {
            return Err(ArchivesError::TooMany { found: archives.len() });
        }
        // The longest prefix first, so that the first one that fits is the innermost.
        archives.sort_by(|one, two| two.prefix.len().cmp(&one.prefix.len()).then_with(|| one.prefix.cmp(&two.prefix)));
        for pair in archives.windows(2) {
            if let [one, two] = pair
                && one.prefix == two.prefix
            {
                return Err(ArchivesError::Twice { prefix: one.prefix.clone() });
            }
        }
        Ok(Self(archives))
    }

    /// The archives, the longest prefix first.
    pub fn iter(&self) -> impl Iterator<Item = &Archive> {
        self.0.iter()
    }

    /// What a key of the bucket is.
    pub fn classify(&self, key: &str, unlisted: &UnlistedTrees) -> KeyClass {
        if key.strip_prefix(PRIVATE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return KeyClass::Private;
        }
        let Some(archive) = self.0.iter().find(|archive| key.starts_with(&archive.prefix)) else {
            return KeyClass::Foreign;
        };
        archive.path_of_key(key).map_or(KeyClass::Foreign, |path| archive.classify(path, unlisted))
    }

    /// The archive that a suite belongs to; none where the configuration has no place for it.
    pub fn archive_of(&self, suite: &SuiteName) -> Option<&Archive> {
        let directory = suite.directory_key_prefix();
        self.0.iter().find(|archive| directory.starts_with(&archive.prefix)).filter(|archive| archive.holds(suite))
    }

    /// The archive that a key lies in, whatever the key is.
    pub fn archive_of_key(&self, key: &str) -> Option<&Archive> {
        self.0.iter().find(|archive| key.starts_with(&archive.prefix))
    }
}

fn parse_archive(text: &str) -> Result<Archive, ArchivesError> {
    let (layout, prefix) = match text.strip_prefix(FLAT_MARK) {
        Some(prefix) => (Layout::Flat, prefix.trim()),
        None => (Layout::Standard, text),
    };
    if matches!(prefix, "" | "/" | "." | "./") {
        return Ok(Archive { prefix: String::new(), layout });
    }
    let inner = prefix.strip_prefix('/').unwrap_or(prefix);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let path = ArchivePath::parse(inner).map_err(|source| ArchivesError::Prefix { archive: shown(text), source })?;
    if path.segments().next() == Some(PRIVATE) {
        return Err(ArchivesError::Place { archive: shown(text), directory: ".suitecast/" });
    }
    Ok(Archive { prefix: format!("{path}/"), layout })
}

/// Directories below `dists/` whose files no release lists, and which are mirrored as they are: Ubuntu's installers and
/// signed boot loaders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnlistedTrees(Vec<Pattern>);

impl UnlistedTrees {
    /// Reads patterns of directory names with commas between them; an empty text means none.
    ///
    /// # Errors
    /// When one is no pattern, or holds a slash: it is compared with one directory's name.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let patterns = Pattern::parse_list(text)?;
        match patterns.iter().find(|pattern| pattern.as_str().contains('/')) {
            Some(pattern) => Err(PatternError::Slash { pattern: shown(pattern.as_str()) }),
            None => Ok(Self(patterns)),
        }
    }

    /// Whether no directory is one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a directory of this name is one.
    pub fn matches_directory(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether a path relative to a standard archive's root, below `dists/` and its suite's directory, lies in one.
    fn holds(&self, path: &ArchivePath) -> bool {
        // The first part is `dists`, the second the suite, which is never such a tree whatever its name.
        let directories = path.parent().unwrap_or_default().split('/').skip(2);
        !self.0.is_empty() && directories.into_iter().any(|directory| self.matches_directory(directory))
    }
}

/// What a key of the bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClass {
    /// A file that indices name, or that stands beside them for people: never changed once there.
    Pool {
        /// Its path relative to the archive.
        path: ArchivePath,
    },
    /// An index by the name of its content.
    ByHash {
        /// The digest its name says.
        digest: Digest,
        /// Its path relative to the archive.
        path: ArchivePath,
    },
    /// A release file of a suite.
    ReleaseFile {
        /// The suite.
        suite: SuiteName,
        /// Which of the three.
        file: ReleaseFile,
    },
    /// Anything else in the directory of a suite: an index under its canonical name, a patch, the `Release` of an
    /// architecture.
    Index,
    /// A file in a tree that no release lists.
    Unlisted {
        /// Whether it vouches for files beside it (`SHA256SUMS`, `MD5SUMS`, their signatures), so that it comes after
        /// them.
        is_checksum_list: bool,
    },
    /// Suitecast's own.
    Private,
    /// Outside of every archive, or no path.
    Foreign,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn class(archives: &str, key: &str) -> KeyClass {
        let unlisted = UnlistedTrees::parse("installer-*,dist-upgrader-*,signed,uefi").unwrap();
        Archives::parse(archives).unwrap().classify(key, &unlisted)
    }

    fn release(suite: &str, file: ReleaseFile) -> KeyClass {
        KeyClass::ReleaseFile { suite: SuiteName::parse(suite).unwrap(), file }
    }

    fn pool(path: &str) -> KeyClass {
        KeyClass::Pool { path: ArchivePath::parse(path).unwrap() }
    }

    #[test]
    fn keys_of_a_standard_archive_are_told_apart() {
        assert_eq!(class("/", "pool/main/a/a_1_all.deb"), pool("pool/main/a/a_1_all.deb"));
        assert_eq!(class("/", "project/trace/master"), pool("project/trace/master"));
        assert_eq!(class("/", "dists/sid/InRelease"), release("dists/sid", ReleaseFile::InRelease));
        assert_eq!(class("/", "dists/b/updates/Release"), release("dists/b/updates", ReleaseFile::Release));
        assert_eq!(class("/", "dists/source/Release.gpg"), release("dists/source", ReleaseFile::ReleaseGpg));
        for key in [
            "dists/sid/main/binary-amd64/Release",
            "dists/sid/main/source/Release",
            "dists/sid/main/binary-amd64/Packages.xz",
            "dists/sid/main/binary-amd64/Packages.diff/T-1-F-2.gz",
            "dists/sid/main/binary-amd64/by-hash/SHA256/short",
            "dists/sid/main/binary-amd64/by-hash/SHA256/Release",
            "dists/Release",
        ] {
            assert_eq!(class("/", key), KeyClass::Index, "{key}");
        }
    }

    #[test]
    fn by_hash_keys_carry_their_digest() {
        let digest = Digest::of(crate::DigestAlgorithm::Md5, b"");
        let path = format!("dists/sid/main/installer-amd64/by-hash/MD5Sum/{digest}");
        let expected = KeyClass::ByHash { digest, path: ArchivePath::parse(&path).unwrap() };
        assert_eq!(class("debian", &format!("debian/{path}")), expected);
    }

    #[test]
    fn unlisted_trees_are_found_at_any_depth_but_no_suite_is_one() {
        let unlisted = |is_checksum_list| KeyClass::Unlisted { is_checksum_list };
        assert_eq!(class("/", "dists/n/main/installer-amd64/current/images/vmlinuz"), unlisted(false));
        assert_eq!(class("/", "dists/n/main/uefi/grub2-amd64/1/SHA256SUMS"), unlisted(true));
        assert_eq!(class("/", "dists/n/main/uefi/grub2-amd64/1/SHA256SUMS.gpg"), unlisted(true));
        assert_eq!(class("/", "dists/n/main/signed/linux-amd64/Release"), unlisted(false));
        assert_eq!(class("/", "dists/signed/InRelease"), release("dists/signed", ReleaseFile::InRelease));
        assert_eq!(class("/", "dists/n/signed"), KeyClass::Index);
    }

    #[test]
    fn keys_of_a_flat_archive_are_told_apart() {
        assert_eq!(class("flat:deb", "deb/InRelease"), release("deb", ReleaseFile::InRelease));
        assert_eq!(class("flat:/", "Release"), release(".", ReleaseFile::Release));
        assert_eq!(class("flat:/", "a_1_all.deb"), pool("a_1_all.deb"));
        assert_eq!(class("flat:/", "sub/Release"), pool("sub/Release"));
        assert_eq!(class("flat:/", "SHA256SUMS"), pool("SHA256SUMS"));
        for key in
            ["Packages", "Packages.gz", "Sources.xz", "Contents-amd64.gz", "Packages.diff/T-1.gz", "Translation-en"]
        {
            assert_eq!(class("flat:/", key), KeyClass::Index, "{key}");
        }
    }

    #[test]
    fn the_innermost_archive_owns_a_key() {
        let archives = "/,debian/,flat:debian/extra";
        assert_eq!(class(archives, "debian/extra/x.deb"), pool("x.deb"));
        assert_eq!(class(archives, "debian/pool/x.deb"), pool("pool/x.deb"));
        assert_eq!(class(archives, "other/x.deb"), pool("other/x.deb"));
        let archives = Archives::parse(archives).unwrap();
        let prefix =
            |suite: &str| archives.archive_of(&SuiteName::parse(suite).unwrap()).map(|archive| archive.prefix.as_str());
        assert_eq!(prefix("debian/dists/sid"), Some("debian/"));
        assert_eq!(prefix("dists/sid/updates"), Some(""));
        assert_eq!(prefix("debian/extra"), Some("debian/extra/"));
        assert_eq!(prefix("debian/extra/dists/sid"), None);
        assert_eq!(prefix("dists"), None);
        assert_eq!(prefix("."), None);
    }

    #[test]
    fn keys_that_are_no_paths_or_nobodys_are_left_alone() {
        for key in ["", "pool/", "pool//x", "./x", "/x", "dists/../x", "a\nb", &"k".repeat(1025)] {
            assert_eq!(class("/", key), KeyClass::Foreign, "{key:?}");
        }
        assert_eq!(class("debian/", "debianx/pool/x"), KeyClass::Foreign);
        assert_eq!(class("debian/", "debian/"), KeyClass::Foreign);
        assert_eq!(class("/", ".suitecast/state/1"), KeyClass::Private);
        assert_eq!(class("/", ".suitecast"), KeyClass::Private);
        assert_eq!(class("/", ".suitecastle/x"), pool(".suitecastle/x"));
    }

    #[test]
    fn impossible_archives_are_refused() {
        assert_eq!(Archives::parse(" ,"), Err(ArchivesError::Empty));
        assert!(matches!(Archives::parse("a/../b"), Err(ArchivesError::Prefix { .. })));
        assert!(matches!(Archives::parse(".suitecast/x"), Err(ArchivesError::Place { .. })));
        assert!(matches!(Archives::parse("debian,flat:debian/"), Err(ArchivesError::Twice { .. })));
        assert!(matches!(UnlistedTrees::parse("a/b"), Err(PatternError::Slash { .. })));
        assert_eq!(Archives::parse("/debian").unwrap(), Archives::parse("debian/").unwrap());
    }
}
