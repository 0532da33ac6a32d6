//! S3's refusals: code, status and message as documented under "Error responses".

use suitecast_store::ErrorKind;
use thiserror::Error;

/// An answer of S3 that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("HTTP {status} {code}: {message}")]
pub struct Failure {
    /// S3's error code.
    pub code: &'static str,
    /// The HTTP status; 200 for an error in the body of a success.
    pub status: u16,
    /// S3's message, near enough.
    pub message: String,
    /// `x-amz-bucket-region`, on a redirect.
    pub region: Option<String>,
    /// `x-amz-delete-marker: true`.
    pub delete_marker: bool,
}

impl Failure {
    /// A refusal with a message of one's own.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), region: None, delete_marker: false }
    }

    pub(super) fn no_such_key() -> Self {
        Self::new("NoSuchKey", 404, "The specified key does not exist.")
    }

    pub(super) fn deleted_key() -> Self {
        Self { delete_marker: true, ..Self::no_such_key() }
    }

    pub(super) fn no_such_version() -> Self {
        Self::new("NoSuchVersion", 404, "The specified version does not exist.")
    }

    pub(super) fn version_is_delete_marker() -> Self {
        let message = "The specified method is not allowed against this resource.";
        Self { delete_marker: true, ..Self::new("MethodNotAllowed", 405, message) }
    }

    pub(super) fn no_such_bucket() -> Self {
        Self::new("NoSuchBucket", 404, "The specified bucket does not exist")
    }

    pub(super) fn no_such_upload() -> Self {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                       aborted or completed.";
        Self::new("NoSuchUpload", 404, message)
    }

    pub(super) fn access_denied() -> Self {
        Self::new("AccessDenied", 403, "Access Denied")
    }

    pub(super) fn precondition_failed() -> Self {
        Self::new("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
    }

    pub(super) fn conflict() -> Self {
        let message = "The conditional request cannot succeed due to a conflicting operation against this resource.";
        Self::new("ConditionalRequestConflict", 409, message)
    }

    pub(super) fn slow_down() -> Self {
        Self::new("SlowDown", 503, "Please reduce your request rate.")
    }

    pub(super) fn internal_error() -> Self {
        Self::new("InternalError", 500, "We encountered an internal error. Please try again.")
    }

    pub(super) fn error_in_body() -> Self {
        Self { status: 200, ..Self::internal_error() }
    }

    /// `301 PermanentRedirect` to the region a bucket is in.
    pub fn redirect_to(actual: &str) -> Self {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                       send all future requests to this endpoint.";
        Self { region: Some(actual.to_owned()), ..Self::new("PermanentRedirect", 301, message) }
    }

    pub(super) fn copy_source_too_large(limit: u64) -> Self {
        let message =
            format!("The specified copy source is larger than the maximum allowable size for a copy source: {limit}");
        Self::new("InvalidRequest", 400, message)
    }

    pub(super) fn copy_source_is_delete_marker() -> Self {
        let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
        Self::new("InvalidRequest", 400, message)
    }

    pub(super) fn invalid_argument(message: &str) -> Self {
        Self::new("InvalidArgument", 400, message)
    }

    /// What the storage port calls it.
    pub fn kind(&self) -> ErrorKind {
        match self.code {
            "NoSuchKey" | "NoSuchVersion" => ErrorKind::NotFound,
            "MethodNotAllowed" if self.delete_marker => ErrorKind::NotFound,
            "InvalidRequest" if self.message.contains("delete marker") => ErrorKind::NotFound,
            "InvalidRequest" if self.message.contains("maximum allowable size") => ErrorKind::TooLarge,
            "NoSuchBucket" => ErrorKind::NoSuchBucket,
            "AccessDenied" => ErrorKind::AccessDenied,
            "PreconditionFailed" => ErrorKind::PreconditionFailed,
            "ConditionalRequestConflict" => ErrorKind::Conflict,
            "SlowDown" => ErrorKind::Throttled,
            "InternalError" | "NoSuchUpload" => ErrorKind::Unavailable,
            "PermanentRedirect" => ErrorKind::WrongRegion,
            "EntityTooLarge" => ErrorKind::TooLarge,
            _ => ErrorKind::Rejected,
        }
    }
}
