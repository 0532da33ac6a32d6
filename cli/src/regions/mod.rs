//! The Regions of an installation, as an operator names them.
//!
//! A Region is known by its stack: the parameters are its settings, the outputs name its functions and queues. Where
//! nothing is said, the Regions are those that `samconfig.toml` deploys. Without stacks (another tool made them, or the
//! caller may not look) buckets suffice for everything that only reads.

mod samconfig;
mod stack;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use aws_config::SdkConfig;
use clap::Args;
use futures::future::join_all;
use suitecast_engine::Settings;
use suitecast_lambda::config::{Looking, variable};
use suitecast_lambda::keyring::{KeyringSource, Keyrings};
use suitecast_signature::Keyring;
use suitecast_store::{S3Bucket, S3ClientSettings, Store, s3_client};

use crate::clients;
use crate::exit::Failure;

pub(crate) use samconfig::NamedStack;

/// Which Regions a command is about.
#[derive(Debug, Args)]
#[command(next_help_heading = "Regions")]
pub struct RegionsArguments {
    /// A Region, by its stack, or by its bucket where there is no stack: then --master names the bucket that it mirrors. May
    /// be given several times; without it, all that samconfig.toml deploys
    #[arg(long = "region", value_name = "REGION[=BUCKET]")]
    pub regions: Vec<NamedRegion>,
    /// The name of the Regions' stacks
    #[arg(long, value_name = "STACK", default_value = "suitecast-region")]
    pub stack: String,
    /// Where the Regions are listed, for `sam deploy`
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    pub samconfig: PathBuf,
    /// The bucket that receives uploads, for Regions without a stack
    #[arg(long, value_name = "BUCKET")]
    pub master: Option<String>,
    /// The archives in it, as in the template's `Archives`, for Regions without a stack
    #[arg(long, value_name = "PREFIXES", default_value = "/")]
    pub archives: String,
}

/// A Region as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRegion {
    /// Its name.
    pub region: String,
    /// Its bucket, where it is not looked up in the stack.
    pub bucket: Option<String>,
}

impl FromStr for NamedRegion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (region, bucket) = match text.split_once('=') {
            Some((region, bucket)) => (region, Some(bucket.strip_prefix("s3://").unwrap_or(bucket))),
            None => (text, None),
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains(|character: char| character.is_whitespace());
        if !is_name(region) || !bucket.is_none_or(|bucket| is_name(bucket) && !bucket.contains('/')) {
            return Err(format!(
                "{text:?} is neither a Region nor REGION=BUCKET, as in eu-west-1=eu-west-1.archive.example.com"
            ));
        }
        Ok(Self { region: region.to_owned(), bucket: bucket.map(str::to_owned) })
    }
}

/// A Region of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    /// Its name, such as `eu-west-1`.
    pub name: String,
    /// The bucket that its clients read.
    pub bucket: String,
    /// The bucket that it mirrors.
    pub master: String,
    /// Where that is, where known.
    pub master_in: Option<String>,
    /// What the operator set.
    pub settings: Settings,
    /// Whose signatures count.
    pub keyring: KeyringSource,
    /// What was deployed, where there is a stack.
    pub deployed: Option<Deployed>,
}

/// What a stack has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// The name of the function publish.
    pub publish: String,
    /// The name of the function replicate.
    pub replicate: String,
    /// The URL of the queue of uploads that were given up.
    pub uploads_dead_letters: String,
    /// The URL of the queue of suites that were given up.
    pub suites_dead_letters: String,
}

impl Region {
    /// The bucket that its clients read.
    ///
    /// # Errors
    /// Without a stack S3 is asked where the bucket is: it does not exist, or S3 cannot be reached.
    pub(crate) async fn bucket(&self, shared: &SdkConfig) -> Result<Arc<dyn Store>, Failure> {
        let region = self.deployed.as_ref().map(|_| self.name.as_str());
        open(shared, &self.bucket, region).await
    }

    /// The bucket that it mirrors.
    ///
    /// # Errors
    /// As [`Region::bucket`].
    pub(crate) async fn master(&self, shared: &SdkConfig) -> Result<Arc<dyn Store>, Failure> {
        open(shared, &self.master, self.master_in.as_deref()).await
    }

    /// The keyring that its releases are verified with; `None` where none is set.
    ///
    /// # Errors
    /// It is set, and cannot be read.
    pub(crate) async fn keyring(
        &self,
        shared: &SdkConfig,
        now: jiff::Timestamp,
    ) -> Result<Option<Arc<Keyring>>, Failure> {
        match &self.keyring {
            KeyringSource::Nowhere => Ok(None),
            KeyringSource::Given(keyring) => Ok(Some(Arc::clone(keyring))),
            KeyringSource::Object { bucket, key } => {
                let store = open(shared, bucket, Some(&self.name)).await?;
                let keyrings = Keyrings::object(store, key.clone());
                keyrings.in_force(now).await.map_err(|error| Failure::refused(suitecast_mirror::with_causes(&error)))
            }
        }
    }
}

async fn open(shared: &SdkConfig, bucket: &str, region: Option<&str>) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(match region {
        Some(region) => S3Bucket::new(s3_client(shared, &S3ClientSettings::for_region(region)), bucket),
        None => clients::bucket(shared, bucket).await?,
    }))
}

/// Finds the Regions that the arguments name, in that order, or else in that of their names.
///
/// # Errors
/// None is named anywhere, or a stack cannot be looked up.
pub(crate) async fn find(shared: &SdkConfig, arguments: &RegionsArguments) -> Result<Vec<Region>, Failure> {
    let found = find_each(shared, arguments).await?;
    found.into_iter().map(|(_, region)| region).collect()
}

/// The same, Region by Region: each with its name, and why it could not be found.
///
/// # Errors
/// None is named anywhere.
pub(crate) async fn find_each(
    shared: &SdkConfig,
    arguments: &RegionsArguments,
) -> Result<Vec<(String, Result<Region, Failure>)>, Failure> {
    let named = if arguments.regions.is_empty() { listed(arguments)? } else { on_the_command_line(arguments)? };
    let found = named.into_iter().map(async |named| match named {
        Named::Stack(stack) => {
            let found = stack::look_up(shared, &stack).await;
            (stack.region, found)
        }
        Named::Buckets(region) => (region.name.clone(), Ok(*region)),
    });
    Ok(join_all(found).await)
}

/// How a Region is to be found.
enum Named {
    Stack(NamedStack),
    Buckets(Box<Region>),
}

fn listed(arguments: &RegionsArguments) -> Result<Vec<Named>, Failure> {
    let file = arguments.samconfig.display();
    let how = "say which Regions: --region eu-west-1 for each, or --region eu-west-1=BUCKET --master BUCKET";
    let text = std::fs::read_to_string(&arguments.samconfig).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::usage(format!("{how}; there is no {file} here that lists them")),
        _ => Failure::usage(format!("reading {file}: {error}")),
    })?;
    let stacks = samconfig::region_stacks(&text).map_err(|error| Failure::usage(format!("{file}: {error}")))?;
    if stacks.is_empty() {
        return Err(Failure::usage(format!("{how}; {file} lists no stack with Role=region")));
    }
    Ok(stacks.into_iter().map(Named::Stack).collect())
}

fn on_the_command_line(arguments: &RegionsArguments) -> Result<Vec<Named>, Failure> {
    let mut names = BTreeSet::new();
    for region in &arguments.regions {
        if !names.insert(&region.region) {
            return Err(Failure::usage(format!("--region {} is given twice", region.region)));
        }
    }
    arguments.regions.iter().map(|region| named(arguments, region)).collect()
}

fn named(arguments: &RegionsArguments, region: &NamedRegion) -> Result<Named, Failure> {
    let NamedRegion { region, bucket } = region.clone();
    let Some(bucket) = bucket else {
        return Ok(Named::Stack(NamedStack { region, stack: arguments.stack.clone() }));
    };
    let master = arguments.master.as_deref().ok_or_else(|| {
        Failure::usage(format!(
            "--region {region}={bucket} needs --master BUCKET: there is no stack to say which it mirrors"
        ))
    })?;
    let lookup = |name: &str| (name == variable::ARCHIVES).then(|| arguments.archives.clone());
    let Looking { keyring, settings } = Looking::read(lookup).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Named::Buckets(Box::new(Region {
        name: region,
        bucket,
        master: master.strip_prefix("s3://").unwrap_or(master).trim_end_matches('/').to_owned(),
        master_in: None,
        settings,
        keyring,
        deployed: None,
    })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::exit::Exit;

    fn arguments(regions: &[&str], master: Option<&str>) -> RegionsArguments {
        RegionsArguments {
            regions: regions.iter().map(|region| region.parse().unwrap()).collect(),
            stack: "suitecast-region".to_owned(),
            samconfig: PathBuf::from("/nowhere/samconfig.toml"),
            master: master.map(str::to_owned),
            archives: "debian/".to_owned(),
        }
    }

    #[test]
    fn a_region_is_named_alone_or_with_its_bucket() {
        let region: NamedRegion = "eu-west-1=s3://eu.example.com".parse().unwrap();
        assert_eq!(region, NamedRegion { region: "eu-west-1".into(), bucket: Some("eu.example.com".into()) });
        assert_eq!("eu-west-1".parse::<NamedRegion>().unwrap().bucket, None);
        for text in ["", "=bucket", "eu-west-1=", "eu west", "eu-west-1=bucket/key"] {
            assert!(text.parse::<NamedRegion>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_stack_the_master_must_be_named() {
        let asked = arguments(&["eu-west-1=eu"], None);
        let failure = on_the_command_line(&asked).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("--master"), "{}", failure.message);
        let asked = arguments(&["eu-west-1=eu", "us-east-1"], Some("s3://master/"));
        let named = on_the_command_line(&asked).unwrap();
        let [Named::Buckets(eu), Named::Stack(us)] = &named[..] else { unreachable!("one of each was named") };
        assert_eq!(
            (eu.master.as_str(), eu.settings.archives.iter().next().unwrap().prefix.as_str()),
            ("master", "debian/")
        );
        assert_eq!((us.region.as_str(), us.stack.as_str()), ("us-east-1", "suitecast-region"));
    }

    #[test]
    fn nobody_named_and_nothing_listed_says_how_to_name_one() {
        let failure = listed(&arguments(&[], None)).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("--region eu-west-1"), "{}", failure.message);
        let twice = on_the_command_line(&arguments(&["a", "a"], None)).err().unwrap();
        assert!(twice.message.contains("twice"));
    }
}
