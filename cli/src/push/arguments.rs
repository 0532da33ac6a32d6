//! What `suitecast push` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use suitecast_archive::{Archives, Scope, SecondKeys, Strictness, SuitePatterns};

use super::selection::Selection;
use crate::exit::Failure;
use crate::s3url::S3Url;

/// Requests in flight at once. A line of a gigabit a second and 100 ms to the bucket is full with some dozens of packages
/// of half a megabyte; S3 takes 3,500 writes a second below one prefix.
const DEFAULT_CONCURRENCY: u16 = 64;
/// The most: beyond it, sockets and not the line are what ends first.
const MAX_CONCURRENCY: i64 = 512;
/// Objects that one push deletes at the most unless told otherwise: more than a day's changes of a large archive leave
/// behind, fewer than it has packages.
const DEFAULT_MAX_DELETE: u64 = 10_000;

/// How strictly completeness is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrictnessArgument {
    /// Every compressed index that a release lists has to be there
    Strict,
    /// One form of each index is enough, and none of Contents, dep11, cnf and translations is asked for
    Relaxed,
}

/// `suitecast push`
#[derive(Debug, Args)]
#[command(
    long_about = "Sends an archive from a directory to the master bucket: first the pool, then by-hash files, then indices, \
                  and when all of that is there, the release files, InRelease last. Unchanged files are not sent; they are \
                  told by the size and digest that the archive's own indices give, never by time. Interrupted, it goes on \
                  where it was when it is called again."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PushArguments {
    /// The directory: it holds dists/ and pool/, or several archives, or a flat one
    pub directory: PathBuf,
    /// Where to: `s3://BUCKET` or `s3://BUCKET/PREFIX`
    #[arg(help = "Where to: s3://BUCKET or s3://BUCKET/PREFIX")]
    pub destination: S3Url,
    /// Say what would be sent and deleted, and write nothing
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Only these suites, and the files that they name: patterns over a suite's path or the last part of it
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub suite: Vec<String>,
    /// Only files whose path, name or directory is of this form (* stands for any text, slashes too)
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<String>,
    /// No files whose path, name or directory is of this form; stronger than --include
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Afterwards delete from the bucket what is not in the directory and what no index there names
    #[arg(long)]
    pub delete: bool,
    /// Delete nothing at all where it would be more than this many objects
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_DELETE, requires = "delete")]
    pub max_delete: u64,
    /// Send release files although the directory is no complete archive
    #[arg(long)]
    pub no_check: bool,
    /// List the bucket, also where what the last push left there could be gone by
    #[arg(long)]
    pub list: bool,
    /// Requests in flight at once
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY,
          value_parser = clap::value_parser!(u16).range(1..=MAX_CONCURRENCY))]
    pub concurrency: u16,
    /// Which prefixes of the bucket hold an archive, as the stack's parameter Archives; found out where not given
    #[arg(long, value_name = "LIST")]
    pub archives: Option<String>,
    /// Which components a complete archive has to have, as the stack's parameter Components
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub components: Vec<String>,
    /// Which architectures it has to have, as the stack's parameter Architectures
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub architectures: Vec<String>,
    /// How strictly completeness is judged, as the stack's parameter Strictness
    #[arg(long, value_enum, default_value_t = StrictnessArgument::Strict)]
    pub(crate) strictness: StrictnessArgument,
}

/// The arguments, read.
#[derive(Debug)]
pub(crate) struct PushSettings {
    pub(crate) directory: PathBuf,
    pub(crate) destination: S3Url,
    pub(crate) is_dry_run: bool,
    pub(crate) suites: SuitePatterns,
    pub(crate) selection: Selection,
    /// How many objects may be deleted; none where nothing is to be.
    pub(crate) max_delete: Option<u64>,
    pub(crate) is_checked: bool,
    /// Whether the bucket is to be listed in any case.
    pub(crate) is_listed: bool,
    pub(crate) concurrency: usize,
    pub(crate) archives: Option<Archives>,
    pub(crate) scope: Scope,
}

impl PushArguments {
    /// Reads what clap could not.
    pub(crate) fn read(self) -> Result<PushSettings, Failure> {
        let suites = if self.suite.is_empty() {
            SuitePatterns::everything()
        } else {
            let joined = self.suite.join(",");
            SuitePatterns::parse(&joined).map_err(|error| Failure::usage(format!("--suite {joined}: {error}")))?
        };
        let archives = self
            .archives
            .map(|text| Archives::parse(&text).map_err(|error| Failure::usage(format!("--archives {text}: {error}"))))
            .transpose()?;
        let some = |names: Vec<String>| (!names.is_empty() && !names.iter().any(|name| name == "*")).then_some(names);
        let scope = Scope {
            components: some(self.components),
            architectures: some(self.architectures),
            strictness: match self.strictness {
                StrictnessArgument::Strict => Strictness::Strict,
                StrictnessArgument::Relaxed => Strictness::Relaxed,
            },
            // The functions make them; the master needs none.
            second_keys: SecondKeys::Omitted,
        };
        Ok(PushSettings {
            directory: self.directory,
            destination: self.destination,
            is_dry_run: self.dry_run,
            suites,
            selection: Selection::parse(&self.include, &self.exclude)?,
            max_delete: self.delete.then_some(self.max_delete),
            is_checked: !self.no_check,
            is_listed: self.list,
            concurrency: usize::from(self.concurrency),
            archives,
            scope,
        })
    }
}
