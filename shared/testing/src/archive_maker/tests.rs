#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;

#[test]
fn the_same_choices_give_the_same_bytes() {
    let make = || ArchiveMaker::new(11).suite("bookworm/updates").in_directory("/debian/").generation(3).unwrap();
    let (one, other) = (make(), make());
    assert_eq!(one.files, other.files);
    assert_eq!(one.suite, "debian/dists/bookworm/updates");
    let key = || ArchiveKey::from_seed(11).unwrap().public_armoured().unwrap();
    assert_eq!(key(), key());
}

#[test]
fn a_generation_made_alone_is_the_one_of_the_history() {
    let maker = ArchiveMaker::new(12);
    let history = maker.history(4).unwrap();
    let alone = maker.generation(4).unwrap();
    assert_eq!(alone.files, history[3].files);
    assert_eq!(alone.changed, history[3].changed);
    assert_eq!(alone.changes_since(&history[2]).removed, history[3].removed);
}

#[test]
fn a_pool_file_never_changes_its_bytes_and_every_generation_changes_some() {
    let history = ArchiveMaker::new(13).plain_packages(20).history(6).unwrap();
    let mut seen: BTreeMap<&str, &Bytes> = BTreeMap::new();
    for generation in &history {
        for key in generation.pool_keys() {
            let bytes = &generation.files[key];
            assert_eq!(*seen.entry(key).or_insert(bytes), bytes, "{key}");
        }
        let greeting = format!("pool/main/h/hello-suitecast/hello-suitecast_2.10-{}_arm64.deb", generation.number);
        assert!(generation.changed.contains(&greeting), "{greeting}");
        if generation.number > 1 {
            assert!(generation.removed.iter().any(|key| key.starts_with("pool/")));
            assert!(generation.pool_keys().any(|key| !generation.changed.contains(key)));
        }
    }
}

#[test]
fn each_generation_loses_a_package_however_long_the_history() {
    for generation in &ArchiveMaker::new(17).plain_packages(2).history(9).unwrap()[1..] {
        let left = |key: &String| generation.pool_keys().any(|other| directory(other) == directory(key));
        let mut gone = generation.removed.iter().filter(|key| key.starts_with("pool/"));
        assert!(gone.any(|key| !left(key)), "generation {}", generation.number);
    }
}

fn directory(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[test]
fn names_hold_what_makes_trouble_in_a_bucket() {
    let files = ArchiveMaker::new(14).generation(1).unwrap().files;
    for name in [
        "pool/main/libs/libstdc++-tiny/libstdc++-tiny_12.2.0-1+deb12u1~bpo1_arm64.deb",
        "pool/main/g/g++-tiny/g++-tiny_12.2.0+git20250101~rc1-1_amd64.deb",
        "pool/main/e/epoch-escaped/epoch-escaped_1%3a2.0~beta+1-1_all.deb",
        "pool/contrib/e/epoch-literal/epoch-literal_2:3.0-1_all.deb",
        "pool/main/g/g++-tiny/g++-tiny_12.2.0+git20250101~rc1.orig.tar.xz",
    ] {
        assert!(files.contains_key(name), "{name}");
    }
}

#[test]
fn choices_show_in_what_is_shipped() {
    let has = |maker: ArchiveMaker, path: &str| {
        let made = maker.generation(1).unwrap();
        made.files.contains_key(&made.suite_key(path))
    };
    let maker = ArchiveMaker::new(15);
    assert!(has(maker.clone(), "InRelease") && has(maker.clone(), "Release.gpg") && has(maker.clone(), "Release"));
    assert!(!has(maker.clone(), "main/binary-amd64/Packages"));
    assert!(has(maker.clone().plain_indices(PlainIndices::Shipped), "main/binary-amd64/Packages"));
    assert!(!has(maker.clone().gzip_indices(false), "main/source/Sources.gz"));
    assert!(has(maker.clone().contents(true), "contrib/Contents-arm64.xz"));
    assert!(has(maker.clone().binary_all(true), "main/binary-all/Packages.xz"));
    assert!(!has(maker.clone().signing(Signing::OnlyDetached), "InRelease"));
    assert!(!has(maker.clone().signing(Signing::OnlyInRelease), "Release"));
    assert!(!has(maker.clone().signing(Signing::Unsigned), "Release.gpg"));
    let by_hash = |choice| {
        let made = ArchiveMaker::new(15).by_hash(choice).generation(1).unwrap();
        ["/by-hash/SHA256/", "/by-hash/SHA512/"].map(|part| made.files.keys().any(|key| key.contains(part)))
    };
    assert_eq!(by_hash(ByHash::None), [false, false]);
    assert_eq!(by_hash(ByHash::Sha256), [true, false]);
    assert_eq!(by_hash(ByHash::Sha256AndSha512), [true, true]);
    assert!(matches!(maker.generation(0), Err(MakeError::NoSuchGeneration)));
}

#[test]
fn a_kept_key_is_used_again() {
    let directory = std::env::temp_dir().join(format!("suitecast-key-{}", std::process::id()));
    let made = ArchiveKey::load_or_make(&directory, 1).unwrap().public_armoured().unwrap();
    let again = ArchiveKey::load_or_make(&directory, 2).unwrap().public_armoured().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(made, again);
}

#[test]
fn a_bulk_suite_has_stanzas_as_long_as_real_ones_and_changes_little() {
    let maker = ArchiveMaker::new(16).bulk(2_000, BulkContent::PerName, 10).plain_indices(PlainIndices::Shipped);
    let second = maker.generation(2).unwrap();
    let packages = &second.files[&second.suite_key("main/binary-amd64/Packages")];
    let mean = packages.len() / 2_000;
    assert!((700..900).contains(&mean), "{mean} bytes a stanza");
    assert_eq!(second.pool_keys().count(), 2_000);
    let changed = second.changed.iter().filter(|key| key.starts_with("pool/")).count();
    assert!((8..=10).contains(&changed), "{changed}");
}
