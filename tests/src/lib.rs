//! What the tests of the whole share: a Region in memory, and servers started and stopped.

pub mod attacks;
pub mod buckets;
pub mod budgets;
pub mod case;
pub mod deliveries;
pub mod edits;
pub mod servers;
pub mod watcher;
pub mod world;
