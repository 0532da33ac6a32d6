//! What can be wrong with an index.

use thiserror::Error;

use super::{MAX_INDEX_ENTRIES, MAX_LINE_BYTES, MAX_STANZA_FIELDS, MAX_STANZA_FILES, MAX_UNCOMPRESSED_BYTES};
use crate::decoder::DecodeError;
use crate::path::shown;
use crate::{Digest, DigestError, MAX_FILE_BYTES, PathError};

/// Why an index is not what the release names, or cannot be gone by. The caller knows which index it was, and says so.
///
/// [`IndexError::is_mismatch`] tells the two apart: other bytes may come, or these bytes are signed for and wrong.
#[derive(Debug, Error)]
pub enum IndexError {
    /// It is not as long as the release says.
    #[error("the index has {found} bytes so far where the release says {expected}")]
    Size {
        /// What the release says.
        expected: u64,
        /// What came: all of it when too short, at least this when too long.
        found: u64,
    },
    /// Its content is not what the release says.
    #[error("the index has the {} digest {found} where the release says {expected}", expected.algorithm().release_field())]
    Digest {
        /// What the release says.
        expected: Box<Digest>,
        /// What came.
        found: Box<Digest>,
    },
    /// The entry has nothing to check content by.
    #[error("the release gives no SHA256 or SHA512 digest for the index")]
    NoExpectedDigest,
    /// It is compressed in a way that is not read.
    #[error("an index compressed as {suffix} is not read; publish it as .xz, .gz or plain too")]
    UnreadableCompression {
        /// The suffix.
        suffix: &'static str,
    },
    /// Its compression is damaged.
    #[error("the index cannot be decompressed")]
    Decompression {
        /// What the decompressor says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is over [`MAX_UNCOMPRESSED_BYTES`].
    #[error("the index has more than {MAX_UNCOMPRESSED_BYTES} bytes when uncompressed")]
    TooLarge,
    /// A line is over [`MAX_LINE_BYTES`].
    #[error("line {line} of the index has more than {MAX_LINE_BYTES} bytes")]
    LineTooLong {
        /// The line, from one.
        line: u64,
    },
    /// A stanza has more than [`MAX_STANZA_FIELDS`].
    #[error("the stanza at line {line} of the index has more than {MAX_STANZA_FIELDS} fields")]
    TooManyFields {
        /// The line, from one.
        line: u64,
    },
    /// A stanza names more than [`MAX_STANZA_FILES`].
    #[error("the stanza at line {line} of the index names more than {MAX_STANZA_FILES} files")]
    TooManyFiles {
        /// The line, from one.
        line: u64,
    },
    /// It names more than [`MAX_INDEX_ENTRIES`].
    #[error("the index names more than {MAX_INDEX_ENTRIES} files (line {line})")]
    TooManyEntries {
        /// The line, from one.
        line: u64,
    },
    /// A line is none that belongs there.
    #[error("line {line} of the index is not {expected}: {text}")]
    Malformed {
        /// The line, from one.
        line: u64,
        /// What belongs there.
        expected: &'static str,
        /// What it says, escaped and cut.
        text: String,
    },
    /// A stanza has a field twice, so that readers may differ over it.
    #[error("line {line} of the index gives the field {field} a second time in its stanza")]
    DuplicateField {
        /// The line, from one.
        line: u64,
        /// The field.
        field: &'static str,
    },
    /// A size is no number, or absurd.
    #[error("line {line} of the index gives the size {text}, which is no number up to {MAX_FILE_BYTES}")]
    FileSize {
        /// The line, from one.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// A digest is none.
    #[error("line {line} of the index holds no digest")]
    FileDigest {
        /// The line, from one.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: DigestError,
    },
    /// A path leads out of the archive or is none.
    #[error("the stanza that ends at line {line} of the index names a path that cannot be used")]
    Path {
        /// The line, from one.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: PathError,
    },
    /// A file is named without a digest that proves anything.
    #[error(
        "the stanza that ends at line {line} of the index names {path} without a SHA256 or SHA512 digest; apt trusts nothing weaker"
    )]
    NoStrongDigest {
        /// The line, from one.
        line: u64,
        /// The file, escaped and cut.
        path: String,
    },
    /// Two lines say different things of one file.
    #[error("line {line} of the index gives another {what} for {file} than a line before it")]
    Conflict {
        /// The line, from one.
        line: u64,
        /// The file, escaped and cut.
        file: String,
        /// `size` or `digest`.
        what: &'static str,
    },
}

impl IndexError {
    /// Whether the bytes are not the ones that the release names, so that waiting or looking elsewhere may help. Every
    /// other error is permanent: the bytes are right, and what they say is wrong or is not read.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::Size { .. } | Self::Digest { .. })
    }

    pub(super) fn decode(source: DecodeError) -> Self {
        Self::Decompression { source: Box::new(source) }
    }

    pub(super) fn malformed(line: u64, expected: &'static str, text: &[u8]) -> Self {
        Self::Malformed { line, expected, text: shown(&String::from_utf8_lossy(text)) }
    }

    pub(super) fn file_size(line: u64, text: &[u8]) -> Self {
        Self::FileSize { line, text: shown(&String::from_utf8_lossy(text)) }
    }
}
