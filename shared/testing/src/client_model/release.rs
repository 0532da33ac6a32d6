//! Reading a release as the model needs it: what is listed, with which digests.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Expected, Scope};

/// The compressed forms that the model can read, the one that apt prefers first. The rest are checked, not read.
const READABLE: [&str; 3] = [".xz", ".gz", ""];
const COMPRESSED: [&str; 6] = [".xz", ".gz", ".bz2", ".lzma", ".zst", ".lz4"];

/// A release, parsed.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) date: Option<Timestamp>,
    no_packages_for_all: bool,
    entries: BTreeMap<String, Expected>,
}

/// The forms of one index that clients may ask for.
#[derive(Debug)]
pub(super) struct Group<'a> {
    stem: &'a str,
    pub(super) forms: Vec<(&'a str, &'a Expected)>,
    /// How many of them must exist.
    pub(super) need: Need,
}

/// How many of an index's forms must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Each,
    /// Where the scope is relaxed.
    One,
    /// Where the scope is relaxed, and clients can do without the index.
    Nothing,
}

impl Release {
    /// Parses a Release, or the text inside an `InRelease`. Lines that make no sense are passed over: whether a release
    /// is well formed is not what this model judges.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut release = Self::default();
        let mut list = String::new();
        for line in signed_lines(&text) {
            if let Some(row) = line.strip_prefix(' ') {
                release.add(&list, row);
                continue;
            }
            let Some((field, value)) = line.split_once(':') else { continue };
            list = field.to_ascii_lowercase();
            match list.as_str() {
                "date" => release.date = date(value.trim()),
                "no-support-for-architecture-all" => {
                    release.no_packages_for_all = value.split_whitespace().any(|word| word == "Packages");
                }
                _ => {}
            }
        }
        release
    }

    fn add(&mut self, list: &str, row: &str) {
        let mut words = row.split_whitespace();
        let (Some(digest), Some(size), Some(path)) = (words.next(), words.next(), words.next()) else { return };
        if matches!(path, "Release" | "InRelease" | "Release.gpg") {
            return;
        }
        let digest = Some(digest.to_ascii_lowercase());
        let entry = self.entries.entry(path.to_owned());
        match list {
            "sha256" => {
                let entry = entry.or_default();
                entry.sha256 = digest;
                entry.size = size.parse().ok();
            }
            "sha512" => {
                let entry = entry.or_default();
                entry.sha512 = digest;
                entry.size = size.parse().ok();
            }
            _ => {}
        }
    }

    /// The indices that a mirror of this scope must have: of each, every compressed form, or the plain one where that is
    /// all there is. An index that is empty, or that the release rules out, need not exist. Those of which a relaxed scope
    /// asks for less are among them: what exists has to be right.
    pub(super) fn groups(&self, scope: &Scope) -> Vec<Group<'_>> {
        let mut stems: BTreeMap<&str, Vec<(&str, &Expected)>> = BTreeMap::new();
        for (path, expected) in &self.entries {
            if scope.admits(path) {
                stems.entry(stem(path)).or_default().push((path, expected));
            }
        }
        stems
            .into_iter()
            .filter(|(stem, forms)| {
                let empty = forms.iter().any(|(path, expected)| path == stem && expected.size == Some(0));
                let ruled_out = self.no_packages_for_all && stem.contains("binary-all/");
                !empty && !ruled_out
            })
            .map(|(stem, forms)| group(stem, &forms, scope))
            .collect()
    }
}

fn group<'a>(stem: &'a str, forms: &[(&'a str, &'a Expected)], scope: &Scope) -> Group<'a> {
    let plain_counts = forms.len() == 1 || scope.relaxed;
    let forms: Vec<_> = forms.iter().copied().filter(|(path, _)| plain_counts || *path != stem).collect();
    let need = match (scope.may_be_absent(stem), scope.relaxed) {
        (true, _) => Need::Nothing,
        (false, true) => Need::One,
        (false, false) => Need::Each,
    };
    Group { stem, forms, need }
}

impl<'a> Group<'a> {
    /// The form to read if the index names files, out of those that are `there`.
    pub(super) fn to_read(&self, there: impl Fn(&str) -> bool) -> Option<(&'a str, &'a Expected)> {
        let of_suffix = |suffix: &&str| {
            let mut forms = self.forms.iter().copied();
            forms.find(|(path, _)| path.strip_prefix(self.stem) == Some(suffix) && there(path))
        };
        READABLE.iter().find_map(of_suffix).filter(|_| super::names_files(self.stem))
    }
}

fn stem(path: &str) -> &str {
    COMPRESSED.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path)
}

/// The lines of the text, without the envelope if there is one.
fn signed_lines(text: &str) -> Vec<&str> {
    if !text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----") {
        return text.lines().collect();
    }
    text.lines()
        .skip_while(|line| !line.is_empty())
        .skip(1)
        .take_while(|line| *line != "-----BEGIN PGP SIGNATURE-----")
        .map(|line| line.strip_prefix("- ").unwrap_or(line))
        .collect()
}

fn date(text: &str) -> Option<Timestamp> {
    let text = text
        .strip_suffix("UTC")
        .or_else(|| text.strip_suffix("GMT"))
        .map_or_else(|| text.to_owned(), |rest| format!("{}+0000", rest.trim_end().to_owned() + " "));
    jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S %z", text).ok()?.to_timestamp().ok()
}
