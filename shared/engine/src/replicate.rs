//! A batch of uploads: each object is copied if it can be, and the suites that waited for one of them are woken.
//!
//! Nothing here overwrites or deletes: whatever is present stays, and is judged by publish against a signed index. So
//! events may be doubled, late or out of order, and a batch may be run again at any time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use suitecast_archive::{KeyClass, SuiteName};
use suitecast_store::{
    CopyRequest, CopySource, ErrorKind, SourceCondition, Store, StoreError, VersionId, WriteCondition,
};

use crate::concurrent::try_map;
use crate::listing::list_all;
use crate::meter::{Meter, WritePermit};
use crate::objects::{Destination, copy_within};
use crate::run::{metered, object_headers};
use crate::{EngineError, Ports, Settings, Wake, private_keys};

/// An object that came to the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its key.
    pub key: String,
    /// Its version, where the event tells.
    pub version: Option<VersionId>,
    /// Its size in bytes, where the event tells.
    pub size: Option<u64>,
}

/// What was done about an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Copied to the Region.
    Copied,
    /// Something stands there already; publish judges it.
    Present,
    /// The master no longer holds it.
    Vanished,
    /// An index or the like, which publish brings.
    LeftToPublish,
    /// A release file: its suite was woken.
    WokeSuite,
    /// Not mirrored: out of scope, outside every archive, or private.
    Ignored,
}

/// What a batch came to.
#[derive(Debug)]
pub struct ReplicateReport {
    /// For each upload, in the batch's order.
    pub uploads: Vec<Result<UploadOutcome, EngineError>>,
    /// The suites that were woken.
    pub woken: Vec<SuiteName>,
    /// Objects copied.
    pub objects_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// S3 requests made.
    pub requests: u64,
}

struct Batch<'a> {
    settings: &'a Settings,
    master: Arc<dyn Store>,
    region: Arc<dyn Store>,
}

/// Replicates a batch. Failures are reported upload by upload, so that one does not bring the others back.
pub async fn run(ports: &Ports, settings: &Settings, uploads: &[Upload]) -> ReplicateReport {
    let meter = Arc::new(Meter::default());
    let permit = Arc::new(WritePermit::unlimited());
    let batch = Batch {
        settings,
        master: metered(&ports.master, &meter, &permit, &ports.clock),
        region: metered(&ports.region, &meter, &permit, &ports.clock),
    };
    let classes: Vec<KeyClass> =
        uploads.iter().map(|upload| settings.archives.classify(&upload.key, &settings.unlisted)).collect();
    let mut results: Vec<Result<UploadOutcome, EngineError>> =
        uploads.iter().map(|_| Ok(UploadOutcome::Ignored)).collect();
    // A checksum file comes after the files it names: whoever reads it must find them.
    for checksum_lists in [false, true] {
        let positions =
            (0..uploads.len()).filter(|&at| is_checksum_list(classes.get(at)) == checksum_lists).collect::<Vec<_>>();
        let done = try_map(positions, settings.copy_concurrency.get(), async |at: usize| {
            let result = match (uploads.get(at), classes.get(at)) {
                (Some(upload), Some(class)) => batch.replicate(upload, class).await,
                _ => Ok(UploadOutcome::Ignored),
            };
            Ok::<_, std::convert::Infallible>((at, result))
        })
        .await;
        let Ok(done) = done;
        for (at, result) in done {
            if let Some(slot) = results.get_mut(at) {
                *slot = result;
            }
        }
    }
    let woken = batch.wake(ports, uploads, &classes, &mut results).await;
    ReplicateReport {
        uploads: results,
        woken,
        objects_copied: meter.objects_copied(),
        bytes_copied: meter.bytes_copied(),
        requests: meter.requests(),
    }
}

fn is_checksum_list(class: Option<&KeyClass>) -> bool {
    matches!(class, Some(KeyClass::Unlisted { is_checksum_list: true }))
}

impl Batch<'_> {
    async fn replicate(&self, upload: &Upload, class: &KeyClass) -> Result<UploadOutcome, EngineError> {
        match class {
            KeyClass::Pool { path } if !self.settings.suites.is_everything() => {
                // Which suites name it is not known here.
                tracing::trace!(%path, "left to publish: suites are filtered");
                Ok(UploadOutcome::LeftToPublish)
            }
            KeyClass::Pool { path } if !self.settings.scope.admits_pool_file(path.file_name()) => {
                Ok(UploadOutcome::Ignored)
            }
            KeyClass::Pool { .. } | KeyClass::Unlisted { .. } => self.copy(upload).await,
            // By hash too: what stands under such a name may be served at once, so only what was verified may come there.
            KeyClass::ByHash { .. } | KeyClass::Index => Ok(UploadOutcome::LeftToPublish),
            KeyClass::ReleaseFile { suite, .. } if self.settings.suites.matches(suite) => Ok(UploadOutcome::WokeSuite),
            KeyClass::ReleaseFile { .. } | KeyClass::Private | KeyClass::Foreign => Ok(UploadOutcome::Ignored),
        }
    }

    /// Copies, if nothing is there yet, and so to the second key.
    async fn copy(&self, upload: &Upload) -> Result<UploadOutcome, EngineError> {
        let outcome = self.copy_to_first_key(upload).await?;
        // What stood there before may have another size than what was uploaded.
        let size = match outcome {
            UploadOutcome::Copied => upload.size,
            UploadOutcome::Present => None,
            _ => return Ok(outcome),
        };
        let Some(second) = self.settings.scope.second_keys.of_key(&upload.key) else { return Ok(outcome) };
        let headers = object_headers(self.settings, &upload.key);
        let destination = Destination { key: second.clone(), condition: WriteCondition::Absent, headers };
        match self.region.copy(copy_within(self.region.as_ref(), &upload.key, size, destination)).await {
            Ok(_) => Ok(outcome),
            Err(error) if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::NotFound) => Ok(outcome),
            Err(source) => {
                Err(EngineError::Store { doing: format!("replicating {} to {second:?}", upload.key), source })
            }
        }
    }

    async fn copy_to_first_key(&self, upload: &Upload) -> Result<UploadOutcome, EngineError> {
        let request = CopyRequest {
            source: CopySource {
                bucket: self.master.bucket().to_owned(),
                key: upload.key.clone(),
                version: None,
                condition: SourceCondition::Always,
                size: upload.size,
            },
            key: upload.key.clone(),
            condition: WriteCondition::Absent,
            headers: object_headers(self.settings, &upload.key),
        };
        match self.region.copy(request).await {
            Ok(_) => Ok(UploadOutcome::Copied),
            Err(error) if error.kind == ErrorKind::PreconditionFailed => Ok(UploadOutcome::Present),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(UploadOutcome::Vanished),
            Err(source) => Err(EngineError::Store { doing: format!("replicating {}", upload.key), source }),
        }
    }

    /// Wakes the suites whose release files came, and those that wait for a key of the batch, copied or not.
    async fn wake(
        &self,
        ports: &Ports,
        uploads: &[Upload],
        classes: &[KeyClass],
        results: &mut [Result<UploadOutcome, EngineError>],
    ) -> Vec<SuiteName> {
        let mut suites: BTreeMap<SuiteName, BTreeSet<usize>> = BTreeMap::new();
        for (at, class) in classes.iter().enumerate() {
            if let KeyClass::ReleaseFile { suite, .. } = class
                && self.settings.suites.matches(suite)
            {
                suites.entry(suite.clone()).or_default().insert(at);
            }
        }
        match self.waiting_suites(uploads, classes).await {
            Ok(waiting) => {
                for (suite, at) in waiting {
                    suites.entry(suite).or_default().insert(at);
                }
            }
            Err(error) => {
                // Which suites wait is not known, so any of these uploads may be the awaited one: all come back.
                let text = error.to_string();
                for result in results.iter_mut() {
                    *result = Err(EngineError::WakeFailed {
                        doing: "looking which suites wait".into(),
                        detail: text.clone(),
                    });
                }
                return Vec::new();
            }
        }
        if suites.is_empty() {
            return Vec::new();
        }
        let wakes: Vec<Wake> = suites.keys().cloned().map(Wake::new).collect();
        if let Err(error) = ports.queue.wake(&wakes).await {
            let text = error.to_string();
            for at in suites.values().flatten() {
                if let Some(result) = results.get_mut(*at) {
                    *result = Err(EngineError::WakeFailed { doing: "waking suites".into(), detail: text.clone() });
                }
            }
            return Vec::new();
        }
        suites.into_keys().collect()
    }

    /// The suites that wait for a key of the batch, each with that upload's position: one listing, whatever the batch.
    async fn waiting_suites(
        &self,
        uploads: &[Upload],
        classes: &[KeyClass],
    ) -> Result<Vec<(SuiteName, usize)>, StoreError> {
        let names: HashMap<String, usize> = uploads
            .iter()
            .zip(classes)
            .enumerate()
            .filter(|(_, (_, class))| {
                !matches!(class, KeyClass::Private | KeyClass::Foreign | KeyClass::ReleaseFile { .. })
            })
            .map(|(at, (upload, _))| (private_keys::marker_name(&upload.key), at))
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let listing = list_all(self.region.as_ref(), private_keys::MARKERS, false).await?;
        Ok(listing
            .objects
            .iter()
            .filter_map(|marker| {
                let (name, suite) = private_keys::parse_marker(&marker.key)?;
                names.get(name).map(|at| (suite, *at))
            })
            // One that waited before the filter left it out waits no more.
            .filter(|(suite, _)| self.settings.suites.matches(suite))
            .collect())
    }
}
