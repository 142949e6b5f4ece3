//! Good documents with one thing in them changed at random. A schema is never stricter than its reader; and
//! where the reader is stricter, it is about what no schema can see, all of which is listed here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::samples::{Document, overrides, pointer, table};

const CASES: u64 = 30_000;

/// What only the reader sees, by its messages.
const ONLY_THE_READER_OF_TABLES: [&str; 11] = [
    "unknown CDN `",
    "unknown mix `",
    " has host bits set",
    " is an IPv4-mapped prefix",
    // Of an IPv4 address at the end of an IPv6 one the schema has the outline.
    " is not an IPv6 prefix: the address can't be read",
    " is not an IP address",
    // Too large a number.
    " is not an AS number",
    // Characters that a URL can't have.
    " is not an absolute http(s) URL",
    // `300.0` and `-0`: whole numbers to a schema, but not written as such.
    "`ttl` can't be ",
    "the weight of `",
    NONE_LEFT,
];

const ONLY_THE_READER_OF_OVERRIDES: [&str; 5] = [
    "`until` is not after `from`",
    " hold at one time",
    // A day that is not in the calendar.
    ": it is no time",
    "the weight of `",
    NONE_LEFT,
];

const ONLY_THE_READER_OF_POINTERS: [&str; 3] = [" is not one of `files`", ": it is no time", "`pointer` can't be 1.0"];

/// Told beside what is wrong with the other weights.
const NONE_LEFT: &str = " has no CDN with a weight above 0";

/// Deterministic draws (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((drawn ^ (drawn >> 31)) % end as u64).unwrap()
    }

    fn of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

/// The places of all values in a document.
fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    found.push(place.to_owned());
    match value {
        Value::Object(members) => {
            let step = |key: &str| key.replace('~', "~0").replace('/', "~1");
            members.iter().for_each(|(key, value)| places(value, &format!("{place}/{}", step(key)), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

const STRINGS: [&str; 58] = [
    "",
    "alpha",
    "near",
    "nowhere",
    "a b",
    "down",
    "up",
    "ipv4cidr",
    "ipv6cidr",
    "asn",
    "countrycode",
    "IPV4CIDR",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0",
    "255.255.255.255/32",
    "256.0.0.0/8",
    "1:2:3:4:5:6:7:8/128",
    "1:2:3:4:5:6:7::/128",
    "::2:3:4:5:6:7:8/128",
    "1:2:3:4:5:6:7:8:9/128",
    "1::3::5/64",
    "64:ff9b::192.0.2.0/128",
    "64:ff9b::192.0.2.256/128",
    "1:2:3:4:5:6:192.0.2.0/128",
    "::ffff:10.0.0.0/104",
    "2001:DB8::/32",
    "::/0",
    "::",
    "::1",
    "fe80::1%eth0",
    "::ffff:1.2.3.256",
    "192.0.2.01",
    "as4294967295",
    "as4294967296",
    "as01",
    "AS1",
    "zz",
    "gbr",
    "HTTP://a",
    "../x/",
    "x/./y",
    "x/../y/",
    "x//y",
    "/x/",
    "x/..y/z",
    "cdn-table.json",
    "https://user:pw@a:1/<>",
    "https://a#b c\n",
    "https:///x",
    "ftp://a/",
    "2026-11-21T23:00:00Z",
    "2020-02-30T23:00:00-00:00",
    "2016-12-31X23:59:60Z",
    "0000-01-01T00:00:00Z",
    "E7714B91E872E41ACF0F06EAA1E32A71B10109A74999F01CE1FCFA225E43BEF4",
];

const LETTERS: &str = "\0\n\t\u{7f}\u{80}\u{9f}\u{a0}\u{2028}\u{feff} é🂡٨/:.-+0179aAfgGzZTt%#?@\"'_\\[]{}<>^`|~";

const KEYS: [&str; 18] = [
    "version",
    "ttl",
    "datasets",
    "mix",
    "cdn",
    "state",
    "weights",
    "url",
    "sha256",
    "path",
    "footprint-file",
    "reason",
    "until",
    "previous",
    "files",
    "alpha",
    "é",
    "",
];

fn value(random: &mut Random) -> Value {
    let numbers = [json!(0), json!(-1), json!(65535), json!(65536), json!(86400), json!(86401), json!(0.5)];
    match random.below(10) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => random.of(&numbers).clone(),
        3 => random.of(&[json!(0.0), json!(1.0), json!(-0.0), json!(1e300), json!(u64::MAX)]).clone(),
        4 => json!([]),
        5 => json!({}),
        6 => json!("é".repeat(*random.of(&[64, 65, 128, 129, 256, 257]))),
        7 => random.of(&[json!([null]), json!([1, "x"]), json!({ "alpha": 1 }), json!({ "alpha": 0 })]).clone(),
        _ => json!(random.of(&STRINGS)),
    }
}

/// The same text with a character more, less or other.
fn edited(text: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let place = random.below(letters.len() + 1);
    let drawn = *random.of(&LETTERS.chars().collect::<Vec<_>>());
    match random.below(3) {
        0 => letters.insert(place, drawn),
        1 if place < letters.len() => letters[place] = drawn,
        _ if place < letters.len() => _ = letters.remove(place),
        _ => letters.push(drawn),
    }
    letters.into_iter().collect()
}

fn mutate(document: &mut Value, random: &mut Random) {
    let mut found = Vec::new();
    places(document, "", &mut found);
    let drawn = value(random);
    let found = found.as_slice();
    let other = document.pointer(random.of::<String>(found)).expect("a value").clone();
    let target = document.pointer_mut(random.of::<String>(found)).expect("a value");
    match (random.below(6), target) {
        (1, target) => *target = other,
        (2..=4, Value::String(text)) => *text = edited(text, random),
        (2, Value::Object(members)) => _ = members.insert((*random.of(&KEYS)).to_owned(), other),
        (3, Value::Object(members)) if !members.is_empty() => {
            let key = members.keys().nth(random.below(members.len())).expect("a key").clone();
            let value = members.remove(&key).expect("its value");
            members.insert(edited(&key, random), value);
        }
        (4, Value::Object(members)) if !members.is_empty() => {
            let key = members.keys().nth(random.below(members.len())).expect("a key").clone();
            members.remove(&key);
        }
        (2, Value::Array(items)) => items.push(drawn),
        (3, Value::Array(items)) if !items.is_empty() => _ = items.remove(random.below(items.len())),
        (_, target) => *target = drawn,
    }
}

fn compare(document: &Document, only_the_reader: &[&str]) {
    let (mut both_take, mut both_refuse, mut met) = (0, 0, BTreeSet::new());
    for seed in 0..CASES {
        let mut mutated = document.full();
        mutate(&mut mutated, &mut Random(seed));
        let text = mutated.to_string();
        let read = document.reader_errors(&text);
        match (read.is_empty(), document.schema_takes(&mutated)) {
            (true, true) => both_take += 1,
            (false, false) => both_refuse += 1,
            (true, false) => panic!("only the schema refuses {text}: {:#?}", document.schema_errors(&mutated)),
            (false, true) => {
                for error in read {
                    let kind = only_the_reader.iter().find(|kind| error.contains(**kind));
                    met.insert(*kind.unwrap_or_else(|| panic!("the schema takes {text}, the reader: {error}")));
                }
            }
        }
    }
    assert!(both_take > CASES / 20 && both_refuse > CASES / 3, "{both_take} good, {both_refuse} bad");
    assert_eq!(met, only_the_reader.iter().copied().collect(), "all of them were met");
}

#[test]
fn tables() {
    compare(&table(), &ONLY_THE_READER_OF_TABLES);
}

#[test]
fn files_of_overrides() {
    compare(&overrides(), &ONLY_THE_READER_OF_OVERRIDES);
}

#[test]
fn pointers() {
    compare(&pointer(), &ONLY_THE_READER_OF_POINTERS);
}
