//! Every interleaving of two publishers and a batch; see
//! [`suitecast_tests::attacks::interleavings`].
//!
//! ```text
//! attack-interleavings [--only PART-OF-A-SCENARIO'S-NAME]
//! ```

use std::io::Write as _;
use std::process::ExitCode;

use suitecast_tests::attacks::interleavings;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let only = match (words.next().as_deref(), words.next()) {
        (None, _) => String::new(),
        (Some("--only"), Some(part)) => part,
        _ => {
            let _ = writeln!(std::io::stderr(), "usage: attack-interleavings [--only PART-OF-A-SCENARIO'S-NAME]");
            return ExitCode::FAILURE;
        }
    };
    let mut out = std::io::stdout().lock();
    // Nothing is left to do when even this cannot be written.
    let found = interleavings::long(&only, |explored| drop(writeln!(out, "{explored}")));
    for violation in &found.tally.violations {
        let _ = writeln!(out, "violation: {violation}");
    }
    let _ = writeln!(out, "{}", found.tally);
    if found.tally.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
