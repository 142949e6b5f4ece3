//! Random tables that differ in one small place only: a /20 and a /44, small enough to ask about
//! every address. Elsewhere a footprint that never changes covers the default.
#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const CDNS: [&str; 6] = ["akamai", "bidi", "cdn-1", "cdn-2", "Zeta.x", "z"];
const MIXES: usize = 3;
/// The finest IPv6 footprints here: every address of one of these gets the same answer.
pub const FINEST: u8 = 56;

/// Where tables differ: the first address of a /20, and of a /44.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub ipv4: u32,
    pub ipv6: u128,
}

pub fn place() -> impl Strategy<Value = Place> {
    let ipv4 = prop_oneof![Just(0), Just(u32::MAX), any::<u32>()].prop_map(|bits| bits & u32::MAX << 12);
    let ipv6 = prop_oneof![Just(0), Just(u128::MAX), any::<u128>()].prop_map(|bits| bits & u128::MAX << 84);
    (ipv4, ipv6).prop_map(|(ipv4, ipv6)| Place { ipv4, ipv6 })
}

/// Weights by CDN; some tables lack some CDNs.
type Mix = BTreeMap<&'static str, u16>;

fn mix() -> impl Strategy<Value = Mix> {
    let weight = prop_oneof![Just(0_u16), 1_u16..5, 1_u16..100, Just(u16::MAX)];
    let several = btree_map(select(&CDNS[..]), weight, 1..5);
    let single = (select(&CDNS[..]), 1_u16..9).prop_map(|one| BTreeMap::from([one]));
    prop_oneof![2 => several, 1 => single].prop_map(|mut mix| {
        if mix.values().all(|weight| *weight == 0) {
            mix.insert("bidi", 7);
        }
        mix
    })
}

/// A table's manifest, for a place.
pub fn manifest(place: Place) -> impl Strategy<Value = String> {
    // Nested, neighbours, as fine as an address or a /56.
    let ipv4 = (prop_oneof![1 => Just(20_u8), 4 => 21_u8..=24, 3 => 25_u8..=32], any::<u32>(), 0..MIXES);
    let ipv6 = (prop_oneof![1 => Just(44_u8), 4 => 45_u8..=48, 3 => 49_u8..=FINEST], any::<u128>(), 0..MIXES);
    (vec(mix(), MIXES), vec(ipv4, 0..12), vec(ipv6, 0..12), 0..MIXES).prop_map(move |(mixes, ipv4, ipv6, default)| {
        let ipv4 = ipv4.into_iter().map(|(length, bits, mix)| {
            let start = (place.ipv4 | bits & 0xfff) & u32::MAX << (32 - length);
            (format!("{}/{length}", Ipv4Addr::from_bits(start)), mix)
        });
        let ipv6 = ipv6.into_iter().map(|(length, bits, mix)| {
            let start = (place.ipv6 | bits & u128::MAX >> 44) & u128::MAX << (128 - length);
            (format!("{}/{length}", Ipv6Addr::from_bits(start)), mix)
        });
        written(place, &mixes, ipv4.collect(), ipv6.collect(), default)
    })
}

fn written(
    place: Place,
    mixes: &[Mix],
    ipv4: BTreeMap<String, usize>,
    ipv6: BTreeMap<String, usize>,
    default: usize,
) -> String {
    let used: Vec<&str> = mixes.iter().flat_map(|mix| mix.keys().copied()).chain(["bidi"]).collect();
    let cdns: serde_json::Map<String, Value> =
        used.iter().map(|name| ((*name).to_owned(), json!({ "url": format!("https://{name}.example/") }))).collect();
    let mut named: serde_json::Map<String, Value> =
        mixes.iter().enumerate().map(|(number, mix)| (format!("mix-{number}"), json!(mix))).collect();
    named.insert("elsewhere".to_owned(), json!({ "bidi": 1 }));
    let footprint =
        |kind: &str, value: &str, mix: &str| json!({ "footprint-type": kind, "footprint-value": [value], "mix": mix });
    let mut footprints = Vec::new();
    for (value, mix) in ipv4 {
        footprints.push(footprint("ipv4cidr", &value, &format!("mix-{mix}")));
    }
    for (value, mix) in ipv6 {
        footprints.push(footprint("ipv6cidr", &value, &format!("mix-{mix}")));
    }
    // The other half of every prefix that the place is in.
    for length in 1..=20 {
        let start = (place.ipv4 ^ 1 << (32 - length)) & u32::MAX << (32 - length);
        footprints.push(footprint("ipv4cidr", &format!("{}/{length}", Ipv4Addr::from_bits(start)), "elsewhere"));
    }
    for length in 1..=44 {
        let start = (place.ipv6 ^ 1 << (128 - length)) & u128::MAX << (128 - length);
        footprints.push(footprint("ipv6cidr", &format!("{}/{length}", Ipv6Addr::from_bits(start)), "elsewhere"));
    }
    json!({
        "version": "changes", "ttl": 60, "cdns": cdns, "mixes": named, "footprints": footprints,
        "default": format!("mix-{default}"),
    })
    .to_string()
}
