//! An archive over HTTP, asked for as apt asks.
//!
//! apt encodes `+`, `~` and blanks in a path, since S3 reads a literal `+` there as a blank. Everything but letters, digits
//! and `-_./` is encoded here, which comes to the same. Redirects are followed, as apt does. A proxy is not used.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_LENGTH, HeaderMap, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use suitecast_lambda::https;
use suitecast_mirror::with_causes;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use url::Url;

use super::{ArchiveReader, Bytestream, ReadFailure, ReadFailureKind, Seen};
use crate::exit::Failure;

/// What stays as it is in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');
/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for an answer to begin, and for each further piece of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of one request, the first included, while answers fail to come or say that others may follow.
const ATTEMPTS: u32 = 4;
/// Pause before the first repetition; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Redirects that are followed; apt's own limit.
const REDIRECTS: usize = 10;

/// Where an archive is: what apt's `URIs` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAddress(Url);

/// Why a text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpAddressError {
    /// It is no URL.
    #[error("{text:?} is no address: write http://HOST/PATH, or s3://BUCKET/PREFIX for a bucket")]
    Url {
        /// The text.
        text: String,
    },
    /// It has parts that the address of an archive has not.
    #[error("{text:?}: the address of an archive has no {part}")]
    Part {
        /// The text.
        text: String,
        /// What it has too much.
        part: &'static str,
    },
}

impl FromStr for HttpAddress {
    type Err = HttpAddressError;

    fn from_str(text: &str) -> Result<Self, HttpAddressError> {
        let url = Url::parse(text).map_err(|_| HttpAddressError::Url { text: text.to_owned() })?;
        let part = |part| Err(HttpAddressError::Part { text: text.to_owned(), part });
        match url.scheme() {
            "http" | "https" if url.has_host() => {}
            _ => return Err(HttpAddressError::Url { text: text.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return part("user");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return part("query and no fragment");
        }
        Ok(Self(url))
    }
}

impl HttpAddress {
    /// The URL of a path below it, as apt asks for it.
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{}", self.0.as_str().trim_end_matches('/'), utf8_percent_encode(key, PATH))
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Reads an archive over HTTP.
pub(crate) struct HttpReader {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    address: HttpAddress,
}

impl HttpReader {
    /// Of the archive at this address.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub(crate) fn new(address: HttpAddress) -> Result<Self, Failure> {
        let connector = https::connector(CONNECT_TIMEOUT).map_err(|error| Failure::refused(with_causes(&error)))?;
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), address })
    }

    /// Asks until an answer comes that says something; `None` for one that says that it is not there.
    async fn ask(&self, method: &Method, key: &str) -> Result<Option<Response<Incoming>>, ReadFailure> {
        let mut url = self.address.url_of(key);
        let (mut attempts, mut redirects, mut pause) = (0, 0, FIRST_PAUSE);
        loop {
            attempts += 1;
            let failure = match self.ask_once(method, &url).await? {
                Answer::Is(response) => return Ok(Some(response)),
                Answer::IsAbsent => return Ok(None),
                Answer::IsAt(location) => {
                    redirects += 1;
                    if redirects > REDIRECTS {
                        return Err(refused(method, &url, &format!("more than {REDIRECTS} redirects")));
                    }
                    attempts -= 1;
                    url = location;
                    continue;
                }
                Answer::MayCome(failure) => failure,
            };
            if attempts >= ATTEMPTS {
                return Err(failure);
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn ask_once(&self, method: &Method, url: &str) -> Result<Answer, ReadFailure> {
        let uri: Uri = url.parse().map_err(|error| refused(method, url, &format!("{error}")))?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(USER_AGENT, concat!("suitecast/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| refused(method, url, &error.to_string()))?;
        let response = match timeout(ANSWER_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Ok(Answer::MayCome(temporary(method, url, &with_causes(&error)))),
            Err(_) => {
                let said = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
                return Ok(Answer::MayCome(temporary(method, url, &said)));
            }
        };
        let status = response.status();
        let said = format!("HTTP {status}");
        Ok(match status {
            StatusCode::OK => Answer::Is(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => Answer::IsAbsent,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(failure(ReadFailureKind::Denied, method, url, &said));
            }
            status if status.is_redirection() => Answer::IsAt(
                location(url, response.headers())
                    .ok_or_else(|| refused(method, url, &format!("{said} to nowhere that can be asked")))?,
            ),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Answer::MayCome(temporary(method, url, &said))
            }
            status if status.is_server_error() => Answer::MayCome(temporary(method, url, &said)),
            _ => return Err(refused(method, url, &said)),
        })
    }
}

/// What one request came to.
enum Answer {
    Is(Response<Incoming>),
    IsAbsent,
    /// Ask there.
    IsAt(String),
    /// Ask again.
    MayCome(ReadFailure),
}

/// Where a redirect leads; none for one that leaves HTTP.
fn location(url: &str, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let joined = Url::parse(url).ok()?.join(location).ok()?;
    matches!(joined.scheme(), "http" | "https").then(|| joined.to_string())
}

fn failure(kind: ReadFailureKind, method: &Method, url: &str, said: &str) -> ReadFailure {
    ReadFailure { kind, message: format!("{method} {url}: {said}") }
}

fn temporary(method: &Method, url: &str, said: &str) -> ReadFailure {
    failure(ReadFailureKind::Temporary, method, url, said)
}

fn refused(method: &Method, url: &str, said: &str) -> ReadFailure {
    failure(ReadFailureKind::Refused, method, url, said)
}

#[async_trait]
impl ArchiveReader for HttpReader {
    async fn look(&self, key: &str) -> Result<Option<Seen>, ReadFailure> {
        let answer = self.ask(&Method::HEAD, key).await?;
        Ok(answer.map(|response| {
            let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            Seen { size: length, sha256: None }
        }))
    }

    async fn read(&self, key: &str) -> Result<Option<Bytestream>, ReadFailure> {
        let Some(response) = self.ask(&Method::GET, key).await? else { return Ok(None) };
        let url = self.address.url_of(key);
        let pieces = response.into_body().into_data_stream();
        let within_time = futures::stream::unfold(Some(pieces), move |pieces| {
            let url = url.clone();
            async move {
                let mut pieces = pieces?;
                match timeout(ANSWER_TIMEOUT, pieces.next()).await {
                    Ok(None) => None,
                    Ok(Some(Ok(piece))) => Some((Ok(piece), Some(pieces))),
                    Ok(Some(Err(error))) => {
                        let said = format!("the answer broke off: {}", with_causes(&error));
                        Some((Err(temporary(&Method::GET, &url, &said)), None))
                    }
                    Err(_) => {
                        let said = format!("the answer stopped for {} s", ANSWER_TIMEOUT.as_secs());
                        Some((Err(temporary(&Method::GET, &url, &said)), None))
                    }
                }
            }
        });
        Ok(Some(Box::pin(within_time)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_is_asked_for_as_apt_asks() {
        let address: HttpAddress = "http://archive.example.com/debian/".parse().unwrap();
        assert_eq!(
            address.url_of("pool/main/g/g++/g++_1.0+x~e 1_amd64.deb"),
            "http://archive.example.com/debian/pool/main/g/g%2B%2B/g%2B%2B_1.0%2Bx%7Ee%201_amd64.deb"
        );
        let root: HttpAddress = "http://127.0.0.1:8000".parse().unwrap();
        assert_eq!(root.url_of("dists/s/InRelease"), "http://127.0.0.1:8000/dists/s/InRelease");
    }

    #[test]
    fn what_is_no_address_of_an_archive_is_refused() {
        for text in ["", "archive", "ftp://host/", "file:///srv", "http://", "http://u:p@host/", "http://host/?a=b"] {
            assert!(text.parse::<HttpAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_redirect_may_be_relative_and_does_not_leave_http() {
        let to = |text: &str| {
            let headers = HeaderMap::from_iter([(LOCATION, text.parse().unwrap())]);
            location("http://host/debian/dists/s/InRelease", &headers)
        };
        assert_eq!(to("/other/InRelease").as_deref(), Some("http://host/other/InRelease"));
        assert_eq!(to("https://mirror/x").as_deref(), Some("https://mirror/x"));
        assert_eq!(to("file:///etc/passwd"), None);
    }
}
