//! The files of a directory, links followed: an adapter.
//!
//! S3 knows no links, so a link becomes an object (or, to a directory, objects) of its own. A link that leads to a directory
//! around itself would never end, and one that leads out of the tree would publish what nobody meant to: both are faults of
//! the tree, as is everything else that cannot become an object under the name it has on disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use suitecast_archive::ArchivePath;

use super::selection::Selection;
use crate::exit::Failure;

/// Suitecast's own directory: it is never taken from a tree.
const PRIVATE: &str = ".suitecast";

/// A file that becomes an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Its path relative to the tree.
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// What lies in a directory.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The files in the order of their paths.
    pub(crate) files: Vec<TreeFile>,
    /// What cannot become an object, a line each.
    pub(crate) faults: Vec<String>,
}

/// A directory on the way down to the one being read.
type DirectoryId = (u64, u64);

struct Walk<'a> {
    /// The tree's own path with every link in it resolved.
    root: PathBuf,
    selection: &'a Selection,
    tree: Tree,
}

/// Lists a directory to its depths.
///
/// # Errors
/// It is no directory that can be read. What is wrong inside of it goes to [`Tree::faults`].
pub(crate) fn read_tree(directory: &Path, selection: &Selection) -> Result<Tree, Failure> {
    let failed =
        |error: io::Error| Failure::usage(format!("cannot read the directory {}: {error}", directory.display()));
    let root = fs::canonicalize(directory).map_err(failed)?;
    let metadata = fs::metadata(&root).map_err(failed)?;
    // Asked here, so that a directory that is none ends the program, and is not a fault among others.
    fs::read_dir(&root).map_err(failed)?;
    let mut walk = Walk { root: root.clone(), selection, tree: Tree::default() };
    walk.directory(&root, "", &mut vec![(metadata.dev(), metadata.ino())]);
    let mut tree = walk.tree;
    tree.files.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(tree)
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, what: impl std::fmt::Display) {
        self.tree.faults.push(format!("{path}: {what}"));
    }

    fn directory(&mut self, on_disk: &Path, path: &str, above: &mut Vec<DirectoryId>) {
        let entries = match fs::read_dir(on_disk) {
            Ok(entries) => entries,
            Err(error) => return self.fault(path, format_args!("the directory cannot be read: {error}")),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry, path, above),
                Err(error) => self.fault(path, format_args!("the directory cannot be read to its end: {error}")),
            }
        }
    }

    fn entry(&mut self, entry: &fs::DirEntry, directory: &str, above: &mut Vec<DirectoryId>) {
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        let path = if directory.is_empty() { shown.to_string() } else { format!("{directory}/{shown}") };
        if self.selection.excludes(&path) || path == PRIVATE {
            return;
        }
        if name.to_str().is_none() {
            return self
                .fault(&path, "the name is not UTF-8, so that no key can be made of it; rename or --exclude it");
        }
        if let Err(error) = ArchivePath::parse(&path) {
            return self.fault(&path, format_args!("no key of an archive can be made of the name: {error}"));
        }
        let on_disk = entry.path();
        let metadata = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => match self.target_of(&on_disk) {
                Ok(metadata) => metadata,
                Err(what) => return self.fault(&path, what),
            },
            Ok(_) => match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) => return self.fault(&path, format_args!("cannot be looked at: {error}")),
            },
            Err(error) => return self.fault(&path, format_args!("cannot be looked at: {error}")),
        };
        if metadata.is_dir() {
            let id = (metadata.dev(), metadata.ino());
            if above.contains(&id) {
                return self.fault(&path, "the link leads to a directory that it lies in itself");
            }
            above.push(id);
            self.directory(&on_disk, &path, above);
            above.pop();
        } else if metadata.is_file() {
            if self.selection.holds(&path) {
                self.tree.files.push(TreeFile { path, size: metadata.len() });
            }
        } else {
            self.fault(&path, "neither a file nor a directory");
        }
    }

    /// What a link leads to, or what is wrong with it.
    fn target_of(&self, link: &Path) -> Result<fs::Metadata, String> {
        let target = fs::canonicalize(link).map_err(|error| format!("the link leads nowhere: {error}"))?;
        if !target.starts_with(&self.root) {
            return Err(format!(
                "the link leads out of the tree, to {}, and what lies there is not published; copy it into the tree, or \
                 --exclude the link",
                target.display()
            ));
        }
        fs::metadata(&target).map_err(|error| format!("what the link leads to cannot be looked at: {error}"))
    }
}

#[cfg(test)]
mod tests;
