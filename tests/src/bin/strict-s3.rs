//! The strict S3 as a server on loopback, for anything that speaks S3.
//!
//! `strict-s3 [--port PORT] [--control] [BUCKET=REGION[,versioned][,public][,listed]]…` prints its address on one
//! line, with `--control` that of its control port (`suitecast_testing::http::Control`) on another, and serves until it is
//! stopped. Every access key is good, with the secret `test`. To anonymous readers an absent key is 404 where the bucket is
//! `listed`, and 403 where it is not.

use std::io::Write;

use suitecast_testing::{
    StrictS3,
    http::{Control, HttpServer},
    strict::BucketSettings,
};

/// What a bucket is made with.
fn bucket(argument: &str) -> Result<(String, BucketSettings), String> {
    let (name, rest) =
        argument.split_once('=').ok_or(format!("{argument}: write BUCKET=REGION[,versioned][,public][,listed]"))?;
    let mut words = rest.split(',');
    let mut settings = BucketSettings::in_region(words.next().unwrap_or_default());
    for word in words {
        settings = match word {
            "versioned" => settings.versioned_and_notifying(),
            "public" => settings.readable_except(".suitecast/"),
            "listed" => {
                settings.access.public_list = true;
                settings
            }
            _ => return Err(format!("{argument}: {word} is none of versioned, public and listed")),
        };
    }
    Ok((name.to_owned(), settings))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let s3 = StrictS3::new(jiff::Timestamp::now);
    let mut port = 0;
    let mut is_controlled = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--port" {
            port = arguments.next().ok_or("--port: which one?")?.parse()?;
        } else if argument == "--control" {
            is_controlled = true;
        } else {
            let (name, settings) = bucket(&argument)?;
            s3.create_bucket(name, settings);
        }
    }
    let server = HttpServer::start_at(s3.clone(), port).await?;
    // A line each, so that whoever started it can read the addresses.
    writeln!(std::io::stdout(), "{}", server.endpoint())?;
    let control = if is_controlled { Some(Control::start(s3, server.faults().clone()).await?) } else { None };
    if let Some(control) = &control {
        writeln!(std::io::stdout(), "{}", control.endpoint())?;
    }
    server.run().await;
    Ok(())
}
