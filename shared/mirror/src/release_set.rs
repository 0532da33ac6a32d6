//! The release files of a suite, read together.

use serde::{Deserialize, Serialize};
use suitecast_archive::{ClearSigned, Digest, DigestAlgorithm, Release, ReleaseFile, same_text};
use suitecast_signature::Fit;
use thiserror::Error;

/// The bytes of a suite's release files, as one look found them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseFiles {
    /// `InRelease`
    pub in_release: Option<Vec<u8>>,
    /// `Release`
    pub release: Option<Vec<u8>>,
    /// `Release.gpg`
    pub release_gpg: Option<Vec<u8>>,
}

impl ReleaseFiles {
    /// The bytes of one of them.
    pub fn get(&self, file: ReleaseFile) -> Option<&[u8]> {
        match file {
            ReleaseFile::InRelease => self.in_release.as_deref(),
            ReleaseFile::Release => self.release.as_deref(),
            ReleaseFile::ReleaseGpg => self.release_gpg.as_deref(),
        }
    }
}

/// Which release it is: the SHA-256 of each release file. Two sets with one identity are the same to every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Of `InRelease`.
    pub in_release: Option<Digest>,
    /// Of `Release`.
    pub release: Option<Digest>,
    /// Of `Release.gpg`.
    pub release_gpg: Option<Digest>,
}

impl Identity {
    /// The identity of these bytes.
    pub fn of(files: &ReleaseFiles) -> Self {
        let digest = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| Digest::of(DigestAlgorithm::Sha256, bytes));
        Self {
            in_release: digest(&files.in_release),
            release: digest(&files.release),
            release_gpg: digest(&files.release_gpg),
        }
    }

    /// The digest of one file.
    pub fn get(&self, file: ReleaseFile) -> Option<Digest> {
        match file {
            ReleaseFile::InRelease => self.in_release,
            ReleaseFile::Release => self.release,
            ReleaseFile::ReleaseGpg => self.release_gpg,
        }
    }

    /// The digest of the file whose write commits the release, which is also the name it stays available under.
    pub fn commit_digest(&self) -> Option<Digest> {
        self.in_release.or(self.release)
    }

    /// One name for the three, for keys and logs: the SHA-256 over their digests, in hexadecimal.
    pub fn name(&self) -> String {
        let part = |digest: Option<Digest>| digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        let text = format!("{}\n{}\n{}\n", part(self.in_release), part(self.release), part(self.release_gpg));
        Digest::of(DigestAlgorithm::Sha256, text.as_bytes()).to_string()
    }
}

/// Why a look at the release files gave no release.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetProblem {
    /// Neither `InRelease` nor `Release` nor `Release.gpg` is there.
    #[error("no release file is in the master; upload InRelease, or Release and Release.gpg")]
    Absent,
    /// The files do not belong together (yet): an upload under way, or a botched one.
    #[error("the release files do not belong together: {rule}")]
    Mixed {
        /// What does not fit.
        rule: String,
    },
    /// Only the detached signature is new: the first file of an upload under way, or a release signed again.
    #[error("Release.gpg is new while the files that it comes with are those of the release before")]
    SignatureAlone,
    /// A file breaks the format, or a rule of ours for it.
    #[error("{file}: {rule}")]
    Malformed {
        /// Which file.
        file: &'static str,
        /// The rule it breaks.
        rule: String,
    },
}

/// A release: bytes that belong together, and what they say.
#[derive(Debug, Clone)]
pub struct ReleaseSet {
    /// The very bytes.
    pub files: ReleaseFiles,
    /// Their digests.
    pub identity: Identity,
    /// What they say.
    pub release: Release,
    /// Whether `Release.gpg` can be a signature of `Release`; unknown where one of them is absent.
    pub fit: Fit,
}

impl ReleaseSet {
    /// Reads the files together. `live` is the identity of the release that clients see, where there is one: it tells a
    /// half-replaced set from a whole one, since a `Release` that changed cannot keep its old signature. Where the signature
    /// itself tells that it fits, what is live says nothing of it: that may be a half-replaced set itself.
    ///
    /// # Errors
    /// [`SetProblem`]: what is absent, does not belong together or is malformed.
    pub fn read(files: ReleaseFiles, live: Option<&Identity>) -> Result<Self, SetProblem> {
        let identity = Identity::of(&files);
        if identity == (Identity { in_release: None, release: None, release_gpg: None }) {
            return Err(SetProblem::Absent);
        }
        let mixed = |rule: &str| SetProblem::Mixed { rule: rule.to_owned() };
        if identity.release_gpg.is_some() && identity.release.is_none() {
            return Err(mixed("Release.gpg is there without the Release that it signs"));
        }
        let clear_signed = match &files.in_release {
            Some(bytes) => Some(
                ClearSigned::parse(bytes)
                    .map_err(|error| SetProblem::Malformed { file: "InRelease", rule: with_causes(&error) })?,
            ),
            None => None,
        };
        if let (Some(signed), Some(release)) = (&clear_signed, &files.release)
            && !same_text(&signed.text, release)
        {
            return Err(mixed("the text that InRelease signs is not that of Release"));
        }
        let fit = match (&files.release, &files.release_gpg) {
            (Some(release), Some(signature)) => Fit::of(release, signature),
            _ => Fit::Unknown,
        };
        if let Some(live) = live {
            Self::belongs_after(&identity, live, fit)?;
        }
        let (file, text) = match (&clear_signed, &files.release) {
            (Some(signed), _) => ("InRelease", signed.text.as_slice()),
            (None, Some(release)) => ("Release", release.as_slice()),
            (None, None) => return Err(SetProblem::Absent),
        };
        let release =
            Release::parse(text).map_err(|error| SetProblem::Malformed { file, rule: with_causes(&error) })?;
        Ok(Self { files, identity, release, fit })
    }

    /// The rules that only the replaced release can tell.
    fn belongs_after(identity: &Identity, live: &Identity, fit: Fit) -> Result<(), SetProblem> {
        for file in [ReleaseFile::InRelease, ReleaseFile::Release, ReleaseFile::ReleaseGpg] {
            if live.get(file).is_some() && identity.get(file).is_none() {
                let name = file.file_name();
                return Err(SetProblem::Mixed { rule: format!("{name} is served but is no longer in the master") });
            }
        }
        if fit == Fit::Fits {
            return Ok(());
        }
        let signature_stayed = identity.release_gpg.is_some() && identity.release_gpg == live.release_gpg;
        if signature_stayed && identity.release != live.release {
            return Err(SetProblem::Mixed {
                rule: "Release is new but Release.gpg is that of the release before".into(),
            });
        }
        let signature_alone = live.release_gpg.is_some()
            && *identity == (Identity { release_gpg: identity.release_gpg, ..*live })
            && identity.release_gpg != live.release_gpg;
        if signature_alone {
            return Err(SetProblem::SignatureAlone);
        }
        Ok(())
    }

    /// The file whose one conditional write makes this release the one that clients see.
    pub fn commit_file(&self) -> ReleaseFile {
        if self.identity.in_release.is_some() { ReleaseFile::InRelease } else { ReleaseFile::Release }
    }
}

/// An error with all its causes, for a person: the rule alone often does not say what broke it.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
