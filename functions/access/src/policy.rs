//! The policy of a region bucket: what is written into it, and what of it is somebody else's.
//!
//! Of a bucket's policy those statements are Suitecast's whose `Sid` begins with [`OWN_SID`]; they are written anew each
//! time. All others, the policy's `Version` and its `Id` are the operator's and stay as they are.
//!
//! Readers may get objects, and list the bucket: without the right to list, S3 answers 403 for an absent key, and apt
//! stumbles over that. Where they come from is one statement for each way of knowing it, since conditions of one statement
//! must all hold and a request through a VPC endpoint carries no source address.
//!
//! `.suitecast/` is private. No allowing statement can leave it out, so a denying one takes it away from everybody but the
//! bucket's own account, whose functions and operators have their own rights. A listing by its prefix is denied in the same
//! way. A listing of the whole bucket cannot be: it would have to be told from the question whether a key is absent, and no
//! condition does. So the names of private objects can be listed, and what they hold cannot be read.

use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::addresses::{AddressSet, Prefix};
use crate::ip_ranges::SyncToken;
use crate::readers::{Area, OwnReaders, RegionBucket, ResourceId};

/// Largest policy of a bucket, in bytes: S3's own limit of 20 KB.
pub const MAX_POLICY_BYTES: usize = 20 << 10;

/// How the names of Suitecast's own statements begin.
pub const OWN_SID: &str = "Suitecast";

const INSTANCES_OF_REGION: &str = "SuitecastInstancesOfRegion";
const INSTANCES_OF_AWS: &str = "SuitecastInstancesOfAws";
const NETWORKS: &str = "SuitecastNetworks";
const VPCS: &str = "SuitecastVpcs";
const VPC_ENDPOINTS: &str = "SuitecastVpcEndpoints";
const EVERYONE: &str = "SuitecastEveryone";
const PRIVATE_OBJECTS: &str = "SuitecastPrivateObjects";
const PRIVATE_LISTINGS: &str = "SuitecastPrivateListings";

/// What readers may do: read, and be told that something is absent.
const READ: [&str; 2] = ["s3:GetObject", "s3:ListBucket"];

/// The language that a new policy is written in. One that stands keeps its own, or its variables would change their meaning.
const VERSION: &str = "2012-10-17";

/// Amazon's instances, as a policy lists them. The statement's name says which they are and when Amazon published them, so
/// that both are replaced in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// Whose they are.
    pub area: Area,
    /// When their list was published.
    pub sync_token: SyncToken,
    /// Their addresses.
    pub addresses: AddressSet,
}

/// Whom a policy admits beside the operator's own readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// These instances.
    Instances(Instances),
    /// Everyone.
    Everyone,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    principal: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// Suitecast's own statements.
pub fn statements(bucket: &RegionBucket, admitted: &Admitted, own: &OwnReaders) -> Vec<Value> {
    let mut statements = match admitted {
        Admitted::Everyone => vec![allow(bucket, EVERYONE.to_owned(), None)],
        Admitted::Instances(instances) => {
            let sid = format!("{}{}", sid_of(instances.area), instances.sync_token);
            let mut statements = vec![allow(bucket, sid, Some(from_addresses(&instances.addresses)))];
            if !own.networks.is_empty() {
                statements.push(allow(bucket, NETWORKS.to_owned(), Some(from_addresses(&own.networks))));
            }
            for (sid, key, ids) in
                [(VPCS, "aws:SourceVpc", &own.vpcs), (VPC_ENDPOINTS, "aws:SourceVpce", &own.vpc_endpoints)]
            {
                if !ids.is_empty() {
                    let ids: Vec<&str> = ids.iter().map(ResourceId::as_str).collect();
                    let condition = json!({"StringEquals": {key: ids}});
                    statements.push(allow(bucket, sid.to_owned(), Some(condition)));
                }
            }
            statements
        }
    };
    statements.extend(denied(bucket));
    statements.iter().map(|statement| json!(statement)).collect()
}

fn sid_of(area: Area) -> &'static str {
    match area {
        Area::Region => INSTANCES_OF_REGION,
        Area::Aws => INSTANCES_OF_AWS,
    }
}

fn allow(bucket: &RegionBucket, sid: String, condition: Option<Value>) -> Statement {
    let arn = arn(bucket);
    let resource = vec![format!("{arn}/*"), arn];
    Statement { sid, effect: "Allow", principal: "*", action: READ.to_vec(), resource, condition }
}

fn from_addresses(addresses: &AddressSet) -> Value {
    json!({"IpAddress": {"aws:SourceIp": addresses.prefixes()}})
}

/// What nobody from outside may do. Who is not signed in has no account, which is not equal to the bucket's either.
fn denied(bucket: &RegionBucket) -> [Statement; 2] {
    let arn = arn(bucket);
    let deny = |sid: &str, action, resource, condition| Statement {
        sid: sid.to_owned(),
        effect: "Deny",
        principal: "*",
        action: vec![action],
        resource: vec![resource],
        condition: Some(condition),
    };
    let another_account = json!({"aws:PrincipalAccount": bucket.account});
    [
        deny(
            PRIVATE_OBJECTS,
            "s3:GetObject",
            format!("{arn}/.suitecast/*"),
            json!({"StringNotEquals": another_account.clone()}),
        ),
        deny(
            PRIVATE_LISTINGS,
            "s3:ListBucket",
            arn.clone(),
            json!({"StringNotEquals": another_account, "StringLike": {"s3:prefix": ".suitecast*"}}),
        ),
    ]
}

fn arn(bucket: &RegionBucket) -> String {
    format!("arn:{}:s3:::{}", bucket.partition, bucket.name)
}

/// The policy that a bucket has, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingPolicy {
    /// Everything but the statements.
    frame: Map<String, Value>,
    /// The operator's statements.
    foreign: Vec<Value>,
    /// Suitecast's.
    own: Vec<Value>,
}

/// A policy that cannot be taken apart, and hence not changed without losing something of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the policy that stands cannot be read ({detail}); it was written by somebody else: mend or delete it")]
pub struct StandingPolicyError {
    detail: String,
}

/// The instances that a policy admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandingInstances {
    /// It lists none.
    None,
    /// These.
    Listed(Instances),
    /// Suitecast's own statement was changed by somebody else.
    Unreadable {
        /// Its name.
        sid: String,
        /// When its list was published, if that can still be read.
        sync_token: Option<SyncToken>,
    },
}

impl StandingPolicy {
    /// Reads a policy; `None` is a bucket without one.
    ///
    /// # Errors
    /// It is no policy.
    pub fn parse(text: Option<&str>) -> Result<Self, StandingPolicyError> {
        let bad = |detail: String| StandingPolicyError { detail };
        let Some(text) = text else {
            let frame = Map::from_iter([("Version".to_owned(), json!(VERSION))]);
            return Ok(Self { frame, foreign: Vec::new(), own: Vec::new() });
        };
        let mut frame: Map<String, Value> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let statements = match frame.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            // One statement may stand without its list.
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(bad("it has no statements".to_owned())),
        };
        if !statements.iter().all(Value::is_object) {
            return Err(bad("one of its statements is no object".to_owned()));
        }
        let (own, foreign) = statements.into_iter().partition(|statement| sid(statement).starts_with(OWN_SID));
        Ok(Self { frame, foreign, own })
    }

    /// The same policy with other statements of Suitecast's.
    #[must_use]
    pub fn with(&self, own: Vec<Value>) -> Self {
        Self { frame: self.frame.clone(), foreign: self.foreign.clone(), own }
    }

    /// The policy as S3 takes it.
    pub fn document(&self) -> Value {
        let mut document = self.frame.clone();
        document.insert("Statement".to_owned(), Value::Array([self.foreign.as_slice(), &self.own].concat()));
        Value::Object(document)
    }

    /// Size of the statements that are not Suitecast's, in bytes.
    pub fn foreign_bytes(&self) -> usize {
        self.foreign.iter().map(|statement| statement.to_string().len()).sum()
    }

    /// Whether both say the same: S3 may answer with one value in the place of a list of one, and in another order.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        normal(self.document()) == normal(other.document())
    }

    /// The instances that it admits.
    pub fn instances(&self) -> StandingInstances {
        let mut listed = self.own.iter().filter_map(|statement| {
            let sid = sid(statement);
            [Area::Region, Area::Aws]
                .into_iter()
                .find_map(|area| sid.strip_prefix(sid_of(area)).map(|token| (statement, sid, area, token)))
        });
        let Some((statement, sid, area, token)) = listed.next() else { return StandingInstances::None };
        let sync_token = SyncToken::parse(token);
        match (sync_token, addresses(statement), listed.next()) {
            (Some(sync_token), Some(addresses), None) => {
                StandingInstances::Listed(Instances { area, sync_token, addresses })
            }
            _ => StandingInstances::Unreadable { sid: sid.to_owned(), sync_token },
        }
    }

    /// Whether Suitecast's statements admit everyone.
    pub fn admits_everyone(&self) -> bool {
        self.own.iter().any(|statement| sid(statement) == EVERYONE)
    }

    /// All addresses that Suitecast's statements list, as far as they can be read.
    pub fn admitted_addresses(&self) -> AddressSet {
        self.own.iter().flat_map(prefixes).flatten().collect()
    }

    /// Suitecast's statements by name, and what each says. The date of a list of instances is no part of its name: a newer list
    /// is a change of the older one.
    pub fn own_statements(&self) -> Vec<(String, Value)> {
        let named = |statement: &Value| {
            let sid = sid(statement);
            let undated = [INSTANCES_OF_REGION, INSTANCES_OF_AWS].into_iter().find(|name| sid.starts_with(name));
            let name = undated.unwrap_or(sid).to_owned();
            let mut says = statement.clone();
            says.as_object_mut().and_then(|fields| fields.remove("Sid"));
            (name, normal(says))
        };
        self.own.iter().map(named).collect()
    }
}

fn sid(statement: &Value) -> &str {
    statement.get("Sid").and_then(Value::as_str).unwrap_or_default()
}

/// The prefixes of a statement that admits by address; `None` for each that cannot be read.
fn prefixes(statement: &Value) -> Vec<Option<Prefix>> {
    let read = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    match statement.pointer("/Condition/IpAddress/aws:SourceIp") {
        Some(Value::Array(values)) => values.iter().map(read).collect(),
        Some(value) => vec![read(value)],
        None => Vec::new(),
    }
}

/// The addresses of a statement, if all of them can be read.
fn addresses(statement: &Value) -> Option<AddressSet> {
    let addresses: AddressSet = prefixes(statement).into_iter().collect::<Option<_>>()?;
    (!addresses.is_empty()).then_some(addresses)
}

/// A policy's value with its lists in order, and lists of one as their value: to the policy language it is the same.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.into_iter().map(normal).collect();
            values.sort_by_cached_key(Value::to_string);
            if values.len() == 1 { values.swap_remove(0) } else { Value::Array(values) }
        }
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, normal(value))).collect()),
        other => other,
    }
}
