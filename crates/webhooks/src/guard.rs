//! The destination guard: which addresses a delivery may go to. A pure function over an address,
//! so that the same rule holds when an endpoint is saved and when a name was resolved.
//!
//! Everything that is not globally reachable is refused (IANA special-purpose address registries,
//! RFC 6890), and so is everything that carries another address inside: IPv4 in IPv6, 6to4,
//! Teredo, NAT64. Of IPv6 only the global unicast block `2000::/3` passes at all, so a range that
//! is given out later is refused until somebody looks at it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses, as in `10.1.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// The text is no range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses such as 10.1.0.0/16, with no bits behind the prefix")]
pub struct NotANetwork;

impl Network {
    const fn v4(base: [u8; 4], prefix: u8) -> Self {
        let base = IpAddr::V4(Ipv4Addr::new(base[0], base[1], base[2], base[3]));
        Self { base, prefix }
    }

    const fn v6(first: u16, second: u16, prefix: u8) -> Self {
        let base = IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0));
        Self { base, prefix }
    }

    /// Whether `address` lies in this range. IPv4 ranges hold no IPv6 addresses, mapped ones
    /// included.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                shift == 32 || base.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                shift == 128 || base.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads `address/prefix`, or a lone address. Bits behind the prefix are a mistake of whoever
    /// wrote it.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = text.split_once('/').unzip();
        let base: IpAddr = address.unwrap_or(text).parse().map_err(|_| NotANetwork)?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(text) => text.parse().map_err(|_| NotANetwork)?,
        };
        if prefix > longest {
            return Err(NotANetwork);
        }
        let (bits, behind) = match base {
            IpAddr::V4(base) => (u128::from(base.to_bits()), u32::from(32 - prefix)),
            IpAddr::V6(base) => (base.to_bits(), u32::from(128 - prefix)),
        };
        let mask = 1_u128.checked_shl(behind).map_or(u128::MAX, |bit| bit - 1);
        if bits & mask != 0 {
            return Err(NotANetwork);
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// IPv4 ranges that are not reachable by everybody (IANA IPv4 special-purpose address registry).
const REFUSED_V4: [(Network, &str); 16] = [
    (Network::v4([0, 0, 0, 0], 8), "this network"),
    (Network::v4([10, 0, 0, 0], 8), "private"),
    (Network::v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (Network::v4([127, 0, 0, 0], 8), "loopback"),
    (Network::v4([169, 254, 0, 0], 16), "link-local"),
    (Network::v4([172, 16, 0, 0], 12), "private"),
    (Network::v4([192, 0, 0, 0], 24), "protocol assignments"),
    (Network::v4([192, 0, 2, 0], 24), "documentation"),
    (Network::v4([192, 88, 99, 0], 24), "6to4 relay"),
    (Network::v4([192, 168, 0, 0], 16), "private"),
    (Network::v4([198, 18, 0, 0], 15), "benchmarking"),
    (Network::v4([198, 51, 100, 0], 24), "documentation"),
    (Network::v4([203, 0, 113, 0], 24), "documentation"),
    (Network::v4([224, 0, 0, 0], 4), "multicast"),
    (Network::v4([255, 255, 255, 255], 32), "broadcast"),
    (Network::v4([240, 0, 0, 0], 4), "reserved"),
];

/// The block of IPv6 that is given out to the world (RFC 4291, 2.4). Everything else is refused:
/// `::/96`, mapped IPv4, both NAT64 prefixes, `100::/64`, `5f00::/16`, `fc00::/7`, `fe80::/10`,
/// `fec0::/10`, `ff00::/8`.
const GLOBAL_V6: Network = Network::v6(0x2000, 0, 3);

/// Ranges inside of it that are refused too (IANA IPv6 special-purpose address registry).
const REFUSED_V6: [(Network, &str); 4] = [
    (
        Network::v6(0x2001, 0, 23),
        "protocol assignments, Teredo among them",
    ),
    (Network::v6(0x2001, 0x0db8, 32), "documentation"),
    (Network::v6(0x2002, 0, 16), "6to4"),
    (Network::v6(0x3fff, 0, 20), "documentation"),
];

/// What nobody can allow: link-local ranges hold the credentials of cloud machines
/// (`169.254.169.254`), and the others are no single destination.
const NEVER: [Network; 6] = [
    Network::v4([0, 0, 0, 0], 8),
    Network::v4([169, 254, 0, 0], 16),
    Network::v4([224, 0, 0, 0], 3),
    Network::v6(0, 0, 96),
    Network::v6(0xfe80, 0, 10),
    Network::v6(0xff00, 0, 8),
];

/// Why an address is refused, in words for a log of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public address: {0}")]
pub struct Refused(pub &'static str);

/// Which destinations are allowed: the public ones, and the private ranges that the operator of
/// the installation named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationPolicy {
    private: Vec<Network>,
}

impl DestinationPolicy {
    /// Public addresses and nothing else.
    pub const fn public() -> Self {
        Self { private: Vec::new() }
    }

    /// The same and `private` ranges.
    pub const fn with_private(private: Vec<Network>) -> Self {
        Self { private }
    }

    /// Whether the operator named any private range.
    pub fn names_private(&self) -> bool {
        !self.private.is_empty()
    }

    /// Whether the operator named a private range that holds `address`.
    pub fn is_named(&self, address: IpAddr) -> bool {
        let never = !is_loopback_v6(address) && NEVER.iter().any(|network| network.contains(address));
        !never && self.private.iter().any(|network| network.contains(address))
    }

    /// Whether a delivery may go to `address`.
    pub fn permits(&self, address: IpAddr) -> Result<(), Refused> {
        if self.is_named(address) {
            Ok(())
        } else {
            publicly_reachable(address)
        }
    }
}

fn is_loopback_v6(address: IpAddr) -> bool {
    address == IpAddr::V6(Ipv6Addr::LOCALHOST)
}

/// Whether everybody could reach `address`.
pub fn publicly_reachable(address: IpAddr) -> Result<(), Refused> {
    let (table, outside): (&[(Network, &'static str)], bool) = match address {
        IpAddr::V4(_) => (&REFUSED_V4, false),
        IpAddr::V6(_) => (&REFUSED_V6, !GLOBAL_V6.contains(address)),
    };
    if outside {
        return Err(Refused("outside of global unicast"));
    }
    match table.iter().find(|(network, _)| network.contains(address)) {
        Some((_, name)) => Err(Refused(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
