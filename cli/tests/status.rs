//! `suitecast status`: what it says of a Region is what the Region serves, and a watch ends when everything is live.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use served::{MASTER, REGION, REGION_BUCKET, Served, generations};
use suitecast_engine::Outcome;
use suitecast_testing::archive_maker::{ArchiveMaker, Generation};
use suitecast_testing::http::FaultPlan;
use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SUITE: &str = "dists/stable";

/// A Region that serves the first generation and waits for one package of the second, whose key is given back.
async fn waiting() -> (Served, String, [Generation; 2]) {
    let [first, second] = generations(21);
    let (served, held_back) = Served::holding_back(SUITE, &first, &second).await;
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Waiting);
    (served, held_back, [first, second])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_serves_what_the_master_holds_is_live() {
    let served = Served::start().await;
    let [first, _] = generations(21);
    served.put(MASTER, &first);
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    assert_eq!(
        (ran.code, &ran.result()["suites"][0]["regions"][0]["standing"]),
        (0, &"behind".into()),
        "{}",
        ran.said()
    );
    served.publish(SUITE).await;
    served.s3.forget_requests();
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    let result = ran.result();
    assert_eq!((ran.code, &result["live_everywhere"]), (0, &true.into()), "{}", ran.said());
    let suite = &result["suites"][0];
    assert_eq!((&suite["suite"], &suite["regions"][0]["standing"]), (&SUITE.into(), &"live".into()));
    assert_eq!(suite["master_date"], suite["regions"][0]["served_date"]);
    assert_eq!(served.s3.count(|request| request.operation.is_write()).requests, 0, "status writes nothing");
    let ran = served.run_by_buckets(&["status", "--watch", "--timeout", "30"]).await;
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stdout.contains("every Region serves what the master holds"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_waits_says_for_how_many_objects_since_when_and_by_how_much_it_lags() {
    let (served, _, _) = waiting().await;
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    let region = ran.result()["suites"][0]["regions"][0].clone();
    assert_eq!(region["standing"], "waiting", "{}", ran.said());
    assert_eq!((&region["waiting_count"], &region["lag_seconds"]), (&1.into(), &86_400.into()), "{region}");
    assert!(region["waiting_since"].is_string(), "{region}");
    let ran = served.run_by_buckets(&["status"]).await;
    for words in ["waiting", "for 1 object(s)", "lag 1 d 0 h", "SUITE", REGION] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\x1b'), "nobody looks at a terminal: {:?}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_breaks_a_rule_is_refused_and_not_merely_behind() {
    let (served, held_back, [_, second]) = waiting().await;
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    let release = second.suite_key("InRelease");
    served.s3.plant(MASTER, &release, "no release").unwrap();
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Refused);
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    let region = ran.result()["suites"][0]["regions"][0].clone();
    assert_eq!((ran.code, &region["standing"]), (0, &"refused".into()), "{}", ran.said());
    assert!(region["rule"].as_str().unwrap().starts_with("InRelease: "), "{region}");
    let ran = served.run_by_buckets(&["status"]).await;
    assert!(ran.stdout.contains(&format!("{SUITE} is refused by {REGION}: InRelease: ")), "{}", ran.stdout);
    // Mended, it is forgotten.
    served.s3.plant(MASTER, &release, second.files[&release].clone()).unwrap();
    assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped);
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    let region = ran.result()["suites"][0]["regions"][0].clone();
    assert_eq!((&region["standing"], &region["rule"]), (&"live".into(), &serde_json::Value::Null), "{region}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_sees_no_end_ends_with_1_when_the_time_is_over() {
    let (served, _, _) = waiting().await;
    let ran = served.run_by_buckets(&["status", "--watch", "--timeout", "1", "--interval", "1", "--json"]).await;
    assert_eq!(ran.code, 1, "{}", ran.said());
    assert_eq!(ran.json()[0]["live_everywhere"], false);
    assert!(ran.stderr.contains("suitecast explain"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_as_soon_as_the_last_region_has_swapped() {
    let (served, held_back, [_, second]) = waiting().await;
    served.s3.forget_requests();
    let watch = served.run_by_buckets(&["status", "--watch", "--timeout", "60", "--interval", "1"]);
    let upload = async {
        // Once it has looked: the state is read before anything of the suite.
        let has_looked = || served.s3.count(|request| request.key.ends_with("Release.gpg")).requests >= 2;
        while !has_looked() {
            tokio::task::yield_now().await;
        }
        served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
        assert_eq!(served.publish(SUITE).await.outcome, Outcome::Swapped);
    };
    let (ran, ()) = tokio::join!(watch, upload);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let (waits, lives) = (ran.stdout.find("waiting"), ran.stdout.find("live"));
    assert!(waits.is_some() && waits < lives, "it showed both: {}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_passes_does_not_end_a_watch() {
    let (served, held_back, [_, second]) = waiting().await;
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    served.publish(SUITE).await;
    // More failures than one look has attempts for its listing.
    served
        .s3
        .trouble(TroubleRule::once(Trouble::InternalError).on(S3Operation::ListObjectsV2).at(MASTER, "").times(9, 0));
    let ran = served.run_by_buckets(&["status", "--watch", "--timeout", "90", "--interval", "1"]).await;
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(!ran.stderr.is_empty(), "what failed was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_cannot_be_opened_at_first_does_not_end_a_watch() {
    let (served, held_back, [_, second]) = waiting().await;
    served.s3.plant(MASTER, &held_back, second.files[&held_back].clone()).unwrap();
    served.publish(SUITE).await;
    let faults = served.server.faults();
    faults.set(FaultPlan { seed: 1, percent: 1, hang_percent: 0, stubborn_percent: 100 });
    let watch = served.run_by_buckets(&["status", "--watch", "--timeout", "90", "--interval", "1"]);
    let outage = async {
        // More refusals than there are attempts at finding out where one bucket lies: the first look could open nothing.
        while faults.counts()["signed_requests"].as_u64().unwrap() < 12 {
            tokio::task::yield_now().await;
        }
        faults.set(FaultPlan::default());
    };
    let (ran, ()) = tokio::join!(watch, outage);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("not known"), "what failed was told: {}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_vanished_from_the_master_is_told_and_not_waited_for() {
    let served = Served::start().await;
    let [first, _] = generations(21);
    served.put(MASTER, &first);
    served.put(MASTER, &ArchiveMaker::new(22).suite("testing").generation(1).unwrap());
    served.publish(SUITE).await;
    served.publish("dists/testing").await;
    for file in ["InRelease", "Release", "Release.gpg"] {
        served.s3.uproot(MASTER, &first.suite_key(file)).unwrap();
    }
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    let result = ran.result();
    assert_eq!(result["suites"][0]["regions"][0]["standing"], "withdrawn", "{}", ran.said());
    assert_eq!(result["live_everywhere"], true);
    let ran = served.run_by_buckets(&["status", "--suite", "testing", "--json"]).await;
    assert_eq!(ran.result()["suites"].as_array().unwrap().len(), 1, "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_not_there_is_told_with_1() {
    let (served, _, _) = waiting().await;
    let ran = served.run_by_buckets(&["status", "--suite", "nosuch"]).await;
    assert_eq!(ran.code, 1, "{}", ran.said());
    assert!(ran.stderr.contains("called nosuch"), "{}", ran.said());
    let ran = served.run_by_buckets(&["status", "--suite", "stable", "--suite", "stabel"]).await;
    assert_eq!(ran.code, 1, "{}", ran.said());
    assert!(ran.stdout.contains("waiting") && ran.stderr.contains("called stabel"), "{}", ran.said());
    let ran = served.run_by_buckets(&["status", "--suite", "sta*"]).await;
    assert_eq!(ran.code, 0, "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_is_told_with_the_right_code() {
    let (served, _, _) = waiting().await;
    let region = format!("{REGION}={REGION_BUCKET}");
    let ran = served.run(&["status", "--master", "nobody-has-this", "--region", &region]).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("nobody-has-this") && ran.stderr.contains("no such bucket"), "{}", ran.stderr);
    served.s3.change_bucket(REGION_BUCKET, |bucket| bucket.access.denied_prefixes.push("dists/".to_owned()));
    let ran = served.run_by_buckets(&["status"]).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("AccessDenied"), "{}", ran.stderr);
    let ran = served.run(&["status"]).await;
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert!(ran.stderr.contains("--region"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_region_that_cannot_be_looked_at_does_not_hide_the_others() {
    let (served, _, _) = waiting().await;
    let (good, absent) = (format!("{REGION}={REGION_BUCKET}"), "us-west-2=nobody-has-this");
    let words = ["status", "--master", MASTER, "--region", &good, "--region", absent];
    let ran = served.run(&[&words[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    let result = ran.result();
    let standings: Vec<&serde_json::Value> =
        result["suites"][0]["regions"].as_array().unwrap().iter().map(|region| &region["standing"]).collect();
    assert_eq!(standings, ["waiting", "unknown"], "{result}");
    assert!(result["regions"][1]["not_known"][0]["reason"].as_str().unwrap().contains("no such bucket"), "{result}");
    assert_eq!(result["live_everywhere"], false);
    let ran = served.run(&words).await;
    assert!(ran.stdout.contains("waiting") && ran.stdout.contains("not known"), "{}", ran.said());
    assert!(ran.stderr.contains("us-west-2: not known:"), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_release_file_that_cannot_be_read_does_not_hide_the_other_suites() {
    let (served, _, _) = waiting().await;
    served.put(MASTER, &ArchiveMaker::new(22).suite("testing").generation(1).unwrap());
    served.s3.change_bucket(REGION_BUCKET, |bucket| bucket.access.denied_prefixes.push("dists/testing/".to_owned()));
    let ran = served.run_by_buckets(&["status", "--json"]).await;
    assert_eq!(ran.code, 4, "{}", ran.said());
    let result = ran.result();
    let standing = |suite: usize| &result["suites"][suite]["regions"][0]["standing"];
    assert_eq!((standing(0), standing(1)), (&"waiting".into(), &"unknown".into()), "{result}");
    let not_known = &result["regions"][0]["not_known"][0];
    assert_eq!(not_known["suite"], "dists/testing", "{result}");
}

/// A server to which every credential is past its time, and its address.
async fn expired() -> (tokio::task::JoinHandle<()>, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let error =
                    "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
                // S3's errors stand alone, those of CloudFormation in an envelope.
                let (status, body) = match head.first() {
                    Some(b'P') => ("403 Forbidden", format!("<ErrorResponse>{error}</ErrorResponse>")),
                    _ => ("400 Bad Request", error.to_owned()),
                };
                let length = body.len();
                let body = if head.first() == Some(&b'H') { String::new() } else { body };
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (server, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_told_whatever_is_asked() {
    let (stub, address) = expired().await;
    let served = Served::start().await;
    let there = [("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_ENDPOINT_URL", address.as_str())];
    let buckets = Served::by_buckets(&["status"]);
    for words in [buckets.iter().map(String::as_str).collect(), vec!["status", "--region", REGION]] {
        let ran = served.run_with(&words, &there).await;
        assert_eq!(ran.code, 4, "{words:?}: {}", ran.said());
        assert!(ran.stderr.contains("expired: get new ones"), "{words:?}: {}", ran.stderr);
    }
    stub.abort();
}
