//! One way to sign, and the means to make many of them.

use pgp::packet::SignatureType;
use suitecast_archive::ClearSigned;
use suitecast_signature::Keyring;
use suitecast_testing::signer::{Says, Signer, armoured_keys, armoured_signatures, clear_signed, signed_lines};

/// A release that lists one index, an empty one, which apt does not ask for.
const RELEASE: &str = "Origin: Suitecast\nSuite: s\nCodename: s\nDate: Tue, 01 Sep 2026 00:00:00 UTC\n\
    Architectures: amd64\nComponents: main\nSHA256:\n \
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n";

const HOUR: u32 = 60 * 60;
pub(crate) const DAY: u32 = 24 * HOUR;

/// What a client finds.
#[derive(Clone)]
pub(crate) enum Files {
    InRelease(Vec<u8>),
    Detached { release: Vec<u8>, signature: Vec<u8> },
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) keyring: Vec<u8>,
    pub(crate) files: Files,
    /// What our verdict must be.
    pub(crate) good: bool,
    /// Why it is another one than apt's, where it is.
    pub(crate) differs: Option<&'static str>,
}

impl Case {
    pub(crate) fn our_verdict(&self) -> Result<(), String> {
        let keyring = Keyring::parse(&self.keyring).map_err(|error| error.to_string())?;
        let verified = match &self.files {
            Files::InRelease(bytes) => {
                let file = ClearSigned::parse(bytes).map_err(|error| error.to_string())?;
                keyring.verify_clear_signed(&file, now())
            }
            Files::Detached { release, signature } => keyring.verify_detached(release, signature, now()),
        };
        verified.map(drop).map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "apt asks the machine's clock, so the same time must be asked here")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The text, as one form of signing wants it signed.
pub(crate) struct Form<'a> {
    /// Whether it is an `InRelease`.
    pub(crate) clear: bool,
    kind: SignatureType,
    bytes: &'a [u8],
    at: u32,
}

impl Form<'_> {
    /// A signature over the text, an hour old.
    pub(crate) fn by(&self, signer: &Signer) -> Vec<u8> {
        self.saying(signer, |says| says)
    }

    /// One that says more.
    pub(crate) fn saying(&self, signer: &Signer, more: impl FnOnce(Says) -> Says) -> Vec<u8> {
        self.at(signer, more(Says::at(self.at)))
    }

    pub(crate) fn at(&self, signer: &Signer, says: Says) -> Vec<u8> {
        signer.over_bytes(self.kind, says, self.bytes).unwrap()
    }

    /// One of another type.
    pub(crate) fn of_type(&self, kind: SignatureType, signer: &Signer) -> Vec<u8> {
        signer.over_bytes(kind, Says::at(self.at), self.bytes).unwrap()
    }

    /// A signature over another text.
    pub(crate) fn bad(&self, signer: &Signer) -> Vec<u8> {
        signer.over_bytes(self.kind, Says::at(self.at), b"Origin: somebody else").unwrap()
    }
}

/// The cases, and what they share.
pub(crate) struct Cases {
    all: Vec<Case>,
    /// An hour ago, in seconds since 1970: when files are signed.
    pub(crate) signed: u32,
    /// Four hundred days ago: when keys are made.
    pub(crate) born: u32,
    pub(crate) one: Signer,
    pub(crate) two: Signer,
    pub(crate) three: Signer,
}

impl Cases {
    pub(crate) fn new() -> Self {
        let signed = u32::try_from(now().as_second()).unwrap() - HOUR;
        let born = signed - 400 * DAY;
        let of = |seed| Signer::new(seed, born).unwrap();
        Self { all: vec![], signed, born, one: of(1), two: of(2), three: of(3) }
    }

    pub(crate) fn all(self) -> Vec<Case> {
        self.all
    }

    /// A key as gpg makes it.
    #[allow(clippy::unused_self, reason = "read beside the others that need it")]
    pub(crate) fn key(&self, signer: &Signer) -> Vec<u8> {
        signer.certificate().unwrap()
    }

    #[allow(clippy::unused_self, reason = "read beside the others that need it")]
    pub(crate) fn release(&self) -> &'static str {
        RELEASE
    }

    pub(crate) fn add(&mut self, name: &str, keyring: &[u8], files: Files, good: bool, differs: Option<&'static str>) {
        let keyring = keyring.to_vec();
        self.all.push(Case { name: name.to_owned(), keyring, files, good, differs });
    }

    /// The same signatures in an `InRelease` and beside a `Release`. The keyring is armoured for one and binary for the
    /// other.
    pub(crate) fn both(
        &mut self,
        name: &str,
        keyring: &[u8],
        good: bool,
        differs: Option<&'static str>,
        packets: impl Fn(&Form<'_>) -> Vec<u8>,
    ) {
        let lines = signed_lines(RELEASE);
        let clear = Form { clear: true, kind: SignatureType::Text, bytes: &lines, at: self.signed };
        let file = clear_signed(RELEASE, &packets(&clear)).unwrap();
        self.add(&format!("{name}-clear"), &armoured_keys(keyring).unwrap(), Files::InRelease(file), good, differs);
        let bytes = RELEASE.as_bytes();
        let detached = Form { clear: false, kind: SignatureType::Binary, bytes, at: self.signed };
        let signature = armoured_signatures(&packets(&detached)).unwrap();
        let files = Files::Detached { release: bytes.to_vec(), signature };
        self.add(&format!("{name}-detached"), keyring, files, good, differs);
    }
}
