//! The storage port: what Suitecast asks of an object store, in its own words, and the S3 adapter behind it.
//!
//! The port is narrow on purpose (seven verbs over one bucket) so that the strict in-memory S3 of the tests, the
//! fault-injecting wrapper and the real adapter can be held to one contract. No SDK type crosses it.
//!
//! Every key is atomic with read-after-write; nothing is atomic across keys. All of Suitecast's safety rests on the
//! conditions below, so an engine that answers success without honouring one is caught by the contract suite.

mod bucket_name;
mod collect;
mod error;
mod policy;
mod port;
mod s3;

pub use bucket_name::{BucketName, BucketNameError};
pub use collect::collect;
pub use error::{ErrorKind, Operation, StoreError};
pub use policy::BucketPolicy;
pub use port::{
    Body, Copied, CopyCondition, CopyRequest, CopySource, ETag, GetCondition, GetRequest, Got, ListPage, ListRequest,
    Listed, ObjectHeaders, ObjectInfo, Put, PutRequest, SourceCondition, Store, VersionId, WriteCondition,
};
pub use s3::{
    COPY_OPERATION_TIMEOUT, MAX_COPY_BYTES, OPERATION_TIMEOUT, PartedUpload, S3Bucket, S3ClientSettings, S3Uploads,
    SentPart, bucket_region, s3_client,
};
