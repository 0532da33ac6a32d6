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
}

#[derive(Deserialize)]
struct Command {
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
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

impl Parameters {
    fn is_region(&self) -> bool {
        let says_so = |text: &String| text.split_whitespace().any(|word| word == "Role=region");
        match &self.parameter_overrides {
            Some(Overrides::Text(text)) => says_so(text),
            Some(Overrides::List(words)) => words.iter().any(says_so),
            None => false,
        }
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
        let Some(parameters) = section.deploy.and_then(|command| command.parameters) else { continue };
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
    fn a_region_without_a_name_is_told_of() {
        let text = "[far.deploy.parameters]\nstack_name = \"s\"\nparameter_overrides = \"Role=region\"\n";
        assert!(region_stacks(text).unwrap_err().contains("section far"));
        assert!(region_stacks("no = toml =").is_err());
    }
}
