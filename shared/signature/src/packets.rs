//! From bytes to packets, with a limit.

use pgp::packet::{Packet, PacketHeader};
use pgp::types::{PacketLength, Tag};

/// Why bytes are no packets.
#[derive(Debug)]
pub(crate) enum PacketsError {
    /// There are more than asked for.
    TooMany,
    /// The frame of this one is damaged, so nothing after it can be found.
    Frame { packet: usize, problem: String },
}

/// One packet, or why its content cannot be read.
#[derive(Debug)]
pub(crate) struct Read {
    /// Its number, from one.
    pub(crate) number: usize,
    /// What its header says that it is.
    pub(crate) tag: Tag,
    /// Its content.
    pub(crate) packet: Result<Packet, Unreadable>,
}

/// Why a packet's content cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Whether it is of a version or an algorithm that is only not known here, which the standard wants skipped.
    pub(crate) unsupported: bool,
    /// What the parser said.
    pub(crate) problem: String,
}

/// The most characters that are passed on of what the parser says: it quotes what it found.
const MAX_PROBLEM_CHARACTERS: usize = 200;

/// What the parser says, for an error and a log: on one line, and short.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|character: char| character.is_whitespace() || character.is_control()).collect();
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_PROBLEM_CHARACTERS)
        .collect()
}

/// All packets, in order.
pub(crate) fn read(bytes: &[u8], most: usize) -> Result<Vec<Read>, PacketsError> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let number = packets.len() + 1;
        if number > most {
            return Err(PacketsError::TooMany);
        }
        let frame = |problem: String| PacketsError::Frame { packet: number, problem };
        let header = PacketHeader::try_from_reader(&mut rest).map_err(|error| frame(one_line(&error.to_string())))?;
        // Keys and signatures are of a known length. The other forms are for data, which has no business here.
        let PacketLength::Fixed(length) = header.packet_length() else {
            return Err(frame("is of no fixed length".to_owned()));
        };
        let cut_off = || frame("is cut off".to_owned());
        let (body, after) =
            rest.split_at_checked(usize::try_from(length).map_err(|_| cut_off())?).ok_or_else(cut_off)?;
        rest = after;
        let packet = Packet::from_reader(header, body).map_err(|error| Unreadable::from(&error));
        packets.push(Read { number, tag: header.tag(), packet });
    }
    Ok(packets)
}

impl From<&pgp::errors::Error> for Unreadable {
    fn from(error: &pgp::errors::Error) -> Self {
        match error {
            pgp::errors::Error::InvalidPacketContent { source } => Self::from(source.as_ref()),
            pgp::errors::Error::Unsupported { message, .. } => Self { unsupported: true, problem: one_line(message) },
            other => Self { unsupported: false, problem: one_line(&other.to_string()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_says_in_lines_is_passed_on_in_one() {
        assert_eq!(
            one_line("assertion failed\n  left: `154`,\n right: `10`: x"),
            "assertion failed left: `154`, right: `10`: x"
        );
        assert_eq!(one_line(&"a\u{7}".repeat(1_000)).len(), MAX_PROBLEM_CHARACTERS);
    }
}
