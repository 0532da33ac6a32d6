//! What a release waits for, collected while it is being looked at.

use crate::limits::MAX_MISSING_RECORDED;
use crate::state::{Missing, MissingReason};

/// A key of the master, and what was seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// The key.
    pub key: String,
    /// The entity tag of what stood there; `None` where nothing did.
    pub tag: Option<String>,
}

/// One thing waited for: an upload to any of these keys may bring it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The keys. The first is the one that people know it by.
    pub keys: Vec<SeenKey>,
}

/// The missing objects of one release.
///
/// All of them must arrive before the release is whole, so being woken by any one is enough to lose nothing. The one
/// waited for is that with the greatest key: uploaders that walk a tree send it last, so the suite is woken once and
/// not at every step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingObjects {
    count: usize,
    first: Vec<Missing>,
    last: Option<Awaited>,
}

impl MissingObjects {
    /// Adds an object that can come under any of `alternatives`; the first one names it.
    pub fn add(&mut self, named_by: &str, alternatives: Vec<SeenKey>, reason: MissingReason) {
        let key = alternatives.first().map_or(named_by, |seen| seen.key.as_str());
        self.count += 1;
        if self.first.len() < MAX_MISSING_RECORDED {
            self.first.push(Missing { key: key.to_owned(), named_by: named_by.to_owned(), reason });
        }
        let later = self.last.as_ref().and_then(|last| last.keys.first()).is_none_or(|last| last.key.as_str() < key);
        if later {
            self.last = Some(Awaited { keys: alternatives });
        }
    }

    /// Takes over what another look found.
    pub fn append(&mut self, other: Self) {
        self.count += other.count;
        let room = MAX_MISSING_RECORDED.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
        let key = |awaited: &Option<Awaited>| {
            awaited.as_ref().and_then(|last| last.keys.first()).map(|seen| seen.key.clone())
        };
        if key(&other.last) > key(&self.last) {
            self.last = other.last;
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the release is whole as far as was looked.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first of them, for people.
    pub fn first(&self) -> &[Missing] {
        &self.first
    }

    /// The one whose arrival wakes the suite.
    pub fn awaited(&self) -> Option<&Awaited> {
        self.last.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn absent(key: &str) -> Vec<SeenKey> {
        vec![SeenKey { key: key.to_owned(), tag: None }]
    }

    fn collected(keys: &[String]) -> MissingObjects {
        let mut missing = MissingObjects::default();
        for key in keys {
            missing.add("Packages", absent(key), MissingReason::Absent);
        }
        missing
    }

    fn awaited(missing: &MissingObjects) -> &str {
        &missing.awaited().unwrap().keys[0].key
    }

    #[test]
    fn nothing_missing_waits_for_nothing() {
        let missing = MissingObjects::default();
        assert!(missing.is_empty() && missing.awaited().is_none() && missing.first().is_empty());
    }

    #[test]
    fn any_of_its_names_may_bring_an_object_and_the_first_one_names_it() {
        let mut missing = MissingObjects::default();
        let names = [absent("dists/s/b"), absent("dists/s/by-hash/1")].concat();
        missing.add("dists/s", names.clone(), MissingReason::Absent);
        assert!(!missing.is_empty());
        missing.add("dists/s", absent("dists/s/a"), MissingReason::Absent);
        assert_eq!(missing.awaited(), Some(&Awaited { keys: names }));
        assert_eq!(
            missing.first().iter().map(|missing| missing.key.as_str()).collect::<Vec<_>>(),
            ["dists/s/b", "dists/s/a"]
        );
    }

    #[test]
    fn the_record_is_bounded_and_the_count_is_not() {
        let keys: Vec<String> = (0..MAX_MISSING_RECORDED * 3).map(|number| format!("pool/{number:04}")).collect();
        let missing = collected(&keys);
        assert_eq!((missing.count(), missing.first().len()), (keys.len(), MAX_MISSING_RECORDED));
        assert_eq!(awaited(&missing), keys.last().unwrap());
        let mut twice = missing.clone();
        twice.append(missing);
        assert_eq!((twice.count(), twice.first().len()), (keys.len() * 2, MAX_MISSING_RECORDED));
    }

    proptest! {
        /// However the missing objects are come upon, the one waited for is the greatest of all.
        #[test]
        fn the_last_in_key_order_is_waited_for(
            keys in prop::collection::btree_set("[a-z]{1,6}", 1..40), cut in 0_usize..40, order in any::<prop::sample::Index>(),
        ) {
            let greatest = keys.last().unwrap().clone();
            let mut keys: Vec<String> = keys.into_iter().collect();
            let turn = order.index(keys.len());
            keys.rotate_left(turn);
            let (one, other) = keys.split_at(cut.min(keys.len()));
            let mut missing = collected(one);
            missing.append(collected(other));
            prop_assert_eq!(awaited(&missing), greatest);
            prop_assert_eq!(missing.count(), keys.len());
        }
    }
}
