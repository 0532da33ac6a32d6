//! `suitecast status`.

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `suitecast status`
#[derive(Debug, Args)]
pub struct StatusArguments {}

/// Runs the command.
#[allow(clippy::unused_async, reason = "the others wait")]
pub(crate) async fn run(_arguments: StatusArguments, _output: &Output) -> Result<Exit, Failure> {
    Err(Failure::refused("this command is not there yet"))
}
