//! Which region a bucket is in.

use aws_sdk_s3::Client;

use crate::{ErrorKind, Operation, StoreError};

use super::failure::{Subject, region_named_by, status_of};

/// The region of a bucket, as S3 says in any region, and even to those who may do nothing in it. `None` where the store
/// does not say, as most that only speak S3's language do not.
///
/// # Errors
/// The bucket does not exist ([`ErrorKind::NoSuchBucket`]), or there was no answer to be had.
pub async fn bucket_region(client: &Client, bucket: &str) -> Result<Option<String>, StoreError> {
    let subject = Subject { operation: Operation::Head, bucket, key: "" };
    match client.head_bucket().bucket(bucket).send().await {
        Ok(answer) => Ok(answer.bucket_region),
        // The answer to HEAD has no body, so that an absent bucket looks like an absent key.
        Err(error) if status_of(&error) == Some(404) => {
            let error = subject.failed(error);
            Err(StoreError { kind: ErrorKind::NoSuchBucket, detail: "there is no such bucket".to_owned(), ..error })
        }
        Err(error) => match region_named_by(&error) {
            Some(region) => Ok(Some(region)),
            // Whoever may not ask may still read and write; what comes next tells.
            None if matches!(status_of(&error), Some(400..500)) => Ok(None),
            None => Err(subject.failed(error)),
        },
    }
}
