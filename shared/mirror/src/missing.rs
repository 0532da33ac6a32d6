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
