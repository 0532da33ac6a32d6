//! Files: what stands around the signature, and how text and armour are written.

use pgp::armor::BlockType;
use pgp::packet::SignatureType;
use suitecast_testing::signer::{Says, armoured, armoured_signatures, clear_signed, signed_lines};

use super::case::{Cases, Files};

const FRAME: Option<&str> =
    Some("rule 4: apt takes this clear-signed file, and we want exactly one message and no more");
const BLANK: Option<&str> = Some("rule 6: an armoured block has an empty line before its body; gpg does without");

pub(crate) fn add(cases: &mut Cases) {
    clear(cases);
    frames(cases);
    detached(cases);
}

/// Texts as they may be written, each signed for what it is.
fn clear(cases: &mut Cases) {
    let one = cases.one.clone();
    let key = cases.key(&one);
    let at = Says::at(cases.signed);
    let release = cases.release();
    let packet = |text: &str| one.over_bytes(SignatureType::Text, at.clone(), &signed_lines(text)).unwrap();
    for (name, text) in [
        ("text-crlf", release.replace('\n', "\r\n")),
        ("text-trailing-blanks", release.replace('\n', " \t \n")),
        ("text-escaped-dash", format!("{release}-Dash: yes\n- Dash: yes\n")),
        ("text-with-empty-line-at-its-end", format!("{release}\n")),
        ("text-with-utf8", release.replace("Suitecast", "Süitecast")),
        ("text-with-lone-cr-in-it", release.replace("Origin: Suitecast", "Origin: Suite\rcast")),
        ("text-with-form-feed-at-line-end", release.replace("Suitecast", "Suitecast\x0c")),
        ("text-with-vertical-tab-at-line-end", release.replace("Suitecast", "Suitecast\x0b")),
    ] {
        let file = clear_signed(&text, &packet(&text)).unwrap();
        cases.add(name, &key, Files::InRelease(file), true, None);
    }
    // Signed without the blanks and the other line ends, written with them.
    for (name, text, good) in [
        ("written-crlf", release.replace('\n', "\r\n"), true),
        ("written-with-blanks", release.replace('\n', "\t \n"), true),
        ("written-with-blanks-before-cr", release.replace('\n', " \r \r\n"), false),
        ("written-with-two-cr", release.replace('\n', "\r\r\n"), true),
        ("written-with-form-feed", release.replace('\n', "\x0c\n"), false),
        ("written-with-one-more-line", format!("{release}\n"), false),
        ("written-with-one-less-line", release.rsplit_once("\n ").unwrap().0.to_owned() + "\n", false),
        ("written-with-another-letter", release.replace("Suitecast", "Suitecas7"), false),
        ("written-indented", format!(" {release}"), false),
    ] {
        let file = clear_signed(&text, &packet(release)).unwrap();
        cases.add(name, &key, Files::InRelease(file), good, None);
    }
}

/// What stands around a good clear-signed text.
fn frames(cases: &mut Cases) {
    let one = cases.one.clone();
    let key = cases.key(&one);
    let packet = one.over_bytes(SignatureType::Text, Says::at(cases.signed), &signed_lines(cases.release())).unwrap();
    let good = String::from_utf8(clear_signed(cases.release(), &packet).unwrap()).unwrap();
    let bare = String::from_utf8(armoured(&packet, BlockType::Signature, false).unwrap()).unwrap();
    let signature_at = good.find("-----BEGIN PGP SIGNATURE").unwrap();
    let (message, signature) = good.split_at(signature_at);
    let sum = signature.lines().find(|line| line.starts_with('=')).unwrap();
    let wrong_sum = if sum == "=AAAA" { "=AAAB" } else { "=AAAA" };
    for (name, file, accepted, differs) in [
        ("frame-good", good.clone(), true, None),
        ("frame-text-before", format!("Origin: evil\n{good}"), false, None),
        ("frame-empty-line-before", format!("\n{good}"), false, None),
        ("frame-text-after", format!("{good}Origin: evil\n"), false, None),
        ("frame-empty-line-after", format!("{good}\n"), false, None),
        ("frame-second-message", format!("{good}{good}"), false, None),
        ("frame-nested", message.to_owned() + &good + signature, false, None),
        (
            "frame-text-between",
            message.to_owned() + signature.replacen("\n\n", "\nOrigin: evil\n\n", 1).as_str(),
            true,
            None,
        ),
        ("frame-two-blocks", format!("{good}{signature}"), false, TWO_BLOCKS),
        ("frame-without-hash-header", good.replacen("Hash: SHA256\n", "", 1), true, None),
        ("frame-with-another-hash-header", good.replacen("SHA256", "SHA1", 1), true, None),
        ("frame-with-a-comment-header", good.replacen("Hash: SHA256", "Comment: x", 1), false, FRAME),
        ("frame-with-an-evil-header", good.replacen("Hash: SHA256", "Origin: evil", 1), false, FRAME),
        ("frame-dash-not-escaped", good.replacen("Origin:", "-Origin: evil\nOrigin:", 1), false, None),
        ("frame-without-signature", message.to_owned(), false, None),
        ("frame-without-end", good.replace("-----END PGP SIGNATURE-----\n", ""), false, None),
        ("frame-cut-off", good[..good.len() - 40].to_owned(), false, None),
        ("frame-crlf", good.replace('\n', "\r\n"), true, None),
        ("frame-without-last-line-feed", good.trim_end().to_owned(), true, None),
        ("frame-without-checksum", message.to_owned() + &bare, true, None),
        ("frame-wrong-checksum", good.replace(sum, wrong_sum), false, None),
        ("frame-plain-release", cases.release().to_owned(), false, None),
        ("frame-empty", String::new(), false, None),
        ("frame-message-in-armour", good.replace("PGP SIGNATURE", "PGP MESSAGE"), false, None),
    ] {
        cases.add(name, &key, Files::InRelease(file.into_bytes()), accepted, differs);
    }
}

const TWO_BLOCKS: Option<&str> = Some("rule 4: apt takes a second armoured block after the first; gpg makes one");

/// A `Release` beside its signature.
fn detached(cases: &mut Cases) {
    let one = cases.one.clone();
    let two = cases.two.clone();
    let key = cases.key(&one);
    let keys = [cases.key(&one), cases.key(&two)].concat();
    let at = Says::at(cases.signed);
    let release = cases.release().as_bytes();
    let packet = one.over_bytes(SignatureType::Binary, at.clone(), release).unwrap();
    let good = String::from_utf8(armoured_signatures(&packet).unwrap()).unwrap();
    let second = armoured_signatures(&two.over_bytes(SignatureType::Binary, at.clone(), release).unwrap()).unwrap();
    let second = String::from_utf8(second).unwrap();
    let bad = armoured_signatures(&two.over_bytes(SignatureType::Binary, at.clone(), b"other").unwrap()).unwrap();
    let bad = String::from_utf8(bad).unwrap();
    let bare = String::from_utf8(armoured(&packet, BlockType::Signature, false).unwrap()).unwrap();
    let sum = good.lines().find(|line| line.starts_with('=')).unwrap();
    for (name, signature, accepted, differs) in [
        ("beside-binary-format", packet.clone(), false, None),
        ("beside-two-blocks", format!("{good}{second}").into_bytes(), true, None),
        ("beside-two-blocks-one-bad", format!("{good}{bad}").into_bytes(), false, None),
        ("beside-text-before", format!("x\n{good}").into_bytes(), false, None),
        ("beside-text-after", format!("{good}x\n").into_bytes(), false, None),
        ("beside-text-between", format!("{good}x\n{second}").into_bytes(), false, None),
        ("beside-empty-line-before", format!("\n{good}").into_bytes(), false, None),
        ("beside-empty-line-after", format!("{good}\n").into_bytes(), false, None),
        ("beside-without-last-line-feed", good.trim_end().into(), true, None),
        ("beside-crlf", good.replace('\n', "\r\n").into_bytes(), true, None),
        ("beside-trailing-blanks", good.replace('\n', " \n").into_bytes(), true, None),
        ("beside-with-a-comment", good.replacen("\n\n", "\nComment: x\n\n", 1).into_bytes(), true, None),
        ("beside-without-empty-line", good.replacen("\n\n", "\n", 1).into_bytes(), false, BLANK),
        ("beside-without-checksum", bare.into_bytes(), true, None),
        ("beside-wrong-checksum", good.replace(sum, "=AAAA").into_bytes(), false, None),
        ("beside-cut-off", good.as_bytes()[..good.len() - 40].to_vec(), false, None),
        ("beside-as-message", good.replace("PGP SIGNATURE", "PGP MESSAGE").into_bytes(), false, None),
        ("beside-empty", vec![], false, None),
        ("beside-clear-signed", clear_signed(cases.release(), &packet).unwrap(), false, None),
    ] {
        let files = Files::Detached { release: release.to_vec(), signature };
        cases.add(name, &keys, files, accepted, differs);
    }
    // Over text or over bytes, and a Release that is not the one that was signed.
    let lines = [signed_lines(cases.release()).as_slice(), b"\r\n"].concat();
    let textual = armoured_signatures(&one.over_bytes(SignatureType::Text, at, &lines).unwrap()).unwrap();
    let crlf = cases.release().replace('\n', "\r\n");
    let blanks = cases.release().replace('\n', " \n");
    let other = cases.release().replace("Origin: Suitecast", "Origin: Suitecast 2");
    let without_end = cases.release().trim_end();
    for (name, release, signature, accepted) in [
        ("beside-textual", cases.release(), textual.clone(), true),
        ("beside-textual-crlf", &crlf, textual.clone(), true),
        ("beside-textual-blanks", &blanks, textual.clone(), false),
        ("beside-textual-without-last-line-feed", without_end, textual, false),
        ("beside-other-generation", &other, good.clone().into_bytes(), false),
        ("beside-bytes-crlf", &crlf, good.clone().into_bytes(), false),
        ("beside-bytes-without-last-line-feed", without_end, good.into_bytes(), false),
    ] {
        cases.add(name, &key, Files::Detached { release: release.into(), signature }, accepted, None);
    }
}
