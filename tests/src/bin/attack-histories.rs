//! Random histories at length: `attack-histories [--cases N] [--seed S]`; then every moment at which a wake-up could get
//! lost, and a suite that outruns its slices.
//!
//! Case `k` is the history of seed `S + k`. Prints what broke, the rate, and the line of each attack.

#![allow(clippy::print_stdout, reason = "a program that reports")]

use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use suitecast_tests::attacks::histories::{Effort, attack};
use suitecast_tests::attacks::{Tally, outrun, wake_ups};

/// Histories that `make torture` plays.
const CASES: u64 = 1_000_000;

/// Of so many histories, one case of a suite that outruns its slices is tried: it is as long as many.
const OUTRUN_EVERY: u64 = 1_000;

/// Moments at which a wake-up could get lost: one in seven, of these many sets of archives.
const WAKE_UPS: wake_ups::Extent = wake_ups::Extent { sets: 8, one_in: 7 };

fn main() -> Result<ExitCode, String> {
    let (mut cases, mut seed) = (CASES, 0);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(format!("{argument}: give a number behind it"))?;
        let value: u64 = value.parse().map_err(|error| format!("{argument} {value}: {error}"))?;
        match argument.as_str() {
            "--cases" => cases = value,
            "--seed" => seed = value,
            _ => return Err(format!("{argument}: attack-histories [--cases N] [--seed S]")),
        }
    }
    println!("seeds {seed} to {}", seed.wrapping_add(cases));
    let started = Instant::now();
    let effort = Effort::default();
    let histories = attack(&|case| seed.wrapping_add(case), cases, &effort);
    let seconds = started.elapsed().as_secs_f64();
    let Effort { looks, walks, lives, held_to } = effort;
    let [looks, walks, lives, held_to] = [looks, walks, lives, held_to].map(AtomicU64::into_inner);
    #[allow(clippy::cast_precision_loss, reason = "a rate for a person")]
    let rate = cases as f64 / seconds;
    println!(
        "{rate:.0} histories a second, {seconds:.1} s; {looks} looks at a suite, of which {walks} were walks through it; \
         {lives} releases went live, {held_to} times a Region had to end with a certain one"
    );
    let mut held = report(&histories);
    held &= report(&wake_ups::attack(WAKE_UPS));
    held &= report(&outrun::attack(cases.div_ceil(OUTRUN_EVERY), seed));
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what an attack came to; whether nothing broke.
fn report(tally: &Tally) -> bool {
    for violation in &tally.violations {
        println!("{violation}");
    }
    println!("{tally}");
    tally.violations.is_empty()
}
