//! `croupier check --table`: a table with many faults is told all of them, each in its place.

use crate::marked::{Marked, Spot};
use crate::program::Folder;

/// What is said of each mark in `tables/faults.json`, then in `tables/faults.txt`.
const TOLD: [(&str, &str); 27] = [
    ("error", "`version` must be a string"),
    ("error", "`ttl` can't be 86401"),
    ("error", "unknown key `defualt`"),
    ("error", "missing.csv: the file does not exist"),
    ("error", "the key `datasets` stands twice"),
    ("error", "`ftp://alpha.example/` is not an absolute http(s) URL"),
    ("error", "`gam ma` can't be the name of a CDN"),
    ("error", "unknown CDN `bata`"),
    ("error", "the weight of `alpha` can't be 65536"),
    ("error", "mix `none` has no CDN with a weight above 0"),
    ("error", "unknown footprint type `ipv4-cidr`"),
    ("error", "`10.0.0.0/33` is not an IPv4 prefix"),
    ("error", "`10.0.0.0/08` is not an IPv4 prefix"),
    ("error", "`10.0.0.0/+8` is not an IPv4 prefix"),
    ("error", "`10.0.0.1/8` has host bits set"),
    ("error", "`ipv4cidr:192.0.2.0/24` gets mix `far` here but `near` elsewhere"),
    ("error", "`::ffff:192.0.2.0/120` is an IPv4-mapped prefix"),
    ("error", "no-such.txt: the file does not exist"),
    ("warning", "`asn:as64500` is listed twice"),
    ("error", "`AS64501` is not an AS number"),
    ("error", "`gbr` is not a country code"),
    ("error", "unknown mix `naer`"),
    ("error", "the footprint has no values"),
    ("error", "unknown mix `fra`"),
    ("error", "`192.0.2.256` is not an IP address"),
    ("error", "`2001:db8:1::/129` is not an IPv6 prefix"),
    ("error", "`2001:db8::1/64` has host bits set"),
];

fn faulty() -> (Folder, Marked, Marked) {
    let folder = Folder::with_good_table();
    let table = Marked::new(include_str!("tables/faults.json"));
    let prefixes = Marked::new(include_str!("tables/faults.txt"));
    folder.write("table.json", &table.text).write("faults.txt", &prefixes.text);
    (folder, table, prefixes)
}

#[test]
fn every_fault_of_a_table_is_told_in_its_place() {
    let (folder, table, prefixes) = faulty();
    let report = folder.check_table();
    let spots = |file: &'static str, marked: &Marked| -> Vec<(&'static str, Spot)> {
        marked.faults.iter().map(|spot| (file, *spot)).collect()
    };
    let expected = [spots("table.json", &table), spots("faults.txt", &prefixes)].concat();
    assert_eq!(expected.len(), TOLD.len());
    let told: Vec<_> = report.problems.iter().map(|problem| (problem.file.as_str(), problem.spot())).collect();
    assert_eq!(told, expected, "{report:#?}");
    for (problem, (severity, message)) in report.problems.iter().zip(TOLD) {
        assert_eq!(problem.severity, severity, "{problem:?}");
        assert!(problem.message.contains(message), "not `{message}`: {problem:?}");
    }
    assert_eq!((report.errors, report.warnings), (26, 1));
    assert!(report.table.is_none());
}

#[test]
fn both_places_of_a_conflict_are_told() {
    let (folder, table, _) = faulty();
    let report = folder.check_table();
    let told: Vec<_> = report.problems.iter().filter_map(|problem| problem.also.as_ref()).collect();
    assert_eq!(told.len(), table.others.len(), "{told:?}");
    for (other, expected) in told.into_iter().zip(&table.others) {
        assert_eq!((other.file.as_str(), other.line, other.column), ("table.json", expected.line, expected.column));
    }
}

#[test]
fn a_good_table_is_described() {
    let folder = Folder::with_good_table();
    let report = folder.check_table();
    assert!(report.problems.is_empty(), "{report:#?}");
    let table = report.table.unwrap();
    let counts = ["cdns", "mixes", "footprints", "canaries"].map(|count| table[count].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 4, 1]);
    assert_eq!(table["version"], "test.1");
    let ran = folder.run(&["check", "--table", "table.json"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.output.contains("table test.1: 2 CDNs, 2 mixes, 4 footprint values"), "{ran:?}");
    assert!(ran.output.ends_with("good: 0 errors, 0 warnings\n"), "{ran:?}");
}

#[test]
fn the_digest_names_every_input() {
    let folder = Folder::with_good_table();
    let digest = || folder.check_table().table.unwrap()["digest"].as_str().unwrap().to_owned();
    let first = digest();
    assert_eq!(first, digest());
    folder.write("prefixes.txt", "2001:db8::/32\n# moved\n");
    let second = digest();
    assert_ne!(first, second);
    folder.write("table.json", crate::program::GOOD.replace("test.1", "test.2"));
    assert_ne!(second, digest());
}

#[test]
fn wrong_usage_ends_in_2_and_help_in_0() {
    let folder = Folder::with_good_table();
    for arguments in [
        &[][..],
        &["chekc"],
        &["check", "--tabel", "table.json"],
        &["check", "--table"],
        &["check", "--table", "table.json", "--format", "xml"],
        &["check", "--table", "table.json", "--config", "croupier.toml"],
        &["check", "table.json"],
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.output.is_empty() && !ran.errors.is_empty(), "{arguments:?}: {ran:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"], &["help", "check"]] {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{arguments:?}: {ran:?}");
    }
}
