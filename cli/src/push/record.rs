//! What earlier pushes learnt of the objects in the bucket.
//!
//! A listing tells the size and the `ETag` of every object, and no digest. A push keeps what it knows beside them: *the object
//! at this key, while it has this `ETag`, has this SHA-256*. Such a line never becomes false: whoever overwrites the object,
//! by whatever tool, changes the `ETag` with the bytes, and then the line counts for nothing. So the record may be old, lost,
//! or written by two pushes at once: what is missing from it costs requests or reading, and never correctness. When the `ETag`s
//! need not even be listed is [`super::inventory`]'s to know.
//!
//! It stands in the master under `.suitecast/`, which the functions do not look at.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::ETag;

use super::plan::ListedObject;

/// The first line, so that another form can be told.
const HEADING: &str = "suitecast push record 2";
/// The most bytes of a record as it stands in the bucket: ten million objects.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 30;
/// The most bytes of one when unpacked.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// An object as it was when its digest was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Its tag then.
    pub(crate) etag: ETag,
    /// Its size then, in bytes.
    pub(crate) size: u64,
    /// Its SHA-256 then.
    pub(crate) sha256: Digest,
}

/// What is known, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record(HashMap<String, Recorded>);

/// The key of the record for the part of a bucket below a prefix.
pub(crate) fn record_key(prefix: &str) -> String {
    format!(".suitecast/pushed/{prefix}record.gz")
}

impl Record {
    /// The digest of the object at a key that has this tag now.
    pub(crate) fn sha256_of(&self, key: &str, etag: &ETag) -> Option<Digest> {
        self.0.get(key).filter(|recorded| recorded.etag == *etag).map(|recorded| recorded.sha256)
    }

    /// Of how many objects something is known.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All that is known, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Recorded)> {
        self.0.iter()
    }

    /// The objects as a listing would tell them, if nobody changed one.
    pub(crate) fn objects(&self) -> HashMap<String, ListedObject> {
        let object = |recorded: &Recorded| ListedObject { size: recorded.size, etag: recorded.etag.clone() };
        self.0.iter().map(|(key, recorded)| (key.clone(), object(recorded))).collect()
    }

    /// Takes in what was learnt of an object; whether it is new.
    pub(crate) fn learn(&mut self, key: &str, object: &ListedObject, sha256: Digest) -> bool {
        let learnt = Recorded { etag: object.etag.clone(), size: object.size, sha256 };
        if self.0.get(key) == Some(&learnt) {
            return false;
        }
        self.0.insert(key.to_owned(), learnt);
        true
    }

    /// Forgets keys that are no longer there; whether there are any.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&str) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|key, _| is_there(key));
        self.0.len() != before
    }

    /// The record as it is stored, in the order of keys.
    pub(crate) fn pack(&self) -> io::Result<Vec<u8>> {
        let mut lines: Vec<_> = self.0.iter().collect();
        lines.sort_unstable_by_key(|(key, _)| *key);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(packed, "{HEADING}")?;
        for (key, recorded) in lines {
            writeln!(packed, "{} {} {} {key}", recorded.sha256, recorded.size, recorded.etag.as_str())?;
        }
        packed.finish()
    }

    /// Reads a stored record. None where it is none, or another program's: then nothing is known.
    pub(crate) fn unpack(packed: &[u8]) -> Option<Self> {
        let mut text = String::new();
        GzDecoder::new(packed).take(MAX_UNPACKED_BYTES).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADING) {
            return None;
        }
        let entry = |line: &str| {
            let (digest, rest) = line.split_once(' ')?;
            let (size, rest) = rest.split_once(' ')?;
            let (etag, key) = rest.split_once(' ')?;
            let sha256 = Digest::parse(DigestAlgorithm::Sha256, digest).ok()?;
            Some((key.to_owned(), Recorded { etag: ETag::new(etag), size: size.parse().ok()?, sha256 }))
        };
        lines.map(entry).collect::<Option<HashMap<_, _>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(DigestAlgorithm::Sha256, text.as_bytes())
    }

    fn object(etag: &str) -> ListedObject {
        ListedObject { size: 3, etag: ETag::new(etag) }
    }

    #[test]
    fn a_record_comes_back_as_it_was_stored() {
        let mut record = Record::default();
        record.learn("pool/a b+c~1.deb", &object("\"abc-3\""), digest("one"));
        record.learn("dists/s/InRelease", &object("def"), digest("two"));
        let packed = record.pack().unwrap();
        assert_eq!(Record::unpack(&packed), Some(record.clone()));
        assert_eq!(record.pack().unwrap(), packed, "the same record is the same bytes");
    }

    #[test]
    fn an_object_that_was_overwritten_is_not_known() {
        let mut record = Record::default();
        assert!(record.learn("key", &object("one"), digest("one")));
        assert!(!record.learn("key", &object("one"), digest("one")), "it is known");
        assert_eq!(record.sha256_of("key", &ETag::new("one")), Some(digest("one")));
        assert_eq!(record.sha256_of("key", &ETag::new("two")), None);
        assert_eq!(record.sha256_of("other", &ETag::new("one")), None);
    }

    #[test]
    fn what_is_no_record_says_nothing() {
        let packed = |text: &str| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let line = format!("{} 3 tag key\n", digest("x"));
        assert!(Record::unpack(&packed(&format!("{HEADING}\n{line}"))).is_some());
        let wrong =
            ["abc 3 tag key".to_owned(), format!("{} 3 tag", digest("x")), format!("{} three tag key", digest("x"))];
        for text in wrong.map(|line| format!("{HEADING}\n{line}\n")).into_iter().chain([line.clone()]) {
            assert_eq!(Record::unpack(&packed(&text)), None, "{text}");
        }
        assert_eq!(Record::unpack(b"no gzip"), None);
        let mut cut = packed(&format!("{HEADING}\n{line}"));
        cut.truncate(cut.len() - 4);
        assert_eq!(Record::unpack(&cut), None);
    }
}
