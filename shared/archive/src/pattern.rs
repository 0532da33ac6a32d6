//! Patterns with `*`, as the configuration writes them.

use thiserror::Error;

use crate::SuiteName;
use crate::path::shown;

/// The most patterns one setting may hold: far above any use, low enough that classifying a key stays cheap.
const MAX_PATTERNS: usize = 256;

/// Why a text is no pattern, or a list of them none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// A pattern holds what no path holds.
    #[error("the pattern {pattern} holds a control character or a backslash; use names and *")]
    Character {
        /// The pattern, escaped and cut.
        pattern: String,
    },
    /// A pattern for one directory name holds a slash.
    #[error("the pattern {pattern} holds a slash; it is compared with one directory's name")]
    Slash {
        /// The pattern.
        pattern: String,
    },
    /// The list is too long.
    #[error("{found} patterns are given, and at most {MAX_PATTERNS} are taken; use * to say more with fewer")]
    TooMany {
        /// How many were found.
        found: usize,
    },
    /// The list holds no pattern where one is needed.
    #[error("no pattern is given; use * for everything")]
    Empty,
}

/// A name in which `*` stands for any characters, `/` among them. Everything else stands for itself.
///
/// ```
/// use suitecast_archive::Pattern;
///
/// let pattern = Pattern::parse("dists/*-updates")?;
/// assert!(pattern.matches("dists/bookworm-updates"));
/// assert!(!pattern.matches("dists/bookworm"));
/// # Ok::<(), suitecast_archive::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Takes a pattern.
    ///
    /// # Errors
    /// When it holds a control character or a backslash, which no path does.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().any(|character| character.is_control() || character == '\\') {
            return Err(PatternError::Character { pattern: shown(text) });
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the whole of a text is of this form. Takes time in proportion to the product of the lengths at the
    /// worst.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The leftmost place for each part leaves the most room for those behind it.
        for part in middle.split('*') {
            match text.find(part) {
                Some(start) => text = text.get(start + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        text.ends_with(last)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The patterns of a list with commas; blanks around them and empty ones do not count.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, PatternError> {
        let patterns: Vec<Self> = text
            .split(',')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty())
            .map(Self::parse)
            .collect::<Result<_, _>>()?;
        if patterns.len() > MAX_PATTERNS {
            return Err(PatternError::TooMany { found: patterns.len() });
        }
        Ok(patterns)
    }
}

/// Which suites are mirrored: patterns over the suite's path in the bucket or the last part of it.
///
/// ```
/// use suitecast_archive::{SuiteName, SuitePatterns};
///
/// let patterns = SuitePatterns::parse("bookworm*, ubuntu/dists/noble")?;
/// assert!(patterns.matches(&SuiteName::parse("debian/dists/bookworm-updates")?));
/// assert!(patterns.matches(&SuiteName::parse("ubuntu/dists/noble")?));
/// assert!(!patterns.matches(&SuiteName::parse("debian/dists/trixie")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuitePatterns(Vec<Pattern>);

impl SuitePatterns {
    /// Reads a list with commas, such as `*` or `bookworm,bookworm-*`.
    ///
    /// # Errors
    /// When the list is empty or too long, or one of its patterns is none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let patterns = Pattern::parse_list(text)?;
        if patterns.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Self(patterns))
    }

    /// Every suite.
    pub fn everything() -> Self {
        Self(vec![Pattern("*".to_owned())])
    }

    /// Whether a suite is mirrored.
    pub fn matches(&self, suite: &SuiteName) -> bool {
        let path = suite.as_str();
        let last = path.rsplit_once('/').map_or(path, |(_, name)| name);
        self.0.iter().any(|pattern| pattern.matches(path) || pattern.matches(last))
    }

    /// Whether every suite matches, so that nothing is filtered.
    pub fn is_everything(&self) -> bool {
        self.0.iter().any(|pattern| pattern.0 == "*")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("*", "anything/at all", true),
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*b", "ba", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("a**c", "ac", true),
            ("*ab*ab*", "ab", false),
            ("*ab*ab*", "abab", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn lists_are_limited_and_checked() {
        assert_eq!(SuitePatterns::parse(" , "), Err(PatternError::Empty));
        assert!(matches!(SuitePatterns::parse("a\\b"), Err(PatternError::Character { .. })));
        assert_eq!(SuitePatterns::parse(&"a,".repeat(257)), Err(PatternError::TooMany { found: 257 }));
        assert!(SuitePatterns::parse("*").unwrap().is_everything());
        assert!(SuitePatterns::everything().matches(&SuiteName::root()));
    }
}
