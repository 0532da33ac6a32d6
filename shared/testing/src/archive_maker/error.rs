//! What can go wrong while an archive is made.

use std::path::PathBuf;

/// An archive could not be made or written. Always the fault of the settings or of the disk; trying again with the same
/// settings fails in the same way.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A path does not fit into the 100 bytes that a plain tar header has for it.
    #[error("`{path}` is longer than a tar header can hold; use a shorter package name")]
    PathTooLong {
        /// The path inside the tarball.
        path: String,
    },
    /// A compressor refused.
    #[error("compressing as {format} failed")]
    Compression {
        /// Which one.
        format: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// The key could not be made, read or used.
    #[error("{doing} failed")]
    Signing {
        /// What was being done.
        doing: &'static str,
        /// What the `OpenPGP` library said.
        source: Box<pgp::errors::Error>,
    },
    /// A date lies outside what a signature can hold.
    #[error("{date} does not fit into an OpenPGP signature; use a date between 1970 and 2106")]
    Date {
        /// The date.
        date: jiff::Timestamp,
    },
    /// A file could not be read or written.
    #[error("`{}` could not be read or written", path.display())]
    Disk {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Generations are counted from 1.
    #[error("generations are counted from 1; there is no generation 0")]
    NoSuchGeneration,
}
