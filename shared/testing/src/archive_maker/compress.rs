//! Compression as archives use it, with nothing of the clock in the output.

use std::io::Write;

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};

use super::MakeError;

/// How hard the compressors work. Small archives take what real ones take; suites of tens of thousands of packages take
/// what is quick, since their size is no subject of any test; but their xz has the usual dictionary, since readers need as much
/// memory as that says.
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

/// The dictionary of `xz -6`, in bytes.
const USUAL_DICTIONARY_BYTES: u32 = 8 << 20;

pub(super) fn xz(bytes: &[u8], effort: Effort) -> Result<Vec<u8>, MakeError> {
    let preset = match effort {
        Effort::Usual => 6,
        Effort::Quick => 0,
    };
    let failed = |source| MakeError::Compression { format: "xz", source };
    let stream = LzmaOptions::new_preset(preset).and_then(|mut options| {
        options.dict_size(USUAL_DICTIONARY_BYTES);
        Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64)
    });
    let stream = stream.map_err(|error| failed(error.into()))?;
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).map_err(failed)?;
    encoder.finish().map_err(failed)
}
