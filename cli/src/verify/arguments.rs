//! What `suitecast verify` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::reader::HttpAddress;
use crate::s3url::S3Url;

/// Objects looked at side by side where nobody says otherwise: enough that the way there and back does not count, few
/// enough for any web server.
const CONCURRENCY: &str = "32";

/// `suitecast verify`
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
#[command(after_help = "\
Walks each suite as apt does: the release, its signature, every index under every name that clients ask for, and every file \
that the indices name, with its size. Ends with 1 if anything is wrong, and with 3 if something could not be looked at and the \
rest is right.")]
pub struct VerifyArguments {
    /// `s3://BUCKET[/PREFIX]`, or `http://HOST[/PATH]` as in apt's `URIs`
    pub target: Target,
    /// A suite: `bookworm`, `dists/bookworm`, or of a bucket a pattern; may be given several times. Of a bucket all suites
    /// are found where none is given; over HTTP they must be named
    #[arg(long = "suite", value_name = "SUITE")]
    pub suites: Vec<String>,
    /// A flat archive: the release files stand at the address itself
    #[arg(long, conflicts_with = "suites")]
    pub flat: bool,
    /// Public keys, armoured or binary. Without it no signature is verified, and the report says so
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<PathBuf>,
    /// Read every file and compare its digests, not just its size
    #[arg(long)]
    pub deep: bool,
    /// Of the files that the indices name look at N, drawn by the seed
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// The seed of the sample; a new one is drawn and printed where none is given
    #[arg(long, requires = "sample", value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Only these components, with commas between them
    #[arg(long, value_name = "NAMES", default_value = "*")]
    pub components: String,
    /// Only these architectures, with commas between them
    #[arg(long, value_name = "NAMES", default_value = "*")]
    pub architectures: String,
    /// For an archive that lists what it does not ship: of each index one form under one name is enough, and what apt can do
    /// without may be absent. What is there has to be right all the same
    #[arg(long)]
    pub relaxed: bool,
    /// Ask for every file under its second keys as well: with a space for each `+` in its name, and with the `./` that a flat
    /// archive's index may write before it. A bucket of a Region has them unless its stack says otherwise
    #[arg(long)]
    pub second_keys: bool,
    /// Objects looked at side by side
    #[arg(long, value_name = "N", default_value = CONCURRENCY)]
    pub concurrency: NonZeroUsize,
}

/// What is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A bucket, with the caller's rights.
    Bucket(S3Url),
    /// Whatever a web server serves.
    Http(HttpAddress),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text_of = |error: &dyn std::error::Error| suitecast_mirror::with_causes(error);
        if text.starts_with("s3:") {
            return text.parse().map(Self::Bucket).map_err(|error| text_of(&error));
        }
        text.parse().map(Self::Http).map_err(|error| text_of(&error))
    }
}
