//! Reading an index as it arrives: its own digest, and the files that it names.

mod checksum_list;
mod error;
mod file_table;
mod lines;
mod packages;
mod sources;

use crate::decoder::{Decoder, Step};
use crate::{Archive, ArchivePath, Compression, Digests, Hasher, IndexKind, ReleaseEntry, SuiteName, WrittenPath};

use checksum_list::ChecksumListParser;
pub use error::IndexError;
use lines::LineSplitter;
use packages::PackagesParser;
use sources::{DiffIndexParser, SourcesParser};

/// The most bytes an index may have when uncompressed. Debian's largest `Packages` has 60 MB, its `Contents` is not
/// read.
pub const MAX_UNCOMPRESSED_BYTES: u64 = 1024 * 1024 * 1024;

/// The longest line in bytes. The longest in Debian (a `Provides`) has some 60 kB.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The most fields in a stanza. Debian's have some 30.
pub const MAX_STANZA_FIELDS: usize = 1_000;

/// The most files one stanza may name: a source package of many tarballs, or the patches of one index.
pub const MAX_STANZA_FILES: usize = 4_096;

/// The most files one index may name. Debian's largest names 70,000.
pub const MAX_INDEX_ENTRIES: u64 = 5_000_000;

/// The size in bytes of the buffer that is decompressed into.
const OUTPUT_BYTES: usize = 64 * 1024;

/// A file that an index names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedFile {
    /// Its path relative to the archive's root.
    pub path: ArchivePath,
    /// How the index writes it.
    pub written: WrittenPath,
    /// Its size in bytes, where the index says.
    pub size: Option<u64>,
    /// Its digests: at least one.
    pub digests: Digests,
}

/// Where an index stands, for the paths that are relative to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IndexLocation {
    /// The index's directory relative to the archive's root, without a slash at the end; empty for the root.
    pub directory: String,
}

impl IndexLocation {
    /// The place of an index given by its path relative to a suite. None where the suite is not in the archive.
    ///
    /// ```
    /// use suitecast_archive::{Archive, ArchivePath, IndexLocation, Layout, SuiteName};
    ///
    /// let archive = Archive { prefix: "debian/".to_owned(), layout: Layout::Standard };
    /// let index = ArchivePath::parse("main/binary-amd64/Packages.diff/Index")?;
    /// let location = IndexLocation::of(&archive, &SuiteName::parse("debian/dists/sid")?, &index);
    /// assert_eq!(location.unwrap().directory, "dists/sid/main/binary-amd64/Packages.diff");
    /// # Ok::<(), suitecast_archive::PathError>(())
    /// ```
    pub fn of(archive: &Archive, suite: &SuiteName, index: &ArchivePath) -> Option<Self> {
        let path = archive.path_of_key(&suite.key(index))?;
        Some(Self { directory: path.parent().unwrap_or_default().to_owned() })
    }
}

/// What was read, once it is known to be what the release names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSummary {
    /// How many files were handed out.
    pub entries: u64,
    /// The size of the uncompressed index in bytes; zero for a kind that is not read.
    pub uncompressed_bytes: u64,
}

/// Reads an index piece by piece with memory that does not grow with it, checks its size and digest in the same pass,
/// and hands out the files that it names.
///
/// **The files are handed out before the digest is known.** Collect them, and use them only once
/// [`IndexReader::finish`] has answered `Ok`.
///
/// The bytes' own digest is judged first: when the data is malformed *and* not what the release names, `finish` reports
/// the latter ([`IndexError::is_mismatch`]), since then nothing the data says counts, and other bytes may come. Any
/// other error is in data that the release vouches for, and will not go away. So what is wrong with the content is kept
/// back until `finish`.
///
/// An index whose kind names no files is checked and not read.
///
/// ```
/// use suitecast_archive::{Compression, Digests, IndexKind, IndexLocation, IndexReader, ReleaseEntry};
///
/// let bytes = b"Package: hello\nFilename: pool/main/h/hello/hello_2.10-3_amd64.deb\nSize: 53132\n\
///     SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
/// let expected = ReleaseEntry { size: bytes.len() as u64, digests: Digests::of(bytes) };
/// let mut reader = IndexReader::new(IndexKind::Packages, Compression::None, &expected, &IndexLocation::default())?;
/// let mut files = Vec::new();
/// for piece in bytes.chunks(7) {
///     reader.push(piece, &mut |file| files.push(file))?;
/// }
/// let summary = reader.finish(&mut |file| files.push(file))?;
/// assert_eq!(summary.entries, 1);
/// assert_eq!(files[0].path.as_str(), "pool/main/h/hello/hello_2.10-3_amd64.deb");
/// # Ok::<(), suitecast_archive::IndexError>(())
/// ```
pub struct IndexReader {
    expected: ReleaseEntry,
    hasher: Hasher,
    content: Option<Content>,
    /// What was wrong with the content, kept until the digest is known.
    problem: Option<IndexError>,
    /// What the reader had handed out and read when it stopped or ended.
    summary: IndexSummary,
}

impl IndexReader {
    /// Begins an index that the release says `expected` of.
    ///
    /// # Errors
    /// When the kind is to be read and the compression is none that is, or the entry has no digest to check.
    pub fn new(
        kind: IndexKind,
        compression: Compression,
        expected: &ReleaseEntry,
        location: &IndexLocation,
    ) -> Result<Self, IndexError> {
        if expected.digests.is_empty() {
            return Err(IndexError::NoExpectedDigest);
        }
        let content = match Parser::new(kind, location) {
            Some(parser) => Some(Content::new(compression, parser)?),
            None => None,
        };
        Ok(Self {
            expected: *expected,
            hasher: Hasher::matching(&expected.digests),
            content,
            problem: None,
            summary: IndexSummary { entries: 0, uncompressed_bytes: 0 },
        })
    }

    /// Takes the next bytes, and hands out the files named by what is complete.
    ///
    /// # Errors
    /// [`IndexError::Size`] as soon as there are more bytes than the release says; reading on is useless then.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        self.hasher.update(bytes);
        if self.hasher.size() > self.expected.size {
            return Err(IndexError::Size { expected: self.expected.size, found: self.hasher.size() });
        }
        if let Some(content) = &mut self.content
            && let Err(problem) = content.push(bytes, sink)
        {
            self.stop(problem);
        }
        Ok(())
    }

    /// Says that there are no more bytes, hands out what the last of them named, and judges the whole.
    ///
    /// # Errors
    /// When size or digest are not what the release says ([`IndexError::is_mismatch`]); else when the content is
    /// malformed, names what cannot be, or passes a limit.
    pub fn finish(mut self, sink: &mut dyn FnMut(NamedFile)) -> Result<IndexSummary, IndexError> {
        if let Some(content) = &mut self.content {
            // An empty file stands for an empty index under every compression, as apt takes it.
            if self.hasher.size() > 0
                && let Err(problem) = content.finish(sink)
            {
                self.stop(problem);
            } else {
                self.summary = content.summary();
            }
        }
        let (found, digests) = self.hasher.finish();
        if found != self.expected.size {
            return Err(IndexError::Size { expected: self.expected.size, found });
        }
        for (expected, found) in self.expected.digests.all().zip(digests.all()) {
            if expected != found {
                return Err(IndexError::Digest { expected: Box::new(expected), found: Box::new(found) });
            }
        }
        self.problem.map_or(Ok(self.summary), Err)
    }

    fn stop(&mut self, problem: IndexError) {
        self.content = None;
        self.problem = Some(problem);
    }
}

impl std::fmt::Debug for IndexReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IndexReader")
            .field("expected", &self.expected)
            .field("received", &self.hasher.size())
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}

/// The reading side: decompression, lines, entries.
struct Content {
    decoder: Decoder,
    output: Box<[u8]>,
    text: Text,
}

impl Content {
    fn new(compression: Compression, parser: Parser) -> Result<Self, IndexError> {
        let decoder = Decoder::new(compression)
            .map_err(IndexError::decode)?
            .ok_or(IndexError::UnreadableCompression { suffix: compression.suffix() })?;
        let output_bytes = if matches!(decoder, Decoder::Plain) { 0 } else { OUTPUT_BYTES };
        let text = Text { lines: LineSplitter::new(), parser, bytes: 0, entries: 0 };
        Ok(Self { decoder, output: vec![0; output_bytes].into_boxed_slice(), text })
    }

    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        if matches!(self.decoder, Decoder::Plain) {
            return self.text.push(bytes, sink);
        }
        let mut input = bytes;
        while !input.is_empty() {
            let step = self.step(input, false, sink)?;
            input = input.get(step.consumed..).unwrap_or_default();
            // A full buffer may hide more that needs no further input.
            let mut produced = step.produced;
            while input.is_empty() && produced == self.output.len() {
                produced = self.step(&[], false, sink)?.produced;
            }
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        if !matches!(self.decoder, Decoder::Plain) {
            while self.step(&[], true, sink)?.produced > 0 {}
            self.decoder.check_end().map_err(IndexError::decode)?;
        }
        self.text.finish(sink)
    }

    fn step(&mut self, input: &[u8], is_last: bool, sink: &mut dyn FnMut(NamedFile)) -> Result<Step, IndexError> {
        let step = self.decoder.step(input, &mut self.output, is_last).map_err(IndexError::decode)?;
        self.text.push(self.output.get(..step.produced).unwrap_or_default(), sink)?;
        Ok(step)
    }

    fn summary(&self) -> IndexSummary {
        IndexSummary { entries: self.text.entries, uncompressed_bytes: self.text.bytes }
    }
}

/// The uncompressed side, counted.
struct Text {
    lines: LineSplitter,
    parser: Parser,
    bytes: u64,
    entries: u64,
}

impl Text {
    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > MAX_UNCOMPRESSED_BYTES {
            return Err(IndexError::TooLarge);
        }
        let Self { lines, parser, entries, .. } = self;
        lines.push(bytes, &mut |number, line| {
            parser.line(number, line, &mut counted(entries, sink))?;
            within_limit(*entries, number)
        })
    }

    fn finish(&mut self, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        let Self { lines, parser, entries, .. } = self;
        lines.finish(&mut |number, line| parser.line(number, line, &mut counted(entries, sink)))?;
        parser.finish(lines.number(), &mut counted(entries, sink))?;
        within_limit(*entries, lines.number())
    }
}

fn within_limit(entries: u64, line: u64) -> Result<(), IndexError> {
    if entries > MAX_INDEX_ENTRIES { Err(IndexError::TooManyEntries { line }) } else { Ok(()) }
}

/// A sink that counts what passes.
fn counted(entries: &mut u64, sink: &mut dyn FnMut(NamedFile)) -> impl FnMut(NamedFile) {
    move |file| {
        *entries += 1;
        sink(file);
    }
}

/// The kinds of index that name files.
enum Parser {
    Packages(Box<PackagesParser>),
    Sources(Box<SourcesParser>),
    DiffIndex(Box<DiffIndexParser>),
    ChecksumList(ChecksumListParser),
}

impl Parser {
    fn new(kind: IndexKind, location: &IndexLocation) -> Option<Self> {
        Some(match kind {
            IndexKind::Packages => Self::Packages(Box::default()),
            IndexKind::Sources => Self::Sources(Box::default()),
            IndexKind::DiffIndex => Self::DiffIndex(Box::new(DiffIndexParser::new(location))),
            IndexKind::ChecksumList => Self::ChecksumList(ChecksumListParser::new(location)),
            IndexKind::Translation
            | IndexKind::Contents
            | IndexKind::Dep11
            | IndexKind::Cnf
            | IndexKind::ArchitectureRelease
            | IndexKind::Other => return None,
        })
    }

    fn line(&mut self, number: u64, line: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        match self {
            Self::Packages(parser) => parser.line(number, line, sink),
            Self::Sources(parser) => parser.line(number, line, sink),
            Self::DiffIndex(parser) => parser.line(number, line, sink),
            Self::ChecksumList(parser) => parser.line(number, line, sink),
        }
    }

    fn finish(&mut self, number: u64, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        match self {
            Self::Packages(parser) => parser.end_stanza(number, sink),
            Self::Sources(parser) => parser.end_stanza(number, sink),
            Self::DiffIndex(parser) => parser.finish(number, sink),
            Self::ChecksumList(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
