//! Proxies before the strict S3 that watch, or spoil, what passes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const PIECE_BYTES: usize = 64 * 1024;

/// Counts uploads that were begun and not yet answered.
pub(crate) struct Traffic {
    pub(crate) endpoint: String,
    most: Arc<AtomicU64>,
}

impl Traffic {
    /// Before a server at this address.
    pub(crate) fn before(address: String) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let (now, seen) = (Arc::new(AtomicU64::new(0)), Arc::clone(&most));
        let endpoint = each_connection(address, move |client, server| {
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let (answered, begun, seen) = (Arc::clone(&now), Arc::clone(&now), Arc::clone(&seen));
            let is_open = Arc::new(AtomicBool::new(false));
            let opened = Arc::clone(&is_open);
            thread::spawn(move || {
                pass(&mut from, &mut to, |piece| {
                    let is_answer = piece.starts_with(b"HTTP/1.1 ") && !piece.starts_with(b"HTTP/1.1 100");
                    if is_answer && is_open.swap(false, Ordering::SeqCst) {
                        answered.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            });
            let (mut from, mut to) = (client, server);
            pass(&mut from, &mut to, |piece| {
                if piece.starts_with(b"PUT ") && !opened.swap(true, Ordering::SeqCst) {
                    seen.fetch_max(begun.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                }
            });
        });
        Self { endpoint, most }
    }

    /// The most of them that there were at once.
    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }
}

/// Passes everything on until a request holds a word, and from then on answers that the credentials have expired.
pub(crate) fn expiring_at(address: String, word: &'static str) -> String {
    let is_expired = Arc::new(AtomicBool::new(false));
    each_connection(address, move |mut client, server| {
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || pass(&mut from, &mut to, |_| {}));
        let mut server = server;
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(count) = client.read(&mut piece) {
            let bytes = &piece[..count];
            if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
                is_expired.store(true, Ordering::SeqCst);
            }
            if count == 0 || is_expired.load(Ordering::SeqCst) {
                break;
            }
            if server.write_all(bytes).is_err() {
                break;
            }
        }
        if is_expired.load(Ordering::SeqCst) {
            let body = "<?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code>\
                        <Message>The provided token has expired.</Message></Error>";
            let length = body.len();
            let body = if piece.starts_with(b"HEAD ") { "" } else { body };
            let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = client.write_all(format!("{head}{body}").as_bytes());
        }
        let _ = server.shutdown(std::net::Shutdown::Both);
    })
}

/// Runs this for each connection, with one of its own to the server; where clients find it.
fn each_connection(address: String, each: impl Fn(TcpStream, TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let each = Arc::new(each);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&address)) else { return };
            let each = Arc::clone(&each);
            thread::spawn(move || each(client, server));
        }
    });
    endpoint
}

fn pass(from: &mut TcpStream, to: &mut TcpStream, mut look: impl FnMut(&[u8])) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count) = from.read(&mut piece) {
        look(&piece[..count]);
        if count == 0 || to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
