//! What the live release vouches for, so that nobody looks at it again.

use std::collections::{BTreeMap, BTreeSet};

use suitecast_archive::{ArchivePath, IndexGroup, Need, Release, Scope, Variant, index_groups};

/// The indices that a release shares with the live one and that were verified, or may be absent, under both: they stand under
/// their plain names and by their hashes, or nobody needs them. What the live release could do without may be absent, so it
/// vouches for nothing that this one needs.
pub fn vouched_indices(release: &Release, live: &Release, scope: &Scope) -> BTreeSet<ArchivePath> {
    let before: BTreeMap<ArchivePath, IndexGroup> =
        index_groups(live, scope).into_iter().map(|group| (group.stem.clone(), group)).collect();
    let mut vouched = BTreeSet::new();
    for group in index_groups(release, scope) {
        let Some(before) = before.get(&group.stem) else { continue };
        let earlier = |variant: &Variant| {
            before.variants.iter().find(|earlier| (&earlier.path, &earlier.entry) == (&variant.path, &variant.entry))
        };
        let is_vouched = |variant: &Variant| match (group.need, before.need) {
            (Need::Nothing, _) => earlier(variant).is_some(),
            (_, Need::Nothing) => false,
            (Need::Each, _) => earlier(variant).is_some_and(|earlier| earlier.required || !variant.required),
            // Any one of them may be the one that is there.
            (Need::One, _) => before.variants == group.variants,
        };
        vouched.extend(group.variants.iter().filter(|variant| is_vouched(variant)).map(|variant| variant.path.clone()));
    }
    vouched
}

#[cfg(test)]
mod tests {
    use suitecast_archive::Strictness;

    use super::*;
    use crate::release_set::ReleaseFiles;
    use crate::samples::{day, set, text};

    const PLAIN: &str = "main/binary-amd64/Packages";
    const XZ: &str = "main/binary-amd64/Packages.xz";
    const GZ: &str = "main/binary-amd64/Packages.gz";

    /// Of a release over the second indices, those that a live release over the first vouches for.
    fn vouched(live: &[(&str, u8)], next: &[(&str, u8)], strictness: Strictness) -> Vec<String> {
        let release = |indices| {
            let text = text(&day(1), indices);
            set(ReleaseFiles { release: Some(text.into_bytes()), ..ReleaseFiles::default() }).release
        };
        let scope = Scope { strictness, ..Scope::everything() };
        let vouched = vouched_indices(&release(next), &release(live), &scope);
        vouched.into_iter().map(|path| path.to_string()).collect()
    }

    #[test]
    fn an_index_that_stayed_the_same_is_vouched_for_and_one_that_changed_is_not() {
        for strictness in [Strictness::Strict, Strictness::Relaxed] {
            assert_eq!(vouched(&[(XZ, 1)], &[(XZ, 1)], strictness), [XZ], "{strictness:?}");
            assert!(vouched(&[(XZ, 1)], &[(XZ, 2)], strictness).is_empty(), "{strictness:?}");
            assert!(vouched(&[("main/source/Sources.xz", 1)], &[(XZ, 1)], strictness).is_empty(), "{strictness:?}");
        }
    }

    #[test]
    fn a_form_that_the_live_release_could_do_without_is_vouched_for_only_where_the_next_can_too() {
        let strictly = |live, next| vouched(live, next, Strictness::Strict);
        // Nobody ships the plain form where there is a compressed one.
        assert_eq!(strictly(&[(PLAIN, 1), (XZ, 2)], &[(PLAIN, 1), (XZ, 2)]), [PLAIN, XZ]);
        assert!(strictly(&[(PLAIN, 1), (XZ, 2)], &[(PLAIN, 1)]).is_empty());
        assert_eq!(strictly(&[(PLAIN, 1)], &[(PLAIN, 1), (XZ, 2)]), [PLAIN]);
    }

    #[test]
    fn where_any_one_form_will_do_only_all_of_them_together_are_vouched_for() {
        let relaxed = |live, next| vouched(live, next, Strictness::Relaxed);
        assert_eq!(relaxed(&[(GZ, 1), (XZ, 2)], &[(GZ, 1), (XZ, 2)]), [GZ, XZ]);
        assert!(relaxed(&[(GZ, 1), (XZ, 2)], &[(GZ, 1), (XZ, 3)]).is_empty());
        assert!(relaxed(&[(GZ, 1), (XZ, 2)], &[(GZ, 1)]).is_empty());
    }
}
