//! `suitecast`, the command-line program: what people do by hand with an archive that Suitecast serves.
//!
//! Each subcommand is a directory of its own: `arguments.rs` says what it takes, what it decides lies in plain functions
//! without I/O, and what it reads and writes goes through adapters (the storage port, the file system, the terminal). The
//! rules of an archive are those of the functions, from the same crates: nothing of them is repeated here.
//!
//! - [`s3url`] reads `s3://BUCKET/PREFIX`, [`clients`] connects to it;
//! - `regions` finds the Regions of an installation, `reader` reads an archive as its clients do;
//! - [`output`] is the one place that prints, [`exit`] says how the program ends.

pub mod clients;
pub mod exit;
pub mod output;
pub mod s3url;

mod arguments;
mod aws;
mod completions;
mod explain;
mod push;
mod reader;
mod regions;
mod replay;
mod status;
mod verify;

pub use arguments::{Arguments, Command};

use exit::{Exit, Failure};
use output::Output;

/// Runs one command to its end and says how it ended; a failure has been told on stderr by then.
pub fn run(arguments: Arguments) -> Exit {
    let output = Output::of_process(arguments.json);
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(dispatch(arguments.command, &output));
            // Threads that read files cannot be cut short, and dropping the runtime would wait for them: a push that was
            // interrupted would go on until the file is read, or for ever where the disk does not answer.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::temporary(format!("cannot start: the system gives no threads: {error}"))),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit
        }
    }
}

async fn dispatch(command: Command, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Push(arguments) => push::run(arguments, output).await,
        Command::Status(arguments) => status::run(arguments, output).await,
        Command::Explain(arguments) => explain::run(arguments, output).await,
        Command::Verify(arguments) => verify::run(arguments, output).await,
        Command::Replay(arguments) => replay::run(arguments, output).await,
        Command::Completions(arguments) => completions::run(&arguments, output),
    }
}
