//! Each fault of a table by itself: one problem, in its place, with what to do about it.

use crate::marked::{Marked, Spot};
use crate::program::{Excerpt, Folder, GOOD, each};

/// What stands in [`GOOD`], what stands there instead, and what is said of it: message, help.
type Fault = (&'static str, &'static str, &'static str, &'static str);

/// Checks the good table with one part of it replaced, in both formats.
#[track_caller]
fn told(folder: &Folder, severity: &str, (from, to, message, help): Fault) {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` stands once in the good table");
    let marked = Marked::new(&GOOD.replace(from, to));
    folder.write("table.json", &marked.text);
    let report = folder.check_table();
    let problem = report.only();
    assert_eq!(problem.severity, severity, "{to}: {problem:?}");
    assert_eq!((problem.file.as_str(), problem.spot()), ("table.json", marked.faults[0]), "{to}: {problem:?}");
    assert!(problem.message.contains(message), "{to}: not `{message}`: {problem:?}");
    assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{to}: not `{help}`: {problem:?}");
    shows(problem.excerpt.as_ref(), &marked.text, marked.faults[0]);
    let other = problem.also.as_ref().map(|other| (other.file.as_str(), other.line, other.column, other.length));
    let expected = marked.others.first().map(|spot| ("table.json", spot.line, spot.column, spot.length));
    assert_eq!(other, expected, "{to}: {problem:?}");
    if let (Some(other), Some(spot)) = (&problem.also, marked.others.first()) {
        shows(other.excerpt.as_ref(), &marked.text, *spot);
        assert!(!other.label.is_empty(), "{to}: {problem:?}");
    }
    let text = folder.run(&["check", "--table", "table.json"]).output;
    let title = format!("{severity}: {}\n", problem.message);
    let place = format!("--> table.json:{}:{}\n", problem.line, problem.column);
    assert!(text.starts_with(&title) && text.contains(&place), "not `{title}` at `{place}`: {text}");
}

/// What an excerpt has at a spot is what stands there.
#[track_caller]
fn shows(excerpt: Option<&Excerpt>, text: &str, spot: Spot) {
    let line = text.lines().nth(spot.line as usize - 1).unwrap();
    let written: String = line.chars().skip(spot.column as usize - 1).take(spot.length as usize).collect();
    let excerpt = excerpt.unwrap();
    let shown = excerpt.from(spot.column, spot.length);
    assert!(
        written.starts_with(&shown) && (excerpt.cut || shown == written),
        "{excerpt:?} at {spot:?}, not `{written}`"
    );
    let window: String = line.chars().skip(excerpt.column as usize - 1).take(excerpt.text.chars().count()).collect();
    assert_eq!(excerpt.text.replace('␛', "\u{1b}"), window);
}

#[track_caller]
fn errors(faults: &[Fault]) {
    let folder = Folder::with_good_table();
    each(faults, |fault| told(&folder, "error", *fault));
}

const TTL: &str = r#""ttl": 300"#;
const CIDR: &str = r#""192.0.2.0/24""#;
const FILE: &str = r#""footprint-file": "prefixes.txt""#;
const ALPHA: &str = r#""alpha": { "url": "https://alpha.example/" }"#;

#[test]
fn unknown_keys_at_every_level() {
    errors(&[
        (TTL, r#""ttl": 300, «"tttl"»: 1"#, "unknown key `tttl`", "did you mean `ttl`?"),
        (TTL, r#""ttl": 300, «"zebra"»: 1"#, "unknown key `zebra`", "version"),
        (TTL, r#""ttl": 300, «"TTL"»: 1"#, "unknown key `TTL`", ""),
        (r#""asn": ["asn.csv"]"#, r#""asn": ["asn.csv"], «"asns"»: []"#, "unknown key `asns`", "did you mean `asn`?"),
        (ALPHA, r#""alpha": { "url": "https://alpha.example/", «"urls"»: 1 }"#, "`urls`", "did you mean `url`?"),
        (
            r#""footprint-file""#,
            r#"«"footprint-fils"»: "x", "footprint-file""#,
            "`footprint-fils`",
            "`footprint-file`?",
        ),
        (r#""ip": "192.0.2.1""#, r#""ip": "192.0.2.1", «"mixx"»: """#, "unknown key `mixx`", "did you mean `mix`?"),
    ]);
}

#[test]
fn duplicate_keys_at_every_level() {
    errors(&[
        (TTL, r#"‹"ttl"›: 300, «"ttl"»: 300"#, "the key `ttl` stands twice", "keep one"),
        (TTL, r#"‹"ttl"›: 300, «"\u0074tl"»: 300"#, "the key `ttl` stands twice", "keep one"),
        (
            r#""asn": ["asn.csv"]"#,
            r#"‹"asn"›: ["asn.csv"], «"asn"»: ["asn.csv"]"#,
            "`asn` stands twice in `datasets`",
            "",
        ),
        (ALPHA, r#"‹"alpha"›: { "url": "https://a.example/" }, «"alpha"»: {}"#, "`alpha` stands twice in `cdns`", ""),
        (
            ALPHA,
            r#""alpha": { ‹"url"›: "https://a.example/", «"url"»: "https://b.example/" }"#,
            "`url` stands twice in CDN `alpha`",
            "",
        ),
        (
            r#""near": { "alpha": 80"#,
            r#"‹"near"›: { "alpha": 1 }, «"near"»: { "alpha": 80"#,
            "stands twice in `mixes`",
            "",
        ),
        (r#""alpha": 80"#, r#"‹"alpha"›: 80, «"alpha"»: 0"#, "`alpha` stands twice in mix `near`", ""),
        (
            r#"["gb"], "mix": "near""#,
            r#"["gb"], ‹"mix"›: "near", «"mix"»: "far""#,
            "the key `mix` stands twice in the footprint",
            "",
        ),
        (r#""ip": "192.0.2.1""#, r#"‹"ip"›: "192.0.2.1", «"ip"»: "192.0.2.2""#, "`ip` stands twice in the canary", ""),
    ]);
}

#[test]
fn version_and_ttl() {
    const VERSION: &str = r#""test.1""#;
    errors(&[
        (VERSION, "«1»", "`version` must be a string, not a number", ""),
        (VERSION, "«null»", "`version` must be a string, not null", ""),
        (TTL, r#""ttl": «86401»"#, "`ttl` can't be 86401", "0 to 86400"),
        (TTL, r#""ttl": «-1»"#, "`ttl` can't be -1", "0 to 86400"),
        (TTL, r#""ttl": «1.5»"#, "`ttl` can't be 1.5", "whole number"),
        (TTL, r#""ttl": «"300"»"#, "`ttl` must be a number, not a string", ""),
        (TTL, r#""ttl": «99999999999999999999999»"#, "`ttl` can't be 99999999999999999999999", ""),
        (TTL, r#""ttl": «1e999»"#, "`ttl` can't be 1e999", ""),
    ]);
    let folder = Folder::with_good_table();
    let version = |length: usize| format!(r#""{}""#, "é".repeat(length));
    folder.write("table.json", GOOD.replace(VERSION, &version(128)));
    assert!(folder.check_table().problems.is_empty());
    folder.write("table.json", GOOD.replace(VERSION, &version(129)));
    let report = folder.check_table();
    assert_eq!((report.only().line, report.only().column, report.only().length), (2, 14, 131));
    let excerpt = report.only().excerpt.as_ref().unwrap();
    assert_eq!((excerpt.column, excerpt.cut, excerpt.from(14, 3)), (1, true, r#""éé"#.to_owned()));
    for good in ["0", "86400"] {
        folder.write("table.json", GOOD.replace("300", good));
        assert!(folder.check_table().problems.is_empty(), "{good}");
    }
}

#[test]
fn cdns_and_mixes() {
    const URL: &str = r#""https://alpha.example/""#;
    errors(&[
        (URL, r#"«"ftp://alpha.example/"»"#, "`ftp://alpha.example/` is not an absolute http(s) URL", "https://"),
        (URL, r#"«"/path"»"#, "not an absolute http(s) URL", "https://"),
        (URL, r#"«"alpha.example"»"#, "not an absolute http(s) URL", "https://"),
        (URL, r#"«"https://"»"#, "not an absolute http(s) URL", "https://"),
        (URL, r#"«"https:///x"»"#, "not an absolute http(s) URL", "https://"),
        (URL, r#"«"https://a b/"»"#, "not an absolute http(s) URL", "https://"),
        (URL, r#"«""»"#, "not an absolute http(s) URL", "https://"),
        (URL, "«7»", "`url` must be a string, not a number", ""),
        (
            ALPHA,
            r#""alpha": { "url": "https://a.example/" }, «"ä"»: { "url": "https://b.example/" }"#,
            "`ä`",
            "a-z A-Z",
        ),
        (ALPHA, r#""alpha": { "url": "https://a.example/" }, «""»: { "url": "https://b.example/" }"#, "``", "1 to 64"),
        (
            ALPHA,
            r#""alpha": { "url": "https://a.example/" }, "b": «[]»"#,
            "CDN `b` must be an object, not an array",
            "",
        ),
        (r#""beta": 20"#, r#"«"betta"»: 20"#, "unknown CDN `betta`", "did you mean `beta`?"),
        (r#""beta": 20"#, r#"«"zebra"»: 20"#, "unknown CDN `zebra`", "`cdns`"),
        (r#""beta": 20"#, r#""beta": «65536»"#, "the weight of `beta` can't be 65536", "0 to 65535"),
        (r#""beta": 20"#, r#""beta": «-1»"#, "the weight of `beta` can't be -1", "0 to 65535"),
        (r#""beta": 20"#, r#""beta": «0.5»"#, "the weight of `beta` can't be 0.5", "whole number"),
        (r#""beta": 20"#, r#""beta": «"20"»"#, "the weight of `beta` must be a number, not a string", ""),
        (r#""beta": 20"#, r#""beta": «null»"#, "the weight of `beta` must be a number, not null", ""),
        (
            r#"{ "alpha": 80, "beta": 20 }"#,
            r#"«{ "alpha": 0 }»"#,
            "mix `near` has no CDN with a weight above 0",
            "1 to",
        ),
        (r#"{ "alpha": 80, "beta": 20 }"#, "«{}»", "mix `near` has no CDN with a weight above 0", ""),
        (r#""far": {"#, r#"«"f r"»: { "beta": 1 }, "far": {"#, "`f r` can't be the name of a mix", "1 to 64"),
    ]);
    let folder = Folder::with_good_table();
    for (length, problems) in [(64, 0), (65, 1)] {
        let name = "a".repeat(length);
        folder.write("table.json", GOOD.replace("alpha", &name).replace("https://a", "https://alpha.example/?a"));
        assert_eq!(folder.check_table().problems.len(), problems, "a name of {length} characters");
    }
}

#[test]
fn footprints() {
    errors(&[
        (r#""ipv4cidr""#, r#"«"ipv4"»"#, "unknown footprint type `ipv4`", "ipv4cidr"),
        (r#""ipv4cidr""#, r#"«"ipv4-cidr"»"#, "unknown footprint type `ipv4-cidr`", "did you mean `ipv4cidr`?"),
        (r#""ipv4cidr""#, r#"«"IPV4CIDR"»"#, "unknown footprint type `IPV4CIDR`", "did you mean `ipv4cidr`?"),
        (r#""ipv4cidr""#, "«null»", "`footprint-type` must be a string", ""),
        (r#"["192.0.2.0/24"]"#, r#"«"192.0.2.0/24"»"#, "`footprint-value` must be an array, not a string", ""),
        (CIDR, r#""192.0.2.0/24", «64500»"#, "must be a string, not a number", ""),
        (r#"["gb"], "mix": "near""#, r#"["gb"], "mix": «"naer"»"#, "unknown mix `naer`", "did you mean `near`?"),
        (r#"["gb"], "mix": "near""#, r#"["gb"], "mix": «"zebra"»"#, "unknown mix `zebra`", "`mixes`"),
        (r#""default": "far""#, r#""default": «"fra"»"#, "unknown mix `fra`", "did you mean `far`?"),
        (
            r#""footprint-file": "prefixes.txt""#,
            r#""footprint-file": «"no.txt"»"#,
            "no.txt: the file does not exist",
            "",
        ),
        (r#"["asn.csv"]"#, r#"[«"no.csv"»]"#, "no.csv: the file does not exist", ""),
        (r#""prefixes.txt""#, r#"«""»"#, "the path is empty", ""),
        (
            r#"{ "footprint-type": "countrycode", "footprint-value": ["gb"], "mix": "near" }"#,
            r#"«{ "footprint-type": "countrycode", "mix": "near" }»"#,
            "the footprint has no values",
            "`footprint-value`",
        ),
        (r#"{ "footprint-type": "asn", "#, "«{» ", "the footprint has no `footprint-type`", ""),
        (
            r#"{ "footprint-type": "countrycode", "footprint-value": ["gb"], "mix": "near" }"#,
            r#"«{» "footprint-type": "countrycode", "footprint-value": ["gb"] }"#,
            "the footprint has no `mix`",
            "",
        ),
        (
            r#"{ "footprint-type": "countrycode", "footprint-value": ["gb"], "mix": "near" }"#,
            "«[]»",
            "the footprint must be an object, not an array",
            "",
        ),
    ]);
}

#[test]
fn cidrs() {
    errors(&[
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/33"»"#, "`10.0.0.0/33` is not an IPv4 prefix", "0 to 32"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/08"»"#, "`10.0.0.0/08` is not an IPv4 prefix", "leading zeros"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/+8"»"#, "`10.0.0.0/+8` is not an IPv4 prefix", "sign"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/-8"»"#, "`10.0.0.0/-8` is not an IPv4 prefix", "sign"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/00"»"#, "`10.0.0.0/00` is not an IPv4 prefix", "leading zeros"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/ 8"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/٨"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/"»"#, "is not an IPv4 prefix", "0 to 32"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/264"»"#, "is not an IPv4 prefix", "0 to 32"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.0/8/8"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.7"»"#, "the prefix length is missing", "`10.0.0.7/32`"),
        (CIDR, r#""192.0.2.0/24", «"10.0.0/8"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"010.0.0.0/8"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «" 10.0.0.0/8"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"2001:db8::/32"»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «""»"#, "is not an IPv4 prefix", ""),
        (CIDR, r#""192.0.2.0/24", «"10.0.0.1/8"»"#, "`10.0.0.1/8` has host bits set", "`10.0.0.0/8`"),
        (CIDR, r#""192.0.2.0/24", «"128.0.0.0/0"»"#, "`128.0.0.0/0` has host bits set", "`0.0.0.0/0`"),
    ]);
    errors(&[
        (FILE, r#""footprint-value": [«"2001:db9::/129"»]"#, "is not an IPv6 prefix", "0 to 128"),
        (FILE, r#""footprint-value": [«"2001:db9::/032"»]"#, "is not an IPv6 prefix", "leading zeros"),
        (FILE, r#""footprint-value": [«"2001:db9::1"»]"#, "the prefix length is missing", "`2001:db9::1/128`"),
        (FILE, r#""footprint-value": [«"fe80::%eth0/64"»]"#, "is not an IPv6 prefix", ""),
        (FILE, r#""footprint-value": [«"2001:db9::1/32"»]"#, "has host bits set", "`2001:db9::/32`"),
        (FILE, r#""footprint-value": [«"::ffff:10.0.0.0/104"»]"#, "IPv4-mapped", "`10.0.0.0/8`"),
        (FILE, r#""footprint-value": [«"::ffff:a00:1/128"»]"#, "IPv4-mapped", "`10.0.0.1/32`"),
        (FILE, r#""footprint-value": [«"::ffff:0:0/96"»]"#, "IPv4-mapped", "`0.0.0.0/0`"),
        (FILE, r#""footprint-value": [«"192.0.2.0/24"»]"#, "is not an IPv6 prefix", ""),
    ]);
}

#[test]
fn asns_and_countries() {
    errors(&[
        (r#""as64500""#, r#""as64500", «"64501"»"#, "`64501` is not an AS number", "`as64501`"),
        (r#""as64500""#, r#""as64500", «"AS64501"»"#, "`AS64501` is not an AS number", "`as64501`"),
        (r#""as64500""#, r#""as64500", «"as064501"»"#, "`as064501` is not an AS number", "leading zeros"),
        (r#""as64500""#, r#""as64500", «"as4294967296"»"#, "is not an AS number", "4294967295"),
        (r#""as64500""#, r#""as64500", «"as+1"»"#, "is not an AS number", ""),
        (r#""as64500""#, r#""as64500", «"as1.10"»"#, "is not an AS number", ""),
        (r#""as64500""#, r#""as64500", «"as"»"#, "is not an AS number", "0 to 4294967295"),
        (r#""as64500""#, r#""as64500", «"example"»"#, "is not an AS number", "`as2856`"),
        (r#""gb""#, r#""gb", «"gbr"»"#, "`gbr` is not a country code", "two letters"),
        (r#""gb""#, r#""gb", «"g1"»"#, "`g1` is not a country code", "two letters"),
        (r#""gb""#, r#""gb", «"é"»"#, "`é` is not a country code", "two letters"),
        (r#""gb""#, r#""gb", «""»"#, "`` is not a country code", "two letters"),
    ]);
}

#[test]
fn one_value_with_two_mixes() {
    const LAST: &str = r#"["gb"], "mix": "near" }"#;
    errors(&[
        (
            r#""footprint-value": ["192.0.2.0/24"], "mix": "near" }"#,
            r#""footprint-value": [‹"192.0.2.0/24"›], "mix": "near" },
               { "footprint-type": "ipv4cidr", "footprint-value": [«"192.0.2.0/24"»], "mix": "far" }"#,
            "`ipv4cidr:192.0.2.0/24` gets mix `far` here but `near` elsewhere",
            "keep the one",
        ),
        (
            LAST,
            r#"["gb"], "mix": "near" },
               { "footprint-type": "ipv6cidr", "footprint-value": [‹"2001:DB9:0::/48"›], "mix": "near" },
               { "footprint-type": "ipv6cidr", "footprint-value": [«"2001:db9::/48"»], "mix": "far" }"#,
            "`ipv6cidr:2001:db9::/48` gets mix `far` here but `near` elsewhere",
            "",
        ),
        (
            r#"["as64500"], "mix": "near" }"#,
            r#"[‹"as64500"›], "mix": "near" },
               { "footprint-type": "asn", "footprint-value": [«"as64500"»], "mix": "far" }"#,
            "`asn:as64500` gets mix `far` here but `near` elsewhere",
            "",
        ),
        (
            LAST,
            r#"[‹"gb"›], "mix": "near" },
               { "footprint-type": "countrycode", "footprint-value": [«"GB"»], "mix": "far" }"#,
            "`countrycode:gb` gets mix `far` here but `near` elsewhere",
            "",
        ),
    ]);
}

#[test]
fn what_is_only_a_warning() {
    let folder = Folder::with_good_table();
    for fault in [
        (CIDR, r#"‹"192.0.2.0/24"›, «"192.0.2.0/24"»"#, "`ipv4cidr:192.0.2.0/24` is listed twice", "keep one"),
        (r#""as64500""#, r#"‹"as64500"›, «"as64500"»"#, "`asn:as64500` is listed twice", "keep one"),
        (r#""gb""#, r#"‹"gb"›, «"GB"»"#, "`countrycode:gb` is listed twice", "keep one"),
        (r#""gb""#, r#""gb", «"fr"»"#, "`countrycode:fr` has no addresses in the datasets", ""),
        (r#""as64500""#, r#""as64500", «"as64501"»"#, "`asn:as64501` has no addresses in the datasets", ""),
    ] {
        told(&folder, "warning", fault);
        assert_eq!(folder.run(&["check", "--table", "table.json"]).code, Some(0), "{}", fault.1);
    }
}

#[test]
fn canaries() {
    errors(&[
        (r#""192.0.2.1""#, r#"«"192.0.2.256"»"#, "`192.0.2.256` is not an IP address", ""),
        (r#""192.0.2.1""#, r#"«"192.0.2.01"»"#, "is not an IP address", ""),
        (r#""192.0.2.1""#, r#"«"fe80::1%eth0"»"#, "is not an IP address", ""),
        (r#""192.0.2.1""#, r#"«"192.0.2.1/32"»"#, "is not an IP address", ""),
        (
            r#""192.0.2.1", "mix": "near""#,
            r#""192.0.2.1", "mix": «"neat"»"#,
            "unknown mix `neat`",
            "did you mean `near`?",
        ),
        (
            r#"{ "ip": "192.0.2.1", "mix": "near" }"#,
            r#"{ "ip": "192.0.2.1", "mix": "near" }, «{ "ip": "192.0.3.1", "mix": "near" }»"#,
            "the canary 192.0.3.1 gets mix `far` (by `default`), not `near`",
            "correct",
        ),
        (
            r#"{ "ip": "192.0.2.1", "mix": "near" }"#,
            r#"«{ "mix": "far", "ip": "::ffff:192.0.2.1" }»"#,
            "the canary 192.0.2.1 gets mix `near` (by `ipv4cidr:192.0.2.0/24`), not `far`",
            "",
        ),
        (r#"{ "ip": "192.0.2.1", "#, "«{» ", "the canary has no `ip`", ""),
        (
            r#""192.0.2.1", "mix": "near" }"#,
            r#""192.0.2.1", "mix": "near" }, «7»"#,
            "must be an object, not a number",
            "",
        ),
    ]);
}

#[test]
fn what_is_missing_at_the_top() {
    let folder = Folder::with_good_table();
    for key in ["version", "ttl", "cdns", "mixes", "footprints", "default"] {
        let mut table: serde_json::Value = serde_json::from_str(GOOD).unwrap();
        table.as_object_mut().unwrap().remove(key);
        folder.write("table.json", format!("\n  {table:#}\n"));
        let report = folder.check_table();
        let problem = report.with(&format!("the table has no `{key}`"));
        assert_eq!((problem.severity.as_str(), problem.line, problem.column), ("error", 2, 3), "{problem:?}");
    }
    for key in ["cdns", "mixes"] {
        let mut table: serde_json::Value = serde_json::from_str(GOOD).unwrap();
        table[key] = serde_json::json!({});
        folder.write("table.json", table.to_string());
        folder.check_table().with(&format!("`{key}` names no"));
    }
}

#[test]
fn what_may_be_missing() {
    let folder = Folder::new();
    for table in [
        r#"{ "version": "", "ttl": 0, "cdns": { "a": { "url": "http://a" } }, "mixes": { "m": { "a": 1 } },
             "footprints": [], "default": "m" }"#,
        r#"{ "$schema": "https://x.example/s.json", "version": "1", "ttl": 0, "cdns": { "a": { "url": "http://a" } },
             "mixes": { "m": { "a": 65535 } }, "datasets": {}, "footprints": [], "default": "m", "canaries": [] }"#,
    ] {
        folder.write("table.json", table);
        let report = folder.check_table();
        assert!(report.problems.is_empty(), "{report:#?}");
    }
}

#[test]
fn footprints_by_dataset_need_one() {
    let folder = Folder::with_good_table();
    for kind in ["asn", "countrycode"] {
        let mut table: serde_json::Value = serde_json::from_str(GOOD).unwrap();
        table["datasets"].as_object_mut().unwrap().remove(kind);
        folder.write("table.json", format!("{table:#}"));
        let report = folder.check_table();
        let problem = report.only();
        assert_eq!(problem.message, format!("footprints of type `{kind}` need a dataset"));
        assert!(problem.line > 0 && problem.column > 0 && problem.help.is_some(), "{problem:?}");
    }
}
