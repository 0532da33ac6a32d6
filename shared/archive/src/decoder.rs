//! Decompression into a buffer of fixed size, so that no input can make memory grow.

use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream::{Action, CONCATENATED, Status as XzStatus, Stream};
use thiserror::Error;

use crate::Compression;

/// The most memory in bytes that decoding xz may take. `xz -9`, the strongest preset, takes 65 MiB (xz(1)).
pub const MAX_XZ_MEMORY_BYTES: u64 = 80 * 1024 * 1024;

/// The window of gzip's format: 2^15 bytes (RFC 1951).
const GZIP_WINDOW_BITS: u8 = 15;

/// Why compressed data cannot be read.
#[derive(Debug, Error)]
pub(crate) enum DecodeError {
    #[error("the gzip data is damaged")]
    Gzip(#[source] flate2::DecompressError),
    #[error("the xz data is damaged")]
    Xz(#[source] liblzma::stream::Error),
    #[error(
        "the xz data takes more than {MAX_XZ_MEMORY_BYTES} bytes of memory to read; compress with a preset up to -9"
    )]
    XzMemory,
    #[error("the compressed data is damaged: it goes neither forward nor to an end")]
    Stalled,
    #[error("the compressed data ends before its stream does")]
    Truncated,
}

impl DecodeError {
    fn xz(source: liblzma::stream::Error) -> Self {
        match source {
            liblzma::stream::Error::MemLimit => Self::XzMemory,
            _ => Self::Xz(source),
        }
    }
}

/// How far one step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes taken from the input.
    pub(crate) consumed: usize,
    /// Bytes put into the output.
    pub(crate) produced: usize,
}

/// A decompressor that is handed input and output buffers.
pub(crate) enum Decoder {
    /// No compression: the caller uses its input as it is.
    Plain,
    /// One or more gzip members; the flag says whether a member has begun.
    Gzip { inflate: Box<Decompress>, is_inside_member: bool },
    /// One or more xz streams.
    Xz(Box<Stream>),
}

impl Decoder {
    /// A decoder; none for a compression that is not read.
    pub(crate) fn new(compression: Compression) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match compression {
            Compression::None => Self::Plain,
            Compression::Gzip => {
                Self::Gzip { inflate: Box::new(Decompress::new_gzip(GZIP_WINDOW_BITS)), is_inside_member: false }
            }
            Compression::Xz => Self::Xz(Box::new(
                Stream::new_stream_decoder(MAX_XZ_MEMORY_BYTES, CONCATENATED).map_err(DecodeError::xz)?,
            )),
            Compression::Bzip2 | Compression::Lzma | Compression::Zstd | Compression::Lz4 => return Ok(None),
        }))
    }

    /// Decodes as much as there is input for and output has room for. With `is_last`, no more input will come.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8], is_last: bool) -> Result<Step, DecodeError> {
        let step = match self {
            Self::Plain => {
                let length = input.len().min(output.len());
                for (to, from) in output.iter_mut().zip(input) {
                    *to = *from;
                }
                Step { consumed: length, produced: length }
            }
            Self::Gzip { inflate, is_inside_member } => step_gzip(inflate, is_inside_member, input, output)?,
            Self::Xz(stream) => step_xz(stream, input, output, is_last)?,
        };
        if step.consumed == 0 && step.produced == 0 && !input.is_empty() {
            return Err(DecodeError::Stalled);
        }
        Ok(step)
    }

    /// Says, after the last step with `is_last` produced nothing, whether the data had come to its end.
    pub(crate) fn check_end(&mut self) -> Result<(), DecodeError> {
        match self {
            Self::Plain | Self::Gzip { is_inside_member: false, .. } => Ok(()),
            Self::Gzip { is_inside_member: true, .. } => Err(DecodeError::Truncated),
            Self::Xz(stream) => match stream.process(&[], &mut [], Action::Finish) {
                Ok(XzStatus::StreamEnd) => Ok(()),
                Ok(_) => Err(DecodeError::Truncated),
                Err(source) => Err(DecodeError::xz(source)),
            },
        }
    }
}

fn step_gzip(
    inflate: &mut Box<Decompress>,
    is_inside_member: &mut bool,
    input: &[u8],
    output: &mut [u8],
) -> Result<Step, DecodeError> {
    if !*is_inside_member {
        if input.is_empty() {
            return Ok(Step { consumed: 0, produced: 0 });
        }
        if inflate.total_in() > 0 {
            **inflate = Decompress::new_gzip(GZIP_WINDOW_BITS);
        }
        *is_inside_member = true;
    }
    let (consumed, produced) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None).map_err(DecodeError::Gzip)?;
    if status == Status::StreamEnd {
        *is_inside_member = false;
    }
    Ok(Step { consumed: length(inflate.total_in() - consumed), produced: length(inflate.total_out() - produced) })
}

fn step_xz(stream: &mut Stream, input: &[u8], output: &mut [u8], is_last: bool) -> Result<Step, DecodeError> {
    let (consumed, produced) = (stream.total_in(), stream.total_out());
    let action = if is_last { Action::Finish } else { Action::Run };
    stream.process(input, output, action).map_err(DecodeError::xz)?;
    Ok(Step { consumed: length(stream.total_in() - consumed), produced: length(stream.total_out() - produced) })
}

/// A difference of counters that cannot be larger than a buffer.
fn length(difference: u64) -> usize {
    usize::try_from(difference).unwrap_or(usize::MAX)
}
