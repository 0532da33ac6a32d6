//! A second port of the strict S3, for whoever drives a test from outside: the faults, what was counted, and the
//! notifications, which S3 would send to a topic and this server has nobody to send to.
//!
//! ```text
//! GET  /counts                                                            what `WireFaults::counts` says
//! POST /faults  {"seed": 1, "percent": 20, "hang_percent": 2, "stubborn_percent": 1}
//! POST /events  {"seed": 1, "lost_percent": 10, "doubled_percent": 10, "reordered": true}
//!               the notifications since the last call, as a list of messages
//! ```

use std::{io, net::SocketAddr};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::Body;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::faults::{FaultPlan, WireFaults};
use crate::strict::{Mishaps, StrictS3};

/// The control port of a server, on the loopback interface; dropping it closes it.
pub struct Control {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Control {
    /// Opens it at a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(s3: StrictS3, faults: WireFaults) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, s3, faults));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, s3: StrictS3, faults: WireFaults) {
    loop {
        // A connection that was gone before it was accepted is the caller's affair.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (s3, faults) = (s3.clone(), faults.clone());
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(&s3, &faults, request));
            // An error here is a caller that hung up.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(
    s3: &StrictS3,
    faults: &WireFaults,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::http::Error> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let said = body(request).await;
    let (status, said) = match act(s3, faults, &method, &path, &said) {
        Ok(value) => (StatusCode::OK, value),
        Err(wrong) => (StatusCode::BAD_REQUEST, json!({ "error": wrong })),
    };
    Response::builder().status(status).header("content-type", "application/json").body(Body::from(said.to_string()))
}

fn act(s3: &StrictS3, faults: &WireFaults, method: &Method, path: &str, said: &Bytes) -> Result<Value, String> {
    match (method.as_str(), path) {
        ("GET", "/counts") => Ok(faults.counts()),
        ("POST", "/faults") => {
            let plan: FaultPlan = serde_json::from_slice(said).map_err(|error| error.to_string())?;
            faults.set(plan);
            Ok(json!({}))
        }
        ("POST", "/events") => {
            let mishaps: Mishaps = serde_json::from_slice(said).map_err(|error| error.to_string())?;
            Ok(Value::Array(s3.take_events(&mishaps)))
        }
        _ => Err(format!("{method} {path}: there are GET /counts, POST /faults and POST /events")),
    }
}

/// What came of the body; what was cut does not parse, and is told so.
async fn body(request: Request<Incoming>) -> Bytes {
    let mut body = Body::from(request.into_body());
    let mut bytes = BytesMut::new();
    while let Some(Ok(piece)) = body.next().await {
        bytes.extend_from_slice(&piece);
    }
    bytes.freeze()
}
