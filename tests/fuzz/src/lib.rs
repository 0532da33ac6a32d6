//! What the fuzz targets share: how an input is taken apart, and the promises that are asserted after every reading.
//!
//! A target says more than "no panic": each asserts what the rest of Suitecast relies on. What breaks an assertion ends
//! the run, and `run.py` keeps the input.

use std::io::Write as _;

use suitecast_archive::{
    ArchivePath, Compression, Digests, IndexKind, IndexLocation, IndexReader, MAX_PATH_BYTES, NamedFile, ReleaseEntry,
};

/// The longest text in bytes that an error may come to: it is logged and answered, and whoever uploads an archive has a
/// say in what it quotes.
pub const MAX_ERROR_BYTES: usize = 4 * 1024;

/// Where the fuzzed indices stand.
pub const DIRECTORY: &str = "dists/s/main";

/// The bytes of an input that steer the target, in front of those that it reads.
pub struct Steering<'input>(&'input [u8]);

impl<'input> Steering<'input> {
    /// Takes `count` bytes off an input; none from an input that is too short.
    pub fn split(input: &'input [u8], count: usize) -> Option<(Self, &'input [u8])> {
        input.split_at_checked(count).map(|(steering, rest)| (Self(steering), rest))
    }

    /// The byte at a place, wrapped into `0..limit`.
    pub fn choice(&self, place: usize, limit: usize) -> usize {
        self.0.get(place).map_or(0, |byte| usize::from(*byte) % limit)
    }
}

/// Asserts that a path is what `ArchivePath` promises: relative, clean, at most as long as a key.
pub fn assert_stays_inside(path: &str) {
    assert!(!path.is_empty() && !path.starts_with('/'), "{path:?}");
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
    assert!(!path.chars().any(|character| character.is_control() || character == '\\'), "{path:?}");
    assert!(path.len() <= MAX_PATH_BYTES, "{} bytes", path.len());
    assert_eq!(ArchivePath::parse(path).map(|path| path.to_string()).as_deref(), Ok(path));
}

/// Asserts that an error, with its causes, is one that may be logged: of bounded length, on one line.
pub fn assert_presentable(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    assert!(text.len() <= MAX_ERROR_BYTES, "an error of {} bytes: {text}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// What reading an index came to: the files handed out, and the summary or the error.
pub type Reading = (Vec<NamedFile>, Result<(u64, u64), String>);

/// Reads an index that the release vouches for, in pieces.
pub fn read_index<'piece>(
    kind: IndexKind,
    compression: Compression,
    bytes: &[u8],
    pieces: impl Iterator<Item = &'piece [u8]>,
) -> Reading {
    let expected = ReleaseEntry { size: bytes.len() as u64, digests: Digests::of(bytes) };
    let location = IndexLocation { directory: DIRECTORY.to_owned() };
    let mut reader =
        IndexReader::new(kind, compression, &expected, &location).unwrap_or_else(|error| panic!("{error}"));
    let mut files = Vec::new();
    for piece in pieces {
        let pushed = reader.push(piece, &mut |file| files.push(file));
        assert!(pushed.is_ok(), "the size is right: {pushed:?}");
    }
    let result = reader.finish(&mut |file| files.push(file));
    let result = result.map(|summary| (summary.entries, summary.uncompressed_bytes)).map_err(|error| {
        assert!(!error.is_mismatch(), "the release vouches for these bytes: {error}");
        assert_presentable(&error);
        error.to_string()
    });
    (files, result)
}

/// Cuts bytes at a place, and what is behind it into pieces of one length.
pub fn pieces(bytes: &[u8], first: usize, length: usize) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = bytes.split_at(first.min(bytes.len()));
    std::iter::once(first).chain(rest.chunks(length.max(1)))
}

/// Compresses as an archive would.
pub fn packed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let written = match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        _ => Ok(bytes.to_vec()),
    };
    written.unwrap_or_else(|error| panic!("{error}"))
}

/// Reads an index as it is, in pieces, and asserts what holds for every index whatever it says.
///
/// The first three bytes steer: which kind and form, where the first piece ends, how long the others are.
pub fn index(kinds: &[IndexKind], input: &[u8]) {
    const FORMS: [(Compression, bool); 5] = [
        (Compression::None, false),
        (Compression::Gzip, false),
        (Compression::Xz, false),
        (Compression::Gzip, true),
        (Compression::Xz, true),
    ];
    let Some((steering, text)) = Steering::split(input, 3) else { return };
    let choice = steering.choice(0, kinds.len() * FORMS.len());
    let (compression, is_packed_here) = FORMS[choice % FORMS.len()];
    let kind = kinds[choice / FORMS.len()];
    let bytes = if is_packed_here { packed(compression, text) } else { text.to_vec() };
    let whole = read_index(kind, compression, &bytes, std::iter::once(&bytes[..]));
    let (first, length) = (steering.choice(1, 256), steering.choice(2, 256));
    let cut = read_index(kind, compression, &bytes, pieces(&bytes, first, length));
    assert_eq!(cut.1.is_ok(), whole.1.is_ok(), "{:?} and {:?}", whole.1, cut.1);
    if whole.1.is_ok() || compression == Compression::None || is_packed_here {
        // Where compressed data is damaged, how far one comes before noticing may depend on the pieces.
        assert_eq!(cut, whole);
    }
    if is_packed_here {
        let plain = read_index(kind, Compression::None, text, std::iter::once(text));
        assert_eq!(plain, whole, "packed or not");
    }
    for file in &whole.0 {
        assert_stays_inside(file.path.as_str());
        assert!(file.digests.sha256.is_some() || file.digests.sha512.is_some(), "{file:?}");
        let is_beside = matches!(kind, IndexKind::DiffIndex | IndexKind::ChecksumList);
        assert!(!is_beside || file.path.is_below(DIRECTORY), "{file:?}");
    }
    if let Ok((entries, uncompressed)) = whole.1 {
        assert_eq!(entries, whole.0.len() as u64);
        assert!(compression != Compression::None || uncompressed == bytes.len() as u64);
    }
}
