//! An address to a decision: which footprint, which mix, which CDNs in what order, and for how
//! wide a scope that holds.

use std::net::IpAddr;

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};

use super::beaten::Beaten;
use super::footprint::Footprint;
use super::footprints::Footprints;
use super::manifest::{Canary, Cdn, MixId};
use super::mix::{CdnId, Mix, Order, Subnet};
use super::trie::{DEFAULT, Trie};

/// A compiled table. Immutable; shared by every request that began while it was published.
pub struct Table {
    pub version: String,
    /// Seconds for which an answer may be kept.
    pub ttl: u32,
    /// Names the inputs: equal digests answer alike.
    pub digest: String,
    /// In byte order of name.
    pub cdns: Vec<Cdn>,
    /// In byte order of name.
    pub mixes: Vec<Mix>,
    pub footprints: Footprints,
    /// Those that are listed and have no addresses in the datasets. Sorted.
    pub absent: Vec<Footprint>,
    pub trie: Trie,
    pub beaten: Beaten,
    pub canaries: Vec<Canary>,
}

/// What a table says of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'t> {
    pub address: IpAddr,
    pub scope: IpNetwork,
    pub footprint: Footprint,
    pub mix: &'t Mix,
    pub cdns: Order,
}

impl Table {
    /// Every address gets a decision. IPv4-mapped addresses are expected as IPv4: see
    /// [`client_address`].
    pub fn decide(&self, address: IpAddr) -> Decision<'_> {
        self.decide_by(&self.mixes, address)
    }

    /// The same with other mixes under the same ids.
    pub fn decide_by<'m>(&self, mixes: &'m [Mix], address: IpAddr) -> Decision<'m> {
        let (prefix, id) = self.trie.find(address);
        let (footprint, mix) = self.footprints.get(id);
        let mix = &mixes[usize::from(mix)];
        let scope = if mix.depends_on_subnet() { narrowed(prefix, address) } else { prefix };
        Decision { address, scope, footprint, mix, cdns: mix.order(Subnet::of(address)) }
    }

    /// Whether a footprint is listed and has addresses.
    pub fn has(&self, footprint: Footprint) -> bool {
        self.footprints.id(footprint).is_some() && self.absent.binary_search(&footprint).is_err()
    }

    /// How many footprint values have addresses.
    pub fn values(&self) -> usize {
        self.footprints.len() - 1 - self.absent.len()
    }

    pub fn default_mix(&self) -> MixId {
        self.footprints.get(DEFAULT).1
    }

    pub fn cdn(&self, name: &str) -> Option<CdnId> {
        CdnId::try_from(self.cdns.binary_search_by(|cdn| cdn.name.as_str().cmp(name)).ok()?).ok()
    }

    pub fn mix(&self, name: &str) -> Option<MixId> {
        MixId::try_from(self.mixes.binary_search_by(|mix| mix.name.as_str().cmp(name)).ok()?).ok()
    }

    /// The canaries whose mix is not the one it should be, and what they get instead.
    pub fn failing_canaries(&self) -> impl Iterator<Item = (&Canary, Decision<'_>)> {
        self.canaries
            .iter()
            .map(|canary| (canary, self.decide(canary.address)))
            .filter(|(canary, decision)| self.mixes[usize::from(canary.mix)].name != decision.mix.name)
    }
}

/// The scope of an answer that depends on the subnet: never wider than that.
fn narrowed(prefix: IpNetwork, address: IpAddr) -> IpNetwork {
    let length = Subnet::length(address);
    match (prefix, address) {
        (IpNetwork::V4(network), IpAddr::V4(v4)) if network.netmask() < length => {
            Ipv4Network::new_truncate(v4, length).map_or(prefix, IpNetwork::V4)
        }
        (IpNetwork::V6(network), IpAddr::V6(v6)) if network.netmask() < length => {
            Ipv6Network::new_truncate(v6, length).map_or(prefix, IpNetwork::V6)
        }
        _ => prefix,
    }
}

/// Reads a client's address: IPv4 or IPv6 and nothing else (no zone, port, brackets, white space
/// or leading zeros). An IPv4-mapped IPv6 address is the IPv4 address.
pub fn client_address(written: &str) -> Option<IpAddr> {
    match written.parse().ok()? {
        IpAddr::V6(v6) => Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// A client's address as it may be written down: cut to its subnet, since addresses are personal
/// data.
pub fn anonymous(address: IpAddr) -> IpNetwork {
    let whole = match address {
        IpAddr::V4(_) => IpNetwork::V4(Ipv4Network::DEFAULT_ROUTE),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => return anonymous(IpAddr::V4(v4)),
            None => IpNetwork::V6(Ipv6Network::DEFAULT_ROUTE),
        },
    };
    narrowed(whole, address)
}
