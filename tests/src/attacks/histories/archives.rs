//! Archives of a few small files, made once and shared by all histories: what a history costs is what Suitecast does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_testing::Random;
use suitecast_testing::archive_maker::{ArchiveKey, ByHash, Generation, Signing};

/// How many times each suite is published at most.
pub const GENERATIONS: usize = 16;

/// How many sets of archives there are. Each is a choice of suites, kinds of by-hash and signing; what a history does with
/// one is its own.
pub const SETS: usize = 64;

/// The `Date` of the first generation: 2026-08-01T00:00:00Z, in seconds since 1970. A month before the clock of the tests.
const FIRST_DATE_SECONDS: i64 = 1_785_542_400;

/// The dictionary of the xz form, in bytes: the least there is, since readers take as much memory as this says.
const DICTIONARY_BYTES: u32 = 4096;

/// A suite and its generations, oldest first. Each has a later `Date` than the one before, except where the suite is signed
/// again: then the third has the second's.
#[derive(Debug)]
pub struct SuiteArchive {
    /// Its directory in the bucket.
    pub directory: String,
    /// Whether it has names by hash.
    pub by_hash: ByHash,
    /// Its release files.
    pub signing: Signing,
    /// What is published.
    pub generations: Vec<Generation>,
    /// The `Date` of each.
    pub dates: Vec<Timestamp>,
}

impl SuiteArchive {
    /// The keys of its release files.
    pub fn release_keys(&self) -> [String; 3] {
        ["InRelease", "Release", "Release.gpg"].map(|name| format!("{}/{name}", self.directory))
    }
}

/// The suites of one master.
#[derive(Debug)]
pub struct ArchiveSet {
    /// Two or three suites of which the first two share a pool; sometimes the last is a flat archive.
    pub suites: Vec<SuiteArchive>,
}

/// What `Archives` is set to.
pub const ARCHIVES: &str = "/,flat:flat/";

/// The set of this number (taken modulo [`SETS`]), made when somebody first asks.
///
/// # Panics
/// When it cannot be made.
pub fn archive_set(number: usize) -> &'static Arc<ArchiveSet> {
    static MADE: [OnceLock<Arc<ArchiveSet>>; SETS] = [const { OnceLock::new() }; SETS];
    MADE[number % SETS].get_or_init(|| Arc::new(make_set(number % SETS)))
}

fn make_set(number: usize) -> ArchiveSet {
    let mut random = Random::new(number as u64);
    let names: &[&str] = match number % 4 {
        0 => &["dists/stable", "dists/testing", "flat"],
        1 => &["dists/stable", "dists/testing", "dists/unstable/updates"],
        _ => &["dists/stable", "dists/testing"],
    };
    let key = ArchiveKey::from_seed(number as u64).unwrap();
    let make = |(at, name): (usize, &&str)| {
        let by_hash = [ByHash::None, ByHash::Sha256, ByHash::Sha256AndSha512][random.below(3)];
        let signing =
            [Signing::Both, Signing::OnlyInRelease, Signing::OnlyDetached, Signing::Unsigned][random.below(4)];
        let signed_again = random.chance(25);
        make_suite(&Plan { at, directory: name, by_hash, signing, signed_again }, &key)
    };
    ArchiveSet { suites: names.iter().enumerate().map(make).collect() }
}

/// What a suite is made from.
struct Plan<'a> {
    at: usize,
    directory: &'a str,
    by_hash: ByHash,
    signing: Signing,
    signed_again: bool,
}

fn make_suite(plan: &Plan<'_>, key: &ArchiveKey) -> SuiteArchive {
    let Plan { directory, by_hash, signing, signed_again, .. } = *plan;
    let first = Timestamp::from_second(FIRST_DATE_SECONDS).unwrap();
    let mut made = SuiteArchive {
        directory: directory.to_owned(),
        by_hash,
        signing,
        generations: Vec::with_capacity(GENERATIONS),
        dates: Vec::with_capacity(GENERATIONS),
    };
    let mut before: BTreeMap<String, Bytes> = BTreeMap::new();
    for number in 1..=GENERATIONS {
        let steps = if signed_again && number == 3 { 1 } else { number - 1 };
        let date = first + SignedDuration::from_hours(24 * i64::try_from(steps).unwrap());
        let files = files_of(plan, number, date, key);
        let changed: BTreeSet<String> =
            files.iter().filter(|(key, bytes)| before.get(*key) != Some(bytes)).map(|(key, _)| key.clone()).collect();
        let removed = before.keys().filter(|key| !files.contains_key(*key)).cloned().collect();
        before.clone_from(&files);
        let number = u32::try_from(number).unwrap();
        made.generations.push(Generation { number, suite: directory.to_owned(), files, changed, removed });
        made.dates.push(date);
    }
    made
}

/// A pool file: its bytes follow from its name alone, so that suites that name it agree.
fn pool_file(path: &str) -> Bytes {
    Bytes::from(format!("this is {path}\n"))
}

fn stanza(package: &str, version: usize, architecture: &str, path: &str) -> String {
    let bytes = pool_file(path);
    format!(
        "Package: {package}\nVersion: {version}\nArchitecture: {architecture}\nFilename: {path}\nSize: {}\nSHA256: {}\n\n",
        bytes.len(),
        digest(DigestAlgorithm::Sha256, &bytes),
    )
}

fn source_stanza(package: &str, version: usize, directory: &str, name: &str) -> String {
    let bytes = pool_file(&format!("{directory}/{name}"));
    let sha256 = digest(DigestAlgorithm::Sha256, &bytes);
    format!(
        "Package: {package}\nVersion: {version}\nDirectory: {directory}\nChecksums-Sha256:\n {sha256} {} {name}\n\n",
        bytes.len()
    )
}

/// The indices of a generation (path relative to the suite, text) and the paths of its pool files (relative to the archive).
fn indices_of(plan: &Plan<'_>, number: usize) -> (Vec<(&'static str, String)>, BTreeSet<String>) {
    let at = plan.at;
    let mut pool = BTreeSet::new();
    let mut deb = |package: &str, version: usize, architecture: &str| {
        let path = format!("pool/{package}_{version}_{architecture}.deb");
        let stanza = stanza(package, version, architecture, &path);
        pool.insert(path);
        stanza
    };
    // Suites take turns in moving on to the next version, and name one file for a while.
    let shared = deb("shared", 1 + number.midpoint(at), "all");
    if plan.directory == "flat" {
        let own = deb("flat", number, "all");
        return (vec![("Packages", own + &shared)], pool);
    }
    let own = format!("own{at}");
    let mut indices = vec![
        ("main/binary-amd64/Packages", deb(&own, number, "amd64") + &shared),
        ("main/binary-arm64/Packages", deb(&own, number.div_ceil(2), "arm64") + &shared),
        ("contrib/binary-amd64/Packages", deb("extra", 1 + number / 3, "amd64")),
        ("contrib/binary-arm64/Packages", String::new()),
    ];
    if at == 1 {
        let name = format!("{own}_{number}.dsc");
        indices.push(("main/source/Sources", source_stanza(&own, number, "pool", &name)));
        pool.insert(format!("pool/{name}"));
    }
    (indices, pool)
}

fn files_of(plan: &Plan<'_>, number: usize, date: Timestamp, key: &ArchiveKey) -> BTreeMap<String, Bytes> {
    let (indices, pool) = indices_of(plan, number);
    let archive = if plan.directory == "flat" { "flat/" } else { "" };
    let mut files: BTreeMap<String, Bytes> =
        pool.iter().map(|path| (format!("{archive}{path}"), pool_file(path))).collect();
    let mut listed: BTreeMap<String, Bytes> = BTreeMap::new();
    for (path, text) in indices {
        let mut forms = vec![(format!("{path}.gz"), gzip(text.as_bytes()))];
        if path == "main/binary-amd64/Packages" {
            forms.push((format!("{path}.xz"), xz(text.as_bytes())));
        }
        for (path, bytes) in forms {
            for by_hash in names_by_hash(plan.by_hash, &path, &bytes) {
                files.insert(format!("{}/{by_hash}", plan.directory), bytes.clone());
            }
            files.insert(format!("{}/{path}", plan.directory), bytes.clone());
            listed.insert(path, bytes);
        }
        listed.insert(path.to_owned(), Bytes::from(text));
    }
    let text = release_text(plan, number, date, &listed);
    let mut release_file = |name: &str, bytes: Vec<u8>| {
        files.insert(format!("{}/{name}", plan.directory), Bytes::from(bytes));
    };
    if matches!(plan.signing, Signing::Both | Signing::OnlyInRelease) {
        release_file("InRelease", key.clear_signed(&text, date).unwrap());
    }
    if matches!(plan.signing, Signing::Both | Signing::OnlyDetached) {
        release_file("Release.gpg", key.detached(text.as_bytes(), date).unwrap());
    }
    if plan.signing != Signing::OnlyInRelease {
        release_file("Release", text.into_bytes());
    }
    files
}

fn names_by_hash(by_hash: ByHash, path: &str, bytes: &[u8]) -> Vec<String> {
    let algorithms: &[(&str, DigestAlgorithm)] = match by_hash {
        ByHash::None => &[],
        ByHash::Sha256 => &[("SHA256", DigestAlgorithm::Sha256)],
        ByHash::Sha256AndSha512 => &[("SHA256", DigestAlgorithm::Sha256), ("SHA512", DigestAlgorithm::Sha512)],
    };
    let directory = path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"));
    algorithms
        .iter()
        .map(|(name, algorithm)| format!("{directory}by-hash/{name}/{}", digest(*algorithm, bytes)))
        .collect()
}

fn release_text(plan: &Plan<'_>, number: usize, date: Timestamp, listed: &BTreeMap<String, Bytes>) -> String {
    let written = date.strftime("%a, %d %b %Y %H:%M:%S UTC");
    // A release that is signed again says something new, or it would be the very same.
    let mut text = format!("Suite: {}\nVersion: {number}\nDate: {written}\n", plan.directory);
    if plan.by_hash != ByHash::None {
        text.push_str("Acquire-By-Hash: yes\n");
    }
    text.push_str("Architectures: amd64 arm64\nComponents: main contrib\n");
    let mut list = |name: &str, algorithm: DigestAlgorithm| {
        let _ = writeln!(text, "{name}:");
        for (path, bytes) in listed {
            let _ = writeln!(text, " {} {} {path}", digest(algorithm, bytes), bytes.len());
        }
    };
    list("SHA256", DigestAlgorithm::Sha256);
    if plan.by_hash == ByHash::Sha256AndSha512 {
        list("SHA512", DigestAlgorithm::Sha512);
    }
    text
}

fn digest(algorithm: DigestAlgorithm, bytes: &[u8]) -> String {
    Digest::of(algorithm, bytes).to_string()
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    Bytes::from(encoder.finish().unwrap())
}

fn xz(bytes: &[u8]) -> Bytes {
    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(DICTIONARY_BYTES);
    let stream = Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).unwrap();
    Bytes::from(encoder.finish().unwrap())
}
