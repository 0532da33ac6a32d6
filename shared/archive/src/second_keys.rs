//! Further keys for files whose name clients send in a way that S3 reads as another key.
//!
//! A bucket that is read without anything in between takes the path of a request for a key as it stands, with two
//! consequences for apt archives:
//!
//! - S3 reads a `+` in a path as a space. apt encodes it (`%2b`, since 2012, on account of S3: Launchpad bug 1003633); wget,
//!   curl, debootstrap and debmirror send it as it is. They find `g++_12.deb` only under the key `g  _12.deb`.
//! - apt puts `Filename: ./hello.deb`, as `dpkg-scanpackages .` writes it, behind the archive's address as it is, and asks
//!   for `/./hello.deb`. wget and curl resolve the dot before they ask.

use crate::NamedFile;

/// How an index wrote the path of a file, beside what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WrittenPath {
    /// As it is.
    Plain,
    /// With `./` before it, which apt keeps when it asks for the file.
    Dotted,
}

impl WrittenPath {
    /// How this text of an index writes its path.
    pub(crate) fn of(text: &[u8]) -> Self {
        if text == b"." || text.starts_with(b"./") { Self::Dotted } else { Self::Plain }
    }
}

/// Whether files are kept under further keys too, for clients whose requests S3 takes for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecondKeys {
    /// They are.
    #[default]
    Kept,
    /// Each file has the one key that its name is.
    Omitted,
}

impl SecondKeys {
    /// The further key for an object under `key`, whose name is written nowhere else: the one with spaces for each `+`.
    ///
    /// ```
    /// use suitecast_archive::SecondKeys;
    ///
    /// assert_eq!(SecondKeys::Kept.of_key("pool/main/g/g++_12.deb"), Some("pool/main/g/g  _12.deb".to_owned()));
    /// assert_eq!(SecondKeys::Kept.of_key("pool/main/h/hello_2.deb"), None);
    /// assert_eq!(SecondKeys::Omitted.of_key("pool/main/g/g++_12.deb"), None);
    /// ```
    pub fn of_key(self, key: &str) -> Option<String> {
        (self == Self::Kept && key.contains('+')).then(|| key.replace('+', " "))
    }

    /// The further keys for a file that an index of the archive with this prefix names; none for most.
    pub fn of_file(self, prefix: &str, file: &NamedFile) -> Vec<String> {
        if self == Self::Omitted {
            return Vec::new();
        }
        let spaced = self.of_key(&format!("{prefix}{}", file.path));
        let dotted = (file.written == WrittenPath::Dotted).then(|| format!("{prefix}./{}", file.path));
        // Who resolves no dot may encode no `+` either.
        let both = dotted.as_deref().and_then(|key| self.of_key(key));
        spaced.into_iter().chain(dotted).chain(both).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{ArchivePath, Digests};

    fn named(path: &str, written: WrittenPath) -> NamedFile {
        NamedFile { path: ArchivePath::parse(path).unwrap(), written, size: None, digests: Digests::default() }
    }

    #[test]
    fn a_plus_in_the_name_gives_a_key_with_spaces() {
        let keys = |path| SecondKeys::Kept.of_file("debian/", &named(path, WrittenPath::Plain));
        assert_eq!(keys("pool/g++/g++_1+b1.deb"), ["debian/pool/g  /g  _1 b1.deb"]);
        assert_eq!(keys("pool/h/hello_1.deb"), Vec::<String>::new());
        let below_plus = SecondKeys::Kept.of_file("c++/", &named("pool/hello.deb", WrittenPath::Plain));
        assert_eq!(below_plus, ["c  /pool/hello.deb"]);
    }

    #[test]
    fn a_dot_before_the_name_gives_a_key_with_that_dot() {
        let keys = |path| SecondKeys::Kept.of_file("flat/", &named(path, WrittenPath::Dotted));
        assert_eq!(keys("hello.deb"), ["flat/./hello.deb"]);
        assert_eq!(keys("g++.deb"), ["flat/g  .deb", "flat/./g++.deb", "flat/./g  .deb"]);
    }

    #[test]
    fn without_them_every_file_has_one_key() {
        assert!(SecondKeys::Omitted.of_file("", &named("g++.deb", WrittenPath::Dotted)).is_empty());
    }
}
