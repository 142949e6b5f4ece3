//! A diff says what asking about every address says.

#![allow(clippy::float_cmp, reason = "sums of powers of two are exact")]

#[path = "common/changes.rs"]
mod changes;
#[path = "common/tables.rs"]
mod tables;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use changes::{FINEST, Place};
use croupier::table::traffic::{self, Traffic};
use croupier::table::{Diff, Problems, Table};
use ip_network::Ipv4Network;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

fn table(manifest: &str) -> Table {
    tables::build("table.json", manifest, tables::LIMIT, |_| Vec::new()).good()
}

fn first(table: &Table, address: IpAddr) -> &str {
    &table.cdns[usize::from(table.decide(address).cdns[0])].name
}

type Moves = BTreeMap<(String, String), f64>;

/// What moves at a number of addresses, each of which stands for so much.
fn asked(old: &Table, new: &Table, addresses: impl Iterator<Item = IpAddr>, size: f64) -> Moves {
    let mut moves = Moves::new();
    for address in addresses {
        let (from, to) = (first(old, address), first(new, address));
        if from != to {
            *moves.entry((from.to_owned(), to.to_owned())).or_default() += size;
        }
    }
    moves
}

fn ipv4_addresses(place: Place) -> impl Iterator<Item = IpAddr> {
    (0..1 << 12).map(move |host| Ipv4Addr::from_bits(place.ipv4 | host).into())
}

/// One address of each of the finest prefixes there are.
fn ipv6_addresses(place: Place) -> impl Iterator<Item = IpAddr> {
    (0..1 << (FINEST - 44)).map(move |part: u128| Ipv6Addr::from_bits(place.ipv6 | part << (128 - FINEST)).into())
}

const PART: f64 = 1.0 / (1 << (FINEST - 48)) as f64;

fn told(diff: &Diff) -> [Moves; 2] {
    [
        diff.ipv4.moves.iter().map(|one| ((one.from.clone(), one.to.clone()), one.addresses)).collect(),
        diff.ipv6.moves.iter().map(|one| ((one.from.clone(), one.to.clone()), one.subnets)).collect(),
    ]
}

/// What each CDN gains.
fn net(moves: &Moves) -> BTreeMap<&str, f64> {
    let mut net = BTreeMap::new();
    for ((from, to), size) in moves {
        *net.entry(from.as_str()).or_default() -= size;
        *net.entry(to.as_str()).or_default() += size;
    }
    net.retain(|_, size| *size != 0.0);
    net
}

fn worlds(count: usize) -> impl Strategy<Value = (Place, Vec<String>)> {
    let tables = move |place| (Just(place), prop::collection::vec(changes::manifest(place), count));
    changes::place().prop_flat_map(tables)
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn it_says_what_asking_about_every_address_says((place, manifests) in worlds(2)) {
        let (old, new) = (table(&manifests[0]), table(&manifests[1]));
        let diff = Diff::between(&old, &new);
        let [ipv4, ipv6] = told(&diff);
        prop_assert_eq!(&ipv4, &asked(&old, &new, ipv4_addresses(place), 1.0));
        prop_assert_eq!(&ipv6, &asked(&old, &new, ipv6_addresses(place), PART));
        prop_assert!(diff.ipv6.moves.iter().all(|one| !one.expected));

        // Everything else is the same summed up otherwise.
        let (moved4, moved6) = (ipv4.values().sum::<f64>(), ipv6.values().sum::<f64>());
        prop_assert_eq!((diff.ipv4.moved, diff.ipv6.moved), (moved4, moved6));
        prop_assert_eq!(diff.ipv4.share, moved4 / 2_f64.powi(32));
        prop_assert_eq!(diff.ipv6.share, moved6 / 2_f64.powi(48));
        let by_mix = diff.mixes.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.amount.addresses, sum.1 + one.amount.subnets));
        prop_assert_eq!(by_mix, (moved4, moved6));
        if diff.footprints.more == 0 {
            let most = diff.footprints.most.iter();
            let sum = most.fold((0.0, 0.0), |sum, one| (sum.0 + one.amount.addresses, sum.1 + one.amount.subnets));
            prop_assert_eq!(sum, (moved4, moved6));
        }

        // As many viewers as addresses, and all of them there.
        let lines = format!("{}/20,4096\n{}/44,16\n", Ipv4Addr::from_bits(place.ipv4), Ipv6Addr::from_bits(place.ipv6));
        let mut problems = Problems::new();
        let lines = traffic::read("traffic", lines.as_bytes(), &mut problems);
        // The last /44 of ::/0 that holds ::ffff:0:0/96 is ::/44: wider than what is refused.
        prop_assert!(problems.is_empty(), "{:?}", problems.shown());
        let traffic = Traffic::between(&old, &new, &lines);
        prop_assert!((traffic.moved - moved4 - moved6).abs() < 1e-6, "{} {} {}", traffic.moved, moved4, moved6);
    }

    #[test]
    fn it_reads_back_as_it_was((place, manifests) in worlds(2)) {
        let (old, new) = (table(&manifests[0]), table(&manifests[1]));
        let prefix = Ipv4Network::new_truncate(Ipv4Addr::from_bits(place.ipv4), 20).expect("a prefix").into();
        let lines = [traffic::Clients { prefix, clients: 77 }];
        let without = Diff::between(&old, &new);
        let with = Diff { traffic: Some(Traffic::between(&old, &new, &lines)), ..without.clone() };
        for diff in [without, with] {
            let json = serde_json::to_value(&diff).expect("a diff is JSON");
            prop_assert_eq!(serde_json::from_value::<Diff>(json).expect("of its own form"), diff);
        }
    }

    #[test]
    fn a_table_moves_nothing_against_itself((_, manifests) in worlds(1)) {
        let diff = Diff::between(&table(&manifests[0]), &table(&manifests[0]));
        prop_assert!(diff.moves_nothing());
        let diff = serde_json::to_value(diff).expect("a diff is JSON");
        let none = json!({ "moved": 0, "share": 0.0, "moves": [] });
        prop_assert_eq!((&diff["ipv4"], &diff["ipv6"], &diff["mixes"]), (&none, &none, &json!([])));
        prop_assert_eq!(&diff["footprints"], &json!({ "most": [], "more": 0 }));
        prop_assert_eq!(&diff["shrunk"], &json!({ "values": 0, "share": 0.0 }));
    }

    #[test]
    fn what_each_cdn_gains_adds_up_over_a_chain((_, manifests) in worlds(3)) {
        let tables: Vec<_> = manifests.iter().map(|manifest| table(manifest)).collect();
        let step = |from: usize, to: usize| told(&Diff::between(&tables[from], &tables[to]));
        let (one, two, both) = (step(0, 1), step(1, 2), step(0, 2));
        for family in 0..2 {
            let mut sum = net(&one[family]);
            for (cdn, size) in net(&two[family]) {
                *sum.entry(cdn).or_default() += size;
            }
            sum.retain(|_, size| *size != 0.0);
            prop_assert_eq!(sum, net(&both[family]));
        }
    }
}

/// A table of one mix, and a prefix with another.
fn simple(version: &str, default: &Value, prefix: &str, mix: &Value) -> Table {
    let cdns: serde_json::Map<String, Value> = ["akamai", "bidi", "z"]
        .map(|name| (name.to_owned(), json!({ "url": format!("https://{name}.example/") })))
        .into_iter()
        .collect();
    let manifest = json!({
        "version": version, "ttl": 60, "cdns": cdns, "mixes": { "world": default, "special": mix }, "default": "world",
        "footprints": [{ "footprint-type": "ipv6cidr", "footprint-value": [prefix], "mix": "special" }],
    });
    table(&manifest.to_string())
}

/// Twice as wide as what is asked subnet by subnet, and just as wide.
#[test]
fn what_is_expected_is_close_to_what_is_so() {
    let world = json!({ "bidi": 1 });
    for (start, length, expected) in [(0x2001_0da0_u128 << 96, 27, true), (0x2001_0db0 << 96, 28, false)] {
        let prefix = format!("{}/{length}", Ipv6Addr::from_bits(start));
        let old = simple("1", &world, &prefix, &json!({ "akamai": 50, "bidi": 30, "z": 20 }));
        let new = simple("2", &world, &prefix, &json!({ "akamai": 10, "bidi": 70, "z": 25 }));
        let count = 1_u32 << (48 - length);
        let subnets = (0..u128::from(count)).map(|subnet| Ipv6Addr::from_bits(start | subnet << 80).into());
        let so = asked(&old, &new, subnets, 1.0);
        let diff = Diff::between(&old, &new);
        assert!(diff.ipv6.moves.iter().all(|one| one.expected == expected), "{diff:?}");
        let [_, told] = told(&diff);
        assert!(told.len() >= 3 && told.keys().eq(so.keys()), "{told:?} {so:?}");
        for (cdns, told) in &told {
            let (so, share) = (so[cdns], told / f64::from(count));
            // Five standard deviations.
            let bound = if expected { 5.0 * (told * (1.0 - share)).sqrt() } else { 0.0 };
            assert!((so - told).abs() <= bound, "{cdns:?}: {told} told, {so} so, {bound} allowed");
        }
    }
}

/// All of IPv6 by weights; all of IPv4 subnet by subnet.
#[test]
fn a_changed_default_moves_both_spaces() {
    let special = json!({ "z": 1 });
    let old = simple("1", &json!({ "akamai": 3, "bidi": 1 }), "2001:db8::/32", &special);
    let new = simple("2", &json!({ "akamai": 1, "bidi": 1 }), "2001:db8::/32", &special);
    let diff = Diff::between(&old, &new);
    assert_eq!((diff.ipv4.moves.len(), diff.ipv6.moves.len()), (1, 1), "{diff:?}");
    assert!((diff.ipv4.share - 0.25).abs() < 0.001, "{diff:?}");
    assert!((diff.ipv6.share - 0.25).abs() < 0.001, "{diff:?}");
    assert!(diff.ipv6.moves[0].expected, "{diff:?}");
    let sample =
        |step: u32| (0..1 << 24).step_by(step as usize).map(|subnet: u32| Ipv4Addr::from_bits(subnet << 8).into());
    let so: f64 = asked(&old, &new, sample(16), 4096.0).values().sum();
    assert!((so - diff.ipv4.moved).abs() / diff.ipv4.moved < 0.01, "{so} {diff:?}");
}

const OLD: &str = r#"{
  "version": "1", "ttl": 300, "default": "world",
  "cdns": { "akamai": { "url": "https://a.example/" }, "bidi": { "url": "https://b.example/" }, "fastly": { "url": "https://f.example/" } },
  "mixes": { "near": { "bidi": 1 }, "world": { "akamai": 1, "bidi": 0, "fastly": 0 } },
  "footprints": [
    { "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/25", "198.51.100.0/24"], "mix": "near" },
    { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/47"], "mix": "near" } ] }"#;

const NEW: &str = r#"{
  "version": "2", "ttl": 60, "default": "world",
  "cdns": { "akamai": { "url": "https://a.example/2" }, "bidi": { "url": "https://b.example/" }, "z": { "url": "https://z.example/" } },
  "mixes": { "near": { "z": 5, "bidi": 0 }, "world": { "akamai": 2, "bidi": 0 } },
  "footprints": [
    { "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/25", "203.0.113.0/24"], "mix": "near" },
    { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/47", "2001:db8:1:1::/64"], "mix": "near" },
    { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8:1::/48"], "mix": "world" } ] }"#;

#[test]
fn its_json() {
    let diff = Diff::between(&table(OLD), &table(NEW));
    let part = 1.0 / 65536.0;
    let space = 2_f64.powi(48);
    let expected = json!({
        "from": { "version": "1", "digest": "test", "ttl": 300, "cdns": 3, "mixes": 2, "footprints": 3,
                  "prefixes_ipv4": diff.from.counts.prefixes_ipv4, "prefixes_ipv6": diff.from.counts.prefixes_ipv6, "canaries": 0 },
        "to": { "version": "2", "digest": "test", "ttl": 60, "cdns": 3, "mixes": 2, "footprints": 5,
                "prefixes_ipv4": diff.to.counts.prefixes_ipv4, "prefixes_ipv6": diff.to.counts.prefixes_ipv6, "canaries": 0 },
        "ipv4": { "moved": 640, "share": 640.0 / 2_f64.powi(32), "moves": [
            { "from": "akamai", "to": "z", "addresses": 256 },
            { "from": "bidi", "to": "akamai", "addresses": 256 },
            { "from": "bidi", "to": "z", "addresses": 128 } ] },
        "ipv6": { "moved": 2, "share": 2.0 / space, "moves": [
            { "from": "bidi", "to": "z", "subnets": 1.0 + part, "expected": false },
            { "from": "bidi", "to": "akamai", "subnets": 1.0 - part, "expected": false } ] },
        "mixes": [
            { "from": "near", "to": "world", "addresses": 256, "subnets": 1.0 - part, "expected": false },
            { "from": "near", "to": "near", "addresses": 128, "subnets": 1.0 + part, "expected": false },
            { "from": "world", "to": "near", "addresses": 256, "subnets": 0, "expected": false } ],
        "footprints": { "more": 0, "most": [
            { "footprint": "ipv6cidr:2001:db8::/47", "change": "changed", "addresses": 0, "subnets": 1, "expected": false },
            { "footprint": "ipv6cidr:2001:db8:1::/48", "change": "added", "addresses": 0, "subnets": 1.0 - part, "expected": false },
            { "footprint": "ipv4cidr:203.0.113.0/24", "change": "added", "addresses": 256, "subnets": 0, "expected": false },
            { "footprint": "ipv4cidr:198.51.100.0/24", "change": "removed", "addresses": 256, "subnets": 0, "expected": false },
            { "footprint": "ipv4cidr:192.0.2.0/25", "change": "changed", "addresses": 128, "subnets": 0, "expected": false },
            { "footprint": "ipv6cidr:2001:db8:1:1::/64", "change": "added", "addresses": 0, "subnets": part, "expected": false } ] },
        "cdns": { "added": ["z"], "removed": ["fastly"], "url": ["akamai"] },
        "shrunk": { "values": 1, "share": 1.0 / 3.0 },
        "grown": { "values": 3, "share": 1.0 },
    });
    let found = serde_json::to_value(&diff).expect("a diff is JSON");
    assert_eq!(found, expected, "{found:#}");
    // Whole numbers have no point, as the contract writes them.
    let text = serde_json::to_string(&diff).expect("a diff is JSON");
    assert!(text.contains(r#""ipv4":{"moved":640,"#) && text.contains(r#""ipv6":{"moved":2,"#), "{text}");
}

#[test]
fn viewers_count_in_proportion() {
    let lines = "prefix,clients\n# one day\n192.0.2.0/24, 1000\n198.51.100.7/32,30 # all of one\n\n2001:db8:1::/48,65536\n2001:db8:1:1::/64,5\n10.0.0.0/8,500\n203.0.113.0/24,0\n";
    let mut problems = Problems::new();
    let lines = traffic::read("traffic.csv", lines.as_bytes(), &mut problems);
    assert!(problems.is_empty(), "{:?}", problems.shown());
    let traffic = Traffic::between(&table(OLD), &table(NEW), &lines);
    let clients = 1000 + 30 + 65536 + 5 + 500;
    let moved = 500 + 30 + 65536 + 5;
    let expected = json!({
        "clients": clients, "moved": moved, "share": f64::from(moved) / f64::from(clients),
        "moves": [
            { "from": "bidi", "to": "akamai", "clients": 65535 + 30 },
            { "from": "bidi", "to": "z", "clients": 500 + 1 + 5 } ],
    });
    assert_eq!(serde_json::to_value(&traffic).expect("JSON"), expected);
}

#[test]
fn bad_lines_of_viewers_are_told_with_their_place() {
    for (line, said) in [
        ("192.0.2.0/24", "has no number of clients"),
        ("192.0.2.1/24,5", "host bits"),
        ("192.0.2.0,5", "write `192.0.2.0/32`"),
        ("192.0.2.0/24,-5", "`-5` is not a number of clients"),
        ("192.0.2.0/24,+5", "digits only"),
        ("192.0.2.0/24,5.5", "whole number"),
        ("192.0.2.0/24,5,5", "not a number"),
        ("192.0.2.0/24,", "not a number"),
        ("::ffff:192.0.2.0/120,5", "list `192.0.2.0/24`"),
        ("prefix,clients", "not an IPv4 prefix"),
        ("\u{0}", "has no number"),
    ] {
        let mut problems = Problems::new();
        let read = traffic::read("traffic.csv", format!("10.0.0.0/8,1\n  {line}\n::/0,2\n").as_bytes(), &mut problems);
        let shown = problems.shown();
        assert_eq!((read.len(), shown.len()), (2, 1), "{line}: {shown:?}");
        let text = shown[0].to_string();
        assert!(text.starts_with("traffic.csv:2:3: error: ") && text.contains(said), "{text}");
    }
    for nothing in ["", "\n", "# nobody\n", "prefix,clients\n"] {
        let mut problems = Problems::new();
        assert!(traffic::read("traffic.csv", nothing.as_bytes(), &mut problems).is_empty());
        assert_eq!(problems.errors(), 1, "{nothing:?}");
    }
}
