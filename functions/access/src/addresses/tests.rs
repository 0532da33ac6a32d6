#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn set(texts: &[&str]) -> AddressSet {
    texts.iter().map(|text| text.parse::<Prefix>().unwrap()).collect()
}

#[test]
fn neighbours_become_one_prefix_and_gaps_stay_gaps() {
    let table: [(&[&str], &[&str]); 6] = [
        (&["192.0.2.0/25", "192.0.2.128/25"], &["192.0.2.0/24"]),
        (&["192.0.2.0/24", "192.0.2.64/26"], &["192.0.2.0/24"]),
        // Neighbours that are not halves of one network.
        (&["192.0.1.0/24", "192.0.2.0/24"], &["192.0.1.0/24", "192.0.2.0/24"]),
        (&["192.0.2.0/26", "192.0.2.128/25"], &["192.0.2.0/26", "192.0.2.128/25"]),
        (&["2001:db8::/33", "2001:db8:8000::/33", "192.0.2.7/32"], &["192.0.2.7/32", "2001:db8::/32"]),
        (&[], &[]),
    ];
    for (given, written) in table {
        assert_eq!(set(given).prefixes(), written);
    }
}

#[test]
fn two_halves_of_what_would_be_public_stay_two() {
    assert_eq!(set(&["12.0.0.0/8", "13.0.0.0/8"]).prefixes(), ["12.0.0.0/8", "13.0.0.0/8"]);
    assert_eq!(set(&["2600::/32", "2600:1::/32"]).prefixes(), ["2600::/32", "2600:1::/32"]);
}

#[test]
fn the_ends_of_the_address_space_are_addresses_like_others() {
    let ends = set(&["0.0.0.0/8", "255.0.0.0/8", "::/32", "ffff:ffff::/32"]);
    assert_eq!(ends.prefixes(), ["0.0.0.0/8", "255.0.0.0/8", "::/32", "ffff:ffff::/32"]);
    assert_eq!(ends.v4().addresses(), 2 << 24);
    assert_eq!(ends.minus(&set(&["255.255.255.255/32", "ffff:ffff:ffff::/48"])).v4().addresses(), (2 << 24) - 1);
    assert!(ends.minus(&ends).is_empty());
}
