//! Buckets on the disk, read in pieces, so that what a process holds in memory is what the engine holds.
//!
//! `DIR/master` and `DIR/region` hold real files, except for the pool: its objects all have the same few bytes, and which
//! there are is read, line by line, from `DIR/master.pool` and `DIR/region.pool`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind as Io, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use suitecast_archive::{Digest, Digests, Hasher};
use suitecast_store::{
    Copied, CopyRequest, ETag, ErrorKind, GetCondition, GetRequest, Got, ListPage, ListRequest, Listed, ObjectInfo,
    Operation, Put, PutRequest, Store, StoreError, WriteCondition,
};

/// What every object of the pool holds.
pub(crate) const POOL_CONTENT: &[u8] = b"a pool file that is no package\n";

/// Bytes of one piece of a body: what the SDK hands out at a time.
const PIECE_BYTES: usize = 16 << 10;

/// Keys of one page, as S3 has it.
const PAGE_KEYS: usize = 1_000;

/// A bucket below a directory.
pub(crate) struct DiskBucket {
    directory: PathBuf,
    name: &'static str,
    requests: AtomicU64,
}

impl DiskBucket {
    pub(crate) fn new(directory: &Path, name: &'static str) -> Self {
        Self { directory: directory.to_owned(), name, requests: AtomicU64::new(0) }
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(self.name).join(key)
    }

    fn pool_list(&self) -> PathBuf {
        self.directory.join(format!("{}.pool", self.name))
    }

    fn failed(&self, operation: Operation, key: &str, error: &std::io::Error) -> StoreError {
        let kind = if error.kind() == Io::NotFound { ErrorKind::NotFound } else { ErrorKind::Rejected };
        self.error(operation, key, kind, &error.to_string())
    }

    fn error(&self, operation: Operation, key: &str, kind: ErrorKind, detail: &str) -> StoreError {
        let (bucket, key, detail) = (self.name.to_owned(), key.to_owned(), detail.to_owned());
        StoreError { operation, bucket, key, kind, detail, source: None }
    }

    /// What is known of a file, by reading it.
    fn info(&self, key: &str) -> std::io::Result<ObjectInfo> {
        let mut file = File::open(self.path(key))?;
        let mut hasher = Hasher::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = file.read(&mut piece)?;
            if length == 0 {
                break;
            }
            hasher.update(piece.get(..length).unwrap_or_default());
        }
        let (size, digests) = hasher.finish();
        Ok(info(size, digests.sha256))
    }

    /// A whole region's pool holds everything; an empty one nothing. Which of the two, the list tells.
    fn holds_pool(&self) -> bool {
        fs::metadata(self.pool_list()).is_ok_and(|list| list.len() > 0)
    }

    /// A page of the pool: keys in the list's order, which is that of their bytes.
    fn list_pool(&self, request: &ListRequest) -> std::io::Result<ListPage> {
        let mut list = File::open(self.pool_list())?;
        let mut at: u64 = request.continuation.as_deref().and_then(|token| token.parse().ok()).unwrap_or(0);
        list.seek(SeekFrom::Start(at))?;
        let mut page = ListPage::default();
        let pool = info(POOL_CONTENT.len() as u64, Digests::of(POOL_CONTENT).sha256);
        for line in BufReader::new(list).lines() {
            if page.objects.len() == PAGE_KEYS {
                page.next = Some(at.to_string());
                break;
            }
            let key = line?;
            at += key.len() as u64 + 1;
            if key.starts_with(&request.prefix) {
                let (etag, size) = (pool.etag.clone(), pool.size);
                page.objects.push(Listed { key, etag, size, last_modified: None });
            }
        }
        Ok(page)
    }

    /// The files of one directory; the folded listings of a suite's directory are all that is asked of these.
    fn list_directory(&self, request: &ListRequest) -> std::io::Result<ListPage> {
        let mut page = ListPage::default();
        let entries = match fs::read_dir(self.path(&request.prefix)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == Io::NotFound => return Ok(page),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let key = format!("{}{}", request.prefix, entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                page.prefixes.push(format!("{key}/"));
            } else {
                let info = self.info(&key)?;
                page.objects.push(Listed { key, etag: info.etag, size: info.size, last_modified: None });
            }
        }
        Ok(page)
    }

    fn check(&self, operation: Operation, key: &str, condition: &WriteCondition) -> Result<(), StoreError> {
        let standing = self.info(key).ok().map(|info| info.etag);
        let holds = match condition {
            WriteCondition::Always => true,
            WriteCondition::Absent => standing.is_none(),
            WriteCondition::Matches(etag) => standing.as_ref() == Some(etag),
        };
        if holds { Ok(()) } else { Err(self.error(operation, key, ErrorKind::PreconditionFailed, "condition")) }
    }

    fn write(&self, key: &str, write: impl FnOnce(&Path) -> std::io::Result<()>) -> std::io::Result<ObjectInfo> {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        write(&path)?;
        self.info(key)
    }
}

fn info(size: u64, sha256: Option<Digest>) -> ObjectInfo {
    // As long as an MD5, which tags are.
    let mut tag = sha256.map_or_else(String::new, |digest| digest.to_string());
    tag.truncate(32);
    let etag = ETag::new(&tag);
    ObjectInfo { etag, size, sha256, version: None, last_modified: None }
}

fn is_of_pool(key: &str) -> bool {
    key.starts_with("pool/")
}

fn next_piece(mut file: File) -> std::io::Result<Option<(Bytes, File)>> {
    let mut piece = vec![0; PIECE_BYTES];
    let length = file.read(&mut piece)?;
    piece.truncate(length);
    Ok((length > 0).then(|| (Bytes::from(piece), file)))
}

#[async_trait]
impl Store for DiskBucket {
    fn bucket(&self) -> &str {
        self.name
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.count();
        let key = request.key;
        let info = self.info(&key).map_err(|error| self.failed(Operation::Get, &key, &error))?;
        if request.condition == GetCondition::Changed(info.etag.clone()) {
            return Ok(Got::Unchanged);
        }
        let file = File::open(self.path(&key)).map_err(|error| self.failed(Operation::Get, &key, &error))?;
        let name = self.name;
        let body = stream::try_unfold(file, move |file| {
            let failed = |error: std::io::Error| StoreError {
                operation: Operation::Get,
                bucket: name.to_owned(),
                key: key.clone(),
                kind: ErrorKind::Unavailable,
                detail: error.to_string(),
                source: None,
            };
            std::future::ready(next_piece(file).map_err(failed))
        });
        Ok(Got::Object { info, body: Box::pin(body) })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.count();
        if is_of_pool(key) {
            let held = self.holds_pool();
            return Ok(held.then(|| info(POOL_CONTENT.len() as u64, Digests::of(POOL_CONTENT).sha256)));
        }
        match self.info(key) {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.kind() == Io::NotFound => Ok(None),
            Err(error) => Err(self.failed(Operation::Head, key, &error)),
        }
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        self.count();
        self.check(Operation::Put, &request.key, &request.condition)?;
        let written = self.write(&request.key, |path| fs::write(path, &request.bytes));
        let written = written.map_err(|error| self.failed(Operation::Put, &request.key, &error))?;
        Ok(Put { etag: written.etag })
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        self.count();
        if is_of_pool(&request.key) {
            let pool = info(POOL_CONTENT.len() as u64, Digests::of(POOL_CONTENT).sha256);
            return Ok(Copied { etag: pool.etag, sha256: pool.sha256 });
        }
        self.check(Operation::Copy, &request.key, &request.condition)?;
        let from = self.directory.join(&request.source.bucket).join(&request.source.key);
        let written = self.write(&request.key, |path| fs::copy(&from, path).map(|_| ()));
        let written = written.map_err(|error| self.failed(Operation::Copy, &request.key, &error))?;
        Ok(Copied { etag: written.etag, sha256: written.sha256 })
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.count();
        let page = if is_of_pool(&request.prefix) { self.list_pool(&request) } else { self.list_directory(&request) };
        page.map_err(|error| self.failed(Operation::List, &request.prefix, &error))
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        // The disk keeps the newest alone.
        Ok(self.head(key).await?.into_iter().take(most).collect())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.count();
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != Io::NotFound => Err(self.failed(Operation::Delete, key, &error)),
            _ => Ok(()),
        }
    }
}
