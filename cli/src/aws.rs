//! What AWS's other services answer in place of success, for somebody at a prompt. S3's answers are the store's business.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::exit::{Exit, Failure};

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one call, all attempts together.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// For calls that answer at once.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
}

/// Whether the service's own words contain these.
pub(crate) fn says<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, words: &str) -> bool {
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message);
    message.is_some_and(|message| message.contains(words))
}

/// A failed call as a failure of the program.
pub(crate) fn failure<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let service = error.as_service_error();
    let code = service.and_then(ProvideErrorMetadata::code);
    let message = service.and_then(ProvideErrorMetadata::message);
    let said = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.to_owned(),
        _ => suitecast_mirror::with_causes(error),
    };
    let (exit, advice) = match error {
        SdkError::ServiceError(_) => meaning(code.unwrap_or_default()),
        SdkError::ConstructionFailure(_) => {
            (Exit::Refused, "set credentials as for every AWS tool: AWS_PROFILE, AWS_ACCESS_KEY_ID, …")
        }
        _ if said.contains("credential") => {
            (Exit::Refused, "set credentials as for every AWS tool: AWS_PROFILE, AWS_ACCESS_KEY_ID, …")
        }
        _ => (Exit::Temporary, "run it again"),
    };
    Failure::new(exit, format!("{doing}: {said}; {advice}"))
}

/// What the codes that many services share mean, and what to do next.
fn meaning(code: &str) -> (Exit, &'static str) {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            (Exit::Refused, "the credentials have expired: get new ones")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException" => (Exit::Refused, "the credentials are none that AWS knows: check them"),
        code if code.starts_with("AccessDenied") || code.starts_with("Unauthorized") => {
            (Exit::Refused, "the credentials lack this right")
        }
        code if code.contains("Throttl") || code.contains("TooManyRequests") || code.contains("Unavailable") => {
            (Exit::Temporary, "run it again")
        }
        _ => (Exit::Refused, "check the names, and the credentials' account"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_meanings() {
        for (code, exit, word) in [
            ("ExpiredTokenException", Exit::Refused, "expired"),
            ("ExpiredToken", Exit::Refused, "expired"),
            ("AccessDeniedException", Exit::Refused, "right"),
            ("UnrecognizedClientException", Exit::Refused, "credentials"),
            ("ThrottlingException", Exit::Temporary, "again"),
            ("TooManyRequestsException", Exit::Temporary, "again"),
            ("ResourceNotFoundException", Exit::Refused, "names"),
        ] {
            let (found, advice) = meaning(code);
            assert_eq!(found, exit, "{code}");
            assert!(advice.contains(word), "{code}: {advice}");
        }
    }
}
