//! Putting a generation together: pool, indices, release files.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use bytes::Bytes;

use super::bulk::{self, Bulk};
use super::compress::Effort;
use super::deb::{self, Deb};
use super::history;
use super::indices::{self, Indices};
use super::package::Package;
use super::release;
use super::source::{self, Source};
use super::{ArchiveMaker, ByHash, MakeError};

impl ArchiveMaker {
    /// Every file of a generation by its key.
    pub(super) fn files(&self, number: u32, built: &mut Built) -> Result<BTreeMap<String, Bytes>, MakeError> {
        let steps = i32::try_from(number.checked_sub(1).ok_or(MakeError::NoSuchGeneration)?).unwrap_or(i32::MAX);
        let date = self
            .date_step
            .checked_mul(steps)
            .and_then(|later| self.first_date.checked_add(later).ok())
            .ok_or(MakeError::Date { date: self.first_date })?;
        let mut files = BTreeMap::new();
        let mut indices = match self.bulk {
            Some(bulk) => self.bulk_indices(bulk, number, &mut files)?,
            None => self.indices(number, built, &mut files)?,
        };
        indices.add_names_by_hash(self.by_hash);

        let mut architectures = self.architectures.clone();
        if self.with_binary_all {
            architectures.insert(0, "all".to_owned());
        }
        let fields = release::ReleaseFields {
            suite: &self.suite,
            date,
            valid_for: self.valid_for,
            by_hash: self.by_hash != ByHash::None,
            architectures,
            components: &self.components,
            no_support_for_all: self.with_binary_all,
            with_sha512: self.by_hash == ByHash::Sha256AndSha512,
        };
        let text = release::text(&fields, &indices.listed);
        let suite = self.suite_directory();
        for (path, bytes) in indices.shipped {
            files.insert(format!("{suite}/{path}"), bytes);
        }
        for (name, bytes) in release::files(text, date, self.signing, &self.key()?)? {
            files.insert(format!("{suite}/{name}"), bytes);
        }
        Ok(files)
    }

    fn bulk_indices(&self, bulk: Bulk, number: u32, files: &mut BTreeMap<String, Bytes>) -> Result<Indices, MakeError> {
        let mut indices = Indices::default();
        let (Some(component), Some(architecture)) = (self.components.first(), self.architectures.first()) else {
            return Ok(indices);
        };
        let suite = bulk::suite(bulk, self.seed, number, component, architecture);
        for (path, bytes) in suite.pool {
            files.insert(format!("{}{path}", self.prefix), bytes);
        }
        let path = format!("{component}/binary-{architecture}/Packages");
        indices.add(&path, suite.packages, self.plain, self.with_gzip, Effort::Quick)?;
        Ok(indices)
    }

    fn indices(
        &self,
        number: u32,
        built: &mut Built,
        files: &mut BTreeMap<String, Bytes>,
    ) -> Result<Indices, MakeError> {
        let packages = history::packages(self.seed, number, &self.components, self.plain_packages);
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut fixed: BTreeMap<String, String> = BTreeMap::new();
        let by_hash = self.by_hash != ByHash::None;
        for component in &self.components {
            let mut directories: Vec<String> = self.architectures.clone();
            if self.with_binary_all {
                directories.push("all".to_owned());
            }
            for architecture in &directories {
                texts.insert(format!("{component}/binary-{architecture}/Packages"), String::new());
                let release = indices::directory_release(&self.suite, component, architecture, by_hash);
                fixed.insert(format!("{component}/binary-{architecture}/Release"), release);
                if self.with_contents {
                    texts.insert(format!("{component}/Contents-{architecture}"), String::new());
                }
            }
            texts.insert(format!("{component}/source/Sources"), String::new());
            let release = indices::directory_release(&self.suite, component, "source", by_hash);
            fixed.insert(format!("{component}/source/Release"), release);
            texts.insert(format!("{component}/i18n/Translation-en"), String::new());
        }
        let mut append = |path: String, text: &str| texts.entry(path).or_default().push_str(text);
        for package in &packages {
            let component = &package.component;
            for architecture in package.architectures(&self.architectures) {
                let path = package.deb_path(&architecture);
                let deb = built.deb(package, &architecture, &path)?;
                let stanza = indices::packages_stanza(package, &deb, &path);
                let for_all = architecture == "all";
                let mut listed_in: Vec<&str> =
                    if for_all { self.architectures.iter().map(String::as_str).collect() } else { vec![&architecture] };
                if for_all && self.with_binary_all {
                    listed_in.push("all");
                }
                for directory in listed_in {
                    append(format!("{component}/binary-{directory}/Packages"), &stanza);
                    if self.with_contents {
                        let line = format!("usr/share/doc/{}/README misc/{}\n", package.name, package.name);
                        append(format!("{component}/Contents-{directory}"), &line);
                    }
                }
                files.insert(format!("{}{path}", self.prefix), Bytes::from(deb.bytes.clone()));
            }
            append(format!("{component}/i18n/Translation-en"), &indices::translation_stanza(package));
            if package.with_source {
                let source = built.source(package)?;
                append(format!("{component}/source/Sources"), &indices::sources_stanza(package, &source));
                for (name, bytes) in &source.files {
                    let key = format!("{}{}/{name}", self.prefix, package.pool_directory());
                    files.insert(key, Bytes::from(bytes.clone()));
                }
            }
        }
        let mut indices = Indices::default();
        for (path, text) in texts {
            indices.add(&path, text, self.plain, self.with_gzip, Effort::Usual)?;
        }
        for (path, text) in fixed {
            indices.add_form(path, Bytes::from(text));
        }
        Ok(indices)
    }
}

/// Packages already built, so that a history builds each once.
#[derive(Default)]
pub(super) struct Built {
    debs: HashMap<String, Rc<Deb>>,
    sources: HashMap<String, Rc<Source>>,
}

impl Built {
    fn deb(&mut self, package: &Package, architecture: &str, path: &str) -> Result<Rc<Deb>, MakeError> {
        if let Some(deb) = self.debs.get(path) {
            return Ok(Rc::clone(deb));
        }
        let deb = Rc::new(deb::build(package, architecture)?);
        self.debs.insert(path.to_owned(), Rc::clone(&deb));
        Ok(deb)
    }

    fn source(&mut self, package: &Package) -> Result<Rc<Source>, MakeError> {
        let name = format!("{}_{}", package.name, package.version());
        if let Some(source) = self.sources.get(&name) {
            return Ok(Rc::clone(source));
        }
        let source = Rc::new(source::build(package)?);
        self.sources.insert(name, Rc::clone(&source));
        Ok(source)
    }
}
