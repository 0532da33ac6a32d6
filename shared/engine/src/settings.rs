//! What the operator set.

use std::num::NonZeroUsize;
use std::time::Duration;

use suitecast_archive::{Archives, Scope, SuiteName, UnlistedTrees};
use thiserror::Error;

/// What the operator set, complete and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The archives in the master bucket.
    pub archives: Archives,
    /// The suites to mirror.
    pub suites: SuitePatterns,
    /// The part of each suite to mirror.
    pub scope: Scope,
    /// Trees under `dists/` that no release lists, mirrored by name.
    pub unlisted: UnlistedTrees,
    /// Objects copied or looked at side by side.
    pub copy_concurrency: NonZeroUsize,
    /// Overwrite a pool object in place where only the suite's own releases name the old bytes.
    pub allow_change_in_place: bool,
    /// How long one run works before it re-queues itself.
    pub slice: Duration,
}

/// Globs over a suite's path in the bucket or its last part: `*` any run of characters, `?` one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuitePatterns {
    patterns: Vec<String>,
}

/// Longest pattern, in bytes: matching is quadratic at worst.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A list of suite patterns that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("suite pattern {pattern:?}: {rule}; give globs separated by commas, such as \"bookworm*,debian/dists/sid\"")]
pub struct SuitePatternsError {
    /// The part that was refused.
    pub pattern: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl SuitePatterns {
    /// Reads a comma-separated list.
    ///
    /// # Errors
    /// An empty list, or an empty or over-long pattern.
    pub fn parse(text: &str) -> Result<Self, SuitePatternsError> {
        let patterns: Vec<String> = text.split(',').map(|pattern| pattern.trim().to_owned()).collect();
        for pattern in &patterns {
            let rule = if pattern.is_empty() {
                "empty"
            } else if pattern.len() > MAX_PATTERN_BYTES {
                "longer than 256 bytes"
            } else {
                continue;
            };
            return Err(SuitePatternsError { pattern: pattern.clone(), rule });
        }
        Ok(Self { patterns })
    }

    /// Every suite.
    pub fn all() -> Self {
        Self { patterns: vec!["*".to_owned()] }
    }

    /// Whether this is every suite, so that the pool needs no filter of its own.
    pub fn is_all(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern == "*")
    }

    /// Whether this suite is to be mirrored.
    pub fn admits(&self, suite: &SuiteName) -> bool {
        let path = suite.as_ref();
        let last = path.rsplit('/').next().unwrap_or(path);
        self.patterns.iter().any(|pattern| {
            glob_matches(pattern.as_bytes(), path.as_bytes()) || glob_matches(pattern.as_bytes(), last.as_bytes())
        })
    }
}

/// Whether a glob matches the whole text; the usual two-pointer walk with one remembered star.
fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == b'?' || Some(&wanted) == text.get(at_text) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((star_pattern, star_text)) = star else { return false };
                at_pattern = star_pattern + 1;
                at_text = star_text + 1;
                star = Some((star_pattern, star_text + 1));
            }
        }
    }
    pattern.iter().skip(at_pattern).all(|&left| left == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_suites_by_path_or_by_last_part() {
        let patterns = SuitePatterns::parse("bookworm*, debian/dists/sid").unwrap();
        let admits = |name: &str| patterns.admits(&SuiteName::parse(name).unwrap());
        assert!(admits("debian/dists/bookworm"));
        assert!(admits("dists/bookworm-updates"));
        assert!(admits("debian/dists/sid"));
        assert!(!admits("ubuntu/dists/sid"));
        assert!(!admits("dists/trixie"));
        assert!(!patterns.is_all());
        assert!(SuitePatterns::parse("*").unwrap().is_all());
        assert!(SuitePatterns::parse("a,,b").is_err());
    }

    #[test]
    fn globs_backtrack_to_their_last_star() {
        assert!(glob_matches(b"*a?c*", b"xxabcabd"));
        assert!(!glob_matches(b"*a?c", b"xxabcabd"));
        assert!(glob_matches(b"**", b""));
        assert!(!glob_matches(b"?", b""));
    }
}
