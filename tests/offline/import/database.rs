//! `MaxMind` databases, held against the usual reader, address by address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::{Reader, WithinOptions};
use serde_json::Value;

use super::{imported, mixes};
use crate::program::Folder;

struct Database {
    folder: Folder,
    reader: Reader<Vec<u8>>,
}

impl Database {
    fn imported(name: &str, more: &[&str]) -> Self {
        let folder = Folder::new();
        let fixture = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(fixture, folder.path(name)).unwrap();
        let report = imported(&folder, "mmdb", name, more);
        assert!(report["prefixes"].as_u64() > Some(0), "{report:#}");
        Self { reader: Reader::open_readfile(folder.path(name)).unwrap(), folder }
    }

    /// The mix that a record asks for.
    fn mix(&self, address: IpAddr, continent: bool) -> String {
        let record: Value = self.reader.lookup(address).unwrap().decode().unwrap().unwrap_or_default();
        let text = if continent { &record["continent"]["code"] } else { &record["country"]["iso_code"] };
        let text = text.as_str().filter(|code| code.len() == 2);
        let text = text.map(|code| if continent { code.to_owned() } else { code.to_lowercase() });
        let number = record["autonomous_system_number"].as_u64().map(|number| format!("as{number}"));
        number.filter(|_| !continent).or(text).unwrap_or_else(|| "default".to_owned())
    }

    /// The ends of every network of its own, and their neighbours.
    fn edges(&self) -> Vec<IpAddr> {
        let mut edges = Vec::new();
        for found in self.reader.networks(WithinOptions::default()).unwrap() {
            let network = found.unwrap().network().unwrap();
            match (network.network(), network.broadcast()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    let (first, last) = (u32::from(first), u32::from(last));
                    let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                    edges.extend(near.map(|number| IpAddr::from(Ipv4Addr::from(number))));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    let (first, last) = (u128::from(first), u128::from(last));
                    let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                    edges.extend(near.map(|number| IpAddr::from(Ipv6Addr::from(number))));
                }
                _ => {}
            }
        }
        edges
    }
}

/// Where a database with both families has its IPv4 part, and the usual aliases of that.
fn has_ipv4(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    matches!(address.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x2001, 0, ..] | [0x2002, ..])
}

#[test]
fn a_database_has_a_mix_for_each_value() {
    for (name, more) in [
        ("country.mmdb", &[][..]),
        ("asn-24.mmdb", &[]),
        ("asn-28.mmdb", &[]),
        ("asn-32.mmdb", &[]),
        ("asn-ipv4.mmdb", &[]),
        ("asn-ipv6.mmdb", &[]),
        ("country.mmdb", &["--pick", "continent.code"]),
    ] {
        let database = Database::imported(name, more);
        let mut edges = database.edges();
        let unlike = |address: &IpAddr| match name {
            // Each has only one family, and no place for the other.
            "asn-ipv4.mmdb" => address.is_ipv6(),
            "asn-ipv6.mmdb" => address.is_ipv4(),
            _ => has_ipv4(*address),
        };
        edges.retain(|address| !unlike(address));
        assert!(edges.len() > 20, "{name}: {edges:?}");
        let expected: Vec<String> = edges.iter().map(|address| database.mix(*address, !more.is_empty())).collect();
        let found = mixes(&database.folder, &edges);
        for ((address, expected), found) in edges.iter().zip(&expected).zip(&found) {
            assert_eq!(expected, found, "{name} {more:?}: {address}");
        }
        assert!(expected.iter().any(|mix| mix != "default"), "{name}");
    }
}

/// As `data/importing.md` says.
#[test]
fn aliases_of_ipv4_are_not_carried_over() {
    let database = Database::imported("country.mmdb", &[]);
    let ipv4 = database.edges().into_iter().find_map(|address| match address {
        IpAddr::V4(address) if database.mix(address.into(), false) != "default" => Some(address),
        _ => None,
    });
    let ipv4 = ipv4.unwrap();
    let mix = database.mix(ipv4.into(), false);
    let number = u128::from(u32::from(ipv4));
    let compatible = Ipv6Addr::from(number);
    let six_to_four = Ipv6Addr::from(0x2002 << 112 | number << 80);
    assert_eq!([compatible, six_to_four].map(|address| database.mix(address.into(), false)), [&*mix, &*mix]);
    let expected = ["default", "default", &mix, &mix];
    let asked: [IpAddr; 4] = [compatible.into(), six_to_four.into(), ipv4.to_ipv6_mapped().into(), ipv4.into()];
    assert_eq!(mixes(&database.folder, asked), expected);
}
