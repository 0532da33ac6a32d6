//! Armour: binary packets written as lines of text (RFC 9580, section 6).
//!
//! What is read here is what decides; so nothing is guessed. A line that does not belong into a block is an error, and a
//! checksum that is there must be right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const TAIL: &[u8] = b"-----";

/// What makes an armoured block unreadable. Permanent: the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArmourError {
    /// It ends before its `END` line.
    #[error("the armoured block that begins at line {line} has no end: the file is cut off or damaged")]
    Unfinished {
        /// The block's first line, from one.
        line: usize,
    },
    /// A line before the empty line that is no `Name: value`.
    #[error("line {line} is no header of an armoured block, and the empty line that ends the headers is not yet there")]
    Header {
        /// The line, from one.
        line: usize,
    },
    /// The body is not base64.
    #[error("the armoured block that begins at line {line} is not base64: the file is damaged")]
    Base64 {
        /// The block's first line, from one.
        line: usize,
    },
    /// The checksum does not fit the body.
    #[error("the checksum of the armoured block that begins at line {line} is wrong: the file is damaged")]
    Checksum {
        /// The block's first line, from one.
        line: usize,
    },
    /// The block ends as another kind than it began.
    #[error("line {line} ends another kind of armoured block than was begun, or follows the checksum")]
    End {
        /// The line, from one.
        line: usize,
    },
    /// Something stands outside of a block where nothing may.
    #[error("line {line} stands outside of the armoured signature; nothing may, not even an empty line")]
    Outside {
        /// The line, from one.
        line: usize,
    },
}

/// What may stand between armoured blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// Any text: comments in a keyring.
    Anything,
    /// Not even an empty line, as in apt.
    Nothing,
}

/// One armoured block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands in its first line, such as `PGP SIGNATURE`.
    pub(crate) kind: Vec<u8>,
    /// Its first line, from one.
    pub(crate) line: usize,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
}

/// All armoured blocks of a file, in order.
pub(crate) fn blocks(file: &[u8], between: Between) -> Result<Vec<Block>, ArmourError> {
    let mut blocks = Vec::new();
    let mut lines = file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        if let Some(kind) = delimiter(line, BEGIN) {
            blocks.push(block(kind, number, &mut lines)?);
        } else if between == Between::Nothing {
            return Err(ArmourError::Outside { line: number });
        }
    }
    Ok(blocks)
}

fn block<'a>(
    kind: &[u8],
    first: usize,
    lines: &mut impl Iterator<Item = (&'a [u8], usize)>,
) -> Result<Block, ArmourError> {
    let unfinished = ArmourError::Unfinished { line: first };
    loop {
        let (line, number) = lines.next().ok_or_else(|| unfinished.clone())?;
        if line.is_empty() {
            break;
        }
        if !line.windows(2).any(|pair| pair == b": ") && !line.ends_with(b":") {
            return Err(ArmourError::Header { line: number });
        }
    }
    let mut body = Vec::new();
    let mut checksum = None;
    loop {
        let (line, number) = lines.next().ok_or_else(|| unfinished.clone())?;
        if let Some(end) = delimiter(line, END) {
            if end != kind {
                return Err(ArmourError::End { line: number });
            }
            break;
        }
        if checksum.is_some() {
            return Err(ArmourError::End { line: number });
        }
        match line.strip_prefix(b"=") {
            // A body may end with padding on a line of its own, but then it is longer than one sign.
            Some(sum) if sum.len() == 4 => checksum = Some(sum.to_vec()),
            _ => body.extend_from_slice(line),
        }
    }
    let bytes = STANDARD.decode(&body).map_err(|_| ArmourError::Base64 { line: first })?;
    if let Some(sum) = checksum {
        let sum = STANDARD.decode(sum).map_err(|_| ArmourError::Checksum { line: first })?;
        if sum != crc24(&bytes) {
            return Err(ArmourError::Checksum { line: first });
        }
    }
    Ok(Block { kind: kind.to_vec(), line: first, bytes })
}

/// The kind of block that a line begins or ends.
fn delimiter<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(prefix)?.strip_suffix(TAIL)
}

/// RFC 9580, section 6.1.1.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    const BEGINNING: u32 = 0x00b7_04ce;
    const POLYNOMIAL: u32 = 0x0186_4cfb;
    const OVERFLOW: u32 = 0x0100_0000;
    let sum = bytes.iter().fold(BEGINNING, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 16), |sum, _| {
            let shifted = sum << 1;
            if shifted & OVERFLOW == 0 { shifted } else { shifted ^ POLYNOMIAL }
        })
    });
    let [_, high, middle, low] = sum.to_be_bytes();
    [high, middle, low]
}
