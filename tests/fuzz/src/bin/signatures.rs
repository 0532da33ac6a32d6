//! `OpenPGP`: keyrings and signatures as they come from outside. Whatever the bytes are, nothing but the text that was
//! signed is ever taken for signed.
//!
//! The first byte steers: a keyring; a detached signature; a signature and the text it is said to belong to; a clear-signed
//! file.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use suitecast_archive::{ClearSigned, same_text};
use suitecast_fuzz::{Steering, assert_presentable};
use suitecast_signature::{Keyring, MAX_KEYS, SignatureError, Verified};

const KEY: &[u8] = include_bytes!("../../signed/key.asc");
const TEXT: &[u8] = include_bytes!("../../signed/Release");
const SIGNATURE: &[u8] = include_bytes!("../../signed/Release.gpg");

/// 2026-12-01: after the signatures were made.
const NOW: i64 = 1_796_083_200;

static KEYRING: LazyLock<Keyring> =
    LazyLock::new(|| Keyring::parse(KEY).unwrap_or_else(|error| panic!("the keyring of the test: {error}")));

fuzz_target!(|input: &[u8]| {
    let Some((steering, bytes)) = Steering::split(input, 1) else { return };
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    match steering.choice(0, 4) {
        0 => match Keyring::parse(bytes) {
            Ok(keyring) => {
                assert!((1..=MAX_KEYS).contains(&keyring.keys().len()));
                if let Err(error) = keyring.verify_detached(TEXT, SIGNATURE, now) {
                    assert_presentable(&error);
                }
            }
            Err(error) => assert_presentable(&error),
        },
        1 => assert_signed(&KEYRING.verify_detached(TEXT, bytes, now), TEXT),
        2 => assert_signed(&KEYRING.verify_detached(bytes, SIGNATURE, now), bytes),
        _ => {
            if let Ok(file) = ClearSigned::parse(bytes) {
                assert_signed(&KEYRING.verify_clear_signed(&file, now), &file.text);
            }
        }
    }
});

/// Asserts that a text that passes is the one that was signed.
fn assert_signed(verdict: &Result<Verified, SignatureError>, text: &[u8]) {
    match verdict {
        Ok(_) => assert!(same_text(text, TEXT), "another text passes for signed"),
        Err(error) => assert_presentable(error),
    }
}
