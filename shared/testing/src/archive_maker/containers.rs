//! The two containers that packages are made of: `ar` (a .deb itself) and `tar` (what lies in it).
//!
//! Written by hand because they are small, and because every byte must follow from the input: owner root, one date.

use super::MakeError;

/// The date of every file in every package: 2025-01-01T00:00:00Z, in seconds since 1970.
const FILE_DATE_SECONDS: u64 = 1_735_689_600;
const BLOCK: usize = 512;
const TAR_NAME_BYTES: usize = 100;

/// One entry of a tarball.
pub(super) struct TarEntry<'a> {
    pub(super) path: String,
    pub(super) kind: TarKind<'a>,
}

pub(super) enum TarKind<'a> {
    Directory,
    File { bytes: &'a [u8], executable: bool },
}

/// A POSIX tarball (ustar) of these entries, in the order given.
pub(super) fn tar(entries: &[TarEntry<'_>]) -> Result<Vec<u8>, MakeError> {
    let mut out = Vec::new();
    for entry in entries {
        let (mode, flag, bytes): (u32, u8, &[u8]) = match entry.kind {
            TarKind::Directory => (0o755, b'5', &[]),
            TarKind::File { bytes, executable } => (if executable { 0o755 } else { 0o644 }, b'0', bytes),
        };
        if entry.path.len() > TAR_NAME_BYTES {
            return Err(MakeError::PathTooLong { path: entry.path.clone() });
        }
        let mut header = [0u8; BLOCK];
        put(&mut header, 0, entry.path.as_bytes());
        put(&mut header, 100, format!("{mode:07o}").as_bytes());
        put(&mut header, 108, b"0000000");
        put(&mut header, 116, b"0000000");
        put(&mut header, 124, format!("{:011o}", bytes.len()).as_bytes());
        put(&mut header, 136, format!("{FILE_DATE_SECONDS:011o}").as_bytes());
        // The checksum is taken with its own field full of spaces.
        put(&mut header, 148, b"        ");
        put(&mut header, 156, &[flag]);
        put(&mut header, 257, b"ustar\x0000");
        put(&mut header, 265, b"root");
        put(&mut header, 297, b"root");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// An `ar` archive of these members, in the order given.
pub(super) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        out.extend_from_slice(
            format!("{name:<16}{FILE_DATE_SECONDS:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", bytes.len())
                .as_bytes(),
        );
        out.extend_from_slice(bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}
