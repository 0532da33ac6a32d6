//! What gpg itself makes: keys of each algorithm.

use std::path::Path;
use std::process::Command;

use super::case::{Cases, Files};

/// gpg in a directory of its own; its agent ends with it.
struct Gpg<'a> {
    home: &'a Path,
}

impl Gpg<'_> {
    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("gpg")
            .args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(arguments)
            .env("GNUPGHOME", self.home)
            .output()
            .unwrap();
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Gpg<'_> {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.home).status();
    }
}

const WEAK: Option<&str> =
    Some("rule 15: apt 2.6 takes short RSA and DSA keys; newer ones warn of them or refuse them");
const CURVE: Option<&str> = Some("rule 15: secp256k1 is no curve of FIPS 186-5, and no archive is known to use it");

pub(crate) fn add(cases: &mut Cases, scratch: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let home = scratch.join("gnupg");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    let text = scratch.join("Release");
    std::fs::write(&text, cases.release()).unwrap();
    let text = text.to_str().unwrap();
    let gpg = Gpg { home: &home };
    for (algorithm, differs) in [
        ("rsa2048", None),
        ("rsa3072", None),
        ("rsa1024", WEAK),
        ("dsa1024", WEAK),
        ("dsa2048", WEAK),
        ("ed25519", None),
        ("nistp256", None),
        ("nistp384", None),
        ("nistp521", None),
        ("secp256k1", CURVE),
    ] {
        let user = format!("key of {algorithm} <none@example.com>");
        gpg.run(&["--quick-gen-key", &user, algorithm, "sign", "never"]);
        let key = gpg.run(&["--export", &user]);
        let sign = |how: &[&str]| {
            gpg.run(&[&["--digest-algo", "SHA512", "--local-user", &user, "--output", "-"], how, &[text]].concat())
        };
        let file = Files::InRelease(sign(&["--clear-sign"]));
        cases.add(&format!("gpg-{algorithm}-clear"), &key, file, differs.is_none(), differs);
        for (form, how) in
            [("detached", &["--armor", "--detach-sign"][..]), ("textmode", &["--textmode", "--armor", "--detach-sign"])]
        {
            let files = Files::Detached { release: cases.release().into(), signature: sign(how) };
            cases.add(&format!("gpg-{algorithm}-{form}"), &key, files, differs.is_none(), differs);
        }
    }
    // An old key: RSA, which signed itself with SHA-1.
    let user = "old key <none@example.com>";
    gpg.run(&["--cert-digest-algo", "SHA1", "--quick-gen-key", user, "rsa2048", "sign", "never"]);
    let key = gpg.run(&["--export", user]);
    let clear = gpg.run(&["--digest-algo", "SHA512", "--local-user", user, "--output", "-", "--clear-sign", text]);
    cases.add("gpg-self-signature-with-sha1-clear", &key, Files::InRelease(clear), true, None);
    // And one whose signature of the file is with SHA-1, alone and beside a bad one.
    let clear = gpg.run(&["--digest-algo", "SHA1", "--local-user", user, "--output", "-", "--clear-sign", text]);
    cases.add("gpg-rsa-with-sha1-clear", &key, Files::InRelease(clear), false, None);
    // A subkey for signing, as gpg makes it, and a file signed by two keys at once.
    let user = "key with a subkey <none@example.com>";
    gpg.run(&["--quick-gen-key", user, "ed25519", "cert", "never"]);
    let listed = String::from_utf8(gpg.run(&["--with-colons", "--list-keys", user])).unwrap();
    let fingerprint =
        listed.lines().find(|line| line.starts_with("fpr")).unwrap().split(':').nth(9).unwrap().to_owned();
    gpg.run(&["--quick-add-key", &fingerprint, "ed25519", "sign", "never"]);
    let key = gpg.run(&["--export", user]);
    let clear = gpg.run(&["--local-user", user, "--output", "-", "--clear-sign", text]);
    cases.add("gpg-subkey-clear", &key, Files::InRelease(clear), true, None);
    let both = ["--local-user", user, "--local-user", "key of rsa2048", "--output", "-"];
    let clear = gpg.run(&[&both[..], &["--clear-sign", text]].concat());
    cases.add("gpg-two-keys-clear", &key, Files::InRelease(clear), true, None);
    let detached = gpg.run(&[&both[..], &["--armor", "--detach-sign", text]].concat());
    let files = Files::Detached { release: cases.release().into(), signature: detached };
    cases.add("gpg-two-keys-detached", &key, files, true, None);
}
