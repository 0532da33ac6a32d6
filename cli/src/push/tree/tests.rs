#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A directory of a test's own, removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("suitecast-tree-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, exclude: &[&str]) -> Tree {
        let exclude: Vec<String> = exclude.iter().map(|text| (*text).to_owned()).collect();
        read_tree(&self.0, &Selection::parse(&[], &exclude).unwrap()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn paths(tree: &Tree) -> Vec<(&str, u64)> {
    tree.files.iter().map(|file| (file.path.as_str(), file.size)).collect()
}

#[test]
fn links_become_files_of_their_own() {
    let scratch = Scratch::new();
    scratch.write("dists/bookworm/InRelease", "12345");
    symlink("bookworm", scratch.0.join("dists/stable")).unwrap();
    scratch.write("pool/a.deb", "1");
    symlink("a.deb", scratch.0.join("pool/b.deb")).unwrap();
    let tree = scratch.read(&[]);
    assert!(tree.faults.is_empty(), "{:?}", tree.faults);
    assert_eq!(
        paths(&tree),
        [("dists/bookworm/InRelease", 5), ("dists/stable/InRelease", 5), ("pool/a.deb", 1), ("pool/b.deb", 1)]
    );
}

#[test]
fn a_link_that_leads_around_out_or_nowhere_is_a_fault() {
    let scratch = Scratch::new();
    scratch.write("a/b/file", "1");
    symlink("../..", scratch.0.join("a/b/round")).unwrap();
    symlink("/etc", scratch.0.join("a/out")).unwrap();
    symlink("nothing", scratch.0.join("a/nowhere")).unwrap();
    let mut faults = scratch.read(&[]).faults;
    faults.sort();
    let said = [
        "a/b/round: the link leads to a directory that it lies in itself",
        "a/nowhere: the link leads nowhere",
        "a/out: the link leads out of the tree",
    ];
    assert_eq!(faults.len(), said.len(), "{faults:?}");
    for (fault, start) in faults.iter().zip(said) {
        assert!(fault.starts_with(start), "{fault}");
    }
    assert!(scratch.read(&["round", "out", "nowhere"]).faults.is_empty());
}

#[test]
fn names_of_which_no_key_can_be_made_are_faults() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join(OsStr::from_bytes(b"caf\xe9.deb")), "1").unwrap();
    fs::write(scratch.0.join("line\nbreak"), "1").unwrap();
    let faults = scratch.read(&[]).faults;
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("not UTF-8")), "{faults:?}");
    assert!(scratch.read(&["caf*", "line*"]).faults.is_empty());
}

#[test]
fn suitecasts_own_directory_and_what_is_excluded_are_left_aside() {
    let scratch = Scratch::new();
    scratch.write(".suitecast/state/1", "1");
    scratch.write("conf/distributions", "1");
    scratch.write("pool/a.deb", "1");
    assert_eq!(paths(&scratch.read(&["conf"])), [("pool/a.deb", 1)]);
}

#[test]
fn what_is_no_directory_is_told_at_once() {
    let scratch = Scratch::new();
    scratch.write("file", "1");
    for path in ["file", "absent"] {
        assert!(read_tree(&scratch.0.join(path), &Selection::default()).is_err(), "{path}");
    }
}
