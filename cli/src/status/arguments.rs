//! What `suitecast status` takes.

use clap::Args;

use crate::regions::RegionsArguments;

/// `suitecast status`
#[derive(Debug, Args)]
#[command(after_help = "\
What a Region serves is read from its bucket, as clients do; what it waits for is what publish remembers of the suite. \
--watch ends with 0 as soon as every Region serves what the master holds, and with 1 when the time is over.")]
pub struct StatusArguments {
    /// Only suites like this: a pattern over the path in the bucket or its last part; may be given several times
    #[arg(long = "suite", value_name = "PATTERN")]
    pub suites: Vec<String>,
    /// Look again and again, until every Region serves what the master holds
    #[arg(long)]
    pub watch: bool,
    /// How long to watch, in seconds [default: 3600]
    #[arg(long, value_name = "SECONDS", requires = "watch")]
    pub timeout: Option<u64>,
    /// The pause between two looks, in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub interval: Option<u64>,
    #[command(flatten)]
    pub regions: RegionsArguments,
}
