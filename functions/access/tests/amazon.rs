//! Amazon's own document of 22 August 2026: for every Region in it, whom the policy admits is in the list, and the reverse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::collections::BTreeSet;

use common::evaluator::{Request, allows};
use common::intervals::{address, holds, interval, union};
use common::{amazons_bytes, bucket_in, entries, nobody_else};
use serde_json::Value;
use suitecast_access::decide::{Decision, Proposal, Refusal, Seen, Wanted, decide};
use suitecast_access::ip_ranges::IpRanges;
use suitecast_access::policy::MAX_POLICY_BYTES;
use suitecast_access::readers::Area;

/// A day after the document.
const NOW: u64 = 1_787_411_825 + 86_400;

/// Addresses drawn at random for each Region.
const SAMPLES: usize = 2_000;

fn first_policy(area: Area, region: &str, ranges: &IpRanges) -> Decision {
    let wanted = Wanted::Instances { area, ranges: ranges.clone() };
    let seen = Seen {
        bucket: &bucket_in(region),
        wanted: &wanted,
        own: &nobody_else(),
        standing: None,
        now: NOW,
        force: false,
    };
    decide(&seen)
}

fn applied(decision: Decision) -> Proposal {
    match decision {
        Decision::Apply(proposal) => proposal,
        other => panic!("not applied: {other:?}"),
    }
}

fn listed(policy: &Value) -> Vec<&str> {
    let statements = policy["Statement"].as_array().unwrap();
    let values = statements.iter().filter_map(|statement| statement.pointer("/Condition/IpAddress/aws:SourceIp"));
    values.flat_map(|values| values.as_array().unwrap()).map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn every_region_admits_its_instances_and_nobody_else() {
    let bytes = amazons_bytes();
    let ranges = IpRanges::parse(&bytes).unwrap();
    let entries = entries(&bytes);
    assert_eq!(entries.len(), 16_828);
    let regions: BTreeSet<&str> = entries.iter().map(|entry| entry.region.as_str()).collect();
    assert_eq!(regions.len(), 43);
    let seed = 7_u64;
    println!("seed {seed}");
    let mut random = Random(seed);
    let (mut asked, mut largest) = (0_u64, 0);
    for region in regions {
        let of_region = |entry: &&common::Entry| entry.region == region && entry.service == "EC2";
        let wanted = union(entries.iter().filter(of_region).map(|entry| entry.text.as_str()));
        let proposal = applied(first_policy(Area::Region, region, &ranges));
        let policy: Value = serde_json::from_str(&proposal.text).unwrap();
        // As sets, computed apart: what is listed is what is wanted, to the address.
        assert_eq!(union(listed(&policy)), wanted, "{region}");
        let mut ask = |is_v4: bool, number: u128| {
            let asks = Request::get("dists/bookworm/InRelease").from(address(is_v4, number));
            let is_wanted = holds(&wanted, is_v4, number);
            assert_eq!(allows(&policy, &asks), is_wanted, "{region}: {}", address(is_v4, number));
            asked += 1;
        };
        // The edges of every prefix of the Region, whatever its service, and of every one listed.
        let texts = entries.iter().filter(|entry| entry.region == region).map(|entry| entry.text.as_str());
        for text in texts.chain(listed(&policy)) {
            let (is_v4, first, last) = interval(text);
            let end = if is_v4 { u128::from(u32::MAX) } else { u128::MAX };
            let edges =
                [Some(first), Some(last), first.checked_sub(1), last.checked_add(1).filter(|&next| next <= end)];
            edges.into_iter().flatten().for_each(|number| ask(is_v4, number));
        }
        for _ in 0..SAMPLES {
            // Anywhere in a prefix of any Region, and anywhere at all.
            let (is_v4, first, last) = interval(&entries[random.below(entries.len() as u128) as usize].text);
            ask(is_v4, first + random.below(last - first + 1));
            ask(true, random.below(1 << 32));
        }
        let bytes = proposal.text.len();
        largest = largest.max(bytes);
        assert!(bytes <= MAX_POLICY_BYTES, "{region}: {bytes} bytes");
        let (v4, v6) = (listed(&policy).iter().filter(|text| !text.contains(':')).count(), listed(&policy).len());
        println!("{region}: {bytes} bytes, {v4} IPv4 and {} IPv6 prefixes", v6 - v4);
    }
    println!("asked {asked} times; the largest policy has {largest} of {MAX_POLICY_BYTES} bytes");
}

#[test]
fn nothing_listed_is_what_block_public_access_calls_public() {
    let ranges = IpRanges::parse(&amazons_bytes()).unwrap();
    for region in ranges.regions() {
        for text in listed(&applied(first_policy(Area::Region, region, &ranges)).policy) {
            let length: u32 = text.split_once('/').unwrap().1.parse().unwrap();
            assert!(length >= if text.contains(':') { 32 } else { 8 }, "{region}: {text}");
        }
    }
}

#[test]
fn all_regions_together_are_refused_by_how_much_they_are_too_large() {
    let ranges = IpRanges::parse(&amazons_bytes()).unwrap();
    let Decision::Refuse { refusal, proposal: Some(proposal) } = first_policy(Area::Aws, "eu-west-1", &ranges) else {
        panic!("49 KB of addresses were taken");
    };
    let Refusal::TooLarge { bytes, over, .. } = refusal else { panic!("{refusal}") };
    assert_eq!((bytes, over), (proposal.text.len(), proposal.text.len() - MAX_POLICY_BYTES));
    assert!(refusal.to_string().contains(&format!("{over} more than the 20480")), "{refusal}");
    assert!(refusal.to_string().contains("Readers=region"), "{refusal}");
    println!("{refusal}");
}

#[test]
fn a_region_that_the_list_does_not_know_is_refused() {
    let ranges = IpRanges::parse(&amazons_bytes()).unwrap();
    let decision = first_policy(Area::Region, "eu-west-9", &ranges);
    let Decision::Refuse { refusal: refusal @ Refusal::UnknownRegion { .. }, proposal: None } = decision else {
        panic!("{decision:?}")
    };
    assert!(refusal.to_string().contains("eu-west-9"), "{refusal}");
}

/// Without a pattern that matters here, and the same everywhere: xorshift, twice 64 bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u128) -> u128 {
        (u128::from(self.next()) << 64 | u128::from(self.next())) % bound
    }
}
