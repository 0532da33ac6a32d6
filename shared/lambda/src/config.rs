//! The configuration of a function: read once, at its start, typed, and complete or refused as a whole.
//!
//! All missing and all bad variables are reported together, so that an operator mends a stack in one go. The
//! environment comes in as a lookup function; nothing else in the workspace reads it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use suitecast_archive::{Archives, Scope, SecondKeys, Strictness, UnlistedTrees};
use suitecast_engine::{Settings, SuitePatterns};

use crate::keyring::{self, KeyringSource};

mod variables;

pub use variables::{ConfigError, Problem, Variables};

/// Most objects copied side by side by one run: the SDK's connections and the function's file descriptors (1,024 in
/// Lambda) bound it, and S3 asks for fewer long before.
pub const MAX_COPY_CONCURRENCY: usize = 512;

/// Shortest slice, in seconds: below it a run would spend its time taking and releasing the suite.
pub const MIN_SLICE_SECONDS: u64 = 5;

/// Longest slice, in seconds: Lambda ends a function after 900, and a run must record what it did before that.
pub const MAX_SLICE_SECONDS: u64 = 840;

/// Longest metrics namespace, in characters: `CloudWatch`'s own limit.
pub const MAX_NAMESPACE_CHARACTERS: usize = 255;

/// Longest list of components or architectures: far above any archive's, so that a slip of the pen is noticed.
pub const MAX_SCOPE_NAMES: usize = 256;

/// Names of the environment variables, as `template.yaml` sets them.
pub mod variable {
    /// Name of the bucket that receives uploads.
    pub const MASTER_BUCKET: &str = "SUITECAST_MASTER_BUCKET";
    /// Region of that bucket.
    pub const MASTER_REGION: &str = "SUITECAST_MASTER_REGION";
    /// Name of this Region's own bucket.
    pub const REGION_BUCKET: &str = "SUITECAST_REGION_BUCKET";
    /// This Region; Lambda sets it.
    pub const REGION: &str = "AWS_REGION";
    /// Archives in the master bucket: comma-separated prefixes, `flat:` before a flat one. Default `/`.
    pub const ARCHIVES: &str = "SUITECAST_ARCHIVES";
    /// Suites to mirror: comma-separated globs. Default `*`.
    pub const SUITES: &str = "SUITECAST_SUITES";
    /// Components to mirror: comma-separated names, or `*`. Default `*`.
    pub const COMPONENTS: &str = "SUITECAST_COMPONENTS";
    /// Architectures to mirror: comma-separated names, or `*`. Default `*`.
    pub const ARCHITECTURES: &str = "SUITECAST_ARCHITECTURES";
    /// `strict` or `relaxed`. Default `strict`.
    pub const STRICTNESS: &str = "SUITECAST_STRICTNESS";
    /// Whether files are kept under further keys too, for clients whose requests S3 takes for these: `true` or `false`.
    /// Default `true`.
    pub const SECOND_KEYS: &str = "SUITECAST_SECOND_KEYS";
    /// Trees that no release lists: comma-separated patterns; set but empty means none.
    pub const UNLISTED_TREES: &str = "SUITECAST_UNLISTED_TREES";
    /// Objects copied side by side. Default 64.
    pub const COPY_CONCURRENCY: &str = "SUITECAST_COPY_CONCURRENCY";
    /// `true` or `false`. Default `false`.
    pub const ALLOW_CHANGE_IN_PLACE: &str = "SUITECAST_ALLOW_CHANGE_IN_PLACE";
    /// The keyring that releases are verified with: armoured, or binary in base64 (publish only).
    pub const KEYRING: &str = "SUITECAST_KEYRING";
    /// The object that holds it instead: `BUCKET/KEY`, in this Region (publish only).
    pub const KEYRING_OBJECT: &str = "SUITECAST_KEYRING_OBJECT";
    /// URL of the suites queue.
    pub const SUITES_QUEUE_URL: &str = "SUITECAST_SUITES_QUEUE_URL";
    /// URL of the uploads queue (replicate only).
    pub const UPLOADS_QUEUE_URL: &str = "SUITECAST_UPLOADS_QUEUE_URL";
    /// Seconds that one run works before it re-queues itself. Default 120.
    pub const SLICE_SECONDS: &str = "SUITECAST_SLICE_SECONDS";
    /// `CloudWatch` namespace of the metrics. Default `Suitecast`.
    pub const METRICS_NAMESPACE: &str = "SUITECAST_METRICS_NAMESPACE";
}

/// Which function reads its configuration: each needs what it needs and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Copies uploads, wakes suites.
    Replicate,
    /// Swaps suites.
    Publish,
}

/// A function's configuration, complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket that receives uploads.
    pub master_bucket: String,
    /// Its region.
    pub master_region: String,
    /// This Region's own bucket.
    pub region_bucket: String,
    /// This Region.
    pub region: String,
    /// Where suites are woken.
    pub suites_queue_url: String,
    /// The queue whose messages this function is given: the uploads queue for replicate, the suites queue for publish.
    pub source_queue_url: String,
    /// `CloudWatch` namespace of the metrics.
    pub metrics_namespace: String,
    /// Where the keyring is that releases are verified with.
    pub keyring: KeyringSource,
    /// What the engine is told.
    pub settings: Settings,
}

impl Config {
    /// Reads the configuration of a function.
    ///
    /// # Errors
    /// Every variable that is missing or cannot be used, together.
    pub fn read(function: Function, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut variables = Variables::new(lookup);
        let config = variables.config(function);
        variables.finish(config)
    }
}

/// What an operator set for a Region, as far as publish goes by it when it looks at a suite.
#[derive(Debug, Clone)]
pub struct Looking {
    /// Where the keyring is that releases are verified with.
    pub keyring: KeyringSource,
    /// What the engine is told.
    pub settings: Settings,
}

impl Looking {
    /// Reads that part of the configuration by itself: for somebody who looks at a suite as publish would, from outside.
    ///
    /// # Errors
    /// Every variable that cannot be used, together.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut variables = Variables::new(lookup);
        let looking = variables.looking();
        variables.finish(looking)
    }
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    fn looking(&mut self) -> Option<Looking> {
        let (keyring, settings) = (self.keyring(), self.settings());
        Some(Looking { keyring: keyring?, settings: settings? })
    }

    fn config(&mut self, function: Function) -> Option<Config> {
        let master_bucket = self.required(variable::MASTER_BUCKET);
        let master_region = self.required(variable::MASTER_REGION);
        let region_bucket = self.bucket(variable::REGION_BUCKET).map(|bucket| bucket.to_string());
        if let (Some(master), Some(region)) = (&master_bucket, &region_bucket)
            && master == region
        {
            self.note(variable::REGION_BUCKET, "is the master bucket itself; a Region serves from a bucket of its own");
        }
        let region = self.required(variable::REGION);
        let keyring = match function {
            // It serves no release; a keyring that cannot be used keeps no upload out.
            Function::Replicate => Some(KeyringSource::Nowhere),
            Function::Publish => self.keyring(),
        };
        let settings = self.settings();
        let suites_queue_url = self.queue_url(variable::SUITES_QUEUE_URL);
        let source_queue_url = match function {
            Function::Replicate => self.queue_url(variable::UPLOADS_QUEUE_URL),
            Function::Publish => suites_queue_url.clone(),
        };
        let metrics_namespace = self.namespace();
        Some(Config {
            master_bucket: master_bucket?,
            master_region: master_region?,
            region_bucket: region_bucket?,
            region: region?,
            suites_queue_url: suites_queue_url?,
            source_queue_url: source_queue_url?,
            metrics_namespace: metrics_namespace?,
            keyring: keyring?,
            settings: settings?,
        })
    }

    fn keyring(&mut self) -> Option<KeyringSource> {
        match (self.text(variable::KEYRING), self.text(variable::KEYRING_OBJECT)) {
            (None, None) => Some(KeyringSource::Nowhere),
            (Some(_), Some(_)) => {
                self.note(
                    variable::KEYRING_OBJECT,
                    format!("is set beside {}; one of them is the keyring", variable::KEYRING),
                );
                None
            }
            (Some(_), None) => self
                .parsed(variable::KEYRING, "", keyring::from_text)
                .map(|keyring| KeyringSource::Given(Arc::new(keyring))),
            (None, Some(_)) => self
                .parsed(variable::KEYRING_OBJECT, "", keyring::object_of)
                .map(|(bucket, key)| KeyringSource::Object { bucket, key }),
        }
    }

    fn settings(&mut self) -> Option<Settings> {
        let archives = self.parsed(variable::ARCHIVES, "/", Archives::parse);
        let suites = self.parsed(variable::SUITES, "*", SuitePatterns::parse);
        let components = self.parsed(variable::COMPONENTS, "*", names);
        let architectures = self.parsed(variable::ARCHITECTURES, "*", names);
        let strictness = self.parsed(variable::STRICTNESS, "strict", strictness);
        let second_keys = self.parsed(variable::SECOND_KEYS, "true", truth);
        let unlisted = self.unlisted_trees();
        let copy_concurrency =
            self.number(variable::COPY_CONCURRENCY, 64, 1, MAX_COPY_CONCURRENCY).and_then(NonZeroUsize::new);
        let allow_change_in_place = self.parsed(variable::ALLOW_CHANGE_IN_PLACE, "false", truth);
        let slice = self.number(variable::SLICE_SECONDS, 120, MIN_SLICE_SECONDS, MAX_SLICE_SECONDS);
        Some(Settings {
            archives: archives?,
            suites: suites?,
            scope: Scope {
                components: components?,
                architectures: architectures?,
                strictness: strictness?,
                second_keys: if second_keys? { SecondKeys::Kept } else { SecondKeys::Omitted },
            },
            unlisted: unlisted?,
            copy_concurrency: copy_concurrency?,
            allow_change_in_place: allow_change_in_place?,
            // Read where it is used: it may lie in an object.
            keyring: None,
            slice: Duration::from_secs(slice?),
        })
    }

    /// Set but empty means none here: the default names trees that an operator may well not want.
    fn unlisted_trees(&mut self) -> Option<UnlistedTrees> {
        const DEFAULT: &str = "installer-*,dist-upgrader-*,signed,uefi";
        let set = (self.lookup)(variable::UNLISTED_TREES);
        match UnlistedTrees::parse(set.as_deref().map_or(DEFAULT, str::trim)) {
            Ok(trees) => Some(trees),
            Err(error) => {
                self.note(variable::UNLISTED_TREES, error);
                None
            }
        }
    }

    fn queue_url(&mut self, variable: &'static str) -> Option<String> {
        let url = self.required(variable)?;
        if url.starts_with("https://") || url.starts_with("http://") {
            return Some(url);
        }
        self.note(
            variable,
            format!("{url:?} is not a queue URL (it begins with https://); an ARN or a name will not do"),
        );
        None
    }
}

/// A comma-separated list of names; `*` alone means all of them.
fn names(text: &str) -> Result<Option<Vec<String>>, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.len() == 1 && names.iter().all(|name| name == "*") {
        return Ok(None);
    }
    if names.len() > MAX_SCOPE_NAMES {
        return Err(format!("lists {} names; at most {MAX_SCOPE_NAMES}", names.len()));
    }
    for name in &names {
        if name.is_empty() || name.contains(|character: char| character.is_whitespace() || character == '*') {
            return Err(format!("{name:?} is no name; give names separated by commas, or * alone for all"));
        }
    }
    Ok(Some(names))
}

fn strictness(text: &str) -> Result<Strictness, String> {
    match text {
        "strict" => Ok(Strictness::Strict),
        "relaxed" => Ok(Strictness::Relaxed),
        _ => Err(format!("{text:?} is neither strict nor relaxed")),
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::HashMap;

    use super::*;

    const COMPLETE: [(&str, &str); 6] = [
        (variable::MASTER_BUCKET, "master.example.com"),
        (variable::MASTER_REGION, "us-east-1"),
        (variable::REGION_BUCKET, "eu-west-1.ec2.archive.example.com"),
        (variable::REGION, "eu-west-1"),
        (variable::SUITES_QUEUE_URL, "https://sqs.eu-west-1.amazonaws.com/1/suites"),
        (variable::UPLOADS_QUEUE_URL, "https://sqs.eu-west-1.amazonaws.com/1/uploads"),
    ];

    fn read(function: Function, changes: &[(&str, Option<&str>)]) -> Result<Config, ConfigError> {
        let mut variables: HashMap<String, String> =
            COMPLETE.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        for &(name, value) in changes {
            match value {
                Some(value) => variables.insert(name.to_owned(), value.to_owned()),
                None => variables.remove(name),
            };
        }
        Config::read(function, |name| variables.get(name).cloned())
    }

    fn refused(changes: &[(&str, Option<&str>)]) -> Vec<&'static str> {
        let error = read(Function::Replicate, changes).expect_err("a bad configuration was taken");
        error.problems.iter().map(|problem| problem.variable).collect()
    }

    #[test]
    fn what_is_not_set_has_the_documented_default() {
        let config = read(Function::Replicate, &[]).unwrap();
        assert_eq!(config.metrics_namespace, "Suitecast");
        assert_eq!(config.settings.slice, Duration::from_mins(2));
        assert_eq!(config.settings.copy_concurrency.get(), 64);
        assert!(!config.settings.allow_change_in_place);
        assert!(config.settings.suites.is_everything());
        assert_eq!(config.settings.scope.components, None);
        assert_eq!(config.settings.scope.architectures, None);
        assert_eq!(config.settings.scope.strictness, Strictness::Strict);
        assert_eq!(config.settings.scope.second_keys, SecondKeys::Kept);
        assert!(config.source_queue_url.ends_with("/uploads"));
    }

    #[test]
    fn an_empty_optional_variable_counts_as_not_set() {
        let config = read(Function::Replicate, &[(variable::SUITES, Some(" ")), (variable::SLICE_SECONDS, Some(""))]);
        assert!(config.unwrap().settings.suites.is_everything());
    }

    #[test]
    fn every_missing_and_every_bad_variable_is_reported_at_once() {
        let problems = refused(&[
            (variable::MASTER_BUCKET, None),
            (variable::REGION, Some("")),
            (variable::STRICTNESS, Some("lax")),
            (variable::SECOND_KEYS, Some("on")),
            (variable::COPY_CONCURRENCY, Some("0")),
            (variable::ALLOW_CHANGE_IN_PLACE, Some("yes")),
            (variable::SLICE_SECONDS, Some("900")),
            (variable::SUITES_QUEUE_URL, Some("arn:aws:sqs:eu-west-1:1:suites")),
            (variable::METRICS_NAMESPACE, Some("AWS/S3")),
        ]);
        assert_eq!(
            problems,
            [
                variable::MASTER_BUCKET,
                variable::REGION,
                variable::STRICTNESS,
                variable::SECOND_KEYS,
                variable::COPY_CONCURRENCY,
                variable::ALLOW_CHANGE_IN_PLACE,
                variable::SLICE_SECONDS,
                variable::SUITES_QUEUE_URL,
                variable::METRICS_NAMESPACE,
            ]
        );
    }

    #[test]
    fn the_message_names_each_variable_and_what_would_be_right() {
        let error =
            read(Function::Publish, &[(variable::MASTER_REGION, None), (variable::SLICE_SECONDS, Some("two minutes"))]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "configuration: SUITECAST_MASTER_REGION: is not set; \
             SUITECAST_SLICE_SECONDS: \"two minutes\" is not a whole number from 5 to 840"
        );
    }

    #[test]
    fn publish_needs_no_uploads_queue() {
        let config = read(Function::Publish, &[(variable::UPLOADS_QUEUE_URL, None)]).unwrap();
        assert!(config.source_queue_url.ends_with("/suites"));
        assert_eq!(refused(&[(variable::UPLOADS_QUEUE_URL, None)]), [variable::UPLOADS_QUEUE_URL]);
    }

    #[test]
    fn a_region_never_serves_from_the_master_bucket() {
        assert_eq!(refused(&[(variable::REGION_BUCKET, Some("master.example.com"))]), [variable::REGION_BUCKET]);
    }

    #[test]
    fn a_scope_is_a_list_of_names_or_everything() {
        let config = read(
            Function::Publish,
            &[(variable::COMPONENTS, Some("main, universe")), (variable::ARCHITECTURES, Some("amd64"))],
        );
        let scope = config.unwrap().settings.scope;
        assert_eq!(scope.components, Some(vec!["main".to_owned(), "universe".to_owned()]));
        assert_eq!(scope.architectures, Some(vec!["amd64".to_owned()]));
        for bad in ["main,", "main universe", "main,*"] {
            assert_eq!(refused(&[(variable::COMPONENTS, Some(bad))]), [variable::COMPONENTS], "{bad}");
        }
    }

    #[test]
    fn unlisted_trees_may_be_none_at_all() {
        assert!(read(Function::Publish, &[(variable::UNLISTED_TREES, Some(""))]).is_ok());
    }

    #[test]
    fn the_keyring_is_given_or_lies_in_an_object_and_is_publishs_alone() {
        let armoured = suitecast_testing::archive_maker::ArchiveKey::from_seed(1).unwrap().public_armoured().unwrap();
        let (given, object) = (Some(armoured.as_str()), Some("operations/keys/archive.gpg"));
        let keyring = |function, changes: &[(&str, Option<&str>)]| read(function, changes).map(|config| config.keyring);
        assert!(matches!(keyring(Function::Publish, &[]), Ok(KeyringSource::Nowhere)));
        assert!(matches!(keyring(Function::Publish, &[(variable::KEYRING, given)]), Ok(KeyringSource::Given(_))));
        let lies = keyring(Function::Publish, &[(variable::KEYRING_OBJECT, object)]).unwrap();
        assert!(
            matches!(lies, KeyringSource::Object { bucket, key } if (&*bucket, &*key) == ("operations", "keys/archive.gpg"))
        );
        let problems = |changes: &[(&str, Option<&str>)]| -> Vec<&str> {
            let error = read(Function::Publish, changes).unwrap_err();
            error.problems.iter().map(|problem| problem.variable).collect()
        };
        assert_eq!(
            problems(&[(variable::KEYRING, given), (variable::KEYRING_OBJECT, object)]),
            [variable::KEYRING_OBJECT]
        );
        assert_eq!(problems(&[(variable::KEYRING, Some("no keyring"))]), [variable::KEYRING]);
        assert_eq!(problems(&[(variable::KEYRING_OBJECT, Some("bucket"))]), [variable::KEYRING_OBJECT]);
        // It serves no release, and must go on copying.
        assert!(read(Function::Replicate, &[(variable::KEYRING, Some("no keyring"))]).is_ok());
    }
}
