//! `apt-get update` in a directory of its own, once for all cases: each is a source with a key of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::case::{Case, Files};

/// Whether the tools are here. Their absence is said, never passed over.
pub(crate) fn tools_are_here() -> bool {
    let tools = ["apt-get", "gpgv", "gpg"];
    let absent: Vec<&str> =
        tools.into_iter().filter(|tool| Command::new(tool).arg("--version").output().is_err()).collect();
    if absent.is_empty() {
        return true;
    }
    let may_skip = std::env::var("CI").as_deref() != Ok("true");
    assert!(may_skip, "{absent:?} must be installed: with CI=true nothing may be skipped");
    eprintln!("SKIPPED: {absent:?} not installed; real apt was not asked for its verdicts");
    false
}

/// A directory that is gone when the test is over.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("suitecast-signatures-{name}-{}", std::process::id()));
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

/// What apt makes of each case, by its name: nothing, or what it says.
pub(crate) fn verdicts(scratch: &Path, cases: &[Case]) -> BTreeMap<String, Result<(), String>> {
    let archives = scratch.join("archives");
    let state = scratch.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(state.join(part)).unwrap();
    }
    let mut sources = String::new();
    for case in cases {
        let suite = archives.join(&case.name).join("dists/s");
        std::fs::create_dir_all(&suite).unwrap();
        match &case.files {
            Files::InRelease(bytes) => std::fs::write(suite.join("InRelease"), bytes).unwrap(),
            Files::Detached { release, signature } => {
                std::fs::write(suite.join("Release"), release).unwrap();
                std::fs::write(suite.join("Release.gpg"), signature).unwrap();
            }
        }
        // apt tells by the name whether a keyring is armoured.
        let armoured = case.keyring.first().is_none_or(|byte| byte & 0x80 == 0);
        let key = archives.join(&case.name).join(if armoured { "key.asc" } else { "key.gpg" });
        std::fs::write(&key, &case.keyring).unwrap();
        let at = archives.join(&case.name);
        writeln!(
            sources,
            "Types: deb\nURIs: file:{}\nSuites: s\nComponents: main\nArchitectures: amd64\nSigned-By: {}\n",
            at.display(),
            key.display()
        )
        .unwrap();
    }
    std::fs::write(state.join("test.sources"), sources).unwrap();
    std::fs::write(state.join("status"), "").unwrap();
    let at = state.display();
    let configuration = format!(
        "Dir::State \"{at}\";\nDir::State::lists \"{at}/lists\";\nDir::State::status \"{at}/status\";\n\
         Dir::Cache \"{at}/cache\";\nDir::Etc::sourcelist \"{at}/test.sources\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\nDir::Etc::Trusted \"/dev/null\";\n\
         Dir::Etc::TrustedParts \"/dev/null\";\nAPT::Architecture \"amd64\";\nAPT::Architectures \"amd64\";\n\
         APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\n"
    );
    std::fs::write(state.join("apt.conf"), configuration).unwrap();
    let output = Command::new("apt-get")
        .arg("update")
        .env("APT_CONFIG", state.join("apt.conf"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let kept: Vec<String> = std::fs::read_dir(state.join("lists"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    cases
        .iter()
        .map(|case| {
            let name = &case.name;
            let ends = ["InRelease", "Release"].map(|file| format!("_{name}_dists_s_{file}"));
            let verdict = if kept.iter().any(|file| ends.iter().any(|end| file.ends_with(end))) {
                Ok(())
            } else {
                let about = |line: &&str| line.contains(&format!("/{name} s ")) && line.starts_with(['W', 'E']);
                Err(said.lines().find(about).unwrap_or("no word about it").to_owned())
            };
            (name.clone(), verdict)
        })
        .collect()
}
