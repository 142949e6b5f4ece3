//! The table that Croupier, nginx and HAProxy are compared with: it must be the same one for each.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

/// Prefixes and the names of their mixes.
type Mixes = BTreeMap<(IpAddr, u32), String>;

fn generate(options: &[&str]) -> TempDir {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.args(["compare", "tables", "--ipv4", "3000", "--ipv6", "1000", "--to"]).arg(directory.path()).args(options);
    assert!(command.status().unwrap().success());
    directory
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

fn prefix(text: &str) -> (IpAddr, u32) {
    let (address, length) = text.split_once('/').unwrap();
    (address.parse().unwrap(), length.parse().unwrap())
}

/// Of lines with a prefix and a mix.
fn mixes<'a>(lines: impl Iterator<Item = &'a str>) -> Mixes {
    let pair = |line: &'a str| line.split_once(' ').map(|(network, mix)| (prefix(network), mix.to_owned())).unwrap();
    lines.map(pair).collect()
}

fn of_nginx(directory: &Path) -> Mixes {
    mixes(read(directory, "nginx-geo.conf").lines().map(|line| line.strip_suffix(';').unwrap()))
}

fn of_haproxy(directory: &Path) -> Mixes {
    mixes(read(directory, "haproxy-mixes.map").lines())
}

fn table(directory: &Path) -> Value {
    serde_json::from_str(&read(directory, "cdn-table.json")).unwrap()
}

fn of_croupier(directory: &Path) -> Mixes {
    let table = table(directory);
    let mut all = Mixes::new();
    for footprint in table["footprints"].as_array().unwrap() {
        let listed = read(directory, footprint["footprint-file"].as_str().unwrap());
        for line in listed.lines() {
            let network = prefix(line);
            let kind = if network.0.is_ipv4() { "ipv4cidr" } else { "ipv6cidr" };
            assert_eq!(footprint["footprint-type"], kind);
            let before = all.insert(network, footprint["mix"].as_str().unwrap().to_owned());
            assert_eq!(before, None, "{line} is there twice");
        }
    }
    all
}

/// The answers that nginx and HAProxy have for a mix, as JSON members.
fn answers(directory: &Path, name: &str, quote: &[char]) -> BTreeMap<String, Value> {
    let answer = |line: &str| {
        let (mix, members) = line.split_once(' ').unwrap();
        (mix.to_owned(), serde_json::from_str(&format!("{{{}}}", members.trim_matches(quote))).unwrap())
    };
    read(directory, name).lines().map(answer).collect()
}

/// Longest match, by looking at all of them.
fn matching(mixes: &Mixes, address: IpAddr) -> Option<&String> {
    let contains = |(network, length): &(IpAddr, u32)| match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()) >> (32 - length) == 0,
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits()) >> (128 - length) == 0,
        _ => false,
    };
    mixes.iter().filter(|(prefix, _)| contains(prefix)).max_by_key(|((_, length), _)| *length).map(|(_, mix)| mix)
}

#[test]
fn all_three_have_the_same_mix_for_every_address() {
    let directory = generate(&["--seed", "7"]);
    let directory = directory.path();
    let (croupier, nginx, haproxy) = (of_croupier(directory), of_nginx(directory), of_haproxy(directory));
    assert_eq!(croupier.len(), 4000);
    let within = croupier.keys().step_by(7).map(|(network, length)| match network {
        IpAddr::V4(network) => IpAddr::from((network.to_bits() | (0x5555_5555 >> length)).to_be_bytes()),
        IpAddr::V6(network) => IpAddr::from((network.to_bits() | ((u128::MAX / 3) >> length)).to_be_bytes()),
    });
    let mut random = fastrand::Rng::with_seed(1);
    let anywhere = (0..500).map(|_| IpAddr::from(random.u32(..).to_be_bytes()));
    let mut nowhere = 0;
    for address in within.chain(anywhere) {
        let found = matching(&croupier, address);
        nowhere += u32::from(found.is_none());
        assert_eq!(found, matching(&nginx, address), "{address}");
        assert_eq!(found, matching(&haproxy, address), "{address}");
    }
    // The default mix is asked for too.
    assert!((100..500).contains(&nowhere), "{nowhere}");
    assert_eq!(table(directory)["default"], "mix-0");
}

#[test]
fn answers_are_what_the_table_makes_of_a_mix() {
    let directory = generate(&["--version", "v2"]);
    let directory = directory.path();
    let nginx = answers(directory, "nginx-answers.conf", &['\'', ';']);
    assert_eq!(nginx, answers(directory, "haproxy-answers.map", &[]));
    let table = table(directory);
    assert_eq!(nginx.len(), table["mixes"].as_object().unwrap().len());
    for (mix, weights) in table["mixes"].as_object().unwrap() {
        // The only one with a weight, then the others in byte order.
        let mut order: Vec<_> = weights.as_object().unwrap().iter().map(|(cdn, weight)| (weight == 0, cdn)).collect();
        order.sort_unstable();
        assert_eq!(order.iter().filter(|(is_fallback, _)| !is_fallback).count(), 1, "{weights}");
        let cdns: Vec<_> =
            order.iter().map(|(_, cdn)| serde_json::json!({ "name": cdn, "url": table["cdns"][cdn]["url"] })).collect();
        let expected = serde_json::json!({
            "mix": mix, "cdn": order[0].1, "cdns": cdns, "ttl": table["ttl"], "version": "v2", "generation": 1
        });
        assert_eq!(nginx[mix], expected);
    }
}

#[test]
fn the_table_after_it_has_another_mix_for_a_tenth() {
    let (before, after) = (generate(&["--version", "one"]), generate(&["--version", "two", "--moved"]));
    let (before, after) = (of_croupier(before.path()), of_croupier(after.path()));
    assert!(before.keys().eq(after.keys()));
    assert_eq!(before.values().zip(after.values()).filter(|(before, after)| before != after).count(), 400);
}
