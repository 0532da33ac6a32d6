//! What the tree's own indices say of its files, and whether it is a complete archive.
//!
//! It reads the release files and one form of each index, and nothing else: the pool is looked at by size alone, and the
//! digests of its files are those that the indices give. All rules are the functions' own ([`index_groups`],
//! [`IndexReader`](suitecast_archive::IndexReader), …), so what is complete here is complete for them.

mod reading;
mod releases;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use suitecast_archive::{
    Archive, ArchivePath, Archives, Digests, IndexGroup, Need, Release, ReleaseFile, Scope, SuiteName, SuitePatterns,
    UnlistedTrees, Variant, by_hash_path, index_groups,
};
use suitecast_mirror::ReleaseSet;

use super::selection::Selection;
use super::tree::TreeFile;
pub(crate) use reading::ReadFile;
use reading::{Form, IndexJob, IndexOutcome, read_indices};

/// What an index or a release says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// Its size in bytes, where it is given.
    pub(crate) size: Option<u64>,
    /// Its digests; none where nothing vouches for the file.
    pub(crate) digests: Digests,
    /// Whether one of the chosen suites names it, or it lies in the directory of one.
    pub(crate) is_chosen: bool,
}

/// Something that keeps the tree from being a complete archive.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Problem {
    /// The file, relative to the tree.
    pub(crate) path: String,
    /// Which file names it, relative to the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) named_by: Option<String>,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.reason)?;
        match &self.named_by {
            Some(index) => write!(formatter, " (named by {index})"),
            None => Ok(()),
        }
    }
}

/// What a push is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Extent {
    /// The whole tree, as the whole of what lies below the prefix.
    #[default]
    Everything,
    /// Some suites with what they name, whatever else the tree or the bucket may hold.
    ChosenSuites,
}

/// What was found out of a tree.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What is sent of it.
    pub(crate) extent: Extent,
    /// What is said of files, by path relative to the tree. A file that is named and not there is among them.
    pub(crate) wanted: HashMap<String, Wanted>,
    /// The suites of the tree, all of them.
    pub(crate) suites: Vec<SuiteName>,
    /// Those of them that are to be sent.
    pub(crate) chosen: Vec<SuiteName>,
    /// The releases of those, where they can be read.
    pub(crate) releases: BTreeMap<SuiteName, ReleaseSet>,
    /// What is wrong with the chosen ones.
    pub(crate) problems: Vec<Problem>,
    /// Releases and indices, of whatever suite, that say nothing since they cannot be read or are not there: files may
    /// be named that nobody knows of.
    pub(crate) is_blind: bool,
}

impl Survey {
    /// The directories of the tree's suites, to ask where keys lie.
    pub(crate) fn directories(&self) -> Directories {
        let directory = |suite: &SuiteName| (suite.directory_key_prefix(), self.chosen.contains(suite));
        Directories(self.suites.iter().map(directory).collect())
    }
}

/// What the keys of each suite begin with, and whether it is chosen.
pub(crate) struct Directories(BTreeMap<String, bool>);

impl Directories {
    /// Takes in the directory of a suite that is not the tree's; what is known of one that is stays.
    pub(crate) fn add_foreign(&mut self, directory: String) {
        self.0.entry(directory).or_insert(false);
    }

    /// Whether a key lies in the directory of a chosen suite. The innermost suite is the one that it belongs to.
    pub(crate) fn is_in_chosen(&self, key: &str) -> bool {
        let around = self.0.iter().filter(|(directory, _)| key.starts_with(directory.as_str()));
        around.max_by_key(|(directory, _)| directory.len()).is_some_and(|(_, is_chosen)| *is_chosen)
    }
}

/// What is asked for of a tree.
pub(crate) struct Question<'a> {
    /// Its files, by path relative to the tree.
    pub(crate) files: &'a [TreeFile],
    /// What its keys begin with in the bucket.
    pub(crate) prefix: &'a str,
    /// Where archives lie in the bucket.
    pub(crate) archives: &'a Archives,
    /// Which directories no release lists.
    pub(crate) unlisted: &'a UnlistedTrees,
    /// Which suites are sent.
    pub(crate) suites: &'a SuitePatterns,
    /// What of a suite has to be complete.
    pub(crate) scope: &'a Scope,
    /// What the options leave out of the tree.
    pub(crate) selection: &'a Selection,
    /// What time it is for the dates of releases.
    pub(crate) now: Timestamp,
}

/// One suite on its way.
struct Suite<'a> {
    name: SuiteName,
    archive: &'a Archive,
    is_chosen: bool,
}

struct Surveyor<'a> {
    question: &'a Question<'a>,
    reader: &'a dyn ReadFile,
    sizes: HashMap<&'a str, u64>,
    survey: Survey,
}

/// Looks through a tree.
pub(crate) fn survey(question: &Question<'_>, reader: &dyn ReadFile) -> Survey {
    let sizes = question.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    let extent = if question.suites.is_everything() { Extent::Everything } else { Extent::ChosenSuites };
    let mut surveyor = Surveyor { question, reader, sizes, survey: Survey { extent, ..Survey::default() } };
    let releases = surveyor.release_files();
    let mut suites: Vec<(Suite<'_>, Option<ReleaseSet>)> = Vec::new();
    for (name, files) in releases {
        let Some(archive) = question.archives.archive_of(&name) else { continue };
        let suite = Suite { is_chosen: question.suites.matches(&name), name, archive };
        surveyor.survey.suites.push(suite.name.clone());
        if suite.is_chosen {
            surveyor.survey.chosen.push(suite.name.clone());
        }
        let release = surveyor.release(&suite, &files);
        surveyor.survey.is_blind |= release.is_none();
        suites.push((suite, release));
    }
    let mut jobs = Vec::new();
    for (suite, release) in &suites {
        if let Some(set) = release {
            surveyor.indices(suite, &set.release, &mut jobs);
        }
    }
    let outcomes = read_indices(&jobs, question.prefix, reader);
    for (job, outcome) in jobs.iter().zip(outcomes) {
        surveyor.take(job, outcome);
    }
    surveyor.choose();
    let survey = surveyor.survey;
    let chosen = suites.into_iter().filter(|(suite, _)| suite.is_chosen);
    let releases = chosen.filter_map(|(suite, set)| Some((suite.name, set?))).collect();
    Survey { releases, ..survey }
}

impl<'a> Surveyor<'a> {
    /// The path relative to the tree of a key.
    fn path_of_key<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(self.question.prefix)
    }

    fn problem(
        &mut self,
        is_counted: bool,
        path: impl Into<String>,
        named_by: Option<&str>,
        reason: impl Into<String>,
    ) {
        if is_counted {
            let named_by = named_by.map(str::to_owned);
            self.survey.problems.push(Problem { path: path.into(), named_by, reason: reason.into() });
        }
    }

    /// Notes what a release says of its indices, which of them are not there, and which are to be read.
    fn indices<'s>(&mut self, suite: &'s Suite<'s>, release: &Release, jobs: &mut Vec<IndexJob<'s>>) {
        let named_by = self.path_of_key(&suite.name.directory_key_prefix()).unwrap_or_default().to_owned();
        let named_by = format!("{named_by}{}", ReleaseFile::Release);
        for (path, entry) in &release.entries {
            let wanted = Wanted { size: Some(entry.size), digests: entry.digests, is_chosen: suite.is_chosen };
            let by_hash = entry.digests.all().map(|digest| by_hash_path(path, &digest));
            for path in std::iter::once(path.clone()).chain(by_hash) {
                if let Some(path) = self.path_of_key(&suite.name.key(&path)).map(str::to_owned) {
                    self.want(path, wanted, &named_by, suite.is_chosen);
                }
            }
        }
        let needed: BTreeMap<ArchivePath, Need> =
            index_groups(release, self.question.scope).into_iter().map(|group| (group.stem, group.need)).collect();
        for group in index_groups(release, &Scope::everything()) {
            let need = needed.get(&group.stem).copied().unwrap_or(Need::Nothing);
            let forms = self.forms_there(suite, &group);
            self.judge_group(suite, &group, need, &forms, &named_by);
            if !group.kind.names_files() || forms.is_empty() {
                self.survey.is_blind |= group.kind.names_files() && need != Need::Nothing;
                continue;
            }
            jobs.push(IndexJob { suite, kind: group.kind, forms, is_needed: suite.is_chosen && need != Need::Nothing });
        }
    }

    /// The forms of an index that are there with their size, under their own name or that of their content, those first
    /// that are quickest to read here.
    fn forms_there(&self, suite: &Suite<'_>, group: &IndexGroup) -> Vec<Form> {
        let mut forms: Vec<Form> = group
            .variants
            .iter()
            .filter_map(|variant| {
                let path = self.place_of(suite, variant)?;
                Some(Form { index: variant.path.clone(), path, entry: variant.entry, compression: variant.compression })
            })
            .collect();
        // What costs nothing to fetch is better read without decompressing it.
        forms.sort_by_key(|form| form.compression);
        forms
    }

    /// Where the bytes of an index stand, as far as its size tells.
    fn place_of(&self, suite: &Suite<'_>, variant: &Variant) -> Option<String> {
        let by_hash = variant.by_hash_names().into_iter().map(|(path, _)| path);
        std::iter::once(variant.path.clone())
            .chain(by_hash)
            .filter_map(|path| self.path_of_key(&suite.name.key(&path)).map(str::to_owned))
            .find(|path| self.sizes.get(path.as_str()) == Some(&variant.entry.size))
    }

    fn judge_group(&mut self, suite: &Suite<'_>, group: &IndexGroup, need: Need, forms: &[Form], named_by: &str) {
        if !suite.is_chosen || need == Need::Nothing {
            return;
        }
        let absent: Vec<ArchivePath> = group
            .variants
            .iter()
            .filter(|variant| variant.required || need == Need::One)
            .filter(|variant| !forms.iter().any(|form| form.index == variant.path))
            .map(|variant| variant.path.clone())
            .collect();
        if need == Need::One && !forms.is_empty() {
            return;
        }
        for path in absent {
            let key = suite.name.key(&path);
            let path = self.path_of_key(&key).unwrap_or(&key).to_owned();
            let reason = match self.sizes.get(path.as_str()) {
                None => self.absence(path.as_str()).to_owned(),
                Some(size) => format!("has {size} bytes, and not those that the release says"),
            };
            self.problem(true, path, Some(named_by), reason);
        }
        if group.is_unreadable() {
            let reason = "there is no form of it that is read: publish it as .xz, .gz or plain too";
            self.problem(true, suite.name.key(&group.stem), Some(named_by), reason);
        }
    }

    /// Why a file that is named is not among those of the tree.
    fn absence(&self, path: &str) -> &'static str {
        if self.question.selection.holds(path) {
            "is not there"
        } else {
            "is left out by --include or --exclude, and an index names it"
        }
    }

    /// Takes over what an index says.
    fn take(&mut self, job: &IndexJob<'a>, outcome: IndexOutcome) {
        let (named_by, files) = match outcome {
            IndexOutcome::Read { named_by, files } => (named_by, files),
            IndexOutcome::Failed(problems) => {
                self.survey.is_blind = true;
                if job.is_needed {
                    self.survey.problems.extend(problems);
                }
                return;
            }
        };
        for file in files {
            let key = job.suite.archive.key(&file.path);
            let Some(path) = self.path_of_key(&key).map(str::to_owned) else {
                let reason = "lies outside of what is pushed: push the whole archive";
                self.problem(job.is_needed, key.clone(), Some(&named_by), reason);
                continue;
            };
            if job.is_needed {
                match (self.sizes.get(path.as_str()).copied(), file.size) {
                    (None, _) => self.problem(true, path.clone(), Some(&named_by), self.absence(&path)),
                    (Some(size), Some(wanted)) if size != wanted => {
                        let reason = format!("has {size} bytes, and not {wanted}");
                        self.problem(true, path.clone(), Some(&named_by), reason);
                    }
                    _ => {}
                }
            }
            let wanted = Wanted { size: file.size, digests: file.digests, is_chosen: job.suite.is_chosen };
            self.want(path, wanted, &named_by, job.is_needed);
        }
    }

    /// Notes what is said of a file, and that two say different things.
    fn want(&mut self, path: String, wanted: Wanted, named_by: &str, is_counted: bool) {
        let known = self.survey.wanted.entry(path.clone()).or_insert(wanted);
        known.is_chosen |= wanted.is_chosen;
        if known.digests.agrees_with(&wanted.digests) {
            known.size = known.size.or(wanted.size);
            known.digests.sha256 = known.digests.sha256.or(wanted.digests.sha256);
            known.digests.sha512 = known.digests.sha512.or(wanted.digests.sha512);
        } else {
            let reason = "has another digest there than another index gives it: one of them cannot be served";
            self.problem(is_counted, path, Some(named_by), reason);
        }
    }

    /// Marks what lies in the directories of the chosen suites.
    fn choose(&mut self) {
        if self.survey.extent == Extent::Everything {
            return;
        }
        let directories = self.survey.directories();
        for file in self.question.files {
            if directories.is_in_chosen(&format!("{}{}", self.question.prefix, file.path)) {
                self.survey.wanted.entry(file.path.clone()).or_default().is_chosen = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
