//! The scope of an answer is as wide as the answer holds, and no wider.

#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/sketch.rs"]
mod sketch;
#[path = "common/tables.rs"]
mod tables;

use std::net::IpAddr;

use croupier::table::{Decision, Table};
use oracle::{Family, Oracle, Random, number};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// The first and the last address of the prefix of `length` around an address.
fn prefix(ip: IpAddr, length: u8) -> (IpAddr, IpAddr) {
    let family = Family::of(ip);
    let host = family.last().checked_shr(length.into()).unwrap_or(0);
    (family.address(number(ip) & !host), family.address(number(ip) | host))
}

/// Never wider than this if the mix divides its clients.
fn bound(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 24 } else { 48 }
}

/// What is wrong with the scope of an answer, if anything.
fn fault(table: &Table, oracle: &Oracle, ip: IpAddr, random: &mut Random) -> Option<String> {
    let decision = table.decide(ip);
    let length = decision.scope.netmask();
    let (first, last) = prefix(ip, length);
    let fault = |what: String| Some(format!("{ip} in {}: {what}", decision.scope));
    if decision.scope.network_address() != first {
        return fault("the scope is not around the address".to_owned());
    }
    let footprint = decision.footprint.to_string();
    if let Some(other) = oracle.changes(first, last).find(|other| oracle.answer(*other).0 != footprint) {
        return fault(format!("{other} has another footprint"));
    }
    let family = Family::of(ip);
    let drawn = (0..4).map(|_| number(first) + random.up_to(number(last) - number(first)));
    for other in [first, last].into_iter().chain(drawn.map(|number| family.address(number))) {
        // An IPv6 scope may span the IPv4-mapped addresses, which are never looked up as such.
        if other.to_canonical() == other && !same(&table.decide(other), &decision) {
            return fault(format!("{other} has another answer"));
        }
    }
    let divides = oracle.divides(&decision.mix.name);
    if divides && length < bound(ip) {
        return fault("it is too wide for a mix of several CDNs".to_owned());
    }
    let at_its_widest = length == 0 || divides && length == bound(ip);
    let (wider_first, wider_last) = prefix(ip, length.saturating_sub(1));
    let holds_wider = oracle.changes(wider_first, wider_last).all(|other| oracle.answer(other).0 == footprint);
    if !at_its_widest && holds_wider {
        return fault("one bit wider would hold too".to_owned());
    }
    None
}

fn same(one: &Decision<'_>, other: &Decision<'_>) -> bool {
    (one.footprint, one.mix, &one.cdns, one.scope) == (other.footprint, other.mix, &other.cdns, other.scope)
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn the_scope_is_the_widest_in_which_the_answer_holds(sketch in sketch::sketch(8), seed: u64) {
        let table = tables::build("table.json", &sketch.manifest, tables::LIMIT, |path| sketch.file(path)).good();
        let oracle = Oracle::new(&sketch.manifest, |path| sketch.file(path));
        let mut random = Random::new(seed);
        for family in Family::BOTH {
            for ip in oracle.addresses(family, 150, seed) {
                prop_assert_eq!(fault(&table, &oracle, ip, &mut random), None);
            }
        }
    }
}

#[test]
fn the_scopes_of_the_default_table_are_the_widest_in_which_the_answers_hold() {
    let table = tables::read(tables::data(), "cdn-table.json").good();
    let oracle = Oracle::read(tables::data(), "cdn-table.json");
    let mut random = Random::new(3);
    for family in Family::BOTH {
        for ip in oracle.addresses(family, 20_000, 3) {
            assert_eq!(fault(&table, &oracle, ip, &mut random), None);
        }
    }
}

/// Scopes that are worth reading.
#[test]
fn scopes_by_example() {
    let manifest = r#"{
        "version": "scopes", "ttl": 60, "default": "one",
        "cdns": { "a": { "url": "https://a.example/" }, "b": { "url": "https://b.example/" } },
        "mixes": { "one": { "a": 1, "b": 0 }, "two": { "a": 1, "b": 1 } },
        "footprints": [
            { "footprint-type": "ipv4cidr", "footprint-value": ["10.0.0.0/8", "10.0.0.7/32"], "mix": "two" },
            { "footprint-type": "ipv4cidr", "footprint-value": ["10.128.0.0/16", "10.0.1.128/25"], "mix": "one" },
            { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/32"], "mix": "two" },
            { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::8000:0:0:0/65"], "mix": "one" }
        ]
    }"#;
    let table = tables::build("table.json", manifest, tables::LIMIT, |path| panic!("{path} is not needed")).good();
    for (ip, scope) in [
        ("9.0.0.1", "8.0.0.0/7"),
        ("200.0.0.1", "128.0.0.0/1"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("10.0.0.1", "10.0.0.0/30"),
        ("10.0.0.6", "10.0.0.6/32"),
        ("10.0.0.7", "10.0.0.7/32"),
        ("10.0.0.200", "10.0.0.128/25"),
        ("10.0.1.200", "10.0.1.128/25"),
        ("10.0.1.100", "10.0.1.0/25"),
        ("10.128.9.9", "10.128.0.0/16"),
        ("2001:db8:7::1", "2001:db8:7::/48"),
        ("2001:db8::1", "2001:db8::/65"),
        ("2001:db8:0:0:9000::", "2001:db8:0:0:8000::/65"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("2001:db9::", "2001:db9::/32"),
        ("::1", "::/3"),
    ] {
        assert_eq!(table.decide(ip.parse().expect("an address")).scope.to_string(), scope, "{ip}");
    }
}
