//! The frozen prefix trie: which footprint has an address, over the whole space of both families.
//!
//! Its prefixes are not those of footprints. They cut the space so that only a few [runs](Runs) have addresses
//! in each, and lead to the first of those; a search among the few finds the one, and the prefix that one footprint has
//! whole follows from where the run begins and ends. A trie of each such prefix would be forty times as large, and have
//! the processor wait for memory at every step. Before it stands a [`FirstLevel`], which most addresses need not go past.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ip_network::{IpNetwork, Ipv4Network, Ipv6Network};
use ip_network_table::IpNetworkTable;

use super::first_level::FirstLevel;
use super::runs::Runs;
use super::space::{Address, prefixes};

/// The footprint of an address, by its place in the table's list. 0 is the default.
pub type FootprintId = u32;

pub const DEFAULT: FootprintId = 0;

/// Runs that have addresses in one prefix of the trie, at most.
const MOST_RUNS: usize = 32;

/// The first level has about as many blocks as there are runs, and no narrower ones than these. Of the global routing
/// table half a dozen runs are in one.
const IPV4_BLOCK: u8 = 18;
/// All public addresses are in `2000::/3` so far.
const IPV6_UNICAST: (u128, u128) = (0x2000 << 112, 0x4000 << 112);
const IPV6_BLOCK: u8 = 23;

pub struct Trie {
    /// Disjoint prefixes that cover the space, and the run that the first address of each is in.
    leaves: IpNetworkTable<u32>,
    ipv4: Family<u32>,
    ipv6: Family<u128>,
    prefixes: (usize, usize),
}

/// One address family's runs, and what leads to them without the trie.
struct Family<A> {
    runs: Runs<A>,
    first: FirstLevel<A>,
}

impl<A: Address> Family<A> {
    /// As [`Runs::find`]. The trie is only asked for the leaf that the address is in if the first level does not know.
    fn find(&self, address: A, leaf: impl FnOnce() -> Option<u32>) -> (u8, FootprintId) {
        let among = self.first.runs(address).unwrap_or_else(|| {
            let first = leaf().unwrap_or_default() as usize;
            first..self.runs.as_slice().len().min(first + MOST_RUNS)
        });
        self.runs.find(address, among)
    }
}

impl Trie {
    pub fn new(ipv4: Runs<u32>, ipv6: Runs<u128>) -> Self {
        let mut leaves = IpNetworkTable::new();
        ipv4.cut(MOST_RUNS, |start, length, first| {
            if let Ok(network) = Ipv4Network::new(Ipv4Addr::from_bits(start), length) {
                leaves.insert(network, first as u32);
            }
        });
        ipv6.cut(MOST_RUNS, |start, length, first| {
            if let Ok(network) = Ipv6Network::new(Ipv6Addr::from_bits(start), length) {
                leaves.insert(network, first as u32);
            }
        });
        let blocks = |runs: usize| runs.max(1).ilog2() as u8;
        let ipv4_block = IPV4_BLOCK.min(blocks(ipv4.as_slice().len()));
        let ipv4_first = FirstLevel::new(&ipv4, 0, u32::MAX, ipv4_block);
        let (start, end) = (IPV6_UNICAST.0, IPV6_UNICAST.1 - 1);
        // Four times as many, as most of the space is empty.
        let ipv6_block = IPV6_BLOCK.min(3 + 2 + blocks(ipv6.as_slice().len()));
        let ipv6_first = FirstLevel::new(&ipv6, start, end, ipv6_block);
        let prefixes = (ipv4.prefixes(), ipv6.prefixes());
        let ipv4 = Family { runs: ipv4, first: ipv4_first };
        let ipv6 = Family { runs: ipv6, first: ipv6_first };
        Self { leaves, ipv4, ipv6, prefixes }
    }

    /// The widest prefix around the address that one footprint has whole, and that footprint.
    pub fn find(&self, address: IpAddr) -> (IpNetwork, FootprintId) {
        match address {
            IpAddr::V4(v4) => {
                let leaf = || Some(*self.leaves.longest_match_ipv4(v4)?.1);
                let (length, footprint) = self.ipv4.find(v4.to_bits(), leaf);
                let network = Ipv4Network::new_truncate(v4, length).unwrap_or(Ipv4Network::DEFAULT_ROUTE);
                (network.into(), footprint)
            }
            IpAddr::V6(v6) => {
                let leaf = || Some(*self.leaves.longest_match_ipv6(v6)?.1);
                let (length, footprint) = self.ipv6.find(v6.to_bits(), leaf);
                let network = Ipv6Network::new_truncate(v6, length).unwrap_or(Ipv6Network::DEFAULT_ROUTE);
                (network.into(), footprint)
            }
        }
    }

    /// How many disjoint prefixes the footprints have: IPv4, IPv6.
    pub fn len(&self) -> (usize, usize) {
        self.prefixes
    }

    /// All of those, in order.
    pub fn iter(&self) -> impl Iterator<Item = (IpNetwork, FootprintId)> {
        let ipv4 = self.ipv4.runs.segments().flat_map(|run| prefixes(run).map(move |prefix| (prefix, run.value)));
        let ipv6 = self.ipv6.runs.segments().flat_map(|run| prefixes(run).map(move |prefix| (prefix, run.value)));
        let ipv4 = ipv4.filter_map(|((start, length), footprint)| {
            Some((Ipv4Network::new(Ipv4Addr::from_bits(start), length).ok()?.into(), footprint))
        });
        let ipv6 = ipv6.filter_map(|((start, length), footprint)| {
            Some((Ipv6Network::new(Ipv6Addr::from_bits(start), length).ok()?.into(), footprint))
        });
        ipv4.chain(ipv6)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::table::space::Segment;

    /// Segments that cover the space, from where they begin.
    fn segments<A: Address>(begins: BTreeMap<A, FootprintId>) -> Vec<Segment<A>> {
        let begins: Vec<_> = begins.into_iter().filter(|(start, _)| *start > A::ZERO).collect();
        let starts = [(A::ZERO, DEFAULT)].into_iter().chain(begins.iter().copied());
        let ends = begins.iter().map(|(start, _)| start.previous()).chain([A::MAX]);
        starts.zip(ends).map(|((start, value), end)| Segment { start, end, value }).collect()
    }

    /// What each segment's own prefixes say of the addresses around both of its ends, and the trie of the same.
    fn compare<A: Address>(
        segments: &[Segment<A>],
        trie: &Trie,
        network: impl Fn(A, u8) -> IpNetwork,
    ) -> Result<(), TestCaseError> {
        for segment in segments {
            for (start, length) in prefixes(*segment) {
                let expected = (network(start, length), segment.value);
                for address in [start, start.block_end(A::BITS - length)] {
                    let address = network(address, A::BITS).network_address();
                    prop_assert_eq!(trie.find(address), expected, "{}", address);
                }
            }
        }
        Ok(())
    }

    fn ipv4(start: u32, length: u8) -> IpNetwork {
        Ipv4Network::new(Ipv4Addr::from_bits(start), length).unwrap().into()
    }

    fn ipv6(start: u128, length: u8) -> IpNetwork {
        Ipv6Network::new(Ipv6Addr::from_bits(start), length).unwrap().into()
    }

    /// Half of them where the first level is.
    fn ipv6_place() -> impl Strategy<Value = u128> {
        prop_oneof![any::<u128>(), any::<u128>().prop_map(|place| IPV6_UNICAST.0 | place >> 3)]
    }

    proptest! {
        /// Crowded in some places, so that the trie has many prefixes there, and empty in others.
        #[test]
        fn every_address_is_found_in_its_widest_prefix(
            crowds4 in prop::collection::vec((any::<u32>(), 0u32..24, 0u32..200), 0..6),
            crowds6 in prop::collection::vec((ipv6_place(), 0u32..120, 0u128..200), 0..6),
            edge in prop_oneof![Just(u128::MAX), Just(1), Just(IPV6_UNICAST.1), Just(IPV6_UNICAST.0), any::<u128>()],
        ) {
            let crowd4 = crowds4.iter().flat_map(|(at, bits, count)| {
                (0..*count).map(move |step| (at.wrapping_add(step.wrapping_mul(7) << bits), step % 5))
            });
            let crowd6 = crowds6.iter().flat_map(|(at, bits, count)| {
                (0..*count).map(move |step| (at.wrapping_add(step.wrapping_mul(7) << bits), step as u32 % 5))
            });
            let ipv4_segments = segments(crowd4.chain([(edge as u32, 9)]).collect());
            let ipv6_segments = segments(crowd6.chain([(edge, 9)]).collect());
            let trie = Trie::new(Runs::new(&ipv4_segments), Runs::new(&ipv6_segments));
            compare(&ipv4_segments, &trie, ipv4)?;
            compare(&ipv6_segments, &trie, ipv6)?;
            let listed: Vec<_> = trie.iter().collect();
            prop_assert_eq!(trie.len().0 + trie.len().1, listed.len());
            for (network, footprint) in listed {
                prop_assert_eq!(trie.find(network.network_address()), (network, footprint));
            }
        }
    }

    #[test]
    fn where_one_footprint_has_everything_the_prefix_is_the_whole_space() {
        let trie = Trie::new(Runs::new(&segments(BTreeMap::new())), Runs::new(&segments(BTreeMap::new())));
        assert_eq!(trie.len(), (1, 1));
        assert_eq!(trie.find(Ipv4Addr::BROADCAST.into()), (ipv4(0, 0), DEFAULT));
        assert_eq!(trie.find(Ipv6Addr::LOCALHOST.into()), (ipv6(0, 0), DEFAULT));
    }
}
