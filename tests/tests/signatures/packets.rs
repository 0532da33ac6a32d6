//! Signatures: how many, by whom, and what they say.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureType, SubpacketData};
use suitecast_signature::MAX_SIGNATURES;
use suitecast_testing::signer::{Says, Signer};

use super::case::{Cases, DAY, Form};

const FUTURE: Option<&str> =
    Some("rule 13: apt 2.6 runs gpgv with --ignore-time-conflict, so that a client with a wrong clock can update");
const ONLY_SIGNATURES: Option<&str> = Some("rule 7: gpgv passes over other packets in a signature");
const MANY: Option<&str> = Some("rule 7: each signature costs a pass over the text, so their number is bounded");
const UNDATED: Option<&str> =
    Some("rule 12: gpgv takes it as made in 1970, or when its unsigned part says, which anyone can write");
const SHORT: Option<&str> =
    Some("rule 10: RFC 9580 wants 256 bits for Ed25519, and no archive is known to use SHA-224");
const OLD: Option<&str> = Some("rule 8: gpgv still takes version 3");
const NEWER: Option<&str> = Some(
    "rule 3: gpgv gives up at a signature of version 6, but counts the good ones before it; here no order decides",
);
const OTHER_TYPE: Option<&str> =
    Some("rule 9: apt splits an InRelease and lets gpgv verify the text as a file of its own");
const UNKNOWN: Option<&str> = Some("rule 11: what is critical and unknown must not count; gpgv knows more of them");

pub(crate) fn add(cases: &mut Cases) {
    let (one, two, three) = (cases.one.clone(), cases.two.clone(), cases.three.clone());
    let key = cases.key(&one);
    let both = [cases.key(&one), cases.key(&two)].concat();
    who(cases, &key, &both, [&one, &two, &three]);
    digests_and_times(cases, &key, &one);
    parts(cases, &key, &both, [&one, &two]);
}

fn who(cases: &mut Cases, key: &[u8], both: &[u8], [one, two, three]: [&Signer; 3]) {
    cases.both("one-good", key, true, None, |form| form.by(one));
    cases.both("unknown-key", key, false, None, |form| form.by(two));
    cases.both("two-good", both, true, None, |form| [form.by(one), form.by(two)].concat());
    cases.both("good-then-unknown", key, true, None, |form| [form.by(one), form.by(two)].concat());
    cases.both("unknown-then-good", key, true, None, |form| [form.by(two), form.by(one)].concat());
    cases.both("only-bad", key, false, None, |form| form.bad(one));
    cases.both("good-then-bad", both, false, None, |form| [form.by(one), form.bad(two)].concat());
    cases.both("bad-then-good", both, false, None, |form| [form.bad(one), form.by(two)].concat());
    cases.both("good-and-bad-of-one-key", key, false, None, |form| [form.by(one), form.bad(one)].concat());
    cases.both("good-and-bad-of-unknown", key, true, None, |form| [form.by(one), form.bad(two)].concat());
    cases.both("unknown-and-bad", key, false, None, |form| [form.by(two), form.bad(one)].concat());
    cases.both("twice-the-same", key, true, None, |form| form.by(one).repeat(2));
    let many = [cases.key(one), cases.key(two), cases.key(three)].concat();
    cases.both("three-good", &many, true, None, |form| [form.by(one), form.by(two), form.by(three)].concat());
    cases.both("most-signatures", key, true, None, |form| form.by(one).repeat(MAX_SIGNATURES));
    cases.both("too-many-signatures", key, false, MANY, |form| form.by(one).repeat(MAX_SIGNATURES + 1));
    cases.both("no-signature", key, false, None, |_| vec![]);
}

fn digests_and_times(cases: &mut Cases, key: &[u8], one: &Signer) {
    for (name, digest, differs) in [
        ("md5", HashAlgorithm::Md5, None),
        ("sha1", HashAlgorithm::Sha1, None),
        ("ripemd160", HashAlgorithm::Ripemd160, None),
        ("sha224", HashAlgorithm::Sha224, SHORT),
        ("sha256", HashAlgorithm::Sha256, None),
        ("sha384", HashAlgorithm::Sha384, None),
        ("sha512", HashAlgorithm::Sha512, None),
        ("sha3-256", HashAlgorithm::Sha3_256, None),
    ] {
        let good = matches!(digest, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512);
        let by = |form: &Form<'_>| form.saying(one, |says| says.digest(digest));
        cases.both(&format!("digest-{name}"), key, good, differs, by);
        let known = digest != HashAlgorithm::Sha3_256;
        cases.both(&format!("digest-{name}-beside-good"), key, known, None, |form| [by(form), form.by(one)].concat());
    }
    let expired = |form: &Form<'_>| form.saying(one, |says| says.lives(60));
    cases.both("expired", key, false, None, expired);
    cases.both("expired-beside-good", key, false, None, |form| [expired(form), form.by(one)].concat());
    cases.both("expires-later", key, true, None, |form| form.saying(one, |says| says.lives(DAY)));
    cases.both("expires-never", key, true, None, |form| form.saying(one, |says| says.lives(0)));
    let tomorrow = cases.signed + DAY;
    cases.both("future", key, false, FUTURE, |form| form.at(one, Says::at(tomorrow)));
    cases.both("future-beside-good", key, true, None, |form| [form.at(one, Says::at(tomorrow)), form.by(one)].concat());
}

fn parts(cases: &mut Cases, key: &[u8], both: &[u8], [one, two]: [&Signer; 2]) {
    let notation =
        || SubpacketData::Notation(Notation { readable: true, name: "a@example.com".into(), value: "b".into() });
    cases.both("notation", key, true, None, |form| form.saying(one, |says| says.with(notation())));
    cases.both("critical-notation", key, false, None, |form| form.saying(one, |says| says.with_critical(notation())));
    let private = || SubpacketData::Experimental(101, vec![1].into());
    cases.both("private-part", key, true, None, |form| form.saying(one, |says| says.with(private())));
    cases
        .both("critical-private-part", key, false, None, |form| form.saying(one, |says| says.with_critical(private())));
    let expression = || SubpacketData::RegularExpression("x\0".into());
    cases.both("critical-expression", key, false, UNKNOWN, |form| {
        form.saying(one, |says| says.with_critical(expression()))
    });
    let policy = || SubpacketData::PolicyURI("https://example.com/".to_owned());
    cases.both("critical-policy", key, true, None, |form| form.saying(one, |says| says.with_critical(policy())));
    let made = SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(cases.signed));
    cases.both("critical-time", key, true, None, |form| {
        form.saying(one, |says| says.undated().with_critical(made.clone()))
    });
    cases.both("undated", key, false, UNDATED, |form| form.saying(one, Says::undated));
    cases.both("dated-unsigned", key, false, UNDATED, |form| {
        form.saying(one, |says| says.undated().beside(made.clone()))
    });
    cases.both("unnamed", key, false, None, |form| form.saying(one, Says::unnamed));
    let named = SubpacketData::IssuerFingerprint(pgp::types::Fingerprint::V4(one.fingerprint_bytes()));
    cases.both("named-as-another", both, false, None, |form| {
        form.saying(two, |says| says.unnamed().with(named.clone()))
    });
    cases.both("version-3", key, false, OLD, |form| form.saying(one, Says::version_3));
    let six = Signer::version_6(6, cases.born).unwrap();
    let of_six = six.certificate().unwrap();
    let with_six = [key, &of_six].concat();
    cases.both("version-6", &with_six, false, None, |form| form.by(&six));
    cases.both("version-6-beside-a-good-one", key, false, None, |form| [form.by(&six), form.by(one)].concat());
    cases.both("version-6-behind-a-good-one", key, false, NEWER, |form| [form.by(one), form.by(&six)].concat());
    let of_version_5 = |mut packet: Vec<u8>| {
        let at = packet.iter().position(|byte| *byte == 4).unwrap();
        packet[at] = 5;
        packet
    };
    cases.both("version-5", key, false, None, |form| of_version_5(form.by(one)));
    cases.both("version-5-beside-a-good-one", key, false, None, |form| {
        [of_version_5(form.by(one)), form.by(one)].concat()
    });
    cases.both("version-3-beside-a-good-one", key, true, None, |form| {
        [form.saying(one, Says::version_3), form.by(one)].concat()
    });
    for (name, kind) in [("standalone", SignatureType::Standalone), ("timestamp", SignatureType::Timestamp)] {
        cases.both(&format!("type-{name}"), key, false, None, |form| form.of_type(kind, one));
    }
    cases.both("type-of-a-name", key, false, None, |form| form.of_type(SignatureType::CertGeneric, one));
    cases.both("with-a-key", key, false, ONLY_SIGNATURES, |form| [form.by(one), one.key_packet().unwrap()].concat());
    cases.both("with-a-marker", key, true, None, |form| [b"\xca\x03PGP".to_vec(), form.by(one)].concat());
    // Types beside one another.
    let text = suitecast_testing::signer::signed_lines(cases.release());
    let bytes = cases.release().as_bytes();
    let at = Says::at(cases.signed);
    let binary = one.over_bytes(SignatureType::Binary, at.clone(), bytes).unwrap();
    // apt hands gpgv the lines joined by LF, without the last one's end.
    let split = cases.release().trim_end().as_bytes();
    let as_apt_splits = one.over_bytes(SignatureType::Binary, at.clone(), split).unwrap();
    let lines = [text.as_slice(), b"\r\n"].concat();
    let textual = one.over_bytes(SignatureType::Text, at, &lines).unwrap();
    cases.both("both-types", key, true, None, |form| {
        if form.clear { form.by(one) } else { [binary.clone(), textual.clone()].concat() }
    });
    let file = suitecast_testing::signer::clear_signed(cases.release(), &as_apt_splits).unwrap();
    cases.add("binary-type-in-clear", key, super::case::Files::InRelease(file), false, OTHER_TYPE);
}
