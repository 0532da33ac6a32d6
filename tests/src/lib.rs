//! What the tests of the whole share: a Region in memory, and servers started and stopped.

pub mod world;
