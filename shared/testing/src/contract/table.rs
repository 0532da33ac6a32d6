//! Engine by promise: everything holds but this.

/// The engines that are tried.
pub const ENGINES: &[&str] = &["strict", "strict over HTTP", "ministack", "seaweedfs"];

/// A promise that an engine is known to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownGap {
    /// Which engine.
    pub engine: &'static str,
    /// Which promise.
    pub promise: &'static str,
    /// In what way, and what comes of it.
    pub reason: &'static str,
}

/// What is known not to hold. Amazon S3 itself has no entry here, and neither has the strict S3.
pub const KNOWN_GAPS: &[KnownGap] = &[];
