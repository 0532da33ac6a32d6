//! The indices of a suite: texts first, then the compressed forms, then the names by hash.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::compress::{self, Effort};
use super::deb::Deb;
use super::digests;
use super::package::Package;
use super::source::{self, Source};
use super::{ByHash, MakeError, PlainIndices};

/// The stanza of a binary package in Packages.
pub(super) fn packages_stanza(package: &Package, deb: &Deb, path: &str) -> String {
    format!(
        "{}Description: {}\nDescription-md5: {}\nFilename: {path}\nSize: {}\nMD5sum: {}\nSHA256: {}\n\n",
        deb.control,
        package.short_description(),
        package.description_md5(),
        deb.bytes.len(),
        digests::md5(&deb.bytes),
        digests::sha256(&deb.bytes),
    )
}

/// The stanza of a source package in Sources.
pub(super) fn sources_stanza(package: &Package, source: &Source) -> String {
    format!(
        "Package: {}\n{}Directory: {}\n{}\n",
        package.name,
        source.fields,
        package.pool_directory(),
        source::lists(&source.files)
    )
}

/// The stanza of a description in Translation-en.
pub(super) fn translation_stanza(package: &Package) -> String {
    format!(
        "Package: {}\nDescription-md5: {}\nDescription-en: {}\n{}\n",
        package.name,
        package.description_md5(),
        package.short_description(),
        package.long_description()
    )
}

/// The `Release` beside a Packages or Sources, which apt does not read and mirrors must keep.
pub(super) fn directory_release(suite: &str, component: &str, architecture: &str, by_hash: bool) -> String {
    let by_hash = if by_hash { "Acquire-By-Hash: yes\n" } else { "" };
    format!(
        "Archive: {suite}\nOrigin: Suitecast tests\nLabel: Suitecast tests\n{by_hash}Component: {component}\nArchitecture: {architecture}\n"
    )
}

/// What is listed in the Release, and what of it lies on the disk. Paths are relative to the suite.
#[derive(Default)]
pub(super) struct Indices {
    pub(super) listed: BTreeMap<String, Bytes>,
    pub(super) shipped: BTreeMap<String, Bytes>,
}

impl Indices {
    /// Adds an index with its compressed forms.
    pub(super) fn add(
        &mut self,
        path: &str,
        text: String,
        plain: PlainIndices,
        with_gzip: bool,
        effort: Effort,
    ) -> Result<(), MakeError> {
        if with_gzip {
            let bytes = Bytes::from(compress::gzip(text.as_bytes(), effort)?);
            self.add_form(format!("{path}.gz"), bytes);
        }
        let bytes = Bytes::from(compress::xz(text.as_bytes(), effort)?);
        self.add_form(format!("{path}.xz"), bytes);
        match plain {
            PlainIndices::Listed => {
                self.listed.insert(path.to_owned(), Bytes::from(text));
            }
            PlainIndices::Shipped => self.add_form(path.to_owned(), Bytes::from(text)),
        }
        Ok(())
    }

    /// Adds a file that is both listed and shipped as it is.
    pub(super) fn add_form(&mut self, path: String, bytes: Bytes) {
        self.listed.insert(path.clone(), bytes.clone());
        self.shipped.insert(path, bytes);
    }

    /// Gives every shipped index its names by hash.
    pub(super) fn add_names_by_hash(&mut self, by_hash: ByHash) {
        let mut names = Vec::new();
        for (path, bytes) in &self.shipped {
            let directory = path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"));
            if by_hash != ByHash::None {
                names.push((format!("{directory}by-hash/SHA256/{}", digests::sha256(bytes)), bytes.clone()));
            }
            if by_hash == ByHash::Sha256AndSha512 {
                names.push((format!("{directory}by-hash/SHA512/{}", digests::sha512(bytes)), bytes.clone()));
            }
        }
        self.shipped.extend(names);
    }
}
