//! What S3 answers in place of success, and what it means to the engine.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::{ErrorKind, Operation, StoreError};

/// The request an error is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) operation: Operation,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl Subject<'_> {
    /// An error of the adapter's own finding.
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> StoreError {
        StoreError {
            operation: self.operation,
            bucket: self.bucket.to_owned(),
            key: self.key.to_owned(),
            kind,
            detail: detail.into(),
            source: None,
        }
    }

    /// An error that the SDK reported.
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let answer = Answer::of(&error);
        let kind = answer.kind();
        let detail = format!("{}; {}", answer.text(&error), advice(kind));
        StoreError {
            operation: self.operation,
            bucket: self.bucket.to_owned(),
            key: self.key.to_owned(),
            kind,
            detail,
            source: Some(Box::new(error)),
        }
    }
}

/// The status of the answer, where one came.
pub(super) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The region S3 names for a bucket, on a redirect and on most answers about a bucket.
pub(super) fn region_named_by<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    header(error, "x-amz-bucket-region")
}

fn header<E>(error: &SdkError<E, HttpResponse>, name: &str) -> Option<String> {
    error.raw_response()?.headers().get(name).map(str::to_owned)
}

/// The parts of a failure that decide what it means.
#[derive(Debug, Default)]
struct Answer {
    /// The request never became an HTTP request, or never had an answer.
    unanswered: Option<Unanswered>,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    /// The newest version, or the one asked for, is a delete marker.
    delete_marker: bool,
    /// The region that S3 says the bucket is in.
    region: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Unanswered {
    /// The request could not be built: a bad key or setting, or no credentials.
    NotBuilt,
    /// No answer in time, a cut connection, an answer that is no S3 answer.
    Lost,
}

impl Answer {
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let unanswered = match error {
            SdkError::ConstructionFailure(_) => Some(Unanswered::NotBuilt),
            SdkError::ServiceError(_) => None,
            _ => Some(Unanswered::Lost),
        };
        let service = error.as_service_error();
        Self {
            unanswered,
            status: status_of(error),
            code: service.and_then(ProvideErrorMetadata::code).map(str::to_owned),
            message: service.and_then(ProvideErrorMetadata::message).map(str::to_owned),
            delete_marker: header(error, "x-amz-delete-marker").as_deref() == Some("true"),
            region: region_named_by(error),
        }
    }

    fn kind(&self) -> ErrorKind {
        match self.unanswered {
            Some(Unanswered::NotBuilt) => return ErrorKind::Rejected,
            Some(Unanswered::Lost) => return ErrorKind::Unavailable,
            None => {}
        }
        self.code.as_deref().and_then(|code| self.kind_of_code(code)).unwrap_or_else(|| self.kind_of_status())
    }

    /// The codes of S3's documentation ("Error responses") that say more than their status does.
    fn kind_of_code(&self, code: &str) -> Option<ErrorKind> {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        Some(match code {
            "NoSuchKey" | "NoSuchVersion" => ErrorKind::NotFound,
            "NoSuchBucket" => ErrorKind::NoSuchBucket,
            "PreconditionFailed" => ErrorKind::PreconditionFailed,
            "ConditionalRequestConflict" | "OperationAborted" => ErrorKind::Conflict,
            "SlowDown"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "BandwidthLimitExceeded" => ErrorKind::Throttled,
            // A token that the next attempt replaces.
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => ErrorKind::ExpiredCredentials,
            // Bytes broken or cut on their way, and an upload that is gone: an answer to its completion got lost, or
            // somebody aborted it. Each is worth another look.
            "InternalError"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "BadDigest"
            | "XAmzContentChecksumMismatch"
            | "XAmzContentSHA256Mismatch"
            | "IncompleteBody"
            | "NoSuchUpload" => ErrorKind::Unavailable,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IncorrectEndpoint"
            | "IllegalLocationConstraintException" => ErrorKind::WrongRegion,
            "EntityTooLarge" => ErrorKind::TooLarge,
            // "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120".
            "InvalidRequest" if message.contains("larger than the maximum allowable size") => ErrorKind::TooLarge,
            // "The source of a copy request may not specifically refer to a delete marker by version id."
            "InvalidRequest" if message.contains("delete marker") => ErrorKind::NotFound,
            "MethodNotAllowed" if self.delete_marker => ErrorKind::NotFound,
            // A 403 for reasons that rights do not cure.
            "InvalidObjectState" | "RequestTimeTooSkewed" => ErrorKind::Rejected,
            _ => return None,
        })
    }

    /// Answers to HEAD have no body, hence no code.
    fn kind_of_status(&self) -> ErrorKind {
        match self.status {
            Some(404) => ErrorKind::NotFound,
            Some(405) if self.delete_marker => ErrorKind::NotFound,
            Some(401 | 403) => ErrorKind::AccessDenied,
            Some(409) => ErrorKind::Conflict,
            Some(412) => ErrorKind::PreconditionFailed,
            Some(413) => ErrorKind::TooLarge,
            Some(429 | 503) => ErrorKind::Throttled,
            Some(301 | 302 | 307 | 308) => ErrorKind::WrongRegion,
            Some(400) if self.region.is_some() => ErrorKind::WrongRegion,
            // A success with an error in its body that names no code known here counts as lost.
            Some(200..=299 | 408 | 500 | 502 | 504..=599) | None => ErrorKind::Unavailable,
            Some(_) => ErrorKind::Rejected,
        }
    }

    fn text<E>(&self, error: &SdkError<E, HttpResponse>) -> String {
        let mut text = match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
            (Some(code), None) => code.clone(),
            (None, _) => match error {
                SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
                SdkError::TimeoutError(_) => "no answer within the timeout".to_owned(),
                SdkError::DispatchFailure(_) => "the request did not get through".to_owned(),
                SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
                _ => "an answer without a reason".to_owned(),
            },
        };
        if let Some(status) = self.status {
            text = format!("HTTP {status} {text}");
        }
        if let (ErrorKind::WrongRegion, Some(region)) = (self.kind(), &self.region) {
            text = format!("{text}; the bucket is in {region}");
        }
        text
    }
}

/// What an operator can do about it.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "the key is not there, or the version asked for is gone: upload it, or check the name",
        ErrorKind::PreconditionFailed => {
            "somebody else wrote the key meanwhile: look at it again before concluding anything"
        }
        ErrorKind::Conflict => "another conditional write of the key was under way: look again and repeat",
        ErrorKind::AccessDenied => {
            "check the role of the caller, the bucket policy and the key policy, and for a policy that admits everyone Block Public Access; \
             without s3:ListBucket an absent key also reads as denied"
        }
        ErrorKind::ExpiredCredentials => "the credentials have expired: get new ones, then repeat",
        ErrorKind::Throttled => {
            "the store asks for fewer requests: it is repeated later; lower the copy concurrency if this goes on"
        }
        ErrorKind::Unavailable => "it may or may not have taken place: look at the key, then repeat",
        ErrorKind::WrongRegion => "set the bucket's region to the one it is in",
        ErrorKind::NoSuchBucket => "check the bucket's name, and that its stack is deployed",
        ErrorKind::TooLarge => "over the limit of one call: it is copied in parts",
        ErrorKind::Rejected => "the store will never take this request as it is: see its reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: &str, message: &str) -> ErrorKind {
        Answer {
            status: Some(status),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
            ..Answer::default()
        }
        .kind()
    }

    #[test]
    fn every_documented_answer_has_its_meaning() {
        let table = [
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "NotFound", ErrorKind::NotFound),
            (404, "", ErrorKind::NotFound),
            (404, "NoSuchVersion", ErrorKind::NotFound),
            (404, "NoSuchBucket", ErrorKind::NoSuchBucket),
            (404, "NoSuchUpload", ErrorKind::Unavailable),
            (403, "AccessDenied", ErrorKind::AccessDenied),
            (403, "", ErrorKind::AccessDenied),
            (403, "InvalidObjectState", ErrorKind::Rejected),
            (412, "PreconditionFailed", ErrorKind::PreconditionFailed),
            (412, "", ErrorKind::PreconditionFailed),
            (409, "ConditionalRequestConflict", ErrorKind::Conflict),
            (409, "OperationAborted", ErrorKind::Conflict),
            (503, "SlowDown", ErrorKind::Throttled),
            (503, "", ErrorKind::Throttled),
            (429, "TooManyRequests", ErrorKind::Throttled),
            (503, "ServiceUnavailable", ErrorKind::Unavailable),
            (500, "InternalError", ErrorKind::Unavailable),
            (200, "InternalError", ErrorKind::Unavailable),
            (200, "SlowDown", ErrorKind::Throttled),
            (502, "", ErrorKind::Unavailable),
            (301, "PermanentRedirect", ErrorKind::WrongRegion),
            (301, "", ErrorKind::WrongRegion),
            (400, "AuthorizationHeaderMalformed", ErrorKind::WrongRegion),
            (400, "EntityTooLarge", ErrorKind::TooLarge),
            (400, "BadDigest", ErrorKind::Unavailable),
            (400, "ExpiredToken", ErrorKind::ExpiredCredentials),
            (400, "InvalidArgument", ErrorKind::Rejected),
            (501, "NotImplemented", ErrorKind::Rejected),
        ];
        for (status, code, expected) in table {
            assert_eq!(kind(status, code, ""), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_copy_over_the_limit_is_told_from_other_invalid_requests() {
        let too_large =
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
        assert_eq!(kind(400, "InvalidRequest", too_large), ErrorKind::TooLarge);
        let marker = "The source of a copy request may not specifically refer to a delete marker by version id.";
        assert_eq!(kind(400, "InvalidRequest", marker), ErrorKind::NotFound);
        assert_eq!(kind(400, "InvalidRequest", "This copy request is illegal"), ErrorKind::Rejected);
    }

    #[test]
    fn a_lost_answer_is_never_a_refusal_or_an_absence() {
        let lost = Answer { unanswered: Some(Unanswered::Lost), status: Some(404), ..Answer::default() };
        assert_eq!(lost.kind(), ErrorKind::Unavailable);
    }
}
