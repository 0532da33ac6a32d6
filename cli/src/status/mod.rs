//! `suitecast status`: which release each Region serves, and what it waits for.
//!
//! [`mod@look`] reads, [`standing`] says what it means, [`table`] shows it.

mod arguments;
mod look;
pub(crate) mod standing;
pub(crate) mod table;

use std::time::Duration;

use aws_config::SdkConfig;
use futures::future::join_all;
use jiff::Timestamp;
use suitecast_archive::{SuiteName, SuitePatterns};
use suitecast_engine::Clock;
use suitecast_lambda::clock::SystemClock;
use tokio::time::sleep;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{clients, regions};

pub(crate) use arguments::StatusArguments;
use look::{DeadLetters, Look, NotKnown, Opened, look};
use standing::{Next, Standing, SuiteInRegion, next};
use table::{Cell, Tone, render, span};

/// How long a watch lasts, in seconds, where nobody says: an hour, as long as the alarm for waiting suites.
const TIMEOUT_SECONDS: u64 = 3_600;
/// The pause between two looks, in seconds: a suite swaps within seconds, and a look costs some ten requests.
const INTERVAL_SECONDS: u64 = 10;

/// Runs the command.
pub(crate) async fn run(arguments: StatusArguments, output: &Output) -> Result<Exit, Failure> {
    let wanted = match arguments.suites.as_slice() {
        [] => SuitePatterns::everything(),
        suites => SuitePatterns::parse(&suites.join(","))
            .map_err(|error| Failure::usage(format!("--suite: {}", suitecast_mirror::with_causes(&error))))?,
    };
    let shared = clients::shared_config().await?;
    let regions = open(&shared, &arguments).await?;
    if !arguments.watch {
        let look = look(&regions, &wanted).await;
        let told = show(&look, output);
        let ended = look.worst().map_or_else(|| all_are_there(&arguments.suites, &look), Ok);
        return output.ending(ended, told);
    }
    watch(&shared, &arguments, regions, &wanted, output).await
}

/// Opens the Regions that were named, each as far as it can be.
async fn open(shared: &SdkConfig, arguments: &StatusArguments) -> Result<Vec<Opened>, Failure> {
    let found = regions::find_each(shared, &arguments.regions).await?;
    Ok(join_all(found.into_iter().map(|(name, found)| Opened::of(shared, name, found))).await)
}

/// Whether there is a suite for everything that was asked for. A watch waits for it; a look says that it is not there.
fn all_are_there(asked: &[String], look: &Look) -> Result<Exit, Failure> {
    let is_there = |text: &&String| {
        SuitePatterns::parse(text).is_ok_and(|pattern| look.suites.iter().any(|row| pattern.matches(&row.suite)))
    };
    let absent: Vec<&str> = asked.iter().filter(|text| !is_there(text)).map(String::as_str).collect();
    if absent.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::wrong(format!("no suite of the master or of a Region is called {}", absent.join(" or "))))
}

/// Looks until every Region serves what the master holds, and shows what changed.
async fn watch(
    shared: &SdkConfig,
    arguments: &StatusArguments,
    mut regions: Vec<Opened>,
    wanted: &SuitePatterns,
    output: &Output,
) -> Result<Exit, Failure> {
    let timeout = arguments.timeout.unwrap_or(TIMEOUT_SECONDS);
    let interval = arguments.interval.unwrap_or(INTERVAL_SECONDS);
    let began = SystemClock.now();
    let mut shown: Option<Look> = None;
    loop {
        if shown.is_some() && regions.iter().any(Opened::is_closed) {
            regions = open(shared, arguments).await?;
        }
        let seen = look(&regions, wanted).await;
        let worst = seen.worst();
        if shown.as_ref() != Some(&seen) {
            show(&seen, output)?;
            output.line("")?;
        }
        shown = Some(seen);
        // What is temporary may pass before the time is over.
        if let Some(exit) = worst.filter(|exit| *exit != Exit::Temporary) {
            return Ok(exit);
        }
        let elapsed = u64::try_from(SystemClock.now().duration_since(began).as_secs()).unwrap_or(0);
        let is_live = shown.as_ref().is_some_and(|look| look.live_everywhere);
        match next(is_live, elapsed, timeout, interval) {
            Next::IsLive => {
                output.line("every Region serves what the master holds")?;
                return Ok(Exit::Done);
            }
            Next::LookAgain(seconds) => sleep(Duration::from_secs(seconds)).await,
            Next::TimeIsOver => {
                let after = span(timeout);
                return Err(Failure::wrong(format!(
                    "after {after} not every Region serves what the master holds; `suitecast explain SUITE` says why"
                )));
            }
        }
    }
}

fn show(look: &Look, output: &Output) -> Result<(), Failure> {
    output.json(look)?;
    if look.suites.is_empty() && look.worst().is_none() {
        output.line("no suite lies in the master or in a Region")?;
    }
    for line in render(&rows(look), output.is_terminal()) {
        output.line(line)?;
    }
    for line in refusals(look) {
        output.line(line)?;
    }
    for (region, NotKnown { suite, reason, .. }) in look.not_known() {
        let what =
            suite.as_ref().map_or_else(|| region.region.clone(), |suite| format!("{suite} in {}", region.region));
        output.remark(format_args!("{what}: not known: {reason}"));
    }
    Ok(())
}

/// Which rules are broken: too long to stand in the table.
fn refusals(look: &Look) -> Vec<String> {
    let told = |suite: &SuiteName, region: &SuiteInRegion| {
        let rule = region.rule.as_ref()?;
        Some(format!("{suite} is refused by {}: {rule}", region.region))
    };
    look.suites.iter().flat_map(|row| row.regions.iter().filter_map(|region| told(&row.suite, region))).collect()
}

fn rows(look: &Look) -> Vec<Vec<Cell>> {
    let heads = ["SUITE", "MASTER"].into_iter().chain(look.regions.iter().map(|region| region.region.as_str()));
    let mut rows = vec![heads.map(Cell::plain).collect::<Vec<_>>()];
    for suite in &look.suites {
        let mut row = vec![Cell::plain(suite.suite.as_str()), Cell::plain(date(suite.master_date))];
        row.extend(suite.regions.iter().map(cell));
        rows.push(row);
    }
    let mut letters = vec![Cell::plain("dead letters"), Cell::plain("")];
    letters.extend(look.regions.iter().map(|region| dead_letters(region.dead_letters)));
    rows.push(letters);
    rows
}

fn date(date: Option<Timestamp>) -> String {
    date.map_or_else(|| "-".to_owned(), |date| date.to_string())
}

/// What is said of a suite in a Region.
fn cell(suite: &SuiteInRegion) -> Cell {
    let (tone, words) = match suite.standing {
        Standing::Live => (Tone::Good, "live"),
        Standing::Damaged => (Tone::Bad, "live, and damaged"),
        Standing::Waiting => (Tone::Pending, "waiting"),
        Standing::Refused => (Tone::Bad, "refused"),
        Standing::Filling => (Tone::Pending, "being filled"),
        Standing::Unsettled => (Tone::Bad, "release files do not fit"),
        Standing::Held => (Tone::Bad, "held by force"),
        Standing::Older => (Tone::Bad, "the master's is older"),
        Standing::Behind => (Tone::Pending, "behind"),
        Standing::Withdrawn => (Tone::Plain, "gone from the master"),
        Standing::NotMirrored => (Tone::Plain, "not mirrored"),
        Standing::Unknown => (Tone::Bad, "not known"),
    };
    let mut lines = vec![date(suite.served_date), words.to_owned()];
    if let Some(count) = suite.waiting_count {
        lines.push(format!("for {count} object(s)"));
    }
    if let Some(since) = suite.waiting_since {
        lines.push(format!("since {}", since.strftime("%FT%TZ")));
    }
    if let Some(lag) = suite.lag_seconds.filter(|lag| *lag > 0) {
        lines.push(format!("lag {}", span(lag)));
    }
    Cell { lines, tone }
}

fn dead_letters(letters: Option<DeadLetters>) -> Cell {
    match letters {
        None => Cell::plain("not known"),
        Some(DeadLetters { uploads: 0, suites: 0 }) => Cell { lines: vec!["none".to_owned()], tone: Tone::Good },
        Some(DeadLetters { uploads, suites }) => {
            Cell { lines: vec![format!("uploads {uploads}"), format!("suites {suites}")], tone: Tone::Bad }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use look::RegionRow;
    use standing::SuiteRow;

    #[test]
    fn the_table_has_a_row_a_suite_and_a_column_a_region() {
        let time = |text: &str| -> Timestamp { text.parse().unwrap() };
        let behind = SuiteInRegion {
            standing: Standing::Waiting,
            served_date: Some(time("2026-01-01T00:00:00Z")),
            lag_seconds: Some(86_400),
            waiting_count: Some(12),
            waiting_since: Some(time("2026-01-02T10:00:00.123Z")),
            ..SuiteInRegion::not_mirrored("eu-west-1")
        };
        let live = SuiteInRegion {
            standing: Standing::Live,
            served_date: Some(time("2026-01-02T00:00:00Z")),
            lag_seconds: Some(0),
            ..SuiteInRegion::not_mirrored("us-east-1")
        };
        let region = |name: &str, dead_letters| RegionRow {
            region: name.to_owned(),
            bucket: format!("{name}.example.com"),
            master: "master".to_owned(),
            dead_letters,
            not_known: Vec::new(),
        };
        let look = Look {
            suites: vec![SuiteRow {
                suite: SuiteName::parse("dists/stable").unwrap(),
                master_date: Some(time("2026-01-02T00:00:00Z")),
                regions: vec![behind, live],
            }],
            regions: vec![
                region("eu-west-1", Some(DeadLetters { uploads: 2, suites: 0 })),
                region("us-east-1", Some(DeadLetters { uploads: 0, suites: 0 })),
            ],
            live_everywhere: false,
        };
        let expected = "\
SUITE          MASTER                 eu-west-1                    us-east-1
dists/stable   2026-01-02T00:00:00Z   2026-01-01T00:00:00Z         2026-01-02T00:00:00Z
                                      waiting                      live
                                      for 12 object(s)
                                      since 2026-01-02T10:00:00Z
                                      lag 1 d 0 h
dead letters                          uploads 2                    none
                                      suites 0";
        assert_eq!(render(&rows(&look), false).join("\n"), expected);
    }
}
