//! Datasets in every form they come in, good and bad: what is wrong is told with its place, and
//! nothing that a file can hold makes the reader panic.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]

#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/tables.rs"]
mod tables;

use std::io::Write;
use std::net::IpAddr;

use croupier::table::Table;
use oracle::{Family, Oracle};
use tables::{Built, LIMIT, build};

const ASN_CSV: &[u8] = include_bytes!("fixtures/asn.csv");
const COUNTRY_CSV: &[u8] = include_bytes!("fixtures/country.csv");
const ASN_MMDB: [(&str, &[u8]); 4] = [
    ("asn-24.mmdb", include_bytes!("fixtures/asn-24.mmdb")),
    ("asn-28.mmdb", include_bytes!("fixtures/asn-28.mmdb")),
    ("asn-32.mmdb", include_bytes!("fixtures/asn-32.mmdb")),
    ("asn-ipv4.mmdb", include_bytes!("fixtures/asn-ipv4.mmdb")),
];
const COUNTRY_MMDB: &[u8] = include_bytes!("fixtures/country.mmdb");

/// A table whose footprints are the ASes and countries of the fixtures. `files` are its datasets,
/// of the one type or the other.
fn manifest(kind: &str, files: &[(&str, &[u8])]) -> String {
    let values = match kind {
        "asn" => r#""as1", "as2500", "as13335", "as38803", "as64512", "as65536", "as4200000000""#,
        _ => r#""gb", "fr", "AU""#,
    };
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    format!(
        r#"{{
            "version": "datasets", "ttl": 60, "default": "others",
            "cdns": {{ "a": {{ "url": "https://a.example/" }}, "b": {{ "url": "https://b.example/" }} }},
            "mixes": {{ "claimed": {{ "a": 1 }}, "others": {{ "b": 1, "a": 0 }} }},
            "datasets": {{ "{kind}": {names:?} }},
            "footprints": [ {{ "footprint-type": "{kind}", "footprint-value": [{values}], "mix": "claimed" }} ]
        }}"#
    )
}

fn table(kind: &str, files: &[(&str, &[u8])]) -> Built {
    limited(kind, files, LIMIT)
}

fn limited(kind: &str, files: &[(&str, &[u8])], limit: u64) -> Built {
    let bytes = |path: &str| files.iter().find(|(name, _)| *name == path).expect("a file of the table").1.to_vec();
    build("table.json", &manifest(kind, files), limit, bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("bytes can be packed")
}

/// Fails unless two tables decide alike for every kind of address there is in the fixtures.
fn same_answers(what: &str, kind: &str, found: Built, expected: &[u8]) {
    let files = [("expected.csv", expected)];
    let oracle = Oracle::new(&manifest(kind, &files), |_| expected.to_vec());
    let (found, expected) = (found.good(), table(kind, &files).good());
    // An IPv4 address that IPv6 embeds is an IPv6 address of its own: 10.0.0.78 and 1.0.4.0 here.
    let embedded = ["2002:0a00:004e::1", "2002:100:400::", "2001:0:a00:4e::", "::10.0.0.78", "64:ff9b::a00:4e"];
    let embedded = embedded.map(|ip| ip.parse().expect("an address"));
    let drawn = Family::BOTH.map(|family| oracle.addresses(family, 5000, 1)).concat();
    for ip in drawn.into_iter().chain(embedded) {
        let (found, expected) = (found.decide(ip), expected.decide(ip));
        assert_eq!(
            (found.footprint, &found.mix.name, found.scope, &found.cdns),
            (expected.footprint, &expected.mix.name, expected.scope, &expected.cdns),
            "{what}: {ip}"
        );
    }
    for ip in embedded {
        assert_eq!(found.decide(ip).footprint.to_string(), "default", "{what}: {ip}");
    }
}

#[test]
fn every_way_to_write_a_csv_is_read_alike() {
    let text = std::str::from_utf8(ASN_CSV).expect("text");
    let quoted = |line: &str| format!("\"{}\"\n", line.replace(',', "\",\""));
    let (header, rows) = text.split_once('\n').expect("a header");
    let mut backwards: Vec<&str> = rows.lines().collect();
    backwards.reverse();
    let half = gzip(rows.as_bytes());
    for (what, csv) in [
        ("plain", text.to_owned().into_bytes()),
        ("quoted", text.lines().map(quoted).collect::<String>().into_bytes()),
        ("Windows line ends", text.replace('\n', "\r\n").into_bytes()),
        ("Windows byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("empty lines", text.replace('\n', "\n\n").into_bytes()),
        ("not sorted", format!("{header}\n{}\n", backwards.join("\n")).into_bytes()),
        ("addresses in capitals", text.to_ascii_uppercase().replace("START,END,ASN", header).into_bytes()),
        ("gzip", gzip(ASN_CSV)),
        ("gzip of two members", [gzip(format!("{header}\n").as_bytes()), half].concat()),
    ] {
        // The bytes tell whether a file is packed, not its name.
        for name in ["asn.csv", "asn.csv.gz", "asn"] {
            let built = table("asn", &[(name, &csv)]);
            assert_eq!(built.told(), "", "{what}");
            same_answers(what, "asn", built, ASN_CSV);
        }
    }
    same_answers("countries", "countrycode", table("countrycode", &[("c.csv", COUNTRY_CSV)]), COUNTRY_CSV);
}

/// Some lists of IPv6 ranges hold IPv4's, too. They are never looked up as IPv6.
#[test]
fn mapped_ranges_are_ipv4() {
    let csv = b"start,end,asn\n::ffff:1.0.0.0,::ffff:1.0.0.255,1\n";
    let built = table("asn", &[("asn.csv", csv)]).good();
    assert_eq!(built.decide([1, 0, 0, 9].into()).footprint.to_string(), "asn:as1");
    let built = table("asn", &[("asn.csv", b"start,end,asn\n::,::1:0:0:0,1\n")]).good();
    assert_eq!(built.decide([1, 0, 0, 9].into()).footprint.to_string(), "default");
    assert_eq!(built.decide(std::net::Ipv6Addr::LOCALHOST.into()).footprint.to_string(), "asn:as1");
}

#[test]
fn a_dataset_may_be_several_files() {
    let text = std::str::from_utf8(ASN_CSV).expect("text");
    let part = |ipv6: bool| {
        let rows = text.lines().filter(|line| line.starts_with("start") || line.contains(':') == ipv6);
        rows.map(|line| format!("{line}\n")).collect::<String>()
    };
    let (ipv4, ipv6) = (part(false), gzip(part(true).as_bytes()));
    let built = table("asn", &[("asn-ipv4.csv", ipv4.as_bytes()), ("asn-ipv6.csv.gz", &ipv6)]);
    same_answers("two files", "asn", built, ASN_CSV);
    let built = table("asn", &[("asn-ipv6.csv.gz", &ipv6), ASN_MMDB[3]]);
    same_answers("a CSV and an mmdb", "asn", built, ASN_CSV);
}

#[test]
fn an_mmdb_answers_as_the_equivalent_csv() {
    let text = std::str::from_utf8(ASN_CSV).expect("text");
    let ipv4: String = text.lines().filter(|line| !line.contains(':')).map(|line| format!("{line}\n")).collect();
    for (name, mmdb) in ASN_MMDB {
        let equivalent = if name == "asn-ipv4.mmdb" { ipv4.as_bytes() } else { ASN_CSV };
        for (name, bytes) in [(name.to_owned(), mmdb.to_vec()), (format!("{name}.gz"), gzip(mmdb))] {
            same_answers(&name, "asn", table("asn", &[(&name, &bytes)]), equivalent);
        }
    }
    let built = table("countrycode", &[("country.mmdb", COUNTRY_MMDB)]);
    same_answers("country.mmdb", "countrycode", built, COUNTRY_CSV);
}

#[test]
fn an_mmdb_without_ipv4_loses_no_network() {
    let file = ("asn-ipv6.mmdb", &include_bytes!("fixtures/asn-ipv6.mmdb")[..]);
    let table = table("asn", &[file]).good();
    for (ip, footprint) in [
        ("::1", "asn:as13335"),
        ("ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "asn:as13335"),
        ("100::", "default"),
        // The same record as at `::`.
        ("2001:db8:2::1", "asn:as13335"),
        ("2606:4700::1", "asn:as13335"),
        // Stored as uint16 and as uint32.
        ("2001:db8::2", "asn:as64512"),
        ("2001:db8:1::", "asn:as65536"),
        ("1.0.0.1", "default"),
    ] {
        let ip: IpAddr = ip.parse().expect("an address");
        assert_eq!(table.decide(ip).footprint.to_string(), footprint, "{ip}");
    }
}

#[test]
fn faults_in_a_csv_are_told_with_their_place() {
    let cut_short = "error: the file does not end in a newline: it may be cut short";
    let header = "asn.csv:1:1: error: the header row must be `start,end,asn`";
    for (what, csv, told) in [
        ("an empty file", "", "asn.csv: error: the file does not end in a newline"),
        ("a header and no more", "start,end,asn\n", "asn.csv: error: the dataset has no ranges"),
        ("a header cut short", "start,end", "asn.csv:1:10: error: the file does not end in a newline"),
        ("a last line cut short", "start,end,asn\n1.0.0.0,1.0.0.255,133", cut_short),
        ("no header", "1.0.0.0,1.0.0.255,13335\n", header),
        ("another header", "from,to,asn\n1.0.0.0,1.0.0.255,13335\n", header),
        ("the header of countries", "start,end,country\n1.0.0.0,1.0.0.255,AU\n", header),
        ("a wider header", "start,end,asn,name\n1.0.0.0,1.0.0.255,13335,x\n", header),
        (
            "a start after the end",
            "start,end,asn\n1.0.0.0,1.0.0.255,1\n1.0.2.0,1.0.1.255,1\n",
            "asn.csv:3:9: error: the range ends before it begins",
        ),
        (
            "an IPv6 start after the end",
            "start,end,asn\n2001:db8::2,2001:db8::1,1\n",
            "asn.csv:2:13: error: the range ends before it begins",
        ),
        (
            "mixed families",
            "start,end,asn\n1.0.0.0,2001:db8::,1\n",
            "asn.csv:2:9: error: the range begins in one address family and ends in the other",
        ),
        ("a bad start", "start,end,asn\n1.0.0,1.0.0.255,1\n", "asn.csv:2:1: error: `1.0.0` is not an IP address"),
        ("a bad end", "start,end,asn\n1.0.0.0,1.0.0.256,1\n", "asn.csv:2:9: error: `1.0.0.256` is not an IP address"),
        ("a prefix", "start,end,asn\n1.0.0.0/8,1.0.0.0,1\n", "asn.csv:2:1: error: `1.0.0.0/8` is not an IP address"),
        ("a space", "start,end,asn\n1.0.0.0, 1.0.0.9,1\n", "asn.csv:2:9: error: ` 1.0.0.9` is not an IP address"),
        ("a bad ASN", "start,end,asn\n1.0.0.0,1.0.0.9,AS1\n", "asn.csv:2:17: error: `AS1` is not an AS number"),
        ("no ASN", "start,end,asn\n1.0.0.0,1.0.0.9,\n", "asn.csv:2:17: error: `` is not an AS number"),
        (
            "an ASN too large",
            "start,end,asn\n1.0.0.0,1.0.0.9,4294967296\n",
            "asn.csv:2:17: error: `4294967296` is not an AS number",
        ),
        ("two fields", "start,end,asn\n1.0.0.0,1.0.0.9\n", "asn.csv:2:1: error: expected 3 fields, found 2"),
        ("four fields", "start,end,asn\n1.0.0.0,1.0.0.9,1,x\n", "asn.csv:2:1: error: expected 3 fields, found 4"),
        (
            "a quote that does not end",
            "start,end,asn\n\"1.0.0.0,1.0.0.9,1\n1.0.1.0,1.0.1.9,1\n",
            "asn.csv:2:1: error: expected 3 fields, found 1",
        ),
        (
            "a quoted field",
            "start,end,asn\n\"1.0.0.0\",\"1.0.0.9\",\"one\"\n",
            "asn.csv:2:21: error: `one` is not an AS number",
        ),
        (
            "Windows line ends",
            "start,end,asn\r\n1.0.0.0,1.0.0.9,1\r\n1.0.1.0,1.0.1.9,x\r\n",
            "asn.csv:3:17: error: `x` is not an AS number",
        ),
        (
            "empty lines before",
            "\nstart,end,asn\n\n\n1.0.0.0,1.0.0.9,x\n",
            "asn.csv:5:17: error: `x` is not an AS number",
        ),
    ] {
        for (packed, bytes) in [("", csv.as_bytes().to_vec()), (" in gzip", gzip(csv.as_bytes()))] {
            let built = table("asn", &[("asn.csv", &bytes)]);
            assert!(built.told().contains(told), "{what}{packed}: {}", built.told());
            assert!(built.table.is_none(), "{what}{packed} is an error");
        }
    }
}

#[test]
fn faults_in_a_csv_of_countries_are_told_with_their_place() {
    for (csv, told) in [
        ("start,end,asn\n1.0.0.0,1.0.0.9,1\n", "c.csv:1:1: error: the header row must be `start,end,country`"),
        ("start,end,country\n1.0.0.0,1.0.0.9,GBR\n", "c.csv:2:17: error: `GBR` is not a country code"),
        ("start,end,country\n1.0.0.0,1.0.0.9,\n", "c.csv:2:17: error: `` is not a country code"),
        ("start,end,country\n1.0.0.0,1.0.0.9,4x\n", "c.csv:2:17: error: `4x` is not a country code"),
        ("start,end,country\n1.0.0.0,1.0.0.9,é\n", "c.csv:2:17: error: `é` is not a country code"),
    ] {
        let built = table("countrycode", &[("c.csv", csv.as_bytes())]);
        assert!(built.told().contains(told), "{csv}: {}", built.told());
        assert!(built.table.is_none(), "{csv}");
    }
    let latin_1 = b"start,end,country\n1.0.0.0,1.0.0.9,\xe9\xe9\n";
    let built = table("countrycode", &[("c.csv", latin_1)]);
    assert!(built.told().contains("c.csv:2:17: error: "), "{}", built.told());
}

#[test]
fn every_fault_is_told_up_to_a_hundred_of_a_file() {
    let mut csv = String::from("start,end,asn\n");
    for row in 0..250 {
        csv += &format!("1.0.{row}.0,1.0.{row}.255,{}\n", if row % 2 == 0 { "1" } else { "one" });
    }
    let built = table("asn", &[("asn.csv", csv.as_bytes())]);
    assert!(built.table.is_none());
    assert_eq!(built.errors().count(), 101, "{}", built.told());
    assert!(built.told().contains("asn.csv:3:19: error: `one` is not an AS number"), "{}", built.told());
    assert!(built.told().contains("asn.csv: error: 25 more errors in this file are not shown"), "{}", built.told());
}

#[test]
fn overlaps_are_warnings_that_name_both_places() {
    let first = b"start,end,asn\n1.0.0.0,1.0.255.255,1\n2001:db8::,2001:db8::ffff,64512\n";
    let second = b"start,end,asn\n1.0.9.0,1.0.9.255,2500\n9.0.0.0,9.0.0.255,13335\n\
        2001:db8::,2001:db8::ffff,65536\n1.0.255.0,1.1.253.255,38803\n";
    let built = table("asn", &[("one.csv", first), ("two.csv", second)]);
    let overlap = |place: &str, other: &str| {
        format!(
            "{place}: warning: the range overlaps another: the narrower one wins, then the first\n    the other range: {other}\n"
        )
    };
    for (place, other) in
        [("two.csv:2:1", "one.csv:2:1"), ("two.csv:5:1", "one.csv:2:1"), ("two.csv:4:1", "one.csv:3:1")]
    {
        assert!(built.told().contains(&overlap(place, other)), "{place}: {}", built.told());
    }
    assert_eq!(built.errors().count(), 0, "{}", built.told());
    let table = built.good();
    for (ip, footprint) in [
        ("1.0.8.255", "asn:as1"),
        ("1.0.9.0", "asn:as2500"),
        ("1.0.9.255", "asn:as2500"),
        ("1.0.10.0", "asn:as1"),
        // A few addresses fewer.
        ("1.0.255.0", "asn:as38803"),
        ("1.1.254.0", "default"),
        // As wide as each other: the first file wins.
        ("2001:db8::1", "asn:as64512"),
    ] {
        let ip: IpAddr = ip.parse().expect("an address");
        assert_eq!(table.decide(ip).footprint.to_string(), footprint, "{ip}");
    }
}

#[test]
fn many_overlaps_are_counted() {
    let mut csv = String::from("start,end,asn\n");
    for row in 0..50 {
        csv += &format!("1.0.{row}.0,1.0.{}.0,1\n", row + 1);
    }
    let built = table("asn", &[("asn.csv", csv.as_bytes())]);
    assert_eq!(built.told().matches("the other range: asn.csv:").count(), 5, "{}", built.told());
    assert!(built.told().contains("asn.csv: warning: 44 more ranges overlap"), "{}", built.told());
    built.good();
}

#[test]
fn a_gzip_file_cut_anywhere_is_an_error() {
    let whole = gzip(ASN_CSV);
    for length in 0..whole.len() {
        let built = table("asn", &[("asn.csv.gz", &whole[..length])]);
        assert!(built.table.is_none(), "cut to {length} bytes");
        assert!(built.errors().all(|error| error.file == "asn.csv.gz"), "{}", built.told());
    }
    let built = table("asn", &[("asn.csv.gz", &whole[..whole.len() / 2])]);
    let told = "asn.csv.gz: error: the gzip file can't be unpacked: ";
    assert!(built.told().contains(told), "{}", built.told());
    assert!(built.told().contains("help: fetch or write the file again, whole"), "{}", built.told());
}

#[test]
fn a_gzip_file_with_a_wrong_bit_is_an_error_or_says_the_same() {
    let whole = gzip(ASN_CSV);
    let prefixes = |table: &Table| table.trie.iter().collect::<Vec<_>>();
    let expected = prefixes(&table("asn", &[("asn.csv.gz", &whole)]).good());
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut wrong = whole.clone();
            wrong[index] ^= 1 << bit;
            // Some bits of the header, and those that fill the last byte, mean nothing.
            if let Some(table) = table("asn", &[("asn.csv.gz", &wrong)]).table {
                assert_eq!(prefixes(&table), expected, "byte {index}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_packed_file_may_not_unpack_to_more_than_the_limit() {
    let limit = ASN_CSV.len() as u64;
    assert!(limited("asn", &[("asn.csv.gz", &gzip(ASN_CSV))], limit).table.is_some());
    let told = |limit: u64| format!("asn.csv.gz: error: the file unpacks to more than the limit of {limit} bytes");
    let built = limited("asn", &[("asn.csv.gz", &gzip(ASN_CSV))], limit - 1);
    assert!(built.table.is_none() && built.told().contains(&told(limit - 1)), "{}", built.told());
    // 64 MB of newlines in 64 kB; the limit is reached long before.
    let bomb = gzip(&vec![b'\n'; 64 << 20]);
    let built = limited("asn", &[("asn.csv.gz", &bomb)], 1 << 20);
    assert!(built.table.is_none() && built.told().contains(&told(1 << 20)), "{}", built.told());
}

#[test]
fn an_mmdb_cut_anywhere_is_an_error() {
    for (name, whole) in ASN_MMDB {
        for length in 0..whole.len() {
            let built = table("asn", &[(name, &whole[..length])]);
            assert!(built.table.is_none(), "{name} cut to {length} bytes");
            let told = format!("{name}: error: not a readable MaxMind database: ");
            assert!(built.told().contains(&told), "{}", built.told());
        }
    }
}

/// Thirty nodes, each with both its branches on the next one: 2^30 networks in 300 bytes.
#[test]
fn an_mmdb_whose_nodes_are_shared_is_an_error() {
    const NODES: u32 = 30;
    let data = NODES + 16;
    let node = |next: u32| [&next.to_be_bytes()[1..], &next.to_be_bytes()[1..]].concat();
    let mut mmdb: Vec<u8> = (1..NODES).chain([data]).flat_map(node).collect();
    mmdb.extend([0; 16]);
    mmdb.extend(b"\xe1\x58autonomous_system_number\xc1\x01");
    mmdb.extend(b"\xab\xcd\xefMaxMind.com\xe9");
    mmdb.extend(b"\x4anode_count\xc1\x1e\x4brecord_size\xa1\x18\x4aip_version\xa1\x04");
    mmdb.extend(b"\x4ddatabase_type\x41T\x49languages\x00\x04\x5bbinary_format_major_version\xa1\x02");
    mmdb.extend(b"\x5bbinary_format_minor_version\xa0\x4bbuild_epoch\x00\x02\x4bdescription\xe0");
    let built = table("asn", &[("bomb.mmdb", &mmdb)]);
    assert!(built.told().contains("nodes of the search tree are shared"), "{}", built.told());
}

#[test]
fn an_mmdb_with_a_wrong_byte_does_not_panic() {
    for (kind, name, whole) in [
        ("asn", "asn-28.mmdb", ASN_MMDB[1].1),
        ("asn", "asn-ipv4.mmdb", ASN_MMDB[3].1),
        ("countrycode", "country.mmdb", COUNTRY_MMDB),
    ] {
        for index in 0..whole.len() {
            for wrong in [0, 1, 0x7f, 0xff, whole[index] ^ 0x80, whole[index] ^ 0x20] {
                let mut bytes = whole.to_vec();
                bytes[index] = wrong;
                let built = table(kind, &[(name, &bytes)]);
                assert!(built.errors().all(|error| error.file == name), "byte {index}: {}", built.told());
            }
        }
    }
}

#[test]
fn a_file_of_another_kind_is_an_error() {
    let unreadable = "x.mmdb: error: not a readable MaxMind database: ";
    let not_text = "x.csv:1:1: error: the header row must be `start,end,asn`";
    for (what, name, bytes, told) in [
        ("a text file named .mmdb", "x.mmdb", ASN_CSV, unreadable),
        ("an empty .mmdb", "x.mmdb", &[][..], unreadable),
        ("an .mmdb named .csv", "x.csv", ASN_MMDB[0].1, not_text),
        ("countries for ASNs", "x.mmdb", COUNTRY_MMDB, "x.mmdb: error: the dataset has no ranges"),
    ] {
        let built = table("asn", &[(name, bytes)]);
        assert!(built.told().contains(told), "{what}: {}", built.told());
        assert!(built.table.is_none(), "{what}");
    }
    let built = table("countrycode", &[ASN_MMDB[0]]);
    assert!(built.told().contains("asn-24.mmdb: error: the dataset has no ranges"), "{}", built.told());
}

#[test]
fn an_as_without_addresses_is_a_warning_at_the_claim() {
    let built = table("asn", &[("asn.csv", b"start,end,asn\n1.0.0.0,1.0.0.255,13335\n")]);
    let told = built.told();
    assert_eq!(told.matches("has no addresses in the datasets").count(), 6, "{told}");
    assert!(told.contains("table.json:6:76: warning: `asn:as1` has no addresses in the datasets"), "{told}");
    built.good();
}
