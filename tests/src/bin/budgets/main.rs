//! Holds the project to its budgets at the size of Debian's main on amd64, and prints a table. Ends non-zero when one is
//! exceeded. Requests are counted by the server; memory is that of a process of its own, as the kernel saw it.
//!
//! ```text
//! budgets                      everything
//! budgets --read-plan DIR      one publish run over the buckets in DIR, for its memory; what the above starts
//! ```

mod disk;
mod memory;
mod table;

use std::process::ExitCode;

use suitecast_testing::archive_maker::{ArchiveMaker, BulkContent, ByHash};
use suitecast_testing::strict::Mishaps;
use suitecast_tests::budgets::{
    BATCH_SIZE, BIG_SUITE, FIRST_FILL_REQUESTS_AN_OBJECT, FIRST_FILL_RUNS, Fill, Order, READ_AND_PLAN_BYTES, Update,
    by_operation, fill_a_new_region, first_fill, jitter_entropy_is_off, legacy_crates, update,
};

use table::{Row, Table};

/// What anything here can fail with: it is told and ends the program.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Packages of the updates.
const UPDATED: usize = 100;

/// A suite to compare the big one with.
const SMALL_SUITE: usize = 6_300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        [] => measure().await,
        ["--read-plan", directory] => memory::read_and_plan(directory.as_ref()).await.map(|()| true),
        _ => Err("usage: budgets [--read-plan DIR]".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            table::complain(&format!("budgets: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures everything; whether it is all within its budget.
async fn measure() -> Result<bool, Failure> {
    let mut table = Table::begin();
    let maker = ArchiveMaker::new(1).bulk(BIG_SUITE, BulkContent::Shared, UPDATED);
    let generation = maker.generation(1)?;
    for (name, batch_size, order, lost_percent) in [
        ("first fill, InRelease first", BATCH_SIZE, Order::ByKey, 0),
        ("first fill, batches of 10", 10, Order::ByKey, 0),
        ("first fill, uploads in any order", BATCH_SIZE, Order::Any(1), 0),
        ("first fill, events of a third lost", BATCH_SIZE, Order::ByKey, 33),
    ] {
        let mishaps = Mishaps { seed: 1, lost_percent, ..Mishaps::none() };
        add_fill(&mut table, name, &first_fill(&generation, batch_size, order, mishaps).await);
    }
    add_fill(&mut table, "new Region, by sweep alone", &fill_a_new_region(&generation).await);
    drop(generation);
    for by_hash in [ByHash::Sha256, ByHash::Sha256AndSha512, ByHash::None] {
        for packages in [SMALL_SUITE, BIG_SUITE] {
            add_update(&mut table, by_hash, packages, &update(packages, UPDATED, by_hash, BATCH_SIZE).await?);
        }
    }
    for measured in memory::measure(&maker)? {
        table.add(&Row::at_most(
            &format!("{}: peak memory", measured.name),
            measured.peak_bytes,
            READ_AND_PLAN_BYTES,
            table::mebibytes,
            &format!("{} requests; {} entries, {}", measured.requests, BIG_SUITE, measured.indices),
        ));
    }
    let legacy = legacy_crates()?;
    table.add(&Row::at_most("legacy TLS and HTTP crates linked", legacy.len(), 0, table::plain, &legacy.join(", ")));
    let on = usize::from(!jitter_entropy_is_off()?);
    table.add(&Row::at_most("aws-lc's jitter entropy built in", on, 0, table::plain, ""));
    Ok(table.end())
}

fn add_fill(table: &mut Table, name: &str, fill: &Fill) {
    let note = format!(
        "{} in {}; by the clock {}",
        by_operation(&fill.requests),
        fill.requests.requests,
        table::minutes(fill.took)
    );
    table.add(&Row::at_most(
        &format!("{name}: requests an object"),
        fill.requests_an_object(),
        FIRST_FILL_REQUESTS_AN_OBJECT,
        |requests| format!("{requests:.3}"),
        &note,
    ));
    let note = format!("{} runs in all, {} sweeps", fill.runs, fill.sweeps);
    table.add(&Row::at_most(&format!("{name}: runs at work"), fill.working_runs, FIRST_FILL_RUNS, table::plain, &note));
    table.add(&Row::at_most(&format!("{name}: files not served whole"), usize::from(!fill.whole), 0, table::plain, ""));
}

fn add_update(table: &mut Table, by_hash: ByHash, packages: usize, update: &Update) {
    let by_hash = match by_hash {
        ByHash::None => "no by-hash",
        ByHash::Sha256 => "SHA256",
        ByHash::Sha256AndSha512 => "SHA256 and SHA512",
    };
    let note = format!(
        "{} keys and {} index files changed; {} listings of event batches beside",
        update.keys,
        update.indices,
        update.batch_listings()
    );
    let counted = if update.swapped { update.counted() } else { u64::MAX };
    table.add(&Row::at_most(
        &format!("update of {packages}, {by_hash}: requests"),
        counted,
        update.allowed(),
        table::plain,
        &note,
    ));
}
