//! Reading release files, in the master and in the Region.

use suitecast_archive::{MAX_RELEASE_BYTES, ReleaseFile, SuiteName};
use suitecast_mirror::{ReleaseFiles, ReleaseSet, ReleaseTags};
use suitecast_store::{ETag, ErrorKind, GetCondition, GetRequest, Got, Store, StoreError, collect};

use crate::listing::list_all;

const FILES: [ReleaseFile; 3] = [ReleaseFile::InRelease, ReleaseFile::Release, ReleaseFile::ReleaseGpg];

/// The tag of one of the files.
pub(crate) fn tag(tags: &ReleaseTags, file: ReleaseFile) -> Option<&String> {
    match file {
        ReleaseFile::InRelease => tags.in_release.as_ref(),
        ReleaseFile::Release => tags.release.as_ref(),
        ReleaseFile::ReleaseGpg => tags.release_gpg.as_ref(),
    }
}

/// Sets the tag of one of the files.
pub(crate) fn set_tag(tags: &mut ReleaseTags, file: ReleaseFile, value: Option<String>) {
    match file {
        ReleaseFile::InRelease => tags.in_release = value,
        ReleaseFile::Release => tags.release = value,
        ReleaseFile::ReleaseGpg => tags.release_gpg = value,
    }
}

/// What the master's release files were found to be.
#[derive(Debug, Clone)]
pub(crate) enum MasterLook {
    /// As recorded, tag for tag.
    Unchanged,
    /// These.
    Read {
        /// The bytes.
        files: ReleaseFiles,
        /// Their tags.
        tags: ReleaseTags,
    },
}

enum FileLook {
    Absent,
    Unchanged,
    Read(Vec<u8>, ETag),
}

async fn look_at_file(store: &dyn Store, key: String, known: Option<&String>) -> Result<FileLook, StoreError> {
    let condition = known.map_or(GetCondition::Always, |tag| GetCondition::Changed(ETag::new(tag)));
    let request = GetRequest { key: key.clone(), version: None, condition };
    match store.get(request).await {
        Ok(Got::Unchanged) => Ok(FileLook::Unchanged),
        Ok(Got::Object { info, body }) => {
            let bytes = collect(body, &key, store.bucket(), MAX_RELEASE_BYTES).await?;
            Ok(FileLook::Read(bytes, info.etag))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(FileLook::Absent),
        Err(error) => Err(error),
    }
}

/// Looks at the master's release files. Where `known` tags are given, a file that still has its own is not read again;
/// three requests if nothing changed, up to six if only some of the files did.
pub(crate) async fn look_at_master(
    master: &dyn Store,
    suite: &SuiteName,
    known: Option<&ReleaseTags>,
) -> Result<MasterLook, StoreError> {
    let looks = futures::future::try_join_all(FILES.map(|file| {
        let known_tag = known.and_then(|tags| tag(tags, file));
        look_at_file(master, suite.release_key(file), known_tag)
    }))
    .await?;
    let as_recorded = |(file, look): (&ReleaseFile, &FileLook)| match look {
        FileLook::Unchanged => true,
        FileLook::Absent => known.is_some_and(|tags| tag(tags, *file).is_none()),
        FileLook::Read(..) => false,
    };
    if known.is_some() && FILES.iter().zip(&looks).all(as_recorded) {
        return Ok(MasterLook::Unchanged);
    }
    let mut files = ReleaseFiles::default();
    let mut tags = ReleaseTags::default();
    for (file, look) in FILES.into_iter().zip(looks) {
        let look = match look {
            FileLook::Unchanged => look_at_file(master, suite.release_key(file), None).await?,
            other => other,
        };
        if let FileLook::Read(bytes, etag) = look {
            set_tag(&mut tags, file, Some(etag.as_str().to_owned()));
            match file {
                ReleaseFile::InRelease => files.in_release = Some(bytes),
                ReleaseFile::Release => files.release = Some(bytes),
                ReleaseFile::ReleaseGpg => files.release_gpg = Some(bytes),
            }
        }
    }
    Ok(MasterLook::Read { files, tags })
}

/// The tags of the release files that clients see, in one listing.
pub(crate) async fn region_tags(region: &dyn Store, suite: &SuiteName) -> Result<ReleaseTags, StoreError> {
    let listing = list_all(region, &suite.directory_key_prefix(), true).await?;
    let mut tags = ReleaseTags::default();
    for file in FILES {
        let key = suite.release_key(file);
        let found = listing.objects.iter().find(|listed| listed.key == key);
        set_tag(&mut tags, file, found.map(|listed| listed.etag.as_str().to_owned()));
    }
    Ok(tags)
}

/// The file that clients see the release by.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveFile {
    /// Which file it is, and its tag; `None` where there is no release yet.
    pub(crate) tag: Option<(ReleaseFile, ETag)>,
    /// What it says; `None` where it cannot be read as a release (damaged from outside).
    pub(crate) set: Option<ReleaseSet>,
}

/// Reads what clients see: `InRelease`, or `Release` where there is none.
pub(crate) async fn look_at_live(region: &dyn Store, suite: &SuiteName) -> Result<LiveFile, StoreError> {
    for file in [ReleaseFile::InRelease, ReleaseFile::Release] {
        if let FileLook::Read(bytes, etag) = look_at_file(region, suite.release_key(file), None).await? {
            let mut files = ReleaseFiles::default();
            match file {
                ReleaseFile::InRelease => files.in_release = Some(bytes),
                ReleaseFile::Release | ReleaseFile::ReleaseGpg => files.release = Some(bytes),
            }
            return Ok(LiveFile { tag: Some((file, etag)), set: ReleaseSet::read(files, None).ok() });
        }
    }
    Ok(LiveFile::default())
}
