//! Placeholder.

pub mod archive_maker;
