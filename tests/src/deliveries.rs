//! The two queues as SQS keeps them, in a time that is turned by hand: what was received and not acknowledged comes back.
//!
//! [`World::settle`](crate::world::World::settle) delivers everything once and at once. Here a message has a fate of its
//! own: a run receives it, it is hidden for the visibility timeout, and it goes only when it is acknowledged, which is an
//! effect like any other and can fail before or after it took place. A process that died is followed by another one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's own queues: what fails here fails the test"
)]

use jiff::{SignedDuration, Timestamp};
use suitecast_engine::publish::{self, PublishRequest};
use suitecast_engine::replicate::{self, Upload};
use suitecast_engine::sweep;
use suitecast_engine::{EngineError, Wake};
use suitecast_testing::EffectKind;

use crate::world::{SUITES_QUEUE, World};

/// The uploads queue's name, as its effects have it.
pub const UPLOADS_QUEUE: &str = "uploads";

/// How long a received upload is hidden: the template's `VisibilityTimeout` of the uploads queue.
const UPLOADS_VISIBILITY: SignedDuration = SignedDuration::from_mins(12);
/// The same of the suites queue.
const SUITES_VISIBILITY: SignedDuration = SignedDuration::from_mins(10);
/// When a message that failed for a passing reason comes back first; three times as long each time after.
const FIRST_RETURN: SignedDuration = SignedDuration::from_secs(5);
/// And at most so late.
const LAST_RETURN: SignedDuration = SignedDuration::from_mins(15);
/// Deliveries after which a message goes to the dead-letter queue: the template's `maxReceiveCount`.
const MAX_DELIVERIES: u32 = 20;
/// How often the schedule sweeps by default.
pub const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// One message, received or not.
struct Message<T> {
    id: u64,
    body: T,
    visible_at: Timestamp,
    deliveries: u32,
}

/// A standard queue: at least once. This one happens to keep the order.
struct TimedQueue<T> {
    messages: Vec<Message<T>>,
    sent: u64,
    visibility: SignedDuration,
}

impl<T: Clone> TimedQueue<T> {
    fn new(visibility: SignedDuration) -> Self {
        Self { messages: Vec::new(), sent: 0, visibility }
    }

    fn send(&mut self, body: T, now: Timestamp) {
        self.messages.push(Message { id: self.sent, body, visible_at: now, deliveries: 0 });
        self.sent += 1;
    }

    /// Up to `most` visible messages, hidden from now on. One that was delivered too often is an error.
    fn receive(&mut self, most: usize, now: Timestamp) -> Result<Vec<(u64, T)>, String> {
        let mut received = Vec::new();
        for message in self.messages.iter_mut().filter(|message| message.visible_at <= now).take(most) {
            message.deliveries += 1;
            message.visible_at = now + self.visibility;
            if message.deliveries > MAX_DELIVERIES {
                return Err("a message would lie in the dead-letter queue".to_owned());
            }
            received.push((message.id, message.body.clone()));
        }
        Ok(received)
    }

    /// What a function does with a message that failed for a passing reason.
    fn give_back(&mut self, id: u64, now: Timestamp) {
        for message in self.messages.iter_mut().filter(|message| message.id == id) {
            let longer = 3_i32.checked_pow(message.deliveries.saturating_sub(1)).unwrap_or(i32::MAX);
            message.visible_at = now + FIRST_RETURN.saturating_mul(longer).min(LAST_RETURN);
        }
    }

    fn acknowledge(&mut self, ids: &[u64]) {
        self.messages.retain(|message| !ids.contains(&message.id));
    }

    fn next_visible(&self) -> Option<Timestamp> {
        self.messages.iter().map(|message| message.visible_at).min()
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A batch or a message was worked on, to its end or until the process died.
    Worked,
    /// Nothing was visible: the clock was turned to where the next message is.
    Waited,
    /// No message is left, hidden or visible.
    AtRest,
}

/// The queues of one world, and the functions behind them.
pub struct Deliveries {
    uploads: TimedQueue<Upload>,
    wakes: TimedQueue<Wake>,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { uploads: TimedQueue::new(UPLOADS_VISIBILITY), wakes: TimedQueue::new(SUITES_VISIBILITY) }
    }
}

impl Deliveries {
    /// One step: a batch of uploads, else a message of the suites queue, else time passes.
    ///
    /// # Errors
    /// A run failed for good, or a message was delivered too often: what no crash may lead to.
    pub async fn step(&mut self, world: &mut World) -> Result<Step, String> {
        let now = world.clock.now();
        for upload in world.uploads() {
            self.uploads.send(upload, now);
        }
        for wake in world.queue.take() {
            self.wakes.send(wake, now);
        }
        let batch = self.uploads.receive(world.batch_size, now)?;
        if !batch.is_empty() {
            self.replicate(world, batch).await?;
            return Ok(Step::Worked);
        }
        if let Some((id, wake)) = self.wakes.receive(1, now)?.pop() {
            self.publish(world, id, wake).await?;
            return Ok(Step::Worked);
        }
        match self.uploads.next_visible().into_iter().chain(self.wakes.next_visible()).min() {
            Some(next) => {
                world.clock.set(next);
                Ok(Step::Waited)
            }
            None => Ok(Step::AtRest),
        }
    }

    /// Loses every message, and every event on its way.
    pub fn lose_everything(&mut self, world: &World) {
        world.uploads();
        world.queue.take();
        *self = Self::default();
    }

    async fn replicate(&mut self, world: &World, batch: Vec<(u64, Upload)>) -> Result<(), String> {
        let uploads: Vec<Upload> = batch.iter().map(|(_, upload)| upload.clone()).collect();
        let report = replicate::run(&world.ports, &world.settings, &uploads).await;
        let mut done = Vec::new();
        for ((id, _), result) in batch.iter().zip(report.uploads) {
            match result {
                Ok(_) => done.push(*id),
                // Nobody is left to give it back.
                Err(_) if world.faults.is_crashed() => {}
                Err(error) => {
                    passing(&error)?;
                    self.uploads.give_back(*id, world.clock.now());
                }
            }
        }
        acknowledge(world, &mut self.uploads, UPLOADS_QUEUE, &done).await;
        Ok(())
    }

    async fn publish(&mut self, world: &mut World, id: u64, wake: Wake) -> Result<(), String> {
        world.publish_runs += 1;
        let request = PublishRequest::from(wake);
        match publish::run(&world.ports, &world.settings, &request).await {
            Ok(report) => {
                world.reports.push(report);
                acknowledge(world, &mut self.wakes, SUITES_QUEUE, &[id]).await;
            }
            Err(_) if world.faults.is_crashed() => another_process(world),
            Err(error) => {
                passing(&error)?;
                self.wakes.give_back(id, world.clock.now());
            }
        }
        Ok(())
    }
}

/// A sweep as the schedule invokes it; whether it came to its end.
///
/// # Errors
/// It failed for good.
pub async fn sweep(world: &World) -> Result<bool, String> {
    let swept = sweep::run(&world.ports, &world.settings).await;
    if world.faults.is_crashed() {
        another_process(world);
        return Ok(false);
    }
    match swept {
        Ok(_) => Ok(true),
        Err(error) => passing(&error).map(|()| false),
    }
}

/// Lambda takes what is done off the queue, all of a batch in one call. A process that died before has nothing done.
async fn acknowledge<T: Clone + Send>(world: &World, queue: &mut TimedQueue<T>, name: &str, done: &[u64]) {
    if !done.is_empty() {
        let effect = async {
            queue.acknowledge(done);
            Ok(())
        };
        // What is not acknowledged comes back: that is all that follows from a failure.
        let _ = world.faults.effect(EffectKind::Acknowledge, name, "", effect, str::to_owned).await;
    }
    another_process(world);
}

/// Where one died, the next message is for another.
fn another_process(world: &World) {
    if world.faults.is_crashed() {
        world.faults.repair();
    }
}

fn passing(error: &EngineError) -> Result<(), String> {
    if error.is_retryable() { Ok(()) } else { Err(format!("a run failed for good: {error:?}")) }
}
