//! Which part of a suite is mirrored.

use crate::{ArchivePath, Compression, Digest, DigestAlgorithm, SecondKeys};

/// The name under which sources are listed among architectures.
const SOURCE: &str = "source";

/// The architecture of packages for every architecture, always mirrored: every client needs them.
const ALL: &str = "all";

/// How many characters of the digest make a fingerprint: 64 bits, and nobody picks scopes to collide.
const FINGERPRINT_CHARACTERS: usize = 16;

/// How much of what a release lists has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strictness {
    /// Every listed compressed variant.
    #[default]
    Strict,
    /// One variant of each index, and `Contents`, `dep11`, `cnf` and translations only where they exist.
    Relaxed,
}

/// Which components and architectures are mirrored, and how strictly. `None` means all.
///
/// The architecture `all` is always mirrored; `source` where architectures are not limited, or list it.
///
/// ```
/// use suitecast_archive::{ArchivePath, Scope};
///
/// let scope = Scope { architectures: Some(vec!["amd64".to_owned()]), ..Scope::everything() };
/// assert!(scope.admits_index(&ArchivePath::parse("main/binary-amd64/Packages.xz")?));
/// assert!(!scope.admits_index(&ArchivePath::parse("main/binary-arm64/Packages.xz")?));
/// assert!(scope.admits_pool_file("hello_2.10-3_amd64.deb"));
/// assert!(!scope.admits_pool_file("hello_2.10-3.dsc"));
/// # Ok::<(), suitecast_archive::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope {
    /// The components, such as `main`.
    pub components: Option<Vec<String>>,
    /// The architectures, such as `amd64`; `source` for sources.
    pub architectures: Option<Vec<String>>,
    /// How much has to be there.
    pub strictness: Strictness,
    /// Whether it has to be there under further keys too, for clients whose requests S3 takes for these.
    pub second_keys: SecondKeys,
}

impl Scope {
    /// All components and architectures, strictly.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Whether neither components nor architectures are limited.
    pub fn is_everything(&self) -> bool {
        self.components.is_none() && self.architectures.is_none()
    }

    /// Whether an index is mirrored, by its path relative to the suite.
    ///
    /// The component is what stands before a directory with a meaning (`binary-*`, `source`, `i18n`, …), never what the
    /// release's `Components` says: bookworm-security says `updates/main` there and lists `main/…`. So of two names for
    /// a component one may be the end of the other. A file at the suite's root (Ubuntu's `Contents-amd64.gz`) has no
    /// component and is asked for its architecture only.
    pub fn admits_index(&self, path: &ArchivePath) -> bool {
        let place = Place::of(path);
        self.admits_component(place.component) && place.architecture.is_none_or(|name| self.admits_architecture(name))
    }

    /// Whether a pool file may be needed, by its name alone: `name_version_ARCHITECTURE.deb` (`.udeb`, `.ddeb`), and
    /// the files of source packages. What the name does not tell is needed.
    pub fn admits_pool_file(&self, file_name: &str) -> bool {
        if let Some(stem) = [".deb", ".udeb", ".ddeb"].iter().find_map(|suffix| file_name.strip_suffix(suffix)) {
            let mut parts = stem.split('_');
            let (name, version, architecture, more) = (parts.next(), parts.next(), parts.next(), parts.next());
            return match (name, version, architecture, more) {
                (Some(_), Some(_), Some(architecture), None) => self.admits_architecture(architecture),
                _ => true,
            };
        }
        !is_source_file(file_name) || self.admits_architecture(SOURCE)
    }

    /// A short name for this scope, the same for the same scope whatever the order in which it was written.
    pub fn fingerprint(&self) -> String {
        let mut text = String::from(match self.strictness {
            Strictness::Strict => "strict",
            Strictness::Relaxed => "relaxed",
        });
        for list in [&self.components, &self.architectures] {
            let mut names: Vec<&str> = list.iter().flatten().map(String::as_str).collect();
            names.sort_unstable();
            names.dedup();
            text.push_str(if list.is_some() { "\nonly" } else { "\nall" });
            for name in names {
                text.push('\0');
                text.push_str(name);
            }
        }
        if self.second_keys == SecondKeys::Kept {
            text.push_str("\nsecond keys");
        }
        let digest = Digest::of(DigestAlgorithm::Sha256, text.as_bytes()).to_string();
        digest.chars().take(FINGERPRINT_CHARACTERS).collect()
    }

    fn admits_component(&self, component: Option<&str>) -> bool {
        match (&self.components, component) {
            (Some(listed), Some(component)) => listed.iter().any(|name| is_same_component(name, component)),
            (None, _) | (_, None) => true,
        }
    }

    fn admits_architecture(&self, architecture: &str) -> bool {
        match &self.architectures {
            Some(listed) => architecture == ALL || listed.iter().any(|name| name == architecture),
            None => true,
        }
    }
}

/// Whether one of two names is the other one or the end of it, counted in whole parts.
fn is_same_component(one: &str, two: &str) -> bool {
    let ends =
        |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    ends(one, two) || ends(two, one)
}

/// Whether a name is one that `dpkg-source` makes: `name_version.dsc`, `.diff.gz`, `.tar.*` and their signatures.
fn is_source_file(file_name: &str) -> bool {
    let Some((_, version)) = file_name.split_once('_') else {
        return false;
    };
    let (stem, compression) = Compression::split(version.strip_suffix(".asc").unwrap_or(version));
    stem.ends_with(".dsc") || compression != Compression::None && (stem.ends_with(".tar") || stem.ends_with(".diff"))
}

/// What the path of an index says about it.
struct Place<'path> {
    component: Option<&'path str>,
    architecture: Option<&'path str>,
}

impl<'path> Place<'path> {
    fn of(path: &'path ArchivePath) -> Self {
        let Some(directory) = path.parent() else {
            return Self { component: None, architecture: architecture_of_name(path.file_name()) };
        };
        let mut component_length = None;
        let mut architecture = None;
        let mut start = 0;
        for segment in directory.split('/') {
            if is_meaningful(segment) && component_length.is_none() {
                component_length = Some(start);
            }
            architecture = architecture.or_else(|| architecture_of_directory(segment));
            start += segment.len() + 1;
        }
        let component = match component_length {
            // `binary-amd64/Packages` at the suite's root: a suite without components.
            Some(0) => None,
            Some(length) => directory.get(..length - 1),
            None => Some(directory),
        };
        Self { component, architecture: architecture.or_else(|| architecture_of_name(path.file_name())) }
    }
}

/// Whether a directory of this name ends the component's name.
fn is_meaningful(segment: &str) -> bool {
    matches!(segment, SOURCE | "i18n" | "dep11" | "cnf" | "debian-installer" | "signed" | "uefi" | "by-hash")
        || ["binary-", "installer-", "dist-upgrader-"].iter().any(|start| segment.starts_with(start))
        || segment.ends_with(".diff")
}

fn architecture_of_directory(segment: &str) -> Option<&str> {
    if segment == SOURCE {
        return Some(SOURCE);
    }
    ["binary-", "installer-", "dist-upgrader-"]
        .iter()
        .find_map(|start| segment.strip_prefix(start))
        .or_else(|| segment.strip_suffix(".diff").and_then(architecture_of_name))
}

/// The architecture in `Contents-amd64.gz`, `Contents-udeb-amd64.gz`, `Components-amd64.yml.xz`, `Commands-amd64.xz`.
fn architecture_of_name(name: &str) -> Option<&str> {
    let stem = Compression::split(name).0;
    if let Some(rest) = stem.strip_prefix("Contents-") {
        return Some(rest.strip_prefix("udeb-").unwrap_or(rest));
    }
    stem.strip_prefix("Components-")
        .and_then(|rest| rest.strip_suffix(".yml"))
        .or_else(|| stem.strip_prefix("Commands-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn scope(components: &[&str], architectures: &[&str]) -> Scope {
        let list = |names: &[&str]| (!names.is_empty()).then(|| names.iter().map(|name| (*name).to_owned()).collect());
        Scope { components: list(components), architectures: list(architectures), ..Scope::everything() }
    }

    fn admits(scope: &Scope, path: &str) -> bool {
        scope.admits_index(&ArchivePath::parse(path).unwrap())
    }

    #[test]
    fn architectures_are_told_by_directories_and_names() {
        let amd64 = scope(&[], &["amd64"]);
        for path in [
            "main/binary-amd64/Packages.xz",
            "main/binary-all/Packages.xz",
            "main/debian-installer/binary-amd64/Packages.xz",
            "main/Contents-amd64.gz",
            "main/Contents-udeb-amd64.gz",
            "main/Contents-all.gz",
            "Contents-amd64.gz",
            "main/binary-amd64/Packages.diff/Index",
            "main/Contents-amd64.diff/Index",
            "main/dep11/Components-amd64.yml.xz",
            "main/dep11/icons-48x48.tar.gz",
            "main/cnf/Commands-amd64.xz",
            "main/i18n/Translation-en.bz2",
            "main/installer-amd64/current/images/SHA256SUMS",
            "Packages.gz",
        ] {
            assert!(admits(&amd64, path), "{path}");
        }
        for path in [
            "main/binary-arm64/Packages.xz",
            "main/debian-installer/binary-arm64/Packages.xz",
            "main/source/Sources.xz",
            "main/source/Sources.diff/Index",
            "main/Contents-source.gz",
            "main/Contents-udeb-arm64.gz",
            "main/Contents-arm64.diff/Index",
            "Contents-arm64.gz",
            "main/dep11/Components-arm64.yml.xz",
            "main/cnf/Commands-arm64.xz",
            "main/installer-arm64/current/images/SHA256SUMS",
        ] {
            assert!(!admits(&amd64, path), "{path}");
            assert!(admits(&Scope::everything(), path), "{path}");
        }
        assert!(admits(&scope(&[], &["source"]), "main/source/Sources.xz"));
    }

    #[test]
    fn components_are_told_by_directories() {
        let main = scope(&["main"], &[]);
        for path in ["main/binary-amd64/Packages", "updates/main/binary-amd64/Packages", "main/Contents-amd64.gz"] {
            assert!(admits(&main, path), "{path}");
        }
        for path in ["contrib/binary-amd64/Packages", "updates/contrib/source/Sources", "xmain/source/Sources"] {
            assert!(!admits(&main, path), "{path}");
        }
        // bookworm-security: Components says updates/main, and the paths say main.
        let security = scope(&["updates/main"], &[]);
        assert!(admits(&security, "main/binary-amd64/Packages"));
        assert!(!admits(&security, "contrib/binary-amd64/Packages"));
        assert!(!admits(&security, "other/main/binary-amd64/Packages"));
        // Without a component there is nothing to leave out.
        assert!(admits(&main, "Contents-amd64.gz") && admits(&main, "binary-amd64/Packages"));
    }

    #[test]
    fn pool_files_are_left_out_only_when_their_name_says_so() {
        let amd64 = scope(&[], &["amd64"]);
        for name in [
            "a_1_amd64.deb",
            "a_1%3a2_all.deb",
            "a_1_amd64.udeb",
            "odd.deb",
            "a_1_2_arm64.deb",
            "a_1_arm64.changes",
            "manual_1.pdf",
            "archive.tar.gz",
        ] {
            assert!(amd64.admits_pool_file(name), "{name}");
        }
        for name in [
            "a_1_arm64.deb",
            "a_1_arm64.udeb",
            "a_1_arm64.ddeb",
            "a_1-1.dsc",
            "a_1.orig.tar.xz",
            "a_1.orig.tar.gz.asc",
            "a_1-1.debian.tar.xz",
            "a_1-1.diff.gz",
        ] {
            assert!(!amd64.admits_pool_file(name), "{name}");
            assert!(Scope::everything().admits_pool_file(name), "{name}");
        }
        assert!(scope(&[], &["source"]).admits_pool_file("a_1-1.dsc"));
    }

    #[test]
    fn a_fingerprint_tells_scopes_apart_and_not_their_spelling() {
        let print = |components: &[&str], architectures: &[&str]| scope(components, architectures).fingerprint();
        assert_eq!(print(&["main", "contrib"], &[]), print(&["contrib", "main", "main"], &[]));
        assert_eq!(print(&[], &[]), Scope::everything().fingerprint());
        assert_eq!(print(&[], &[]).len(), FINGERPRINT_CHARACTERS);
        let relaxed = Scope { strictness: Strictness::Relaxed, ..Scope::everything() };
        let none = Scope { components: Some(Vec::new()), ..Scope::everything() };
        let prints = [
            print(&["main"], &[]),
            print(&[], &["main"]),
            print(&["main"], &["amd64"]),
            print(&[], &[]),
            relaxed.fingerprint(),
            none.fingerprint(),
            Scope { second_keys: SecondKeys::Omitted, ..Scope::everything() }.fingerprint(),
        ];
        for (index, one) in prints.iter().enumerate() {
            assert!(!prints[index + 1..].contains(one), "{prints:?}");
        }
    }

    #[test]
    fn a_fingerprint_outlives_this_version() {
        // It is kept in the state of every suite: another value makes every region verify everything again.
        let without_second_keys = Scope { second_keys: SecondKeys::Omitted, ..Scope::everything() };
        assert_eq!(without_second_keys.fingerprint(), "9c47dcb63939615f");
    }
}
