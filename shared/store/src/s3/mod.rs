//! The S3 adapter: the one place that knows the SDK.
//!
//! It adds no policy of its own. Each verb becomes one S3 operation with the conditions it was given, copies above
//! S3's limit become a multipart copy with the same conditions, and every answer that is not a success becomes a typed
//! [`StoreError`](crate::StoreError) with what to do next. It must never turn a failure into an absence: only a 404
//! is "not there".

mod big_copy;
mod body;
mod bucket;
mod checksum;
mod client;
mod failure;
mod listing;
mod policy;
mod region;
mod upload;

pub use big_copy::MAX_COPY_BYTES;
pub use bucket::{COPY_OPERATION_TIMEOUT, S3Bucket};
pub use client::{OPERATION_TIMEOUT, S3ClientSettings, s3_client};
pub use region::bucket_region;
pub use upload::{PartedUpload, S3Uploads, SentPart};
