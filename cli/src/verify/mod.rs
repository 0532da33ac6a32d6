//! `suitecast verify`.

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `suitecast verify`
#[derive(Debug, Args)]
pub struct VerifyArguments {}

/// Runs the command.
#[allow(clippy::unused_async, reason = "the others wait")]
pub(crate) async fn run(_arguments: VerifyArguments, _output: &Output) -> Result<Exit, Failure> {
    Err(Failure::refused("this command is not there yet"))
}
