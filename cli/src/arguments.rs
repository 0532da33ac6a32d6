//! What the program takes.

use clap::{Parser, Subcommand};

use crate::exit;
use crate::{completions, explain, push, replay, status, verify};

/// Fills the master bucket of an apt archive, and says where its Regions stand.
#[derive(Debug, Parser)]
#[command(name = "suitecast", version, about, after_help = exit::HELP, max_term_width = 110)]
pub struct Arguments {
    /// Answer in JSON on stdout: one object a line, the last of them the result
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in the process")]
pub enum Command {
    /// Send an archive from a directory to the master bucket
    Push(push::PushArguments),
    /// Say which release each Region serves, and what it waits for
    Status(status::StatusArguments),
    /// Say why a suite is not swapped, or who refers to a key
    Explain(explain::ExplainArguments),
    /// Check a bucket, or an archive over HTTP, as a reader of its own
    Verify(verify::VerifyArguments),
    /// Have Regions look at suites or keys again
    Replay(replay::ReplayArguments),
    /// Print a shell's completions
    Completions(completions::CompletionsArguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_fit_together() {
        Arguments::command().debug_assert();
    }
}
