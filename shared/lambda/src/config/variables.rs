//! Variables of the environment, read one by one; what is wrong with them is told together.

use std::fmt::Display;
use std::str::FromStr;

use suitecast_store::BucketName;
use thiserror::Error;

use super::{MAX_NAMESPACE_CHARACTERS, variable};

/// One variable that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}: {problem}")]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// A configuration that cannot be used, with every problem it has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("configuration: {}", listed(.problems))]
pub struct ConfigError {
    /// Every problem, in the order of the configuration table.
    pub problems: Vec<Problem>,
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads variable by variable and collects what is wrong; a value is `None` only when a problem was noted for it.
pub struct Variables<L> {
    pub(super) lookup: L,
    problems: Vec<Problem>,
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    /// Of an environment.
    pub fn new(lookup: L) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// What was made of the variables, if nothing is wrong with any of them.
    ///
    /// # Errors
    /// Everything that was noted, in the order of reading.
    pub fn finish<T>(self, made: Option<T>) -> Result<T, ConfigError> {
        match made {
            Some(made) if self.problems.is_empty() => Ok(made),
            _ => Err(ConfigError { problems: self.problems }),
        }
    }

    /// Notes what is wrong with a variable.
    pub fn note(&mut self, variable: &'static str, problem: impl Display) {
        self.problems.push(Problem { variable, problem: problem.to_string() });
    }

    /// A variable's text, without the blanks around it; an empty one counts as not set.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The text of a variable that must be set.
    pub fn required(&mut self, variable: &'static str) -> Option<String> {
        let text = self.text(variable);
        if text.is_none() {
            self.note(variable, "is not set");
        }
        text
    }

    /// A value, read from the text or from what stands in for it where there is none.
    pub fn parsed<T, E: Display>(
        &mut self,
        variable: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(variable);
        match parse(text.as_deref().unwrap_or(default)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(variable, error);
                None
            }
        }
    }

    /// The name of a bucket, which must be set.
    pub fn bucket(&mut self, variable: &'static str) -> Option<BucketName> {
        let name = self.required(variable)?;
        self.parsed(variable, "", |_| BucketName::parse(&name))
    }

    /// A whole number between two bounds, both included.
    pub fn number<N: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        variable: &'static str,
        default: N,
        least: N,
        most: N,
    ) -> Option<N> {
        let Some(text) = self.text(variable) else { return Some(default) };
        match text.parse::<N>() {
            Ok(value) if value >= least && value <= most => Some(value),
            _ => {
                self.note(variable, format!("{text:?} is not a whole number from {least} to {most}"));
                None
            }
        }
    }

    /// The `CloudWatch` namespace of the metrics, which every function has.
    pub fn namespace(&mut self) -> Option<String> {
        self.parsed(variable::METRICS_NAMESPACE, "Suitecast", |text| {
            if text.starts_with("AWS/") {
                return Err(format!("{text:?} begins with AWS/, which CloudWatch keeps for itself"));
            }
            let allowed = |character: char| character.is_ascii_alphanumeric() || ".-_/#: ".contains(character);
            if text.chars().count() > MAX_NAMESPACE_CHARACTERS || !text.chars().all(allowed) {
                return Err(format!(
                    "{text:?} is no CloudWatch namespace: up to 255 of A-Z a-z 0-9 . - _ / # : and space"
                ));
            }
            Ok(text.to_owned())
        })
    }
}
