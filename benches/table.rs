//! What a table costs: to compile, to ask, and to render its answers.
//!
//! Two tables: the default one, and a generated one as large as the global routing table. Beside
//! the lookups stands plain longest-prefix matching with the `prefix-trie` crate, as a measure.
//! Run it with `cargo bench --bench table`; every draw has a fixed seed.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

#[path = "common/tables.rs"]
mod tables;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use croupier::table::Table;
use croupier::table::answer::Renderer;
use croupier::table::footprint::Footprint;
use croupier::table::trie::DEFAULT;
use ip_network::IpNetwork;
use prefix_trie::PrefixMap;
use tables::{Random, default_table, generated_table};

/// Enough addresses that their paths through the trie don't all stay in the cache.
const ADDRESSES: usize = 1 << 16;

/// The same footprints in another trie: the prefixes as they are listed if all are CIDRs, or else the
/// table's own disjoint ones.
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

/// Times one call on the next address of many.
fn each(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, addresses: &[IpAddr], call: impl Fn(IpAddr) -> usize) {
    let mut next = addresses.iter().cycle();
    let mut step = || call(*next.next().expect("a cycle does not end"));
    group.bench_function(name, |bencher| bencher.iter(|| black_box(step())));
}

fn bench(criterion: &mut Criterion) {
    for (name, written) in [("default", default_table()), ("generated", generated_table(0, 0))] {
        let table = written.compile(written.inputs());
        let (ipv4, ipv6) = table.trie.len();
        eprintln!("the {name} table: {} footprints, {ipv4} IPv4 and {ipv6} IPv6 prefixes", table.footprints.len());

        let mut group = criterion.benchmark_group(format!("{name}/compile"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
        group.bench_function("table", |bencher| {
            bencher.iter_batched(|| written.inputs(), |inputs| written.compile(inputs), BatchSize::PerIteration);
        });
        group.finish();

        let peer = Peer::of(&table);
        let renderer = Renderer::new(&table, 1);
        let mut group = criterion.benchmark_group(format!("{name}/lookup"));
        group.sample_size(50).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_millis(1500));
        for (family, addresses) in [("ipv4", addresses(false)), ("ipv6", addresses(true))] {
            for ip in &addresses {
                assert_eq!(peer.find(*ip), table.trie.find(*ip).1, "{ip}");
            }
            each(&mut group, &format!("decide/{family}"), &addresses, |ip| table.decide(ip).cdns.len());
            each(&mut group, &format!("trie/{family}"), &addresses, |ip| table.trie.find(ip).1 as usize);
            each(&mut group, &format!("prefix-trie/{family}"), &addresses, |ip| peer.find(ip) as usize);
            each(&mut group, &format!("decide-and-render/{family}"), &addresses, |ip| {
                renderer.json(&table.decide(ip), table.ttl).len()
            });
            let decisions: Vec<_> = addresses.iter().map(|ip| table.decide(*ip)).collect();
            let mut next = decisions.iter().cycle();
            let mut step = || renderer.json(next.next().expect("a cycle does not end"), table.ttl).len();
            group.bench_function(format!("render/{family}"), |bencher| bencher.iter(|| black_box(step())));
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
