//! Failing at any step, on purpose: before an effect, or after it with its answer lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use suitecast_store::{
    Copied, CopyRequest, ErrorKind, GetRequest, Got, ListPage, ListRequest, ObjectInfo, Operation, Put, PutRequest,
    Store, StoreError,
};
use tokio::sync::watch;

/// What a dead process hears of all it asks for.
const DEAD: &str = "the process is dead (a fault of the test)";

/// When the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The effect does not take place.
    Before,
    /// The effect takes place, and nobody is told.
    After,
}

/// What becomes of the calls behind the one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// They go through: one lost answer.
    GoesOn,
    /// They all fail, reads too, until [`Faults::repair`]: the process is dead.
    Crash,
}

/// What kind of effect it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// A put, a copy or a delete in a store.
    Store(Operation),
    /// A message handed to a queue.
    Send,
    /// A message taken off a queue, since its work is done.
    Acknowledge,
}

/// Most effects are a store's, and are asked for by its operation.
impl PartialEq<Operation> for EffectKind {
    fn eq(&self, operation: &Operation) -> bool {
        *self == Self::Store(*operation)
    }
}

/// An effect that took place, as the observer hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its number, from 0, over everything that shares the faults.
    pub number: u64,
    /// What kind of effect.
    pub operation: EffectKind,
    /// The bucket, or the queue.
    pub bucket: String,
    /// The key, or what the message says.
    pub key: String,
    /// Whether it was done; a refused one changed nothing.
    pub done: bool,
}

type Observer = Arc<dyn Fn(&Effect) + Send + Sync>;

#[derive(Default)]
struct State {
    effects: u64,
    fault: Option<(u64, Moment, Aftermath)>,
    crashed: bool,
    struck: bool,
    observer: Option<Observer>,
    gate: Option<(u64, watch::Sender<bool>, watch::Receiver<bool>)>,
}

/// A counter of effects (puts, copies and deletes, and what is sent and acknowledged) shared by any number of
/// [`FaultyStore`]s and by whatever goes through [`Faults::effect`], and what is to happen at which of them. Clones share
/// it.
///
/// A crash at every step is: run once with no fault and ask for [`Faults::effects`]; then, for each number below it and
/// each [`Moment`], start from a fresh world, [`Faults::fail`], run, look, [`Faults::repair`], run again.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// No faults.
    pub fn none() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The effect with this number (from 0) fails with `Unavailable`.
    pub fn fail(&self, number: u64, moment: Moment, aftermath: Aftermath) {
        let mut state = self.state();
        state.fault = Some((number, moment, aftermath));
        state.struck = false;
        state.crashed = false;
    }

    /// No more faults, and a crashed process may start again. Counting goes on.
    pub fn repair(&self) {
        let mut state = self.state();
        state.fault = None;
        state.crashed = false;
    }

    /// Whether the fault was met.
    pub fn struck(&self) -> bool {
        self.state().struck
    }

    /// Effects attempted so far.
    pub fn effects(&self) -> u64 {
        self.state().effects
    }

    /// Is called after each effect, before its caller hears of it: the place to look at what clients see.
    pub fn observe(&self, observer: impl Fn(&Effect) + Send + Sync + 'static) {
        self.state().observer = Some(Arc::new(observer));
    }

    /// Nobody looks any more.
    pub fn forget_observer(&self) {
        self.state().observer = None;
    }

    /// Holds the effect with this number back until the gate is opened, so that something else can happen first.
    pub fn hold(&self, number: u64) -> Gate {
        let (reach, reached) = watch::channel(false);
        let (open, opened) = watch::channel(false);
        self.state().gate = Some((number, reach, opened));
        Gate { reached, open }
    }

    fn begin(&self) -> (u64, Option<(Moment, Aftermath)>, bool) {
        let mut state = self.state();
        if state.crashed {
            return (state.effects, None, true);
        }
        let number = state.effects;
        state.effects += 1;
        let fault = state.fault.filter(|(wanted, ..)| *wanted == number);
        if let Some((_, moment, aftermath)) = fault {
            state.struck = true;
            if moment == Moment::Before && aftermath == Aftermath::Crash {
                state.crashed = true;
            }
        }
        (number, fault.map(|(_, moment, aftermath)| (moment, aftermath)), false)
    }

    async fn wait_at_gate(&self, number: u64) {
        let gate = {
            let mut state = self.state();
            let meant = state.gate.as_ref().is_some_and(|(wanted, ..)| *wanted == number);
            if meant { state.gate.take() } else { None }
        };
        if let Some((_, reach, mut opened)) = gate {
            reach.send_replace(true);
            // An error means that the gate was dropped: nobody holds anything back then.
            let _ = opened.wait_for(|open| *open).await;
        }
    }

    fn crash(&self) {
        self.state().crashed = true;
    }

    /// Whether the process is dead, so that nothing gets through, until [`Faults::repair`].
    pub fn is_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Lets an effect take place, or fail, as the faults say. `failed` makes the error of what failed from a reason.
    ///
    /// # Errors
    /// The effect's own, or that of a fault.
    pub async fn effect<T, E>(
        &self,
        operation: EffectKind,
        bucket: &str,
        key: &str,
        effect: impl Future<Output = Result<T, E>> + Send,
        failed: impl Fn(&str) -> E + Send,
    ) -> Result<T, E> {
        let (number, fault, dead) = self.begin();
        if dead {
            return Err(failed(DEAD));
        }
        if let Some((Moment::Before, _)) = fault {
            return Err(failed("failed before its effect (a fault of the test)"));
        }
        self.wait_at_gate(number).await;
        let outcome = effect.await;
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.tell(&Effect { number, operation, bucket, key, done: outcome.is_ok() });
        match fault {
            Some((_, aftermath)) => {
                if aftermath == Aftermath::Crash {
                    self.crash();
                }
                Err(failed("its answer got lost (a fault of the test)"))
            }
            None => outcome,
        }
    }

    fn tell(&self, effect: &Effect) {
        let observer = self.state().observer.clone();
        if let Some(observer) = observer {
            observer(effect);
        }
    }
}

/// Holds one effect back; made by [`Faults::hold`]. Dropping it opens it.
pub struct Gate {
    reached: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Waits until the effect stands at the gate.
    pub async fn reached(&mut self) {
        // An error means that the faults are gone, and nothing will ever come.
        let _ = self.reached.wait_for(|reached| *reached).await;
    }

    /// Lets it through.
    pub fn open(self) {
        self.open.send_replace(true);
    }
}

/// A store whose effects fail as [`Faults`] says.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: Faults,
}

impl FaultyStore {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }

    fn unavailable(&self, operation: Operation, key: &str, detail: &str) -> StoreError {
        StoreError {
            operation,
            bucket: self.inner.bucket().to_owned(),
            key: key.to_owned(),
            kind: ErrorKind::Unavailable,
            detail: detail.to_owned(),
            source: None,
        }
    }

    fn alive(&self, operation: Operation, key: &str) -> Result<(), StoreError> {
        if self.faults.is_crashed() {
            return Err(self.unavailable(operation, key, DEAD));
        }
        Ok(())
    }

    async fn effect<T: Send>(
        &self,
        operation: Operation,
        key: &str,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let failed = |detail: &str| self.unavailable(operation, key, detail);
        self.faults.effect(EffectKind::Store(operation), self.inner.bucket(), key, effect, failed).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn bucket(&self) -> &str {
        self.inner.bucket()
    }

    async fn get(&self, request: GetRequest) -> Result<Got, StoreError> {
        self.alive(Operation::Get, &request.key)?;
        self.inner.get(request).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.alive(Operation::Head, key)?;
        self.inner.head(key).await
    }

    async fn put(&self, request: PutRequest) -> Result<Put, StoreError> {
        let key = request.key.clone();
        self.effect(Operation::Put, &key, self.inner.put(request)).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Copied, StoreError> {
        let key = request.key.clone();
        self.effect(Operation::Copy, &key, self.inner.copy(request)).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage, StoreError> {
        self.alive(Operation::List, &request.prefix)?;
        self.inner.list(request).await
    }

    async fn versions(&self, key: &str, most: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        self.alive(Operation::Versions, key)?;
        self.inner.versions(key, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.effect(Operation::Delete, key, self.inner.delete(key)).await
    }
}
