//! Releases that waited: their bytes are kept, since the master's release files move on before they are complete.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use suitecast_mirror::limits::MAX_CANDIDATES;
use suitecast_mirror::{Candidate, ReleaseFiles, ReleaseSet, SuiteState, is_authentic};
use suitecast_store::{ErrorKind, GetCondition, GetRequest, Got, PutRequest, WriteCondition, collect};

use crate::run::Run;
use crate::{EngineError, private_keys};

/// Three release files in base64 at their bound each.
const MAX_CANDIDATE_BYTES: usize = suitecast_archive::MAX_RELEASE_BYTES * 5;

#[derive(Serialize, Deserialize)]
struct Kept {
    in_release: Option<String>,
    release: Option<String>,
    release_gpg: Option<String>,
}

/// Keeps a release's bytes and makes it the newest candidate; gives the ones that are dropped for it.
pub(crate) async fn keep(
    run: &Run<'_>,
    state: &mut SuiteState,
    set: &ReleaseSet,
) -> Result<Vec<Candidate>, EngineError> {
    if state.candidates.iter().any(|candidate| candidate.identity == set.identity) {
        return Ok(Vec::new());
    }
    let encode = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
    let kept = Kept {
        in_release: encode(&set.files.in_release),
        release: encode(&set.files.release),
        release_gpg: encode(&set.files.release_gpg),
    };
    let bytes = serde_json::to_vec(&kept).map_err(|error| EngineError::Rejected {
        what: format!("suite {}: keeping a release that waits", run.suite),
        rule: format!("cannot be written as JSON: {error}"),
    })?;
    let key = private_keys::candidate(run.suite, &set.identity);
    let request = PutRequest {
        headers: private_keys::headers(&key),
        key,
        bytes: Bytes::from(bytes),
        condition: WriteCondition::Always,
    };
    run.region.put(request).await.map_err(run.failed("keeping a release that waits"))?;
    state.candidates.insert(0, Candidate { identity: set.identity, date: set.release.date });
    Ok(state.candidates.split_off(MAX_CANDIDATES.min(state.candidates.len())))
}

/// Reads a kept release again. `None` where it is gone, no longer what it was kept as, or not signed by the keyring that is
/// set now.
pub(crate) async fn load(run: &Run<'_>, candidate: &Candidate) -> Result<Option<ReleaseSet>, EngineError> {
    let key = private_keys::candidate(run.suite, &candidate.identity);
    let request = GetRequest { key: key.clone(), version: None, condition: GetCondition::Always };
    let bytes = match run.region.get(request).await {
        Ok(Got::Object { body, .. }) => collect(body, &key, run.region.bucket(), MAX_CANDIDATE_BYTES)
            .await
            .map_err(run.failed("reading a release that waits"))?,
        Ok(Got::Unchanged) => return Ok(None),
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(run.failed("reading a release that waits")(error)),
    };
    let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return Ok(None) };
    let decode = |text: Option<String>| text.and_then(|text| STANDARD.decode(text).ok());
    let files = ReleaseFiles {
        in_release: decode(kept.in_release),
        release: decode(kept.release),
        release_gpg: decode(kept.release_gpg),
    };
    let keyring = run.settings.keyring.as_deref();
    let is_usable = |set: &ReleaseSet| set.identity == candidate.identity && is_authentic(set, keyring, run.now());
    Ok(ReleaseSet::read(files, None).ok().filter(is_usable))
}

/// Removes what was kept of candidates that are no longer wanted.
pub(crate) async fn forget(run: &Run<'_>, dropped: &[Candidate]) -> Result<(), EngineError> {
    for candidate in dropped {
        let key = private_keys::candidate(run.suite, &candidate.identity);
        run.region.delete(&key).await.map_err(run.failed("forgetting a release that waited"))?;
    }
    Ok(())
}
