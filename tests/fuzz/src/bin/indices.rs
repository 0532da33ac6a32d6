//! `Packages` and `Sources`: plain, gzip and xz, cut anywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use suitecast_archive::IndexKind;

fuzz_target!(|input: &[u8]| suitecast_fuzz::index(&[IndexKind::Packages, IndexKind::Sources], input));
