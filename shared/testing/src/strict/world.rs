//! The state behind the lock: who may do what, what is found, what is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    bucket::{Bucket, Version},
    conditions::{check_read, check_source},
    events::{Happening, message},
    failure::Failure,
    log::Request,
    object::Object,
    requests::{Caller, CopyOrigin, Found, Limits, ReadInput, Written},
    trouble::TroubleRule,
};

/// What is being done to a key, for the rights it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
    List,
}

/// The state behind the lock.
#[derive(Clone)]
pub(super) struct World {
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) limits: Limits,
    pub(super) troubles: Vec<TroubleRule>,
    pub(super) requests: Vec<Request>,
    pub(super) events: Vec<Value>,
    pub(super) counter: u64,
}

/// Bytes that one request moves, filled in while it is served.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) copied: u64,
}

impl World {
    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Failure> {
        self.buckets.get(name).ok_or_else(Failure::no_such_bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Failure> {
        self.buckets.get_mut(name).ok_or_else(Failure::no_such_bucket)
    }

    /// Whether the caller may. Also: whether there is such a bucket, and in the region that the caller thinks.
    pub(super) fn authorise(&self, caller: &Caller, bucket: &str, key: &str, right: Right) -> Result<(), Failure> {
        let settings = &self.bucket(bucket)?.settings;
        if let Caller::Signed { region } = caller
            && *region != settings.region
        {
            return Err(Failure::redirect_to(&settings.region));
        }
        if key.len() > self.limits.key_bytes {
            return Err(Failure::new("KeyTooLongError", 400, "Your key is too long"));
        }
        self.permit(caller, bucket, key, right)
    }

    /// Rights alone: the source of a copy may be in any region.
    fn permit(&self, caller: &Caller, bucket: &str, key: &str, right: Right) -> Result<(), Failure> {
        let access = &self.bucket(bucket)?.settings.access;
        let below = |prefixes: &[String]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let allowed = match (caller, right) {
            (Caller::Signed { .. }, Right::Read | Right::Write) => !below(&access.denied_prefixes),
            (Caller::Signed { .. }, Right::List) => access.signed_list,
            (Caller::Anonymous, Right::Read) => {
                access.public_read && !below(&access.private_prefixes) && !below(&access.denied_prefixes)
            }
            (Caller::Anonymous, Right::Write) => false,
            (Caller::Anonymous, Right::List) => access.public_list,
        };
        if allowed { Ok(()) } else { Err(Failure::access_denied()) }
    }

    /// To somebody who may not list, an absent key reads as denied.
    fn absent(&self, caller: &Caller, bucket: &str, failure: Failure) -> Failure {
        let hidden = failure.code == "NoSuchKey" && self.permit(caller, bucket, "", Right::List).is_err();
        if hidden { Failure::access_denied() } else { failure }
    }

    pub(super) fn read(&self, caller: &Caller, input: &ReadInput) -> Result<Option<Found>, Failure> {
        self.authorise(caller, &input.bucket, &input.key, Right::Read)?;
        let bucket = self.bucket(&input.bucket)?;
        let found = bucket.find(&input.key, input.version.as_deref());
        let (version, object) = found.map_err(|failure| self.absent(caller, &input.bucket, failure))?;
        if !check_read(&input.condition, object)? {
            return Ok(None);
        }
        Ok(Some(Found {
            content: object.content.clone(),
            cut_after: None,
            etag: object.etag.clone(),
            checksum: object.checksum.clone(),
            version: version.id.clone(),
            last_modified: version.last_modified,
            headers: object.headers.clone(),
        }))
    }

    /// The object a copy reads.
    pub(super) fn copy_source(&self, caller: &Caller, origin: &CopyOrigin) -> Result<Object, Failure> {
        self.permit(caller, &origin.bucket, &origin.key, Right::Read)?;
        let found = self.bucket(&origin.bucket)?.find(&origin.key, origin.version.as_deref());
        let (_, object) = found.map_err(|failure| match failure.code {
            "MethodNotAllowed" => Failure::copy_source_is_delete_marker(),
            _ => self.absent(caller, &origin.bucket, failure),
        })?;
        check_source(&origin.condition, object)?;
        Ok(object.clone())
    }

    pub(super) fn write(
        &mut self,
        bucket: &str,
        key: &str,
        object: Object,
        time: Timestamp,
        name: &'static str,
    ) -> Result<Written, Failure> {
        self.counter += 1;
        let counter = self.counter;
        let target = self.bucket_mut(bucket)?;
        let id = target.settings.versioned.then(|| version_id(counter));
        let written = Written {
            etag: object.etag.clone(),
            version: id.clone(),
            checksum: object.checksum.clone(),
            last_modified: time,
        };
        let size = object.content.size();
        target.store(key, Version { id, object: Some(object), last_modified: time });
        self.notify(bucket, key, name, time, Some((size, &written.etag)), written.version.as_deref());
        Ok(written)
    }

    pub(super) fn remove(
        &mut self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        time: Timestamp,
    ) -> Result<(), Failure> {
        self.counter += 1;
        let counter = self.counter;
        let target = self.bucket_mut(bucket)?;
        if let Some(wanted) = version {
            if let Some(versions) = target.keys.get_mut(key) {
                versions.retain(|version| version.id.as_deref().unwrap_or("null") != wanted);
                if versions.is_empty() {
                    target.keys.remove(key);
                }
            }
            self.notify(bucket, key, "ObjectRemoved:Delete", time, None, version);
            return Ok(());
        }
        if target.settings.versioned {
            let id = version_id(counter);
            target.store(key, Version { id: Some(id.clone()), object: None, last_modified: time });
            self.notify(bucket, key, "ObjectRemoved:DeleteMarkerCreated", time, None, Some(&id));
        } else if target.keys.remove(key).is_some() {
            self.notify(bucket, key, "ObjectRemoved:Delete", time, None, None);
        }
        Ok(())
    }

    fn notify(
        &mut self,
        bucket: &str,
        key: &str,
        name: &'static str,
        time: Timestamp,
        object: Option<(u64, &str)>,
        version: Option<&str>,
    ) {
        let Some(settings) =
            self.buckets.get(bucket).map(|bucket| &bucket.settings).filter(|settings| settings.notifies)
        else {
            return;
        };
        let happening =
            Happening { name, region: &settings.region, bucket, key, time, object, version, sequence: self.counter };
        let event = message(&happening);
        self.events.push(event);
    }
}

/// Version ids are opaque, and hold characters that a URL must not: as the real ones do.
fn version_id(counter: u64) -> String {
    format!("3/L4kqt+{counter:08}=.x")
}
