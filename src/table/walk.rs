//! Two tries side by side: the address space cut into regions in which both say the same of every
//! address. Neither trie is copied.
//!
//! At each address both are asked for their prefix. Prefixes nest or are disjoint, so the narrower
//! one is the region, and the walk goes on after it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};

use super::mix::Subnet;
use super::trie::{FootprintId, Trie};

pub const IPV4: IpNetwork = IpNetwork::V4(Ipv4Network::DEFAULT_ROUTE);
/// `::ffff:0:0/96` is never looked up as IPv6. That is 2^-48 of one of 2^48 subnets: it is counted
/// like its neighbours.
pub const IPV6: IpNetwork = IpNetwork::V6(Ipv6Network::DEFAULT_ROUTE);

/// Addresses that have one footprint in the old trie and one in the new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub network: IpNetwork,
    pub old: FootprintId,
    pub new: FootprintId,
}

impl Region {
    /// See [`size`].
    pub fn size(&self) -> f64 {
        size(self.network)
    }

    /// How many subnets it reaches into, counting a part as one.
    pub fn subnets(&self) -> u64 {
        let length = Subnet::length(self.network.network_address());
        1 << length.saturating_sub(self.network.netmask())
    }

    pub fn each_subnet(&self) -> impl Iterator<Item = Subnet> {
        Subnet::through(self.network.network_address(), last(self.network))
    }
}

/// How large a prefix is: in addresses (IPv4), or in /48s and parts of one (IPv6).
pub fn size(network: IpNetwork) -> f64 {
    let unit = if network.is_ipv4() { 32 } else { i32::from(Subnet::IPV6_LENGTH) };
    2_f64.powi(unit - i32::from(network.netmask()))
}

/// The regions of a prefix, in order of address.
pub struct Walk<'t> {
    old: Cursor<'t>,
    new: Cursor<'t>,
    within: IpNetwork,
    at: Option<IpAddr>,
}

impl<'t> Walk<'t> {
    pub fn new(old: &'t Trie, new: &'t Trie, within: IpNetwork) -> Self {
        let first = within.network_address();
        Self { old: Cursor::new(old, first), new: Cursor::new(new, first), within, at: Some(first) }
    }
}

impl Iterator for Walk<'_> {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        let at = self.at?;
        self.old.go_to(at);
        self.new.go_to(at);
        let narrower = |one: IpNetwork, other: IpNetwork| if one.netmask() < other.netmask() { other } else { one };
        let network = narrower(narrower(self.old.network, self.new.network), self.within);
        self.at = after(network).filter(|next| self.within.contains(*next));
        Some(Region { network, old: self.old.footprint, new: self.new.footprint })
    }
}

/// A trie and its prefix at an address.
struct Cursor<'t> {
    trie: &'t Trie,
    network: IpNetwork,
    footprint: FootprintId,
}

impl<'t> Cursor<'t> {
    fn new(trie: &'t Trie, at: IpAddr) -> Self {
        let (network, footprint) = trie.find(at);
        Self { trie, network, footprint }
    }

    fn go_to(&mut self, at: IpAddr) {
        if !self.network.contains(at) {
            (self.network, self.footprint) = self.trie.find(at);
        }
    }
}

fn last(network: IpNetwork) -> IpAddr {
    match network {
        IpNetwork::V4(v4) => v4.broadcast_address().into(),
        IpNetwork::V6(v6) => v6.last_address().into(),
    }
}

/// The first address after a prefix, unless it ends the space.
fn after(network: IpNetwork) -> Option<IpAddr> {
    match network {
        IpNetwork::V4(v4) => {
            v4.broadcast_address().to_bits().checked_add(1).map(|next| Ipv4Addr::from_bits(next).into())
        }
        IpNetwork::V6(v6) => v6.last_address().to_bits().checked_add(1).map(|next| Ipv6Addr::from_bits(next).into()),
    }
}
