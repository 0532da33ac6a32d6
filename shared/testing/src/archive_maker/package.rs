//! One source package and the binary packages built from it: names, versions, and the keys of its files.

/// For which architectures a package is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    /// For each architecture of the archive.
    Each,
    /// For the first architecture only.
    FirstOnly,
    /// Once, for all.
    All,
}

/// How a version's epoch shows in the name of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EpochInName {
    /// Not at all, as in Debian's and Ubuntu's pools.
    Dropped,
    /// Its colon written `%3a`, as apt names what it downloads and some makers name what they publish.
    Escaped,
    /// As it is.
    Literal,
}

/// A package at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) component: String,
    pub(super) built: Built,
    pub(super) epoch: Option<u32>,
    pub(super) epoch_in_name: EpochInName,
    pub(super) upstream: String,
    pub(super) revision: u32,
    /// What follows the Debian revision, such as `+deb12u1~bpo1`.
    pub(super) suffix: &'static str,
    pub(super) with_source: bool,
}

impl Package {
    /// The version without its epoch.
    pub(super) fn version_without_epoch(&self) -> String {
        format!("{}-{}{}", self.upstream, self.revision, self.suffix)
    }

    pub(super) fn version(&self) -> String {
        match self.epoch {
            Some(epoch) => format!("{epoch}:{}", self.version_without_epoch()),
            None => self.version_without_epoch(),
        }
    }

    /// `pool/main/h/hello`, or `pool/main/libh/libhello` for libraries.
    pub(super) fn pool_directory(&self) -> String {
        let letters = if self.name.starts_with("lib") && self.name.len() > 3 { 4 } else { 1 };
        let prefix: String = self.name.chars().take(letters).collect();
        format!("pool/{}/{prefix}/{}", self.component, self.name)
    }

    /// Where the binary package of this architecture lies, relative to the archive.
    pub(super) fn deb_path(&self, architecture: &str) -> String {
        let bare = self.version_without_epoch();
        let version = match (self.epoch, self.epoch_in_name) {
            (None, _) | (_, EpochInName::Dropped) => bare,
            (Some(epoch), EpochInName::Escaped) => format!("{epoch}%3a{bare}"),
            (Some(epoch), EpochInName::Literal) => format!("{epoch}:{bare}"),
        };
        format!("{}/{}_{version}_{architecture}.deb", self.pool_directory(), self.name)
    }

    /// The architectures of which binary packages exist, out of those of the archive.
    pub(super) fn architectures(&self, of_archive: &[String]) -> Vec<String> {
        match self.built {
            Built::Each => of_archive.to_vec(),
            Built::FirstOnly => of_archive.first().cloned().into_iter().collect(),
            Built::All => vec!["all".to_owned()],
        }
    }

    /// The one line that says what it is.
    pub(super) fn short_description(&self) -> String {
        format!("package {} of an archive made for tests", self.name)
    }

    /// What follows that line, as `Translation-en` carries it (each line with its leading space).
    pub(super) fn long_description(&self) -> String {
        format!(" It holds a text that names it, and nothing else.\n .\n Its name is {}.\n", self.name)
    }

    /// The digest by which apt finds the translation of a description: MD5 over the English text as it stands in `Description`.
    pub(super) fn description_md5(&self) -> String {
        super::digests::md5(format!("{}\n{}", self.short_description(), self.long_description()).as_bytes())
    }
}
