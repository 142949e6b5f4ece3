//! gdnsd's `nets`, asked through the program that comes with it, and where Croupier differs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::addresses;
use crate::folder::{Folder, compare};
use crate::program::{find, run, tell};
use crate::world::{Prefix, number, prefixes};

struct Gdnsd(PathBuf);

impl Gdnsd {
    fn find() -> Option<Self> {
        find("gdnsd_geoip_test").map(Self)
    }

    /// The datacenters that the map gives each address, and what it said of the map.
    fn answers<A: ToString>(&self, folder: &Folder, map: &str, addresses: &[A]) -> (Vec<String>, String) {
        let asked: Vec<String> = addresses.iter().map(|address| format!("{map} {}\n", address.to_string())).collect();
        folder.write("asked", &asked.concat());
        let mut command = Command::new(&self.0);
        command.args(["-c", "."]).current_dir(folder.root()).stdin(File::open(folder.path("asked")).unwrap());
        let ran = run(command);
        let answer = |line: &str| line.splitn(3, " => ").nth(2).map(str::to_owned);
        let answers: Vec<String> = ran.output.lines().filter_map(answer).collect();
        assert_eq!(answers.len(), addresses.len(), "{}", ran.errors);
        (answers, ran.errors)
    }
}

/// Lists of datacenters as a mix of them is called.
fn as_mixes(answers: Vec<String>) -> Vec<String> {
    answers.into_iter().map(|answer| answer.replace(", ", "_")).collect()
}

/// Few and short: the list of all of them is the name of a mix.
fn datacenter(answer: &str) -> String {
    format!("d{:x}", answer.bytes().map(u32::from).sum::<u32>() % 16)
}

fn listed(prefixes: &[Prefix]) -> String {
    let mut text = String::new();
    for (at, prefix) in prefixes.iter().enumerate() {
        let name = datacenter(&prefix.answer);
        let network = format!("{}/{}", prefix.address, prefix.length);
        _ = match at % 5 {
            0 => writeln!(text, "{network} => [ {name}, other ],"),
            1 => writeln!(text, "\"{network}\" = {name} ; a comment => [ x"),
            2 => writeln!(text, "{network} => [{name}]  # a comment"),
            3 => write!(text, "{network}=>{name},"),
            _ => writeln!(text, "{network}\n =>\n [ \"{name}\" ]"),
        };
    }
    text
}

fn configuration() -> String {
    let all: Vec<String> = (0..16).map(|number| format!("d{number:x}")).collect();
    let world = format!("  world => {{ datacenters => [ first, other, {} ], nets => world.nets }}\n", all.join(", "));
    format!("plugins => {{ geoip => {{ maps => {{\n{world}}} }} }}\n")
}

/// Networks that gdnsd says it has two lists for, of which it takes either.
fn arbitrary(errors: &str) -> Vec<(bool, u128, u128)> {
    let network = |line: &str| {
        let (_, network) = line.split_once("conflicting dclists at ")?;
        let (address, length) = network.trim().split_once('/')?;
        let (address, length) = (address.parse::<std::net::Ipv6Addr>().unwrap(), length.parse::<u32>().unwrap());
        let first = u128::from(address);
        let last = first | u128::MAX.checked_shr(length).unwrap_or(0);
        Some((length >= 96 && first >> 32 == 0, first, last))
    };
    errors.lines().filter_map(network).collect()
}

/// Both with and without a prefix around all of IPv4, which gdnsd keeps in IPv6.
#[test]
fn prefixes_answer_alike() {
    let Some(gdnsd) = Gdnsd::find() else { return };
    for more in ["", "::c612:0/111 => d1\n::/40 => d2\n", "::/1 => d2\n128.0.0.0/1 => [d3]\n"] {
        let folder = Folder::new();
        // It refuses the same text twice, and what has IPv4 in it but in its own place.
        let mut seen = HashSet::new();
        let mut usable = prefixes();
        usable.retain(|prefix| !addresses::has_ipv4(prefix.address) && seen.insert((prefix.address, prefix.length)));
        folder.write("config", &configuration()).write("geoip/world.nets", &(listed(&usable) + more));
        let blocks = usable.iter().map(|prefix| (prefix.address.is_ipv4(), prefix.bounds().0, prefix.bounds().1));
        let mut all = addresses::of(blocks);
        all.extend(
            ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"]
                .map(|text| text.parse::<IpAddr>().unwrap()),
        );
        all.retain(|address| !addresses::has_ipv4(*address));
        let (_, said) = gdnsd.answers(&folder, "world", &["192.0.2.1"]);
        let (before, arbitrary) = (all.len(), [arbitrary(&said), listed_twice(&usable)].concat());
        let known = |address: &IpAddr| {
            let inside = |(ipv4, first, last): &(bool, u128, u128)| {
                *ipv4 == address.is_ipv4() && (*first..=*last).contains(&number(*address))
            };
            !arbitrary.iter().any(inside)
        };
        all.retain(known);
        addresses::enough(&all);
        tell(&format!("gdnsd: {} addresses are left out, for which it takes either of two lists", before - all.len()));

        folder.imported("gdnsd", "config", &[]);
        let (answers, _) = gdnsd.answers(&folder, "world", &all);
        compare(&all, &as_mixes(answers), &folder.mixes(&all));
        tell(&format!("gdnsd: {} addresses answered alike", all.len()));
    }
}

/// Networks that are there twice. It does not say so if one list is that of what is around them.
fn listed_twice(prefixes: &[Prefix]) -> Vec<(bool, u128, u128)> {
    let mut seen = HashSet::new();
    let bounds = prefixes.iter().map(|prefix| (prefix.address.is_ipv4(), prefix.bounds().0, prefix.bounds().1));
    bounds.filter(|bounds| !seen.insert(*bounds)).collect()
}

#[test]
fn the_same_is_refused() {
    let Some(gdnsd) = Gdnsd::find() else { return };
    let good = [
        "10.0.0.0/8 => dc1",
        "10.0.0.0/8 = dc1",
        "10.0.0.0/8 => [dc1, dc2],",
        "10.0.0.0/8 => [dc1 dc2]",
        "::a00:0/104 => dc1",
        "\"10.0.0.0/8\" => \"dc1\" ; comment",
        "10.0.0.1/8 => dc1",
        "10.0.0.\\048/8 => \\100c1",
        "2001:DB8::/32 => []",
        "$include{geoip/more}",
        "$include{geoip/m*}",
        "$include{geoip}",
    ];
    let bad = [
        "10.0.0.0/33 => dc1",
        "x/8 => dc1",
        "10.0.0.0/8 => [dc1",
        "10.0.0.0/8",
        "10.0.0.0/8 => { a => dc1 }",
        "$include{x*}",
    ];
    for (nets, code) in good.map(|nets| (nets, 0)).into_iter().chain(bad.map(|nets| (nets, 1))) {
        let folder = Folder::new();
        let map = format!("{{ datacenters => [dc1, dc2], nets => {{\n{nets}\n}} }}");
        folder.write("config", &format!("plugins => {{ geoip => {{ maps => {{ world => {map} }} }} }}\n"));
        folder.write("geoip/more", "11.0.0.0/8 => dc2\n");
        let mut command = Command::new(&gdnsd.0);
        command.args(["-c", ".", "world", "10.0.0.1"]).current_dir(folder.root());
        let ran = run(command);
        assert_eq!(ran.code == Some(0), code == 0, "{nets}: {ran:?}");
        let ran = folder.import("gdnsd", "config", &[]);
        assert_eq!(ran.code, Some(code), "{nets}: {ran:?}");
    }
}

/// As `data/importing.md` says.
#[test]
fn what_differs_is_as_documented() {
    let Some(gdnsd) = Gdnsd::find() else { return };
    let folder = Folder::new();
    let nets = "10.0.0.0/8 => dc1\n172.16.0.0/12 => []\n2000::/4 => dc3\n64::/16 => dc4\n\
                192.0.2.0/25 => dc3\n192.0.2.128/25 => dc3\n192.0.2.0/24 => dc4\n";
    let map = format!("world => {{ datacenters => [dc2, dc1, dc3, dc4], nets => {{\n{nets}}} }}");
    folder.write("config", &format!("plugins => {{ geoip => {{ maps => {{ {map} }} }} }}\n"));
    let told = folder.imported("gdnsd", "config", &[]);
    assert!(told.iter().any(|line| line.contains("an empty list is no answer")), "{told:#?}");
    let default = "dc2_dc1_dc3_dc4";
    for (asked, there, here) in [
        // Whatever has an IPv4 address in it is looked up as that.
        ("::10.1.2.3", "dc1", default),
        ("::ffff:0:10.1.2.3", "dc1", default),
        ("64:ff9b::10.1.2.3", "dc1", "dc4"),
        ("2001:0:1:2:3:4:f5fe:fdfc", "dc1", "dc3"),
        ("2002:a01:203::1", "dc1", "dc3"),
        // An empty list is no answer there.
        ("172.16.1.1", "", default),
        // The same in both.
        ("::ffff:10.1.2.3", "dc1", "dc1"),
        ("10.1.2.3", "dc1", "dc1"),
        ("2001:db8::1", "dc3", "dc3"),
        ("11.1.2.3", default, default),
    ] {
        let (answers, _) = gdnsd.answers(&folder, "world", &[asked]);
        assert_eq!((&*as_mixes(answers)[0], &*folder.mixes(&[asked])[0]), (there, here), "{asked}");
    }
    // IPv4 by another name has no place in its nets.
    let refused = Folder::new();
    refused.write("config", "plugins => { geoip => { maps => { world => { datacenters => dc1, nets => nets } } } }\n");
    refused.write("geoip/nets", "::ffff:a00:0/104 => dc1\n");
    let mut command = Command::new(&gdnsd.0);
    command.args(["-c", ".", "world", "10.0.0.1"]).current_dir(refused.root());
    let ran = run(command);
    assert!(ran.code != Some(0) && ran.errors.contains("illegal IPv4-like space"), "{ran:?}");
    refused.imported("gdnsd", "config", &[]);
    assert_eq!(refused.mixes(&["10.0.0.1"]), ["dc1"]);
    // Halves with one list, and another for the whole: gdnsd takes either, Croupier the halves.
    let (answers, said) = gdnsd.answers(&folder, "world", &["192.0.2.1"]);
    assert!(["dc3", "dc4"].contains(&&*answers[0]) && arbitrary(&said).len() == 1, "{said}");
    assert_eq!(folder.mixes(&["192.0.2.1"]), ["dc3"]);
}
