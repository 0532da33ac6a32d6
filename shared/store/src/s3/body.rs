//! The bytes of an object, with an error where they end early or stop coming.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use futures::stream;

use crate::{Body, ErrorKind, Operation, StoreError};

use super::failure::Subject;

/// Time without a single byte after which a body counts as cut. The SDK's own guard is off for the sake of copies.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

struct Reader {
    bytes: ByteStream,
    bucket: String,
    key: String,
    expected: u64,
    received: u64,
    ended: bool,
}

impl Reader {
    fn error(&self, detail: String, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        let subject = Subject { operation: Operation::Get, bucket: &self.bucket, key: &self.key };
        StoreError { source, ..subject.error(ErrorKind::Unavailable, detail) }
    }

    async fn next(&mut self) -> Option<Result<bytes::Bytes, StoreError>> {
        let (received, expected) = (self.received, self.expected);
        match tokio::time::timeout(SILENCE_TIMEOUT, self.bytes.next()).await {
            Err(_) => {
                let seconds = SILENCE_TIMEOUT.as_secs();
                Some(Err(self.error(
                    format!("no byte for {seconds} s after {received} of {expected} bytes; read it again"),
                    None,
                )))
            }
            Ok(Some(Err(error))) => Some(Err(
                self.error(format!("cut after {received} of {expected} bytes; read it again"), Some(error.into()))
            )),
            Ok(Some(Ok(chunk))) => {
                self.received += chunk.len() as u64;
                if self.received > expected {
                    return Some(Err(
                        self.error(format!("more than the {expected} bytes announced; read it again"), None)
                    ));
                }
                Some(Ok(chunk))
            }
            Ok(None) if received < expected => {
                Some(Err(self.error(format!("ended after {received} of {expected} bytes; read it again"), None)))
            }
            Ok(None) => None,
        }
    }
}

/// The stream of a body of `expected` bytes. It ends after its first error.
pub(super) fn checked(bytes: ByteStream, bucket: &str, key: &str, expected: u64) -> Body {
    let reader = Reader { bytes, bucket: bucket.to_owned(), key: key.to_owned(), expected, received: 0, ended: false };
    Box::pin(stream::unfold(reader, |mut reader| async move {
        if reader.ended {
            return None;
        }
        let item = reader.next().await?;
        reader.ended = item.is_err();
        Some((item, reader))
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::StreamExt;

    async fn outcome(content: &'static [u8], announced: u64) -> (usize, Option<ErrorKind>) {
        let body = checked(ByteStream::from_static(content), "bucket", "key", announced);
        let items: Vec<_> = body.collect().await;
        let read = items.iter().filter_map(|item| item.as_ref().ok()).map(bytes::Bytes::len).sum();
        (read, items.last().and_then(|item| item.as_ref().err()).map(|error| error.kind))
    }

    #[tokio::test]
    async fn a_body_shorter_than_announced_ends_in_an_error() {
        assert_eq!(outcome(b"12345", 5).await, (5, None));
        assert_eq!(outcome(b"12345", 6).await, (5, Some(ErrorKind::Unavailable)));
        assert_eq!(outcome(b"", 1).await, (0, Some(ErrorKind::Unavailable)));
        assert_eq!(outcome(b"12345", 4).await.1, Some(ErrorKind::Unavailable));
    }
}
