//! Random tables: small worlds in which prefixes nest, touch and repeat, and datasets overlap.
#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use flate2::read::MultiGzDecoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

/// A table as it is written down.
#[derive(Clone)]
pub struct Sketch {
    pub manifest: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Sketch {
    pub fn file(&self, path: &str) -> Vec<u8> {
        self.files[path].clone()
    }

    pub fn write(&self, dir: &std::path::Path) {
        std::fs::write(dir.join("table.json"), &self.manifest).expect("the manifest can be written");
        for (path, bytes) in &self.files {
            std::fs::write(dir.join(path), bytes).expect("the file can be written");
        }
    }
}

impl fmt::Debug for Sketch {
    /// As text, to read and to copy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.manifest)?;
        for (path, bytes) in &self.files {
            let mut text = String::new();
            let plain = MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).is_err();
            writeln!(f, "--- {path}\n{}", if plain { String::from_utf8_lossy(bytes) } else { text.into() })?;
        }
        Ok(())
    }
}

const CDNS: [&str; 6] = ["akamai", "bidi", "cdn-1", "cdn-2", "Zeta.x", "z"];
const KEYS: u8 = 6;
/// Prefixes gather around these, so that they meet; some lie at the ends of the space.
const IPV4_ANCHORS: [u32; 6] = [0, 0x0a00_0000, 0x0a00_ff40, 0xc000_0280, 0xcb00_71ff, u32::MAX];
const IPV6_ANCHORS: [u128; 6] = [
    0,
    0x2001_0db8 << 96,
    0x2001_0db8_0000_ffff_8000 << 48,
    0x2a00_23c0 << 96 | 0x35,
    0xffff_ffff_ffff << 80,
    u128::MAX,
];

/// A number of the address space: an anchor, cut to a length, and moved by a few blocks of it.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: u128,
    end: u128,
    length: u8,
}

fn block(bits: u8, anchors: &'static [u128], lengths: impl Strategy<Value = u8>) -> impl Strategy<Value = Block> {
    (select(anchors), lengths, -2_i32..=2).prop_map(move |(anchor, length, moved)| {
        let last = u128::MAX >> (128 - bits);
        let host = last.checked_shr(length.into()).unwrap_or(0);
        let size = host.wrapping_add(1);
        let start = (anchor & !host).wrapping_add(size.wrapping_mul(i128::from(moved).cast_unsigned())) & last & !host;
        Block { start, end: start | host, length }
    })
}

fn ipv4_block() -> impl Strategy<Value = Block> {
    static ANCHORS: [u128; 6] = {
        let mut wide = [0; 6];
        let mut index = 0;
        while index < 6 {
            wide[index] = IPV4_ANCHORS[index] as u128;
            index += 1;
        }
        wide
    };
    block(32, &ANCHORS, prop_oneof![1 => Just(0), 4 => 1_u8..=20, 8 => 20_u8..=26, 4 => 27_u8..=32])
}

fn ipv6_block() -> impl Strategy<Value = Block> {
    block(128, &IPV6_ANCHORS, prop_oneof![1 => Just(0), 4 => 1_u8..=40, 8 => 40_u8..=56, 4 => 57_u8..=128])
        .prop_map(|block| if is_mapped(block) { Block { start: 0, end: u128::MAX, length: 0 } } else { block })
}

/// `::ffff:0:0/96` and longer are refused in tables.
fn is_mapped(block: Block) -> bool {
    block.length >= 96 && Ipv6Addr::from(block.start).to_ipv4_mapped().is_some()
}

/// A dataset's range: a block, or from the one end of a block to an end of another.
fn range(blocks: impl Strategy<Value = Block> + Clone) -> impl Strategy<Value = (u128, u128)> {
    (blocks.clone(), blocks, any::<bool>()).prop_map(|(one, other, whole)| {
        if whole { (one.start, one.end) } else { (one.start.min(other.end), one.start.max(other.end)) }
    })
}

/// No answer changes amid `::ffff:0:0/96`, which is never looked up.
fn ipv6_range() -> impl Strategy<Value = (u128, u128)> {
    let mapped = 0xffff_0000_0000_u128..=0xffff_ffff_ffff;
    range(ipv6_block().boxed()).prop_map(move |(start, end)| {
        (if mapped.contains(&start) { 0 } else { start }, if mapped.contains(&end) { *mapped.end() } else { end })
    })
}

#[derive(Debug, Clone)]
struct Prefix {
    block: Block,
    mix: usize,
    in_file: bool,
    twice: bool,
}

fn prefixes(most: usize, blocks: impl Strategy<Value = Block>) -> impl Strategy<Value = Vec<Prefix>> {
    let prefix = (blocks, any::<usize>(), any::<bool>(), prop::bool::weighted(0.1));
    vec(prefix.prop_map(|(block, mix, in_file, twice)| Prefix { block, mix, in_file, twice }), 0..=most).prop_map(
        |mut prefixes| {
            let mut seen = BTreeSet::new();
            prefixes.retain(|prefix| seen.insert((prefix.block.start, prefix.block.length)));
            prefixes
        },
    )
}

/// Rows of a dataset: IPv4 or IPv6, the range, the key's number, the file's.
type Row = (bool, (u128, u128), u8, usize);

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let ipv4 = (Just(false), range(ipv4_block().boxed()), 0..KEYS, 0_usize..2);
    let ipv6 = (Just(true), ipv6_range(), 0..KEYS, 0_usize..2);
    vec(prop_oneof![ipv4, ipv6], 0..=most)
}

/// Tables of up to `most` prefixes of each family and ranges of each dataset.
pub fn sketch(most: usize) -> impl Strategy<Value = Sketch> {
    let weight = prop_oneof![Just(0_u16), Just(1), 2_u16..100, Just(u16::MAX)];
    let mixes = vec(vec(proptest::option::of(weight), CDNS.len()), 1..5);
    let claims = || proptest::array::uniform6(proptest::option::of(any::<usize>()));
    let prefixes = (prefixes(most, ipv4_block()), prefixes(most, ipv6_block()));
    (mixes, prefixes, (rows(most), claims()), (rows(most), claims()), any::<usize>()).prop_map(
        |(mixes, (ipv4, ipv6), asn, country, default)| Parts { mixes, ipv4, ipv6, asn, country, default }.write(),
    )
}

struct Parts {
    mixes: Vec<Vec<Option<u16>>>,
    ipv4: Vec<Prefix>,
    ipv6: Vec<Prefix>,
    asn: (Vec<Row>, [Option<usize>; 6]),
    country: (Vec<Row>, [Option<usize>; 6]),
    default: usize,
}

impl Parts {
    fn write(self) -> Sketch {
        let mut files = BTreeMap::new();
        let mut footprints = Vec::new();
        self.write_prefixes("ipv4cidr", &self.ipv4, &mut footprints, &mut files, |number| {
            Ipv4Addr::from(number as u32).to_string()
        });
        self.write_prefixes("ipv6cidr", &self.ipv6, &mut footprints, &mut files, |number| {
            Ipv6Addr::from(number).to_string()
        });
        let (rows, claims) = &self.asn;
        write_rows("asn", rows, &mut files, |key| u32::from(key).pow(9).to_string());
        self.write_claims("asn", claims, &mut footprints, |key| format!("as{}", u32::from(key).pow(9)));
        let (rows, claims) = &self.country;
        write_rows("country", rows, &mut files, |key| format!("X{}", char::from(b'A' + key)));
        self.write_claims("countrycode", claims, &mut footprints, |key| format!("x{}", char::from(b'a' + key)));
        let mixes: serde_json::Map<_, _> = self.mixes.iter().enumerate().map(written_mix).collect();
        let cdns: serde_json::Map<_, _> = CDNS
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "url": format!("https://{name}.example/") })))
            .collect();
        let manifest = json!({
            "version": "sketch", "ttl": 60, "cdns": cdns, "mixes": mixes, "footprints": footprints,
            "default": self.mix(self.default),
            "datasets": { "asn": ["asn-0.csv", "asn-1.csv"], "countrycode": ["country-0.csv", "country-1.csv"] },
        });
        Sketch { manifest: manifest.to_string(), files }
    }

    fn mix(&self, number: usize) -> String {
        format!("mix-{}", number % self.mixes.len())
    }

    fn write_prefixes(
        &self,
        kind: &str,
        prefixes: &[Prefix],
        footprints: &mut Vec<serde_json::Value>,
        files: &mut BTreeMap<String, Vec<u8>>,
        address: impl Fn(u128) -> String,
    ) {
        for mix in 0..self.mixes.len() {
            let of_mix = || prefixes.iter().filter(|prefix| prefix.mix % self.mixes.len() == mix);
            let written = |prefix: &Prefix| format!("{}/{}", address(prefix.block.start), prefix.block.length);
            let inline: Vec<String> = of_mix().filter(|prefix| !prefix.in_file || prefix.twice).map(written).collect();
            let lines: String = of_mix().filter(|prefix| prefix.in_file || prefix.twice).fold(
                String::from("# a comment\n\n"),
                |mut lines, prefix| {
                    writeln!(lines, " {} # why", written(prefix)).expect("text can be written");
                    lines
                },
            );
            let mut footprint = json!({ "footprint-type": kind, "footprint-value": inline, "mix": self.mix(mix) });
            if lines.contains("why") {
                let path = format!("{kind}-{mix}.txt");
                footprint["footprint-file"] = json!(path);
                files.insert(path, lines.into_bytes());
            }
            footprints.push(footprint);
        }
    }

    fn write_claims(
        &self,
        kind: &str,
        claims: &[Option<usize>; 6],
        footprints: &mut Vec<serde_json::Value>,
        key: impl Fn(u8) -> String,
    ) {
        for (number, mix) in claims.iter().zip(0..).filter_map(|(mix, number)| Some((number, (*mix)?))) {
            let footprint = json!({ "footprint-type": kind, "footprint-value": [key(number)], "mix": self.mix(mix) });
            footprints.push(footprint);
        }
    }
}

fn written_mix((number, weights): (usize, &Vec<Option<u16>>)) -> (String, serde_json::Value) {
    let mut mix: serde_json::Map<_, _> =
        CDNS.iter().zip(weights).filter_map(|(name, weight)| Some(((*name).to_owned(), json!((*weight)?)))).collect();
    if mix.values().all(|weight| weight == 0) {
        mix.insert(CDNS[number % CDNS.len()].to_owned(), json!(7));
    }
    (format!("mix-{number}"), mix.into())
}

/// Two files, the second one packed. Each begins with a row of an unclaimed key: a dataset without
/// rows is an error.
fn write_rows(kind: &str, rows: &[Row], files: &mut BTreeMap<String, Vec<u8>>, key: impl Fn(u8) -> String) {
    for file in 0..2 {
        let mut csv = format!("start,end,{kind}\n198.18.{file}.0,198.18.{file}.255,{}\n", key(KEYS));
        for (_, (start, end), number, _) in rows.iter().filter(|row| !row.0 && row.3 == file) {
            let (start, end) = (Ipv4Addr::from(*start as u32), Ipv4Addr::from(*end as u32));
            writeln!(csv, "{start},{end},{}", key(*number)).expect("text can be written");
        }
        for (_, (start, end), number, _) in rows.iter().filter(|row| row.0 && row.3 == file) {
            let (start, end) = (Ipv6Addr::from(*start), Ipv6Addr::from(*end));
            writeln!(csv, "{start},{end},{}", key(*number)).expect("text can be written");
        }
        let bytes = if file == 0 { csv.into_bytes() } else { gzip(csv.as_bytes()) };
        files.insert(format!("{kind}-{file}.csv"), bytes);
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("bytes can be packed")
}
