//! What a cold start pays for: the libraries that are linked, and how they were built.

use std::io;
use std::path::Path;
use std::process::Command;

/// The functions that are deployed.
const FUNCTIONS: [&str; 2] = ["suitecast-publish", "suitecast-replicate"];

/// TLS and HTTP stacks that the SDK still offers beside the one that is used, as `cargo tree` begins their lines. A
/// second stack makes the function's binary megabytes larger and its start slower.
pub const LEGACY: [&str; 6] = ["ring v", "rustls v0.21.", "hyper v0.14.", "openssl v", "openssl-sys v", "native-tls v"];

fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The lines of the functions' dependency tree that name a legacy stack.
///
/// # Errors
/// When `cargo tree` does not run, or prints no tree that counts as one.
pub fn legacy_crates() -> io::Result<Vec<String>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    for function in FUNCTIONS {
        command.args(["--package", function]);
    }
    let output = command.output()?;
    let tree = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !tree.lines().any(|line| line.starts_with("aws-lc-sys v")) {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("cargo tree gave no tree with aws-lc-sys in it: {said}")));
    }
    let is_legacy = |line: &&str| LEGACY.iter().any(|name| line.starts_with(name));
    let mut found: Vec<String> = tree.lines().filter(is_legacy).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether aws-lc is built without its jitter entropy, which takes some 45 ms of the first TLS connection.
///
/// # Errors
/// When cargo's configuration cannot be read.
pub fn jitter_entropy_is_off() -> io::Result<bool> {
    let configuration = std::fs::read_to_string(workspace().join(".cargo/config.toml"))?;
    Ok(configuration.lines().any(|line| line.replace(' ', "") == "AWS_LC_SYS_NO_JITTER_ENTROPY=\"1\""))
}
