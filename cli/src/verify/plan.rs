//! What a walk has to look at: plain functions of what was read.

use std::collections::HashSet;

use suitecast_archive::{
    Archive, ArchivePath, Digest, DigestAlgorithm, Digests, IndexGroup, IndexKind, NamedFile, Need, Release, Scope,
    SecondKeys, Strictness, SuiteName, Variant, by_hash_path, index_groups,
};

/// One form of an index, and the keys that clients ask for it under, the one they try first in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexForm {
    /// The form.
    pub variant: Variant,
    /// The keys.
    pub keys: Vec<String>,
}

/// An index: its forms, and how many of them clients rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedIndex {
    /// The path without a compression's suffix.
    pub stem: ArchivePath,
    /// What it is for.
    pub kind: IndexKind,
    /// How many of the forms have to be there.
    pub need: Need,
    /// Whether it names files, and in no form that is read here.
    pub is_unreadable: bool,
    /// The forms to look at. Whatever is there under a name of one of them has to be it.
    pub forms: Vec<IndexForm>,
}

/// The indices that clients of a suite go by. Where everything listed is there (strict), those are the required ones. Of an
/// archive that lists what it does not ship (relaxed) it is every listed one: apt asks for it, gets on without it where it is
/// absent, and does not where it is something else.
pub(crate) fn indices_of(release: &Release, suite: &SuiteName, scope: &Scope) -> Vec<PlannedIndex> {
    let is_relaxed = scope.strictness == Strictness::Relaxed;
    let planned = |group: IndexGroup| {
        let forms = group.variants.iter().filter(|variant| variant.required || is_relaxed);
        PlannedIndex {
            need: group.need,
            is_unreadable: group.is_unreadable(),
            forms: forms.map(|variant| form(release, suite, variant)).collect(),
            stem: group.stem.clone(),
            kind: group.kind,
        }
    };
    let groups = index_groups(release, scope).into_iter();
    groups.filter(|group| is_relaxed || group.need != Need::Nothing).map(planned).collect()
}

fn form(release: &Release, suite: &SuiteName, variant: &Variant) -> IndexForm {
    // apt asks for the strongest digest that the release lists, and for the plain name where there is none.
    let by_hash = variant.entry.digests.strongest().filter(|_| release.acquire_by_hash);
    let by_hash = by_hash.map(|digest| suite.key(&by_hash_path(&variant.path, &digest)));
    IndexForm { variant: variant.clone(), keys: by_hash.into_iter().chain([suite.key(&variant.path)]).collect() }
}

/// A file that an index names, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamedObject {
    /// The suite whose index names it.
    pub suite: SuiteName,
    /// Its key.
    pub key: String,
    /// The key of the index.
    pub named_by: String,
    /// Its size in bytes, where the index says.
    pub size: Option<u64>,
    /// Its digests.
    pub digests: Digests,
}

impl NamedObject {
    /// A file of this archive, under each of its keys.
    pub(crate) fn of<'a>(
        archive: &Archive,
        second_keys: SecondKeys,
        suite: &'a SuiteName,
        index: &'a ArchivePath,
        file: &'a NamedFile,
    ) -> impl Iterator<Item = Self> + use<'a> {
        archive.keys_of_file(file, second_keys).into_iter().map(move |key| Self {
            suite: suite.clone(),
            key,
            named_by: suite.key(index),
            size: file.size,
            digests: file.digests,
        })
    }
}

/// Each object once, in the order of their keys: most files are named by several indices, and all say the same of them.
/// Where two say different things, both are kept.
pub(crate) fn each_once(named: Vec<NamedObject>) -> Vec<NamedObject> {
    let mut seen = HashSet::new();
    let mut objects: Vec<NamedObject> =
        named.into_iter().filter(|object| seen.insert((object.key.clone(), object.size, object.digests))).collect();
    objects.sort_by(|one, two| one.key.cmp(&two.key));
    objects
}

/// `count` of the objects, always the same for the same seed: those whose digest of seed and key is smallest, so that a
/// draw does not depend on the order, and hardly on what else is there.
pub(crate) fn sample(objects: Vec<NamedObject>, count: usize, seed: u64) -> Vec<NamedObject> {
    if objects.len() <= count {
        return objects;
    }
    let lot = |object: &NamedObject| -> Digest {
        let text = format!("{seed}\n{}", object.key);
        Digest::of(DigestAlgorithm::Sha256, text.as_bytes())
    };
    let mut drawn: Vec<(Digest, NamedObject)> = objects.into_iter().map(|object| (lot(&object), object)).collect();
    drawn.sort_by_key(|(lot, _)| *lot);
    drawn.truncate(count);
    let mut drawn: Vec<NamedObject> = drawn.into_iter().map(|(_, object)| object).collect();
    drawn.sort_by(|one, two| one.key.cmp(&two.key));
    drawn
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn release(by_hash: bool) -> Release {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let sha512 = "3".repeat(128);
        let text = format!(
            "Date: Mon, 23 Nov 2026 00:00:00 UTC\n{}SHA256:\n {one} 9 main/binary-amd64/Packages\n \
             {two} 5 main/binary-amd64/Packages.xz\nSHA512:\n {sha512} 5 main/binary-amd64/Packages.xz\n",
            if by_hash { "Acquire-By-Hash: yes\n" } else { "" },
        );
        Release::parse(text.as_bytes()).unwrap()
    }

    fn keys(by_hash: bool) -> Vec<String> {
        let suite = SuiteName::parse("debian/dists/sid").unwrap();
        let indices = indices_of(&release(by_hash), &suite, &Scope::everything());
        assert_eq!(indices.len(), 1);
        indices.into_iter().flat_map(|index| index.forms).flat_map(|form| form.keys).collect()
    }

    #[test]
    fn an_index_is_asked_for_by_its_strongest_digest_and_by_its_plain_name() {
        let by_hash = format!("debian/dists/sid/main/binary-amd64/by-hash/SHA512/{}", "3".repeat(128));
        assert_eq!(keys(true), [by_hash.as_str(), "debian/dists/sid/main/binary-amd64/Packages.xz"]);
        assert_eq!(keys(false), ["debian/dists/sid/main/binary-amd64/Packages.xz"]);
    }

    fn object(key: &str, size: u64) -> NamedObject {
        NamedObject {
            suite: SuiteName::root(),
            key: key.to_owned(),
            named_by: "Packages".to_owned(),
            size: Some(size),
            digests: Digests::of(b""),
        }
    }

    #[test]
    fn what_several_indices_name_is_looked_at_once_unless_they_say_different_things_of_it() {
        let named = vec![object("b", 1), object("a", 1), object("b", 1), object("b", 2)];
        let keys: Vec<_> = each_once(named).into_iter().map(|object| (object.key, object.size)).collect();
        assert_eq!(keys, [("a".to_owned(), Some(1)), ("b".to_owned(), Some(1)), ("b".to_owned(), Some(2))]);
    }

    #[test]
    fn a_seed_draws_the_same_sample_and_another_one_another() {
        let all = || (0..1_000).map(|number| object(&format!("pool/{number}"), 1)).collect::<Vec<_>>();
        let drawn = sample(all(), 20, 7);
        assert_eq!(drawn.len(), 20);
        let mut turned = all();
        turned.reverse();
        assert_eq!(sample(turned, 20, 7), drawn);
        assert_ne!(sample(all(), 20, 8), drawn);
        assert_eq!(sample(all(), 5_000, 7).len(), 1_000);
    }
}
