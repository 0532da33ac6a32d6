//! `--include` and `--exclude`.

use suitecast_archive::Pattern;

use crate::exit::Failure;

/// Which paths of a tree, and of the bucket, a push concerns itself with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Selection {
    /// Reads the patterns of both options.
    pub(crate) fn parse(include: &[String], exclude: &[String]) -> Result<Self, Failure> {
        let parse = |option: &str, texts: &[String]| {
            texts
                .iter()
                .map(|text| {
                    let pattern = text.strip_suffix('/').unwrap_or(text);
                    Pattern::parse(pattern).map_err(|error| Failure::usage(format!("{option} {text}: {error}")))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { include: parse("--include", include)?, exclude: parse("--exclude", exclude)? })
    }

    /// Whether a path relative to the tree is among them.
    pub(crate) fn holds(&self, path: &str) -> bool {
        (self.include.is_empty() || matches_somewhere(&self.include, path)) && !matches_somewhere(&self.exclude, path)
    }

    /// Whether a path itself, a file's or a directory's, is left out by name; what lies below such a directory is too.
    pub(crate) fn excludes(&self, path: &str) -> bool {
        matches_itself(&self.exclude, path)
    }
}

/// Whether a path or a directory above it is of one of the forms.
fn matches_somewhere(patterns: &[Pattern], path: &str) -> bool {
    !patterns.is_empty()
        && (matches_itself(patterns, path)
            || path
                .match_indices('/')
                .any(|(end, _)| path.get(..end).is_some_and(|above| matches_itself(patterns, above))))
}

fn matches_itself(patterns: &[Pattern], path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    patterns.iter().any(|pattern| pattern.matches(path) || pattern.matches(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Selection::parse(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn a_pattern_is_over_a_path_a_name_or_a_directory_above() {
        let everything = selection(&[], &[]);
        assert!(everything.holds("a/b"));
        let excluding = selection(&[], &["conf/", "*.tmp", "dists/*/Contents-*", ".git"]);
        for (path, is_held) in [
            ("conf/distributions", false),
            ("confidential", true),
            ("pool/a/x.deb.tmp", false),
            ("dists/s/Contents-amd64.gz", false),
            ("dists/s/main/Packages", true),
            ("pool/.git/config", false),
        ] {
            assert_eq!(excluding.holds(path), is_held, "{path}");
        }
        assert!(excluding.excludes("conf") && !excluding.excludes("dists"));
    }

    #[test]
    fn what_is_excluded_is_so_even_where_it_is_included() {
        let both = selection(&["pool/*"], &["pool/x/*"]);
        assert!(both.holds("pool/a") && !both.holds("pool/x/a") && !both.holds("dists/s/InRelease"));
    }
}
