//! Carries a plan out: sends files, phase by phase, many at once.
//!
//! A file goes up in one call, or above [`PARTED_FROM`] in parallel parts; either way its object becomes visible whole or
//! not at all, and only once its digest has been found to be the one that the index gives. Whatever fails with one file, the
//! rest of its phase is sent and no later phase is begun, so that a release never goes up without what it names.

use std::sync::Arc;

use bytes::Bytes;
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{ETag, PartedUpload, S3Uploads, SentPart, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use super::files::{Directory, FileError, OpenFile};
use super::plan::Item;
use super::progress::Progress;
use super::stop::Stop;

/// Files of this size and above, in bytes, go up in parts: with one connection they would be waited for alone.
pub(crate) const PARTED_FROM: u64 = 16 * 1024 * 1024;
/// Bytes of a part; S3 wants 5 MiB at the least.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// S3's limit of parts to an object: above 80 GiB they have to be larger.
const MAX_PARTS: u64 = 10_000;
/// Bytes of files that are held in memory at once, whatever the concurrency.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// The unit in which memory is counted out.
const MEMORY_UNIT: u64 = 64 * 1024;
/// S3's largest object: 50 TB (Amazon S3 quotas, 2025-12).
const MAX_OBJECT_BYTES: u64 = 50_000_000_000_000;

/// Why a file was not sent.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The file is at fault.
    File(FileError),
    /// The store is.
    Store(StoreError),
    /// Somebody wished the push to end.
    Stopped,
    /// A task of ours died.
    Task(JoinError),
}

impl From<FileError> for SendError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<JoinError> for SendError {
    fn from(error: JoinError) -> Self {
        Self::Task(error)
    }
}

/// A file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The object's key.
    pub(crate) key: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its new tag.
    pub(crate) etag: ETag,
    /// Its SHA-256.
    pub(crate) sha256: Digest,
}

/// What came of a phase.
#[derive(Debug, Default)]
pub(crate) struct PhaseOutcome {
    /// What was sent.
    pub(crate) sent: Vec<Sent>,
    /// Files that are at fault.
    pub(crate) faults: Vec<FileError>,
    /// What the store would not take; nothing more was begun after the first of them.
    pub(crate) failures: Vec<StoreError>,
    /// A task of ours that died.
    pub(crate) died: Option<JoinError>,
    /// Whether somebody wished it to end.
    pub(crate) is_stopped: bool,
}

impl PhaseOutcome {
    /// Whether everything was sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.faults.is_empty() && self.failures.is_empty() && self.died.is_none() && !self.is_stopped
    }
}

/// What sending needs.
#[derive(Clone)]
pub(crate) struct Sender {
    uploads: S3Uploads,
    directory: Directory,
    progress: Arc<Progress>,
    stop: Stop,
    concurrency: usize,
    connections: Arc<Semaphore>,
    memory: Arc<Semaphore>,
}

impl Sender {
    /// Sends files of `directory` with so many requests in flight at once.
    pub(crate) fn new(
        uploads: S3Uploads,
        directory: Directory,
        progress: Arc<Progress>,
        stop: Stop,
        concurrency: usize,
    ) -> Self {
        let memory = Arc::new(Semaphore::new(units(MEMORY_BYTES) as usize));
        Self {
            uploads,
            directory,
            progress,
            stop,
            concurrency,
            connections: Arc::new(Semaphore::new(concurrency)),
            memory,
        }
    }

    /// Sends the files of one phase.
    pub(crate) async fn phase(&self, items: Vec<Item>) -> PhaseOutcome {
        let mut outcome = PhaseOutcome::default();
        let mut tasks = JoinSet::new();
        let mut waiting = items.into_iter();
        loop {
            while tasks.len() < self.concurrency
                && outcome.failures.is_empty()
                && outcome.died.is_none()
                && !self.stop.is_wished()
            {
                let Some(item) = waiting.next() else { break };
                let sender = self.clone();
                tasks.spawn(async move { sender.send(&item).await });
            }
            match tasks.join_next().await {
                None => break,
                Some(Ok(Ok(sent))) => outcome.sent.push(sent),
                Some(Ok(Err(SendError::File(error)))) => outcome.faults.push(error),
                Some(Ok(Err(SendError::Store(error)))) => outcome.failures.push(error),
                Some(Ok(Err(SendError::Stopped))) => outcome.is_stopped = true,
                Some(Ok(Err(SendError::Task(error))) | Err(error)) => outcome.died = Some(error),
            }
        }
        outcome.is_stopped |= self.stop.is_wished();
        outcome
    }

    async fn send(&self, item: &Item) -> Result<Sent, SendError> {
        let (etag, sha256) =
            if item.size < PARTED_FROM { self.send_whole(item).await? } else { self.send_in_parts(item).await? };
        self.progress.file_sent();
        Ok(Sent { key: item.key.clone(), size: item.size, etag, sha256 })
    }

    async fn send_whole(&self, item: &Item) -> Result<(ETag, Digest), SendError> {
        let _memory = self.take(&self.memory, units(item.size)).await?;
        let _connection = self.take(&self.connections, 1).await?;
        let (directory, owned) = (self.directory.clone(), item.clone());
        let (bytes, sha256) = spawn_blocking(move || -> Result<(Bytes, Digest), FileError> {
            let mut file = OpenFile::open(&directory, &owned)?;
            let bytes = file.read(0, usize::try_from(owned.size).unwrap_or(usize::MAX))?;
            Ok((bytes, file.finish()?))
        })
        .await??;
        let put = self.stop.or(self.uploads.put(&item.key, bytes, &sha256, item.headers.clone())).await;
        let etag = put.ok_or(SendError::Stopped)??.etag;
        self.progress.bytes_sent(item.size);
        Ok((etag, sha256))
    }

    async fn send_in_parts(&self, item: &Item) -> Result<(ETag, Digest), SendError> {
        let (directory, owned) = (self.directory.clone(), item.clone());
        let file = spawn_blocking(move || OpenFile::open(&directory, &owned)).await??;
        if self.stop.is_wished() {
            return Err(SendError::Stopped);
        }
        // From here on there is something to clear away: beginning is not cut short, or its answer would be lost.
        let upload = Arc::new(self.uploads.begin(&item.key, item.headers.clone()).await?);
        match self.parts_and_digest(item, file, &upload).await {
            Ok((parts, sha256)) => match self.uploads.complete(&upload, parts).await {
                Ok(put) => Ok((put.etag, sha256)),
                // The object may be there for all that; the next push finds out.
                Err(error) => Err(error.into()),
            },
            Err(error) => {
                if let Err(failed) = self.uploads.abort(&upload).await {
                    self.progress.remark(format!("parts of {} could not be removed: {failed}", item.key));
                }
                Err(error)
            }
        }
    }

    /// Reads the file in order and sends its parts side by side. Nothing is visible yet when it answers.
    async fn parts_and_digest(
        &self,
        item: &Item,
        mut file: OpenFile,
        upload: &Arc<PartedUpload>,
    ) -> Result<(Vec<SentPart>, Digest), SendError> {
        let mut tasks: JoinSet<Result<SentPart, SendError>> = JoinSet::new();
        let mut sent = Vec::new();
        for (number, offset, length) in parts(item.size) {
            let memory = self.take(&self.memory, units(length)).await?;
            let connection = self.take(&self.connections, 1).await?;
            let (back, bytes, sha256) = spawn_blocking(move || -> Result<_, FileError> {
                let bytes = file.read(offset, usize::try_from(length).unwrap_or(usize::MAX))?;
                let sha256 = Digest::of(DigestAlgorithm::Sha256, &bytes);
                Ok((file, bytes, sha256))
            })
            .await??;
            file = back;
            let (sender, upload) = (self.clone(), Arc::clone(upload));
            tasks.spawn(async move {
                let _held = (memory, connection);
                let part = sender.stop.or(sender.uploads.part(&upload, number, bytes, &sha256)).await;
                let part = part.ok_or(SendError::Stopped)??;
                sender.progress.bytes_sent(length);
                Ok(part)
            });
            // A part that failed makes the rest useless.
            while let Some(done) = tasks.try_join_next() {
                sent.push(done??);
            }
        }
        while let Some(done) = tasks.join_next().await {
            sent.push(done??);
        }
        let sha256 = spawn_blocking(move || file.finish()).await??;
        Ok((sent, sha256))
    }

    async fn take(&self, of: &Arc<Semaphore>, count: u32) -> Result<tokio::sync::OwnedSemaphorePermit, SendError> {
        let permit = self.stop.or(Arc::clone(of).acquire_many_owned(count)).await;
        // It is never closed.
        permit.and_then(Result::ok).ok_or(SendError::Stopped)
    }
}

/// Bytes as units of memory, at most as many as there are.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.min(MEMORY_BYTES).div_ceil(MEMORY_UNIT).max(1)).unwrap_or(u32::MAX)
}

/// The parts of a file: number, offset, length.
fn parts(size: u64) -> impl Iterator<Item = (u32, u64, u64)> {
    let length = PART_BYTES.max(size.min(MAX_OBJECT_BYTES).div_ceil(MAX_PARTS));
    (0..size.div_ceil(length)).map(move |index| {
        let offset = index * length;
        (u32::try_from(index + 1).unwrap_or(u32::MAX), offset, length.min(size - offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once_within_s3s_limits() {
        for size in [PARTED_FROM, PARTED_FROM + 1, 5 * PART_BYTES - 1, MAX_PARTS * PART_BYTES + 1, MAX_OBJECT_BYTES] {
            let mut next = 0;
            let mut count = 0;
            for (number, offset, length) in parts(size) {
                count += 1;
                assert_eq!((u64::from(number), offset), (count, next), "{size} bytes");
                assert!(length >= 5 * 1024 * 1024 || offset + length == size, "{size} bytes");
                next += length;
            }
            assert!(next == size && count <= MAX_PARTS, "{size} bytes in {count} parts");
        }
    }

    #[test]
    fn no_file_needs_more_memory_than_there_is() {
        assert_eq!(units(0), 1);
        assert_eq!(units(MEMORY_UNIT + 1), 2);
        assert_eq!(u64::from(units(MAX_OBJECT_BYTES)) * MEMORY_UNIT, MEMORY_BYTES);
    }
}
