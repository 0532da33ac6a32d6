//! The envelope of an `InRelease`: every byte of what is accepted is accounted for, and nothing else is read as the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use suitecast_archive::{ClearSigned, MAX_RELEASE_BYTES, MAX_SIGNATURE_BYTES, Release, same_text};
use suitecast_fuzz::assert_presentable;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

fuzz_target!(|input: &[u8]| match ClearSigned::parse(input) {
    Ok(parts) => check(input, &parts),
    Err(error) => assert_presentable(&error),
});

fn check(input: &[u8], parts: &ClearSigned) {
    assert!(parts.text.len() + parts.signature.len() <= MAX_RELEASE_BYTES + MAX_SIGNATURE_BYTES);
    assert!(parts.signature.starts_with(b"-----BEGIN PGP SIGNATURE-----"));
    assert!(parts.signature.trim_ascii_end().ends_with(b"-----END PGP SIGNATURE-----"));
    assert!(same_text(&parts.text, &parts.text));

    // What stands before the text is the opening line and Hash headers; what follows the signature is blank.
    let signature = find_last(input, &parts.signature);
    assert!(input[signature + parts.signature.len()..].trim_ascii().is_empty(), "text after the signature");
    let mut head = 0;
    for (number, line) in input.split_inclusive(|byte| *byte == b'\n').enumerate() {
        head += line.len();
        let line = line.trim_ascii_end();
        if number == 0 {
            assert_eq!(line, BEGIN);
        } else if line.is_empty() {
            break;
        } else {
            assert!(line.starts_with(b"Hash: "), "another header");
        }
    }
    let unescaped: Vec<u8> = input[head..signature]
        .split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| line.strip_prefix(b"- ").unwrap_or(line))
        .copied()
        .collect();
    assert_eq!(parts.text, unescaped, "the text is not what stands between the headers and the signature");

    // Put together again with every dash escaped, it comes apart into the same.
    let mut again = [BEGIN, b"\n\n"].concat();
    for line in parts.text.split_inclusive(|byte| *byte == b'\n') {
        again.extend_from_slice(if line.starts_with(b"-") { b"- " } else { b"" });
        again.extend_from_slice(line);
    }
    again.extend_from_slice(&parts.signature);
    assert_eq!(ClearSigned::parse(&again).as_ref(), Ok(parts));
    let _ = Release::parse(&parts.text);
}

fn find_last(text: &[u8], part: &[u8]) -> usize {
    (0..=text.len() - part.len()).rev().find(|at| text[*at..].starts_with(part)).unwrap_or_else(|| panic!("not there"))
}
