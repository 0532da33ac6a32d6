//! An apt client that believes nothing: walks what a bucket serves of a suite and says what does not fit.
//!
//! A walk reads `InRelease` (or `Release`, where there is none), then every index that the release lists within the scope,
//! by its name by hash and by its canonical name, then looks at every file which those indices name. What is missing, or
//! has another size or digest, is reported. That is the first promise to users, checked from outside; so nothing here
//! uses the code that keeps it, not even its parsers.
//!
//! A model can also be a client that does not use by-hash: it fetches indices by their canonical names and knows no others.
//!
//! A walk is meant to follow every single effect of a crash test: bytes once read and hashed are remembered by key and tag,
//! indices by digest, so that a walk over what has not changed only looks.

mod named;
mod reader;
mod release;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::Digest as _;

pub use reader::{BucketReader, Seen, StoreReader};
pub use scope::Scope;

use named::{Named, names_files};
use release::{Need, Release};

/// What is asked of a file; what is not known is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// Its SHA-512 in hexadecimal.
    pub sha512: Option<String>,
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It is there with another size.
    Size {
        /// In bytes, as listed.
        expected: u64,
        /// In bytes, as served.
        found: u64,
    },
    /// It is there with other bytes.
    Digest {
        /// As listed.
        expected: String,
        /// As served.
        found: String,
    },
    /// It could not be read, for this reason.
    Unreadable(String),
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconsistency {
    /// The key in the bucket.
    pub key: String,
    /// The key of the file that asks for it.
    pub named_by: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (named by {}): ", self.key, self.named_by)?;
        match &self.problem {
            Problem::Missing => write!(out, "missing"),
            Problem::Size { expected, found } => write!(out, "{found} bytes in place of {expected}"),
            Problem::Digest { expected, found } => write!(out, "digest {found} in place of {expected}"),
            Problem::Unreadable(reason) => write!(out, "{reason}"),
        }
    }
}

/// The release file that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRelease {
    /// Its key: `InRelease`, or `Release` where there is no `InRelease`.
    pub key: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its `Date`, where it has one in the usual form.
    pub date: Option<Timestamp>,
}

/// What a walk saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The live release; `None` where the suite is not served at all, which breaks no promise.
    pub live: Option<LiveRelease>,
    /// What breaks the promise: indices missing or wrong under the names that the client fetches them by, files missing
    /// or wrong.
    pub broken: Vec<Inconsistency>,
    /// Canonical index names that do not hold what the live release lists, where the client itself uses those by hash.
    /// Expected in the middle of a swap; never when nothing is going on.
    pub stale_names: Vec<Inconsistency>,
    /// Canonical names of indices that are not mirrored and that hold something else: a client that finds nothing by hash asks
    /// there next. Only in the middle of a swap too.
    pub misleading_names: Vec<Inconsistency>,
    /// How many forms of indices were checked.
    pub indices: usize,
    /// How many files named by them were checked.
    pub files: usize,
}

impl View {
    /// Whether the promise holds. Says nothing of canonical names.
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether the suite is served, the promise holds, and every canonical name fits the live release.
    pub fn is_settled(&self) -> bool {
        self.live.is_some() && self.broken.is_empty() && self.stale_names.is_empty() && self.misleading_names.is_empty()
    }
}

impl fmt::Display for View {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.live.as_ref().map_or("nothing is served", |live| live.key.as_str());
        let (indices, files) = (self.indices, self.files);
        writeln!(out, "{live}: {indices} indices and {files} files checked, {} broken", self.broken.len())?;
        self.broken.iter().try_for_each(|wrong| writeln!(out, "  broken: {wrong}"))?;
        self.stale_names.iter().try_for_each(|wrong| writeln!(out, "  stale name: {wrong}"))?;
        self.misleading_names.iter().try_for_each(|wrong| writeln!(out, "  misleading name: {wrong}"))
    }
}

/// What the bytes of a key are.
#[derive(Debug, Clone)]
struct Content {
    size: u64,
    sha256: String,
    sha512: String,
}

/// The client. One for a bucket: what it remembers is remembered by key.
#[derive(Debug, Default)]
pub struct ClientModel {
    scope: Scope,
    without_by_hash: bool,
    contents: HashMap<(String, String), Content>,
    named: HashMap<(String, String), Arc<Vec<Named>>>,
}

impl ClientModel {
    /// A client that expects this much of each suite.
    pub fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// A client that fetches indices by their canonical names: what is wrong with these is `broken` for it.
    pub fn without_by_hash(scope: Scope) -> Self {
        Self { scope, without_by_hash: true, ..Self::default() }
    }

    /// Walks a suite, given its directory in the bucket (`debian/dists/bookworm`; for a flat archive, its directory).
    ///
    /// # Errors
    ///
    /// Only when the release files themselves cannot be read; everything else that fails is in the view.
    pub async fn walk(&mut self, bucket: &dyn BucketReader, suite: &str) -> Result<View, String> {
        let suite = suite.trim_end_matches('/');
        let in_suite = |path: &str| if suite.is_empty() { path.to_owned() } else { format!("{suite}/{path}") };
        let mut view = View::default();
        for name in ["InRelease", "Release"] {
            if let Some((_, bytes)) = bucket.read(&in_suite(name)).await? {
                view.live = Some(LiveRelease { key: in_suite(name), bytes, date: None });
                break;
            }
        }
        let Some(live) = &mut view.live else { return Ok(view) };
        let release = Release::parse(&live.bytes);
        live.date = release.date;
        let release_key = live.key.clone();
        let archive = archive_of(suite);

        for group in release.groups(&self.scope) {
            let (mut intact, mut broken) = (Vec::new(), Vec::new());
            for (path, expected) in &group.forms {
                view.indices += 1;
                if self.without_by_hash {
                    match self.check(bucket, &in_suite(path), expected, &release_key).await {
                        Some(wrong) => broken.push(wrong),
                        None => intact.push(*path),
                    }
                    continue;
                }
                let known_broken = broken.len();
                for by_hash in names_by_hash(path, expected) {
                    broken.extend(self.check(bucket, &in_suite(&by_hash), expected, &release_key).await);
                }
                let is_intact = broken.len() == known_broken;
                if is_intact {
                    intact.push(*path);
                }
                let wrong = self.check(bucket, &in_suite(path), expected, &release_key).await;
                if is_intact || group.need == Need::Each {
                    view.stale_names.extend(wrong);
                } else {
                    view.misleading_names.extend(wrong.filter(|wrong| !is_absent(wrong)));
                }
            }
            let is_missed = match group.need {
                Need::Each => true,
                Need::One => intact.is_empty(),
                Need::Nothing => false,
            };
            // A client goes on to the next form where it finds nothing, and gives up where it finds other bytes.
            view.broken.extend(broken.into_iter().filter(|wrong| is_missed || !is_absent(wrong)));
            if let Some((path, expected)) = group.to_read(|path| group.need == Need::Each || intact.contains(&path)) {
                self.walk_index(bucket, &in_suite(path), &in_suite, (path, expected), &archive, &mut view).await;
            }
        }
        Ok(view)
    }

    async fn walk_index(
        &mut self,
        bucket: &dyn BucketReader,
        index_key: &str,
        in_suite: &(dyn Fn(&str) -> String + Sync),
        (path, expected): (&str, &Expected),
        archive: &str,
        view: &mut View,
    ) {
        let fetched = if self.without_by_hash { Some(path.to_owned()) } else { names_by_hash(path, expected).pop() };
        let Some(fetched) = fetched.map(|name| in_suite(&name)) else { return };
        let named = match self.named_by(bucket, &fetched, path, expected).await {
            Ok(named) => named,
            Err(problem) => {
                // An index that is missing or wrong is in the view already.
                if let Some(problem) = problem {
                    let named_by = index_key.to_owned();
                    view.broken.push(Inconsistency { key: fetched, named_by, problem });
                }
                return;
            }
        };
        let directory = index_key.rsplit_once('/').map_or("", |(directory, _)| directory);
        for file in named.iter() {
            view.files += 1;
            let key = match (file.beside_the_index, directory) {
                (true, "") => file.path.clone(),
                (true, directory) => format!("{directory}/{}", file.path),
                (false, _) => format!("{archive}{}", file.path),
            };
            let further = if self.scope.second_keys {
                let dotted = file.is_dotted.then(|| format!("{archive}./{}", file.path));
                let as_asked = [Some(key.clone()), dotted.clone()].into_iter().flatten();
                let spaced = as_asked.filter(|asked| asked.contains('+')).map(|asked| asked.replace('+', " "));
                spaced.chain(dotted).collect()
            } else {
                Vec::new()
            };
            for key in further.iter().chain([&key]) {
                let wrong = self.check(bucket, key, &file.expected, index_key).await;
                view.broken.extend(wrong);
            }
        }
    }

    /// The files named by an index; no problem in the error where the caller has reported it already.
    async fn named_by(
        &mut self,
        bucket: &dyn BucketReader,
        key: &str,
        path: &str,
        expected: &Expected,
    ) -> Result<Arc<Vec<Named>>, Option<Problem>> {
        let seen = bucket.look(key).await.ok().flatten().ok_or(None)?;
        let known = (key.to_owned(), seen.tag);
        if let Some(named) = self.named.get(&known) {
            return Ok(Arc::clone(named));
        }
        let (seen, bytes) = bucket.read(key).await.ok().flatten().ok_or(None)?;
        if mismatch(expected, &content(&bytes)).is_some() {
            return Err(None);
        }
        let named = Arc::new(named::read(path, &bytes).map_err(|reason| Some(Problem::Unreadable(reason)))?);
        self.named.insert((key.to_owned(), seen.tag), Arc::clone(&named));
        Ok(named)
    }

    async fn check(
        &mut self,
        bucket: &dyn BucketReader,
        key: &str,
        expected: &Expected,
        named_by: &str,
    ) -> Option<Inconsistency> {
        let problem = match self.content_of(bucket, key).await {
            Err(reason) => Problem::Unreadable(reason),
            Ok(None) => Problem::Missing,
            Ok(Some(content)) => mismatch(expected, &content)?,
        };
        Some(Inconsistency { key: key.to_owned(), named_by: named_by.to_owned(), problem })
    }

    async fn content_of(&mut self, bucket: &dyn BucketReader, key: &str) -> Result<Option<Content>, String> {
        let Some(seen) = bucket.look(key).await? else { return Ok(None) };
        let known = (key.to_owned(), seen.tag);
        if let Some(content) = self.contents.get(&known) {
            return Ok(Some(content.clone()));
        }
        let Some((seen, bytes)) = bucket.read(key).await? else { return Ok(None) };
        let content = content(&bytes);
        self.contents.insert((key.to_owned(), seen.tag), content.clone());
        Ok(Some(content))
    }
}

fn is_absent(wrong: &Inconsistency) -> bool {
    wrong.problem == Problem::Missing
}

fn content(bytes: &[u8]) -> Content {
    Content {
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: hex(&sha2::Sha256::digest(bytes)),
        sha512: hex(&sha2::Sha512::digest(bytes)),
    }
}

fn mismatch(expected: &Expected, found: &Content) -> Option<Problem> {
    if let Some(size) = expected.size.filter(|size| *size != found.size) {
        return Some(Problem::Size { expected: size, found: found.size });
    }
    [(&expected.sha512, &found.sha512), (&expected.sha256, &found.sha256)].into_iter().find_map(|(expected, found)| {
        let expected = expected.as_ref().filter(|expected| *expected != found)?;
        Some(Problem::Digest { expected: expected.clone(), found: found.clone() })
    })
}

/// The names by hash of an index, the strongest last.
fn names_by_hash(path: &str, expected: &Expected) -> Vec<String> {
    let directory = path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"));
    [("SHA256", &expected.sha256), ("SHA512", &expected.sha512)]
        .into_iter()
        .filter_map(|(list, digest)| Some(format!("{directory}by-hash/{list}/{}", digest.as_ref()?)))
        .collect()
}

/// The prefix to which `Filename` fields are relative: what comes before `dists/`, or the suite itself in a flat archive.
fn archive_of(suite: &str) -> String {
    if suite.starts_with("dists/") {
        return String::new();
    }
    match suite.find("/dists/") {
        Some(end) => suite[..=end].to_owned(),
        None if suite.is_empty() => String::new(),
        None => format!("{suite}/"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = fmt::Write::write_fmt(&mut out, format_args!("{byte:02x}"));
        out
    })
}
