//! Fetching Amazon's document: bounded in size and time, from one place.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::header::USER_AGENT;
use hyper::{Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use suitecast_lambda::failure::Chain;
use suitecast_lambda::https;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::ip_ranges::MAX_DOCUMENT_BYTES;

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for one attempt, from the first byte sent to the last received: a document of 2.6 MB takes a second.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts, the first included.
pub const ATTEMPTS: u32 = 3;

/// Pause before the first repetition; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Where the document comes from.
#[async_trait]
pub trait RangesSource: Send + Sync {
    /// Fetches its bytes.
    ///
    /// # Errors
    /// It could not be had.
    async fn fetch(&self) -> Result<Bytes, FetchError>;
}

/// The document could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    /// No answer, or one that broke off.
    #[error("fetching {url}: {detail}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        detail: String,
    },
    /// An answer, and not the document.
    #[error("fetching {url}: HTTP {status}; the address ranges are looked for there and nowhere else")]
    Answered {
        /// What was asked for.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// More than anybody expects.
    #[error("fetching {url}: more than {MAX_DOCUMENT_BYTES} bytes are not believed to be address ranges")]
    TooLong {
        /// What was asked for.
        url: String,
    },
}

impl FetchError {
    /// Whether the same call may come to an answer later with nobody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Answered { status, .. } => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::TooLong { .. } => false,
        }
    }
}

/// The document at an address. Redirects are not followed: it is there or nowhere.
pub struct HttpSource {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Url,
}

impl HttpSource {
    /// At this address.
    ///
    /// # Errors
    /// TLS cannot be set up here.
    pub fn new(url: Url) -> Result<Self, https::TlsError> {
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(https::connector(CONNECT_TIMEOUT)?), url })
    }

    async fn attempt(&self) -> Result<Bytes, FetchError> {
        let unreachable = |detail: String| FetchError::Unreachable { url: self.url.to_string(), detail };
        let request = Request::get(self.url.as_str())
            .header(USER_AGENT, concat!("suitecast/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| unreachable(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| unreachable(Chain(&error).to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Answered { url: self.url.to_string(), status: answer.status() });
        }
        let mut body = answer.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreachable(format!("the answer broke off: {}", Chain(&error))))?;
            let Ok(piece) = frame.into_data() else { continue };
            if bytes.len() + piece.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLong { url: self.url.to_string() });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }
}

#[async_trait]
impl RangesSource for HttpSource {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let (mut attempt, mut pause) = (0, FIRST_PAUSE);
        loop {
            attempt += 1;
            let outcome = timeout(ATTEMPT_TIMEOUT, self.attempt()).await.unwrap_or_else(|_| {
                let detail = format!("no whole answer within {} s", ATTEMPT_TIMEOUT.as_secs());
                Err(FetchError::Unreachable { url: self.url.to_string(), detail })
            });
            match outcome {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "the address ranges were not to be had");
                    sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests;
