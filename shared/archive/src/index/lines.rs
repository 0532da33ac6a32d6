//! Lines out of pieces, wherever the pieces are cut.

use super::{IndexError, MAX_LINE_BYTES};

/// What takes a line, with its number from one and without its line feed.
type LineSink<'sink> = dyn FnMut(u64, &[u8]) -> Result<(), IndexError> + 'sink;

/// Splits pieces into lines. Only a line that was cut is copied, into one buffer that is used again.
pub(super) struct LineSplitter {
    begun: Vec<u8>,
    number: u64,
}

impl LineSplitter {
    pub(super) fn new() -> Self {
        Self { begun: Vec::new(), number: 0 }
    }

    /// How many lines were handed out.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut LineSink<'_>) -> Result<(), IndexError> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            self.number += 1;
            if self.begun.len() + line.len() > MAX_LINE_BYTES {
                return Err(IndexError::LineTooLong { line: self.number });
            }
            if self.begun.is_empty() {
                sink(self.number, line)?;
            } else {
                self.begun.extend_from_slice(line);
                sink(self.number, &self.begun)?;
                self.begun.clear();
            }
        }
        if self.begun.len() + rest.len() > MAX_LINE_BYTES {
            return Err(IndexError::LineTooLong { line: self.number + 1 });
        }
        self.begun.extend_from_slice(rest);
        Ok(())
    }

    /// Hands out the last line where it has no line feed.
    pub(super) fn finish(&mut self, sink: &mut LineSink<'_>) -> Result<(), IndexError> {
        if self.begun.is_empty() {
            return Ok(());
        }
        self.number += 1;
        sink(self.number, &self.begun)
    }
}
