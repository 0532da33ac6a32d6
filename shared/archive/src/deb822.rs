//! Lines of the control format, as apt reads it (`pkgTagSection::Scan` in apt's `apt-pkg/tagfile.cc`).
//!
//! Field names are compared without regard to case; a line that begins with a blank continues the field before it; only
//! an empty line ends a stanza; a carriage return before the line's end does not count; there are no comments.

/// What one line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'line> {
    /// The end of a stanza.
    Blank,
    /// More of the field before it.
    Continuation(&'line [u8]),
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
            Some(b' ' | b'\t') => Self::Continuation(line.trim_ascii()),
            Some(_) => {
                let mut parts = line.splitn(2, |byte| *byte == b':');
                let name = parts.next().unwrap_or_default().trim_ascii_end();
                match parts.next() {
                    Some(value) if !name.is_empty() => Self::Field { name, value: value.trim_ascii() },
                    _ => Self::Malformed,
                }
            }
        }
    }
}

/// The words of a value, apart by blanks.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
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
