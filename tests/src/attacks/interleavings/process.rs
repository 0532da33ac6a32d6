//! A process as what it is to everybody else: a function from the answers it got, and the times it got them at, to what it
//! asks next.
//!
//! The real code runs against a desk where each of its operations lies until somebody answers it. Where a process has come
//! to is a [`Node`], reached by a path of answers; it is run again from its start for each node that is new, and never for
//! one that is known.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::task::{ArcWake, waker};
use jiff::Timestamp;
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::replicate::{self, Upload};
use suitecast_engine::{Clock, Ports, QueueError, Settings, SuitesQueue, Wake};
use suitecast_store::{
    Copied, CopyRequest, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Put, PutRequest, Store, StoreError,
};
use suitecast_testing::ManualClock;

use super::operation::{Answer, Fingerprint, Request, Side};
use super::sabotage::{STATES, Sabotage};

/// What stands before a lease's token in a state: the one thing there that is random.
const HOLDER: &str = "\"holder\":\"";
/// What such a token is called outside the process that drew it.
const PUBLIC_TOKEN: &str = "run-";

/// What a process does.
#[derive(Debug, Clone)]
pub(super) enum Program {
    Publish(PublishRequest),
    Replicate(Vec<Upload>),
}

/// How it ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// A publisher answered.
    Answered,
    /// A publisher failed, and whether the same call may succeed later.
    Failed { is_retryable: bool, text: String },
    /// The uploads that failed.
    Replicated { failed: Vec<Upload> },
}

/// An operation that lies on the desk.
#[derive(Debug, Clone)]
pub(super) struct Parked {
    pub(super) request: Arc<Request>,
    pub(super) fingerprint: u128,
    /// How many answers the process had got when it asked.
    issued_at: usize,
}

/// An operation and its answer.
#[derive(Debug)]
struct Step {
    request: u128,
    answer: Answer,
    at: Timestamp,
    fingerprint: u128,
}

/// Where a process has come to.
#[derive(Debug)]
pub(super) struct Node {
    path: Vec<Arc<Step>>,
    pub(super) parked: Vec<Parked>,
    pub(super) outcome: Option<Outcome>,
}

/// One process, as far as it has been found out.
pub(super) struct Process {
    program: Program,
    settings: Settings,
    sabotage: Option<Sabotage>,
    /// Its name in the states it writes, in place of its lease's random token.
    public_token: String,
    pub(super) nodes: Vec<Node>,
    by_path: HashMap<u128, usize>,
    next: HashMap<(usize, u128, u128, Timestamp), usize>,
}

impl Process {
    /// A process that has not begun: [`Request::Start`] is the one thing it asks for.
    pub(super) fn new(number: usize, program: Program, settings: Settings, sabotage: Option<Sabotage>) -> Self {
        let start = Request::Start;
        let parked = vec![Parked { fingerprint: start.fingerprint(), request: Arc::new(start), issued_at: 0 }];
        let node = Node { path: Vec::new(), parked, outcome: None };
        let public_token = format!("{PUBLIC_TOKEN}{number}");
        let by_path = HashMap::from([(path_fingerprint(&[]), 0)]);
        Self { program, settings, sabotage, public_token, nodes: vec![node], by_path, next: HashMap::new() }
    }

    /// Where it comes to from `node` when the operation `parked` is answered so at this time.
    pub(super) fn answered(&mut self, node: usize, parked: usize, answer: Answer, at: Timestamp) -> usize {
        let asked = &self.nodes[node].parked[parked];
        let edge = (node, asked.fingerprint, answer.fingerprint(), at);
        if let Some(next) = self.next.get(&edge) {
            return *next;
        }
        let fingerprint = Fingerprint::of(|hasher| (edge.1, edge.2, edge.3.as_nanosecond()).hash(hasher));
        let step = Arc::new(Step { request: edge.1, answer, at, fingerprint });
        let issued_at = asked.issued_at;
        let next = self.arrive(node, step, issued_at);
        self.next.insert(edge, next);
        next
    }

    fn arrive(&mut self, from: usize, step: Arc<Step>, issued_at: usize) -> usize {
        let mut path = self.nodes[from].path.clone();
        let place = place_of(&path, &step, issued_at);
        path.insert(place, step);
        let key = path_fingerprint(&path);
        if let Some(known) = self.by_path.get(&key) {
            return *known;
        }
        let (parked, outcome) = self.run(&path);
        let number = self.nodes.len();
        self.nodes.push(Node { path, parked, outcome });
        self.by_path.insert(key, number);
        number
    }

    /// Runs the real code from its start along a path.
    ///
    /// # Panics
    /// When it does not ask what it asked before: then it is no function of its answers, and nothing here holds.
    fn run(&self, path: &[Arc<Step>]) -> (Vec<Parked>, Option<Outcome>) {
        let (Some(start), answers) = (path.first(), path.get(1..).unwrap_or_default()) else {
            return (Vec::new(), None);
        };
        let desk = Desk::new(&self.public_token);
        let clock = ManualClock::at(start.at);
        let mut running = self.begin(&desk, &clock);
        desk.state().delivered = 1;
        let mut outcome = poll(&mut running);
        for step in answers {
            clock.set(step.at);
            assert!(desk.answer(step.request, step.answer.clone()), "the code does not do the same twice: {step:?}");
            outcome = poll(&mut running);
        }
        (desk.parked(), outcome)
    }

    fn begin(&self, desk: &Arc<Desk>, clock: &ManualClock) -> Running {
        let sabotage = self.sabotage;
        let store = |side| Arc::new(DeskStore { desk: Arc::clone(desk), side, sabotage }) as Arc<dyn Store>;
        let ports = Ports {
            master: store(Side::Master),
            region: store(Side::Region),
            queue: Arc::new(DeskQueue(Arc::clone(desk))),
            clock: Arc::new(ProcessClock(clock.clone())),
        };
        let (program, settings) = (self.program.clone(), self.settings.clone());
        Box::pin(async move {
            match program {
                Program::Publish(request) => match publish::run(&ports, &settings, &request).await {
                    Ok(_) => Outcome::Answered,
                    Err(error) => Outcome::Failed { is_retryable: error.is_retryable(), text: format!("{error:?}") },
                },
                Program::Replicate(uploads) => {
                    let report = replicate::run(&ports, &settings, &uploads).await;
                    let results = uploads.into_iter().zip(report.uploads);
                    let failed = results.filter(|(_, result)| result.is_err()).map(|(upload, _)| upload).collect();
                    Outcome::Replicated { failed }
                }
            }
        })
    }
}

/// Where a step belongs in a path. Operations that lay on the desk together may be answered in any order, and the process
/// is the same afterwards: it joins them, and they share nothing. So of such neighbours the one with the smaller fingerprint
/// comes first, whichever did.
fn place_of(path: &[Arc<Step>], step: &Step, issued_at: usize) -> usize {
    let mut place = path.len();
    while place > issued_at {
        let before = &path[place - 1];
        if before.at != step.at || before.fingerprint <= step.fingerprint {
            break;
        }
        place -= 1;
    }
    place
}

fn path_fingerprint(path: &[Arc<Step>]) -> u128 {
    Fingerprint::of(|hasher| path.iter().for_each(|step| step.fingerprint.hash(hasher)))
}

type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// Whether somebody asked to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.store(true, Ordering::SeqCst);
    }
}

/// Polls until nothing moves any more but by an answer.
fn poll(running: &mut Running) -> Option<Outcome> {
    let woken = Arc::new(Woken::default());
    let waker = waker(Arc::clone(&woken));
    loop {
        match running.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return Some(outcome),
            Poll::Pending if woken.0.swap(false, Ordering::SeqCst) => {}
            Poll::Pending => return None,
        }
    }
}

struct OnDesk {
    parked: Parked,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct DeskState {
    lying: Vec<OnDesk>,
    delivered: usize,
    token: Option<String>,
}

/// Where the operations of one process lie.
struct Desk {
    public_token: String,
    state: Mutex<DeskState>,
}

impl Desk {
    fn new(public_token: &str) -> Arc<Self> {
        Arc::new(Self { public_token: public_token.to_owned(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, DeskState> {
        self.state.lock().unwrap()
    }

    async fn ask(&self, request: Request) -> Answer {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state();
            let issued_at = state.delivered;
            let parked = Parked { fingerprint: request.fingerprint(), request: Arc::new(request), issued_at };
            state.lying.push(OnDesk { parked, answer });
        }
        answered.await.expect("an operation is answered")
    }

    /// Whether there was such an operation to answer.
    fn answer(&self, request: u128, answer: Answer) -> bool {
        let mut state = self.state();
        state.lying.retain(|lying| !lying.answer.is_canceled());
        let Some(at) = state.lying.iter().position(|lying| lying.parked.fingerprint == request) else { return false };
        state.delivered += 1;
        state.lying.remove(at).answer.send(answer).is_ok()
    }

    /// What lies there and still matters to somebody.
    fn parked(&self) -> Vec<Parked> {
        let state = self.state();
        state.lying.iter().filter(|lying| !lying.answer.is_canceled()).map(|lying| lying.parked.clone()).collect()
    }

    /// A lease's token is random, and says nothing but whose it is. Outside it is the process's number, so that equal
    /// histories leave equal bytes.
    fn outwards(&self, bytes: Bytes) -> Bytes {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((_, rest)) = text.split_once(HOLDER) else { return bytes };
        let Some((token, _)) = rest.split_once('"') else { return bytes };
        if token.starts_with(PUBLIC_TOKEN) {
            return bytes;
        }
        self.state().token = Some(token.to_owned());
        Bytes::from(text.replace(token, &self.public_token))
    }

    fn inwards(&self, bytes: Bytes) -> Bytes {
        let Some(token) = self.state().token.clone() else { return bytes };
        let public = format!("{HOLDER}{}\"", self.public_token);
        Bytes::from(String::from_utf8_lossy(&bytes).replace(&public, &format!("{HOLDER}{token}\"")))
    }
}

struct ProcessClock(ManualClock);

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct DeskQueue(Arc<Desk>);

#[async_trait]
impl SuitesQueue for DeskQueue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        self.0.ask(Request::Wake(wakes.to_vec())).await;
        Ok(())
    }
}

struct DeskStore {
    desk: Arc<Desk>,
    side: Side,
    sabotage: Option<Sabotage>,
}

#[async_trait]
impl Store for DeskStore {
    fn bucket(&self) -> &str {
        self.side.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        let is_state = request.key.starts_with(STATES);
        match self.desk.ask(Request::Get(self.side, request)).await {
            Answer::Object(info, bytes) if is_state => Answer::Object(info, self.desk.inwards(bytes)).into_got(),
            answer => answer.into_got(),
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        match self.desk.ask(Request::Head(self.side, key.to_owned())).await {
            Answer::Info(info) => Ok(info),
            other => Err(other.into_error()),
        }
    }

    async fn put(&self, mut request: PutRequest) -> Result<Put, StoreError> {
        if request.key.starts_with(STATES) {
            request.bytes = self.desk.outwards(request.bytes);
        }
        if let Some(sabotage) = self.sabotage {
            sabotage.spoil_put(&mut request);
        }
        match self.desk.ask(Request::Put(self.side, request)).await {
            Answer::Put(put) => Ok(put),
            other => Err(other.into_error()),
        }
    }

    async fn copy(&self, mut request: CopyRequest) -> Result<Copied, StoreError> {
        if let Some(sabotage) = self.sabotage {
            sabotage.spoil_copy(&mut request);
        }
        match self.desk.ask(Request::Copy(self.side, request)).await {
            Answer::Copied(copied) => Ok(copied),
            other => Err(other.into_error()),
        }
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        match self.desk.ask(Request::List(self.side, request)).await {
            Answer::Page(page) => Ok(page),
            other => Err(other.into_error()),
        }
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        match self.desk.ask(Request::Versions(self.side, key.to_owned(), most)).await {
            Answer::Versions(versions) => Ok(versions),
            other => Err(other.into_error()),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.desk.ask(Request::Delete(self.side, key.to_owned())).await {
            Answer::Done => Ok(()),
            other => Err(other.into_error()),
        }
    }
}
