//! Engine by promise: everything holds but this.

/// The in-memory S3, by the port.
pub const STRICT: &str = "strict";
/// The same over HTTP, by the S3 adapter.
pub const STRICT_OVER_HTTP: &str = "strict-http";
/// The local cloud.
pub const MINISTACK: &str = "ministack";
/// `SeaweedFS`, a server that is meant for use.
pub const SEAWEEDFS: &str = "seaweedfs";

/// The engines that are tried.
pub const ENGINES: &[&str] = &[STRICT, STRICT_OVER_HTTP, MINISTACK, SEAWEEDFS];

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
pub const KNOWN_GAPS: &[KnownGap] = &[
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a dot and a slash are a part of the key",
        reason: "refuses such keys (400): second keys with a dot are tried on the strict S3",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "of copies that create a key at once, one wins",
        reason: "1.5.33 ignores conditions on a copy's destination: what rests on them is proved on the strict S3",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "a copy to an absent key only never replaces",
        reason: "1.5.33 ignores conditions on a copy's destination",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "a copy over what was seen replaces nothing else",
        reason: "1.5.33 ignores conditions on a copy's destination",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "a copy over what was seen needs something there",
        reason: "1.5.33 ignores conditions on a copy's destination",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "conditions at both ends of a copy hold together",
        reason: "1.5.33 ignores the one at the destination",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "a copy answers the SHA-256 of what it wrote",
        reason: "1.5.33 ignores ChecksumAlgorithm on a copy: copies are looked at or read to be checked",
    },
    KnownGap {
        engine: MINISTACK,
        promise: "a copy of an upload in parts answers the SHA-256 of the whole",
        reason: "1.5.33 ignores ChecksumAlgorithm on a copy: the copy is read to be checked",
    },
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a copy of an upload in parts answers the SHA-256 of the whole",
        reason: "4.48 answers none: the copy is read to be checked",
    },
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a copy answers the SHA-256 of what it wrote",
        reason: "4.48 answers none; it keeps the source's, so that a look may tell it",
    },
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a write over what was seen needs something there",
        reason: "4.48 answers 412 where S3 answers 404; nothing is written, and either makes the engine look again",
    },
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a copy over what was seen needs something there",
        reason: "4.48 answers 412 where S3 answers 404; nothing is written, and either makes the engine look again",
    },
    KnownGap {
        engine: SEAWEEDFS,
        promise: "a listing behind a key goes on where that key stood",
        reason: "4.48 lists `gcc/x` right behind `gcc` and, asked for what is behind `gcc`, begins at `gcc-12`: go on by \
                 continuation tokens, never by keys",
    },
];
