//! Every interleaving of two publishers and a batch, at the grain of single operations; see
//! [`suitecast_tests::attacks::interleavings`].
//!
//! ```text
//! attack-interleavings [--only PART-OF-A-SCENARIO'S-NAME] [--grain effects|operations]
//! ```

use std::io::Write as _;
use std::process::ExitCode;

use suitecast_tests::attacks::interleavings::{self, Grain};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (mut only, mut grain) = (String::new(), Grain::Operations);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--only", Some(part)) => only = part,
            ("--grain", Some(of)) if of == "effects" => grain = Grain::Effects,
            ("--grain", Some(of)) if of == "operations" => grain = Grain::Operations,
            _ => {
                let _ = writeln!(
                    std::io::stderr(),
                    "usage: attack-interleavings [--only PART] [--grain effects|operations]"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    let mut out = std::io::stdout().lock();
    // Nothing is left to do when even this cannot be written.
    let found = interleavings::long(&only, grain, |explored| drop(writeln!(out, "{explored}")));
    for violation in &found.tally.violations {
        let _ = writeln!(out, "violation: {violation}");
    }
    let _ = writeln!(out, "{}", found.tally);
    if found.tally.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
