//! `suitecast`: the operator's hand on an archive.

use std::process::ExitCode;

use clap::Parser;
use suitecast_cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse()).into()
}
