//! An S3 in memory that behaves as AWS documents it, and refuses what AWS refuses.
//!
//! [`StrictS3`] is a set of buckets in regions. It has two faces: [`StrictBucket`], which serves the storage port
//! directly (fast enough for tens of thousands of objects and for a crash at every step), and its HTTP face, which
//! the real SDK talks to. Both run the same core, so what a test proves on one holds on the other.
//!
//! It keeps to the documented behaviour where servers commonly do not: conditions at both ends of a copy, digests
//! computed on copies, 404 against 403, versions and delete markers, a redirect for the wrong region, the 5 GB limit, a
//! success with an error in its body, whole seconds in `Last-Modified`, keys in UTF-8 byte order. It counts every
//! request and byte ([`Request`]), and gives out the notifications that S3 would send ([`StrictS3::take_events`]).

mod bucket;
mod conditions;
mod events;
mod failure;
mod listing;
mod log;
mod multipart;
mod object;
mod operations;
mod port;
mod requests;
mod s3;
mod trouble;
mod versions;
mod world;

pub use bucket::{Access, BucketSettings};
pub use events::Mishaps;
pub use failure::Failure;
pub use listing::{Listing, ListingEntry, ListingInput};
pub use log::{Request, RequestCounts, S3Operation};
pub use multipart::UploadedPart;
pub use object::{Checksum, Content, StoredHeaders};
pub use port::StrictBucket;
pub use requests::{Caller, CopyInput, CopyOrigin, Found, Limits, PutInput, ReadInput, Written};
pub use s3::StrictS3;
pub use trouble::{Trouble, TroubleRule};
pub use versions::{VersionEntry, VersionListing, VersionsInput};

#[cfg(test)]
mod tests;
