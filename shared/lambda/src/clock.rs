//! The time of the machine.

use jiff::Timestamp;
use suitecast_engine::Clock;

/// The machine's clock; the only place where it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port's one implementation")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
