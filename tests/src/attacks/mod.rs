//! Attacks on the promises: what each did, how often, and what it came to. `make test` runs each at a short length,
//! `make torture` all of them at length.
//!
//! Whatever carries an attack out, in Rust or in Python, ends with one line that says it all, and `make torture` adds the
//! lines up:
//!
//! ```text
//! attack: crash at every effect | cases=400 | violations=0 | windows=change in place 12
//! ```

pub mod crash;
pub mod histories;
pub mod interleavings;
pub mod outrun;
pub mod wake_ups;

use std::collections::BTreeMap;
use std::fmt;

/// What an attack came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The attack, as the table calls it.
    pub attack: &'static str,
    /// What was tried, each a case of its own.
    pub cases: u64,
    /// Looks of a client that saw something within a window that SEMANTICS documents, by the window's name. They are no
    /// violations, and are counted so that a window that grows is noticed.
    pub windows: BTreeMap<&'static str, u64>,
    /// What broke a promise, with all it takes to see it again.
    pub violations: Vec<String>,
}

impl Tally {
    /// Nothing tried yet.
    pub fn new(attack: &'static str) -> Self {
        Self { attack, cases: 0, windows: BTreeMap::new(), violations: Vec::new() }
    }

    /// Counts looks that fell into a documented window.
    pub fn within(&mut self, window: &'static str, looks: u64) {
        if looks > 0 {
            *self.windows.entry(window).or_default() += looks;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attack, cases, windows, violations } = self;
        write!(to, "attack: {attack} | cases={cases} | violations={} | windows=", violations.len())?;
        if windows.is_empty() {
            return to.write_str("none");
        }
        let words: Vec<String> = windows.iter().map(|(window, looks)| format!("{window} {looks}")).collect();
        to.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_an_attack_came_to() {
        let mut tally = Tally { cases: 400, ..Tally::new("crash at every effect") };
        assert_eq!(tally.to_string(), "attack: crash at every effect | cases=400 | violations=0 | windows=none");
        tally.within("no by-hash", 0);
        tally.within("change in place", 5);
        tally.within("change in place", 7);
        tally.violations.push("seed 7".to_owned());
        let line = "attack: crash at every effect | cases=400 | violations=1 | windows=change in place 12";
        assert_eq!(tally.to_string(), line);
    }
}
