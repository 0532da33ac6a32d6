//! The time of the machine.

use jiff::Timestamp;
use suitecast_engine::Clock;

/// The machine's clock; the only place where it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
