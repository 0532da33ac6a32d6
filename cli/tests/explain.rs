//! `suitecast explain`: what keeps a suite from being swapped is named object by object, and nothing is written to find out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "names in an archive are keys")]

mod served;

use served::{MASTER, REGION, REGION_BUCKET, Ran, Served, generations};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::Generation;

const SUITE: &str = "dists/stable";

/// A Region that serves the first generation; of the second all but one package is in the master, and nobody looked yet.
async fn behind() -> (Served, String, [Generation; 2]) {
    let [first, second] = generations(31);
    let (served, held_back) = Served::holding_back(SUITE, &first, &second).await;
    served.s3.forget_requests();
    (served, held_back, [first, second])
}

async fn explain(served: &Served, what: &str) -> Ran {
    let ran = served.run_by_buckets(&["explain", what, "--json"]).await;
    assert_eq!(served.s3.count(|request| request.operation.is_write()).requests, 0, "explain writes nothing");
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn the_object_that_a_suite_waits_for_is_named_with_its_index_and_with_what_wakes_the_suite() {
    let (served, held_back, _) = behind().await;
    let ran = explain(&served, SUITE).await;
    let suite = ran.result()["suites"][0].clone();
    assert_eq!(
        (ran.code, &suite["outcome"], &suite["region"]),
        (0, &"waiting".into(), &REGION.into()),
        "{}",
        ran.said()
    );
    let missing = &suite["missing"][0];
    assert_eq!((&missing["key"], &missing["reason"]), (&held_back.as_str().into(), &"absent".into()), "{suite}");
    assert!(missing["named_by"].as_str().unwrap().starts_with("main/"), "{missing}");
    assert_eq!(suite["awaited"], serde_json::json!([held_back]));
    // The real run, made afterwards, says the same.
    let report = served.publish(SUITE).await;
    assert_eq!((report.outcome, &report.missing[0].key, report.missing_count), (Outcome::Waiting, &held_back, 1));
    let ran = served.run_by_buckets(&["explain", "stable"]).await;
    assert!(ran.stdout.contains(&format!("{held_back}: not in the master (named by {SUITE}/main/")), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("an upload of {held_back} wakes it")), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_index_is_told_with_every_name_that_can_bring_it() {
    let served = Served::start().await;
    let [first, _] = generations(31);
    // Else it would be found among the older versions of its plain name.
    served.s3.change_bucket(MASTER, |bucket| bucket.versioned = false);
    served.put(MASTER, &first);
    let index = first.suite_key("main/binary-amd64/Packages.xz");
    let digest = Digest::of(DigestAlgorithm::Sha256, &first.files[&index]);
    let by_hash = first.suite_key(&format!("main/binary-amd64/by-hash/SHA256/{digest}"));
    for key in [&index, &by_hash] {
        served.s3.uproot(MASTER, key).unwrap();
    }
    let ran = served.run_by_buckets(&["explain", SUITE]).await;
    assert!(ran.stdout.contains(&format!("(named by the release of {SUITE})")), "{}", ran.said());
    assert!(ran.stdout.contains(&format!("an upload of {index} or {by_hash} wakes it")), "{}", ran.said());
    assert!(ran.stdout.contains("what an index names is not known"), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_other_content_in_the_master_is_told_from_an_absent_one() {
    let (served, held_back, [_, second]) = behind().await;
    served.s3.plant(MASTER, &held_back, "cut").unwrap();
    served.s3.forget_requests();
    let ran = explain(&served, SUITE).await;
    let missing = ran.result()["suites"][0]["missing"][0].clone();
    assert_eq!(
        (&missing["key"], &missing["reason"]),
        (&held_back.as_str().into(), &"mismatch".into()),
        "{}",
        ran.said()
    );
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    served.s3.forget_requests();
    let ran = explain(&served, SUITE).await;
    let suite = ran.result()["suites"][0].clone();
    assert_eq!((&suite["outcome"], &suite["missing_count"]), (&"swapped".into(), &0.into()), "{suite}");
    assert!(suite["next"].as_str().unwrap().contains("nothing is missing"), "{suite}");
    assert_eq!(
        served.s3.peek(REGION_BUCKET, &second.suite_key("InRelease")).unwrap(),
        generations(31)[0].files[&second.suite_key("InRelease")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_object_that_was_changed_in_place_is_named() {
    let served = Served::start().await;
    let [first, _] = generations(31);
    served.put(MASTER, &first);
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped);
    // Another suite names the same packages with other bytes.
    let changed: Vec<&str> = first.pool_keys().filter(|key| key.ends_with("_amd64.deb")).take(2).collect();
    let sha256 = |text: &str| Digest::of(DigestAlgorithm::Sha256, text.as_bytes());
    let bytes = "other bytes";
    let (size, digest) = (bytes.len(), sha256(bytes));
    let stanza = |key: &&str| {
        format!("Package: p\nVersion: 1\nArchitecture: amd64\nFilename: {key}\nSize: {size}\nSHA256: {digest}\n\n")
    };
    let packages: String = changed.iter().map(stanza).collect();
    for key in &changed {
        served.s3.plant(MASTER, key, bytes).unwrap();
    }
    let listed = format!("{} {} main/binary-amd64/Packages", sha256(&packages), packages.len());
    let date = "Date: Sat, 01 Mar 2025 00:00:00 UTC";
    let release = format!("Suite: testing\n{date}\nArchitectures: amd64\nComponents: main\nSHA256:\n {listed}\n");
    served.s3.plant(MASTER, "dists/testing/main/binary-amd64/Packages", packages).unwrap();
    served.s3.plant(MASTER, "dists/testing/Release", release).unwrap();
    served.s3.forget_requests();
    let ran = explain(&served, "dists/testing").await;
    let suite = ran.result()["suites"][0].clone();
    assert_eq!((ran.code, &suite["outcome"]), (0, &"refused".into()), "{}", ran.said());
    let rules: Vec<&str> = suite["rules"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
    for key in changed {
        assert!(rules.iter().any(|rule| rule.starts_with(&format!("{key} was changed in place"))), "{key}: {rules:?}");
    }
    assert!(suite["next"].as_str().unwrap().contains("rule"), "{suite}");
    let ran = served.run_by_buckets(&["explain", "dists/testing"]).await;
    let told = ran.stdout.lines().filter(|line| line.contains(" was changed in place")).count();
    assert!(told >= rules.len(), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_under_a_name_of_the_next_release_that_nobody_names_do_not_stand_in_its_way() {
    let served = Served::start().await;
    let [first, second] = generations(31);
    served.put(MASTER, &first);
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped);
    served.put(MASTER, &second);
    let key = second.changed.iter().find(|key| key.starts_with("pool/") && key.ends_with(".deb")).unwrap();
    served.s3.plant(REGION_BUCKET, key, "other bytes").unwrap();
    served.s3.forget_requests();
    let ran = explain(&served, SUITE).await;
    let suite = ran.result()["suites"][0].clone();
    assert_eq!((ran.code, &suite["outcome"]), (0, &"swapped".into()), "{}", ran.said());
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped, "as it said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_live_needs_nothing() {
    let (served, held_back, [_, second]) = behind().await;
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    served.publish(SUITE).await;
    served.s3.forget_requests();
    let ran = explain(&served, SUITE).await;
    assert_eq!((ran.code, &ran.result()["suites"][0]["outcome"]), (0, &"up_to_date".into()), "{}", ran.said());
}

/// The references of an answer: release, and the file that names the key.
fn references(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let result = ran.result();
    let references = result["references"].as_array().unwrap().iter();
    references.map(|reference| (text(&reference["release"]), text(&reference["named_by"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refers_to_a_package_is_told_release_by_release() {
    let (served, held_back, [first, second]) = behind().await;
    let ran = explain(&served, &held_back).await;
    let found = references(&ran);
    assert!(!found.is_empty() && found.iter().all(|(release, _)| release == "master"), "{}", ran.said());
    assert_eq!(ran.code, 0);
    let objects = ran.result()["objects"].clone();
    assert_eq!((&objects[0]["size"], &objects[1]["size"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    // Named by both generations.
    let kept = first.pool_keys().find(|key| second.files.contains_key(*key)).unwrap();
    let ran = explain(&served, kept).await;
    let found = references(&ran);
    assert!(found.iter().any(|(release, _)| release == "master"), "{}", ran.said());
    assert!(found.iter().any(|(release, _)| release == "live"), "{}", ran.said());
    let index = &found[0].1;
    assert!(index.starts_with(SUITE) && index.contains("/Packages") || index.contains("/Sources"), "{index}");
    // Named by neither.
    let ran = explain(&served, "pool/main/n/nobody/nobody_1_all.deb").await;
    assert_eq!((ran.code, references(&ran)), (1, Vec::new()), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_not_there_is_told_as_such() {
    let (served, _, _) = behind().await;
    for name in ["stabel", "dists/stabel"] {
        let ran = served.run_by_buckets(&["explain", name]).await;
        assert_eq!(ran.code, 1, "{}", ran.said());
        assert!(ran.stdout.contains("there is no suite of that name"), "{}", ran.said());
    }
}

/// The name that S3 takes a `+` for.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_key_is_told_by_what_names_its_file() {
    let (served, _, [first, second]) = behind().await;
    let is_kept = |key: &&str| key.contains('+') && second.files.contains_key(*key);
    let key = first.pool_keys().find(is_kept).unwrap();
    let (named, spaced) = (explain(&served, key).await, explain(&served, &key.replace('+', " ")).await);
    assert!(!references(&named).is_empty(), "{}", named.said());
    assert_eq!((spaced.code, references(&spaced)), (0, references(&named)), "{}", spaced.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replaced_release_named_is_still_referred_to_within_the_grace() {
    let (served, held_back, [first, second]) = behind().await;
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped);
    served.s3.forget_requests();
    let gone = first.pool_keys().find(|key| !second.files.contains_key(*key) && key.ends_with(".deb")).unwrap();
    let ran = explain(&served, gone).await;
    let found = references(&ran);
    assert!(!found.is_empty() && found.iter().all(|(release, _)| release == "replaced"), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_referred_to_by_its_release_under_each_of_its_names() {
    let (served, _, [_, second]) = behind().await;
    let index = second.suite_key("main/binary-amd64/Packages.xz");
    let digest = Digest::of(DigestAlgorithm::Sha256, &second.files[&index]);
    let by_hash = second.suite_key(&format!("main/binary-amd64/by-hash/SHA256/{digest}"));
    let in_release = second.suite_key("InRelease");
    for (key, releases) in [(&index, &["master", "live"][..]), (&by_hash, &["master"])] {
        let ran = explain(&served, key).await;
        let expected: Vec<_> = releases.iter().map(|release| ((*release).to_owned(), in_release.clone())).collect();
        assert_eq!(references(&ran), expected, "{key}: {}", ran.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_may_not_be_read_is_told() {
    let (served, _, _) = behind().await;
    served.s3.change_bucket(REGION_BUCKET, |bucket| bucket.access.signed_list = false);
    let ran = served.run_by_buckets(&["explain", SUITE]).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("AccessDenied"), "{}", ran.stderr);
}
