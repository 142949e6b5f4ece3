//! Faults, each by itself: those that reader and schema both see, and those that only the reader can.

use serde_json::{Value, json};

use crate::keys::object;
use crate::samples::{Document, overrides, pointer, table};

/// A place and what stands there instead. After ` + ` is a key that is added there, after ` - ` one that is taken
/// away.
type Fault = (&'static str, &'static str);

const OF_TABLES: &[Fault] = &[
    (" + zebra", "1"),
    (" - version", ""),
    (" - ttl", ""),
    (" - cdns", ""),
    (" - mixes", ""),
    (" - footprints", ""),
    (" - default", ""),
    (" - datasets", ""),
    ("/$schema", "7"),
    ("/version", "7"),
    ("/version", "null"),
    ("/version", r#""a\nb""#),
    ("/version", r#""\u0085""#),
    ("/ttl", r#""300""#),
    ("/ttl", "86401"),
    ("/ttl", "-1"),
    ("/ttl", "1.5"),
    ("/ttl", "null"),
    ("/datasets", "[]"),
    ("/datasets", "null"),
    ("/datasets + asns", "[]"),
    ("/datasets - asn", ""),
    ("/datasets - countrycode", ""),
    ("/datasets/asn", "[]"),
    ("/datasets/asn", r#""asn.csv""#),
    ("/datasets/asn/0", r#""""#),
    ("/datasets/asn/0", r#""a\u0000b""#),
    ("/datasets/asn/0", "7"),
    ("/datasets/asn/0", "null"),
    ("/datasets/asn/1 + size", "7"),
    ("/datasets/asn/1 - path", ""),
    ("/datasets/asn/1 - sha256", ""),
    ("/datasets/asn/1/path", r#""""#),
    ("/datasets/asn/1/sha256", r#""e7714b91""#),
    ("/datasets/asn/1/sha256", r#""x7714b91e872e41acf0f06eaa1e32a71b10109a74999f01ce1fcfa225e43bef4""#),
    ("/cdns", "[]"),
    ("/cdns", "{}"),
    ("/cdns + é", r#"{ "url": "http://a" }"#),
    ("/cdns + ", r#"{ "url": "http://a" }"#),
    ("/cdns + a b", r#"{ "url": "http://a" }"#),
    ("/cdns/alpha", "[]"),
    ("/cdns/alpha", r#""http://a""#),
    ("/cdns/alpha + uri", r#""http://a""#),
    ("/cdns/alpha - url", ""),
    ("/cdns/alpha/url", "7"),
    ("/cdns/alpha/url", r#""""#),
    ("/cdns/alpha/url", r#""ftp://alpha.example/""#),
    ("/cdns/alpha/url", r#""/path""#),
    ("/cdns/alpha/url", r#""alpha.example""#),
    ("/cdns/alpha/url", r#""https://""#),
    ("/cdns/alpha/url", r#""https:///x""#),
    ("/cdns/alpha/url", r#""https://a b/""#),
    ("/cdns/alpha/url", r#"" https://a/""#),
    ("/mixes", "{}"),
    ("/mixes", "null"),
    ("/mixes + f r", r#"{ "alpha": 1 }"#),
    ("/mixes/near", "{}"),
    ("/mixes/near", "7"),
    ("/mixes/near", r#"{ "alpha": 0 }"#),
    ("/mixes/near/alpha", "65536"),
    ("/mixes/near/alpha", "-1"),
    ("/mixes/near/alpha", "0.5"),
    ("/mixes/near/alpha", r#""80""#),
    ("/mixes/near/alpha", "null"),
    ("/mixes/near/alpha", "0"),
    ("/footprints", "{}"),
    ("/footprints/0", "[]"),
    ("/footprints/0 + footprint", "7"),
    ("/footprints/0 - footprint-type", ""),
    ("/footprints/0 - footprint-value", ""),
    ("/footprints/0 - mix", ""),
    ("/footprints/0/footprint-type", r#""ipv4""#),
    ("/footprints/0/footprint-type", r#""IPV4CIDR""#),
    ("/footprints/0/footprint-type", r#""ipv6cidr""#),
    ("/footprints/0/footprint-type", "null"),
    ("/footprints/0/footprint-value", r#""192.0.2.0/24""#),
    ("/footprints/0/footprint-value", "null"),
    ("/footprints/0/footprint-value/0", "7"),
    ("/footprints/0/footprint-value/0", r#""192.0.2.0""#),
    ("/footprints/0/footprint-value/0", r#""192.0.2.0/33""#),
    ("/footprints/0/footprint-value/0", r#""192.0.2.0/024""#),
    ("/footprints/0/footprint-value/0", r#""192.0.2.0/+24""#),
    ("/footprints/0/footprint-value/0", r#""192.0.02.0/24""#),
    ("/footprints/0/footprint-value/0", r#""192.0.256.0/24""#),
    ("/footprints/0/footprint-value/0", r#""192.0.2/24""#),
    ("/footprints/0/footprint-value/0", r#"" 192.0.2.0/24""#),
    ("/footprints/0/footprint-value/0", r#""192.0.2.0/24\n""#),
    ("/footprints/0/footprint-value/0", r#""2001:db8::/32""#),
    ("/footprints/0/mix", r#""ne ar""#),
    ("/footprints/0/mix", "null"),
    ("/footprints/1/footprint-file", "7"),
    ("/footprints/1/footprint-file", r#""""#),
    ("/footprints/1/footprint-file", r#"{ "path": "p.txt" }"#),
    ("/footprints/1/footprint-value/0", r#""192.0.2.0/24""#),
    ("/footprints/1/footprint-value/0", r#""2001:db8::/129""#),
    ("/footprints/1/footprint-value/0", r#""2001:db8::/032""#),
    ("/footprints/1/footprint-value/0", r#""2001:db8/32""#),
    ("/footprints/1/footprint-value/0", r#""2001::db8::/32""#),
    ("/footprints/1/footprint-value/0", r#""2001:db800::/32""#),
    ("/footprints/1/footprint-value/0", r#""2001:dbg::/32""#),
    ("/footprints/1/footprint-value/0", r#""1:2:3:4:5:6:7/32""#),
    ("/footprints/1/footprint-value/0", r#""1:2:3:4:5:6:7:8:9/128""#),
    ("/footprints/1/footprint-value/0", r#""1:2:3:4:5:6:7::8/128""#),
    ("/footprints/2/footprint-value/0", r#""2856""#),
    ("/footprints/2/footprint-value/0", r#""AS2856""#),
    ("/footprints/2/footprint-value/0", r#""as02856""#),
    ("/footprints/2/footprint-value/0", r#""as""#),
    ("/footprints/2/footprint-value/0", r#""as-1""#),
    ("/footprints/2/footprint-value/0", "2856"),
    ("/footprints/3/footprint-value/0", r#""gbr""#),
    ("/footprints/3/footprint-value/0", r#""g""#),
    ("/footprints/3/footprint-value/0", r#""g1""#),
    ("/mixes/near + a b", "1"),
    ("/default", "null"),
    ("/default", r#"" far_1""#),
    ("/default", r#""far_1\n""#),
    ("/default", r#""""#),
    ("/canaries", "{}"),
    ("/canaries", "null"),
    ("/canaries/0", r#""192.0.2.1""#),
    ("/canaries/0 + mixx", r#""near""#),
    ("/canaries/0 - ip", ""),
    ("/canaries/0 - mix", ""),
    ("/canaries/0/ip", "7"),
    ("/canaries/0/ip", r#""192.0.2.256""#),
    ("/canaries/0/ip", r#""192.0.2.01""#),
    ("/canaries/0/ip", r#""192.0.2.1/32""#),
    ("/canaries/0/ip", r#""fe80::1%eth0""#),
    ("/canaries/0/ip", r#""[::1]""#),
    ("/canaries/0/ip", r#"" 192.0.2.1""#),
    ("/canaries/0/ip", r#"" ::1""#),
    ("/canaries/0/mix", r#""near ""#),
    ("/canaries/0/mix", r#"" near""#),
    ("/canaries/0/mix", r#""""#),
];

const OF_OVERRIDES: &[Fault] = &[
    (" + override", "[]"),
    (" - overrides", ""),
    ("/$schema", "null"),
    ("/overrides", "{}"),
    ("/overrides", "null"),
    ("/overrides/0", r#""alpha""#),
    ("/overrides/0", "{}"),
    ("/overrides/0", r#"{ "reason": "x" }"#),
    ("/overrides/0", r#"{ "state": "down" }"#),
    ("/overrides/0 + reson", r#""x""#),
    ("/overrides/0 + mix", r#""near""#),
    ("/overrides/0 + weights", r#"{ "alpha": 1 }"#),
    ("/overrides/0 - state", ""),
    ("/overrides/0 - cdn", ""),
    ("/overrides/0/cdn", "7"),
    ("/overrides/0/cdn", r#""é x""#),
    ("/overrides/0/state", r#""up""#),
    ("/overrides/0/state", r#""DOWN""#),
    ("/overrides/0/state", "null"),
    ("/overrides/0/reason", "1"),
    ("/overrides/0/reason", r#""a\nb""#),
    ("/overrides/0/until", r#""soon""#),
    ("/overrides/0/until", "1795000000"),
    ("/overrides/0/until", "null"),
    ("/overrides/0/until", r#""2026-11-21""#),
    ("/overrides/0/until", r#""2026-11-21T23:00:00""#),
    ("/overrides/0/until", r#""2026-11-21T23:00Z""#),
    ("/overrides/0/until", r#""2026-11-21T24:00:00Z""#),
    ("/overrides/0/until", r#""2026-13-21T23:00:00Z""#),
    ("/overrides/0/until", r#""2026-11-32T23:00:00Z""#),
    ("/overrides/0/until", r#""2026-11-21T23:00:00+0100""#),
    ("/overrides/0/until", r#""2026-11-21T23:00:00.Z""#),
    ("/overrides/0/until", r#"" 2026-11-21T23:00:00Z""#),
    ("/overrides/0/until", r#""2026-11-21T23:00:00Z ""#),
    ("/overrides/0/from", r#"" 2026-11-21T12:00:00Z""#),
    ("/overrides/0/from", r#""2026-11-21T12:00:00Z ""#),
    ("/overrides/0/from", r#""26-11-21T12:00:00Z""#),
    ("/overrides/0", r#"{ "cdn": "alpha", "state": "down", "mix": "near", "weights": { "alpha": 1 } }"#),
    ("/overrides/1 + cdn", r#""alpha""#),
    ("/overrides/1 + state", r#""down""#),
    ("/overrides/1 - weights", ""),
    ("/overrides/1 - mix", ""),
    ("/overrides/1/mix", r#""""#),
    ("/overrides/1/weights", r#"["alpha"]"#),
    ("/overrides/1/weights", "{}"),
    ("/overrides/1/weights", r#"{ "alpha": 0 }"#),
    ("/overrides/1/weights + a b", "1"),
    ("/overrides/1/weights/alpha", "65536"),
    ("/overrides/1/weights/alpha", "-1"),
    ("/overrides/1/weights/alpha", r#""1""#),
    ("/overrides/1/weights/alpha", "null"),
];

const OF_POINTERS: &[Fault] = &[
    (" + pointers", "1"),
    (" - pointer", ""),
    (" - version", ""),
    (" - digest", ""),
    (" - prefix", ""),
    (" - document", ""),
    (" - files", ""),
    ("/$schema", "7"),
    ("/pointer", "2"),
    ("/pointer", "0"),
    ("/pointer", r#""1""#),
    ("/version", "1"),
    ("/digest", "7"),
    ("/digest", r#""e7714b91""#),
    ("/digest", r#""E7714B91E872E41ACF0F06EAA1E32A71B10109A74999F01CE1FCFA225E43BEF4""#),
    ("/prefix", "null"),
    ("/prefix", r#""""#),
    ("/prefix", r#""/""#),
    ("/prefix", r#""tables""#),
    ("/prefix", r#""/tables/""#),
    ("/prefix", r#""../tables/""#),
    ("/prefix", r#""tables/../x/""#),
    ("/prefix", r#""./tables/""#),
    ("/prefix", r#""tables//x/""#),
    ("/prefix", r#""tables\\x/""#),
    ("/document", "1"),
    ("/document", r#""/cdn-table.json""#),
    ("/document", r#""cdn-table.json/""#),
    ("/files", "[]"),
    ("/files", "{}"),
    ("/files + ../x", r#""0000000000000000000000000000000000000000000000000000000000000000""#),
    ("/files + x/", r#""0000000000000000000000000000000000000000000000000000000000000000""#),
    ("/files + ", r#""0000000000000000000000000000000000000000000000000000000000000000""#),
    ("/files/cdn-table.json", "null"),
    ("/files/cdn-table.json", r#""00""#),
    ("/previous", "null"),
    ("/previous", r#""""#),
    ("/published-at", "null"),
    ("/published-at", r#""today""#),
    ("/published-at", r#"" 2026-11-21T23:00:00Z""#),
    ("/published-at", r#""2026-11-21T23:00:00Z ""#),
    ("/published-at", r#""2026-11-21T23:00:00""#),
];

/// What only the readers see: the rest of the document is needed, or its text, or a calendar.
const ONLY_THE_READER_OF_TABLES: &[Fault] = &[
    ("/default", r#""nowhere""#),
    ("/mixes/near + gamma", "1"),
    ("/ttl", "300.0"),
    ("/footprints/0/footprint-value/0", r#""192.0.2.1/24""#),
    ("/footprints/1/footprint-value/0", r#""2001:db8::1/32""#),
    ("/footprints/1/footprint-value/0", r#""::ffff:10.0.0.0/104""#),
    ("/footprints/1/footprint-value/0", r#""64:ff9b::192.0.2.256/128""#),
    ("/footprints/2/footprint-value/0", r#""as4294967296""#),
    ("/cdns/alpha/url", r#""https://alpha.example/<""#),
];

const ONLY_THE_READER_OF_OVERRIDES: &[Fault] = &[
    ("/overrides/0/until", r#""2026-11-21T11:00:00Z""#),
    ("/overrides/0/until", r#""2027-02-29T12:00:00Z""#),
    ("/overrides/1", r#"{ "cdn": "alpha", "state": "down" }"#),
    ("/overrides/1/weights/alpha", "1.0"),
];

const ONLY_THE_READER_OF_POINTERS: &[Fault] = &[
    ("/document", r#""table.json""#),
    ("/files - cdn-table.json", ""),
    ("/pointer", "1.0"),
    ("/published-at", r#""0000-11-21T23:00:00Z""#),
];

/// The whole document with the one fault.
fn with(document: &Document, (place, written): Fault) -> Value {
    let mut changed = document.full();
    let value = || serde_json::from_str(written).unwrap_or_else(|error| panic!("{place}: {error}"));
    let was_otherwise = if let Some((place, key)) = place.split_once(" + ") {
        object(&mut changed, place).insert(key.to_owned(), value()).is_none()
    } else if let Some((place, key)) = place.split_once(" - ") {
        object(&mut changed, place).remove(key).is_some()
    } else {
        changed.pointer_mut(place).is_some_and(|there| std::mem::replace(there, value()) != *there)
    };
    assert!(was_otherwise, "{place}");
    changed
}

#[track_caller]
fn judged(document: &Document, faults: &[Fault], schema_takes: bool) {
    for fault in faults {
        let changed = with(document, *fault);
        assert!(!document.reader_errors(&changed.to_string()).is_empty(), "the reader takes {fault:?}");
        let seen = document.schema_errors(&changed);
        assert_eq!(seen.is_empty(), schema_takes, "{fault:?}: {seen:#?}");
    }
}

#[test]
fn both_see_what_is_wrong_by_itself() {
    judged(&table(), OF_TABLES, false);
    judged(&overrides(), OF_OVERRIDES, false);
    judged(&pointer(), OF_POINTERS, false);
}

#[test]
fn only_the_reader_sees_what_is_wrong_together() {
    judged(&table(), ONLY_THE_READER_OF_TABLES, true);
    judged(&overrides(), ONLY_THE_READER_OF_OVERRIDES, true);
    judged(&pointer(), ONLY_THE_READER_OF_POINTERS, true);
    // A key that stands twice is gone before a schema looks.
    for (document, twice) in
        [(table(), r#""ttl": 300, "ttl": 300"#), (overrides(), r#""state": "down", "state": "down""#)]
    {
        let once = twice.split_once(", ").unwrap().0;
        let text = document.full.replacen(once, twice, 1);
        assert!(document.reader_errors(&text).iter().any(|error| error.contains("stands twice")));
        assert!(document.schema_takes(&serde_json::from_str(&text).unwrap()));
    }
}

#[test]
fn either_dataset_is_missed_by_itself() {
    let document = table();
    for (index, kind) in [(2, "asn"), (3, "countrycode")] {
        let mut changed = document.full();
        changed["footprints"] = json!([changed["footprints"][index]]);
        assert_eq!(changed["footprints"][0]["footprint-type"], kind);
        assert!(document.reader_errors(&changed.to_string()).is_empty() && document.schema_takes(&changed), "{kind}");
        object(&mut changed, "").remove("datasets");
        assert!(!document.reader_errors(&changed.to_string()).is_empty() && !document.schema_takes(&changed), "{kind}");
    }
}

/// To the letter: the longest and the largest that there may be, and one more.
#[test]
fn limits_are_the_same() {
    for (document, place, longest, more) in [
        (table(), "/version", json!("é".repeat(128)), json!("é".repeat(129))),
        (table(), "/ttl", json!(86_400), json!(86_401)),
        (table(), "/mixes/near/alpha", json!(65_535), json!(65_536)),
        (overrides(), "/overrides/0/reason", json!("🂡".repeat(256)), json!("🂡".repeat(257))),
        (overrides(), "/overrides/0/cdn", json!("a".repeat(64)), json!("a".repeat(65))),
        (overrides(), "/overrides/1/weights/alpha", json!(65_535), json!(65_536)),
    ] {
        for (value, is_good) in [(longest, true), (more, false)] {
            let mut changed = document.full();
            *changed.pointer_mut(place).unwrap() = value;
            let (read, seen) = (document.reader_errors(&changed.to_string()), document.schema_errors(&changed));
            assert_eq!((read.is_empty(), seen.is_empty()), (is_good, is_good), "{place}: {read:?}, {seen:?}");
        }
    }
}
