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
    #[error("line {line} follows the end of the signature; nothing may")]
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
    /// `Release` beside it would have it. The line end before the signature is not part of what is signed, nor are blanks
    /// at the end of a line.
    pub text: Vec<u8>,
    /// The armoured signature, from its `BEGIN` line to its `END` line.
    pub signature: Vec<u8>,
}

impl ClearSigned {
    /// Takes a file apart. It does not verify the signature.
    ///
    /// # Errors
    /// When there is anything but one signed message with its signature: text before or after, another header than `Hash`, a
    /// second message, an unescaped dash, something else than a signature.
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
        match lines.find(|(line, _)| !line.trim_ascii().is_empty()) {
            Some((_, line)) => Err(ClearSignedError::TextAfter { line }),
            None => Ok(Self { text, signature }),
        }
    }
}

/// Whether two texts say the same: line by line, where blanks at a line's end and empty lines at the very end do not count, as they
/// do not for a signature over text.
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
