//! Compression as archives use it, with nothing of the clock in the output.

use std::io::Write;

use super::MakeError;

/// How hard the compressors work. Small archives take what real ones take; suites of tens of thousands of packages take
/// what is quick, since their size is no subject of any test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    Usual,
    Quick,
}

pub(super) fn gzip(bytes: &[u8], effort: Effort) -> Result<Vec<u8>, MakeError> {
    let level = match effort {
        Effort::Usual => flate2::Compression::default(),
        Effort::Quick => flate2::Compression::fast(),
    };
    let failed = |source| MakeError::Compression { format: "gzip", source };
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), level);
    encoder.write_all(bytes).map_err(failed)?;
    encoder.finish().map_err(failed)
}

pub(super) fn xz(bytes: &[u8], effort: Effort) -> Result<Vec<u8>, MakeError> {
    let preset = match effort {
        Effort::Usual => 6,
        Effort::Quick => 0,
    };
    let failed = |source| MakeError::Compression { format: "xz", source };
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
    encoder.write_all(bytes).map_err(failed)?;
    encoder.finish().map_err(failed)
}
