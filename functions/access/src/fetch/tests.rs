#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server on the loopback that answers each connection with the next of these bytes, and the last for ever; counts them.
async fn server(answers: Vec<Vec<u8>>) -> (HttpSource, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ip-ranges.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let number = usize::try_from(counted.fetch_add(1, Ordering::SeqCst)).unwrap();
            let answer = answers[number.min(answers.len() - 1)].clone();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await;
            let _ = connection.write_all(&answer).await;
            let _ = connection.shutdown().await;
        }
    });
    (HttpSource::new(url.parse().unwrap()).unwrap(), asked)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn cut_off() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"syncToken\"".to_vec()
}

#[tokio::test]
async fn the_documents_bytes_are_fetched_as_they_are() {
    let (source, _) = server(vec![answer("200 OK", b"{\"a\": 1}\n")]).await;
    assert_eq!(source.fetch().await, Ok(Bytes::from_static(b"{\"a\": 1}\n")));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_then_no_more() {
    let (source, asked) = server(vec![answer("503 Slow", b""), cut_off(), answer("200 OK", b"{}")]).await;
    assert_eq!(source.fetch().await, Ok(Bytes::from_static(b"{}")));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let (source, asked) = server(vec![cut_off()]).await;
    let error = source.fetch().await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }) && error.is_retryable(), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), ATTEMPTS);
}

#[tokio::test]
async fn an_answer_that_is_not_the_document_is_final() {
    for status in ["404 Not Found", "403 Forbidden", "301 Moved\r\nlocation: http://127.0.0.1:1/", "204 No Content"] {
        let (source, asked) = server(vec![answer(status, b"")]).await;
        let error = source.fetch().await.unwrap_err();
        assert!(matches!(error, FetchError::Answered { .. }) && !error.is_retryable(), "{error}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status}");
    }
}

#[tokio::test]
async fn an_endless_document_is_let_go_of() {
    let (source, _) = server(vec![answer("200 OK", &vec![b' '; MAX_DOCUMENT_BYTES + 1])]).await;
    let error = source.fetch().await.unwrap_err();
    assert!(matches!(error, FetchError::TooLong { .. }) && !error.is_retryable(), "{error}");
    let (source, _) = server(vec![answer("200 OK", &vec![b' '; MAX_DOCUMENT_BYTES])]).await;
    assert_eq!(source.fetch().await.unwrap().len(), MAX_DOCUMENT_BYTES);
}
