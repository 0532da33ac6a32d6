#![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect)]

use std::io::Write;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn entry(bytes: &[u8]) -> ReleaseEntry {
    ReleaseEntry { size: bytes.len() as u64, digests: Digests::of(bytes) }
}

fn at(directory: &str) -> IndexLocation {
    IndexLocation { directory: directory.to_owned() }
}

fn read_as(
    kind: IndexKind,
    compression: Compression,
    expected: &ReleaseEntry,
    bytes: &[u8],
    piece: usize,
) -> (Vec<NamedFile>, Result<IndexSummary, IndexError>) {
    let mut reader = IndexReader::new(kind, compression, expected, &at("dists/s/main")).unwrap();
    let mut files = Vec::new();
    for piece in bytes.chunks(piece) {
        if let Err(error) = reader.push(piece, &mut |file| files.push(file)) {
            return (files, Err(error));
        }
    }
    let summary = reader.finish(&mut |file| files.push(file));
    (files, summary)
}

fn read(kind: IndexKind, text: &str) -> Result<Vec<NamedFile>, IndexError> {
    let (files, result) = read_as(kind, Compression::None, &entry(text.as_bytes()), text.as_bytes(), 5);
    result.map(|summary| {
        assert_eq!(summary.entries, files.len() as u64);
        assert_eq!(summary.uncompressed_bytes, text.len() as u64);
        files
    })
}

fn paths(files: &[NamedFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

fn zeros() -> String {
    "0".repeat(64)
}

/// A `Packages` of so many stanzas, some three quarters of it text that names nothing.
fn packages(count: usize) -> String {
    let stanza = |number: usize| {
        format!(
            "Package: p{number}\nDescription: one\n of many\n .\nFilename: pool/p{number}_1_all.deb\nSize: {number}\nSHA256: {}\n\n",
            Digests::of(&number.to_le_bytes()).sha256.unwrap()
        )
    };
    (0..count).map(stanza).collect()
}

#[test]
fn packages_name_their_file_with_size_and_digests() {
    let (zeros, ones) = (zeros(), "1".repeat(128));
    let text = format!(
        "Package: a\nFilename: ./pool/a_1_all.deb\nSize: 12\nSHA256: {zeros}\nSHA512: {ones}\nDescription: x\n Filename: no\n\n\n\
         package: b\r\nFILENAME : b.deb\r\nsha256:\r\n {zeros}\r\n\r\nPackage: installed only\n\nFilename: c.deb\nSHA512: {ones}"
    );
    let files = read(IndexKind::Packages, &text).unwrap();
    assert_eq!(paths(&files), ["pool/a_1_all.deb", "b.deb", "c.deb"]);
    assert_eq!(files[0].size, Some(12));
    assert!(files[0].digests.sha256.is_some() && files[0].digests.sha512.is_some());
    assert_eq!((files[1].size, files[1].digests.sha512), (None, None));
}

#[test]
fn packages_that_cannot_be_gone_by_say_where() {
    let zeros = zeros();
    let error = |text: &str| read(IndexKind::Packages, text).unwrap_err();
    let weak = error("Package: a\nFilename: a.deb\nMD5sum: 0123\n\n");
    assert!(matches!(&weak, IndexError::NoStrongDigest { line: 4, path } if path == "\"a.deb\""), "{weak}");
    for path in ["../a.deb", "/a.deb", "pool//a.deb", "pool/../../a.deb", "a\\b"] {
        let found = error(&format!("Filename: {path}\nSHA256: {zeros}\n"));
        assert!(matches!(found, IndexError::Path { .. }), "{path}: {found}");
    }
    assert!(matches!(error("Filename: a\nSize: -1\n"), IndexError::FileSize { line: 2, .. }));
    assert!(matches!(error("Filename: a\nSHA256: abc\n"), IndexError::FileDigest { line: 2, .. }));
    assert!(matches!(error("Filename: a\nFilename: b\n"), IndexError::DuplicateField { field: "Filename", .. }));
    assert!(matches!(error("Size: 1\nSize: 1\n"), IndexError::DuplicateField { field: "Size", line: 2 }));
    assert!(matches!(error("Filename: a\n b\n"), IndexError::Malformed { line: 2, .. }));
    assert!(matches!(error("no field\n"), IndexError::Malformed { line: 1, .. }));
    assert!(matches!(error(" folded first\n"), IndexError::Malformed { line: 1, .. }));
    let bad = error("Package: a\n\nbad \u{1b}[2J\n").to_string();
    assert!(bad.contains("line 3") && !bad.contains('\u{1b}'), "{bad}");
}

#[test]
fn sources_name_all_their_files_below_their_directory() {
    let (zeros, ones, md5) = (zeros(), "1".repeat(128), "2".repeat(32));
    let text = format!(
        "Package: a\nFiles:\n {md5} 1 a_1.dsc\n {md5} 2 a_1.tar.xz\nPackage-List:\n a deb x y\nChecksums-Sha256:\n \
         {zeros} 1 a_1.dsc\n {zeros} 2 a_1.tar.xz\nChecksums-Sha512:\n {ones} 2 a_1.tar.xz\n {ones} 1 a_1.dsc\nDirectory: pool/a\n\n\
         Package: b\nDirectory: .\nChecksums-Sha256: {zeros} 3 b_1.dsc\n\n\
         Package: c\nDirectory: ./c/\nChecksums-Sha256:\n {zeros} 3 c_1.dsc\n"
    );
    let files = read(IndexKind::Sources, &text).unwrap();
    assert_eq!(paths(&files), ["pool/a/a_1.dsc", "pool/a/a_1.tar.xz", "b_1.dsc", "c/c_1.dsc"]);
    assert_eq!(files[1].size, Some(2));
    assert!(files[0].digests.sha512.is_some() && files[1].digests.sha512.is_some());
    assert!(files[2].digests.sha512.is_none());
}

#[test]
fn sources_that_cannot_be_gone_by_say_where() {
    let (zeros, md5) = (zeros(), "2".repeat(32));
    let error = |text: String| read(IndexKind::Sources, &text).unwrap_err();
    let found = error(format!("Files:\n {md5} 1 a\n {md5} 1 b\nChecksums-Sha256:\n {zeros} 1 a\n"));
    assert!(matches!(&found, IndexError::NoStrongDigest { path, .. } if path == "\"b\""), "{found}");
    let found = error(format!("Files:\n {md5} 1 a\nChecksums-Sha256:\n {zeros} 2 a\n"));
    assert!(matches!(found, IndexError::Conflict { line: 4, what: "size", .. }), "{found}");
    let found = error(format!("Checksums-Sha256:\n {zeros} 1 a\n {} 1 a\n", "1".repeat(64)));
    assert!(matches!(found, IndexError::Conflict { line: 3, what: "digest", .. }), "{found}");
    for (directory, name) in [("..", "a"), ("/x", "a"), ("x", "../a"), ("x", "/a"), ("a/../b", "a")] {
        let found = error(format!("Directory: {directory}\nChecksums-Sha256:\n {zeros} 1 {name}\n"));
        assert!(matches!(found, IndexError::Path { .. }), "{directory} {name}: {found}");
    }
    let many = |count: usize| (0..count).map(|number| format!(" {zeros} 1 {number}\n")).collect::<String>();
    let list = |count| format!("Checksums-Sha256:\n{}", many(count));
    assert!(matches!(error(list(MAX_STANZA_FILES + 1)), IndexError::TooManyFiles { .. }));
    assert_eq!(read(IndexKind::Sources, &list(MAX_STANZA_FILES)).unwrap().len(), MAX_STANZA_FILES);
}

#[test]
fn a_patch_index_names_what_is_downloaded() {
    let (zeros, ones) = (zeros(), "1".repeat(64));
    let text = format!(
        "SHA256-Current: {zeros} 9\nSHA256-History:\n {zeros} 9 T-1\nSHA256-Patches:\n {zeros} 5 T-1\nSHA256-Download:\n \
         {ones} 4 T-1.gz\n {zeros} 6 T-2.gz\n"
    );
    let files = read(IndexKind::DiffIndex, &text).unwrap();
    assert_eq!(paths(&files), ["dists/s/main/T-1.gz", "dists/s/main/T-2.gz"]);
    assert_eq!(files[0].size, Some(4));
    assert_eq!(files[0].digests.sha256.unwrap().to_string(), ones);
    assert!(read(IndexKind::DiffIndex, &format!("SHA256-Download:\n {zeros} 1 ../x\n")).is_err());
}

#[test]
fn a_checksum_list_names_files_below_itself() {
    let zeros = zeros();
    let text = format!("{zeros}  ./netboot/mini.iso\n{zeros} *cdrom/vmlinuz\r\n\n{zeros}  name with blank");
    let files = read(IndexKind::ChecksumList, &text).unwrap();
    let expected = ["dists/s/main/netboot/mini.iso", "dists/s/main/cdrom/vmlinuz", "dists/s/main/name with blank"];
    assert_eq!(paths(&files), expected);
    assert_eq!(files[0].size, None);
    for line in [format!("{zeros}  ../x"), format!("{zeros}  /x"), format!("{zeros} x"), format!("\\{zeros}  x")] {
        assert!(read(IndexKind::ChecksumList, &line).is_err(), "{line}");
    }
}

#[test]
fn every_compression_gives_the_same_however_it_is_cut() {
    let text = packages(300);
    let plain = text.as_bytes();
    let (one, two) = plain.split_at(plain.len() / 3);
    let joined = |pack: fn(&[u8]) -> Vec<u8>| [pack(one), pack(two)].concat();
    let expected = read(IndexKind::Packages, &text).unwrap();
    assert_eq!(expected.len(), 300);
    for (compression, bytes) in [
        (Compression::Gzip, gzip(plain)),
        (Compression::Gzip, joined(gzip)),
        (Compression::Xz, xz(plain)),
        (Compression::Xz, joined(xz)),
    ] {
        for piece in [1, 7, 4096, usize::MAX] {
            let (files, result) = read_as(IndexKind::Packages, compression, &entry(&bytes), &bytes, piece);
            assert_eq!(result.unwrap().uncompressed_bytes, plain.len() as u64);
            assert_eq!(files, expected, "{compression:?} {piece}");
        }
    }
}

#[test]
fn content_that_fills_the_buffer_exactly_is_read_whole() {
    for buffers in [1, 2, 5] {
        let mut text = packages(3000);
        text.truncate(OUTPUT_BYTES * buffers - 1);
        let end = text.rfind("\n\n").unwrap();
        text.truncate(end + 2);
        let missing = OUTPUT_BYTES * buffers - text.len();
        text.push_str(&format!("y:{}", "z".repeat(missing - 2)));
        assert_eq!(text.len(), OUTPUT_BYTES * buffers);
        let expected = read(IndexKind::Packages, &text).unwrap();
        for (compression, bytes) in [(Compression::Gzip, gzip(text.as_bytes())), (Compression::Xz, xz(text.as_bytes()))]
        {
            let (files, result) = read_as(IndexKind::Packages, compression, &entry(&bytes), &bytes, usize::MAX);
            assert_eq!(result.unwrap().uncompressed_bytes, text.len() as u64);
            assert_eq!(files, expected);
        }
    }
}

#[test]
fn other_bytes_than_the_release_names_are_a_mismatch_whatever_they_say() {
    let text = packages(3);
    let bytes = xz(text.as_bytes());
    let expected = entry(&bytes);
    let read = |bytes: &[u8]| read_as(IndexKind::Packages, Compression::Xz, &expected, bytes, 100).1.unwrap_err();
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert!(matches!(read(&damaged), IndexError::Digest { .. }));
    assert!(matches!(read(&bytes[..bytes.len() - 1]), IndexError::Size { .. }));
    assert!(matches!(read(&[&bytes[..], b"x"].concat()), IndexError::Size { .. }));
    assert!(matches!(read(&[]), IndexError::Size { found: 0, .. }));
    assert!(read(&damaged).is_mismatch());
    // Either digest is enough to refuse.
    let mixed = ReleaseEntry { digests: Digests { sha512: Digests::of(b"").sha512, ..expected.digests }, ..expected };
    assert!(read_as(IndexKind::Packages, Compression::Xz, &mixed, &bytes, 9).1.unwrap_err().is_mismatch());
}

#[test]
fn damage_that_is_signed_for_is_no_mismatch() {
    let text = packages(50);
    for (compression, whole) in [(Compression::Xz, xz(text.as_bytes())), (Compression::Gzip, gzip(text.as_bytes()))] {
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        let behind = [&whole[..], b"garbage"].concat();
        for bytes in [&whole[..whole.len() - 5], &whole[..20], &whole[..1], &flipped, &behind, b"plain text"] {
            let error = read_as(IndexKind::Packages, compression, &entry(bytes), bytes, 64).1.unwrap_err();
            assert!(!error.is_mismatch(), "{compression:?}: {error}");
        }
    }
}

#[test]
fn an_empty_index_names_nothing() {
    for compression in [Compression::None, Compression::Gzip, Compression::Xz] {
        let (files, result) = read_as(IndexKind::Packages, compression, &entry(b""), b"", 1);
        assert_eq!(result.unwrap(), IndexSummary { entries: 0, uncompressed_bytes: 0 });
        assert!(files.is_empty());
    }
}

#[test]
fn limits_hold() {
    let error = |text: &str| read(IndexKind::Packages, text).unwrap_err();
    assert!(matches!(error(&"x".repeat(MAX_LINE_BYTES + 1)), IndexError::LineTooLong { line: 1 }));
    assert!(matches!(error(&format!("\n{}\n", "x".repeat(MAX_LINE_BYTES + 1))), IndexError::LineTooLong { line: 2 }));
    assert!(read(IndexKind::Packages, &format!("a:{}\n", "x".repeat(MAX_LINE_BYTES - 2))).is_ok());
    assert!(matches!(error(&"x:\n".repeat(MAX_STANZA_FIELDS + 1)), IndexError::TooManyFields { .. }));
    assert!(read(IndexKind::Packages, &"x:\n".repeat(MAX_STANZA_FIELDS)).is_ok());
}

/// Reads an index as if so many bytes and files had come before.
fn read_after(bytes: u64, entries: u64, text: &str) -> Result<IndexSummary, IndexError> {
    let packed = gzip(text.as_bytes());
    let mut reader =
        IndexReader::new(IndexKind::Packages, Compression::Gzip, &entry(&packed), &IndexLocation::default()).unwrap();
    let before = &mut reader.content.as_mut().unwrap().text;
    (before.bytes, before.entries) = (bytes, entries);
    reader.push(&packed, &mut |_| ()).unwrap();
    reader.finish(&mut |_| ())
}

#[test]
fn a_decompression_bomb_is_refused_though_it_is_signed_for() {
    let text = packages(10);
    let most = MAX_UNCOMPRESSED_BYTES - text.len() as u64;
    let error = read_after(most + 1, 0, &text).unwrap_err();
    assert!(matches!(error, IndexError::TooLarge), "{error}");
    assert_eq!(read_after(most, 0, &text).unwrap().uncompressed_bytes, MAX_UNCOMPRESSED_BYTES);
    // With and without the empty line that ends the last stanza.
    for text in [&text[..], text.trim_end()] {
        let error = read_after(0, MAX_INDEX_ENTRIES - 9, text).unwrap_err();
        assert!(matches!(error, IndexError::TooManyEntries { .. }), "{error}");
        assert_eq!(read_after(0, MAX_INDEX_ENTRIES - 10, text).unwrap().entries, MAX_INDEX_ENTRIES);
    }
}

#[test]
fn xz_that_takes_too_much_memory_is_refused() {
    // Of the sizes that the format has, 64 MiB (what -9 takes) is the last below the limit, and 96 MiB the first above it.
    for (code, is_read) in [(28, true), (29, false), (36, false), (40, false)] {
        let large = with_dictionary(code, &xz(b"Package: a\n"));
        let (_, result) = read_as(IndexKind::Packages, Compression::Xz, &entry(&large), &large, 64);
        assert_eq!(result.is_ok(), is_read, "{code}: {result:?}");
        if let Err(error) = result {
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("memory") && cause.contains("preset up to -9"), "{error}: {cause}");
        }
    }
}

/// The same xz data, saying that it takes a dictionary of the size that has this code. The size stands in the block's
/// header: a decoder sees it before anything else.
fn with_dictionary(code: u8, packed: &[u8]) -> Vec<u8> {
    let mut large = packed.to_vec();
    // Block header: flags, filter id 0x21, size of properties 1, the dictionary's size as one byte.
    let properties = large.windows(2).position(|pair| pair == [0x21, 0x01]).unwrap() + 2;
    large[properties] = code;
    let header = 12..12 + (usize::from(large[12]) + 1) * 4;
    let check = crc32(&large[header.start..header.end - 4]);
    large[header.end - 4..header.end].copy_from_slice(&check.to_le_bytes());
    large
}

/// CRC-32 of IEEE 802.3, as xz headers carry it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut value = !0_u32;
    for byte in bytes {
        value ^= u32::from(*byte);
        for _ in 0..8 {
            value = value >> 1 ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !value
}

#[test]
fn what_apt_reads_in_a_way_of_its_own_is_refused() {
    let zeros = zeros();
    let error = |kind, text: &str| read(kind, text).unwrap_err();
    // apt drops the carriage return, and goes by the later of two fields, even an empty one.
    let stray = error(IndexKind::Packages, &format!("Filename: a.deb\nSHA256: {zeros}\n\rFilename: b.deb\n"));
    assert!(matches!(stray, IndexError::Malformed { line: 3, .. }), "{stray}");
    for (one, two) in [("", " b.deb"), (" b.deb", "")] {
        let twice = error(IndexKind::Packages, &format!("Filename:{one}\nFilename:{two}\nSHA256: {zeros}\n"));
        assert!(matches!(twice, IndexError::DuplicateField { field: "Filename", line: 2 }), "{twice}");
    }
    // What follows a tab on the second line is not the whole value to apt.
    let tab = error(IndexKind::Packages, &format!("SHA256: {zeros}\nFilename:\n\tb.deb\n"));
    assert!(matches!(tab, IndexError::Malformed { line: 3, .. }), "{tab}");
    let tab = error(IndexKind::Sources, &format!("Directory:\n\tpool\nChecksums-Sha256:\n {zeros} 1 a\n"));
    assert!(matches!(tab, IndexError::Malformed { line: 2, .. }), "{tab}");
    // Elsewhere a tab is a blank like any other.
    let files =
        read(IndexKind::Sources, &format!("Build-Depends:\n\ta\nChecksums-Sha256:\n {zeros} 1 a\n\t{zeros} 1 b\n"));
    assert_eq!(paths(&files.unwrap()), ["a", "b"]);
}

#[test]
fn what_names_no_files_is_checked_and_not_read() {
    let bytes = b"not xz at all";
    let (files, result) = read_as(IndexKind::Contents, Compression::Zstd, &entry(bytes), bytes, 3);
    assert_eq!(result.unwrap().entries, 0);
    assert!(files.is_empty());
    let other = entry(b"not xz at any");
    let (_, result) = read_as(IndexKind::Contents, Compression::Zstd, &other, bytes, 3);
    assert!(result.unwrap_err().is_mismatch());
}

#[test]
fn what_cannot_be_read_or_checked_is_refused_at_once() {
    let none = ReleaseEntry { size: 0, digests: Digests::default() };
    let begin = |compression, entry: &ReleaseEntry| {
        IndexReader::new(IndexKind::Packages, compression, entry, &IndexLocation::default()).map(|_| ()).unwrap_err()
    };
    assert!(matches!(begin(Compression::Zstd, &entry(b"")), IndexError::UnreadableCompression { suffix: ".zst" }));
    assert!(matches!(begin(Compression::None, &none), IndexError::NoExpectedDigest));
}

#[test]
fn a_reader_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<IndexReader>();
}
