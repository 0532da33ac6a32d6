//! What readers can do and cannot, as the evaluator has it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::IpAddr;

use common::evaluator::{Request, allows};
use common::{ACCOUNT, amazons_bytes, bucket_in};
use serde_json::{Value, json};
use suitecast_access::decide::{Decision, Seen, Wanted, decide};
use suitecast_access::ip_ranges::IpRanges;
use suitecast_access::readers::{Area, OwnReaders, networks, vpc_endpoints, vpcs};

const REGION: &str = "eu-west-1";
const PRIVATE: &str = ".suitecast/state/0123456789abcdef0123456789abcdef";

fn wanted() -> Wanted {
    Wanted::Instances { area: Area::Region, ranges: IpRanges::parse(&amazons_bytes()).unwrap() }
}

fn policy(wanted: &Wanted, own: &OwnReaders, standing: Option<&str>) -> Value {
    let bucket = bucket_in(REGION);
    match decide(&Seen { bucket: &bucket, wanted, own, standing, now: u64::MAX, force: false }) {
        Decision::Apply(proposal) => proposal.policy,
        other => panic!("not applied: {other:?}"),
    }
}

/// An address that the policy lists.
fn instance(policy: &Value) -> IpAddr {
    let listed = policy["Statement"][0].pointer("/Condition/IpAddress/aws:SourceIp/0").unwrap().as_str().unwrap();
    listed.split_once('/').unwrap().0.parse().unwrap()
}

fn stranger() -> IpAddr {
    "203.0.113.7".parse().unwrap()
}

/// What every reader can do and nobody else.
fn check_reads(policy: &Value, from: impl Fn(Request) -> Request, may: bool) {
    for request in [
        Request::get("dists/bookworm/InRelease"),
        Request::get("pool/main/g/g++/g++_1.0_amd64.deb"),
        // That an absent key is answered 404, and not 403.
        Request::absence(),
        Request::list("dists/"),
        Request::list(""),
    ] {
        assert_eq!(allows(policy, &from(request.clone())), may, "{request:?}");
    }
}

/// What no reader can do, wherever it is.
fn check_private(policy: &Value, from: impl Fn(Request) -> Request) {
    for request in [
        Request::get(PRIVATE),
        Request::get(".suitecast/"),
        Request::list(".suitecast"),
        Request::list(".suitecast/"),
        Request::list(".suitecast/state/"),
    ] {
        assert!(!allows(policy, &from(request.clone())), "{request:?}");
    }
    for action in ["s3:PutObject", "s3:DeleteObject", "s3:GetObjectVersion", "s3:PutObjectAcl", "s3:RestoreObject"] {
        let request = Request { action, ..Request::get("dists/bookworm/InRelease") };
        assert!(!allows(policy, &from(request)), "{action}");
    }
    for action in ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:ListBucketVersions", "s3:DeleteBucket"] {
        assert!(!allows(policy, &from(Request { action, ..Request::absence() })), "{action}");
    }
}

#[test]
fn instances_read_and_learn_what_is_absent_and_see_nothing_private() {
    let policy = policy(&wanted(), &OwnReaders::default(), None);
    let instance = instance(&policy);
    check_reads(&policy, |request| request.from(instance), true);
    check_reads(&policy, |request| request.from(stranger()), false);
    check_reads(&policy, |request| request.through("vpc-01234567", "vpce-01234567"), false);
    check_private(&policy, |request| request.from(instance));
    // Neither does another account of Amazon's that signs its requests.
    check_private(&policy, |request| request.from(instance).signed_by("210987654321"));
}

#[test]
fn the_operators_own_readers_come_by_address_by_vpc_or_by_endpoint() {
    let own = OwnReaders {
        networks: networks("203.0.113.0/28,2001:db8:1::/48").unwrap(),
        vpcs: vpcs("vpc-01234567,vpc-0123456789abcdef0").unwrap(),
        vpc_endpoints: vpc_endpoints("vpce-76543210").unwrap(),
    };
    let policy = policy(&wanted(), &own, None);
    let through = |vpc: &'static str, endpoint: &'static str| move |request: Request| request.through(vpc, endpoint);
    let instance = instance(&policy);
    check_reads(&policy, |request| request.from(instance), true);
    for (address, may) in
        [("203.0.113.15", true), ("203.0.113.16", false), ("2001:db8:1::7", true), ("2001:db8:2::7", false)]
    {
        check_reads(&policy, |request| request.from(address.parse().unwrap()), may);
    }
    check_reads(&policy, through("vpc-01234567", "vpce-11111111"), true);
    check_reads(&policy, through("vpc-0123456789abcdef0", "vpce-11111111"), true);
    check_reads(&policy, through("vpc-99999999", "vpce-76543210"), true);
    check_reads(&policy, through("vpc-99999999", "vpce-11111111"), false);
    check_private(&policy, through("vpc-01234567", "vpce-76543210"));
    check_private(&policy, |request| request.from("203.0.113.1".parse().unwrap()));
}

#[test]
fn everyone_reads_and_nobody_sees_anything_private() {
    let policy = policy(&Wanted::Everyone, &OwnReaders::default(), None);
    check_reads(&policy, |request| request.from(stranger()), true);
    check_reads(&policy, |request| request.through("vpc-01234567", "vpce-01234567"), true);
    check_private(&policy, |request| request.from(stranger()));
}

#[test]
fn the_buckets_own_account_is_denied_nothing() {
    // The functions have rights of their own, which a denial here would take away.
    for wanted in [wanted(), Wanted::Everyone] {
        let policy = policy(&wanted, &OwnReaders::default(), None);
        let mut open = policy.clone();
        // What IAM allows them, as one statement more.
        open["Statement"].as_array_mut().unwrap().push(json!({"Effect": "Allow", "Action": "s3:*",
            "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Resource": "*"}));
        for request in [Request::get(PRIVATE), Request::list(".suitecast/waiting/"), Request::absence()] {
            assert!(allows(&open, &request.clone().signed_by(ACCOUNT)), "{request:?}");
        }
    }
}

#[test]
fn what_others_wrote_into_the_policy_goes_on_to_hold() {
    let standing = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
         "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
         "Action": "s3:GetObject", "Resource": "arn:aws:s3:::eu-west-1.archive.example.com/pool/*"},
    ]});
    let policy = policy(&wanted(), &OwnReaders::default(), Some(&standing.to_string()));
    let instance = instance(&json!({"Statement": [policy["Statement"][2]]}));
    check_reads(&policy, |request| request.from(instance).with("aws:securetransport", "true"), true);
    check_reads(&policy, |request| request.from(instance).with("aws:securetransport", "false"), false);
    let partner = Request::get("pool/a.deb").from(stranger()).signed_by("210987654321");
    assert!(allows(&policy, &partner));
    assert!(!allows(&policy, &partner.with("aws:securetransport", "false")));
}

#[test]
fn the_names_of_private_objects_show_in_a_listing_of_everything() {
    // Not what one would wish: no condition tells such a listing from the question whether a key is absent.
    let policy = policy(&wanted(), &OwnReaders::default(), None);
    let listing = Request::absence().from(instance(&policy));
    assert!(allows(&policy, &listing));
    assert!(!allows(&policy, &Request::get(PRIVATE).from(instance(&policy))), "what they hold stays private");
}

#[test]
fn the_policy_of_a_small_region_reads_as_recorded() {
    let own = OwnReaders {
        networks: networks("203.0.113.0/25,203.0.113.128/25").unwrap(),
        vpcs: vpcs("vpc-0123456789abcdef0").unwrap(),
        vpc_endpoints: vpc_endpoints("vpce-0123456789abcdef0").unwrap(),
    };
    let bucket = bucket_in("sa-west-1");
    let wanted = wanted();
    let seen = Seen { bucket: &bucket, wanted: &wanted, own: &own, standing: None, now: u64::MAX, force: false };
    let Decision::Apply(proposal) = decide(&seen) else { panic!("not applied") };
    let policy = serde_json::to_string_pretty(&proposal.policy).unwrap() + "\n";
    let recorded = include_str!("golden/sa-west-1.json");
    assert!(policy == recorded, "the policy has changed; if that is meant, record it:\n{policy}");
}
