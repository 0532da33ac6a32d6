//! A crash at every effect, at length: `attack-crash [--scenario NAME] [--one-in N]`.
//!
//! Prints a line for each scenario, each violation, and the line that says it all. It ends with 1 where a promise broke.

use std::io::Write;
use std::process::ExitCode;

use suitecast_tests::attacks::crash::{Length, run};

const USAGE: &str = "usage: attack-crash [--scenario NAME] [--one-in N]";

struct Arguments {
    length: Length,
    only: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { length: Length::Every, only: None };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or(USAGE)?;
        match name.as_str() {
            "--scenario" => arguments.only = Some(value),
            "--one-in" => {
                let step = value.parse().ok().filter(|step| *step > 0).ok_or(USAGE)?;
                arguments.length = Length::OneIn(step);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(arguments)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Arguments { length, only } = arguments()?;
    let mut out = std::io::stdout();
    let mut unheard = Ok(());
    let tally = run(length, only.as_deref(), |report| {
        unheard = std::mem::replace(&mut unheard, Ok(())).and(writeln!(out, "{report}"));
    });
    unheard?;
    for violation in &tally.violations {
        writeln!(out, "{violation}")?;
    }
    writeln!(out, "{tally}")?;
    Ok(if tally.violations.is_empty() && tally.cases > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
