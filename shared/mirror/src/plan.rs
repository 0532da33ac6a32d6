//! The order of a swap, as data: what is written, from what, phase by phase.
//!
//! A plan is made only for a release whose by-hash and pool files were all verified in the Region. Carrying it out takes
//! no choices: one phase is finished before the next begins, and the last phase holds one write.

use serde::Serialize;
use suitecast_archive::{ArchivePath, Digest, ReleaseEntry, ReleaseFile, by_hash_path};

use crate::release_set::{Identity, ReleaseSet};

/// The order that keeps clients whole (measured with apt: by-hash clients never fail in it, others only between
/// [`Phase::Canonical`] and [`Phase::Commit`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The release under its own digest, where pinned clients (apt 3's `InRelease-Path`) and the grace period find it.
    Pin,
    /// Files changed in place, where that is allowed. As late as can be: from here to the commit the live release names old bytes.
    InPlace,
    /// Index files under their plain names, for clients without by-hash. After everything they name.
    Canonical,
    /// `Release.gpg`, and `Release` where an `InRelease` commits: clients that read these two come after the indices,
    /// and the signature goes first so that the text is never newer than what signs it for longer than one write.
    Detached,
    /// The one conditional write that clients see as the swap.
    Commit,
}

/// A file to overwrite in place, from a verified staging key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overwrite {
    /// The key to overwrite.
    pub key: String,
    /// The tag that was seen there.
    pub seen: String,
    /// Where the verified bytes stand, in the Region's private part.
    pub staging: String,
    /// What they are.
    pub digest: Digest,
    /// Their size in bytes, where the release tells it: a list of checksums does not.
    pub size: Option<u64>,
}

/// A name of an index that is listed and not mirrored, under which other bytes stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The name, plain or by hash, relative to the suite's directory.
    pub path: ArchivePath,
    /// What the release lists.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// What was found of the indices that a release lists, before its swap.
#[derive(Debug, Clone, Default)]
pub struct Indices {
    /// Those verified in the Region under their by-hash names, and not already served under their plain ones.
    pub present: Vec<(ArchivePath, ReleaseEntry)>,
    /// What stands under names of those that the release can do without and that are not here.
    pub stale: Vec<Stale>,
}

/// One write of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Write the commit file's bytes under its digest.
    Pin {
        /// Relative to the suite's directory.
        path: ArchivePath,
    },
    /// Overwrite a file in place.
    InPlace(Overwrite),
    /// Copy an index from its by-hash name to its plain one, within the Region.
    Canonical {
        /// The plain name, relative to the suite's directory.
        path: ArchivePath,
        /// The by-hash name it is copied from.
        from: ArchivePath,
        /// What it holds.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// Take away what stands under a name of an index that is listed and not mirrored. apt asks for the next compression
    /// where it finds nothing; what it finds and what does not fit ends its update with "Hash Sum mismatch".
    Withdraw(Stale),
    /// Write a release file's verified bytes.
    Write {
        /// Which one.
        file: ReleaseFile,
    },
}

/// A step and its phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// When.
    pub phase: Phase,
    /// What.
    #[serde(flatten)]
    pub step: Step,
}

/// The whole swap, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SwapPlan {
    /// The steps, by phase.
    pub steps: Vec<Planned>,
}

impl SwapPlan {
    /// The steps of one phase.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |planned| planned.phase == phase).map(|planned| &planned.step)
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Plans the swap to `set`. `indices` are those that the live release does not vouch for ([`crate::vouched_indices`]), since
/// their canonical names are suspect and written; `before` is which release is live, where the state vouches for it; `in_place`
/// the files that may be overwritten.
pub fn plan_swap(set: &ReleaseSet, indices: Indices, before: Option<&Identity>, in_place: Vec<Overwrite>) -> SwapPlan {
    let mut steps = Vec::new();
    let replaced = before != Some(&set.identity);
    if let Some(digest) = set.identity.commit_digest()
        && replaced
        && let Ok(name) = ArchivePath::parse(set.commit_file().file_name())
    {
        steps.push(Planned { phase: Phase::Pin, step: Step::Pin { path: by_hash_path(&name, &digest) } });
    }
    steps.extend(
        in_place.into_iter().map(|overwrite| Planned { phase: Phase::InPlace, step: Step::InPlace(overwrite) }),
    );
    for (path, entry) in indices.present {
        let Some(digest) = entry.digests.checkable() else { continue };
        let from = by_hash_path(&path, &digest);
        let step = Step::Canonical { path, from, digest, size: entry.size };
        steps.push(Planned { phase: Phase::Canonical, step });
    }
    steps.extend(
        indices.stale.into_iter().map(|stale| Planned { phase: Phase::Canonical, step: Step::Withdraw(stale) }),
    );
    let commit = set.commit_file();
    for file in [ReleaseFile::ReleaseGpg, ReleaseFile::Release] {
        let stays = before.is_some_and(|before| before.get(file) == set.identity.get(file));
        if file != commit && set.identity.get(file).is_some() && !stays {
            steps.push(Planned { phase: Phase::Detached, step: Step::Write { file } });
        }
    }
    if replaced {
        steps.push(Planned { phase: Phase::Commit, step: Step::Write { file: commit } });
    }
    SwapPlan { steps }
}
