//! Collapsing, over prefixes of all kinds: what comes out holds what went in, to the address, in the fewest prefixes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::intervals::{interval, union};
use proptest::prelude::*;
use suitecast_access::addresses::{AddressSet, Prefix};

/// A prefix, more often than not beside or within another: few bits differ.
fn prefix() -> impl Strategy<Value = String> {
    let v4 = (0_u32..8, 8_u32..=32, any::<u32>()).prop_map(|(high, length, low)| {
        let bits = ((high << 29) | (low & 0x0003_0003)) & (u32::MAX << (32 - length));
        format!("{}/{length}", std::net::Ipv4Addr::from(bits))
    });
    let v6 = (0_u128..4, 32_u32..=128, any::<u128>()).prop_map(|(high, length, low)| {
        let bits = ((high << 96) | (low & 0x3_0000_0003)) & (u128::MAX << (128 - length));
        format!("{}/{length}", std::net::Ipv6Addr::from(bits))
    });
    prop_oneof![v4, v6]
}

fn set(texts: &[String]) -> AddressSet {
    texts.iter().map(|text| text.parse::<Prefix>().unwrap()).collect()
}

fn of(texts: &[String]) -> Vec<(bool, u128, u128)> {
    union(texts.iter().map(String::as_str))
}

proptest! {
    #[test]
    fn neither_an_address_more_nor_less(texts in prop::collection::vec(prefix(), 0..40)) {
        let written = set(&texts).prefixes();
        prop_assert_eq!(of(&written), of(&texts));
        let addresses = |is_v4| -> u128 {
            of(&texts).iter().filter(|range| range.0 == is_v4).map(|&(_, first, last)| last - first + 1).sum()
        };
        prop_assert_eq!(set(&texts).v4().addresses(), addresses(true));
        prop_assert_eq!(set(&texts).v6().addresses(), addresses(false));
    }

    #[test]
    fn the_fewest_prefixes_and_none_that_is_public(texts in prop::collection::vec(prefix(), 0..40)) {
        let written = set(&texts).prefixes();
        let mut halves = std::collections::HashSet::new();
        for text in &written {
            let (is_v4, first, last) = interval(text);
            let length: u32 = text.split_once('/').unwrap().1.parse().unwrap();
            let widest = if is_v4 { 8 } else { 32 };
            prop_assert!(length >= widest, "{} is public", text);
            // Two halves of one network would be one prefix, unless that were public.
            if length > widest {
                let size = last - first + 1;
                prop_assert!(!halves.contains(&(is_v4, first ^ size, size)), "{} and its other half", text);
                halves.insert((is_v4, first, size));
            }
        }
        prop_assert_eq!(set(&written).prefixes(), written.clone());
    }

    #[test]
    fn the_order_and_the_spelling_do_not_matter(texts in prop::collection::vec(prefix(), 0..20)) {
        let mut turned = texts.clone();
        turned.reverse();
        turned.extend(texts.iter().cloned());
        prop_assert_eq!(set(&texts), set(&turned));
    }

    #[test]
    fn what_is_lost_is_what_was_there_and_is_no_more(
        before in prop::collection::vec(prefix(), 0..20),
        after in prop::collection::vec(prefix(), 0..20),
    ) {
        let lost = set(&before).minus(&set(&after));
        let kept = set(&before).minus(&lost);
        // Together they are what was there; the lost ones touch nothing of what is there now.
        prop_assert_eq!(of(&[lost.prefixes(), kept.prefixes()].concat()), of(&before));
        prop_assert_eq!(lost.minus(&set(&after)), lost.clone());
        prop_assert!(kept.minus(&set(&after)).is_empty());
        let sum = lost.v6().addresses() + kept.v6().addresses();
        prop_assert_eq!(sum, set(&before).v6().addresses());
    }
}
