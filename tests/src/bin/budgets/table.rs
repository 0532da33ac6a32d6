//! What is printed: a line for each figure as soon as it is there, with its budget.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Instant;

use jiff::SignedDuration;

/// One figure against its budget.
pub(crate) struct Row {
    name: String,
    measured: String,
    allowed: String,
    is_within: bool,
    note: String,
}

impl Row {
    /// A figure that may be at most `allowed`; `note` says what else there is to know of it.
    pub(crate) fn at_most<Figure: PartialOrd + Copy>(
        name: &str,
        measured: Figure,
        allowed: Figure,
        shown: impl Fn(Figure) -> String,
        note: &str,
    ) -> Self {
        Self {
            name: name.to_owned(),
            measured: shown(measured),
            allowed: shown(allowed),
            is_within: measured <= allowed,
            note: note.to_owned(),
        }
    }
}

/// The table, as far as it has come.
pub(crate) struct Table {
    began: Instant,
    rows: usize,
    exceeded: usize,
}

impl Table {
    pub(crate) fn begin() -> Self {
        say(&format!("{:<8} {:>10} {:>10}  {:<58} {}", "", "measured", "budget", "figure", "detail"));
        Self { began: Instant::now(), rows: 0, exceeded: 0 }
    }

    pub(crate) fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.exceeded += usize::from(!row.is_within);
        let verdict = if row.is_within { "within" } else { "EXCEEDED" };
        say(format!("{verdict:<8} {:>10} {:>10}  {:<58} {}", row.measured, row.allowed, row.name, row.note).trim_end());
    }

    /// Prints the last line; whether everything is within its budget.
    pub(crate) fn end(self) -> bool {
        let seconds = self.began.elapsed().as_secs();
        say(&format!("budgets: figures={} exceeded={} seconds={seconds}", self.rows, self.exceeded));
        self.exceeded == 0
    }
}

pub(crate) fn plain(figure: impl Display) -> String {
    figure.to_string()
}

/// Bytes for a person.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xF_FFFF) * 10) >> 20)
}

/// A duration for a person.
pub(crate) fn minutes(duration: SignedDuration) -> String {
    format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
}

/// A line for the reader. One that has gone away is not told.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line about what went wrong.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
