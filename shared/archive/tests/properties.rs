//! Promises that hold for any input, tried on random ones.

#![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect)]

use proptest::prelude::*;
use suitecast_archive::{
    ArchivePath, Archives, ClearSigned, Compression, Digest, DigestAlgorithm, Digests, IndexKind, IndexLocation,
    IndexReader, KeyClass, NamedFile, Pattern, Release, ReleaseEntry, Scope, UnlistedTrees, by_hash_path, index_groups,
    parse_by_hash, parse_date, same_text,
};

fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(|character| character.is_control() || character == '\\')
}

/// Text that looks like paths often enough to get past the first checks.
fn pathlike() -> impl Strategy<Value = String> {
    prop_oneof![
        "(\\./)?([a-z+~.]{0,3}/){0,4}[a-zA-Z.+~é\\\\ ]{0,6}",
        "(debian/|\\.suitecast/)?dists/[a-z.]{1,3}/(main/)?(binary-amd64/|source/|installer-x/|by-hash/SHA256/|a\\.diff/)?(InRelease|Release|Packages\\.xz|SHA256SUMS|\\.\\.|)",
        any::<String>(),
    ]
}

/// Bytes made of the pieces that indices are made of, and of noise between them.
fn indexlike() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"Filename: ".to_vec()),
        Just(b"Filename: pool/a_1_all.deb\n".to_vec()),
        Just(b"Filename: ../a\n".to_vec()),
        Just(b"Size: 12\n".to_vec()),
        Just(format!("SHA256: {}\n", "0".repeat(64)).into_bytes()),
        Just(format!("SHA512:\n {}\n", "0".repeat(128)).into_bytes()),
        Just(b"Directory: pool/a\n".to_vec()),
        Just(b"Checksums-Sha256:\n".to_vec()),
        Just(b"SHA256-Download:\n".to_vec()),
        Just(b"Date: Mon, 23 Nov 2026 00:00:00 UTC\n".to_vec()),
        Just(b"SHA256:\n".to_vec()),
        Just(format!(" {} 7 a.dsc\n", "0".repeat(64)).into_bytes()),
        Just(format!("{}  ./image\n", "0".repeat(64)).into_bytes()),
        Just(b"-----BEGIN PGP SIGNED MESSAGE-----\n".to_vec()),
        Just(b"-----BEGIN PGP SIGNATURE-----\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn kind() -> impl Strategy<Value = IndexKind> {
    prop_oneof![
        Just(IndexKind::Packages),
        Just(IndexKind::Sources),
        Just(IndexKind::DiffIndex),
        Just(IndexKind::ChecksumList),
        Just(IndexKind::Contents),
    ]
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::None), Just(Compression::Gzip), Just(Compression::Xz)]
}

/// What reading gives in the end: the files, and the summary or the error as text.
fn read<'piece>(
    kind: IndexKind,
    compression: Compression,
    bytes: &[u8],
    pieces: impl Iterator<Item = &'piece [u8]>,
) -> (Vec<NamedFile>, Result<(u64, u64), String>) {
    let expected = ReleaseEntry { size: bytes.len() as u64, digests: Digests::of(bytes) };
    let location = IndexLocation { directory: "dists/s/main".to_owned() };
    let mut reader = IndexReader::new(kind, compression, &expected, &location).unwrap();
    let mut files = Vec::new();
    for piece in pieces {
        reader.push(piece, &mut |file| files.push(file)).unwrap();
    }
    let result = reader.finish(&mut |file| files.push(file));
    (files, result.map(|summary| (summary.entries, summary.uncompressed_bytes)).map_err(|error| error.to_string()))
}

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}

proptest! {
    #[test]
    fn no_path_leaves_the_archive(text in pathlike(), directory in pathlike()) {
        if let Ok(path) = ArchivePath::parse(&text) {
            prop_assert!(stays_inside(path.as_str()), "{path}");
            prop_assert_eq!(ArchivePath::parse(path.as_str()).unwrap(), path.clone());
            prop_assert!(stays_inside(Compression::stem(&path).as_str()));
        }
        if let Ok(path) = ArchivePath::joined(&directory, &text) {
            prop_assert!(stays_inside(path.as_str()), "{path}");
        }
    }

    #[test]
    fn no_key_is_read_as_another_one(key in pathlike()) {
        let unlisted = UnlistedTrees::parse("installer-*").unwrap();
        for text in ["/", "debian/", "/,flat:debian", "flat:/,debian/"] {
            let archives = Archives::parse(text).unwrap();
            match archives.classify(&key, &unlisted) {
                KeyClass::Pool { path } | KeyClass::ByHash { path, .. } => {
                    prop_assert!(stays_inside(path.as_str()));
                    prop_assert_eq!(archives.archive_of_key(&key).unwrap().key(&path), key.clone());
                }
                KeyClass::ReleaseFile { suite, file } => {
                    prop_assert_eq!(suite.release_key(file), key.clone());
                    prop_assert!(archives.archive_of(&suite).is_some(), "{suite} has no archive in {text}");
                }
                KeyClass::Index | KeyClass::Unlisted { .. } => prop_assert!(stays_inside(&key)),
                KeyClass::Private => prop_assert!(key.starts_with(".suitecast")),
                KeyClass::Foreign => {}
            }
        }
    }

    #[test]
    fn by_hash_paths_are_read_back(text in pathlike(), content in any::<[u8; 4]>()) {
        if let Ok(path) = ArchivePath::parse(&text) {
            for algorithm in DigestAlgorithm::ALL {
                let digest = Digest::of(algorithm, &content);
                let by_hash = by_hash_path(&path, &digest);
                prop_assert!(stays_inside(by_hash.as_str()));
                prop_assert_eq!(parse_by_hash(&by_hash), Some((path.parent().unwrap_or_default(), digest)));
            }
        }
    }

    #[test]
    fn an_index_says_the_same_however_it_is_cut(
        bytes in indexlike(),
        kind in kind(),
        compression in compression(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..5),
    ) {
        let bytes = pack(compression, &bytes);
        let (files, result) = read(kind, compression, &bytes, std::iter::once(&bytes[..]));
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(&read(kind, compression, &bytes, pieces), &(files.clone(), result.clone()));
        prop_assert_eq!(&read(kind, compression, &bytes, bytes.chunks(1)), &(files.clone(), result));
        for file in files {
            prop_assert!(stays_inside(file.path.as_str()));
            prop_assert!(!file.digests.is_empty());
        }
    }

    #[test]
    fn damaged_compression_never_panics(
        bytes in indexlike(),
        kind in kind(),
        compression in compression(),
        place in any::<proptest::sample::Index>(),
        mask in 1_u8..,
    ) {
        let mut bytes = pack(compression, &bytes);
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] ^= mask;
        }
        let whole = read(kind, compression, &bytes, std::iter::once(&bytes[..]));
        let cut = read(kind, compression, &bytes, bytes.chunks(3));
        prop_assert_eq!(whole.1.is_ok(), cut.1.is_ok());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop_oneof![indexlike(), proptest::collection::vec(any::<u8>(), 0..200)]) {
        if let Ok(release) = Release::parse(&bytes) {
            prop_assert!(!release.entries.is_empty());
            for (path, entry) in &release.entries {
                prop_assert!(stays_inside(path.as_str()));
                prop_assert!(!entry.digests.is_empty());
            }
            index_groups(&release, &Scope::everything());
        }
        let _ = ClearSigned::parse(&bytes);
        let _ = parse_date(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn what_was_escaped_comes_back(lines in proptest::collection::vec("[-a-z ]{0,8}", 0..8)) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let escaped: String = lines
            .iter()
            .map(|line| if line.starts_with('-') { format!("- {line}\n") } else { format!("{line}\n") })
            .collect();
        let file = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{escaped}-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"
        );
        let parts = ClearSigned::parse(file.as_bytes()).unwrap();
        prop_assert_eq!(&parts.text, text.as_bytes());
        prop_assert!(same_text(&parts.text, text.as_bytes()));
    }

    #[test]
    fn a_listed_file_is_read_back(
        files in proptest::collection::btree_map("[a-z]{1,3}/[a-zA-Z+~.-]{1,8}x", any::<[u8; 3]>(), 1..20),
    ) {
        let mut text = String::from("Date: Mon, 23 Nov 2026 00:00:00 UTC\nSHA256:\n");
        for (path, content) in &files {
            text.push_str(&format!(" {} {} {path}\n", Digest::of(DigestAlgorithm::Sha256, content), content.len()));
        }
        let release = Release::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(release.entries.len(), files.len());
        for (path, content) in &files {
            let entry = release.entry(&ArchivePath::parse(path).unwrap()).unwrap();
            prop_assert!(entry.digests.proves(&Digests::of(content)));
        }
        // Every listed file is in exactly one group.
        let groups = index_groups(&release, &Scope::everything());
        prop_assert_eq!(groups.iter().map(|group| group.variants.len()).sum::<usize>(), files.len());
    }

    #[test]
    fn a_pattern_made_from_a_text_matches_it(text in "[a-c/]{0,10}", stars in proptest::collection::vec(any::<proptest::sample::Index>(), 0..4)) {
        let mut pattern = text.clone();
        for star in &stars {
            pattern.insert(star.index(pattern.len() + 1), '*');
        }
        prop_assert!(Pattern::parse(&pattern).unwrap().matches(&text));
    }
}
