//! Keys, paths and the archives they lie in: no key is read as another one, and no path leaves its archive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use suitecast_archive::{
    ArchivePath, Archives, Compression, Digest, DigestAlgorithm, IndexKind, KeyClass, Pattern, Scope, SuiteName,
    UnlistedTrees, by_hash_path, parse_by_hash, parse_date,
};
use suitecast_fuzz::{assert_presentable, assert_stays_inside};

fuzz_target!(|input: &[u8]| {
    if let Err(error) = ArchivePath::parse_bytes(input) {
        assert_presentable(&error);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    // The configuration is one line, the key all the rest.
    let (configuration, key) = text.split_once('\n').unwrap_or(("/", text));
    paths(configuration, key);
    for configuration in [configuration, "/", "debian/", "/,flat:debian", "flat:/,debian/"] {
        match Archives::parse(configuration) {
            Ok(archives) => keys(&archives, key),
            Err(error) => assert_presentable(&error),
        }
    }
    if let Err(error) = parse_date(key) {
        assert_presentable(&error);
    }
    if let Ok(pattern) = Pattern::parse(configuration) {
        let _ = pattern.matches(key);
        let literal = configuration.replace('*', "");
        assert!(pattern.matches(&literal) || pattern.as_str() != configuration, "{pattern:?} and {literal:?}");
    }
});

fn paths(directory: &str, text: &str) {
    if let Ok(path) = ArchivePath::parse(text) {
        assert_stays_inside(path.as_str());
        assert_stays_inside(Compression::stem(&path).as_str());
        let _ = (IndexKind::of_path(&path), Scope::everything().admits_index(&path));
        for algorithm in DigestAlgorithm::ALL {
            let digest = Digest::of(algorithm, text.as_bytes());
            let by_hash = by_hash_path(&path, &digest);
            assert_eq!(parse_by_hash(&by_hash), Some((path.parent().unwrap_or_default(), digest)));
        }
    }
    if let Ok(joined) = ArchivePath::joined(directory, text) {
        assert_stays_inside(joined.as_str());
    }
    if let Ok(suite) = SuiteName::parse(text) {
        assert_eq!(SuiteName::parse(suite.as_str()).as_ref(), Ok(&suite));
    }
}

fn keys(archives: &Archives, key: &str) {
    let unlisted = UnlistedTrees::parse("installer-*,signed").unwrap_or_default();
    let class = archives.classify(key, &unlisted);
    let _ = class.headers(key);
    match class {
        KeyClass::Pool { path } | KeyClass::ByHash { path, .. } => {
            assert_stays_inside(path.as_str());
            let archive = archives.archive_of_key(key).unwrap_or_else(|| panic!("no archive"));
            assert_eq!(archive.key(&path), key);
        }
        KeyClass::ReleaseFile { suite, file } => {
            assert_eq!(suite.release_key(file), key);
            assert!(archives.archive_of(&suite).is_some(), "{suite} has no archive");
        }
        KeyClass::Index | KeyClass::Unlisted { .. } => {
            let archive = archives.archive_of_key(key).unwrap_or_else(|| panic!("no archive"));
            let path = archive.path_of_key(key).unwrap_or_else(|| panic!("no path"));
            assert_stays_inside(path.as_str());
        }
        KeyClass::Private => assert!(key.starts_with(".suitecast")),
        KeyClass::Foreign => {}
    }
}
