//! The strict S3 over loopback HTTP, so that the real SDK, the real function binaries and real apt clients meet it.
//!
//! Signed requests are verified: any access key, with the secret [`SECRET_ACCESS_KEY`]. The region of the signature is
//! the region that the client believes the bucket to be in. Unsigned requests are apt clients.
//!
//! A plus sign in the path of an unsigned request is read as a space, which is what S3's REST endpoint does; a key with
//! a plus sign is reached by `%2B` only.
//!
//! On request, signed requests meet faults ([`WireFaults`]), and a second port tells what was counted ([`Control`]).

mod control;
mod convert;
mod faults;
mod service;

use std::{io, net::SocketAddr};

use hyper::{Request, Uri, body::Incoming, header::AUTHORIZATION, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::StrictS3;
pub use control::Control;
pub use faults::{FaultPlan, WireFaults};
use service::Face;

/// The secret key that goes with every access key.
pub const SECRET_ACCESS_KEY: &str = "test";

/// A server on a free port of the loopback interface; dropping it stops it.
pub struct HttpServer {
    address: SocketAddr,
    faults: WireFaults,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Serves `s3` at a free port of 127.0.0.1. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(s3: StrictS3) -> io::Result<Self> {
        Self::start_at(s3, 0).await
    }

    /// The same at a port of one's choice; 0 is any.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start_at(s3: StrictS3, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let faults = WireFaults::default();
        let task = tokio::spawn(accept(listener, service(s3), faults.clone()));
        Ok(Self { address, faults, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What befalls signed requests; nothing, until it is told.
    pub fn faults(&self) -> &WireFaults {
        &self.faults
    }

    /// What to set `AWS_ENDPOINT_URL` to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the process ends.
    pub async fn run(mut self) {
        // It ends only when it is aborted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct AnyAccessKey;

#[async_trait::async_trait]
impl S3Auth for AnyAccessKey {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(SECRET_ACCESS_KEY))
    }
}

/// Rights are the core's business, which knows anonymous callers.
struct CoreDecides;

#[async_trait::async_trait]
impl S3Access for CoreDecides {
    async fn check(&self, _context: &mut S3AccessContext<'_>) -> S3Result<()> {
        Ok(())
    }
}

fn service(s3: StrictS3) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Face(s3));
    builder.set_auth(AnyAccessKey);
    builder.set_access(CoreDecides);
    builder.build()
}

async fn accept(listener: TcpListener, service: S3Service, faults: WireFaults) {
    loop {
        // A connection that was gone before it was accepted is the client's affair.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (service, faults) = (service.clone(), faults.clone());
        tokio::spawn(async move {
            let answer = service_fn(|mut request: Request<Incoming>| {
                read_plus_as_space(&mut request);
                faults::serve(&service, &faults, request)
            });
            // An error here is a client that hung up, or a connection or a body that was to be cut.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn read_plus_as_space<B>(request: &mut Request<B>) {
    let path = request.uri().path();
    if request.headers().contains_key(AUTHORIZATION) || !path.contains('+') {
        return;
    }
    let mut rewritten = path.replace('+', "%20");
    if let Some(query) = request.uri().query() {
        rewritten.push('?');
        rewritten.push_str(query);
    }
    if let Ok(uri) = rewritten.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}
