//! What names files beside itself: a patch index (`*.diff/Index`) and a checksum list (`SHA256SUMS`).

#![no_main]

use libfuzzer_sys::fuzz_target;
use suitecast_archive::IndexKind;

fuzz_target!(|input: &[u8]| suitecast_fuzz::index(&[IndexKind::DiffIndex, IndexKind::ChecksumList], input));
