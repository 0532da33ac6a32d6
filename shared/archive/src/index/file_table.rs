//! The files of one stanza, gathered from several lists of digests.

use std::ops::Range;

use super::{IndexError, MAX_STANZA_FILES, NamedFile};
use crate::deb822::{parse_size, words};
use crate::path::shown;
use crate::{ArchivePath, Digest, DigestAlgorithm, Digests, MAX_FILE_BYTES, WrittenPath};

/// One file.
struct Row {
    name: Range<usize>,
    size: u64,
    digests: Digests,
}

/// The files of one stanza by name. Its buffers are used again for the next one.
#[derive(Default)]
pub(super) struct FileTable {
    names: Vec<u8>,
    rows: Vec<Row>,
    /// Where the next file of the current list most likely stands: lists name the same files in the same order.
    next: usize,
}

impl FileTable {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.rows.clear();
        self.next = 0;
    }

    /// Says that another list begins.
    pub(super) fn begin_list(&mut self) {
        self.next = 0;
    }

    /// Takes a line `digest size name`. A list of weak digests names files too, and proves nothing: its digests are
    /// checked for their form, since apt would stumble over others, and kept nowhere.
    pub(super) fn take(&mut self, number: u64, algorithm: DigestAlgorithm, line: &[u8]) -> Result<(), IndexError> {
        let mut parts = words(line);
        let (Some(hexadecimal), Some(size_text), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(IndexError::malformed(number, "a digest, a size and a name", line));
        };
        let digest = Digest::parse_bytes(algorithm, hexadecimal)
            .map_err(|source| IndexError::FileDigest { line: number, source })?;
        let size = parse_size(size_text, MAX_FILE_BYTES).ok_or_else(|| IndexError::file_size(number, size_text))?;
        let conflict = |what| IndexError::Conflict { line: number, file: shown(&String::from_utf8_lossy(name)), what };
        let place = self.find(name);
        self.next = place.map_or(self.rows.len(), |found| found) + 1;
        match place.and_then(|found| self.rows.get_mut(found)) {
            Some(row) if row.size != size => Err(conflict("size")),
            Some(row) => match row.digests.set(digest) {
                Some(before) if before != digest => Err(conflict("digest")),
                _ => Ok(()),
            },
            None => {
                if self.rows.len() >= MAX_STANZA_FILES {
                    return Err(IndexError::TooManyFiles { line: number });
                }
                let start = self.names.len();
                self.names.extend_from_slice(name);
                let mut digests = Digests::default();
                digests.set(digest);
                self.rows.push(Row { name: start..self.names.len(), size, digests });
                Ok(())
            }
        }
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let is_at = |row: &Row| self.names.get(row.name.clone()).is_some_and(|text| text == name);
        if self.rows.get(self.next).is_some_and(is_at) {
            return Some(self.next);
        }
        self.rows.iter().position(is_at)
    }

    /// Hands out all files below a directory, and clears the table.
    pub(super) fn hand_out(
        &mut self,
        number: u64,
        directory: &str,
        written: WrittenPath,
        sink: &mut dyn FnMut(NamedFile),
    ) -> Result<(), IndexError> {
        for row in &self.rows {
            let name = self.names.get(row.name.clone()).unwrap_or_default();
            let name = std::str::from_utf8(name).map_err(|_| IndexError::malformed(number, "a name in UTF-8", name))?;
            if row.digests.is_empty() {
                return Err(IndexError::NoStrongDigest { line: number, path: shown(name) });
            }
            let path =
                ArchivePath::joined(directory, name).map_err(|source| IndexError::Path { line: number, source })?;
            sink(NamedFile { path, written, size: Some(row.size), digests: row.digests });
        }
        self.clear();
        Ok(())
    }
}
