#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::archive_maker::{ArchiveMaker, ByHash, Generation, Signing};

async fn view_of(generation: &Generation) -> View {
    ClientModel::new(Scope::as_made()).walk(&generation.files, &generation.suite).await.unwrap()
}

#[tokio::test]
async fn a_made_archive_is_whole_in_every_variant() {
    let maker = ArchiveMaker::new(3);
    for maker in [
        maker.clone(),
        maker.clone().in_directory("debian").suite("bookworm/updates"),
        maker.clone().by_hash(ByHash::Sha256AndSha512),
        maker.clone().signing(Signing::OnlyDetached).contents(true),
        maker.clone().binary_all(true).gzip_indices(false),
    ] {
        for generation in maker.history(3).unwrap() {
            let view = view_of(&generation).await;
            assert!(view.is_settled(), "{view}");
            assert!(view.files > 20, "{view}");
            assert!(view.live.unwrap().date.is_some());
        }
    }
}

#[tokio::test]
async fn each_file_that_is_taken_away_or_altered_is_noticed() {
    let made = ArchiveMaker::new(4).plain_packages(1).generation(1).unwrap();
    let release_files = ["InRelease", "Release", "Release.gpg"].map(|name| made.suite_key(name));
    for key in made.files.keys().filter(|key| !release_files.contains(key)) {
        for altered in [None, Some(Bytes::from(vec![0; made.files[key].len()]))] {
            let mut files = made.files.clone();
            match altered.clone() {
                Some(bytes) => files.insert(key.clone(), bytes),
                None => files.remove(key),
            };
            let view = ClientModel::new(Scope::as_made()).walk(&files, &made.suite).await.unwrap();
            let noticed = view.broken.iter().chain(&view.stale_names).any(|wrong| wrong.key == *key);
            assert!(noticed, "{key} {}", if altered.is_some() { "altered" } else { "missing" });
            let canonical = key.starts_with("dists/") && !key.contains("/by-hash/");
            assert_eq!(view.is_whole(), canonical, "{key}: {view}");
        }
    }
}

#[tokio::test]
async fn a_client_without_by_hash_goes_by_the_canonical_names_alone() {
    let made = ArchiveMaker::new(4).plain_packages(1).generation(1).unwrap();
    let release_files = ["InRelease", "Release", "Release.gpg"].map(|name| made.suite_key(name));
    let mut client = ClientModel::without_by_hash(Scope::as_made());
    let view = client.walk(&made.files, &made.suite).await.unwrap();
    assert!(view.is_settled() && view.files > 20, "{view}");
    for key in made.files.keys().filter(|key| !release_files.contains(key)) {
        let mut files = made.files.clone();
        files.insert(key.clone(), Bytes::from(vec![0; made.files[key].len()]));
        let view = client.walk(&files, &made.suite).await.unwrap();
        let reads_it = !key.contains("/by-hash/");
        assert_eq!(view.broken.iter().any(|wrong| wrong.key == *key), reads_it, "{key}: {view}");
        assert_eq!(view.is_whole(), !reads_it, "{key}: {view}");
    }
}

#[tokio::test]
async fn what_is_out_of_scope_may_be_absent() {
    let mut made = ArchiveMaker::new(5).generation(1).unwrap();
    made.files.retain(|key, _| {
        let outside = key.contains("/contrib/") || key.contains("arm64") || key.contains("source");
        !outside
    });
    assert!(!view_of(&made).await.is_whole());
    let scope = Scope {
        components: Some(vec!["main".to_owned()]),
        architectures: Some(vec!["amd64".to_owned()]),
        ..Scope::as_made()
    };
    let view = ClientModel::new(scope).walk(&made.files, &made.suite).await.unwrap();
    assert!(view.is_settled(), "{view}");
    assert!(view.files > 4);
}

#[tokio::test]
async fn what_is_remembered_does_not_hide_a_change() {
    let history = ArchiveMaker::new(6).history(2).unwrap();
    let mut client = ClientModel::new(Scope::as_made());
    assert!(client.walk(&history[0].files, &history[0].suite).await.unwrap().is_settled());
    // The new release over the old files: a swap that came too early.
    let mut mixed = history[0].files.clone();
    let live = history[1].suite_key("InRelease");
    mixed.insert(live.clone(), history[1].files[&live].clone());
    assert!(!client.walk(&mixed, &history[0].suite).await.unwrap().is_whole());
    mixed.extend(history[1].files.clone());
    let view = client.walk(&mixed, &history[0].suite).await.unwrap();
    assert!(view.is_settled(), "{view}");
}

#[tokio::test]
async fn nothing_served_breaks_nothing() {
    let view =
        ClientModel::new(Scope::as_made()).walk(&std::collections::BTreeMap::new(), "dists/stable").await.unwrap();
    assert!(view.is_whole() && view.live.is_none() && !view.is_settled());
}
