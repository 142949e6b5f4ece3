//! The tables that are measured: the default one, and generated ones as large as the global routing
//! table. Every draw has a fixed seed.
#![allow(dead_code, reason = "each benchmark uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use croupier::table::{Inputs, Manifest, Problems, Table, compile};

/// Of the largest table that is a promise's measure.
const PREFIXES: usize = 1_200_000;
const MIXES: usize = 12;

/// A table's document and the files that it names.
pub struct Written {
    manifest: String,
    files: HashMap<String, Vec<u8>>,
}

impl Written {
    pub fn inputs(&self) -> Inputs {
        Inputs { files: self.files.clone(), digest: "bench".to_owned(), limit: 1 << 30 }
    }

    pub fn compile(&self, inputs: Inputs) -> Table {
        let mut problems = Problems::new();
        let manifest = Manifest::parse("table.json", &self.manifest, &mut problems).expect("a manifest");
        let table = compile(manifest, inputs, &mut problems);
        table.unwrap_or_else(|| panic!("{:#?}", problems.shown().first()))
    }
}

pub fn default_table() -> Written {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"));
    let manifest = std::fs::read_to_string(dir.join("cdn-table.json")).expect("the default table");
    let mut problems = Problems::new();
    let parsed = Manifest::parse("table.json", &manifest, &mut problems).expect("a manifest");
    let bytes = |path: &String| std::fs::read(dir.join(path)).expect("a file of the default table");
    Written { files: parsed.files().map(|file| (file.path.clone(), bytes(&file.path))).collect(), manifest }
}

/// Distinct prefixes with about the lengths of the global routing table, nested where they happen
/// to be, spread over a dozen mixes. Another seed draws other prefixes; `heavier` adds to one CDN's
/// weights.
pub fn generated_table(seed: u64, heavier: u16) -> Written {
    table_of(PREFIXES, seed, heavier)
}

/// Of so many prefixes, a sixth of them IPv6.
pub fn table_of(prefixes: usize, seed: u64, heavier: u16) -> Written {
    let ipv6_prefixes = prefixes / 6;
    let mut random = Random(0x2545_f491_4f6c_dd1d ^ seed);
    let mut files = HashMap::new();
    let mut footprints = String::new();
    let ipv4 = distinct(prefixes - ipv6_prefixes, || {
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
    let ipv6 = distinct(ipv6_prefixes, || {
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
        .map(|mix| {
            format!(
                r#""mix-{mix}":{{"akamai":{},"bidi":{},"cloudfront":20,"fastly":0}}"#,
                40 + mix,
                60 - mix + usize::from(heavier)
            )
        })
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

/// Marsaglia's xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(count)) >> 64) as u64
    }
}
