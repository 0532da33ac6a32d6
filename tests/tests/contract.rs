//! Every engine keeps the promises that Suitecast rests on, or is known not to: see `suitecast_testing::contract`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{io::Write, sync::Arc};

use suitecast_testing::{
    ManualClock, StrictS3,
    contract::{Bench, MINISTACK, SEAWEEDFS, STRICT, STRICT_OVER_HTTP, judge, try_all},
    http::HttpServer,
    strict::BucketSettings,
};
use suitecast_tests::{
    buckets::{BucketPair, test_settings},
    servers::{Server, Tool, skip},
};

const MASTER_REGION: &str = "us-east-1";
const REGION: &str = "eu-west-1";

async fn hold_to_the_table(engine: &str, bench: &Bench) {
    let judgement = judge(engine, &try_all(bench).await);
    let _ = writeln!(std::io::stdout(), "| promise | engine | outcome |\n|---|---|---|\n{}", judgement.report);
    assert!(judgement.changes.is_empty(), "{engine} is no longer as the table says:\n{}", judgement.changes.join("\n"));
}

async fn hold_server_to_the_table(engine: &str, endpoint: &str) {
    let pair = BucketPair::make(&test_settings(endpoint), MASTER_REGION, REGION).await.unwrap();
    hold_to_the_table(engine, &pair.bench()).await;
}

#[tokio::test]
async fn the_strict_s3_keeps_every_promise() {
    let clock = ManualClock::default();
    let s3 = StrictS3::new(move || clock.now());
    s3.create_bucket("master", BucketSettings::in_region(MASTER_REGION).versioned_and_notifying());
    s3.create_bucket("region", BucketSettings::in_region(REGION));
    let (master, region) = (Arc::new(s3.bucket("master")), Arc::new(s3.bucket("region")));
    hold_to_the_table(STRICT, &Bench::new(master.clone(), region, master)).await;
}

#[tokio::test]
async fn the_s3_adapter_keeps_every_promise_over_http() {
    let server = HttpServer::start(StrictS3::new(jiff::Timestamp::now)).await.unwrap();
    let pair = BucketPair::make(&test_settings(&server.endpoint()), MASTER_REGION, REGION).await.unwrap();
    hold_to_the_table(STRICT_OVER_HTTP, &pair.bench()).await;
    pair.remove().await.expect("buckets can be emptied and removed");
}

#[tokio::test]
async fn the_local_cloud_keeps_what_the_table_says() {
    let Some(server) = Server::start(Tool::MiniStack).unwrap() else {
        return skip("contract on the local cloud", Tool::MiniStack);
    };
    hold_server_to_the_table(MINISTACK, server.endpoint()).await;
}

#[tokio::test]
async fn a_real_server_keeps_what_the_table_says() {
    let Some(server) = Server::start(Tool::SeaweedFs).unwrap() else {
        return skip("contract on SeaweedFS", Tool::SeaweedFs);
    };
    hold_server_to_the_table(SEAWEEDFS, server.endpoint()).await;
}
