//! `suitecast verify` finds each kind of harm, and none where there is none: the program itself, against the strict S3 with
//! an operator's rights, and over HTTP as apt asks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "names in an archive are keys")]

#[allow(dead_code, reason = "what the tests of push take of it besides")]
#[path = "push/proxies.rs"]
mod proxies;
mod served;

use std::path::PathBuf;

use served::{MASTER, REGION_BUCKET, Ran, Served};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_testing::archive_maker::{ArchiveKey, ArchiveMaker, ByHash, Generation};
use suitecast_testing::http::SECRET_ACCESS_KEY;
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SEED: u64 = 11;

fn maker() -> ArchiveMaker {
    ArchiveMaker::new(SEED)
}

/// A Region with an archive in it that nobody harmed yet.
async fn region() -> (Served, Generation) {
    let served = Served::start().await;
    let archive = maker().generation(1).unwrap();
    served.put(REGION_BUCKET, &archive);
    (served, archive)
}

/// A file with the public key of this seed.
fn keyring(seed: u64) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("verify-{seed}-{}.asc", std::process::id()));
    std::fs::write(&path, ArchiveKey::from_seed(seed).unwrap().public_armoured().unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The two ways to the Region's archive: as an operator, and as apt.
fn ways(served: &Served) -> [Vec<String>; 2] {
    let way = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    [
        way(&["verify", &format!("s3://{REGION_BUCKET}"), "--json"]),
        way(&["verify", &served.http(REGION_BUCKET), "--suite", "stable", "--json"]),
    ]
}

async fn verify(served: &Served, way: &[String], more: &[&str]) -> Ran {
    let words: Vec<&str> = way.iter().map(String::as_str).chain(more.iter().copied()).collect();
    served.run(&words).await
}

/// The problems that a run told: kind and key.
fn problems(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let told = ran.json().into_iter().filter(|line| line.get("problem").is_some());
    told.map(|line| (text(&line["problem"]), text(&line["key"]))).collect()
}

/// After this harm, both ways tell exactly this problem, and end with 1.
async fn is_found(served: &Served, kind: &str, key: &str, more: &[&str]) {
    for way in ways(served) {
        let ran = verify(served, &way, more).await;
        assert_eq!(problems(&ran), [(kind.to_owned(), key.to_owned())], "{way:?}: {}", ran.said());
        assert_eq!(ran.code, 1, "{way:?}: {}", ran.said());
        assert_eq!(ran.result()["outcome"], "wrong");
    }
}

fn a_package(archive: &Generation) -> String {
    archive.pool_keys().find(|key| key.ends_with(".deb") && key.contains('+')).expect("a name with a plus").to_owned()
}

fn by_hash_of(archive: &Generation, index: &str) -> String {
    let bytes = &archive.files[&archive.suite_key(index)];
    let directory = index.rsplit_once('/').unwrap().0;
    let digest = Digest::of(DigestAlgorithm::Sha256, bytes);
    archive.suite_key(&format!("{directory}/by-hash/SHA256/{digest}"))
}

/// The same length, other bytes.
fn spoilt(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}

const INDEX: &str = "main/binary-amd64/Packages.xz";

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_archive_is_found_whole_from_both_sides() {
    let (served, archive) = region().await;
    let keys = keyring(SEED);
    for way in ways(&served) {
        let ran = verify(&served, &way, &["--keyring", &keys, "--deep"]).await;
        assert_eq!((ran.code, problems(&ran)), (0, Vec::new()), "{way:?}: {}", ran.said());
        let result = ran.result();
        assert_eq!((result["outcome"].as_str(), result["signatures"].as_str()), (Some("whole"), Some("verified")));
        assert_eq!(result["files_checked"], archive.pool_keys().count(), "every pool file is looked at");
        assert!(result["indices"].as_u64().unwrap() > 10, "{result}");
    }
    assert_eq!(served.s3.count(|request| request.operation.is_write()).requests, 0, "a reader writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_it_says_that_nothing_was_verified() {
    let (served, _) = region().await;
    let ran = served.run(&["verify", &format!("s3://{REGION_BUCKET}")]).await;
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stdout.contains("no signature was verified"), "{}", ran.stdout);
    assert!(ran.stdout.contains("nothing is wrong"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_package_is_found_and_the_index_that_names_it_is_told() {
    let (served, archive) = region().await;
    let package = a_package(&archive);
    served.s3.uproot(REGION_BUCKET, &package).unwrap();
    is_found(&served, "missing", &package, &[]).await;
    let ran = served.run(&["verify", &format!("s3://{REGION_BUCKET}")]).await;
    assert!(ran.stdout.contains(&format!("{package}: missing (named by dists/stable/")), "{}", ran.stdout);
}

/// S3 takes a `+` in a path for a space.
#[tokio::test(flavor = "multi_thread")]
async fn second_keys_are_asked_for_where_they_are_wanted() {
    let (served, archive) = region().await;
    for key in archive.pool_keys().filter(|key| key.contains('+')) {
        served.s3.plant(REGION_BUCKET, &key.replace('+', " "), archive.files[key].clone()).unwrap();
    }
    let with_plus = archive.pool_keys().filter(|key| key.contains('+')).count();
    for way in ways(&served) {
        let ran = verify(&served, &way, &["--second-keys"]).await;
        assert_eq!((ran.code, problems(&ran)), (0, Vec::new()), "{way:?}: {}", ran.said());
        assert_eq!(ran.result()["files_checked"], archive.pool_keys().count() + with_plus);
    }
    let spaced = a_package(&archive).replace('+', " ");
    served.s3.uproot(REGION_BUCKET, &spaced).unwrap();
    is_found(&served, "missing", &spaced, &["--second-keys"]).await;
    for way in ways(&served) {
        assert_eq!(verify(&served, &way, &[]).await.code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_another_size_is_found() {
    let (served, archive) = region().await;
    let package = a_package(&archive);
    served.s3.plant(REGION_BUCKET, &package, "cut").unwrap();
    is_found(&served, "size", &package, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_the_same_size_and_other_bytes_is_found_by_reading() {
    let (served, archive) = region().await;
    let package = a_package(&archive);
    served.s3.plant(REGION_BUCKET, &package, spoilt(&archive.files[&package])).unwrap();
    is_found(&served, "digest", &package, &["--deep"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_spoilt_under_its_name_by_hash_is_found_and_the_rest_is_still_walked() {
    let (served, archive) = region().await;
    let (by_hash, package) = (by_hash_of(&archive, INDEX), a_package(&archive));
    served.s3.plant(REGION_BUCKET, &by_hash, spoilt(&archive.files[&archive.suite_key(INDEX)])).unwrap();
    is_found(&served, "digest", &by_hash, &[]).await;
    served.s3.uproot(REGION_BUCKET, &by_hash).unwrap();
    is_found(&served, "missing", &by_hash, &[]).await;
    served.s3.uproot(REGION_BUCKET, &package).unwrap();
    let ran = verify(&served, &ways(&served)[0], &[]).await;
    assert_eq!(problems(&ran), [("missing".into(), by_hash), ("missing".into(), package)], "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_name_of_another_generation_is_found() {
    let (served, archive) = region().await;
    let second = maker().generation(2).unwrap();
    let plain = archive.suite_key(INDEX);
    served.s3.plant(REGION_BUCKET, &plain, second.files[&plain].clone()).unwrap();
    for way in ways(&served) {
        let ran = verify(&served, &way, &[]).await;
        let [(kind, key)] = &problems(&ran)[..] else { panic!("one problem: {}", ran.said()) };
        assert!(matches!(kind.as_str(), "size" | "digest"), "{kind}");
        assert_eq!((key, ran.code), (&plain, 1));
    }
    served.s3.plant(REGION_BUCKET, &plain, spoilt(&archive.files[&plain])).unwrap();
    is_found(&served, "digest", &plain, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_somebody_else_signed_is_found() {
    let (served, archive) = region().await;
    let (ours, theirs) = (keyring(SEED), keyring(SEED + 1));
    for way in ways(&served) {
        let ran = verify(&served, &way, &["--keyring", &theirs]).await;
        let found = problems(&ran);
        assert_eq!(found.len(), 2, "InRelease and Release.gpg: {}", ran.said());
        assert!(found.iter().all(|(kind, _)| kind == "signature"), "{found:?}");
        assert_eq!((ran.code, ran.result()["signatures"].as_str()), (1, Some("rejected")));
    }
    // A signature of the next release beside this one is told even by whoever has no keys.
    let gpg = archive.suite_key("Release.gpg");
    served.s3.plant(REGION_BUCKET, &gpg, maker().generation(2).unwrap().files[&gpg].clone()).unwrap();
    is_found(&served, "mixed", &gpg, &[]).await;
    let ran = verify(&served, &ways(&served)[0], &["--keyring", &ours]).await;
    assert_eq!(problems(&ran), [("mixed".into(), gpg.clone()), ("signature".into(), gpg)], "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn release_files_of_two_generations_are_found() {
    let (served, archive) = region().await;
    let release = archive.suite_key("Release");
    let second = maker().generation(2).unwrap();
    served.s3.plant(REGION_BUCKET, &release, second.files[&release].clone()).unwrap();
    is_found(&served, "mixed", &release, &[]).await;
    let in_release = archive.suite_key("InRelease");
    served.s3.plant(REGION_BUCKET, &in_release, "Suite: stable\n").unwrap();
    for way in ways(&served) {
        let ran = verify(&served, &way, &[]).await;
        assert_eq!((problems(&ran), ran.code), (vec![("malformed".into(), in_release.clone())], 1), "{}", ran.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_past_its_valid_until_is_found() {
    let served = Served::start().await;
    let archive = maker().valid_for(jiff::SignedDuration::from_hours(1)).generation(1).unwrap();
    served.put(REGION_BUCKET, &archive);
    is_found(&served, "expired", &archive.suite_key("InRelease"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_was_named_and_is_not_there_is_wrong() {
    let (served, _) = region().await;
    let bucket = format!("s3://{REGION_BUCKET}");
    for target in [bucket.as_str(), &served.http(REGION_BUCKET)] {
        let ran = served.run(&["verify", target, "--suite", "oldstable", "--json"]).await;
        assert_eq!(problems(&ran), [("missing".into(), "dists/oldstable/InRelease".into())], "{}", ran.said());
        assert_eq!(ran.code, 1);
    }
    let ran = served.run(&["verify", &format!("s3://{MASTER}")]).await;
    assert_eq!(ran.code, 1, "{}", ran.said());
    assert!(ran.stderr.contains("no suite"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_drawn_by_a_seed_that_is_printed_and_draws_the_same_again() {
    let (served, _) = region().await;
    let bucket = format!("s3://{REGION_BUCKET}");
    let looked_at = |served: &Served| {
        let heads = served.s3.requests().into_iter();
        let pool =
            heads.filter(|request| request.operation == S3Operation::HeadObject && request.key.starts_with("pool/"));
        let mut keys: Vec<String> = pool.map(|request| request.key).collect();
        keys.sort();
        keys
    };
    served.s3.forget_requests();
    let ran = served.run(&["verify", &bucket, "--sample", "5", "--json"]).await;
    assert_eq!((ran.code, ran.result()["files_checked"].as_u64()), (0, Some(5)), "{}", ran.said());
    let first = looked_at(&served);
    assert_eq!(first.len(), 5);
    let seed = ran.result()["seed"].to_string();
    served.s3.forget_requests();
    let again = served.run(&["verify", &bucket, "--sample", "5", "--seed", &seed]).await;
    assert_eq!(looked_at(&served), first, "{}", again.said());
    assert!(again.stdout.contains(&format!("--seed {seed}")), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_of_every_layout_are_walked() {
    let served = Served::start().await;
    let deep = maker().in_directory("debian").suite("bookworm/updates").by_hash(ByHash::None).generation(1).unwrap();
    served.put(REGION_BUCKET, &deep);
    let bucket = format!("s3://{REGION_BUCKET}/debian");
    let ran = served.run(&["verify", &bucket, "--json"]).await;
    assert_eq!(
        (ran.code, ran.json()[0]["suite"].as_str()),
        (0, Some("debian/dists/bookworm/updates")),
        "{}",
        ran.said()
    );
    let address = format!("{}/debian/", served.http(REGION_BUCKET));
    let ran = served.run(&["verify", &address, "--suite", "bookworm/updates", "--json"]).await;
    assert_eq!((ran.code, ran.json()[0]["suite"].as_str()), (0, Some("dists/bookworm/updates")), "{}", ran.said());
    let both = maker().by_hash(ByHash::Sha256AndSha512).generation(1).unwrap();
    served.put(MASTER, &both);
    let ran = served.run(&["verify", &format!("s3://{MASTER}"), "--suite", "dists/stable"]).await;
    assert_eq!(ran.code, 0, "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lists_what_it_does_not_ship_is_whole_for_who_is_relaxed_unless_something_else_is_there() {
    let served = Served::start().await;
    let archive = maker().contents(true).generation(1).unwrap();
    served.put(REGION_BUCKET, &archive);
    let bucket = format!("s3://{REGION_BUCKET}");
    let is_dispensable = |key: &String| key.contains("Contents-") || key.ends_with("/Packages.gz");
    for key in archive.files.keys().filter(|key| is_dispensable(key)) {
        served.s3.uproot(REGION_BUCKET, key).unwrap();
        served.s3.uproot(REGION_BUCKET, &by_hash_of(&archive, key.strip_prefix("dists/stable/").unwrap())).unwrap();
    }
    let strict = served.run(&["verify", &bucket]).await;
    assert_eq!(strict.code, 1, "{}", strict.said());
    let relaxed = served.run(&["verify", &bucket, "--relaxed"]).await;
    assert_eq!(relaxed.code, 0, "{}", relaxed.said());
    // apt asks for what is listed, and does not go on to another form where it gets something else.
    let contents = archive.suite_key("main/Contents-amd64.gz");
    for key in [archive.suite_key("main/binary-amd64/Packages.gz"), contents] {
        served.s3.plant(REGION_BUCKET, &key, "of another generation").unwrap();
        let ran = served.run(&["verify", &bucket, "--relaxed", "--json"]).await;
        assert_eq!((problems(&ran), ran.code), (vec![("size".into(), key.clone())], 1), "{}", ran.said());
        served.s3.uproot(REGION_BUCKET, &key).unwrap();
    }
    let xz = archive.suite_key(INDEX);
    served.s3.uproot(REGION_BUCKET, &xz).unwrap();
    served.s3.uproot(REGION_BUCKET, &by_hash_of(&archive, INDEX)).unwrap();
    let ran = served.run(&["verify", &bucket, "--relaxed", "--json"]).await;
    assert!(problems(&ran).contains(&("missing".into(), xz)), "no form is left: {}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flat_archive_is_walked_from_its_own_root() {
    let served = Served::start().await;
    let package = b"not much of a package";
    let digest = |bytes: &[u8]| Digest::of(DigestAlgorithm::Sha256, bytes);
    let index = format!(
        "Package: a\nVersion: 1\nArchitecture: all\nFilename: ./a_1_all.deb\nSize: {}\nSHA256: {}\n",
        package.len(),
        digest(package)
    );
    let release = format!(
        "Date: Mon, 23 Nov 2025 00:00:00 UTC\nSHA256:\n {} {} Packages\n",
        digest(index.as_bytes()),
        index.len()
    );
    for (name, bytes) in [("Release", release.into_bytes()), ("Packages", index.into_bytes())] {
        served.s3.plant(REGION_BUCKET, &format!("flat/{name}"), bytes).unwrap();
    }
    let (bucket, address) = (format!("s3://{REGION_BUCKET}/flat"), format!("{}/flat/", served.http(REGION_BUCKET)));
    for target in [&bucket, &address] {
        let ran = served.run(&["verify", target, "--flat", "--json"]).await;
        let found = problems(&ran);
        assert!(
            matches!(&found[..], [(kind, key)] if kind == "missing" && key.ends_with("a_1_all.deb")),
            "{}",
            ran.said()
        );
    }
    served.s3.plant(REGION_BUCKET, "flat/a_1_all.deb", &package[..]).unwrap();
    for target in [&bucket, &address] {
        let ran = served.run(&["verify", target, "--flat", "--deep"]).await;
        assert_eq!(ran.code, 0, "{}", ran.said());
        assert!(ran.stdout.contains("1 of 1 files read"), "{}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_looked_at_is_not_called_wrong_and_ends_otherwise() {
    let (served, archive) = region().await;
    let package = a_package(&archive);
    let rule =
        TroubleRule::once(Trouble::SlowDown).on(S3Operation::HeadObject).at(REGION_BUCKET, &package).times(1_000, 0);
    served.s3.trouble(rule);
    let ran = served.run(&["verify", &format!("s3://{REGION_BUCKET}"), "--json"]).await;
    assert_eq!((problems(&ran), ran.code), (vec![("unread".into(), package)], 3), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_on_the_way_are_not_called_harm() {
    let (served, _) = region().await;
    // While indices are read, and while the sizes of packages are asked for.
    for word in ["GET /eu-west-1.archive.example.com/dists/stable/main/", "HEAD /eu-west-1.archive.example.com/pool/"] {
        let address = served.server.endpoint().trim_start_matches("http://").to_owned();
        let endpoint = proxies::expiring_at(address, word);
        let variables = [("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY), ("AWS_ENDPOINT_URL", endpoint.as_str())];
        let ran = served.run_with(&["verify", &format!("s3://{REGION_BUCKET}")], &variables).await;
        assert_eq!(ran.code, 4, "{word}: {}", ran.said());
        assert!(ran.stdout.contains("the credentials expired on the way"), "{word}: {}", ran.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_no_suite_is_of_verifies_nothing_and_says_so() {
    let (served, _) = region().await;
    let bucket = format!("s3://{REGION_BUCKET}");
    assert_eq!(served.run(&["verify", &bucket, "--suite", "sta*"]).await.code, 0);
    let ran = served.run(&["verify", &bucket, "--suite", "sta*", "--suite", "old*"]).await;
    assert_eq!(ran.code, 1, "{}", ran.said());
    assert!(ran.stderr.contains("of the form old*"), "{}", ran.stderr);
    let ran = served.run(&["verify", &served.http(REGION_BUCKET), "--suite", "*"]).await;
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert!(ran.stderr.contains("cannot be listed over HTTP"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_cannot_be_read_are_told_with_what_to_do() {
    let (served, _) = region().await;
    let ran = served.run(&["verify", "s3://nobody-has-this-bucket"]).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("no such bucket"), "{}", ran.stderr);
    let denied = [("AWS_SECRET_ACCESS_KEY", "not the secret")];
    let ran = served.run_with(&["verify", &format!("s3://{REGION_BUCKET}")], &denied).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    let ran = served.run_with(&["verify", &format!("s3://{REGION_BUCKET}")], &[("AWS_ACCESS_KEY_ID", "")]).await;
    assert_eq!(ran.code, 4, "without credentials: {}", ran.said());
    assert!(ran.stderr.contains("no credentials"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_and_a_server_that_is_busy_is_asked_again() {
    let (served, _) = region().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let archive = served.http(REGION_BUCKET);
    // Each path is first answered 503 and then where it is.
    let stub = tokio::spawn(async move {
        let mut asked = std::collections::HashSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let line = String::from_utf8(head).unwrap();
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let answer = if asked.insert(path.clone()) {
                "503 Service Unavailable\r\n".to_owned()
            } else {
                format!("302 Found\r\nLocation: {archive}{path}\r\n")
            };
            let answer = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let ran = served.run(&["verify", &address, "--suite", "stable", "--sample", "3", "--json"]).await;
    assert_eq!((ran.code, ran.result()["outcome"].as_str()), (0, Some("whole")), "{}", ran.said());
    stub.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apt_may_not_read_is_denied() {
    let (served, archive) = region().await;
    // Whoever may not list is answered 403 for what is absent.
    served.s3.change_bucket(REGION_BUCKET, |bucket| bucket.access.public_list = false);
    let package = a_package(&archive);
    served.s3.uproot(REGION_BUCKET, &package).unwrap();
    let ran = served.run(&["verify", &served.http(REGION_BUCKET), "--suite", "stable", "--json"]).await;
    assert_eq!((problems(&ran), ran.code), (vec![("denied".into(), package)], 1), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_understood_says_why() {
    let (served, _) = region().await;
    let address = served.http(REGION_BUCKET);
    for (arguments, word) in [
        (vec!["verify", "archive.example.com"], "http://"),
        (vec!["verify", "s3://B"], "bucket"),
        (vec!["verify", &address], "--suite"),
        (vec!["verify", &address, "--suite", "stable", "--seed", "1"], "--sample"),
        (vec!["verify", &address, "--suite", "stable", "--keyring", "/nowhere"], "/nowhere"),
    ] {
        let ran = served.run(&arguments).await;
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.said());
        assert!(ran.stderr.contains(word), "{arguments:?}: {}", ran.stderr);
    }
}
