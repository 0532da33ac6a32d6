//! The one place that prints: results to stdout, all else to stderr.
//!
//! A reader that goes away (`suitecast … | head -1`) is no fault: the first write that finds it gone becomes
//! [`Failure::broken_pipe`], which ends the program without a word.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Where a command's words go.
pub struct Output {
    json: bool,
    is_terminal: bool,
    results: Mutex<Box<dyn Write + Send>>,
    remarks: Mutex<Box<dyn Write + Send>>,
}

impl Output {
    /// The process's own stdout and stderr.
    pub fn of_process(json: bool) -> Self {
        Self {
            json,
            is_terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
            results: Mutex::new(Box::new(io::stdout())),
            remarks: Mutex::new(Box::new(io::stderr())),
        }
    }

    /// Writes to somewhere else, for tests; never a terminal.
    pub fn to(json: bool, results: Box<dyn Write + Send>, remarks: Box<dyn Write + Send>) -> Self {
        Self { json, is_terminal: false, results: Mutex::new(results), remarks: Mutex::new(remarks) }
    }

    /// Whether the caller asked for JSON: then [`Output::line`] prints nothing, and the command calls
    /// [`Output::json`].
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody looks at a terminal: colours and bars make sense then, and not with JSON.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal && !self.json
    }

    /// A line of the result, for people. Nothing where JSON was asked for.
    ///
    /// # Errors
    /// The reader went away, or the write failed.
    pub fn line(&self, text: impl Display) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// A JSON document on a line of its own. Nothing where JSON was not asked for.
    ///
    /// # Errors
    /// The reader went away, or the write failed.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(Exit::Refused, format!("cannot write the answer as JSON: {error}")))?;
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes of the result as they are.
    ///
    /// # Errors
    /// The reader went away, or the write failed.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut results = self.results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.write_all(bytes).and_then(|()| results.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::broken_pipe(),
            _ => Failure::temporary(format!("cannot write to stdout: {error}")),
        })
    }

    /// A remark that is no part of the result: progress, warnings. Whether anybody reads it does not matter.
    pub fn remark(&self, text: impl Display) {
        let mut remarks = self.remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = writeln!(remarks, "{text}").and_then(|()| remarks.flush());
    }

    /// How a command ends that did something and then told its result on stdout: as what it did ended. That its result could not
    /// be told is the lesser news, and decides only where all else is done; a broken stdout must not hide a failure.
    ///
    /// # Errors
    /// What was done failed, or only the telling did.
    pub(crate) fn ending(&self, done: Result<Exit, Failure>, told: Result<(), Failure>) -> Result<Exit, Failure> {
        match (done, told) {
            (Ok(Exit::Done), Err(untold)) => Err(untold),
            (done, Err(untold)) => {
                if !untold.message.is_empty() {
                    self.remark(format_args!("suitecast: {}", untold.message));
                }
                done
            }
            (done, Ok(())) => done,
        }
    }

    /// Why a command came to no result: on stderr for people, on stdout as `{"error": …, "exit": …}` for programs.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        if self.json {
            let _ = self.json(&serde_json::json!({ "error": failure.message, "exit": failure.exit.code() }));
        }
        self.remark(format_args!("suitecast: {}", failure.message));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_ends_it_without_a_word() {
        let output = Output::to(false, Box::new(Gone), Box::new(io::sink()));
        let failure = output.line("a line").unwrap_err();
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::BrokenPipe, ""));
    }

    #[test]
    fn a_failure_is_graver_than_a_result_that_could_not_be_told() {
        let output = Output::to(false, Box::new(Gone), Box::new(io::sink()));
        let untold = || Err(Failure::temporary("cannot write to stdout"));
        let exit = |done, told| output.ending(done, told).unwrap_or_else(|failure| failure.exit);
        assert_eq!(exit(Ok(Exit::Done), Ok(())), Exit::Done);
        assert_eq!(exit(Ok(Exit::Done), untold()), Exit::Temporary);
        assert_eq!(exit(Ok(Exit::Wrong), untold()), Exit::Wrong);
        assert_eq!(exit(Err(Failure::refused("no rights")), Err(Failure::broken_pipe())), Exit::Refused);
    }

    #[test]
    fn lines_are_for_people_and_json_for_programs() {
        let people = Output::to(false, Box::new(io::sink()), Box::new(io::sink()));
        assert!(!people.is_json() && people.json(&"nothing").is_ok());
        let programs = Output::to(true, Box::new(Gone), Box::new(io::sink()));
        assert!(programs.line("nothing is written").is_ok());
        assert_eq!(programs.json(&1).unwrap_err().exit, Exit::BrokenPipe);
    }
}
