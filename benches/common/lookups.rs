//! Lookups that are measured: of which addresses, and what stands beside them.
#![allow(dead_code, reason = "each benchmark uses its own part of this")]
#![allow(clippy::expect_used, reason = "a benchmark ends at the first surprise")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use croupier::table::Table;
use croupier::table::answer::Renderer;
use croupier::table::footprint::Footprint;
use croupier::table::trie::DEFAULT;
use ip_network::IpNetwork;
use prefix_trie::PrefixMap;

use super::tables::Random;

/// Enough addresses that their paths through a trie don't all stay in the cache.
const ADDRESSES: usize = 1 << 16;

/// The same footprints in the `prefix-trie` crate, as a measure: the prefixes as they are listed if all are CIDRs, or
/// else the table's own disjoint ones.
#[derive(Default)]
struct Peer {
    ipv4: PrefixMap<(u32, u8), u32>,
    ipv6: PrefixMap<(u128, u8), u32>,
}

impl Peer {
    fn of(table: &Table) -> Self {
        let mut peer = Self::default();
        let listed = table.footprints.iter().zip(0..).skip(1).map(|((footprint, _), id)| match footprint {
            Footprint::Ipv4Cidr(v4) => Some((IpNetwork::V4(v4), id)),
            Footprint::Ipv6Cidr(v6) => Some((IpNetwork::V6(v6), id)),
            _ => None,
        });
        let listed: Option<Vec<_>> = listed.collect();
        for (network, id) in listed.unwrap_or_else(|| table.trie.iter().collect()) {
            match network {
                IpNetwork::V4(v4) => _ = peer.ipv4.insert((v4.network_address().to_bits(), v4.netmask()), id),
                IpNetwork::V6(v6) => _ = peer.ipv6.insert((v6.network_address().to_bits(), v6.netmask()), id),
            }
        }
        peer
    }

    fn find(&self, ip: IpAddr) -> u32 {
        match ip {
            IpAddr::V4(v4) => self.ipv4.get_lpm(&(v4.to_bits(), 32)).map_or(DEFAULT, |(_, id)| *id),
            IpAddr::V6(v6) => self.ipv6.get_lpm(&(v6.to_bits(), 128)).map_or(DEFAULT, |(_, id)| *id),
        }
    }
}

/// Random addresses of the unicast spaces.
fn addresses(ipv6: bool) -> Vec<IpAddr> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut draw = || -> IpAddr {
        if ipv6 {
            let high = [0x2001, 0x2400, 0x2600, 0x2a00][random.below(4) as usize] + random.below(16);
            Ipv6Addr::from_bits(u128::from(high << 48 | random.below(1 << 48)) << 64 | u128::from(random.next())).into()
        } else {
            Ipv4Addr::from_bits(0x0100_0000 + random.below(0xdf00_0000) as u32).into()
        }
    };
    (0..ADDRESSES).map(|_| draw()).collect()
}

/// Times what one address costs at each step, in both families: `trie` and `ipv4` are named with `between` between them.
pub fn measure(group: &mut BenchmarkGroup<'_, WallTime>, table: &Table, between: &str) {
    let peer = Peer::of(table);
    let renderer = Renderer::new(table, 1);
    for (family, addresses) in [("ipv4", addresses(false)), ("ipv6", addresses(true))] {
        for ip in &addresses {
            assert_eq!(peer.find(*ip), table.trie.find(*ip).1, "{ip}");
        }
        let name = |step: &str| format!("{step}{between}{family}");
        each(group, &name("decide"), &addresses, |ip| table.decide(*ip).cdns.len());
        each(group, &name("trie"), &addresses, |ip| table.trie.find(*ip).1 as usize);
        each(group, &name("prefix-trie"), &addresses, |ip| peer.find(*ip) as usize);
        each(group, &name("decide-and-render"), &addresses, |ip| renderer.json(&table.decide(*ip), table.ttl).len());
        let decisions: Vec<_> = addresses.iter().map(|ip| table.decide(*ip)).collect();
        each(group, &name("render"), &decisions, |decision| renderer.json(decision, table.ttl).len());
    }
}

/// Times one call on the next of many.
fn each<T>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, many: &[T], call: impl Fn(&T) -> usize) {
    let mut next = many.iter().cycle();
    let mut step = || call(next.next().expect("a cycle does not end"));
    group.bench_function(name, |bencher| bencher.iter(|| black_box(step())));
}
