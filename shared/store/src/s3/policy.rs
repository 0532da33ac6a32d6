//! The policy of a bucket: who may do what in it, as one JSON document that is replaced as a whole.

use async_trait::async_trait;

use crate::{BucketPolicy, ErrorKind, Operation, StoreError};

use super::bucket::S3Bucket;

/// What S3 says of a bucket that has no policy.
const NO_POLICY: &str = "NoSuchBucketPolicy";

#[async_trait]
impl BucketPolicy for S3Bucket {
    async fn policy(&self) -> Result<Option<String>, StoreError> {
        let subject = self.subject(Operation::GetPolicy, "");
        match self.client.get_bucket_policy().bucket(&self.name).send().await {
            Ok(answer) => match answer.policy {
                Some(policy) => Ok(Some(policy)),
                None => Err(subject.error(ErrorKind::Unavailable, "an answer without a policy")),
            },
            Err(error) if aws_sdk_s3::error::ProvideErrorMetadata::code(&error) == Some(NO_POLICY) => Ok(None),
            Err(error) => Err(subject.failed(error)),
        }
    }

    async fn put_policy(&self, policy: &str) -> Result<(), StoreError> {
        let subject = self.subject(Operation::PutPolicy, "");
        match self.client.put_bucket_policy().bucket(&self.name).policy(policy).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(subject.failed(error)),
        }
    }
}
