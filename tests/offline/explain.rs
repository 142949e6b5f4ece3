//! `croupier lookup --explain`: why an address gets its CDNs.

use serde_json::Value;

use crate::program::{Folder, GOOD, Ran};

/// Prefixes within the AS within the country.
fn layered() -> Folder {
    let folder = Folder::with_good_table();
    let more = r#"["192.0.2.0/24", "198.51.100.0/26", "198.51.100.0/28"]"#;
    folder.write("table.json", GOOD.replace(r#"["192.0.2.0/24"]"#, more));
    folder
}

fn explain(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[&["lookup", "--table", "table.json", "--explain"], arguments].concat())
}

/// By prefix, by AS, by country, by default, and an IPv6 address.
const ADDRESSES: [&str; 5] =
    ["::ffff:198.51.100.1", "198.51.100.100", "198.51.100.200", "203.0.113.1", "2001:DB8:0::7"];

#[test]
fn the_text_is_for_people() {
    let ran = explain(&layered(), &ADDRESSES);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    insta::assert_snapshot!(ran.output);
}

#[test]
fn the_json_is_for_programs() {
    let ran = explain(&layered(), &[&["--format", "json"], ADDRESSES.as_slice()].concat());
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(ran.output.lines().count(), ADDRESSES.len(), "a line each");
    insta::assert_snapshot!(ran.output);
}

#[test]
fn without_it_the_text_begins_the_same() {
    let folder = layered();
    for ip in ADDRESSES {
        let plain = folder.run(&["lookup", "--table", "table.json", ip]);
        let explained = explain(&folder, &[ip]);
        assert!(explained.output.starts_with(&plain.output), "{plain:?} {explained:?}");
    }
}

#[test]
fn standard_input_is_explained_and_bad_addresses_are_told() {
    let folder = layered();
    let arguments = ["lookup", "--table", "table.json", "--format", "json", "--explain", "-"];
    let ran = folder.run_on(&arguments, "192.0.2.1\n192.0.2.256\n203.0.113.9\n");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.errors.contains("standard input:2: "), "{ran:?}");
    let lines: Vec<Value> = ran.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ips: Vec<_> = lines.iter().map(|line| line["ip"].as_str().unwrap()).collect();
    assert_eq!(ips, ["192.0.2.1", "203.0.113.9"]);
}
