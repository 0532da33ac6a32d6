//! Sets of addresses: exact, whatever prefixes they were written in.
//!
//! A set is kept as ranges that neither overlap nor touch, so that two lists which admit the same addresses are the same
//! set. Written out, it is the fewest prefixes that hold these addresses, neither one more nor one less, and none that is
//! wider than [`WIDEST_V4`] or [`WIDEST_V6`].

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};
use thiserror::Error;

/// The widest IPv4 prefix that a policy may admit, by its length: S3's Block Public Access calls a policy public whose
/// `aws:SourceIp` is broader than /8 ("The meaning of 'public'" in S3's User Guide).
pub const WIDEST_V4: u8 = 8;

/// The same for IPv6: broader than /32 is public.
pub const WIDEST_V6: u8 = 32;

/// A prefix that a policy may admit: a network without host bits, and not one that Block Public Access calls public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix(IpNet);

/// A text that is no such prefix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrefixError {
    /// It is no network.
    #[error("{text:?} is no network: write 192.0.2.0/24 or 2001:db8::/32")]
    NotANetwork {
        /// The text, cut.
        text: String,
    },
    /// Its address has bits behind the prefix.
    #[error("{text} has bits behind its length: the network is {network}")]
    HostBits {
        /// The text.
        text: String,
        /// What was probably meant.
        network: IpNet,
    },
    /// Block Public Access would call it public.
    #[error(
        "{text} is wider than /{widest}: S3 calls a policy public that admits it (Block Public Access), so it is never \
         admitted; name narrower networks"
    )]
    TooWide {
        /// The text.
        text: String,
        /// The widest length of its family.
        widest: u8,
    },
}

impl Prefix {
    /// Whether it is of IPv4.
    pub fn is_v4(self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }
}

/// Characters of a text that an error shows.
const MAX_CHARACTERS_SHOWN: usize = 64;

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let network: IpNet = text
            .parse()
            .map_err(|_| PrefixError::NotANetwork { text: text.chars().take(MAX_CHARACTERS_SHOWN).collect() })?;
        if network.trunc() != network {
            return Err(PrefixError::HostBits { text: text.to_owned(), network: network.trunc() });
        }
        let widest = match network {
            IpNet::V4(_) => WIDEST_V4,
            IpNet::V6(_) => WIDEST_V6,
        };
        if network.prefix_len() < widest {
            return Err(PrefixError::TooWide { text: text.to_owned(), widest });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// A set of IPv4 and IPv6 addresses.
///
/// ```
/// use suitecast_access::addresses::AddressSet;
///
/// let halves: AddressSet =
///     ["192.0.2.0/25", "192.0.2.128/25"].iter().map(|text| text.parse().expect("a network")).collect();
/// assert_eq!(halves.prefixes(), ["192.0.2.0/24"]);
/// assert_eq!(halves.v4().addresses(), 256);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    v4: Ranges,
    v6: Ranges,
}

impl FromIterator<Prefix> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for Prefix(network) in prefixes {
            match network {
                IpNet::V4(network) => v4.push(range_of_v4(network)),
                IpNet::V6(network) => v6.push(range_of_v6(network)),
            }
        }
        Self { v4: Ranges::merged(v4), v6: Ranges::merged(v6) }
    }
}

impl AddressSet {
    /// Its IPv4 addresses.
    pub fn v4(&self) -> &Ranges {
        &self.v4
    }

    /// Its IPv6 addresses.
    pub fn v6(&self) -> &Ranges {
        &self.v6
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    /// What is here and not there.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4), v6: self.v6.minus(&other.v6) }
    }

    /// The fewest prefixes that hold these addresses and no others, in order, IPv4 first.
    pub fn prefixes(&self) -> Vec<String> {
        let v4 = self.v4.0.iter().flat_map(|&(first, last)| {
            Ipv4Subnets::new(v4_of(first), v4_of(last), WIDEST_V4).map(|network| network.to_string())
        });
        let v6 = self.v6.0.iter().flat_map(|&(first, last)| {
            Ipv6Subnets::new(Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(last), WIDEST_V6)
                .map(|network| network.to_string())
        });
        v4.chain(v6).collect()
    }
}

/// Ranges of addresses of one family, first and last included, in order; they neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    fn merged(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// How many addresses there are. No overflow: a set of a policy's prefixes holds some hundreds of /32 at the most.
    pub fn addresses(&self) -> u128 {
        self.0.iter().fold(0, |sum: u128, &(first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut taken = other.0.iter().peekable();
        for &(first, last) in &self.0 {
            let mut from = Some(first);
            while let (Some(begin), Some(&&(cut, cut_last))) = (from, taken.peek()) {
                if cut > last {
                    break;
                }
                if cut > begin {
                    left.push((begin, cut - 1));
                }
                if cut_last >= begin {
                    from = cut_last.checked_add(1).filter(|&next| next <= last);
                }
                // What reaches beyond this range may cut the next one, too.
                if cut_last <= last {
                    taken.next();
                }
            }
            if let Some(begin) = from {
                left.push((begin, last));
            }
        }
        Self(left)
    }
}

fn range_of_v4(network: Ipv4Net) -> (u128, u128) {
    (network.network().to_bits().into(), network.broadcast().to_bits().into())
}

fn range_of_v6(network: Ipv6Net) -> (u128, u128) {
    (network.network().to_bits(), network.broadcast().to_bits())
}

/// An IPv4 address of a range; all of them came from IPv4 networks.
fn v4_of(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
