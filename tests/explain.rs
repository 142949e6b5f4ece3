//! Explanations name every footprint that has the address, as an oracle finds them in all rows, and
//! always say what the decision says.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/sketch.rs"]
mod sketch;
#[path = "common/tables.rs"]
mod tables;

use std::net::IpAddr;
use std::time::SystemTime;

use croupier::table::answer::Renderer;
use croupier::table::explain::{Choice, Match};
use croupier::table::footprint::FootprintType;
use croupier::table::reason::{Reason, ScopeReason};
use croupier::table::{Effective, Explanation, Table, explain};
use oracle::{Family, Matched, Oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;

const GENERATION: u64 = 7;

#[track_caller]
fn check(table: &Table, oracle: &Oracle, ip: IpAddr) {
    let effective = Effective::plain(table);
    let explanation = explain(table, &effective, ip, GENERATION, SystemTime::UNIX_EPOCH);
    check_decision(table, &explanation);
    check_matches(oracle, &explanation);
    check_order(&explanation);
    check_scope(oracle, &explanation);
}

/// All members of the answer are there and say the same.
#[track_caller]
fn check_decision(table: &Table, explanation: &Explanation<'_>) {
    let ip = explanation.ip;
    let decision = table.decide(ip);
    let answer: Value = serde_json::from_slice(&Renderer::new(table, GENERATION).json(&decision, table.ttl))
        .expect("an answer is JSON");
    let explained = serde_json::to_value(explanation).expect("an explanation is JSON");
    for (member, value) in answer.as_object().expect("an answer is an object") {
        if member != "cdns" {
            assert_eq!(&explained[member], value, "{ip}: {member}");
        }
    }
    let answered = answer["cdns"].as_array().expect("CDNs");
    assert_eq!(answered.len(), explanation.cdns.len(), "{ip}");
    for ((cdn, choice), place) in answered.iter().zip(&explanation.cdns).zip(1..) {
        assert_eq!((&cdn["name"], &cdn["url"]), (&choice.name.into(), &choice.url.into()), "{ip}");
        assert_eq!(choice.place, place, "{ip}");
    }
    let won: Vec<_> = explanation.matches.iter().filter(|found| found.won).collect();
    assert_eq!(won.len(), 1, "{ip}: {won:?}");
    assert_eq!((won[0].footprint, won[0].mix), (decision.footprint, decision.mix.name.as_str()), "{ip}");
}

#[track_caller]
fn check_matches(oracle: &Oracle, explanation: &Explanation<'_>) {
    let ip = explanation.ip;
    let outdone = |found: &Match<'_>| matches!(found.reason, Reason::NarrowerRange(_));
    let matched = |found: &Match<'_>| Matched {
        claim: (found.footprint.to_string(), found.mix.to_owned()),
        outdone: outdone(found),
    };
    let found: Vec<_> = explanation.matches.iter().map(matched).collect();
    assert_eq!(found, oracle.matches(ip), "{ip}");
    let winner = explanation.footprint;
    let is_prefix = |kind| matches!(kind, Some(FootprintType::Ipv4Cidr | FootprintType::Ipv6Cidr));
    let mut first = true;
    for found in explanation.matches.iter().filter(|found| !outdone(found)) {
        let expected = match found.footprint {
            footprint if first => Reason::Won(footprint),
            footprint if is_prefix(footprint.kind()) => Reason::LongerPrefix(winner),
            loser => Reason::Precedence { winner, loser },
        };
        assert_eq!((found.reason, found.won), (expected, first), "{ip}: {found:?}");
        first = false;
    }
    // Whoever a range lost to is a match of the same dataset, if a footprint names it.
    for lost in explanation.matches.iter().filter(|found| outdone(found)) {
        let of_dataset = |found: &&Match<'_>| found.footprint.kind() == lost.footprint.kind() && !outdone(found);
        let owner = explanation.matches.iter().find(of_dataset).map(|found| found.footprint);
        assert_eq!(lost.reason, Reason::NarrowerRange(owner), "{ip}");
    }
    let has = |kind| explanation.matches.iter().any(|found| found.footprint.kind() == Some(kind));
    let prefix = has(FootprintType::Ipv4Cidr) || has(FootprintType::Ipv6Cidr);
    let expected = [prefix, has(FootprintType::Asn), has(FootprintType::CountryCode)];
    let none = ["prefix", "AS", "country"].map(|kind| !explanation.unmatched.iter().any(|text| text.contains(kind)));
    assert_eq!(none, expected, "{ip}: {:?}", explanation.unmatched);
}

/// Ascending scores, then the fallbacks by name.
#[track_caller]
fn check_order(explanation: &Explanation<'_>) {
    let key =
        |choice: &Choice<'_>| (choice.drawn.as_ref().map_or(u64::MAX, |drawn| drawn.score.0), choice.name.to_owned());
    assert!(explanation.cdns.iter().map(key).is_sorted(), "{explanation:?}");
    assert!(explanation.cdns.iter().all(|choice| choice.drawn.is_some() == (choice.weight > 0)), "{explanation:?}");
}

#[track_caller]
fn check_scope(oracle: &Oracle, explanation: &Explanation<'_>) {
    let ip = explanation.ip;
    let bound = if ip.is_ipv4() { 24 } else { 48 };
    let length = explanation.scope.netmask();
    match explanation.scope_reason {
        ScopeReason::OnlyFallbacks => panic!("{ip}: every mix of the table has a weight"),
        ScopeReason::OneOrder => assert!(!oracle.divides(explanation.mix), "{ip}"),
        ScopeReason::WithinSubnet => assert!(oracle.divides(explanation.mix) && length >= bound, "{ip}"),
        ScopeReason::Cut { length: cut, footprint } => {
            assert!(oracle.divides(explanation.mix) && (cut, length) == (bound, bound), "{ip}");
            assert!(footprint.netmask() < bound && footprint.contains(ip), "{ip}");
        }
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn random_tables_are_explained_as_the_oracle_finds(sketch in sketch::sketch(8), seed: u64) {
        let table = tables::build("table.json", &sketch.manifest, tables::LIMIT, |path| sketch.file(path)).good();
        let oracle = Oracle::new(&sketch.manifest, |path| sketch.file(path));
        for family in Family::BOTH {
            for ip in oracle.addresses(family, 150, seed) {
                check(&table, &oracle, ip);
            }
        }
    }
}

#[test]
fn the_default_table_is_explained_as_the_oracle_finds() {
    let table = tables::read(tables::data(), "cdn-table.json").good();
    let oracle = Oracle::read(tables::data(), "cdn-table.json");
    for family in Family::BOTH {
        for ip in oracle.addresses(family, 20_000, 5) {
            check(&table, &oracle, ip);
        }
    }
}

/// Reasons that are worth reading.
#[test]
fn reasons_by_example() {
    let manifest = r#"{
        "version": "reasons", "ttl": 60, "default": "one",
        "datasets": { "asn": ["asn.csv"], "countrycode": ["country.csv"] },
        "cdns": { "akamai": { "url": "https://a.example/" }, "a": { "url": "https://b.example/" } },
        "mixes": { "one": { "a": 1, "akamai": 0 }, "two": { "a": 1, "akamai": 60 } },
        "footprints": [
            { "footprint-type": "ipv4cidr", "footprint-value": ["192.0.0.0/16", "192.0.2.0/24"], "mix": "two" },
            { "footprint-type": "asn", "footprint-value": ["as1", "as2"], "mix": "two" },
            { "footprint-type": "countrycode", "footprint-value": ["gb"], "mix": "one" }
        ]
    }"#;
    let file = |path: &str| match path {
        "asn.csv" => b"start,end,asn\n10.0.0.0,10.255.255.255,1\n10.0.0.0,10.0.255.255,2\n10.0.1.0,10.0.1.255,3\n\
                     192.0.2.0,192.0.2.255,2\n10.9.0.0,10.9.0.255,1\n10.9.0.0,10.9.0.255,2\n"
            .to_vec(),
        _ => b"start,end,country\n10.0.0.0,11.255.255.255,GB\n".to_vec(),
    };
    let table = tables::build("table.json", manifest, tables::LIMIT, file).good();
    let effective = Effective::plain(&table);
    let narrower = "a range of the dataset that is narrower, or as wide and listed before, is of";
    for (ip, expected) in [
        (
            "192.0.2.77",
            vec![
                "ipv4cidr:192.0.2.0/24 two: the longest prefix around the address".to_owned(),
                "ipv4cidr:192.0.0.0/16 two: ipv4cidr:192.0.2.0/24 is longer".to_owned(),
                "asn:as2 two: a prefix beats an AS".to_owned(),
                "default one: a prefix beats the default".to_owned(),
                "no footprint names its country".to_owned(),
            ],
        ),
        (
            "10.0.0.1",
            vec![
                "asn:as2 two: no prefix has the address".to_owned(),
                format!("asn:as1 two: {narrower} asn:as2"),
                "countrycode:gb one: an AS beats a country".to_owned(),
                "default one: an AS beats the default".to_owned(),
                "no footprint has a prefix around it".to_owned(),
            ],
        ),
        (
            "10.0.1.1",
            vec![
                format!("asn:as2 two: {narrower} what no footprint names"),
                format!("asn:as1 two: {narrower} what no footprint names"),
                "countrycode:gb one: no prefix or AS has the address".to_owned(),
                "default one: a country beats the default".to_owned(),
                "no footprint has a prefix around it".to_owned(),
            ],
        ),
        (
            "10.9.0.1",
            vec![
                "asn:as1 two: no prefix has the address".to_owned(),
                format!("asn:as2 two: {narrower} asn:as1"),
                "countrycode:gb one: an AS beats a country".to_owned(),
                "default one: an AS beats the default".to_owned(),
                "no footprint has a prefix around it".to_owned(),
            ],
        ),
        (
            "2001:db8::1",
            vec![
                "default one: nothing else has the address".to_owned(),
                "no footprint has a prefix around it".to_owned(),
                "no footprint names its AS".to_owned(),
                "no footprint names its country".to_owned(),
            ],
        ),
    ] {
        let explanation = explain(&table, &effective, ip.parse().expect("an address"), 1, SystemTime::UNIX_EPOCH);
        let matches = explanation.matches.iter().map(|m| format!("{} {}: {}", m.footprint, m.mix, m.reason));
        let said: Vec<_> = matches.chain(explanation.unmatched.iter().map(|text| (*text).to_owned())).collect();
        assert_eq!(said, expected, "{ip}");
    }
}

/// As the table of test vectors in `src/table/mix.rs` has them.
#[test]
fn what_is_drawn_is_what_is_documented() {
    let manifest = r#"{
        "version": "vectors", "ttl": 60, "default": "mix", "footprints": [],
        "cdns": { "akamai": { "url": "https://a.example/" }, "a": { "url": "https://b.example/" } },
        "mixes": { "mix": { "akamai": 60, "a": 0 } }
    }"#;
    let table = tables::build("table.json", manifest, tables::LIMIT, |path| panic!("{path} is not needed")).good();
    let effective = Effective::plain(&table);
    let explanation = explain(&table, &effective, [192, 0, 2, 77].into(), 1, SystemTime::UNIX_EPOCH);
    let explanation = serde_json::to_value(explanation).expect("JSON");
    assert_eq!(explanation["subnet"], "0400000000c00002");
    let akamai = &explanation["cdns"][0];
    assert_eq!(akamai["name_hash"], "cfde90557672268d");
    assert_eq!((&akamai["hash"], &akamai["score"]), (&"8331e531442c078f".into(), &"00041d6b778ccccc".into()));
    let fallback: Vec<_> = explanation["cdns"][1].as_object().expect("a CDN").keys().collect();
    assert_eq!(fallback, ["name", "place", "url", "weight"], "a fallback draws nothing");
}
