//! The rules of the crate's documentation, one test a rule, with keys and signatures that gpg would never make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    BORN, NOW, TEXT, clear, detached, keyring, only_problem, only_reason, reasons, signature, subkey, verify,
    verify_detached,
};
use pgp::armor::BlockType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, RevocationCode, SignatureType, SubpacketData};
use suitecast_archive::{ClearSigned, ClearSignedError};
use suitecast_signature::{
    ArmourError, CLOCK_TOLERANCE_SECONDS, KeyProblem, Keyring, KeyringError, MAX_SIGNATURE_PACKETS, MAX_SIGNATURES,
    Rejection, SignatureError,
};
use suitecast_testing::signer::{
    Says, Signer, armoured, armoured_keys, armoured_signatures, clear_signed, signed_lines,
};

#[allow(clippy::cast_possible_truncation)]
const TOLERANCE: u32 = CLOCK_TOLERANCE_SECONDS as u32;
const DAY: u32 = 24 * 60 * 60;

fn signers() -> (Signer, Signer) {
    (Signer::new(1, BORN).unwrap(), Signer::new(2, BORN).unwrap())
}

#[test]
fn rule_1_one_good_signature_suffices() {
    let (one, two) = signers();
    let both = [signature(&one, Says::at(NOW)), signature(&two, Says::at(NOW - 5))].concat();
    let verified = verify(&keyring(&[one.certificate()]), TEXT, &both).unwrap();
    assert_eq!(verified.signers[0].to_string(), one.fingerprint());
    assert_eq!((verified.signers.len(), verified.ignored.len()), (1, 1));
    assert_eq!(verified.signed_at.as_second(), i64::from(NOW));
    // Both known, and one of them twice: each signer once, sorted.
    let thrice = [both.clone(), both].concat();
    let verified = verify(&keyring(&[two.certificate(), one.certificate()]), TEXT, &thrice).unwrap();
    let mut expected = [one.fingerprint(), two.fingerprint()];
    expected.sort();
    assert_eq!(verified.signers.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn rule_2_a_key_that_is_not_in_the_keyring_does_not_count() {
    let (one, two) = signers();
    let error = verify(&keyring(&[one.certificate()]), TEXT, &signature(&two, Says::at(NOW))).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::UnknownKey);
    assert!(!error.is_of_another_text());
    assert!(error.to_string().contains(&two.fingerprint()), "{error}");
    let unnamed = signature(&one, Says::at(NOW).unnamed());
    assert_eq!(
        only_reason(&verify(&keyring(&[one.certificate()]), TEXT, &unnamed).unwrap_err()),
        Rejection::UnknownKey
    );
}

#[test]
fn rule_3_a_bad_signature_refuses_the_file_even_beside_a_good_one() {
    let (one, two) = signers();
    let both = keyring(&[one.certificate(), two.certificate()]);
    let other_text = one.over_bytes(SignatureType::Text, Says::at(NOW), b"Suite: other").unwrap();
    let error = verify(&both, TEXT, &other_text).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Bad);
    assert!(error.is_of_another_text());
    let beside = [signature(&two, Says::at(NOW)), other_text].concat();
    let error = verify(&both, TEXT, &beside).unwrap_err();
    assert!(matches!(&error, SignatureError::Refused { good: 1, rejected, .. } if rejected.len() == 1), "{error:?}");
    assert!(!error.is_of_another_text(), "one of its signatures is over this text");
    // Neither may an expired one stand beside a good one, nor one with a digest that apt does not know.
    for says in [Says::at(NOW - 10).lives(10), Says::at(NOW).digest(HashAlgorithm::Sha3_256)] {
        let beside = [signature(&one, Says::at(NOW)), signature(&two, says)].concat();
        let error = verify(&both, TEXT, &beside).unwrap_err();
        assert!(matches!(&error, SignatureError::Refused { good: 1, .. }), "{error}");
        assert!(reasons(&error)[0].refuses_the_file() && !error.is_of_another_text());
    }
    // A signature that names a key and was made by another one.
    let named = SubpacketData::IssuerFingerprint(pgp::types::Fingerprint::V4(one.fingerprint_bytes()));
    let forged = signature(&two, Says::at(NOW).unnamed().with(named));
    assert_eq!(only_reason(&verify(&both, TEXT, &forged).unwrap_err()), Rejection::Bad);
}

#[test]
fn rule_4_nothing_may_stand_outside_of_the_signed_text() {
    let (one, _) = signers();
    let good = clear_signed(TEXT, &signature(&one, Says::at(NOW))).unwrap();
    assert!(
        keyring(&[one.certificate()]).verify_clear_signed(&ClearSigned::parse(&good).unwrap(), clear::now()).is_ok()
    );
    let before = [b"Suite: evil\n".as_slice(), &good].concat();
    assert_eq!(ClearSigned::parse(&before), Err(ClearSignedError::NoMessage));
    let after = [good.as_slice(), b"Suite: evil\n"].concat();
    assert!(matches!(ClearSigned::parse(&after), Err(ClearSignedError::TextAfter { .. })));
}

#[test]
fn rule_5_what_is_signed_is_the_lines() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    let packet = one.over_bytes(SignatureType::Text, Says::at(NOW), b"Suite: a\r\n-dash\r\n\r\nEnd: b").unwrap();
    for text in ["Suite: a\n-dash\n\nEnd: b\n", "Suite: a \t\r\n-dash\r\n \r\nEnd: b\t\n"] {
        assert!(verify(&keys, text, &packet).is_ok(), "{text:?}");
    }
    for text in [" Suite: a\n-dash\n\nEnd: b\n", "Suite: a\n-dash\nEnd: b\n", "Suite: a\n-dash\n\nEnd: b\n\n", ""] {
        assert_eq!(only_reason(&verify(&keys, text, &packet).unwrap_err()), Rejection::Bad, "{text:?}");
    }
    // Detached over bytes: every byte counts. Over text: how a line ends does not, its blanks do.
    let bytes = one.over_bytes(SignatureType::Binary, Says::at(NOW), b"A: b\n").unwrap();
    assert!(verify_detached(&keys, b"A: b\n", &bytes).is_ok());
    assert!(verify_detached(&keys, b"A: b\r\n", &bytes).is_err());
    let lines = one.over_bytes(SignatureType::Text, Says::at(NOW), b"A: b\r\n").unwrap();
    assert!(verify_detached(&keys, b"A: b\n", &lines).is_ok());
    assert!(verify_detached(&keys, b"A: b\r\n", &lines).is_ok());
    for other in [&b"A: b \n"[..], b"A: b", b"A: b\n\n"] {
        assert!(verify_detached(&keys, other, &lines).unwrap_err().is_of_another_text());
    }
}

#[test]
fn rule_6_signatures_come_in_armour_with_nothing_around_it() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    let packet = detached(&one, Says::at(NOW));
    let good = armoured_signatures(&packet).unwrap();
    let verify = |file: &[u8]| keys.verify_detached(TEXT.as_bytes(), file, clear::now());
    assert!(verify(&good).is_ok());
    assert!(verify(&armoured(&packet, BlockType::Signature, false).unwrap()).is_ok(), "without a checksum");
    assert!(verify(&[good.clone(), good.clone()].concat()).is_ok(), "a second signer appends a block");
    assert!(
        matches!(verify(&packet), Err(SignatureError::Armour { .. } | SignatureError::NoSignature { .. })),
        "binary"
    );
    assert!(matches!(verify(b""), Err(SignatureError::NoSignature { .. })));
    let source = |result: Result<_, SignatureError>| match result {
        Err(SignatureError::Armour { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(source(verify(&[b"\n".as_slice(), &good].concat())), ArmourError::Outside { line: 1 }));
    assert!(matches!(source(verify(&[&good, b"\n".as_slice()].concat())), ArmourError::Outside { .. }));
    assert!(matches!(source(verify(&[b"x\n".as_slice(), &good].concat())), ArmourError::Outside { line: 1 }));
    assert!(matches!(source(verify(&[&good, b"x\n".as_slice()].concat())), ArmourError::Outside { .. }));
    let text = String::from_utf8(good.clone()).unwrap();
    let sum = text.lines().find(|line| line.starts_with('=')).unwrap();
    let wrong = text.replace(sum, if sum == "=AAAA" { "=AAAB" } else { "=AAAA" });
    assert!(matches!(source(verify(wrong.as_bytes())), ArmourError::Checksum { .. }));
    assert!(matches!(source(verify(text.replace('=', "%").as_bytes())), ArmourError::Base64 { .. }));
    let other_end = text.replace("END PGP SIGNATURE", "END PGP MESSAGE");
    assert!(matches!(source(verify(other_end.as_bytes())), ArmourError::End { .. }));
    assert!(matches!(
        source(verify(text.replace("SIGNATURE-----\n\n", "SIGNATURE-----\n").as_bytes())),
        ArmourError::Header { .. }
    ));
    for length in 0..good.len() - 6 {
        assert!(verify(&good[..length]).is_err(), "{length}");
    }
    let message = armoured(&packet, BlockType::Message, true).unwrap();
    assert!(matches!(verify(&message), Err(SignatureError::NoSignature { .. })));
}

#[test]
fn rule_7_in_the_armour_are_only_signatures_and_not_too_many() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    let packet = signature(&one, Says::at(NOW));
    let with_key = [packet.clone(), one.key_packet().unwrap()].concat();
    assert!(matches!(verify(&keys, TEXT, &with_key), Err(SignatureError::Packet { packet: 2, .. })));
    assert!(matches!(verify(&keys, TEXT, &packet[..packet.len() - 1]), Err(SignatureError::Packet { packet: 1, .. })));
    assert!(verify(&keys, TEXT, &packet.repeat(MAX_SIGNATURES)).is_ok());
    let many = packet.repeat(MAX_SIGNATURES + 1);
    assert!(matches!(verify(&keys, TEXT, &many), Err(SignatureError::TooMany { .. })));
    let marker = b"\xca\x03PGP";
    let with_marker = [marker.as_slice(), &packet].concat();
    assert!(verify(&keys, TEXT, &with_marker).is_ok());
    let markers = [marker.repeat(MAX_SIGNATURE_PACKETS), packet.clone()].concat();
    assert!(matches!(verify(&keys, TEXT, &markers), Err(SignatureError::TooMany { .. })));
    assert!(matches!(verify(&keys, TEXT, marker), Err(SignatureError::NoSignature { .. })));
}

#[test]
fn rule_8_only_version_4_counts() {
    let (one, _) = signers();
    let error = verify(&keyring(&[one.certificate()]), TEXT, &signature(&one, Says::at(NOW).version_3())).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Version { version: 3 });
    let mut six = signature(&one, Says::at(NOW));
    let at = six.iter().position(|byte| *byte == 4).unwrap();
    six[at] = 5;
    let error = verify(&keyring(&[one.certificate()]), TEXT, &six).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Version { version: 5 });
}

/// Nor does the gpgv of Debian 12 read any of version 6.
#[test]
fn rule_8_keys_of_version_6_are_passed_over_and_what_they_sign_refuses_the_file() {
    let (one, _) = signers();
    let six = Signer::version_6(6, BORN).unwrap();
    assert_eq!(Keyring::parse(&six.certificate().unwrap()).unwrap_err(), KeyringError::NoKeys);
    for parts in [[one.certificate(), six.certificate()], [six.certificate(), one.certificate()]] {
        let keys = keyring(&parts);
        assert_eq!(keys.keys().iter().map(ToString::to_string).collect::<Vec<_>>(), [one.fingerprint()]);
        let error = verify(&keys, TEXT, &signature(&six, Says::at(NOW))).unwrap_err();
        assert_eq!(only_reason(&error), Rejection::Version { version: 6 });
        // gpgv gives up on the file, whatever else is in it.
        let beside = [signature(&one, Says::at(NOW)), signature(&six, Says::at(NOW))].concat();
        let error = verify(&keys, TEXT, &beside).unwrap_err();
        assert!(matches!(&error, SignatureError::Refused { good: 1, .. }), "{error}");
        assert!(reasons(&error)[0].refuses_the_file() && !error.is_of_another_text());
        let old = [signature(&one, Says::at(NOW)), signature(&one, Says::at(NOW).version_3())].concat();
        assert!(verify(&keys, TEXT, &old).is_ok());
    }
}

#[test]
fn rule_9_it_is_a_signature_of_a_document() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    for kind in [SignatureType::Binary, SignatureType::Standalone, SignatureType::Timestamp, SignatureType::CertGeneric]
    {
        let packet = one.over_bytes(kind, Says::at(NOW), &signed_lines(TEXT)).unwrap();
        assert_eq!(only_reason(&verify(&keys, TEXT, &packet).unwrap_err()), Rejection::Type { kind: kind.into() });
    }
    let standalone = one.over_bytes(SignatureType::Standalone, Says::at(NOW), TEXT.as_bytes()).unwrap();
    let error = verify_detached(&keys, TEXT.as_bytes(), &standalone).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Type { kind: 2 });
}

#[test]
fn rule_10_a_weak_digest_does_not_count() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    for digest in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        assert!(verify(&keys, TEXT, &signature(&one, Says::at(NOW).digest(digest))).is_ok(), "{digest}");
    }
    let weak = [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160, HashAlgorithm::Sha224];
    for digest in weak {
        let error = verify(&keys, TEXT, &signature(&one, Says::at(NOW).digest(digest))).unwrap_err();
        assert_eq!(only_reason(&error), Rejection::Digest { algorithm: digest.to_string() });
        assert!(!error.is_of_another_text());
        let beside = [signature(&one, Says::at(NOW).digest(digest)), signature(&one, Says::at(NOW))].concat();
        assert!(verify(&keys, TEXT, &beside).is_ok(), "{digest}");
        // A bad one is bad whatever its digest.
        let bad = one.over_bytes(SignatureType::Text, Says::at(NOW).digest(digest), b"Suite: other").unwrap();
        assert_eq!(only_reason(&verify(&keys, TEXT, &bad).unwrap_err()), Rejection::Bad);
    }
}

#[test]
fn rule_11_what_is_critical_and_not_understood_does_not_count() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    let notation = SubpacketData::Notation(Notation { readable: true, name: "a@b".into(), value: "c".into() });
    let unknown = SubpacketData::Other(99, vec![1].into());
    assert!(verify(&keys, TEXT, &signature(&one, Says::at(NOW).with(notation.clone()).with(unknown))).is_ok());
    let error = verify(&keys, TEXT, &signature(&one, Says::at(NOW).with_critical(notation))).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Critical { kind: 20 });
    let experimental = SubpacketData::Experimental(101, vec![1].into());
    let error = verify(&keys, TEXT, &signature(&one, Says::at(NOW).with_critical(experimental))).unwrap_err();
    assert_eq!(only_reason(&error), Rejection::Critical { kind: 101 });
}

#[test]
fn rule_12_it_says_when_it_was_made() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    let time = SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(NOW));
    for says in [Says::at(NOW).undated(), Says::at(NOW).undated().beside(time)] {
        assert_eq!(only_reason(&verify(&keys, TEXT, &signature(&one, says)).unwrap_err()), Rejection::NoTime);
    }
}

#[test]
fn rule_13_it_was_not_made_in_the_future() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    assert!(verify(&keys, TEXT, &signature(&one, Says::at(NOW + TOLERANCE))).is_ok());
    let error = verify(&keys, TEXT, &signature(&one, Says::at(NOW + TOLERANCE + 1))).unwrap_err();
    assert!(matches!(only_reason(&error), Rejection::Future { .. }));
}

#[test]
fn rule_14_it_did_not_expire() {
    let (one, _) = signers();
    let keys = keyring(&[one.certificate()]);
    assert!(verify(&keys, TEXT, &signature(&one, Says::at(NOW - 10).lives(11))).is_ok());
    assert!(verify(&keys, TEXT, &signature(&one, Says::at(NOW - 10).lives(0))).is_ok(), "zero is for ever");
    let error = verify(&keys, TEXT, &signature(&one, Says::at(NOW - 10).lives(10))).unwrap_err();
    assert!(matches!(only_reason(&error), Rejection::Expired { at } if at.as_second() == i64::from(NOW)));
}

#[test]
fn rule_15_a_weak_key_does_not_count() {
    // Made once by gpg 2.2: for each algorithm a key and what it signed.
    for (name, weak) in [
        ("rsa1024", Some("1024-bit RSA")),
        ("dsa1024", Some("DSA")),
        ("rsa2048", None),
        ("nistp256", None),
        ("secp256k1", Some("ECDSA")),
    ] {
        let (keys, file) = common::fixture(name);
        match (keys.verify_clear_signed(&file, clear::now()), weak) {
            (Ok(_), None) => {}
            (Err(error), Some(weak)) => {
                let KeyProblem::Algorithm { algorithm } = only_problem(&error) else { panic!("{error}") };
                assert!(algorithm.contains(weak), "{algorithm}");
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn rule_16_it_signed_itself() {
    let (one, two) = signers();
    let packet = signature(&one, Says::at(NOW));
    let problem = |parts: Vec<u8>| only_problem(&verify(&keyring(&[Ok(parts)]), TEXT, &packet).unwrap_err());
    let bare = [one.key_packet().unwrap(), one.name_packet().unwrap()].concat();
    assert_eq!(problem(bare.clone()), KeyProblem::NoSelfSignature);
    let by_another = two.over_other(&one, Says::at(BORN).key_is_for(true, true)).unwrap();
    assert_eq!(problem([bare.clone(), by_another].concat()), KeyProblem::NoSelfSignature);
    for says in [
        Says::at(BORN).lives(10),
        Says::at(NOW + TOLERANCE + 1),
        Says::at(BORN).digest(HashAlgorithm::Md5),
        Says::at(BORN).digest(HashAlgorithm::Sha1),
    ] {
        assert_eq!(problem(one.certificate_saying(says).unwrap()), KeyProblem::NoSelfSignature);
    }
    let taken_back = one.over_name(SignatureType::CertRevocation, Says::at(BORN + 1)).unwrap();
    assert_eq!(problem([one.certificate().unwrap(), taken_back].concat()), KeyProblem::NoSelfSignature);
    let (old, file) = common::fixture("rsa2048sha1");
    assert!(old.verify_clear_signed(&file, clear::now()).is_ok(), "a key that signed itself with SHA-1");
    for weak in ["rsa2048md5", "rsa2048ripemd160"] {
        let (keys, file) = common::fixture(weak);
        let error = keys.verify_clear_signed(&file, clear::now()).unwrap_err();
        assert_eq!(only_problem(&error), KeyProblem::NoSelfSignature, "{weak}");
    }
    let direct = one.over_key(SignatureType::Key, Says::at(BORN)).unwrap();
    assert!(verify(&keyring(&[Ok([one.key_packet().unwrap(), direct].concat())]), TEXT, &packet).is_ok());
    // Named again after it was taken back.
    let taken_back = one.over_name(SignatureType::CertRevocation, Says::at(BORN + 1)).unwrap();
    let again = one.over_name(SignatureType::CertPositive, Says::at(BORN + 2)).unwrap();
    let parts = [one.certificate().unwrap(), taken_back, again].concat();
    assert!(verify(&keyring(&[Ok(parts)]), TEXT, &packet).is_ok());
}

#[test]
fn rule_17_a_revoked_key_does_not_count_whatever_the_reason() {
    let (one, two) = signers();
    let packet = signature(&one, Says::at(NOW));
    for reason in [RevocationCode::NoReason, RevocationCode::KeyCompromised, RevocationCode::KeyRetired] {
        let says = Says::at(NOW + 10).with(SubpacketData::RevocationReason(reason, "".into()));
        let revocation = one.over_key(SignatureType::KeyRevocation, says).unwrap();
        let at_its_place = [one.key_packet().unwrap(), revocation.clone(), one.certificate().unwrap()].concat();
        let at_the_end = [one.certificate().unwrap(), revocation.clone()].concat();
        let in_another_copy =
            [one.certificate().unwrap(), two.certificate().unwrap(), one.key_packet().unwrap(), revocation];
        for parts in [at_its_place, at_the_end, in_another_copy.concat()] {
            let error = verify(&keyring(&[Ok(parts)]), TEXT, &packet).unwrap_err();
            assert_eq!(only_problem(&error), KeyProblem::Revoked);
        }
    }
    let by_a_stranger = two.over_key_of(&one, SignatureType::KeyRevocation, Says::at(BORN)).unwrap();
    let parts = [one.key_packet().unwrap(), by_a_stranger, one.certificate().unwrap()].concat();
    assert!(verify(&keyring(&[Ok(parts)]), TEXT, &packet).is_ok(), "anyone could take a key away otherwise");
    // Unless the key allowed it.
    let revoker = pgp::types::RevocationKey::new(
        pgp::types::RevocationKeyClass::Default,
        pgp::crypto::public_key::PublicKeyAlgorithm::EdDSALegacy,
        &two.fingerprint_bytes(),
    );
    let allowed = one.over_key(SignatureType::Key, Says::at(BORN).with(SubpacketData::RevocationKey(revoker))).unwrap();
    let by_revoker = two.over_key_of(&one, SignatureType::KeyRevocation, Says::at(BORN)).unwrap();
    let parts = [one.certificate().unwrap(), by_revoker, allowed].concat();
    assert!(verify(&keyring(&[Ok(parts.clone())]), TEXT, &packet).is_ok(), "the revoker's key is needed to see it");
    let error = verify(&keyring(&[Ok(parts), two.certificate()]), TEXT, &packet).unwrap_err();
    assert_eq!(only_problem(&error), KeyProblem::Revoked);
    // A subkey is revoked, or its primary key is.
    let by_subkey = signature(&two, Says::at(NOW));
    let taken_back = one.over_subkey(&two, SignatureType::SubkeyRevocation, Says::at(BORN)).unwrap();
    let parts = [subkey::bound(&one, &two), taken_back].concat();
    let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::SubkeyRevoked { .. }));
    let revocation = one.over_key(SignatureType::KeyRevocation, Says::at(NOW)).unwrap();
    let parts = [subkey::bound(&one, &two), revocation].concat();
    let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
    assert_eq!(only_problem(&error), KeyProblem::Revoked);
}

#[test]
fn rule_18_an_expired_key_does_not_count() {
    let (one, two) = signers();
    let lives = |seconds| one.certificate_saying(Says::at(BORN).key_is_for(true, true).key_lives(seconds));
    let packet = signature(&one, Says::at(BORN + 1));
    assert!(verify(&keyring(&[lives(NOW - BORN + 1)]), TEXT, &packet).is_ok());
    assert!(verify(&keyring(&[lives(0)]), TEXT, &packet).is_ok(), "zero is for ever");
    let error = verify(&keyring(&[lives(NOW - BORN)]), TEXT, &packet).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::Expired { at } if at.as_second() == i64::from(NOW)));
    // The newest word counts: prolonged, or shortened.
    let later = |seconds| one.over_name(SignatureType::CertPositive, Says::at(BORN + 5).key_lives(seconds)).unwrap();
    let prolonged = [lives(10).unwrap(), later(NOW)].concat();
    assert!(verify(&keyring(&[Ok(prolonged)]), TEXT, &packet).is_ok());
    let shortened = [lives(NOW).unwrap(), later(10)].concat();
    let error = verify(&keyring(&[Ok(shortened)]), TEXT, &packet).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::Expired { .. }));
    let direct = one.over_key(SignatureType::Key, Says::at(BORN).key_lives(10)).unwrap();
    let error = verify(&keyring(&[Ok([one.certificate().unwrap(), direct].concat())]), TEXT, &packet).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::Expired { .. }));
    // A subkey expired, or its primary key did.
    let by_subkey = signature(&two, Says::at(BORN + 1));
    let says = Says::at(BORN).key_is_for(false, true).key_lives(10);
    let parts = [one.certificate().unwrap(), subkey::saying(&one, &two, says)].concat();
    let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::SubkeyExpired { .. }));
    let parts = [lives(10).unwrap(), subkey::saying(&one, &two, Says::at(BORN).key_is_for(false, true))].concat();
    let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
    assert!(matches!(only_problem(&error), KeyProblem::Expired { .. }));
}

#[test]
fn rule_19_a_key_younger_than_its_signature_does_not_count() {
    let (one, two) = signers();
    let young = |error| matches!(only_problem(&error), KeyProblem::TooYoung { .. });
    assert!(verify(&keyring(&[one.certificate()]), TEXT, &signature(&one, Says::at(BORN))).is_ok());
    assert!(young(verify(&keyring(&[one.certificate()]), TEXT, &signature(&one, Says::at(BORN - 1))).unwrap_err()));
    let subkey = Signer::new(2, BORN + DAY).unwrap();
    let keys = keyring(&[Ok(subkey::bound(&one, &subkey))]);
    assert!(young(verify(&keys, TEXT, &signature(&subkey, Says::at(BORN + DAY - 1))).unwrap_err()));
    let primary = Signer::new(1, BORN + DAY).unwrap();
    let keys = keyring(&[Ok(subkey::bound(&primary, &two))]);
    assert!(young(verify(&keys, TEXT, &signature(&two, Says::at(BORN + DAY - 1))).unwrap_err()));
}

#[test]
fn rule_20_a_key_that_is_not_for_signing_does_not_count() {
    let (one, two) = signers();
    let packet = signature(&one, Says::at(NOW));
    assert!(
        verify(&keyring(&[one.certificate_saying(Says::at(BORN))]), TEXT, &packet).is_ok(),
        "a primary key without flags"
    );
    let certifying = one.certificate_saying(Says::at(BORN).key_is_for(true, false));
    let error = verify(&keyring(&[certifying]), TEXT, &packet).unwrap_err();
    assert_eq!(only_problem(&error), KeyProblem::NotForSigning);
    let by_subkey = signature(&two, Says::at(NOW));
    for says in [Says::at(BORN).key_is_for(false, false), Says::at(BORN)] {
        let parts = [one.certificate().unwrap(), subkey::saying(&one, &two, says)].concat();
        let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
        assert_eq!(only_problem(&error), KeyProblem::NotForSigning);
    }
}

#[test]
fn rule_21_a_subkey_is_bound() {
    let (one, two) = signers();
    let by_subkey = signature(&two, Says::at(NOW));
    assert!(verify(&keyring(&[Ok(subkey::bound(&one, &two))]), TEXT, &by_subkey).is_ok());
    let unbound = [one.certificate().unwrap(), two.subkey_packet().unwrap()].concat();
    let not_bound = |parts: Vec<u8>| {
        let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
        assert!(matches!(only_problem(&error), KeyProblem::NotBound { .. }), "{error}");
    };
    not_bound(unbound.clone());
    // Bound by another key, or to another key.
    let three = Signer::new(3, BORN).unwrap();
    let stranger =
        three.over_subkey(&two, SignatureType::SubkeyBinding, Says::at(BORN).key_is_for(false, true)).unwrap();
    not_bound([unbound.clone(), stranger].concat());
    let other = one.over_subkey(&three, SignatureType::SubkeyBinding, Says::at(BORN).key_is_for(false, true)).unwrap();
    not_bound([unbound, other].concat());
    let says = |made: u32| Says::at(made).key_is_for(false, true);
    not_bound([one.certificate().unwrap(), subkey::saying(&one, &two, says(BORN).lives(10))].concat());
    not_bound([one.certificate().unwrap(), subkey::saying(&one, &two, says(BORN).digest(HashAlgorithm::Md5))].concat());
    // The newest binding counts.
    let parts = [
        subkey::bound(&one, &two),
        one.over_subkey(&two, SignatureType::SubkeyBinding, Says::at(BORN + 1).key_is_for(false, false)).unwrap(),
    ];
    let error = verify(&keyring(&[Ok(parts.concat())]), TEXT, &by_subkey).unwrap_err();
    assert_eq!(only_problem(&error), KeyProblem::NotForSigning);
}

#[test]
fn rule_22_a_subkey_says_that_it_belongs_to_the_primary_key() {
    let (one, two) = signers();
    let by_subkey = signature(&two, Says::at(NOW));
    let flags = || Says::at(BORN).key_is_for(false, true);
    let none = one.over_subkey(&two, SignatureType::SubkeyBinding, flags()).unwrap();
    // Of a stranger's subkey that says that it belongs to the stranger.
    let three = Signer::new(3, BORN).unwrap();
    let to_another = flags().with(two.back(&three, Says::at(BORN)).unwrap());
    let by_another = flags().with(three.back(&one, Says::at(BORN)).unwrap());
    let weak = flags().with(two.back(&one, Says::at(BORN).digest(HashAlgorithm::Md5)).unwrap());
    let mut bindings = vec![none];
    for says in [to_another, by_another, weak] {
        bindings.push(one.over_subkey(&two, SignatureType::SubkeyBinding, says).unwrap());
    }
    for binding in bindings {
        let parts = [one.certificate().unwrap(), two.subkey_packet().unwrap(), binding].concat();
        let error = verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).unwrap_err();
        assert!(matches!(only_problem(&error), KeyProblem::NoBackSignature { .. }), "{error}");
    }
    // It may stand in the part that is not signed: it is signed itself.
    let says = flags().beside(two.back(&one, Says::at(BORN)).unwrap());
    let binding = one.over_subkey(&two, SignatureType::SubkeyBinding, says).unwrap();
    let parts = [one.certificate().unwrap(), two.subkey_packet().unwrap(), binding].concat();
    assert!(verify(&keyring(&[Ok(parts)]), TEXT, &by_subkey).is_ok());
}

#[test]
fn rule_23_a_keyring_is_public_keys_in_any_wrapping() {
    let (one, two) = signers();
    let (first, second) = (one.certificate().unwrap(), two.certificate().unwrap());
    let binary = Keyring::parse(&[first.clone(), second.clone()].concat()).unwrap();
    assert_eq!(binary.keys().len(), 2);
    let in_one_block = armoured_keys(&[second.clone(), first.clone()].concat()).unwrap();
    let in_two = [
        b"# ours\n".as_slice(),
        &armoured_keys(&first).unwrap(),
        b"\r\n# theirs\n",
        &armoured_keys(&second).unwrap(),
        b"end\n",
    ];
    for other in [in_one_block, in_two.concat()] {
        assert_eq!(Keyring::parse(&other).unwrap().fingerprint(), binary.fingerprint());
    }
    assert_eq!(binary.fingerprint().len(), 64);
    assert_ne!(Keyring::parse(&first).unwrap().fingerprint(), binary.fingerprint());
    assert!(format!("{binary:?}").contains(&one.fingerprint()));

    let refused = |bytes: &[u8]| Keyring::parse(bytes).unwrap_err();
    assert_eq!(refused(b""), KeyringError::NoKeys);
    assert_eq!(refused(b"no key here\n"), KeyringError::NoKeys);
    assert_eq!(refused(&one.secret_packet().unwrap()), KeyringError::SecretKey);
    let secret = armoured(&one.secret_packet().unwrap(), BlockType::PrivateKey, true).unwrap();
    assert_eq!(refused(&secret), KeyringError::SecretKey);
    assert_eq!(refused(&[first.clone(), one.secret_packet().unwrap()].concat()), KeyringError::SecretKey);
    let signatures = armoured_signatures(&signature(&one, Says::at(NOW))).unwrap();
    assert!(matches!(refused(&signatures), KeyringError::Kind { line: 1, .. }));
    assert!(matches!(refused(&signature(&one, Says::at(NOW))), KeyringError::Misplaced { packet: 1, .. }));
    assert!(matches!(refused(&first[..first.len() - 1]), KeyringError::Packet { packet: 3, .. }));
    let armoured = armoured_keys(&first).unwrap();
    assert!(matches!(refused(&armoured[..armoured.len() - 30]), KeyringError::Armour { .. }));
}

#[test]
fn the_limits_of_a_keyring_hold() {
    use suitecast_signature::{MAX_KEYRING_BYTES, MAX_KEYRING_PACKETS, MAX_KEYS};
    let refused = |bytes: &[u8]| Keyring::parse(bytes).unwrap_err();
    assert_eq!(refused(&vec![b'x'; MAX_KEYRING_BYTES + 1]), KeyringError::TooLarge { bytes: MAX_KEYRING_BYTES + 1 });
    let many: Vec<u8> =
        (0..=MAX_KEYS as u64).flat_map(|seed| Signer::new(seed, BORN).unwrap().key_packet().unwrap()).collect();
    assert_eq!(refused(&many), KeyringError::TooManyKeys);
    let one = Signer::new(1, BORN).unwrap();
    let names = one.name_packet().unwrap().repeat(MAX_KEYRING_PACKETS);
    assert_eq!(refused(&[one.key_packet().unwrap(), names].concat()), KeyringError::TooManyPackets);
}

#[test]
fn a_refusal_says_each_signature_and_its_rule() {
    let (one, two) = signers();
    let packets = [signature(&one, Says::at(NOW).digest(HashAlgorithm::Sha1)), signature(&two, Says::at(NOW))].concat();
    let error = verify(&keyring(&[one.certificate()]), TEXT, &packets).unwrap_err();
    assert_eq!(reasons(&error).len(), 2);
    let said = error.to_string();
    for part in
        ["the clear-signed file is refused", &one.fingerprint(), "SHA1", &two.fingerprint(), "not in the keyring"]
    {
        assert!(said.contains(part), "{said}");
    }
}
