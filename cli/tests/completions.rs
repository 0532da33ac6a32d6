//! `suitecast completions`: what a shell is to complete is what the program takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Command, Output, Stdio};

const COMMANDS: [&str; 6] = ["push", "status", "explain", "verify", "replay", "completions"];

fn completions(shell: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_suitecast"))
        .args(["completions", shell])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn each_shell_completes_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let output = completions(shell);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        for word in COMMANDS.iter().chain(&["max-delete", "no-check", "concurrency", "samconfig", "watch", "deep"]) {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(completions("no-shell").status.code(), Some(2));
}

#[test]
fn bash_takes_its_script_and_completes_a_command() {
    let program = env!("CARGO_BIN_EXE_suitecast");
    let script = format!(
        "set -eu; source <({program} completions bash); COMP_WORDS=(suitecast pu); COMP_CWORD=1; \
         _suitecast suitecast pu suitecast; echo \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash").args(["--norc", "-c", &script]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "push", "{said}");
}
