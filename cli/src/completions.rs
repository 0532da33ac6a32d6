//! `suitecast completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Arguments;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `suitecast completions`
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: Shell,
}

/// Prints what the shell sources.
pub(crate) fn run(arguments: &CompletionsArguments, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "suitecast", &mut script);
    output.bytes(&script)?;
    Ok(Exit::Done)
}
