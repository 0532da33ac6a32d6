//! Clear-signed texts (`InRelease`): the cleartext signature framework of RFC 9580, section 7.
//!
//! The rule that keeps this safe: what is outside of the signed text must be nothing at all. Where a reader skips text
//! that a verifier does not look at, the two see different files (CVE-2013-1051, CVE-2018-0501 in apt).

use thiserror::Error;

use crate::MAX_RELEASE_BYTES;

/// The largest signature in bytes, armoured. A dozen signers make some 10 kB.
pub const MAX_SIGNATURE_BYTES: usize = 1024 * 1024;

const MESSAGE_BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// Why bytes are no clear-signed text. Permanent: the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClearSignedError {
    /// It is larger than a release and a signature together may be.
    #[error("the clear-signed file has {bytes} bytes, and at most {} are read", MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES)]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It does not begin with the line that opens a signed message.
    #[error("the file does not begin with -----BEGIN PGP SIGNED MESSAGE-----")]
    NoMessage,
    /// A header other than `Hash`, which the standard does not allow.
    #[error("line {line} is no Hash header of a clear-signed message, and no other header is allowed")]
    Header {
        /// The line, from one.
        line: usize,
    },
    /// The text holds a line that begins with a dash that is not escaped, such as a second message.
    #[error(
        "line {line} of the signed text begins with an unescaped dash; a second message or a damaged one is not read"
    )]
    Dash {
        /// The line, from one.
        line: usize,
    },
    /// The file ends before its signature does.
    #[error("the clear-signed file ends before its signature does")]
    Unfinished,
    /// A line of the signature is no line of an armoured block.
    #[error("line {line} does not belong into an armoured signature")]
    Armour {
        /// The line, from one.
        line: usize,
    },
    /// The signature is over [`MAX_SIGNATURE_BYTES`].
    #[error("the signature has more than {MAX_SIGNATURE_BYTES} bytes")]
    SignatureTooLarge,
    /// Something follows the signature.
    #[error("line {line} follows the end of the signature; nothing may, not even an empty line")]
    TextAfter {
        /// The line, from one.
        line: usize,
    },
}

/// A clear-signed file, taken apart.
///
/// ```
/// use suitecast_archive::ClearSigned;
///
/// let file = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nSuite: stable\n- -escaped\n\
///     -----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n=abcd\n-----END PGP SIGNATURE-----\n";
/// let parts = ClearSigned::parse(file.as_bytes())?;
/// assert_eq!(parts.text, b"Suite: stable\n-escaped\n");
/// assert!(parts.signature.starts_with(b"-----BEGIN PGP SIGNATURE-----\n"));
/// # Ok::<(), suitecast_archive::ClearSignedError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearSigned {
    /// The text without dash escapes, each line as it stands in the file and the last one with its line end, as a
    /// `Release` beside it would have it. The line end before the signature is not part of what is signed, nor are
    /// blanks at the end of a line.
    pub text: Vec<u8>,
    /// The armoured signature, from its `BEGIN` line to its `END` line.
    pub signature: Vec<u8>,
}

impl ClearSigned {
    /// Takes a file apart. It does not verify the signature.
    ///
    /// # Errors
    /// When there is anything but one signed message with its signature: text before or after, another header than
    /// `Hash`, a second message, an unescaped dash, something else than a signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClearSignedError> {
        if bytes.len() > MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES {
            return Err(ClearSignedError::TooLarge { bytes: bytes.len() });
        }
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1_usize..);
        if lines.next().is_none_or(|(line, _)| line.trim_ascii_end() != MESSAGE_BEGIN) {
            return Err(ClearSignedError::NoMessage);
        }
        loop {
            let (line, number) = lines.next().ok_or(ClearSignedError::Unfinished)?;
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            if !line.starts_with(b"Hash: ") {
                return Err(ClearSignedError::Header { line: number });
            }
        }
        let mut text = Vec::with_capacity(bytes.len());
        let mut signature = Vec::new();
        loop {
            let (line, number) = lines.next().ok_or(ClearSignedError::Unfinished)?;
            if let Some(escaped) = line.strip_prefix(b"- ") {
                text.extend_from_slice(escaped);
            } else if !line.starts_with(b"-") {
                text.extend_from_slice(line);
            } else if line.trim_ascii_end() == SIGNATURE_BEGIN {
                signature.extend_from_slice(line);
                break;
            } else {
                return Err(ClearSignedError::Dash { line: number });
            }
        }
        loop {
            let (line, number) = lines.next().ok_or(ClearSignedError::Unfinished)?;
            signature.extend_from_slice(line);
            if signature.len() > MAX_SIGNATURE_BYTES {
                return Err(ClearSignedError::SignatureTooLarge);
            }
            if line.starts_with(b"-") {
                if line.trim_ascii_end() == SIGNATURE_END {
                    break;
                }
                return Err(ClearSignedError::Armour { line: number });
            }
        }
        match lines.next() {
            // Not even an empty line: apt refuses such a file.
            Some((_, line)) => Err(ClearSignedError::TextAfter { line }),
            None => Ok(Self { text, signature }),
        }
    }
}

/// Whether two texts say the same: line by line, where blanks at a line's end and empty lines at the very end do not
/// count, as they do not for a signature over text.
///
/// ```
/// use suitecast_archive::same_text;
///
/// assert!(same_text(b"Suite: stable\nDate: now", b"Suite: stable \r\nDate: now\n"));
/// assert!(!same_text(b"Suite: stable\n", b"Suite: testing\n"));
/// ```
pub fn same_text(one: &[u8], two: &[u8]) -> bool {
    fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
        text.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
    }
    lines(one).eq(lines(two))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n=abcd\n-----END PGP SIGNATURE-----\n";

    fn signed(headers: &str, text: &str) -> String {
        format!("-----BEGIN PGP SIGNED MESSAGE-----\n{headers}\n{text}{SIGNATURE}")
    }

    fn parse(file: &str) -> Result<ClearSigned, ClearSignedError> {
        ClearSigned::parse(file.as_bytes())
    }

    #[test]
    fn text_and_signature_come_out_whole() {
        let parts = parse(&signed("Hash: SHA256\n", "A: b \n\n- - c\n- -----x\n")).unwrap();
        assert_eq!(parts.text, b"A: b \n\n- c\n-----x\n");
        assert_eq!(parts.signature, SIGNATURE.as_bytes());
        assert_eq!(parse(&signed("", "A: b\n")).unwrap().text, b"A: b\n");
        assert_eq!(parse(&signed("", "")).unwrap().text, b"");
        let crlf = signed("Hash: SHA256\n", "A: b\n").replace('\n', "\r\n");
        assert_eq!(parse(&crlf).unwrap().text, b"A: b\r\n");
    }

    #[test]
    fn nothing_may_stand_outside_of_what_is_signed() {
        let good = signed("Hash: SHA256\n", "A: b\n");
        assert!(matches!(parse(&format!("Evil: yes\n{good}")), Err(ClearSignedError::NoMessage)));
        assert!(matches!(parse(&format!("\n{good}")), Err(ClearSignedError::NoMessage)));
        assert!(matches!(parse(&format!("{good}Evil: yes\n")), Err(ClearSignedError::TextAfter { line: 10 })));
        assert!(matches!(parse(&format!("{good}{good}")), Err(ClearSignedError::TextAfter { .. })));
        assert!(matches!(parse(&format!("{good}\n")), Err(ClearSignedError::TextAfter { line: 10 })), "apt refuses it");
        let nested = signed("Hash: SHA256\n", &good);
        assert!(matches!(parse(&nested), Err(ClearSignedError::Dash { line: 4 })));
        assert!(matches!(parse(&signed("Hash: SHA256\nEvil: yes\n", "")), Err(ClearSignedError::Header { line: 3 })));
        assert!(matches!(parse(&signed("NotDashEscaped: x\n", "")), Err(ClearSignedError::Header { line: 2 })));
        assert!(matches!(parse(&signed("", "-x\n")), Err(ClearSignedError::Dash { line: 3 })));
        let key = good.replace("END PGP SIGNATURE", "BEGIN PGP PUBLIC KEY BLOCK");
        assert!(matches!(parse(&key), Err(ClearSignedError::Armour { .. })));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let good = signed("Hash: SHA256\n", "A: b\n- -c\n");
        // Without the last line feed it is whole.
        for length in 0..good.len() - 1 {
            assert!(ClearSigned::parse(&good.as_bytes()[..length]).is_err(), "{length}");
        }
        assert!(ClearSigned::parse(&good.as_bytes()[..good.len() - 1]).is_ok());
    }

    #[test]
    fn limits_hold() {
        let bytes = vec![b'x'; MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES + 1];
        assert!(matches!(ClearSigned::parse(&bytes), Err(ClearSignedError::TooLarge { .. })));
        let long =
            |bytes: usize| signed("", "").replace("=abcd", &"a".repeat(bytes - (SIGNATURE.len() - "=abcd".len())));
        assert_eq!(parse(&long(MAX_SIGNATURE_BYTES)).unwrap().signature.len(), MAX_SIGNATURE_BYTES);
        assert!(matches!(parse(&long(MAX_SIGNATURE_BYTES + 1)), Err(ClearSignedError::SignatureTooLarge)));
        let frame = signed("", "").len();
        let whole = signed("", &"x".repeat(MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES - frame - 1))
            .replace(SIGNATURE, &format!("\n{SIGNATURE}"));
        assert_eq!(whole.len(), MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES);
        assert!(parse(&whole).is_ok());
    }

    #[test]
    fn only_what_no_signature_covers_may_differ() {
        assert!(same_text(b"", b"\n"));
        assert!(same_text(b"a\t\nb", b"a\nb  \r\n"));
        assert!(!same_text(b"a\nb\n", b"a\n b\n"));
        assert!(!same_text(b"a\n\nb\n", b"a\nb\n"));
        assert!(!same_text(b"a\n", b"a\nb\n"));
        assert!(!same_text(b"\na\n", b"a\n"));
    }
}
