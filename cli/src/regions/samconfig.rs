//! The Regions that `samconfig.toml` deploys: each section whose stack has `Role=region` is one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One Region's stack, as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedStack {
    /// The Region.
    pub region: String,
    /// The stack's name.
    pub stack: String,
}

#[derive(Deserialize)]
struct Section {
    deploy: Option<Command>,
    /// What counts for every command that does not say otherwise itself.
    global: Option<Command>,
}

#[derive(Deserialize)]
struct Command {
    parameters: Option<Parameters>,
}

#[derive(Deserialize, Default)]
struct Parameters {
    region: Option<String>,
    stack_name: Option<String>,
    parameter_overrides: Option<Overrides>,
}

/// Text with blanks between them, or a list: sam takes both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Overrides {
    Text(String),
    List(Vec<String>),
}

impl Section {
    /// What `sam deploy` goes by.
    fn parameters(self) -> Parameters {
        let of = |command: Option<Command>| command.and_then(|command| command.parameters).unwrap_or_default();
        let (deploy, global) = (of(self.deploy), of(self.global));
        Parameters {
            region: deploy.region.or(global.region),
            stack_name: deploy.stack_name.or(global.stack_name),
            parameter_overrides: deploy.parameter_overrides.or(global.parameter_overrides),
        }
    }
}

impl Parameters {
    fn is_region(&self) -> bool {
        let says_so = |text: &String| words(text).iter().any(|word| named_value(word) == Some(("Role", "region")));
        match &self.parameter_overrides {
            Some(Overrides::Text(text)) => says_so(text),
            Some(Overrides::List(words)) => words.iter().any(says_so),
            None => false,
        }
    }
}

/// The words of a text, as a shell takes it apart: `sam deploy --guided` puts each value in quotation marks.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted_by = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let word = match (character, quoted_by) {
            ('\\', _) => characters.next(),
            (mark, Some(open)) if mark == open => {
                quoted_by = None;
                None
            }
            (mark @ ('"' | '\''), None) => {
                quoted_by = Some(mark);
                None
            }
            (blank, None) if blank.is_whitespace() => {
                words.push(String::new());
                None
            }
            (other, _) => Some(other),
        };
        if let (Some(character), Some(last)) = (word, words.last_mut()) {
            last.push(character);
        }
    }
    words
}

/// A parameter and its value, in either of the forms that sam takes: `Role=region`, or
/// `ParameterKey=Role,ParameterValue=region`.
fn named_value(word: &str) -> Option<(&str, &str)> {
    match word.strip_prefix("ParameterKey=") {
        Some(rest) => rest.split_once(",ParameterValue="),
        None => word.split_once('='),
    }
}

/// The Regions' stacks, sorted, each once.
///
/// # Errors
/// It is no such file; the reason, for a person.
pub(crate) fn region_stacks(text: &str) -> Result<Vec<NamedStack>, String> {
    let sections: BTreeMap<String, toml::Value> = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut stacks = Vec::new();
    // `version` stands beside the sections.
    for (name, value) in sections.into_iter().filter(|(_, value)| value.is_table()) {
        let section: Section = value.try_into().map_err(|error| format!("section {name}: {error}"))?;
        let parameters = section.parameters();
        if !parameters.is_region() {
            continue;
        }
        match (parameters.region, parameters.stack_name) {
            (Some(region), Some(stack)) => stacks.push(NamedStack { region, stack }),
            _ => return Err(format!("section {name} has Role=region, and not both of region and stack_name")),
        }
    }
    stacks.sort();
    stacks.dedup();
    Ok(stacks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stack(region: &str) -> NamedStack {
        NamedStack { region: region.to_owned(), stack: "suitecast-region".to_owned() }
    }

    #[test]
    fn the_file_that_suitecast_comes_with_names_its_regions_and_not_the_master() {
        let found = region_stacks(include_str!("../../../samconfig.toml")).unwrap();
        assert_eq!(found, [stack("ap-southeast-2"), stack("eu-west-1"), stack("us-east-1")]);
    }

    #[test]
    fn overrides_may_be_a_list_and_other_sections_do_not_matter() {
        let text = r#"
            version = 0.1
            [default.build.parameters]
            cached = true
            [far.deploy.parameters]
            region = "eu-west-1"
            stack_name = "suitecast-region"
            parameter_overrides = ["MasterRegion=us-east-1", "Role=region"]
        "#;
        assert_eq!(region_stacks(text).unwrap(), [stack("eu-west-1")]);
    }

    #[test]
    fn what_sam_deploy_guided_writes_is_understood() {
        let written = r#"
            version = 0.1
            [default.global.parameters]
            stack_name = "suitecast-region"
            region = "eu-west-1"
            [default.deploy.parameters]
            capabilities = "CAPABILITY_IAM"
            image_repositories = []
            parameter_overrides = "Role=\"region\" MasterBucketName=\"archive-master.example.com\" Suites=\"a Role=b\""
            [far.deploy.parameters]
            stack_name = "suitecast-region"
            region = "us-east-1"
            parameter_overrides = "ParameterKey=MasterRegion,ParameterValue=us-east-1 ParameterKey=Role,ParameterValue=region"
            [listed.deploy.parameters]
            stack_name = "suitecast-region"
            region = "us-west-2"
            parameter_overrides = ["ParameterKey=Role,ParameterValue='region'"]
            [master.deploy.parameters]
            stack_name = "suitecast-master"
            region = "us-east-1"
            parameter_overrides = "Role=\"master\" Note=\"it is no Role=region\""
        "#;
        assert_eq!(region_stacks(written).unwrap(), [stack("eu-west-1"), stack("us-east-1"), stack("us-west-2")]);
    }

    #[test]
    fn a_region_without_a_name_is_told_of() {
        let text = "[far.deploy.parameters]\nstack_name = \"s\"\nparameter_overrides = \"Role=region\"\n";
        assert!(region_stacks(text).unwrap_err().contains("section far"));
        assert!(region_stacks("no = toml =").is_err());
    }
}
