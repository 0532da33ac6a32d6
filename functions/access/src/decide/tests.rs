#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;
use suitecast_store::BucketName;

use super::*;
use crate::readers::{networks, vpc_endpoints, vpcs};

const PUBLISHED: u64 = 1_700_000_000;

fn ranges(sync_token: u64, prefixes: &[&str]) -> Wanted {
    ranges_of(Area::Region, sync_token, prefixes)
}

fn ranges_of(area: Area, sync_token: u64, prefixes: &[&str]) -> Wanted {
    let list = |is_v4: bool, field: &str| -> Vec<Value> {
        let of_family = prefixes.iter().filter(|prefix| prefix.contains('.') == is_v4);
        let entry = |prefix: &&str| json!({field: prefix, "region": "eu-west-1", "service": "EC2"});
        // Something of another service, so that neither list is empty.
        let other = json!({field: if is_v4 { "203.0.113.0/24" } else { "2001:db8:ffff::/48" }, "region": "eu-west-1", "service": "S3"});
        of_family.map(entry).chain([other]).collect()
    };
    let document = json!({"syncToken": sync_token.to_string(), "createDate": "", "prefixes": list(true, "ip_prefix"),
        "ipv6_prefixes": list(false, "ipv6_prefix")});
    Wanted::Instances { area, ranges: IpRanges::parse(document.to_string().as_bytes()).unwrap() }
}

/// One look: each test changes what it is about.
struct Look {
    wanted: Wanted,
    own: OwnReaders,
    standing: Option<String>,
    now: u64,
    force: bool,
}

impl Look {
    fn at(wanted: Wanted) -> Self {
        Self { wanted, own: OwnReaders::default(), standing: None, now: PUBLISHED + 100, force: false }
    }

    fn over(self, standing: &str) -> Self {
        Self { standing: Some(standing.to_owned()), ..self }
    }

    fn own(self, own: OwnReaders) -> Self {
        Self { own, ..self }
    }

    fn forced(self) -> Self {
        Self { force: true, ..self }
    }

    fn decide(&self) -> Decision {
        let bucket = RegionBucket {
            name: BucketName::parse("eu-west-1.archive.example.com").unwrap(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
        };
        decide(&Seen {
            bucket: &bucket,
            wanted: &self.wanted,
            own: &self.own,
            standing: self.standing.as_deref(),
            now: self.now,
            force: self.force,
        })
    }

    fn applied(&self) -> Proposal {
        match self.decide() {
            Decision::Apply(proposal) => proposal,
            other => panic!("not applied: {other:?}"),
        }
    }

    fn refused(&self) -> Refusal {
        match self.decide() {
            Decision::Refuse { refusal, .. } => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// Ten networks of 256 addresses, apart from one another.
const TEN: [&str; 10] = [
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.0.4.0/24",
    "192.0.6.0/24",
    "192.0.8.0/24",
    "192.0.10.0/24",
    "192.0.12.0/24",
    "192.0.14.0/24",
    "192.0.16.0/24",
    "192.0.18.0/24",
];

fn at(readership: &Readership) -> &Addresses {
    let Readership::At(addresses) = readership else { panic!("{readership:?}") };
    addresses
}

#[test]
fn a_bucket_without_a_policy_gets_one_and_a_second_look_finds_it_in_step() {
    let first = Look::at(ranges(PUBLISHED, &TEN)).applied();
    assert_eq!(first.sync_token, Some(SyncToken::from_seconds(PUBLISHED)));
    let again = Look::at(ranges(PUBLISHED, &TEN)).over(&first.text).decide();
    let Decision::InStep(proposal) = again else { panic!("{again:?}") };
    assert_eq!(
        proposal.difference,
        Difference {
            admitted: shown(&AddressSet::default()),
            locked_out: shown(&AddressSet::default()),
            ..Difference::default()
        }
    );
}

#[test]
fn what_s3_may_write_otherwise_is_in_step_all_the_same() {
    let own = || OwnReaders { vpcs: vpcs("vpc-01234567").unwrap(), ..OwnReaders::default() };
    let first = Look::at(ranges(PUBLISHED, &["192.0.2.0/24"])).own(own()).applied();
    let one_for_a_list =
        first.text.replace("[\"192.0.2.0/24\"]", "\"192.0.2.0/24\"").replace("[\"vpc-01234567\"]", "\"vpc-01234567\"");
    assert_ne!(one_for_a_list, first.text);
    let mut turned: Value = serde_json::from_str(&one_for_a_list).unwrap();
    turned["Statement"].as_array_mut().unwrap().reverse();
    let decision = Look::at(ranges(PUBLISHED, &["192.0.2.0/24"])).own(own()).over(&turned.to_string()).decide();
    assert!(matches!(decision, Decision::InStep(_)), "{decision:?}");
}

#[test]
fn an_older_list_is_never_applied_not_even_by_force() {
    let standing = Look::at(ranges(PUBLISHED, &TEN)).applied().text;
    let older = Look::at(ranges(PUBLISHED - 1, &TEN)).over(&standing);
    let refusal = older.refused();
    assert!(matches!(refusal, Refusal::Older { .. }), "{refusal}");
    assert!(matches!(older.forced().refused(), Refusal::Older { .. }));
    // A newer one with the same addresses is: the next older one is then told by it.
    let newer = Look::at(ranges(PUBLISHED + 1, &TEN)).over(&standing).applied();
    assert!(newer.difference.statements_changed.is_empty(), "{:?}", newer.difference);
    assert!(matches!(Look::at(ranges(PUBLISHED, &TEN)).over(&newer.text).refused(), Refusal::Older { .. }));
}

#[test]
fn a_list_from_the_far_future_is_refused() {
    let mut look = Look::at(ranges(PUBLISHED, &TEN)).forced();
    look.now = PUBLISHED - MAX_SECONDS_AHEAD;
    look.applied();
    look.now -= 1;
    let refusal = look.refused();
    assert_eq!(refusal, Refusal::Ahead { found: SyncToken::from_seconds(PUBLISHED), seconds: MAX_SECONDS_AHEAD + 1 });
}

#[test]
fn a_tenth_may_be_locked_out_and_not_one_address_more() {
    let standing = Look::at(ranges(PUBLISHED, &TEN)).applied().text;
    let nine = Look::at(ranges(PUBLISHED + 1, &TEN[1..])).over(&standing).applied();
    assert_eq!(at(&nine.difference.locked_out).prefixes, [TEN[0]]);
    assert_eq!(at(&nine.difference.locked_out).ipv4_addresses, "256");
    let mut one_less = TEN[1..].to_vec();
    one_less[0] = "192.0.2.0/25";
    let more = [
        "192.0.2.128/26",
        "192.0.2.192/27",
        "192.0.2.224/28",
        "192.0.2.240/29",
        "192.0.2.248/30",
        "192.0.2.252/31",
        "192.0.2.254/32",
    ];
    one_less.extend(more);
    let refused = Look::at(ranges(PUBLISHED + 1, &one_less)).over(&standing);
    assert_eq!(refused.refused(), Refusal::LocksOut { family: "IPv4", lost: 257, of: 2560 });
    assert!(refused.refused().to_string().contains("dry_run"));
    assert_eq!(at(&refused.forced().applied().difference.locked_out).ipv4_addresses, "257");
}

#[test]
fn the_families_are_counted_apart() {
    // Of 2^96 addresses of IPv6 the 256 of IPv4 would be nothing, and the other way round.
    let both = Look::at(ranges(PUBLISHED, &["192.0.2.0/24", "2600::/32"])).applied().text;
    for (left, family) in [(&["2600::/32"], "IPv4"), (&["192.0.2.0/24"], "IPv6")] {
        let refusal = Look::at(ranges(PUBLISHED + 1, left)).over(&both).refused();
        assert!(matches!(refusal, Refusal::LocksOut { family: found, .. } if found == family), "{refusal}");
    }
    let nine_tenths = "2600:0:e000::/35,2600:0:c000::/35,2600:0:a000::/35,2600:0:8000::/35,2600::/34,2600:0:4000::/35,2600:0:6000::/36,2600:0:7000::/37";
    let kept: Vec<&str> = nine_tenths.split(',').chain(["192.0.2.0/24"]).collect();
    Look::at(ranges(PUBLISHED + 1, &kept)).over(&both).applied();
}

/// Whoever trusts the difference must not be told that instances are locked out when everyone comes, nor that nobody is when
/// everyone goes.
#[test]
fn who_comes_and_goes_with_everyone_is_told() {
    let own = || OwnReaders { networks: networks("198.51.0.0/16").unwrap(), ..OwnReaders::default() };
    let nobody = shown(&AddressSet::default());
    let region = Look::at(ranges(PUBLISHED, &TEN)).own(own()).applied();
    let everyone = Look::at(Wanted::Everyone).own(own()).over(&region.text).applied();
    assert_eq!(everyone.difference.admitted, Readership::EveryoneElse);
    assert_eq!(everyone.difference.locked_out, nobody);
    let back = Look::at(ranges(PUBLISHED, &TEN)).own(own()).over(&everyone.text).applied();
    assert_eq!((&back.difference.admitted, &back.difference.locked_out), (&nobody, &Readership::EveryoneElse));
    let text = serde_json::to_value(&back.difference).unwrap();
    assert_eq!((&text["locked_out"], &text["admitted"]["ipv4_addresses"]), (&json!("everyone_else"), &json!("0")));
    // To a bucket without a policy.
    assert_eq!(Look::at(Wanted::Everyone).applied().difference.admitted, Readership::EveryoneElse);
}

#[test]
fn what_the_operator_says_needs_no_force() {
    let own = |text: &str| OwnReaders { networks: networks(text).unwrap(), ..OwnReaders::default() };
    let standing = Look::at(ranges(PUBLISHED, &TEN)).own(own("198.51.0.0/16")).applied().text;
    // Networks of the operator's own go, however many addresses that are.
    let without = Look::at(ranges(PUBLISHED, &TEN)).over(&standing).applied();
    assert_eq!(without.difference.statements_removed, ["SuitecastNetworks"]);
    assert_eq!(at(&without.difference.locked_out).prefixes, ["198.51.0.0/16"]);
    // From everyone, or from all Regions, to the Region.
    let everyone = Look::at(Wanted::Everyone).over(&standing).applied();
    assert_eq!(everyone.difference.statements_added, ["SuitecastEveryone"]);
    Look::at(ranges(PUBLISHED, &["192.0.2.0/24"])).over(&everyone.text).applied();
    let aws = Look::at(ranges_of(Area::Aws, PUBLISHED, &TEN)).applied();
    Look::at(ranges(PUBLISHED, &["192.0.2.0/24"])).over(&aws.text).applied();
    // What leaves Amazon's list and is the operator's own network is not locked out.
    Look::at(ranges(PUBLISHED + 1, &TEN[5..])).own(own("192.0.0.0/20")).over(&standing).applied();
}

#[test]
fn a_statement_of_ours_that_somebody_changed_is_not_overwritten_without_force() {
    let standing = Look::at(ranges(PUBLISHED, &TEN)).applied().text;
    for changed in [
        standing.replace("192.0.2.0/24", "0.0.0.0/0"),
        standing.replace("192.0.2.0/24", "${aws:SourceIp}"),
        standing.replace("aws:SourceIp", "aws:VpcSourceIp"),
        standing.replace("SuitecastInstancesOfRegion1700000000", "SuitecastInstancesOfRegion"),
    ] {
        let look = Look::at(ranges(PUBLISHED, &TEN)).over(&changed);
        assert!(matches!(look.refused(), Refusal::ChangedByHand { .. }), "{changed}");
        look.forced().applied();
    }
    // Its date still counts, by force or without.
    let changed = standing.replace("192.0.2.0/24", "0.0.0.0/0");
    assert!(matches!(Look::at(ranges(PUBLISHED - 1, &TEN)).over(&changed).forced().refused(), Refusal::Older { .. }));
}

#[test]
fn a_policy_that_cannot_be_read_stays() {
    for standing in ["", "{", "[]", "{}", r#"{"Statement":"x"}"#, r#"{"Statement":["x"]}"#] {
        let look = Look::at(ranges(PUBLISHED, &TEN)).over(standing).forced();
        assert!(matches!(look.refused(), Refusal::Standing(_)), "{standing:?}");
    }
}

#[test]
fn a_policy_too_large_is_refused_by_how_many_bytes_and_whose_they_are() {
    let theirs = |bytes: usize| json!({"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "a".repeat(bytes)});
    let look = |bytes| {
        let standing = json!({"Version": "2012-10-17", "Statement": [theirs(bytes)]});
        Look::at(ranges(PUBLISHED, &TEN)).over(&standing.to_string()).forced()
    };
    let free = MAX_POLICY_BYTES - look(1).applied().text.len();
    assert_eq!(look(1 + free).applied().text.len(), MAX_POLICY_BYTES);
    let refusal = look(2 + free).refused();
    let Refusal::TooLarge { bytes, over: 1, foreign, .. } = refusal else { panic!("{refusal}") };
    assert_eq!((bytes, foreign), (MAX_POLICY_BYTES + 1, theirs(2 + free).to_string().len()));
}

#[test]
fn statements_of_others_stay_to_the_letter() {
    let theirs = json!({
        "Version": "2008-10-17",
        "Id": "theirs",
        "Statement": [
            {"Sid": "TlsOnly", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": ["s3:PutObject"],
             "Resource": "arn:aws:s3:::x/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "s3:GetObject",
             "Resource": "arn:aws:s3:::x/${aws:username}/*"},
        ],
    });
    let own = OwnReaders { vpc_endpoints: vpc_endpoints("vpce-01234567").unwrap(), ..OwnReaders::default() };
    let with_ours = Look::at(ranges(PUBLISHED, &TEN)).own(own).over(&theirs.to_string()).applied();
    let check = |policy: &Value| {
        assert_eq!((&policy["Version"], &policy["Id"]), (&theirs["Version"], &theirs["Id"]));
        assert_eq!(policy["Statement"].as_array().unwrap()[..2], theirs["Statement"].as_array().unwrap()[..]);
    };
    check(&with_ours.policy);
    // And when ours are written anew, beside each other or alone, one statement without its list too.
    check(&Look::at(ranges(PUBLISHED + 1, &TEN)).over(&with_ours.text).applied().policy);
    let alone = json!({"Statement": theirs["Statement"][0]});
    let policy = Look::at(Wanted::Everyone).over(&alone.to_string()).applied().policy;
    assert_eq!(policy["Statement"][0], theirs["Statement"][0]);
    assert_eq!(policy.get("Version"), None, "its language would change with it");
}
