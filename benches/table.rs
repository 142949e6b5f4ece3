//! What a table costs: to compile, to ask, and to render its answers.
//!
//! Two tables: the default one, and a generated one as large as the global routing table. Beside
//! the lookups stands plain longest-prefix matching with the `prefix-trie` crate, as a measure.
//! Run it with `cargo bench --bench table`; every draw has a fixed seed.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use croupier::table::answer::Renderer;
use croupier::table::footprint::Footprint;
use croupier::table::trie::DEFAULT;
use croupier::table::{Inputs, Manifest, Problems, Table, compile};
use ip_network::IpNetwork;
use prefix_trie::PrefixMap;

const IPV4_PREFIXES: usize = 1_000_000;
const IPV6_PREFIXES: usize = 200_000;
const MIXES: usize = 12;
/// Enough addresses that their paths through the trie don't all stay in the cache.
const ADDRESSES: usize = 1 << 16;

/// A table's document and the files that it names.
struct Written {
    manifest: String,
    files: HashMap<String, Vec<u8>>,
}

impl Written {
    fn inputs(&self) -> Inputs {
        Inputs { files: self.files.clone(), digest: "bench".to_owned(), limit: 1 << 30 }
    }

    fn compile(&self, inputs: Inputs) -> Table {
        let mut problems = Problems::new();
        let manifest = Manifest::parse("table.json", &self.manifest, &mut problems).expect("a manifest");
        let table = compile(manifest, inputs, &mut problems);
        table.unwrap_or_else(|| panic!("{:#?}", problems.shown().first()))
    }
}

fn default_table() -> Written {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"));
    let manifest = std::fs::read_to_string(dir.join("cdn-table.json")).expect("the default table");
    let mut problems = Problems::new();
    let parsed = Manifest::parse("table.json", &manifest, &mut problems).expect("a manifest");
    let bytes = |path: &String| std::fs::read(dir.join(path)).expect("a file of the default table");
    Written { files: parsed.files().map(|file| (file.path.clone(), bytes(&file.path))).collect(), manifest }
}

/// Distinct prefixes with about the lengths of the global routing table, nested where they happen
/// to be, spread over a dozen mixes.
fn generated_table() -> Written {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut files = HashMap::new();
    let mut footprints = String::new();
    let ipv4 = distinct(IPV4_PREFIXES, || {
        let length = match random.below(100) {
            0..60 => 24,
            60..70 => 23,
            70..80 => 22,
            80..85 => 20,
            _ => 16 + random.below(6) as u32,
        };
        // Most of the unicast space, from 1.0.0.0 on.
        let bits = 0x0100_0000 + random.below(0xdf00_0000) as u32;
        (Ipv4Addr::from_bits(bits & u32::MAX << (32 - length)).into(), length)
    });
    let ipv6 = distinct(IPV6_PREFIXES, || {
        let length = match random.below(100) {
            0..45 => 48,
            45..65 => 32,
            _ => 29 + random.below(16) as u32,
        };
        // Four registries' blocks, so that prefixes nest.
        let block = [0x2001, 0x2400, 0x2600, 0x2a00][random.below(4) as usize] + random.below(16);
        let bits = u128::from(block << 48 | random.below(1 << 48)) << 64;
        (Ipv6Addr::from_bits(bits & u128::MAX << (128 - length)).into(), length)
    });
    for (kind, prefixes) in [("ipv4cidr", ipv4), ("ipv6cidr", ipv6)] {
        let mut lines = vec![String::new(); MIXES];
        for (index, (address, length)) in prefixes.into_iter().enumerate() {
            writeln!(lines[index % MIXES], "{address}/{length}").expect("text can be written");
        }
        for (mix, lines) in lines.into_iter().enumerate() {
            let file = format!("{kind}-{mix}.txt");
            write!(
                footprints,
                r#"{}{{"footprint-type":"{kind}","footprint-file":"{file}","mix":"mix-{mix}"}}"#,
                if footprints.is_empty() { "" } else { "," }
            )
            .expect("text can be written");
            files.insert(file, lines.into_bytes());
        }
    }
    let mixes: Vec<String> = (0..MIXES)
        .map(|mix| format!(r#""mix-{mix}":{{"akamai":{},"bidi":{},"cloudfront":20,"fastly":0}}"#, 40 + mix, 60 - mix))
        .collect();
    let cdns =
        ["akamai", "bidi", "cloudfront", "fastly"].map(|cdn| format!(r#""{cdn}":{{"url":"https://{cdn}.example/"}}"#));
    let manifest = format!(
        r#"{{"version":"generated","ttl":300,"cdns":{{{}}},"mixes":{{{}}},"footprints":[{footprints}],"default":"mix-0"}}"#,
        cdns.join(","),
        mixes.join(",")
    );
    Written { manifest, files }
}

fn distinct(count: usize, mut draw: impl FnMut() -> (IpAddr, u32)) -> Vec<(IpAddr, u32)> {
    let mut seen = HashSet::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let prefix = draw();
        if seen.insert(prefix) {
            drawn.push(prefix);
        }
    }
    drawn
}

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
            Footprint::Ipv4Cidr(v4) => Some((IpNetwork::V4(*v4), id)),
            Footprint::Ipv6Cidr(v6) => Some((IpNetwork::V6(*v6), id)),
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
    for (name, written) in [("default", default_table()), ("generated", generated_table())] {
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
                renderer.json(&table.decide(ip)).len()
            });
            let decisions: Vec<_> = addresses.iter().map(|ip| table.decide(*ip)).collect();
            let mut next = decisions.iter().cycle();
            let mut step = || renderer.json(next.next().expect("a cycle does not end")).len();
            group.bench_function(format!("render/{family}"), |bencher| bencher.iter(|| black_box(step())));
        }
        group.finish();
    }
}

/// Marsaglia's xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(count)) >> 64) as u64
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
