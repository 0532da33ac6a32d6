//! A bucket's policy as a port of its own: what only access works with, and no part of storing objects.

use async_trait::async_trait;

use crate::StoreError;

/// The policy of one bucket.
///
/// It is read and replaced as a whole, and S3 knows no condition for it: of two that replace it at once, the last one stands.
#[async_trait]
pub trait BucketPolicy: Send + Sync {
    /// The policy that stands, as JSON; `None` where there is none.
    ///
    /// # Errors
    /// What the store said. A failure is never read as "there is none".
    async fn policy(&self) -> Result<Option<String>, StoreError>;

    /// Replaces the policy.
    ///
    /// # Errors
    /// What the store said. Where Block Public Access calls the policy public, that is
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied).
    async fn put_policy(&self, policy: &str) -> Result<(), StoreError>;
}
