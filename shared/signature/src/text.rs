//! The bytes that a signature is computed over.
//!
//! A signature over text ignores how lines end, and in a clear-signed file also the blanks before the line end: otherwise a
//! file that went through a mail program would not verify. gpg, gpgv and apt each do this in their own code; these
//! functions give the same bytes.

/// The lines of a clear-signed text: without blanks at their ends, joined by CR LF, the last one without a line end.
///
/// RFC 9580, section 7.2. As apt does it: first the line end with all its carriage returns, then spaces and tabs; what
/// is behind a carriage return that is not at the line end stays, but gpgv drops that carriage return.
pub(crate) fn of_clear_signed(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut canonical = Vec::with_capacity(text.len() + text.len() / 16);
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical.extend_from_slice(without_end(without_end(without_end(line, b"\r\n"), b" \t"), b"\r"));
    }
    canonical
}

/// The lines of a text beside its signature: each with CR LF in place of its line end, everything else as it stands.
///
/// As gpg's `text_filter` does it: all carriage returns before the line feed belong to the line end; a last line without
/// a line feed gets none.
pub(crate) fn of_detached(text: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        canonical.extend_from_slice(without_end(line, b"\r\n"));
        if line.ends_with(b"\n") {
            canonical.extend_from_slice(b"\r\n");
        }
    }
    canonical
}

fn without_end<'a>(line: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    let length = line.iter().rposition(|byte| !blanks.contains(byte)).map_or(0, |last| last + 1);
    line.get(..length).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_signed_text_is_its_lines_without_blanks_at_their_ends() {
        for (text, canonical) in [
            (&b""[..], &b""[..]),
            (b"\n", b""),
            (b"A: b\n", b"A: b"),
            (b"A: b", b"A: b"),
            (b"A: b\r\n", b"A: b"),
            (b"A: b \t\r\nC: d\t \n", b"A: b\r\nC: d"),
            (b"A: b\n\n", b"A: b\r\n"),
            (b"A: b \r\r\nC \r \r\n", b"A: b\r\nC "),
            (b" A:\rb\n \n\n", b" A:\rb\r\n\r\n"),
            (b"A\x0c\nB\x0b\n", b"A\x0c\r\nB\x0b"),
        ] {
            assert_eq!(of_clear_signed(text), canonical, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_text_beside_its_signature_keeps_its_blanks() {
        for (text, canonical) in [
            (&b""[..], &b""[..]),
            (b"\n", b"\r\n"),
            (b"A: b", b"A: b"),
            (b"A: b \r\nC\r\r\n", b"A: b \r\nC\r\n"),
            (b"A\rb\nC\r", b"A\rb\r\nC"),
        ] {
            assert_eq!(of_detached(text), canonical, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
