//! What an apt archive is, as plain data and plain functions: paths, digests, release files, indices and keys.
//!
//! Everything here is pure: bytes in, values out. Nothing reads a clock, a file, the network or the environment, and
//! nothing panics on what an archive holds, since archives come from outside. Every limit is a named constant.
//!
//! The parts, in the order in which a release is looked at:
//!
//! - [`Archives`] says what a key of the bucket is: a pool object, an index, a release file of a suite, …
//! - [`ClearSigned`] takes an `InRelease` apart; [`Release`] is what it lists.
//! - [`Scope`] says which part of a suite is mirrored, and [`index_groups`] which indices that makes necessary.
//! - [`IndexReader`] reads an index as it arrives, checks it, and hands out the files that it names.
//! - [`by_hash_path`] names an index by its content.
//!
//! What must never happen here: a path that leaves its archive ([`ArchivePath`] cannot hold one), an entry without a
//! digest that a signed file vouches for, and memory that grows with the size of an index.

#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "names in an archive are keys, and keys that differ in case are different keys"
)]

mod by_hash;
mod clear_signed;
mod completeness;
mod compression;
mod date;
mod deb822;
mod decoder;
mod digest;
mod headers;
mod index;
mod index_kind;
mod layout;
mod path;
mod pattern;
mod release;
mod scope;
mod second_keys;
mod suite;

pub use by_hash::{by_hash_path, parse_by_hash};
pub use clear_signed::{ClearSigned, ClearSignedError, MAX_SIGNATURE_BYTES, same_text};
pub use completeness::{IndexGroup, Need, Variant, index_groups};
pub use compression::Compression;
pub use date::{DateError, parse_date};
pub use decoder::MAX_XZ_MEMORY_BYTES;
pub use digest::{Digest, DigestAlgorithm, DigestError, Digests, Hasher};
pub use headers::{IMMUTABLE, REVALIDATE, content_type};
pub use index::{
    IndexError, IndexLocation, IndexReader, IndexSummary, MAX_INDEX_ENTRIES, MAX_LINE_BYTES, MAX_STANZA_FIELDS,
    MAX_STANZA_FILES, MAX_UNCOMPRESSED_BYTES, NamedFile,
};
pub use index_kind::IndexKind;
pub use layout::{Archive, Archives, ArchivesError, KeyClass, Layout, UnlistedTrees};
pub use path::{ArchivePath, MAX_PATH_BYTES, PathError};
pub use pattern::{Pattern, PatternError, SuitePatterns};
pub use release::{MAX_FILE_BYTES, MAX_RELEASE_BYTES, MAX_RELEASE_ENTRIES, Release, ReleaseEntry, ReleaseError};
pub use scope::{Scope, Strictness};
pub use second_keys::{SecondKeys, WrittenPath};
pub use suite::{ReleaseFile, SuiteName};
