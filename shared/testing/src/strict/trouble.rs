//! Troubles on request: what S3 does now and then to everybody.

use super::{failure::Failure, log::S3Operation};

/// One kind of trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// `503 SlowDown`; nothing takes place.
    SlowDown,
    /// `500 InternalError`; nothing takes place.
    InternalError,
    /// The request takes place, and its answer gets lost (500).
    LostAnswer,
    /// 200 with an error in its body (copies and completed uploads); nothing takes place.
    ErrorInBody,
    /// `409 ConditionalRequestConflict`; nothing takes place.
    Conflict,
    /// `403 AccessDenied`; nothing takes place.
    Denied,
    /// A read that breaks off after this many bytes.
    CutBody(usize),
}

impl Trouble {
    /// The answer, where the request does not take place.
    pub(super) fn refusal(&self) -> Option<Failure> {
        match self {
            Self::SlowDown => Some(Failure::slow_down()),
            Self::InternalError => Some(Failure::internal_error()),
            Self::ErrorInBody => Some(Failure::error_in_body()),
            Self::Conflict => Some(Failure::conflict()),
            Self::Denied => Some(Failure::access_denied()),
            Self::LostAnswer | Self::CutBody(_) => None,
        }
    }
}

/// Which requests meet which trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubleRule {
    /// What happens.
    pub trouble: Trouble,
    /// Only requests of this operation; `None` is any.
    pub operation: Option<S3Operation>,
    /// Only requests to this bucket; `None` is any.
    pub bucket: Option<String>,
    /// Only keys (or listed prefixes) that begin so.
    pub key_prefix: String,
    /// Requests that pass unharmed first.
    pub after: u64,
    /// Requests that meet it then.
    pub times: u64,
}

impl TroubleRule {
    /// The next request, whatever it is.
    pub fn once(trouble: Trouble) -> Self {
        Self { trouble, operation: None, bucket: None, key_prefix: String::new(), after: 0, times: 1 }
    }

    /// Only requests of this operation.
    #[must_use]
    pub fn on(mut self, operation: S3Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only this key, or keys that begin so.
    #[must_use]
    pub fn at(mut self, bucket: impl Into<String>, key_prefix: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self.key_prefix = key_prefix.into();
        self
    }

    /// This many times, after `after` requests that pass unharmed.
    #[must_use]
    pub fn times(mut self, times: u64, after: u64) -> Self {
        self.times = times;
        self.after = after;
        self
    }

    /// Whether this request meets the trouble; counts it.
    pub(super) fn strikes(&mut self, operation: S3Operation, bucket: &str, key: &str) -> bool {
        let meant = self.operation.is_none_or(|wanted| wanted == operation)
            && self.bucket.as_deref().is_none_or(|wanted| wanted == bucket)
            && key.starts_with(&self.key_prefix);
        if !meant || self.times == 0 {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}
