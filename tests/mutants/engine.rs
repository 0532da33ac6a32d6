//! The tests that mutants of the engine must not survive, as one binary: see `tests/mutants.md`. A mutant costs one link
//! so, and is done with at the first test that fails.
//!
//! The test harness goes by name. What is quick and catches much comes first; the letters say so.

#[path = "../tests/pipeline.rs"]
mod a_pipeline;
#[path = "../tests/releases.rs"]
mod b_releases;
#[path = "../tests/reports.rs"]
mod b_reports;
#[path = "../tests/promises.rs"]
mod c_promises;
#[path = "../tests/runs_that_died.rs"]
mod c_runs_that_died;
#[path = "../tests/archives.rs"]
mod d_archives;
#[path = "../tests/lost_and_denied.rs"]
mod d_lost_and_denied;
#[path = "../tests/signatures.rs"]
mod d_signatures;
#[path = "../tests/surveys.rs"]
mod d_surveys;
#[path = "../tests/sweeps.rs"]
mod d_sweeps;
#[path = "../tests/older_versions.rs"]
mod e_older_versions;
#[path = "../tests/bad_input.rs"]
mod f_bad_input;
#[path = "../tests/slices.rs"]
mod g_slices;
#[path = "../tests/budgets.rs"]
mod h_budgets;
#[path = "../tests/random_walks.rs"]
mod i_random_walks;
#[path = "../tests/crash.rs"]
mod j_crash;
#[path = "../tests/races.rs"]
mod k_races;

mod a {
    use std::io::Write;

    /// Comes first by its name. One failure is enough to know, and the harness would run all others as well.
    #[test]
    fn failure_ends_the_run() {
        std::panic::set_hook(Box::new(|panic| {
            // Written past the harness, which would keep it for the end.
            let _ = writeln!(std::io::stderr(), "{panic}");
            std::process::exit(101);
        }));
    }
}
