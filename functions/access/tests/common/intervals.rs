//! Prefixes as intervals of numbers, computed from their text: no line of it is shared with what is tested.

use std::net::IpAddr;

/// First and last address of a prefix, and whether it is of IPv4.
pub(crate) fn interval(text: &str) -> (bool, u128, u128) {
    let (address, length) = text.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    let (is_v4, bits, number) = match address.parse().unwrap() {
        IpAddr::V4(address) => (true, 32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (false, 128, u128::from(address)),
    };
    let behind = if bits - length == 128 { u128::MAX } else { (1_u128 << (bits - length)) - 1 };
    assert_eq!(number & behind, 0, "{text} has host bits");
    (is_v4, number, number | behind)
}

/// The union of prefixes, family by family, as disjoint intervals in order.
pub(crate) fn union<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<(bool, u128, u128)> {
    let mut intervals: Vec<_> = texts.into_iter().map(interval).collect();
    intervals.sort_unstable();
    let mut union: Vec<(bool, u128, u128)> = Vec::new();
    for (is_v4, first, last) in intervals {
        if let Some(before) = union.last_mut()
            && before.0 == is_v4
            && (first <= before.2 || first - before.2 == 1)
        {
            before.2 = before.2.max(last);
            continue;
        }
        union.push((is_v4, first, last));
    }
    union
}

pub(crate) fn holds(union: &[(bool, u128, u128)], is_v4: bool, address: u128) -> bool {
    union.iter().any(|&(family, first, last)| family == is_v4 && first <= address && address <= last)
}

pub(crate) fn address(is_v4: bool, number: u128) -> IpAddr {
    if is_v4 { IpAddr::V4(u32::try_from(number).unwrap().into()) } else { IpAddr::V6(number.into()) }
}
