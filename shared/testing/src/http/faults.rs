//! Faults on the wire: what happens now and then to anybody's requests between here and S3, at a rate and from a seed.
//!
//! Only signed requests meet them, so what an apt client reads is what is there. Chance is drawn from the seed, the
//! request and how often it was made before, and from nothing else: the same requests meet the same faults, in whatever
//! order they come.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use s3s::{Body, dto::StreamingBlob, service::S3Service};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Random;

/// How long a request hangs before its connection is closed: longer than a client waits.
const HANG: Duration = Duration::from_mins(5);

/// Attempts that a stubborn fault outlives: more than a client makes.
const STUBBORN_ATTEMPTS: u64 = 10;

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct FaultPlan {
    /// What chance is drawn from.
    pub seed: u64,
    /// Of a hundred signed requests, so many meet a fault; 0 is none.
    pub percent: u8,
    /// Of a hundred faults, so many are hangs: each costs the client its whole patience.
    #[serde(default)]
    pub hang_percent: u8,
    /// Of a hundred requests, so many are refused however often they are repeated, until the client gives up.
    #[serde(default)]
    pub stubborn_percent: u8,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// `503 SlowDown`; nothing takes place.
    SlowDown,
    /// `500 InternalError`; nothing takes place.
    InternalError,
    /// 200 with an error in its body (copies and completed uploads); nothing takes place.
    ErrorInBody,
    /// No answer at all, and nothing takes place.
    Hang,
    /// The connection is closed in place of an answer; nothing takes place.
    ClosedUnserved,
    /// The request takes place, and the connection is closed in place of an answer.
    ClosedServed,
    /// The request takes place, and is answered 500.
    LostAnswer,
    /// The request takes place, and its answer breaks off in the middle.
    CutAnswer,
}

impl Fault {
    /// All but the hang, which has a rate of its own.
    const USUAL: [Self; 7] = [
        Self::SlowDown,
        Self::InternalError,
        Self::ErrorInBody,
        Self::ClosedUnserved,
        Self::ClosedServed,
        Self::LostAnswer,
        Self::CutAnswer,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::SlowDown => "slow down",
            Self::InternalError => "internal error",
            Self::ErrorInBody => "error in body",
            Self::Hang => "hang",
            Self::ClosedUnserved => "closed before it took place",
            Self::ClosedServed => "closed after it took place",
            Self::LostAnswer => "lost answer",
            Self::CutAnswer => "cut answer",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    /// How often each request was made, whoever made it.
    made: BTreeMap<String, u64>,
    /// By operation: signed requests, and those of them that met a fault.
    operations: BTreeMap<&'static str, (u64, u64)>,
    faults: BTreeMap<Fault, u64>,
    stubborn: u64,
}

/// The faults of one server, and the count of them. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct WireFaults(Arc<Mutex<State>>);

impl WireFaults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, faults come so; what was counted stays.
    pub fn set(&self, plan: FaultPlan) {
        self.state().plan = plan;
    }

    /// What was counted so far: `signed_requests`, `faults` in all, `by_kind`, `by_operation` (requests and faults), and
    /// how many of the faults were `stubborn`.
    pub fn counts(&self) -> Value {
        let state = self.state();
        let by_kind: BTreeMap<&str, u64> = state.faults.iter().map(|(fault, count)| (fault.name(), *count)).collect();
        let by_operation: BTreeMap<&str, Value> = state
            .operations
            .iter()
            .map(|(operation, (requests, faults))| (*operation, json!({"requests": requests, "faults": faults})))
            .collect();
        json!({
            "signed_requests": state.operations.values().map(|(requests, _)| requests).sum::<u64>(),
            "faults": state.faults.values().sum::<u64>(),
            "by_kind": by_kind,
            "by_operation": by_operation,
            "stubborn": state.stubborn,
        })
    }

    /// Counts a request and says what it meets.
    fn draw(&self, request: &Request<Incoming>) -> Option<Fault> {
        if !request.headers().contains_key(AUTHORIZATION) {
            return None;
        }
        let operation = operation_of(request);
        let source = request.headers().get("x-amz-copy-source").map(HeaderValue::as_bytes).unwrap_or_default();
        let identity = format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(source));
        let mut state = self.state();
        let state = &mut *state;
        let plan = state.plan;
        let made = state.made.entry(identity.clone()).or_default();
        let (fault, is_stubborn) = plan.befalls(&identity, *made, operation);
        *made += 1;
        let counted = state.operations.entry(operation).or_default();
        counted.0 += 1;
        if let Some(fault) = fault {
            counted.1 += 1;
            *state.faults.entry(fault).or_default() += 1;
            state.stubborn += u64::from(is_stubborn);
        }
        fault
    }
}

impl FaultPlan {
    /// What this request meets, and whether repeating it is of no use.
    fn befalls(&self, identity: &str, made: u64, operation: &str) -> (Option<Fault>, bool) {
        if self.percent == 0 {
            return (None, false);
        }
        let mut stubborn = self.chance(identity, made / STUBBORN_ATTEMPTS, "stubborn");
        if stubborn.chance(self.stubborn_percent) {
            return (Some(if stubborn.chance(50) { Fault::SlowDown } else { Fault::InternalError }), true);
        }
        let mut random = self.chance(identity, made, "usual");
        if !random.chance(self.percent) {
            return (None, false);
        }
        if random.chance(self.hang_percent) {
            return (Some(Fault::Hang), false);
        }
        let drawn = Fault::USUAL[random.below(Fault::USUAL.len())];
        let fits = drawn != Fault::ErrorInBody || matches!(operation, "copy" | "complete");
        (Some(if fits { drawn } else { Fault::InternalError }), false)
    }

    fn chance(&self, identity: &str, number: u64, purpose: &str) -> Random {
        let mut seed = Random::new(self.seed ^ number.wrapping_mul(0x9E37_79B9)).bits();
        for byte in identity.bytes().chain(purpose.bytes()) {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Random::new(seed)
    }
}

/// What a request does, as far as its first line and headers tell.
fn operation_of<B>(request: &Request<B>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let has_key = request.uri().path().trim_start_matches('/').contains('/');
    match (request.method().clone(), request.headers().contains_key("x-amz-copy-source")) {
        (Method::PUT, true) => "copy",
        (Method::PUT, false) => "put",
        (Method::HEAD, _) => "head",
        (Method::DELETE, _) => "delete",
        (Method::POST, _) if query.contains("uploadId") => "complete",
        (Method::GET, _) if has_key && !query.contains("list-type") => "get",
        (Method::GET, _) => "list",
        _ => "other",
    }
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by the test")]
struct Closed;

pub(super) type Failed = Box<dyn Error + Send + Sync>;

/// Serves a request, unless a fault is in its way.
pub(super) async fn serve(
    service: &S3Service,
    faults: &WireFaults,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failed> {
    let Some(fault) = faults.draw(&request) else {
        return Ok(service.call(request.map(Body::from)).await?);
    };
    let is_head = request.method() == Method::HEAD;
    match fault {
        Fault::SlowDown => refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", is_head),
        Fault::InternalError => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", is_head),
        Fault::ErrorInBody => refusal(StatusCode::OK, "InternalError", is_head),
        Fault::Hang => {
            tokio::time::sleep(HANG).await;
            Err(Closed.into())
        }
        Fault::ClosedUnserved => Err(Closed.into()),
        Fault::ClosedServed => {
            service.call(request.map(Body::from)).await?;
            Err(Closed.into())
        }
        Fault::LostAnswer => {
            service.call(request.map(Body::from)).await?;
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", is_head)
        }
        Fault::CutAnswer => cut(service.call(request.map(Body::from)).await?).await,
    }
}

fn refusal(status: StatusCode, code: &str, is_head: bool) -> Result<Response<Body>, Failed> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>A fault on the wire.</Message></Error>"
    );
    let body = if is_head { Body::empty() } else { Body::from(text) };
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "application/xml").body(body)?)
}

/// The first half of an answer's body; an answer without one is lost whole.
async fn cut(answer: Response<Body>) -> Result<Response<Body>, Failed> {
    let (mut head, mut body) = answer.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    if bytes.is_empty() {
        return Err(Closed.into());
    }
    let whole = bytes.freeze();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let pieces: [Result<Bytes, std::io::Error>; 2] =
        [Ok(whole.slice(..whole.len() / 2)), Err(std::io::Error::other("cut by the test"))];
    let half = StreamingBlob::wrap(stream::iter(pieces).then(|piece| async {
        if piece.is_err() {
            // What was written before must be on its way, or the client would see no answer at all.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        piece
    }));
    Ok(Response::from_parts(head, Body::from(half)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    const PLAN: FaultPlan = FaultPlan { seed: 7, percent: 20, hang_percent: 5, stubborn_percent: 1 };

    fn drawn(plan: FaultPlan, operation: &str) -> Vec<Option<Fault>> {
        (0..2_000).map(|key| plan.befalls(&format!("GET /bucket/{key}"), 0, operation).0).collect()
    }

    #[test]
    fn the_same_requests_meet_the_same_faults_at_the_rate_asked_for() {
        let first = drawn(PLAN, "copy");
        assert_eq!(first, drawn(PLAN, "copy"));
        let struck = first.iter().flatten().count();
        assert!((340..=480).contains(&struck), "{struck} of 2,000");
        for fault in Fault::USUAL.into_iter().chain([Fault::Hang]) {
            assert!(first.contains(&Some(fault)), "{fault:?} never comes");
        }
        assert_ne!(first, drawn(FaultPlan { seed: 8, ..PLAN }, "copy"));
    }

    #[test]
    fn only_copies_and_completed_uploads_are_answered_with_an_error_in_a_success() {
        assert!(!drawn(PLAN, "get").contains(&Some(Fault::ErrorInBody)));
    }

    #[test]
    fn a_stubborn_fault_outlives_every_attempt_and_ends() {
        let plan = FaultPlan { percent: 1, stubborn_percent: 10, ..PLAN };
        let key = (0..200).map(|key| format!("GET /bucket/{key}")).find(|key| plan.befalls(key, 0, "get").1);
        let key = key.expect("one of two hundred");
        assert!((0..STUBBORN_ATTEMPTS).all(|made| plan.befalls(&key, made, "get").1));
        assert!((0..20).any(|block| !plan.befalls(&key, block * STUBBORN_ATTEMPTS, "get").1));
    }

    #[test]
    fn without_a_plan_nothing_goes_wrong() {
        assert!(drawn(FaultPlan::default(), "copy").iter().all(Option::is_none));
    }
}
