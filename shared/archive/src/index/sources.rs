//! `Sources` and `*.diff/Index`: stanzas with lists of files.

use super::file_table::FileTable;
use super::{IndexError, IndexLocation, MAX_STANZA_FIELDS, NamedFile};
use crate::deb822::Line;
use crate::{DigestAlgorithm, WrittenPath};

/// What belongs on a line.
const EXPECTED: &str = "a field of a stanza";

/// What the lines that follow belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Directory,
    /// A list of files with digests of this algorithm; the MD5 list only says that they exist.
    Files(DigestAlgorithm),
}

/// The fields of a source package's stanza that name files.
const SOURCE_FIELDS: [(&str, Field); 4] = [
    ("Directory", Field::Directory),
    ("Files", Field::Files(DigestAlgorithm::Md5)),
    ("Checksums-Sha256", Field::Files(DigestAlgorithm::Sha256)),
    ("Checksums-Sha512", Field::Files(DigestAlgorithm::Sha512)),
];

/// The fields of a patch index that name what is downloaded. The lists without `-Download` give digests of uncompressed
/// patches, which nobody serves.
const DIFF_FIELDS: [(&str, Field); 2] = [
    ("SHA256-Download", Field::Files(DigestAlgorithm::Sha256)),
    ("SHA512-Download", Field::Files(DigestAlgorithm::Sha512)),
];

/// What both have in common: fields with lists, gathered a stanza at a time.
struct Stanza {
    known: &'static [(&'static str, Field)],
    seen: Vec<&'static str>,
    current: Option<Field>,
    /// Whether the current field had no value on any of its lines yet.
    is_empty_so_far: bool,
    directory: Vec<u8>,
    files: FileTable,
    fields: usize,
}

impl Stanza {
    fn new(known: &'static [(&'static str, Field)]) -> Self {
        Self {
            known,
            seen: Vec::with_capacity(known.len()),
            current: None,
            is_empty_so_far: true,
            directory: Vec::new(),
            files: FileTable::default(),
            fields: 0,
        }
    }

    /// Takes a line; says whether it ended the stanza.
    fn line(&mut self, number: u64, line: &[u8]) -> Result<bool, IndexError> {
        match Line::of(line) {
            Line::Blank => return Ok(true),
            Line::Continuation { .. } if self.fields == 0 => return Err(IndexError::malformed(number, EXPECTED, line)),
            Line::Continuation { is_by_tab: true, .. } if self.current.is_some() && self.is_empty_so_far => {
                return Err(IndexError::malformed(number, EXPECTED, line));
            }
            Line::Continuation { value, .. } => self.take_value(number, value)?,
            Line::Field { name, value } => {
                self.fields += 1;
                if self.fields > MAX_STANZA_FIELDS {
                    return Err(IndexError::TooManyFields { line: number });
                }
                let known = self.known.iter().find(|(field, _)| field.as_bytes().eq_ignore_ascii_case(name));
                self.current = known.map(|(_, field)| *field);
                self.is_empty_so_far = true;
                if let Some((field, _)) = known {
                    if self.seen.contains(field) {
                        return Err(IndexError::DuplicateField { line: number, field });
                    }
                    self.seen.push(field);
                    self.files.begin_list();
                }
                self.take_value(number, value)?;
            }
            Line::Malformed => return Err(IndexError::malformed(number, EXPECTED, line)),
        }
        Ok(false)
    }

    fn take_value(&mut self, number: u64, value: &[u8]) -> Result<(), IndexError> {
        if value.is_empty() {
            return Ok(());
        }
        self.is_empty_so_far = false;
        match self.current {
            None => Ok(()),
            Some(Field::Directory) if self.directory.is_empty() => {
                self.directory.extend_from_slice(value);
                Ok(())
            }
            Some(Field::Directory) => Err(IndexError::malformed(number, "a directory on one line", value)),
            Some(Field::Files(algorithm)) => self.files.take(number, algorithm, value),
        }
    }

    fn clear(&mut self) {
        self.seen.clear();
        self.current = None;
        self.directory.clear();
        self.files.clear();
        self.fields = 0;
    }
}

/// `Sources`: one stanza a source package.
pub(super) struct SourcesParser(Stanza);

impl Default for SourcesParser {
    fn default() -> Self {
        Self(Stanza::new(&SOURCE_FIELDS))
    }
}

impl SourcesParser {
    pub(super) fn line(&mut self, number: u64, line: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        if self.0.line(number, line)? { self.end_stanza(number, sink) } else { Ok(()) }
    }

    /// Ends the stanza. Without `Directory` the files stand at the archive's root, as apt takes it.
    pub(super) fn end_stanza(&mut self, number: u64, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        let Stanza { directory, files, .. } = &mut self.0;
        let directory = std::str::from_utf8(directory)
            .map_err(|_| IndexError::malformed(number, "a directory in UTF-8", directory))?;
        let directory = directory.strip_suffix('/').unwrap_or(directory);
        let written = WrittenPath::of(directory.as_bytes());
        files.hand_out(number, if directory == "." { "" } else { directory }, written, sink)?;
        self.0.clear();
        Ok(())
    }
}

/// `*.diff/Index`: one stanza, whose lists name the patches beside it.
pub(super) struct DiffIndexParser {
    stanza: Stanza,
    directory: String,
}

impl DiffIndexParser {
    pub(super) fn new(location: &IndexLocation) -> Self {
        Self { stanza: Stanza::new(&DIFF_FIELDS), directory: location.directory.clone() }
    }

    pub(super) fn line(&mut self, number: u64, line: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        if self.stanza.line(number, line)? { self.finish(number, sink) } else { Ok(()) }
    }

    pub(super) fn finish(&mut self, number: u64, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        self.stanza.files.hand_out(number, &self.directory, WrittenPath::Plain, sink)?;
        self.stanza.clear();
        Ok(())
    }
}
