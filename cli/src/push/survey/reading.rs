//! Reading a tree's release files and indices, through a port: the rules are `archive`'s.

use std::io;
use std::sync::Mutex;
use std::thread;

use suitecast_archive::{
    ArchivePath, Compression, IndexError, IndexKind, IndexLocation, IndexReader, MAX_RELEASE_BYTES, NamedFile,
    ReleaseEntry,
};
use suitecast_mirror::with_causes;

use super::{Problem, Suite};

/// Bytes read of an index at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Reads the files of a tree; a double in tests.
pub(crate) trait ReadFile: Sync {
    /// Opens a file by its path relative to the tree.
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + Send>>;
}

/// An index to read: its group, and the forms of it that are there, the quickest to read first.
pub(super) struct IndexJob<'a> {
    pub(super) suite: &'a Suite<'a>,
    pub(super) kind: IndexKind,
    pub(super) forms: Vec<Form>,
    /// Whether a complete archive needs what it names.
    pub(super) is_needed: bool,
}

pub(super) struct Form {
    /// As the release names it, relative to the suite.
    pub(super) index: ArchivePath,
    /// Where its bytes stand, relative to the tree.
    pub(super) path: String,
    pub(super) entry: ReleaseEntry,
    pub(super) compression: Compression,
}

/// What came of an [`IndexJob`].
pub(super) enum IndexOutcome {
    Read { named_by: String, files: Vec<NamedFile> },
    Failed(Vec<Problem>),
}

/// Reads a release file.
pub(super) fn read_release_file(reader: &dyn ReadFile, path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that the reader of releases sees that there are more.
    io::Read::read_to_end(&mut io::Read::take(reader.open(path)?, 2 * MAX_RELEASE_BYTES as u64 + 1), &mut bytes)?;
    Ok(bytes)
}

/// Reads indices on all processors; the outcomes are in the order of the jobs.
pub(super) fn read_indices(jobs: &[IndexJob<'_>], prefix: &str, reader: &dyn ReadFile) -> Vec<IndexOutcome> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let waiting = Mutex::new(jobs.iter().enumerate());
    let mut outcomes: Vec<(usize, IndexOutcome)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                match next {
                    Some((number, job)) => done.push((number, read_index(job, prefix, reader))),
                    None => return done,
                }
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        // A thread that panicked is a fault of ours, and its panic goes on here.
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Reads the first form of an index that is what the release says.
fn read_index(job: &IndexJob<'_>, prefix: &str, reader: &dyn ReadFile) -> IndexOutcome {
    let mut problems = Vec::new();
    for form in job.forms.iter().filter(|form| form.compression.is_readable()) {
        let key = job.suite.name.key(&form.index);
        let named_by = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
        match read_form(job, form, reader) {
            Ok(files) => return IndexOutcome::Read { named_by, files },
            Err(reason) => problems.push(Problem { path: form.path.clone(), named_by: None, reason }),
        }
    }
    IndexOutcome::Failed(problems)
}

fn read_form(job: &IndexJob<'_>, form: &Form, reader: &dyn ReadFile) -> Result<Vec<NamedFile>, String> {
    let told = |error: IndexError| with_causes(&error);
    let location = IndexLocation::of(job.suite.archive, &job.suite.name, &form.index)
        .ok_or_else(|| "lies in no archive".to_owned())?;
    let mut index = IndexReader::new(job.kind, form.compression, &form.entry, &location).map_err(told)?;
    let mut files = Vec::new();
    let mut sink = |file| files.push(file);
    let mut source = reader.open(&form.path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match io::Read::read(&mut source, &mut piece) {
            Ok(0) => break,
            Ok(count) => index.push(piece.get(..count).unwrap_or_default(), &mut sink).map_err(told)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("cannot be read: {error}")),
        }
    }
    index.finish(&mut sink).map_err(told)?;
    Ok(files)
}
