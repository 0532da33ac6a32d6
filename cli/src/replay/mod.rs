//! `suitecast replay`.

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `suitecast replay`
#[derive(Debug, Args)]
pub struct ReplayArguments {}

/// Runs the command.
#[allow(clippy::unused_async, reason = "the others wait")]
pub(crate) async fn run(_arguments: ReplayArguments, _output: &Output) -> Result<Exit, Failure> {
    Err(Failure::refused("this command is not there yet"))
}
