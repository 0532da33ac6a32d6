//! Lines of the control format, as apt reads it (`pkgTagSection::Scan` in apt's `apt-pkg/tagfile.cc`).
//!
//! Field names are compared without regard to case; a line that begins with a blank continues the field before it; only
//! an empty line ends a stanza; a carriage return before the line's end does not count; there are no comments.
//!
//! Where apt is lenient in a way of its own, a line is refused rather than read in another: apt drops carriage returns in
//! front of a field, takes vertical tabs and form feeds for blanks, and a field that begins with a tab on its second line
//! for one that begins with a line feed. Who read such lines otherwise would verify other files than apt asks for.

/// What one line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'line> {
    /// The end of a stanza.
    Blank,
    /// More of the field before it, without blanks around it.
    Continuation {
        /// What it says.
        value: &'line [u8],
        /// Whether its first blank is a tab.
        is_by_tab: bool,
    },
    /// A field, both sides without blanks around them.
    Field { name: &'line [u8], value: &'line [u8] },
    /// None of these.
    Malformed,
}

impl<'line> Line<'line> {
    /// Looks at a line, given without its line feed.
    pub(crate) fn of(line: &'line [u8]) -> Self {
        let mut line = line;
        while let Some(rest) = line.strip_suffix(b"\r") {
            line = rest;
        }
        match line.first() {
            None => Self::Blank,
            Some(first @ (b' ' | b'\t')) => Self::Continuation { value: trimmed(line), is_by_tab: *first == b'\t' },
            Some(_) => {
                let mut parts = line.splitn(2, |byte| *byte == b':');
                let name = parts.next().unwrap_or_default().trim_ascii_end();
                match parts.next() {
                    Some(value) if is_name(name) => Self::Field { name, value: trimmed(value) },
                    _ => Self::Malformed,
                }
            }
        }
    }
}

/// A text without the blanks around it. A form feed is none: within a field apt takes it for a part of the word beside it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let first = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(first, |last| last + 1);
    text.get(first..end).unwrap_or_default()
}

/// Whether a text may name a field: no blanks, no control characters.
fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && !text.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

/// The words of a value, apart by spaces and tabs: the blanks that all of apt's readers agree on.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// A size in bytes: decimal digits, up to `limit`.
pub(crate) fn parse_size(text: &[u8], limit: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut size: u64 = 0;
    for byte in text {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        size = size.checked_mul(10)?.checked_add(digit)?;
    }
    (size <= limit).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_apt_reads_in_a_way_of_its_own_are_refused() {
        for line in [
            &b"\rFilename: b"[..],
            b"\r b",
            b"\x0bFilename: b",
            b"\x0cFilename: b",
            b"Filename\x0b: b",
            b"File\0name: b",
            b"File name: b",
            b": b",
            b"Filename",
        ] {
            assert_eq!(Line::of(line), Line::Malformed, "{}", line.escape_ascii());
        }
        assert_eq!(Line::of(b"Filename \t: b \r\r"), Line::Field { name: b"Filename", value: b"b" });
        assert_eq!(Line::of(b"\tb "), Line::Continuation { value: b"b", is_by_tab: true });
        assert_eq!(Line::of(b" \tb"), Line::Continuation { value: b"b", is_by_tab: false });
        assert_eq!(Line::of(b"\r\r"), Line::Blank);
        // What a digest or a path is, it is with the form feed.
        assert_eq!(Line::of(b" \x0cb\x0c"), Line::Continuation { value: b"\x0cb\x0c", is_by_tab: false });
        assert_eq!(Line::of(b"Filename: b\x0c \r"), Line::Field { name: b"Filename", value: b"b\x0c" });
    }

    #[test]
    fn words_are_apart_by_spaces_and_tabs_alone() {
        let found: Vec<&[u8]> = words(b" a \t b\x0cc\rd ").collect();
        assert_eq!(found, [&b"a"[..], b"b\x0cc\rd"]);
    }
}
