//! What a process asks of the world outside it, and what it is answered: one operation, carried out at one moment.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::{Bytes, BytesMut};
use futures::executor::block_on;
use futures::{TryStreamExt, stream};
use suitecast_engine::Wake;
use suitecast_store::{
    Copied, CopyRequest, ETag, ErrorKind, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Operation, Put,
    PutRequest, Store, StoreError, VersionId,
};
use suitecast_testing::{StrictBucket, StrictS3};

use crate::world::{MASTER, REGION};

/// More versions than any key has here.
const ALL_VERSIONS: usize = 1000;

/// Which bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Master,
    Region,
}

impl Side {
    pub(super) fn bucket(self) -> &'static str {
        match self {
            Self::Master => MASTER,
            Self::Region => REGION,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// To begin.
    Start,
    Get(Side, GetRequest),
    Head(Side, String),
    Put(Side, PutRequest),
    Copy(Side, CopyRequest),
    List(Side, ListRequest),
    Versions(Side, String, usize),
    Delete(Side, String),
    Wake(Vec<Wake>),
}

impl Request {
    /// Whether others could notice that it took place.
    pub(super) fn is_effect(&self) -> bool {
        matches!(self, Self::Put(..) | Self::Copy(..) | Self::Delete(..) | Self::Wake(_))
    }

    pub(super) fn fingerprint(&self) -> u128 {
        Fingerprint::of(|hasher| match self {
            // The bytes of a body are long as a debug text.
            Self::Put(side, put) => {
                ("put", side, &put.key, &put.bytes[..], format!("{:?}", put.condition)).hash(hasher);
            }
            other => format!("{other:?}").hash(hasher),
        })
    }

    /// Carries it out, as one atomic action.
    pub(super) fn carry_out(&self, s3: &StrictS3, queue: &mut Vec<Wake>) -> Answer {
        let bucket = |side: &Side| s3.bucket(side.bucket());
        match self {
            Self::Start => Answer::Done,
            Self::Get(side, request) => get(&bucket(side), *side, request),
            Self::Head(side, key) => match block_on(bucket(side).head(key)) {
                Ok(info) => Answer::Info(info.map(|info| named_by_content(*side, info))),
                Err(error) => Answer::failed(&error),
            },
            Self::Put(side, request) => answer(block_on(bucket(side).put(request.clone())), Answer::Put),
            Self::Copy(side, request) => {
                let mut request = request.clone();
                let source = s3.bucket(&request.source.bucket);
                request.source.version = real_version(&source, &request.source.key, request.source.version);
                answer(block_on(bucket(side).copy(request)), Answer::Copied)
            }
            Self::List(side, request) => answer(block_on(bucket(side).list(request.clone())), Answer::Page),
            Self::Versions(side, key, most) => answer(block_on(bucket(side).versions(key, *most)), |versions| {
                Answer::Versions(versions.into_iter().map(|info| named_by_content(*side, info)).collect())
            }),
            Self::Delete(side, key) => answer(block_on(bucket(side).delete(key)), |()| Answer::Done),
            Self::Wake(wakes) => {
                queue.extend_from_slice(wakes);
                Answer::Done
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => write!(to, "begins"),
            Self::Get(side, request) => write!(to, "get {side:?} {} {:?}", request.key, request.condition),
            Self::Head(side, key) => write!(to, "head {side:?} {key}"),
            Self::Put(side, put) => write!(to, "PUT {side:?} {} {:?}", put.key, put.condition),
            Self::Copy(side, copy) => write!(to, "COPY {side:?} {} {:?}", copy.key, copy.condition),
            Self::List(side, request) => write!(to, "list {side:?} {}", request.prefix),
            Self::Versions(side, key, _) => write!(to, "versions {side:?} {key}"),
            Self::Delete(side, key) => write!(to, "DELETE {side:?} {key}"),
            Self::Wake(wakes) => write!(to, "WAKE {}", wakes.len()),
        }
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Done,
    Object(ObjectInfo, Bytes),
    Unchanged,
    Info(Option<ObjectInfo>),
    Put(Put),
    Copied(Copied),
    Page(ListPage),
    Versions(Vec<ObjectInfo>),
    Failed { operation: Operation, bucket: String, key: String, kind: ErrorKind, detail: String },
}

impl Answer {
    fn failed(error: &StoreError) -> Self {
        let StoreError { operation, bucket, key, kind, detail, .. } = error;
        let (bucket, key, detail) = (bucket.clone(), key.clone(), detail.clone());
        Self::Failed { operation: *operation, bucket, key, kind: *kind, detail }
    }

    /// Equal answers are equal here; a body is known by its tag.
    pub(super) fn fingerprint(&self) -> u128 {
        Fingerprint::of(|hasher| match self {
            Self::Object(info, _) => format!("{info:?}").hash(hasher),
            other => format!("{other:?}").hash(hasher),
        })
    }

    pub(super) fn into_got(self) -> Result<Got, StoreError> {
        match self {
            Self::Object(info, bytes) => {
                Ok(Got::Object { info, body: Box::pin(stream::once(async move { Ok(bytes) })) })
            }
            Self::Unchanged => Ok(Got::Unchanged),
            other => Err(other.into_error()),
        }
    }

    /// # Panics
    /// When the answer is to another question.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Failed { operation, bucket, key, kind, detail } => {
                StoreError { operation, bucket, key, kind, detail, source: None }
            }
            other => panic!("{other:?} answers another question"),
        }
    }
}

fn answer<T>(outcome: Result<T, StoreError>, done: impl FnOnce(T) -> Answer) -> Answer {
    outcome.map_or_else(|error| Answer::failed(&error), done)
}

fn get(bucket: &StrictBucket, side: Side, request: &GetRequest) -> Answer {
    let mut request = request.clone();
    request.version = real_version(bucket, &request.key, request.version);
    match block_on(bucket.get(request)) {
        Ok(Got::Unchanged) => Answer::Unchanged,
        Ok(Got::Object { info, body }) => {
            let read = body.try_fold(BytesMut::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            });
            answer(block_on(read), |bytes| Answer::Object(named_by_content(side, info), bytes.freeze()))
        }
        Err(error) => Answer::failed(&error),
    }
}

/// The strict S3 numbers its versions in the order of all writes, those of other buckets too. A version's name says nothing
/// to a process, so here it is the tag of its content, and equal histories have equal names.
fn named_by_content(side: Side, mut info: ObjectInfo) -> ObjectInfo {
    info.version = (side == Side::Master).then(|| VersionId(info.etag.as_str().to_owned()));
    info
}

fn real_version(bucket: &StrictBucket, key: &str, named: Option<VersionId>) -> Option<VersionId> {
    let named = named?;
    let tag = ETag::new(&named.0);
    let versions = block_on(bucket.versions(key, ALL_VERSIONS)).unwrap_or_default();
    versions.into_iter().find(|version| version.etag == tag).and_then(|version| version.version).or(Some(named))
}

/// 128 bits that are the same in every run and differ where what was fed differs: of a hundred million, two collide by
/// chance once in 10²².
#[derive(Default)]
pub(super) struct Fingerprint(DefaultHasher, DefaultHasher);

impl Fingerprint {
    pub(super) fn of(feed: impl FnOnce(&mut Self)) -> u128 {
        let mut fingerprint = Self::default();
        fingerprint.1.write_u8(1);
        feed(&mut fingerprint);
        (u128::from(fingerprint.0.finish()) << 64) | u128::from(fingerprint.1.finish())
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}
