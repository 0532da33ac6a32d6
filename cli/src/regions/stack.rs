//! What the stack of a Region says of it: its parameters are the settings, its outputs name what was made.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::Stack;
use suitecast_lambda::config::{Looking, variable};

use super::{Deployed, NamedStack, Region};
use crate::aws::{self, says};
use crate::exit::Failure;

/// The parameter of `template.yaml` behind each of a function's variables.
const PARAMETERS: [(&str, &str); 10] = [
    (variable::ARCHIVES, "Archives"),
    (variable::SUITES, "Suites"),
    (variable::COMPONENTS, "Components"),
    (variable::ARCHITECTURES, "Architectures"),
    (variable::STRICTNESS, "Strictness"),
    (variable::SECOND_KEYS, "SecondKeys"),
    (variable::UNLISTED_TREES, "UnlistedTrees"),
    (variable::ALLOW_CHANGE_IN_PLACE, "AllowChangeInPlace"),
    (variable::KEYRING, "Keyring"),
    (variable::KEYRING_OBJECT, "KeyringObject"),
];

/// Asks `CloudFormation` for a Region's stack.
///
/// # Errors
/// There is no such stack, it is none of a Region, or it may not be looked at.
pub(crate) async fn look_up(shared: &SdkConfig, named: &NamedStack) -> Result<Region, Failure> {
    let NamedStack { region, stack } = named;
    let config = aws_sdk_cloudformation::config::Builder::from(shared)
        .region(aws_config::Region::new(region.clone()))
        .timeout_config(aws::timeouts())
        .build();
    let answer = aws_sdk_cloudformation::Client::from_conf(config).describe_stacks().stack_name(stack).send().await;
    let found = match answer {
        Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
        Err(error) if says(&error, "does not exist") => None,
        Err(error) => return Err(aws::failure(&format!("looking up the stack {stack} in {region}"), &error)),
    };
    let found = found.ok_or_else(|| {
        Failure::refused(format!(
            "there is no stack {stack} in {region}: name it with --stack, or its buckets with --region {region}=BUCKET \
             --master BUCKET"
        ))
    })?;
    region_of(named, &parameters(&found), &outputs(&found))
}

fn parameters(stack: &Stack) -> BTreeMap<String, String> {
    let pairs = stack.parameters().iter().filter_map(|parameter| {
        Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value().unwrap_or_default().to_owned()))
    });
    pairs.collect()
}

fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let pairs = stack
        .outputs()
        .iter()
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
    pairs.collect()
}

/// What a stack's parameters and outputs say of its Region.
fn region_of(
    NamedStack { region, stack }: &NamedStack,
    parameters: &BTreeMap<String, String>,
    outputs: &BTreeMap<String, String>,
) -> Result<Region, Failure> {
    let here = || format!("the stack {stack} in {region}");
    let value = |values: &BTreeMap<String, String>, name: &str| {
        values.get(name).filter(|value| !value.is_empty()).cloned().ok_or_else(|| {
            Failure::refused(format!(
                "{} has no {name}: it is not the stack of a Region; name that with --stack",
                here()
            ))
        })
    };
    let lookup = |name: &str| {
        let (_, parameter) = PARAMETERS.iter().find(|(variable, _)| *variable == name)?;
        parameters.get(*parameter).cloned()
    };
    let Looking { keyring, settings } =
        Looking::read(lookup).map_err(|error| Failure::refused(format!("{}: {error}", here())))?;
    Ok(Region {
        name: region.clone(),
        bucket: value(outputs, "RegionBucket")?,
        master: value(parameters, "MasterBucketName")?,
        master_in: Some(value(parameters, "MasterRegion")?),
        settings,
        keyring,
        deployed: Some(Deployed {
            publish: value(outputs, "PublishFunction")?,
            replicate: value(outputs, "ReplicateFunction")?,
            uploads_dead_letters: value(outputs, "UploadsDeadLetters")?,
            suites_dead_letters: value(outputs, "SuitesDeadLetters")?,
        }),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::exit::Exit;

    const TEMPLATE: &str = include_str!("../../../template.yaml");

    fn named() -> NamedStack {
        NamedStack { region: "eu-west-1".to_owned(), stack: "suitecast-region".to_owned() }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const OUTPUTS: [(&str, &str); 5] = [
        ("RegionBucket", "eu-west-1.archive.example.com"),
        ("PublishFunction", "publish"),
        ("ReplicateFunction", "replicate"),
        ("UploadsDeadLetters", "https://sqs/uploads"),
        ("SuitesDeadLetters", "https://sqs/suites"),
    ];

    #[test]
    fn a_stack_says_all_there_is_to_know_of_its_region() {
        let parameters = map(&[
            ("MasterBucketName", "archive-master"),
            ("MasterRegion", "us-east-1"),
            ("Archives", "debian/"),
            ("Architectures", "amd64"),
            ("Keyring", ""),
        ]);
        let region = region_of(&named(), &parameters, &map(&OUTPUTS)).unwrap();
        assert_eq!(
            (region.master.as_str(), region.bucket.as_str()),
            ("archive-master", "eu-west-1.archive.example.com")
        );
        assert_eq!(region.settings.archives.iter().next().unwrap().prefix, "debian/");
        assert_eq!(region.settings.scope.architectures, Some(vec!["amd64".to_owned()]));
    }

    #[test]
    fn the_stack_of_something_else_is_told_from_one_of_a_region() {
        let failure =
            region_of(&named(), &map(&[("MasterBucketName", "m")]), &map(&[("MasterBucket", "m")])).unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.message.contains("not the stack of a Region"), "{}", failure.message);
    }

    #[test]
    fn the_template_has_every_parameter_and_output_that_is_asked_for() {
        for name in PARAMETERS.map(|(_, name)| name).into_iter().chain(["MasterBucketName", "MasterRegion"]) {
            assert!(TEMPLATE.contains(&format!("\n  {name}:\n    Type: String")), "{name}");
        }
        let (_, outputs) = TEMPLATE.split_once("\nOutputs:").unwrap();
        for (name, _) in OUTPUTS {
            assert!(outputs.contains(&format!("\n  {name}:\n    Condition: IsRegion")), "{name}");
        }
    }
}
