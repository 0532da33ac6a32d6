//! An apt client that looks at what is served after every effect in the Region.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own client: what fails here fails the test"
)]

use std::sync::{Arc, Mutex, MutexGuard};

use suitecast_testing::Effect;
use suitecast_testing::client_model::{ClientModel, LiveRelease, Scope, StoreReader};

use crate::world::{REGION, World};

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Sights {
    /// How often somebody looked.
    pub looks: usize,
    /// What did not fit, and after which effect.
    pub broken: Vec<String>,
    /// The release files that were served, one after another.
    pub lives: Vec<LiveRelease>,
    /// Where the `Date` served went back.
    pub backwards: Vec<String>,
    /// Everything that was done, and what refused to be done.
    pub effects: Vec<Effect>,
}

/// The client.
pub struct Watcher(Arc<Mutex<Sights>>);

impl Watcher {
    /// Looks at a suite after every effect from now on, in place of whoever looked before.
    ///
    /// # Panics
    /// When the bucket cannot be read.
    pub fn over(world: &World, suite: &str) -> Self {
        Self::with(world, suite, &Self::memory())
    }

    /// What a client has read and hashed once it knows again by its tag, in whichever world: for tests of many worlds.
    pub fn memory() -> Arc<Mutex<ClientModel>> {
        Arc::new(Mutex::new(ClientModel::new(Scope::default())))
    }

    /// The same as [`Watcher::over`], with a memory shared between worlds.
    ///
    /// # Panics
    /// When the bucket cannot be read.
    pub fn with(world: &World, suite: &str, memory: &Arc<Mutex<ClientModel>>) -> Self {
        let sights = Arc::new(Mutex::new(Sights::default()));
        let (into, s3, suite) = (Arc::clone(&sights), world.s3.clone(), suite.to_owned());
        let model = Arc::clone(memory);
        world.faults.observe(move |effect| {
            let bucket = s3.bucket(REGION);
            // On a thread of its own: the runtime of the task that is being watched stands still meanwhile.
            let view = std::thread::scope(|scope| {
                let walk = || {
                    let mut model = model.lock().unwrap();
                    futures::executor::block_on(model.walk(&StoreReader(&bucket), &suite))
                };
                scope.spawn(walk).join().unwrap().unwrap()
            });
            let mut sights = into.lock().unwrap();
            sights.looks += 1;
            sights.broken.extend(view.broken.iter().map(|broken| format!("after {effect:?}: {broken}")));
            if let Some(live) = view.live
                && sights.lives.last() != Some(&live)
            {
                let newest = sights.lives.iter().filter_map(|live| live.date).max();
                if live.date < newest {
                    sights.backwards.push(format!("after {effect:?}: from {newest:?} to {:?}", live.date));
                }
                sights.lives.push(live);
            }
            sights.effects.push(effect.clone());
        });
        Self(sights)
    }

    /// What was seen so far.
    ///
    /// # Panics
    /// When a look failed.
    pub fn sights(&self) -> MutexGuard<'_, Sights> {
        self.0.lock().unwrap()
    }
}
