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
