//! The storage contract against any S3 server.
//!
//! `contract --endpoint URL [--engine NAME]` makes two buckets under fresh names, tries every promise, prints what became of
//! each, and removes the buckets. Keys and region come from the usual environment variables (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`). With the name of an engine of the table, what is known of it counts; without, every
//! promise must hold. It ends with 1 where something differs.

use std::{io::Write, process::ExitCode};

use aws_config::BehaviorVersion;
use suitecast_testing::contract::{ENGINES, judge, try_all};
use suitecast_tests::buckets::BucketPair;

/// The name under which an engine without a row in the table is shown.
const UNKNOWN_ENGINE: &str = "this server";
/// Where buckets are made unless the environment says otherwise.
const DEFAULT_REGION: &str = "us-east-1";

struct Arguments {
    endpoint: String,
    engine: String,
}

fn arguments() -> Result<Arguments, String> {
    let usage = format!("usage: contract --endpoint URL [--engine {}]", ENGINES.join("|"));
    let mut given = std::env::args().skip(1);
    let (mut endpoint, mut engine) = (None, UNKNOWN_ENGINE.to_owned());
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| usage.clone())?;
        match name.as_str() {
            "--endpoint" => endpoint = Some(value),
            "--engine" if ENGINES.contains(&value.as_str()) => engine = value,
            _ => return Err(usage),
        }
    }
    Ok(Arguments { endpoint: endpoint.ok_or(usage)?, engine })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Arguments { endpoint, engine } = arguments()?;
    let shared = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).load().await;
    let region = shared.region().map_or(DEFAULT_REGION, aws_config::Region::as_ref).to_owned();
    let pair = BucketPair::make(&shared, &region, &region).await?;
    let findings = try_all(&pair.bench()).await;
    let removed = pair.remove().await;
    let judgement = judge(&engine, &findings);
    let mut out = std::io::stdout();
    write!(out, "| promise | engine | outcome |\n|---|---|---|\n{}", judgement.report)?;
    for change in &judgement.changes {
        writeln!(out, "{change}")?;
    }
    removed?;
    Ok(if judgement.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
