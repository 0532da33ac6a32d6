//! Keys: what the keyring says of the one that signed.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SignatureType, SubpacketData};
use suitecast_testing::signer::{Says, Signer, armoured_keys, clear_signed, signed_lines};

use super::case::{Cases, DAY, Files};

const YOUNG: Option<&str> =
    Some("rule 19: apt 2.6 runs gpgv with --ignore-time-conflict, so that a client with a wrong clock can update");
const FLAGS: Option<&str> =
    Some("rule 20: gpgv takes a subkey that says nothing of what it is for as one for everything");
const SHORT: Option<&str> = Some(
    "rule 16: Ed25519 is younger than the fall of SHA-1; of RSA keys, which are older, SHA-1 is taken as apt does",
);
const RIPEMD: Option<&str> = Some("rule 16: RIPEMD-160 is as old as SHA-1, and no key is known to rest on it");

pub(crate) fn add(cases: &mut Cases) {
    let (one, two, three) = (cases.one.clone(), cases.two.clone(), cases.three.clone());
    self_signatures(cases, &one, &two);
    revocations(cases, &one, &two);
    times(cases, &one);
    subkeys(cases, &one, &two, &three);
    subkeys_that_end(cases, &one, &two);
    keyrings(cases, &one, &two);
}

fn self_signatures(cases: &mut Cases, one: &Signer, two: &Signer) {
    let born = cases.born;
    let mut with = |name: &str, key: Vec<u8>, good: bool, differs| {
        cases.both(name, &key, good, differs, |form| form.by(one));
    };
    let bare = [one.key_packet().unwrap(), one.name_packet().unwrap()].concat();
    with("key-without-self-signature", bare.clone(), false, None);
    with("key-without-a-name", one.key_packet().unwrap(), false, None);
    let stranger = two.over_other(one, Says::at(born).key_is_for(true, true)).unwrap();
    with("key-signed-by-a-stranger-only", [bare, stranger.clone()].concat(), false, None);
    with("key-signed-by-a-stranger-too", [one.certificate().unwrap(), stranger].concat(), true, None);
    let direct = one.over_key(SignatureType::Key, Says::at(born).key_is_for(true, true)).unwrap();
    with("key-with-direct-signature-only", [one.key_packet().unwrap(), direct].concat(), true, None);
    let saying = |says: Says| one.certificate_saying(says.key_is_for(true, true)).unwrap();
    with("key-signed-with-md5", saying(Says::at(born).digest(HashAlgorithm::Md5)), false, None);
    with("key-signed-with-sha1", saying(Says::at(born).digest(HashAlgorithm::Sha1)), false, SHORT);
    with("key-signed-with-ripemd160", saying(Says::at(born).digest(HashAlgorithm::Ripemd160)), false, RIPEMD);
    with("key-signed-with-sha512", saying(Says::at(born).digest(HashAlgorithm::Sha512)), true, None);
    with("key-whose-self-signature-expired", saying(Says::at(born).lives(DAY)), false, ENDED);
    let taken_back = one.over_name(SignatureType::CertRevocation, Says::at(born + DAY)).unwrap();
    with("key-whose-name-was-taken-back", [one.certificate().unwrap(), taken_back.clone()].concat(), false, TAKEN_BACK);
    let again = one.over_name(SignatureType::CertPositive, Says::at(born + 2 * DAY)).unwrap();
    with("key-named-again", [one.certificate().unwrap(), taken_back, again].concat(), true, None);
    with("key-without-flags", one.certificate_saying(Says::at(born)).unwrap(), true, None);
    let certifying = one.certificate_saying(Says::at(born).key_is_for(true, false)).unwrap();
    with("key-for-certifying-only", certifying, false, None);
}

const ENDED: Option<&str> = Some("rule 16: gpgv goes on with a key whose statement on itself expired");
const TAKEN_BACK: Option<&str> =
    Some("rule 16: gpgv goes on with a key whose every name was taken back, as if that said nothing of the key");

fn revocations(cases: &mut Cases, one: &Signer, two: &Signer) {
    let (born, signed) = (cases.born, cases.signed);
    let mut with = |name: &str, key: Vec<u8>, good: bool| {
        cases.both(name, &key, good, None, |form| form.by(one));
    };
    let because = |made, code| {
        let says = Says::at(made).with(SubpacketData::RevocationReason(code, "".into()));
        let revocation = one.over_key(SignatureType::KeyRevocation, says).unwrap();
        let rest = one.certificate().unwrap()[one.key_packet().unwrap().len()..].to_vec();
        [one.key_packet().unwrap(), revocation, rest].concat()
    };
    with("key-compromised", because(born + DAY, RevocationCode::KeyCompromised), false);
    with("key-retired-before", because(born + DAY, RevocationCode::KeyRetired), false);
    with("key-retired-after", because(signed + 60, RevocationCode::KeyRetired), false);
    with("key-revoked-without-reason", because(born + DAY, RevocationCode::NoReason), false);
    let stranger = two.over_key_of(one, SignatureType::KeyRevocation, Says::at(born + DAY)).unwrap();
    let rest = one.certificate().unwrap()[one.key_packet().unwrap().len()..].to_vec();
    with("key-revoked-by-a-stranger", [one.key_packet().unwrap(), stranger, rest].concat(), true);
    let revoker = pgp::types::RevocationKey::new(
        pgp::types::RevocationKeyClass::Default,
        pgp::crypto::public_key::PublicKeyAlgorithm::EdDSALegacy,
        &two.fingerprint_bytes(),
    );
    let says = Says::at(born).with(SubpacketData::RevocationKey(revoker));
    let allowed = one.over_key(SignatureType::Key, says).unwrap();
    let stranger = two.over_key_of(one, SignatureType::KeyRevocation, Says::at(born + DAY)).unwrap();
    let rest = one.certificate().unwrap()[one.key_packet().unwrap().len()..].to_vec();
    let taken_back = [one.key_packet().unwrap(), stranger, allowed, rest].concat();
    with("key-revoked-by-its-revoker", [taken_back.clone(), two.certificate().unwrap()].concat(), false);
    with("key-revoked-by-its-revoker-who-is-absent", taken_back, true);
    let key = [because(born + DAY, RevocationCode::NoReason), two.certificate().unwrap()].concat();
    cases.both("revoked-beside-good", &key, true, None, |form| [form.by(one), form.by(two)].concat());
}

fn times(cases: &mut Cases, one: &Signer) {
    let (born, signed) = (cases.born, cases.signed);
    let lives = |seconds| one.certificate_saying(Says::at(born).key_is_for(true, true).key_lives(seconds)).unwrap();
    cases.both("key-expired", &lives(300 * DAY), false, None, |form| form.by(one));
    // Good when it was made, but the key expired since.
    cases.both("key-expired-since", &lives(300 * DAY), false, None, |form| form.at(one, Says::at(born + DAY)));
    cases.both("key-expires-later", &lives(500 * DAY), true, None, |form| form.by(one));
    cases.both("key-expires-never", &lives(0), true, None, |form| form.by(one));
    let later = |says: Says| one.over_name(SignatureType::CertPositive, says.key_is_for(true, true)).unwrap();
    let prolonged = [lives(300 * DAY), later(Says::at(born + DAY).key_lives(500 * DAY))].concat();
    cases.both("key-prolonged", &prolonged, true, None, |form| form.by(one));
    let unlimited = [lives(300 * DAY), later(Says::at(born + DAY))].concat();
    cases.both("key-prolonged-for-ever", &unlimited, true, None, |form| form.by(one));
    let shortened = [lives(500 * DAY), later(Says::at(born + DAY).key_lives(300 * DAY))].concat();
    cases.both("key-shortened", &shortened, false, None, |form| form.by(one));
    let direct = one.over_key(SignatureType::Key, Says::at(born).key_lives(300 * DAY)).unwrap();
    let rest = lives(500 * DAY)[one.key_packet().unwrap().len()..].to_vec();
    let key = [one.key_packet().unwrap(), direct, rest].concat();
    cases.both("key-expired-by-direct-signature", &key, false, None, |form| form.by(one));
    let young = Signer::new(9, signed + 60).unwrap();
    cases.both("key-younger-than-signature", &young.certificate().unwrap(), false, YOUNG, |form| form.by(&young));
}

/// A key and a subkey, with a binding that says this.
fn bound(one: &Signer, two: &Signer, says: Says) -> Vec<u8> {
    let binding = one.over_subkey(two, SignatureType::SubkeyBinding, says).unwrap();
    [one.certificate().unwrap(), two.subkey_packet().unwrap(), binding].concat()
}

fn subkeys(cases: &mut Cases, one: &Signer, two: &Signer, three: &Signer) {
    let born = cases.born;
    let back = |says: Says| two.back(one, says).unwrap();
    let signing = || Says::at(born).key_is_for(false, true);
    let mut with = |name: &str, key: Vec<u8>, good: bool, differs| {
        cases.both(name, &key, good, differs, |form| form.by(two));
    };
    with("subkey", bound(one, two, signing().with(back(Says::at(born)))), true, None);
    with("subkey-with-unsigned-back-signature", bound(one, two, signing().beside(back(Says::at(born)))), true, None);
    with("subkey-without-back-signature", bound(one, two, signing()), false, None);
    with(
        "subkey-with-back-signature-to-another",
        bound(one, two, signing().with(two.back(three, Says::at(born)).unwrap())),
        false,
        None,
    );
    with(
        "subkey-with-back-signature-by-another",
        bound(one, two, signing().with(three.back(one, Says::at(born)).unwrap())),
        false,
        None,
    );
    with(
        "subkey-with-md5-back-signature",
        bound(one, two, signing().with(back(Says::at(born).digest(HashAlgorithm::Md5)))),
        false,
        None,
    );
    with(
        "subkey-with-sha1-back-signature",
        bound(one, two, signing().with(back(Says::at(born).digest(HashAlgorithm::Sha1)))),
        false,
        SHORT,
    );
    with(
        "subkey-for-nothing",
        bound(one, two, Says::at(born).key_is_for(false, false).with(back(Says::at(born)))),
        false,
        None,
    );
    with(
        "subkey-for-certifying",
        bound(one, two, Says::at(born).key_is_for(true, false).with(back(Says::at(born)))),
        false,
        None,
    );
    with("subkey-without-flags", bound(one, two, Says::at(born).with(back(Says::at(born)))), false, FLAGS);
    with(
        "subkey-bound-with-md5",
        bound(one, two, signing().digest(HashAlgorithm::Md5).with(back(Says::at(born)))),
        false,
        None,
    );
    with(
        "subkey-bound-with-sha1",
        bound(one, two, signing().digest(HashAlgorithm::Sha1).with(back(Says::at(born)))),
        false,
        SHORT,
    );
    let unbound = [one.certificate().unwrap(), two.subkey_packet().unwrap()].concat();
    with("subkey-unbound", unbound.clone(), false, None);
    let says = || signing().with(back(Says::at(born)));
    let stranger = three.over_subkey(two, SignatureType::SubkeyBinding, says()).unwrap();
    with("subkey-bound-by-a-stranger", [unbound.clone(), stranger].concat(), false, None);
    let of_another = one.over_subkey(three, SignatureType::SubkeyBinding, says()).unwrap();
    with("subkey-with-the-binding-of-another", [unbound, of_another].concat(), false, None);
    let key = bound(one, two, says());
    cases.both("subkey-and-primary", &key, true, None, |form| [form.by(one), form.by(two)].concat());
}

fn subkeys_that_end(cases: &mut Cases, one: &Signer, two: &Signer) {
    let (born, signed) = (cases.born, cases.signed);
    let back = |says: Says| two.back(one, says).unwrap();
    let says = || Says::at(born).key_is_for(false, true).with(back(Says::at(born)));
    let mut with = |name: &str, key: Vec<u8>, good: bool, differs| {
        cases.both(name, &key, good, differs, |form| form.by(two));
    };
    with("subkey-expired", bound(one, two, says().key_lives(300 * DAY)), false, None);
    with("subkey-expires-later", bound(one, two, says().key_lives(500 * DAY)), true, None);
    with("subkey-whose-binding-expired", bound(one, two, says().lives(DAY)), false, None);
    let revoked = one.over_subkey(two, SignatureType::SubkeyRevocation, Says::at(born + DAY)).unwrap();
    with("subkey-revoked", [bound(one, two, says()), revoked.clone()].concat(), false, None);
    let again = one
        .over_subkey(
            two,
            SignatureType::SubkeyBinding,
            Says::at(born + 2 * DAY).key_is_for(false, true).with(back(Says::at(born))),
        )
        .unwrap();
    with("subkey-revoked-and-bound-again", [bound(one, two, says()), revoked, again.clone()].concat(), false, None);
    let prolonged = [bound(one, two, says().key_lives(300 * DAY)), again].concat();
    with("subkey-prolonged", prolonged, true, None);
    let binding = one.over_subkey(two, SignatureType::SubkeyBinding, says()).unwrap();
    let tail = || [two.subkey_packet().unwrap(), binding.clone()].concat();
    let expired = one.certificate_saying(Says::at(born).key_is_for(true, true).key_lives(300 * DAY)).unwrap();
    with("subkey-of-expired-primary", [expired, tail()].concat(), false, None);
    let rest = one.certificate().unwrap()[one.key_packet().unwrap().len()..].to_vec();
    let revocation = one.over_key(SignatureType::KeyRevocation, Says::at(born + DAY)).unwrap();
    with("subkey-of-revoked-primary", [one.key_packet().unwrap(), revocation, rest, tail()].concat(), false, None);
    let nameless = [one.key_packet().unwrap(), one.name_packet().unwrap(), tail()].concat();
    with("subkey-of-primary-without-self-signature", nameless, false, None);
    let young = Signer::new(8, signed + 60).unwrap();
    let says = Says::at(signed + 60).key_is_for(false, true).with(young.back(one, Says::at(signed + 60)).unwrap());
    cases.both("subkey-younger-than-signature", &bound(one, &young, says), false, YOUNG, |form| form.by(&young));
}

fn keyrings(cases: &mut Cases, one: &Signer, two: &Signer) {
    let packet = one.over_bytes(SignatureType::Text, Says::at(cases.signed), &signed_lines(cases.release())).unwrap();
    let file = Files::InRelease(clear_signed(cases.release(), &packet).unwrap());
    let (first, second) = (one.certificate().unwrap(), two.certificate().unwrap());
    let armoured = |bytes: &[u8]| armoured_keys(bytes).unwrap();
    for (name, keyring, good) in [
        ("keyring-of-two", [second.clone(), first.clone()].concat(), true),
        ("keyring-of-two-armoured", armoured(&[second.clone(), first.clone()].concat()), true),
        ("keyring-in-two-blocks", [armoured(&second), armoured(&first)].concat(), true),
        (
            "keyring-with-comments",
            [b"# ours\n".to_vec(), armoured(&second), b"\n# theirs\n".to_vec(), armoured(&first)].concat(),
            true,
        ),
        ("keyring-with-the-key-twice", [first.clone(), first.clone()].concat(), true),
        ("keyring-of-another", second.clone(), false),
        ("keyring-empty", vec![], false),
        ("keyring-of-text", b"nothing\n".to_vec(), false),
    ] {
        cases.add(name, &keyring, file.clone(), good, None);
    }
}
