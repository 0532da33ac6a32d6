//! Which indices a release makes necessary.
//!
//! Archives list the digest of an index's uncompressed form without shipping it, so "everything listed" is too much;
//! and a client takes whichever compressed form it likes best, so "one form of each" is too little. The rule between is
//! below.

use std::collections::BTreeMap;

use crate::{ArchivePath, Compression, Digest, IndexKind, Release, ReleaseEntry, Scope, Strictness, by_hash_path};

/// One listed form of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its path relative to the suite.
    pub path: ArchivePath,
    /// What the release says of it.
    pub entry: ReleaseEntry,
    /// How it is compressed.
    pub compression: Compression,
    /// Whether it counts towards [`IndexGroup::need`].
    pub required: bool,
}

impl Variant {
    /// The names that it is kept under by content, relative to the suite: by the digest that a copy can be checked by first, by
    /// the strongest (which clients ask for) after it.
    pub fn by_hash_names(&self) -> Vec<(ArchivePath, Digest)> {
        let digests = [self.entry.digests.checkable(), self.entry.digests.strongest()];
        let mut names: Vec<_> =
            digests.into_iter().flatten().map(|digest| (by_hash_path(&self.path, &digest), digest)).collect();
        names.dedup();
        names
    }
}

/// How many of a group's required variants have to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Each of them (strict).
    Each,
    /// One of them, whichever (relaxed).
    One,
    /// None: the group is taken where it exists, and warned about where it does not.
    Nothing,
}

/// The variants of one index: what is the same file under different compressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexGroup {
    /// The path without a compression's suffix, relative to the suite.
    pub stem: ArchivePath,
    /// What it is for.
    pub kind: IndexKind,
    /// How many of the required variants have to be there.
    pub need: Need,
    /// The variants, in the order of their paths.
    pub variants: Vec<Variant>,
}

impl IndexGroup {
    /// The variants that count towards [`IndexGroup::need`].
    pub fn required(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| variant.required)
    }

    /// The variant to read for the files it names: a required one where it can be read, the smallest to fetch first
    /// (xz, gz, plain). Where one variant is enough, it need not be the one that exists: see
    /// [`IndexGroup::readable_variants`].
    ///
    /// None where the kind names no files, where nothing of the group is needed, and where no listed variant has a
    /// compression that is read. The last case ([`IndexGroup::is_unreadable`]) means that a suite cannot be verified.
    pub fn readable(&self) -> Option<&Variant> {
        if self.need == Need::Nothing { None } else { self.readable_variants().into_iter().next() }
    }

    /// Whether the group names files that a complete suite needs, and no listed variant of it can be read.
    pub fn is_unreadable(&self) -> bool {
        self.kind.names_files() && self.need != Need::Nothing && self.readable().is_none()
    }

    /// The variants that can be read for the files they name, the best first: required before others, xz, gz, plain.
    pub fn readable_variants(&self) -> Vec<&Variant> {
        if !self.kind.names_files() {
            return Vec::new();
        }
        let mut ranked: Vec<_> = self
            .variants
            .iter()
            .filter_map(|variant| variant.compression.reading_rank().map(|rank| (!variant.required, rank, variant)))
            .collect();
        ranked.sort_by_key(|(is_optional, rank, _)| (*is_optional, *rank));
        ranked.into_iter().map(|(_, _, variant)| variant).collect()
    }
}

/// The indices of a release inside the scope, grouped by stem, in the order of their stems.
///
/// Strict: every compressed variant is required, since a client may pick any; a plain one only where it is the sole
/// form, since archives list the digest of plain forms that they do not ship. Not required: a plain form of no size
/// (apt skips it), and `binary-all` where the release says that clients do not look there. Relaxed: one variant, and
/// none of what apt can do without.
///
/// ```
/// use suitecast_archive::{Release, Scope, index_groups};
///
/// let digest = "0".repeat(64);
/// let text = format!(
///     "Date: Mon, 23 Nov 2026 00:00:00 UTC\nSHA256:\n {digest} 9 main/binary-amd64/Packages\n {digest} 5 main/binary-amd64/Packages.xz\n"
/// );
/// let groups = index_groups(&Release::parse(text.as_bytes())?, &Scope::everything());
/// let required: Vec<&str> = groups[0].required().map(|variant| variant.path.as_str()).collect();
/// assert_eq!(required, ["main/binary-amd64/Packages.xz"]);
/// # Ok::<(), suitecast_archive::ReleaseError>(())
/// ```
pub fn index_groups(release: &Release, scope: &Scope) -> Vec<IndexGroup> {
    let mut variants_by_stem: BTreeMap<ArchivePath, Vec<Variant>> = BTreeMap::new();
    for (path, entry) in &release.entries {
        if scope.admits_index(path) {
            let variant =
                Variant { path: path.clone(), entry: *entry, compression: Compression::of_path(path), required: false };
            variants_by_stem.entry(Compression::stem(path)).or_default().push(variant);
        }
    }
    let is_all_ruled_out = rules_out_binary_all(release);
    let group = |(stem, mut variants): (ArchivePath, Vec<Variant>)| {
        let kind = IndexKind::of_path(&stem);
        let is_ruled_out = is_all_ruled_out && stem.parent().is_some_and(is_binary_all);
        let is_optional = is_ruled_out || scope.strictness == Strictness::Relaxed && kind.is_extra();
        if !is_optional {
            mark_required(&mut variants);
        }
        let need = match (variants.iter().any(|variant| variant.required), scope.strictness) {
            (false, _) => Need::Nothing,
            (true, Strictness::Strict) => Need::Each,
            (true, Strictness::Relaxed) => Need::One,
        };
        if need == Need::One {
            // Any form will do, the plain one too, which the strict rule leaves aside.
            for variant in &mut variants {
                variant.required = true;
            }
        }
        IndexGroup { stem, kind, need, variants }
    };
    variants_by_stem.into_iter().map(group).collect()
}

fn mark_required(variants: &mut [Variant]) {
    let has_compressed = variants.iter().any(|variant| variant.compression != Compression::None);
    for variant in variants {
        variant.required = match variant.compression {
            Compression::None => !has_compressed && variant.entry.size > 0,
            _ => true,
        };
    }
}

/// Whether clients leave `binary-all` alone: `all` is not among the architectures, or the release says that its
/// packages are in every other architecture's index too. Without the field `Architectures` apt takes every architecture
/// as supported.
fn rules_out_binary_all(release: &Release) -> bool {
    let supports_all = release.architectures.is_empty() || release.architectures.iter().any(|name| name == "all");
    !supports_all || release.no_support_for_architecture_all_packages
}

fn is_binary_all(directory: &str) -> bool {
    directory.rsplit_once('/').map_or(directory, |(_, name)| name) == "binary-all"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect)]
    use super::*;

    fn release(fields: &str, files: &[(&str, u64)]) -> Release {
        let mut text = format!("Date: Mon, 23 Nov 2026 00:00:00 UTC\n{fields}SHA256:\n");
        for (path, size) in files {
            text.push_str(&format!(" {} {size} {path}\n", "0".repeat(64)));
        }
        Release::parse(text.as_bytes()).unwrap()
    }

    fn required(groups: &[IndexGroup]) -> Vec<&str> {
        groups.iter().flat_map(IndexGroup::required).map(|variant| variant.path.as_str()).collect()
    }

    fn relaxed() -> Scope {
        Scope { strictness: Strictness::Relaxed, ..Scope::everything() }
    }

    #[test]
    fn every_compressed_form_is_required_and_a_plain_one_only_alone() {
        let release = release(
            "",
            &[
                ("main/binary-amd64/Packages", 9),
                ("main/binary-amd64/Packages.gz", 5),
                ("main/binary-amd64/Packages.xz", 4),
                ("main/binary-amd64/Release", 3),
                ("main/installer-amd64/current/images/SHA256SUMS", 3),
                ("main/source/Sources", 0),
                ("main/binary-amd64/Packages.diff/Index", 2),
            ],
        );
        let groups = index_groups(&release, &Scope::everything());
        assert_eq!(
            required(&groups),
            [
                "main/binary-amd64/Packages.gz",
                "main/binary-amd64/Packages.xz",
                "main/binary-amd64/Packages.diff/Index",
                "main/binary-amd64/Release",
                "main/installer-amd64/current/images/SHA256SUMS",
            ]
        );
        let needs: Vec<Need> = groups.iter().map(|group| group.need).collect();
        assert_eq!(needs, [Need::Each, Need::Each, Need::Each, Need::Each, Need::Nothing]);
        let packages = groups.first().unwrap();
        assert_eq!(packages.readable().unwrap().compression, Compression::Xz);
        assert_eq!(packages.variants.len(), 3);
    }

    #[test]
    fn an_architecture_all_that_clients_leave_alone_is_optional() {
        let files = [("main/binary-all/Packages.xz", 5), ("main/binary-amd64/Packages.xz", 5)];
        let amd64 = ["main/binary-amd64/Packages.xz"];
        let both = ["main/binary-all/Packages.xz", "main/binary-amd64/Packages.xz"];
        for (fields, expected) in [
            ("Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\n", &amd64[..]),
            ("Architectures: amd64\n", &amd64[..]),
            ("Architectures: all amd64\n", &both[..]),
            ("", &both[..]),
        ] {
            let groups = index_groups(&release(fields, &files), &Scope::everything());
            assert_eq!(required(&groups), expected, "{fields}");
            assert_eq!(groups.len(), 2);
            assert_eq!(groups.iter().filter_map(IndexGroup::readable).count(), expected.len());
            assert!(!groups.iter().any(IndexGroup::is_unreadable));
        }
    }

    #[test]
    fn a_relaxed_mirror_asks_for_one_form_of_what_apt_needs() {
        let release = release(
            "",
            &[
                ("main/binary-amd64/Packages", 9),
                ("main/binary-amd64/Packages.gz", 5),
                ("main/Contents-amd64.gz", 5),
                ("main/dep11/Components-amd64.yml.gz", 5),
                ("main/cnf/Commands-amd64.xz", 5),
                ("main/i18n/Translation-en.xz", 5),
            ],
        );
        let groups = index_groups(&release, &relaxed());
        assert_eq!(required(&groups), ["main/binary-amd64/Packages", "main/binary-amd64/Packages.gz"]);
        for group in &groups {
            let expected = if group.kind == IndexKind::Packages { Need::One } else { Need::Nothing };
            assert_eq!(group.need, expected, "{}", group.stem);
        }
        let packages = groups.iter().find(|group| group.kind == IndexKind::Packages).unwrap();
        let order: Vec<Compression> = packages.readable_variants().iter().map(|variant| variant.compression).collect();
        assert_eq!(order, [Compression::Gzip, Compression::None]);
    }

    #[test]
    fn what_is_out_of_scope_makes_no_group() {
        let release = release("", &[("main/binary-amd64/Packages.xz", 5), ("contrib/binary-amd64/Packages.xz", 5)]);
        let scope = Scope { components: Some(vec!["contrib".to_owned()]), ..Scope::everything() };
        assert_eq!(required(&index_groups(&release, &scope)), ["contrib/binary-amd64/Packages.xz"]);
    }

    #[test]
    fn a_form_that_is_not_read_is_required_and_not_readable() {
        let release = release("", &[("main/binary-amd64/Packages.zst", 5), ("main/i18n/Translation-en.xz", 5)]);
        let groups = index_groups(&release, &Scope::everything());
        assert_eq!(required(&groups).len(), 2);
        assert!(groups.iter().all(|group| group.readable().is_none()));
        let unreadable: Vec<bool> = groups.iter().map(IndexGroup::is_unreadable).collect();
        assert_eq!(unreadable, [true, false]);
    }

    #[test]
    fn a_plain_form_is_read_where_the_required_one_cannot_be() {
        let release = release("", &[("main/source/Sources", 9), ("main/source/Sources.bz2", 5)]);
        let groups = index_groups(&release, &Scope::everything());
        assert_eq!(required(&groups), ["main/source/Sources.bz2"]);
        let readable = groups.first().unwrap().readable().unwrap();
        assert_eq!((readable.compression, readable.required), (Compression::None, false));
    }
}
