//! The frozen prefix trie: disjoint prefixes that cover the whole space of both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};
use ip_network_table::IpNetworkTable;

use super::space::{Segment, prefixes};

/// The footprint of an address, by its place in the table's list. 0 is the default.
pub type FootprintId = u32;

pub const DEFAULT: FootprintId = 0;

pub struct Trie {
    networks: IpNetworkTable<FootprintId>,
    ipv4: usize,
    ipv6: usize,
}

impl Trie {
    /// Builds from segments that cover each family's space.
    pub fn new(ipv4: &[Segment<u32>], ipv6: &[Segment<u128>]) -> Self {
        let mut networks = IpNetworkTable::with_capacity(ipv4.len(), ipv6.len());
        for segment in ipv4 {
            for (start, length) in prefixes(*segment) {
                if let Ok(network) = Ipv4Network::new(Ipv4Addr::from_bits(start), length) {
                    networks.insert(network, segment.value);
                }
            }
        }
        for segment in ipv6 {
            for (start, length) in prefixes(*segment) {
                if let Ok(network) = Ipv6Network::new(Ipv6Addr::from_bits(start), length) {
                    networks.insert(network, segment.value);
                }
            }
        }
        let (ipv4, ipv6) = networks.len();
        Self { networks, ipv4, ipv6 }
    }

    /// The one prefix that holds the address, and its footprint.
    pub fn find(&self, address: IpAddr) -> (IpNetwork, FootprintId) {
        match address {
            IpAddr::V4(v4) => self
                .networks
                .longest_match_ipv4(v4)
                .map_or((Ipv4Network::DEFAULT_ROUTE.into(), DEFAULT), |(network, id)| (network.into(), *id)),
            IpAddr::V6(v6) => self
                .networks
                .longest_match_ipv6(v6)
                .map_or((Ipv6Network::DEFAULT_ROUTE.into(), DEFAULT), |(network, id)| (network.into(), *id)),
        }
    }

    /// How many prefixes there are: IPv4, IPv6.
    pub fn len(&self) -> (usize, usize) {
        (self.ipv4, self.ipv6)
    }

    pub fn iter(&self) -> impl Iterator<Item = (IpNetwork, FootprintId)> {
        self.networks.iter().map(|(network, id)| (network, *id))
    }
}
