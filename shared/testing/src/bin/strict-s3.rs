//! The strict S3 as a server on loopback, for anything that speaks S3.
//!
//! `strict-s3 [--port PORT] [BUCKET=REGION[,versioned][,public]]…` prints its address on one line and serves until it is
//! stopped. Every access key is good, with the secret `test`.

use std::io::Write;

use suitecast_testing::{StrictS3, http::HttpServer, strict::BucketSettings};

/// What a bucket is made with.
fn bucket(argument: &str) -> Result<(String, BucketSettings), String> {
    let (name, rest) =
        argument.split_once('=').ok_or(format!("{argument}: write BUCKET=REGION[,versioned][,public]"))?;
    let mut words = rest.split(',');
    let mut settings = BucketSettings::in_region(words.next().unwrap_or_default());
    for word in words {
        settings = match word {
            "versioned" => settings.versioned_and_notifying(),
            "public" => settings.readable_except(".suitecast/"),
            _ => return Err(format!("{argument}: {word} is neither versioned nor public")),
        };
    }
    Ok((name.to_owned(), settings))
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "a server of its own, whose clock is the machine's")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let s3 = StrictS3::new(jiff::Timestamp::now);
    let mut port = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--port" {
            port = arguments.next().ok_or("--port: which one?")?.parse()?;
        } else {
            let (name, settings) = bucket(&argument)?;
            s3.create_bucket(name, settings);
        }
    }
    let server = HttpServer::start_at(s3, port).await?;
    // One line, so that whoever started it can read the address.
    writeln!(std::io::stdout(), "{}", server.endpoint())?;
    server.run().await;
    Ok(())
}
