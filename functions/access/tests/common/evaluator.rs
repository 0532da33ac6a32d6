//! What S3 makes of a bucket policy, for requests that nothing but the policy speaks for.
//!
//! Written from the IAM User Guide ("IAM JSON policy elements", "Condition operators", "Policy evaluation logic"): an explicit
//! denial wins; without an allowing statement nothing is allowed; all operators and keys of a condition must hold, any of a
//! key's values is enough; where a key is absent, an operator does not hold, and a negated one does. What it does not know
//! makes it panic, so that nothing passes for being overlooked.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::Value;

/// A request, as far as policies look at it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    /// Condition keys that the request has, by their name in lower case.
    pub(crate) context: HashMap<&'static str, String>,
}

impl Request {
    pub(crate) fn new(action: &'static str, resource: impl Into<String>) -> Self {
        // For whoever is not signed in, IAM's account is the word `anonymous`.
        let context = HashMap::from([("aws:principalaccount", "anonymous".to_owned())]);
        Self { action, resource: resource.into(), context }
    }

    /// `GET /key`, by an unsigned client.
    pub(crate) fn get(key: &str) -> Self {
        Self::new("s3:GetObject", format!("arn:aws:s3:::{}/{key}", super::BUCKET))
    }

    /// A listing by a prefix.
    pub(crate) fn list(prefix: &str) -> Self {
        Self::absence().with("s3:prefix", prefix)
    }

    /// The question behind a 404: may whoever asks for an absent key know that it is absent?
    pub(crate) fn absence() -> Self {
        Self::new("s3:ListBucket", format!("arn:aws:s3:::{}", super::BUCKET))
    }

    pub(crate) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.context.insert(key, value.to_owned());
        self
    }

    /// From the public network.
    pub(crate) fn from(self, address: IpAddr) -> Self {
        self.with("aws:sourceip", &address.to_string())
    }

    /// Through a gateway endpoint: there is no source address then.
    pub(crate) fn through(self, vpc: &str, endpoint: &str) -> Self {
        self.with("aws:sourcevpc", vpc).with("aws:sourcevpce", endpoint)
    }

    /// Signed by a principal of an account.
    pub(crate) fn signed_by(self, account: &str) -> Self {
        self.with("aws:principalaccount", account)
    }
}

/// Whether the policy allows the request.
pub(crate) fn allows(policy: &Value, request: &Request) -> bool {
    let statements = list(&policy["Statement"]);
    let applies = |effect: &str| {
        statements.iter().any(|statement| statement["Effect"] == effect && statement_applies(statement, request))
    };
    applies("Allow") && !applies("Deny")
}

fn statement_applies(statement: &Value, request: &Request) -> bool {
    for field in statement.as_object().unwrap().keys() {
        let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        assert!(known.contains(&field.as_str()), "the evaluator knows no {field}");
    }
    is_anyone(&statement["Principal"], request)
        && list(&statement["Action"])
            .iter()
            .any(|action| is_like(&text(action).to_lowercase(), &request.action.to_lowercase()))
        && list(&statement["Resource"]).iter().any(|resource| is_like(text(resource), &request.resource))
        && statement.get("Condition").is_none_or(|condition| condition_holds(condition, request))
}

/// Everyone, or one account as a whole.
fn is_anyone(principal: &Value, request: &Request) -> bool {
    let of = if principal.is_string() { principal } else { &principal["AWS"] };
    list(of).iter().any(|principal| {
        let principal = text(principal);
        principal == "*" || principal == format!("arn:aws:iam::{}:root", request.context["aws:principalaccount"])
    })
}

fn condition_holds(condition: &Value, request: &Request) -> bool {
    condition.as_object().unwrap().iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, values)| {
            let found = request.context.get(key.to_lowercase().as_str()).map(String::as_str);
            let any = |holds: fn(&str, &str) -> bool| {
                found.map(|found| list(values).iter().any(|value| holds(text(value), found)))
            };
            match operator.as_str() {
                "IpAddress" => any(is_within).unwrap_or(false),
                "NotIpAddress" => !any(is_within).unwrap_or(false),
                "StringEquals" => any(|value, found| value == found).unwrap_or(false),
                "StringNotEquals" => !any(|value, found| value == found).unwrap_or(false),
                "StringLike" => any(is_like).unwrap_or(false),
                "Bool" => any(|value, found| value == found).unwrap_or(false),
                _ => panic!("the evaluator knows no {operator}"),
            }
        })
    })
}

/// `*` is any number of characters, `?` is one.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| is_like(rest, &text[at..]))
        }
        Some(one) => text.chars().next().is_some_and(|found| {
            (one == '?' || one == found) && is_like(&pattern[one.len_utf8()..], &text[found.len_utf8()..])
        }),
    }
}

fn is_within(prefix: &str, address: &str) -> bool {
    let (network, length) = prefix.split_once('/').expect("a prefix");
    let length: u32 = length.parse().unwrap();
    match (network.parse().unwrap(), address.parse().unwrap()) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let behind = 32 - length;
            u64::from(u32::from(network)) >> behind == u64::from(u32::from(address)) >> behind
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let behind = 128 - length;
            behind == 128 || u128::from(network) >> behind == u128::from(address) >> behind
        }
        _ => false,
    }
}

/// A list's values; one value may stand for a list of one.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
