//! Reading an index: what it names, once its own content was compared with what the release says of it.

use futures::TryStreamExt;
use suitecast_archive::{
    Archive, ArchivePath, IndexError, IndexGroup, IndexKind, IndexLocation, IndexReader, NamedFile, SuiteName, Variant,
};

use super::{ArchiveReader, ReadFailure};

/// Why an index says nothing.
#[derive(Debug)]
pub(crate) enum IndexFailure {
    /// It is not there.
    Absent,
    /// It could not be read.
    Unread(ReadFailure),
    /// It is not what the release says, or breaks the format.
    Wrong(IndexError),
}

/// Reads a form of an index that stands under `key`. A form that cannot be decompressed here is compared, and names
/// nothing.
///
/// # Errors
/// Why it says nothing.
pub(crate) async fn read_index(
    reader: &dyn ArchiveReader,
    archive: &Archive,
    suite: &SuiteName,
    kind: IndexKind,
    variant: &Variant,
    key: &str,
) -> Result<Vec<NamedFile>, IndexFailure> {
    let kind = if variant.compression.is_readable() { kind } else { IndexKind::Other };
    let location = IndexLocation::of(archive, suite, &variant.path).unwrap_or_default();
    let mut index =
        IndexReader::new(kind, variant.compression, &variant.entry, &location).map_err(IndexFailure::Wrong)?;
    let body = reader.read(key).await.map_err(IndexFailure::Unread)?;
    let mut body = body.ok_or(IndexFailure::Absent)?;
    let mut files = Vec::new();
    while let Some(piece) = body.try_next().await.map_err(IndexFailure::Unread)? {
        index.push(&piece, &mut |file| files.push(file)).map_err(IndexFailure::Wrong)?;
    }
    index.finish(&mut |file| files.push(file)).map_err(IndexFailure::Wrong)?;
    Ok(files)
}

/// What an index names, and the form that says so. All forms are the same index, so the first that can be read is asked, under
/// its digests and then plain. `None` where none is there: then it names nothing.
///
/// # Errors
/// A form could not be read.
pub(crate) async fn read_group(
    reader: &dyn ArchiveReader,
    archive: &Archive,
    suite: &SuiteName,
    group: &IndexGroup,
) -> Result<Option<(ArchivePath, Vec<NamedFile>)>, ReadFailure> {
    for variant in group.readable_variants() {
        let by_hash = variant.by_hash_names().into_iter().map(|(path, _)| suite.key(&path));
        for key in by_hash.chain([suite.key(&variant.path)]) {
            match read_index(reader, archive, suite, group.kind, variant, &key).await {
                Ok(files) => return Ok(Some((variant.path.clone(), files))),
                // Another generation may stand under its plain name.
                Err(IndexFailure::Absent | IndexFailure::Wrong(_)) => {}
                Err(IndexFailure::Unread(failure)) => return Err(failure),
            }
        }
    }
    Ok(None)
}
