//! What `suitecast explain` takes.

use clap::Args;

use crate::regions::RegionsArguments;

/// `suitecast explain`
#[derive(Debug, Args)]
#[command(after_help = "\
A suite is looked at as publish looks at it, by the same code and without writing anything: so this needs the right to read \
both buckets, and no other. Of a key it is told which indices name it, in the master's release and in those that Regions serve \
or have served within three days. Ends with 1 where there is neither such a suite nor a release that refers to such a key.")]
pub struct ExplainArguments {
    /// A suite (`dists/bookworm` or `bookworm`) or a key (`pool/main/h/hello/hello_2.10-3_amd64.deb`)
    #[arg(value_name = "SUITE|KEY")]
    pub what: String,
    /// Check everything that the suite names, whatever was verified before
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub regions: RegionsArguments,
}
