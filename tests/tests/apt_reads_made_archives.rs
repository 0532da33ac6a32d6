//! Real apt, gpgv and dpkg-deb against the archives that the tests are made of: if they did not take them, every test that
//! rests on such an archive would prove nothing.
//!
//! Skipped aloud where apt is absent; with `CI=true` that is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use suitecast_testing::archive_maker::{ArchiveMaker, ByHash, Generation, PlainIndices, Signing};

/// Whether the tools are here. Their absence is said, never passed over.
fn tools_are_here() -> bool {
    let absent: Vec<&str> = ["apt-get", "gpgv", "dpkg-deb", "dpkg-source"]
        .into_iter()
        .filter(|tool| Command::new(tool).arg("--version").output().is_err())
        .collect();
    if absent.is_empty() {
        return true;
    }
    let may_skip = std::env::var("CI").as_deref() != Ok("true");
    assert!(may_skip, "{absent:?} must be installed: with CI=true nothing may be skipped");
    eprintln!("SKIPPED: {absent:?} not installed; real apt was not asked");
    false
}

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("suitecast-apt-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Serves files by their keys on loopback, one request a connection, until the test's process ends. Answers the address.
fn serve(files: BTreeMap<String, bytes::Bytes>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            std::thread::spawn(move || answer(connection, &files));
        }
    });
    address
}

fn answer(mut connection: TcpStream, files: &BTreeMap<String, bytes::Bytes>) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match files.get(&unescaped(path)) {
        Some(bytes) => ("200 OK", bytes.clone()),
        None => ("404 Not Found", bytes::Bytes::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // A client that hangs up has what it wanted.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
}

fn unescaped(path: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// apt with everything of its own in one directory: as any user, touching nothing of the machine.
struct Apt {
    directory: PathBuf,
    address: String,
}

impl Apt {
    fn new(directory: &Path, address: &str, suite: &str, key: Option<&str>) -> Self {
        let apt = Self { directory: directory.join("apt"), address: address.to_owned() };
        for part in ["lists/partial", "cache/archives/partial", "downloads"] {
            std::fs::create_dir_all(apt.directory.join(part)).unwrap();
        }
        let trust = match key {
            Some(key) => {
                let path = apt.directory.join("key.asc");
                std::fs::write(&path, key).unwrap();
                format!("Signed-By: {}", path.display())
            }
            None => "Trusted: yes".to_owned(),
        };
        let source = format!(
            "Types: deb deb-src\nURIs: {address}\nSuites: {suite}\nComponents: main contrib\n\
             Architectures: amd64 arm64\n{trust}\n"
        );
        std::fs::write(apt.directory.join("test.sources"), source).unwrap();
        std::fs::write(apt.directory.join("status"), "").unwrap();
        let at = apt.directory.display();
        let configuration = format!(
            "Dir::State \"{at}\";\nDir::State::lists \"{at}/lists\";\nDir::State::status \"{at}/status\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Etc::sourcelist \"{at}/test.sources\";\nDir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; \"arm64\"; }};\nAPT::Sandbox::User \"\";\nAcquire::Languages \"en\";\n\
             Acquire::http::Proxy \"DIRECT\";\n"
        );
        std::fs::write(apt.directory.join("apt.conf"), configuration).unwrap();
        apt
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(self.directory.join("downloads"))
            .output()
            .unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let text = said(&output);
        assert!(output.status.success(), "apt-get {arguments:?} at {}: {text}", self.address);
        assert!(!text.contains("W:") && !text.contains("E:"), "apt-get {arguments:?} complained: {text}");
    }

    fn downloaded(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.join("downloads").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What apt calls the file of a version with an epoch, and where the archive has it.
const DOWNLOADS: [(&str, &str, &str); 5] = [
    (
        "libstdc++-tiny",
        "libstdc++-tiny_12.2.0-1+deb12u1~bpo1_amd64.deb",
        "pool/main/libs/libstdc++-tiny/libstdc++-tiny_12.2.0-1+deb12u1~bpo1_amd64.deb",
    ),
    (
        "g++-tiny",
        "g++-tiny_4%3a12.2.0+git20250101~rc1-1_amd64.deb",
        "pool/main/g/g++-tiny/g++-tiny_12.2.0+git20250101~rc1-1_amd64.deb",
    ),
    (
        "epoch-escaped",
        "epoch-escaped_1%3a2.0~beta+1-1_all.deb",
        "pool/main/e/epoch-escaped/epoch-escaped_1%3a2.0~beta+1-1_all.deb",
    ),
    ("epoch-literal", "epoch-literal_2%3a3.0-1_all.deb", "pool/contrib/e/epoch-literal/epoch-literal_2:3.0-1_all.deb"),
    ("contributed:arm64", "contributed_0.9-1_arm64.deb", "pool/contrib/c/contributed/contributed_0.9-1_arm64.deb"),
];

fn reads_everything(name: &str, maker: &ArchiveMaker, prefix: &str) {
    let made = maker.generation(1).unwrap();
    let scratch = Scratch::new(name);
    let key = maker.key().unwrap().public_armoured().unwrap();
    let address = serve(made.files.clone());
    let suite = made.suite.rsplit_once("dists/").unwrap().1.to_owned();
    let apt = Apt::new(&scratch.0, &format!("{address}/{prefix}"), &suite, Some(&key));
    apt.succeeds(&["update"]);
    for (package, file, path) in DOWNLOADS {
        apt.succeeds(&["download", package]);
        assert_eq!(apt.downloaded(file), made.files[&format!("{prefix}{path}")], "{package}");
    }
    // Unpacks it too, by dpkg-source.
    apt.succeeds(&["source", "hello-suitecast"]);
    assert_eq!(apt.downloaded("hello-suitecast-2.10/README"), b"hello-suitecast 2.10\n");
}

#[test]
fn apt_reads_the_usual_archive() {
    if tools_are_here() {
        reads_everything("usual", &ArchiveMaker::new(21), "");
    }
}

#[test]
fn apt_reads_each_variant() {
    if tools_are_here() {
        let maker = ArchiveMaker::new(22);
        let nested = maker.clone().in_directory("debian").suite("bookworm/updates");
        reads_everything("nested", &nested, "debian/");
        reads_everything("sha512", &maker.clone().by_hash(ByHash::Sha256AndSha512), "");
        let plainest = maker.clone().by_hash(ByHash::None).plain_indices(PlainIndices::Shipped);
        reads_everything("plainest", &plainest.signing(Signing::OnlyDetached), "");
        reads_everything("all", &maker.binary_all(true).gzip_indices(false).contents(true), "");
    }
}

#[test]
fn apt_refuses_an_archive_signed_by_another_key() {
    if tools_are_here() {
        let made = ArchiveMaker::new(23).generation(1).unwrap();
        let stranger = ArchiveMaker::new(24).key().unwrap().public_armoured().unwrap();
        let scratch = Scratch::new("stranger");
        let apt = Apt::new(&scratch.0, &serve(made.files), "stable", Some(&stranger));
        let output = apt.run(&["update"]);
        assert!(!output.status.success() && said(&output).contains("NO_PUBKEY"), "{}", said(&output));
    }
}

#[test]
fn apt_follows_from_one_generation_to_the_next() {
    if tools_are_here() {
        let maker = ArchiveMaker::new(25);
        let key = maker.key().unwrap().public_armoured().unwrap();
        let scratch = Scratch::new("history");
        for made in maker.history(3).unwrap() {
            let name = format!("hello-suitecast_2.10-{}_amd64.deb", made.number);
            let path = format!("pool/main/h/hello-suitecast/{name}");
            let expected = made.files[&path].clone();
            // The same lists every time, as on a machine that is updated now and then.
            let apt = Apt::new(&scratch.0, &serve(made.files), "stable", Some(&key));
            apt.succeeds(&["update"]);
            apt.succeeds(&["download", "hello-suitecast"]);
            assert_eq!(apt.downloaded(&name), expected);
        }
    }
}

#[test]
fn the_tool_writes_what_apt_reads_with_its_key_beside_it() {
    if tools_are_here() {
        let scratch = Scratch::new("tool");
        let out = scratch.0.join("archive");
        for generation in ["1", "2"] {
            let output = Command::new(env!("CARGO_BIN_EXE_make-archive"))
                .args(["--generation", generation, "--seed", "27", "--out"])
                .arg(&out)
                .arg("--key")
                .arg(scratch.0.join("key"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", said(&output));
            let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let keys = |field: &str| -> Vec<String> {
                summary[field].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
            };
            let read = |key: String| (key.clone(), std::fs::read(out.join(key)).unwrap().into());
            let files: BTreeMap<String, bytes::Bytes> = keys("files").into_iter().map(read).collect();
            let name = format!("hello-suitecast_2.10-{generation}_amd64.deb");
            let path = format!("pool/main/h/hello-suitecast/{name}");
            assert!(keys("changed").contains(&path));
            let expected = files[&path].clone();
            let key = std::fs::read_to_string(out.join("archive-key.asc")).unwrap();
            let apt = Apt::new(&scratch.0, &serve(files), "stable", Some(&key));
            apt.succeeds(&["update"]);
            apt.succeeds(&["download", "hello-suitecast"]);
            assert_eq!(apt.downloaded(&name), expected);
        }
    }
}

#[test]
fn dpkg_takes_every_package_apart() {
    if tools_are_here() {
        let made: Generation = ArchiveMaker::new(26).generation(2).unwrap();
        let scratch = Scratch::new("dpkg");
        made.write_to(&scratch.0).unwrap();
        let debs: Vec<&str> =
            made.pool_keys().filter(|key| key.ends_with("64.deb") || key.ends_with("all.deb")).collect();
        assert!(debs.len() > 10, "{debs:?}");
        for key in debs {
            let path = scratch.0.join(key);
            for option in ["--info", "--contents"] {
                let output = Command::new("dpkg-deb").arg(option).arg(&path).output().unwrap();
                assert!(output.status.success(), "dpkg-deb {option} {key}: {}", said(&output));
            }
            let unpacked = scratch.0.join("unpacked");
            let output = Command::new("dpkg-deb").arg("--raw-extract").arg(&path).arg(&unpacked).output().unwrap();
            assert!(output.status.success(), "dpkg-deb --raw-extract {key}: {}", said(&output));
            let sums = Command::new("md5sum")
                .args(["--check", "--strict", "DEBIAN/md5sums"])
                .current_dir(&unpacked)
                .output()
                .unwrap();
            assert!(sums.status.success(), "{key}: {}", said(&sums));
            std::fs::remove_dir_all(&unpacked).unwrap();
        }
    }
}
