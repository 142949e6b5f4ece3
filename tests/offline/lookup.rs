//! `croupier lookup`: the service's answers, from a table file.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::program::{Folder, GOOD, Ran};

fn lookup(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[&["lookup", "--table", "table.json"], arguments].concat())
}

#[test]
fn text_says_who_and_why() {
    let folder = Folder::with_good_table();
    let ran = lookup(&folder, &["192.0.2.7", "2001:DB8:0::7", "198.51.100.1", "198.51.100.200", "203.0.113.1"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines.len(), 5, "{ran:?}");
    for (line, address, why) in [
        (lines[0], "192.0.2.7  ", "(mix near by ipv4cidr:192.0.2.0/24, for 192.0.2.0/24)"),
        (lines[1], "2001:db8::7  ", "(mix near by ipv6cidr:2001:db8::/32, for 2001:db8::/48)"),
        (lines[2], "198.51.100.1  ", "(mix near by asn:as64500, for 198.51.100.0/25)"),
        (lines[3], "198.51.100.200  ", "(mix near by countrycode:gb, for 198.51.100.128/25)"),
        // One CDN with a weight: as wide as the footprint goes, which ends where the next begins.
        (lines[4], "203.0.113.1  beta, alpha  ", "(mix far by default, for 200.0.0.0/5)"),
    ] {
        assert!(line.starts_with(address) && line.ends_with(why), "{line}");
    }
}

#[test]
fn json_is_what_the_service_answers() {
    let folder = Folder::with_good_table();
    let ran = lookup(&folder, &["--format", "json", "::ffff:203.0.113.1", "192.0.2.7"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let lines: Vec<Value> = ran.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let expected = json!({
        "ip": "203.0.113.1", "scope": "200.0.0.0/5", "footprint": "default", "mix": "far", "cdn": "beta",
        "cdns": [
            { "name": "beta", "url": "https://beta.example/" },
            { "name": "alpha", "url": "https://alpha.example/" }
        ],
        "ttl": 300, "version": "test.1", "generation": 1
    });
    assert_eq!(lines[0], expected);
    let keys: Vec<_> = ran.output.lines().next().unwrap().split('"').skip(1).step_by(2).collect();
    assert_eq!(&keys[..3], ["ip", "203.0.113.1", "scope"], "members come in the documented order");
}

#[test]
fn standard_input_has_one_address_a_line() {
    let folder = Folder::with_good_table();
    let arguments = ["lookup", "--table", "table.json", "--format", "json", "-"];
    let addresses = |ran: &Ran| -> Vec<String> {
        let line = |line| serde_json::from_str::<Value>(line).unwrap()["ip"].as_str().unwrap().to_owned();
        ran.output.lines().map(line).collect()
    };
    let ran = folder.run_on(&arguments, "192.0.2.1\r\n2001:db8::1\n203.0.113.9");
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(addresses(&ran), ["192.0.2.1", "2001:db8::1", "203.0.113.9"]);

    let ran = folder.run_on(&arguments, "192.0.2.1\n192.0.2.256\n203.0.113.9\n1.2.3.4:80\n");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(addresses(&ran), ["192.0.2.1", "203.0.113.9"]);
    let told: Vec<_> = ran.errors.lines().collect();
    assert_eq!(told.len(), 2, "{ran:?}");
    assert!(told[0].contains("standard input:2: ") && told[0].contains("192.0.2.256"), "{ran:?}");
    assert!(told[1].contains("standard input:4: ") && told[1].contains("1.2.3.4:80"), "{ran:?}");

    let ran = folder.run_on(&arguments, "");
    assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(0), "", ""), "{ran:?}");
}

/// A line of bytes that are no text is a bad line like any other.
#[test]
fn a_line_that_is_not_utf8_stops_nothing() {
    let folder = Folder::with_good_table();
    let ran = folder.run_on(&["lookup", "--table", "table.json", "-"], b"192.0.2.1\n\xff\xfe\n192.0.2.2\n");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.output.lines().count(), 2, "{ran:?}");
    assert!(ran.errors.contains("standard input:2: "), "{ran:?}");
}

#[test]
fn arguments_and_standard_input_mix() {
    let folder = Folder::with_good_table();
    let ran = folder.run_on(&["lookup", "--table", "table.json", "192.0.2.9", "-", "192.0.2.10"], "203.0.113.1\n");
    let addresses: Vec<_> = ran.output.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!((ran.code, addresses), (Some(0), vec!["192.0.2.9", "203.0.113.1", "192.0.2.10"]));
}

#[test]
fn bad_addresses_are_told_and_the_others_answered() {
    let folder = Folder::with_good_table();
    for bad in ["", " 192.0.2.1", "192.0.2.01", "fe80::1%eth0", "[::1]", "192.0.2.1:80", "2130706433", "0x7f.1", "é"] {
        let ran = lookup(&folder, &["192.0.2.1", bad, "192.0.2.2"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.output.lines().count(), 2, "{ran:?}");
        assert!(ran.errors.contains(&format!("`{bad}`")), "{ran:?}");
    }
}

#[test]
fn a_bad_table_is_told_and_nothing_answered() {
    let folder = Folder::with_good_table();
    folder.write("table.json", GOOD.replace("192.0.2.0/24", "192.0.2.0/33"));
    let ran = lookup(&folder, &["192.0.2.1"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.contains("table.json:17:"), "{ran:?}");
    let ran = folder.run(&["lookup", "--table", "no.json", "192.0.2.1"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.contains("no.json"), "{ran:?}");
}

#[test]
fn warnings_do_not_stop_an_answer() {
    let folder = Folder::with_good_table();
    folder.write("table.json", GOOD.replace(r#""as64500""#, r#""as64500", "as64500""#));
    let ran = lookup(&folder, &["192.0.2.1"]);
    assert_eq!((ran.code, ran.output.lines().count()), (Some(0), 1), "{ran:?}");
    assert!(ran.errors.contains("warning: `asn:as64500` is listed twice"), "{ran:?}");
}

#[test]
fn wrong_usage_ends_in_2() {
    let folder = Folder::with_good_table();
    for arguments in [&["lookup", "--table", "table.json"][..], &["lookup", "--tabel", "table.json", "192.0.2.1"]] {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{ran:?}");
        assert!(!ran.errors.is_empty());
    }
}

/// More than any pipe holds.
fn many() -> String {
    (0..40_000).map(|number| format!("192.0.{}.{}\n", number / 256, number % 256)).collect()
}

#[test]
fn who_reads_the_output_may_stop() {
    let folder = Folder::with_good_table();
    folder.write("addresses", many());
    let mut command = folder.croupier(&["lookup", "--table", "table.json", "-"]);
    command.stdin(std::fs::File::open(folder.path("addresses")).unwrap());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // As `head -n 1`: the pipe is closed when this statement ends.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("192.0.0.0  "), "{line}");
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "", "that is no error to tell of");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
}

/// As `croupier lookup - 2>&1 | head -n 1` with many bad lines.
#[test]
fn who_reads_the_errors_may_stop() {
    let folder = Folder::with_good_table();
    folder.write("addresses", "x\n".repeat(40_000));
    let mut command = folder.croupier(&["lookup", "--table", "table.json", "-"]);
    command.stdin(std::fs::File::open(folder.path("addresses")).unwrap());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "a panic ends in 101");
}

#[test]
fn who_reads_a_report_may_stop() {
    let folder = Folder::with_good_table();
    folder.write("prefixes.txt", "x\n".repeat(5000));
    for format in ["text", "json"] {
        let mut command = folder.croupier(&["check", "--table", "table.json", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(1), ""), "{format}");
    }
}
