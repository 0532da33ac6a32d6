//! What `suitecast replay` takes.

use clap::{ArgGroup, Args};

use crate::regions::RegionsArguments;

/// `suitecast replay`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["suite", "prefix", "key"]), after_help = "\
Waits for the answers, in all Regions side by side. An answer such as `waiting` or `refused` is no failure: the exit code says \
whether every Region has answered. `absent` is one: there is no suite of that name, and the code is 1.")]
pub struct ReplayArguments {
    /// A suite, by its path in the bucket (`dists/bookworm`), or `*` to wake every suite of the master
    pub suite: Option<String>,
    /// Replay everything in the master under this prefix, as if it had just been uploaded
    #[arg(long)]
    pub prefix: Option<String>,
    /// Replay one key
    #[arg(long)]
    pub key: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Of a suite: swap even to an older release, and hold the suite there; or go on from such a hold
    #[arg(long, conflicts_with_all = ["prefix", "key"])]
    pub force: bool,
    /// Of a suite: check everything again, whatever was verified before
    #[arg(long, conflicts_with_all = ["prefix", "key"])]
    pub full: bool,
    #[command(flatten)]
    pub regions: RegionsArguments,
}
