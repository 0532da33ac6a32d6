//! What can be wrong with an archive, as a client meets it.

use std::fmt;

use serde::Serialize;
use suitecast_archive::SuiteName;

use crate::reader::{ReadFailure, ReadFailureKind};

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProblemKind {
    /// It is not there.
    Missing,
    /// It has another size than what names it says.
    Size,
    /// It has another content than what names it says.
    Digest,
    /// Its content breaks the format, or a limit.
    Malformed,
    /// The release files are of two generations.
    Mixed,
    /// No key of the keyring vouches for it.
    Signature,
    /// Its `Valid-Until` has passed.
    Expired,
    /// Its `Date` is yet to come.
    FromTheFuture,
    /// The server refuses to show it.
    Denied,
    /// It could not be looked at, which may pass.
    Unread,
    /// It could not be looked at, since the credentials are past their time.
    CredentialsExpired,
}

impl ProblemKind {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Size => "wrong size",
            Self::Digest => "wrong content",
            Self::Malformed => "malformed",
            Self::Mixed => "of two generations",
            Self::Signature => "not signed as it should be",
            Self::Expired => "expired",
            Self::FromTheFuture => "from the future",
            Self::Denied => "access denied",
            Self::Unread | Self::CredentialsExpired => "could not be looked at",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Problem {
    /// The suite that was walked.
    pub suite: String,
    /// The object.
    pub key: String,
    /// What is wrong with it.
    #[serde(rename = "problem")]
    pub kind: ProblemKind,
    /// The file that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_by: Option<String>,
    /// What was expected and what was found, or the rule that is broken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What is wrong with an object, and more to say of it.
pub(crate) type Wrong = (ProblemKind, String);

impl Problem {
    /// Of an object of a suite.
    pub(crate) fn of(suite: &SuiteName, key: &str, named_by: Option<&str>, (kind, detail): Wrong) -> Self {
        let (suite, key, named_by) = (suite.to_string(), key.to_owned(), named_by.map(str::to_owned));
        Self { suite, key, kind, named_by, detail }
    }
}

/// What a failed read says of an object.
pub(crate) fn of_failure(failure: ReadFailure) -> Wrong {
    let kind = match failure.kind {
        ReadFailureKind::Denied => ProblemKind::Denied,
        ReadFailureKind::Temporary => ProblemKind::Unread,
        ReadFailureKind::Expired => ProblemKind::CredentialsExpired,
        ReadFailureKind::Refused => ProblemKind::Malformed,
    };
    (kind, failure.message)
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.kind.text())?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        match &self.named_by {
            Some(named_by) => write!(formatter, " (named by {named_by})"),
            None => Ok(()),
        }
    }
}
