//! `suitecast`: the operator's hand on an archive.

use std::process::ExitCode;

use clap::Parser;
use suitecast_cli::{Arguments, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Arguments::parse()).await.into()
}
