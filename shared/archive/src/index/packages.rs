//! `Packages`: one stanza a binary package.

use super::{IndexError, MAX_STANZA_FIELDS, NamedFile};
use crate::deb822::{Line, parse_size};
use crate::path::shown;
use crate::{ArchivePath, Digest, DigestAlgorithm, Digests, MAX_FILE_BYTES, WrittenPath};

/// What belongs on a line.
const EXPECTED: &str = "a field of a stanza";

/// How many of the fields there are.
const KNOWN_FIELDS: usize = 4;

/// The fields that name a file and say what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Filename,
    Size,
    Sha256,
    Sha512,
}

impl Field {
    /// The field of a name; the length is looked at first, since nearly all lines are other fields.
    fn of(name: &[u8]) -> Option<Self> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"Size") => Some(Self::Size),
            6 if name.eq_ignore_ascii_case(b"SHA256") => Some(Self::Sha256),
            6 if name.eq_ignore_ascii_case(b"SHA512") => Some(Self::Sha512),
            8 if name.eq_ignore_ascii_case(b"Filename") => Some(Self::Filename),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Filename => "Filename",
            Self::Size => "Size",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// Gathers a stanza at a time; the buffer for the file's name is used again.
#[derive(Default)]
pub(super) struct PackagesParser {
    filename: Vec<u8>,
    size: Option<u64>,
    digests: Digests,
    fields: usize,
    /// The known fields that the stanza has, with or without a value.
    seen: [Option<Field>; KNOWN_FIELDS],
    /// The field whose value may still come on the next line, since nothing stood behind its colon.
    pending: Option<Field>,
    /// The field that the next line may not continue, since its value is complete.
    complete: Option<Field>,
}

impl PackagesParser {
    pub(super) fn line(&mut self, number: u64, line: &[u8], sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        match Line::of(line) {
            Line::Blank => self.end_stanza(number, sink),
            Line::Continuation { value, is_by_tab } => self.take_continuation(number, value, is_by_tab, line),
            Line::Field { name, value } => self.take_field(number, name, value),
            Line::Malformed => Err(IndexError::malformed(number, EXPECTED, line)),
        }
    }

    fn take_field(&mut self, number: u64, name: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.fields += 1;
        if self.fields > MAX_STANZA_FIELDS {
            return Err(IndexError::TooManyFields { line: number });
        }
        self.pending = None;
        self.complete = None;
        let Some(field) = Field::of(name) else { return Ok(()) };
        // Of two, apt goes by the later one, even if it is empty.
        if self.seen.contains(&Some(field)) {
            return Err(IndexError::DuplicateField { line: number, field: field.name() });
        }
        if let Some(place) = self.seen.iter_mut().find(|place| place.is_none()) {
            *place = Some(field);
        }
        if value.is_empty() {
            self.pending = Some(field);
            return Ok(());
        }
        self.take_value(number, field, value)
    }

    fn take_continuation(&mut self, number: u64, value: &[u8], is_by_tab: bool, line: &[u8]) -> Result<(), IndexError> {
        let is_after_value = self.complete.is_some() && !value.is_empty();
        if self.fields == 0 || is_after_value || (self.pending.is_some() && is_by_tab) {
            return Err(IndexError::malformed(number, EXPECTED, line));
        }
        match self.pending {
            Some(field) if !value.is_empty() => {
                self.pending = None;
                self.take_value(number, field, value)
            }
            _ => Ok(()),
        }
    }

    fn take_value(&mut self, number: u64, field: Field, value: &[u8]) -> Result<(), IndexError> {
        let digest = |algorithm| {
            Digest::parse_bytes(algorithm, value).map_err(|source| IndexError::FileDigest { line: number, source })
        };
        match field {
            Field::Filename => self.filename.extend_from_slice(value),
            Field::Size => {
                let size = parse_size(value, MAX_FILE_BYTES).ok_or_else(|| IndexError::file_size(number, value))?;
                self.size = Some(size);
            }
            Field::Sha256 => _ = self.digests.set(digest(DigestAlgorithm::Sha256)?),
            Field::Sha512 => _ = self.digests.set(digest(DigestAlgorithm::Sha512)?),
        }
        self.complete = Some(field);
        Ok(())
    }

    /// Ends the stanza. One without `Filename` (a package that is only installed) names nothing.
    pub(super) fn end_stanza(&mut self, number: u64, sink: &mut dyn FnMut(NamedFile)) -> Result<(), IndexError> {
        if !self.filename.is_empty() {
            if self.digests.is_empty() {
                let path = shown(&String::from_utf8_lossy(&self.filename));
                return Err(IndexError::NoStrongDigest { line: number, path });
            }
            let path =
                ArchivePath::parse_bytes(&self.filename).map_err(|source| IndexError::Path { line: number, source })?;
            let written = WrittenPath::of(&self.filename);
            sink(NamedFile { path, written, size: self.size, digests: self.digests });
        }
        self.filename.clear();
        self.size = None;
        self.digests = Digests::default();
        self.fields = 0;
        self.seen = [None; KNOWN_FIELDS];
        self.pending = None;
        self.complete = None;
        Ok(())
    }
}
