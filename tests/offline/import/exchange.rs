//! Whatever is listed, the table answers as the other system: by the longest prefix, with that
//! system's choice of equals. The expected answers come from a trie of their own.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use croupier::import::document::{Document, document};
use croupier::import::settle::settle;
use croupier::import::{Files, Included, Input, Listing, Twice, csv, czf, gdnsd, geofeed, haproxy, nginx};
use croupier::table::{Inputs, Manifest, Problems, Table, compile};
use prefix_trie::PrefixMap;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// A listed prefix, host bits and all; no answer takes it away.
#[derive(Debug, Clone, Copy)]
struct Line {
    address: IpAddr,
    length: u8,
    answer: Option<u8>,
}

/// Few addresses, so that prefixes are equal and lie in each other.
fn line() -> impl Strategy<Value = Line> {
    let ipv4 = (0u32..64, prop_oneof![0u8..=32, 24u8..=32]).prop_map(|(host, length)| {
        let address = Ipv4Addr::from(0x0a00_0000 | host << 3).into();
        (address, length)
    });
    let ipv6 = (0u128..64, prop_oneof![16u8..=128, 116u8..=128]).prop_map(|(host, length)| {
        let address = Ipv6Addr::from(0x2001_0db8 << 96 | host << 3).into();
        (address, length)
    });
    (prop_oneof![ipv4, ipv6], prop::option::weighted(0.9, 0u8..4)).prop_map(|((address, length), answer)| Line {
        address,
        length,
        answer,
    })
}

/// Both families.
#[derive(Default)]
struct Oracle {
    ipv4: PrefixMap<(u32, u8), u8>,
    ipv6: PrefixMap<(u128, u8), u8>,
}

impl Oracle {
    fn new(lines: &[Line], twice: Twice) -> Self {
        let mut oracle = Self::default();
        for line in lines {
            let known = oracle.exact(line).is_some();
            match line.answer {
                Some(_) if known && twice != Twice::LastWins => {}
                Some(answer) => oracle.insert(line, answer),
                None => oracle.remove(line),
            }
        }
        oracle
    }

    fn exact(&self, line: &Line) -> Option<u8> {
        match line.address {
            IpAddr::V4(address) => self.ipv4.get(&masked4(address, line.length)).copied(),
            IpAddr::V6(address) => self.ipv6.get(&masked6(address, line.length)).copied(),
        }
    }

    fn insert(&mut self, line: &Line, answer: u8) {
        _ = match line.address {
            IpAddr::V4(address) => self.ipv4.insert(masked4(address, line.length), answer),
            IpAddr::V6(address) => self.ipv6.insert(masked6(address, line.length), answer),
        };
    }

    fn remove(&mut self, line: &Line) {
        _ = match line.address {
            IpAddr::V4(address) => self.ipv4.remove(&masked4(address, line.length)),
            IpAddr::V6(address) => self.ipv6.remove(&masked6(address, line.length)),
        };
    }

    fn answer(&self, address: IpAddr) -> String {
        let found = match address {
            IpAddr::V4(address) => self.ipv4.get_lpm(&(address.into(), 32)).map(|(_, answer)| *answer),
            IpAddr::V6(address) => self.ipv6.get_lpm(&(address.into(), 128)).map(|(_, answer)| *answer),
        };
        found.map_or_else(|| "default".to_owned(), |answer| format!("m{answer}"))
    }
}

fn masked4(address: Ipv4Addr, length: u8) -> (u32, u8) {
    (u32::from(address) & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0), length)
}

fn masked6(address: Ipv6Addr, length: u8) -> (u128, u8) {
    (u128::from(address) & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0), length)
}

/// The first and last address of each line's prefix and their neighbours.
fn edges(lines: &[Line]) -> Vec<IpAddr> {
    let mut edges = Vec::new();
    for line in lines {
        match line.address {
            IpAddr::V4(address) => {
                let first = masked4(address, line.length).0;
                let last = first | u32::MAX.checked_shr(line.length.into()).unwrap_or(0);
                let near = [first, last, first.wrapping_sub(1), last.wrapping_add(1), address.into()];
                edges.extend(near.map(|number| IpAddr::from(Ipv4Addr::from(number))));
            }
            IpAddr::V6(address) => {
                let first = masked6(address, line.length).0;
                let last = first | u128::MAX.checked_shr(line.length.into()).unwrap_or(0);
                let near = [first, last, first.wrapping_sub(1), last.wrapping_add(1), address.into()];
                edges.extend(near.map(|number| IpAddr::from(Ipv6Addr::from(number))));
            }
        }
    }
    // Those are looked up as IPv4.
    edges.retain(|address| !matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()));
    edges
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Included, String> {
        Err("nothing is included".to_owned())
    }

    fn matching(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn imported(text: &str, read: impl Fn(&mut Input<'_>, &mut Listing), twice: Twice) -> (Listing, Document) {
    let mut listing = Listing::new("default");
    let mut input = Input { name: "in", bytes: text.as_bytes(), pick: None, files: &NoFiles, progress: &|_| {} };
    read(&mut input, &mut listing);
    let settled = settle(&mut listing, twice);
    let document = document(&mut listing, &settled, "test");
    (listing, document)
}

fn compiled(document: &Document) -> Table {
    let mut problems = Problems::new();
    let manifest = Manifest::parse("t", &document.text, &mut problems).unwrap();
    let files = document.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let table = compile(manifest, Inputs { files, ..Inputs::default() }, &mut problems);
    assert!(problems.is_empty(), "{:?}", problems.shown());
    table.unwrap()
}

fn same(
    lines: &[Line],
    text: &str,
    read: impl Fn(&mut Input<'_>, &mut Listing),
    twice: Twice,
) -> Result<(), TestCaseError> {
    let (listing, document) = imported(text, read, twice);
    prop_assert!(!listing.problems.has_errors(), "{:?}", listing.problems.shown());
    let (table, oracle) = (compiled(&document), Oracle::new(lines, twice));
    for address in edges(lines) {
        prop_assert_eq!(&table.decide(address).mix.name, &oracle.answer(address), "{} of\n{}", address, text);
    }
    Ok(())
}

fn without_deletions(lines: Vec<Line>) -> Vec<Line> {
    lines.into_iter().filter(|line| line.answer.is_some()).collect()
}

fn written(lines: &[Line], between: &str, end: &str) -> String {
    let mut text = String::new();
    for Line { address, length, answer } in lines {
        _ = match answer {
            Some(answer) => writeln!(text, "{address}/{length}{between}m{answer}{end}"),
            None => writeln!(text, "delete {address}/{length}{end}"),
        };
    }
    text
}

proptest! {
    #![proptest_config(Config { cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_first_of_equal_csv_lines_counts(lines in prop::collection::vec(line(), 1..40)) {
        let lines = without_deletions(lines);
        same(&lines, &written(&lines, ",", ""), |input, listing| csv::read(input, listing), Twice::FirstWins)?;
    }

    #[test]
    fn the_last_of_equal_nginx_lines_counts(lines in prop::collection::vec(line(), 1..40)) {
        same(&lines, &written(&lines, " ", ";"), nginx::read, Twice::LastWins)?;
    }

    /// Nothing here is around IPv4's place in IPv6, which HAProxy and gdnsd take for IPv4 too.
    #[test]
    fn the_first_of_equal_haproxy_lines_counts(lines in prop::collection::vec(line(), 1..40)) {
        let lines = without_deletions(lines);
        same(&lines, &written(&lines, "\t", ""), |input, listing| haproxy::read(input, listing), Twice::FirstWins)?;
    }

    /// A zone for each answer, in order of the answers; of a zone IPv6 is before IPv4.
    #[test]
    fn the_first_of_equal_coverage_zones_counts(lines in prop::collection::vec(line(), 1..40)) {
        let mut lines = without_deletions(lines);
        lines.sort_by_key(|line| (line.answer, line.address.is_ipv4()));
        let zones: Vec<String> = (0..4).map(|answer| {
            let networks = |ipv4: bool| {
                let of_zone = lines.iter().filter(|line| line.answer == Some(answer) && line.address.is_ipv4() == ipv4);
                of_zone.map(|line| format!("\"{}/{}\"", line.address, line.length)).collect::<Vec<_>>().join(", ")
            };
            format!("\"m{answer}\": {{ \"network\": [{}], \"network6\": [{}] }}", networks(true), networks(false))
        }).collect();
        let text = format!("{{ \"coverageZones\": {{ {} }} }}", zones.join(", "));
        same(&lines, &text, |input, listing| czf::read(input, listing), Twice::FirstWins)?;
    }

    #[test]
    fn the_first_of_equal_geofeed_lines_counts(lines in prop::collection::vec(line(), 1..40)) {
        let lines = without_deletions(lines);
        // Countries have two letters: m0 is ma there.
        let country = |answer: u8| format!("m{}", char::from(b'a' + answer));
        let line = |line: &Line| {
            let country = line.answer.map(country).unwrap_or_default();
            format!("{}/{},{country},,,\n", line.address, line.length)
        };
        let text = lines.iter().map(line).collect::<Vec<_>>().concat();
        let (listing, document) = imported(&text, |input, listing| geofeed::read(input, listing), Twice::FirstWins);
        prop_assert!(!listing.problems.has_errors(), "{:?}", listing.problems.shown());
        let (table, oracle) = (compiled(&document), Oracle::new(&lines, Twice::FirstWins));
        for address in edges(&lines) {
            let answer = oracle.answer(address);
            let number = answer.strip_prefix('m').and_then(|number| number.parse().ok());
            let expected = number.map_or(answer, country);
            prop_assert_eq!(&table.decide(address).mix.name, &expected, "{} of\n{}", address, text);
        }
    }

    #[test]
    fn gdnsd_takes_any_of_equals_and_this_takes_the_first(lines in prop::collection::vec(line(), 1..40)) {
        let lines = without_deletions(lines);
        same(&lines, &written(&lines, " => ", ""), gdnsd::read, Twice::Arbitrary)?;
    }

    /// Whatever stands in a file, it is told or imported, and what is imported is a table.
    #[test]
    fn any_text_ends_in_problems_or_a_table(text in "([0-9./:a-f]{0,12}[ ,;{}=>\"\\\\#\n-]{0,3}){0,12}") {
        for (read, twice) in [
            (&(|input: &mut Input<'_>, listing: &mut Listing| csv::read(input, listing)) as &dyn Fn(&mut Input<'_>, &mut Listing), Twice::FirstWins),
            (&nginx::read, Twice::LastWins),
            (&gdnsd::read, Twice::Arbitrary),
            (&|input, listing| haproxy::read(input, listing), Twice::FirstWins),
        ] {
            let (listing, document) = imported(&text, read, twice);
            if !listing.problems.has_errors() {
                compiled(&document);
            }
        }
    }
}
