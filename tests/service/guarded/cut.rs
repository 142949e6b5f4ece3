//! Files cut short at any byte: refused, unless what is left is a whole table that loses no more than it may.

use serde_json::{Value, json};

use super::{Guarded, post, sole, text};
use crate::harness::wait_until;

/// So many values that are in no file but the table's own.
const OWN: usize = 20;
/// So many lines of the prefix file, after a comment.
const LINES: usize = 60;
const ASNS: usize = 30;

fn own_values() -> Vec<String> {
    (0..OWN).map(|one| format!("192.0.2.{one}/32")).collect()
}

fn prefixes() -> String {
    let lines: String = (0..LINES).map(|one| format!("10.{one}.0.0/24\n")).collect();
    format!("# on-net\n{lines}")
}

/// Every AS has a row in the first half and one in the second.
fn rows() -> String {
    let row = |half: usize, asn: usize| format!("10.{asn}.{half}.0,10.{asn}.{half}.255,{}\n", 64_500 + asn);
    let rows: String = (1..=2).flat_map(|half| (0..ASNS).map(move |asn| row(half, asn))).collect();
    format!("start,end,asn\n{rows}")
}

fn of_prefixes(version: &str) -> Value {
    let file = json!({ "footprint-type": "ipv4cidr", "footprint-file": "prefixes.txt", "mix": "b" });
    sole(version, &json!([own(), file]))
}

fn of_asns(version: &str) -> Value {
    let asns: Vec<String> = (0..ASNS).map(|asn| format!("as{}", 64_500 + asn)).collect();
    let mut table = sole(version, &json!([own(), { "footprint-type": "asn", "footprint-value": asns, "mix": "b" }]));
    table["datasets"] = json!({ "asn": ["asn.csv"] });
    table
}

fn own() -> Value {
    json!({ "footprint-type": "ipv4cidr", "footprint-value": own_values(), "mix": "b" })
}

fn guarded(table: &Value) -> Guarded {
    let mut guarded = Guarded::with("", "max_shrunk = 0.5", table);
    guarded.setup.write("prefixes.txt", prefixes());
    guarded.setup.write("asn.csv", rows());
    guarded.start();
    guarded
}

/// A hundred places below an end, the same every time.
fn places(seed: u64, end: usize) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..100).map(|_| next() % end).collect()
}

/// After every line but the last.
fn line_ends(whole: &str) -> Vec<usize> {
    whole.match_indices('\n').map(|(at, _)| at + 1).filter(|end| *end < whole.len()).collect()
}

/// Why a file of lines is refused with this left of it, if it is: `values` of the table's `all` are then left.
fn reason(left: &str, values: usize, all: usize, none: &'static str, in_file: usize) -> Option<Vec<String>> {
    let lost = all - values;
    if !left.ends_with('\n') {
        Some(vec![": it may be cut short".to_owned(), "again, whole".to_owned()])
    } else if in_file == 0 {
        Some(vec![none.to_owned()])
    } else if 2 * lost > all {
        Some(vec![format!("footprint values would be lost ({lost} of {all})"), "`max_shrunk`".to_owned()])
    } else {
        None
    }
}

/// Cuts a file at every one of these places, and asks for a reload. Gives how often it was refused, and how
/// often not.
fn cut_at(
    guarded: &Guarded,
    (name, whole): (&str, &str),
    places: &[usize],
    reason: impl Fn(&str) -> Option<Vec<String>>,
) -> (usize, usize) {
    let mut connection = guarded.connect();
    let (mut refused, mut published) = (0, 0);
    let mut before = guarded.in_service();
    for place in places {
        let left = &whole[..*place];
        guarded.setup.replace(name, left);
        let response = post(&mut connection, "/reload");
        let reason = reason(left);
        assert_eq!(response.status, if reason.is_some() { 409 } else { 200 }, "{place}: {}", response.text());
        match reason {
            Some(reason) => {
                let problem = response.json();
                let detail = problem["detail"].as_str().unwrap();
                for told in reason {
                    assert!(detail.contains(&told), "{place}: no {told:?} in {detail}");
                }
                assert!(detail.contains(name) || detail.contains("would be lost"), "{place}: {detail}");
                assert_eq!(guarded.in_service(), before, "{place}");
                let latest = &guarded.history()[0];
                let reason = latest["reason"].as_str().unwrap();
                assert!(latest["result"] == "refused" && detail.contains(reason), "{latest:#}");
                assert_eq!(guarded.shown()["last_error"], reason);
                refused += 1;
            }
            None => {
                assert_eq!(response.json()["table"]["result"], "published", "{place}");
                assert_eq!(guarded.shown()["last_error"], Value::Null);
                guarded.setup.replace(name, whole);
                assert_eq!(post(&mut connection, "/reload").status, 200, "what grows again is never held back");
                before = guarded.in_service();
                published += 1;
            }
        }
    }
    let history = guarded.history();
    let by_post = history.iter().filter(|entry| entry["trigger"] == "admin" && entry["result"] == "refused").count();
    assert_eq!(by_post, refused);
    assert!(guarded.counted("failed") >= refused as f64);
    if refused > 0 {
        guarded.setup.replace(name, "");
        guarded.wait_health("warn", name);
    }
    guarded.setup.replace(name, whole);
    guarded.wait_health("pass", "");
    wait_until("the same is in service", || guarded.in_service() == before);
    (refused, published)
}

#[test]
fn a_table_cut_short_is_refused() {
    let table = of_prefixes("whole");
    let whole = text(&table);
    let guarded = guarded(&table);
    // Without the newline after its last brace it is whole.
    let mut places = places(1, whole.len() - 1);
    places.push(0);
    let (refused, published) = cut_at(&guarded, ("table.json", &whole), &places, |left| {
        let line = left.trim_end().matches('\n').count() + 1;
        Some(vec![if left.trim().is_empty() { "table.json:1:1".to_owned() } else { format!("table.json:{line}:") }])
    });
    assert_eq!((refused, published), (101, 0));
    let (refused, published) = {
        let guarded = self::guarded(&table);
        cut_at(&guarded, ("table.json", &whole), &[whole.len() - 1], |_| None)
    };
    assert_eq!((refused, published), (0, 1));
}

#[test]
fn a_prefix_file_cut_short_is_refused_unless_little_is_lost() {
    let guarded = guarded(&of_prefixes("whole"));
    let whole = prefixes();
    let all = OWN + LINES;
    let reason = |left: &str| {
        let lines = left.lines().filter(|line| !line.starts_with('#')).count();
        reason(left, OWN + lines, all, "the file has no values", lines)
    };
    let mut places = places(2, whole.len());
    places.extend(line_ends(&whole));
    let (refused, published) = cut_at(&guarded, ("prefixes.txt", &whole), &places, reason);
    assert!(refused >= 60 && published >= LINES / 2, "both are met: {refused} and {published}");
}

#[test]
fn a_dataset_cut_short_is_refused_unless_few_are_lost() {
    let guarded = guarded(&of_asns("whole"));
    let whole = rows();
    let all = OWN + ASNS;
    let reason = |left: &str| {
        let rows = left.lines().count().saturating_sub(1);
        reason(left, OWN + rows.min(ASNS), all, "the dataset has no ranges", rows)
    };
    let mut places = places(3, whole.len());
    places.extend(line_ends(&whole));
    let (refused, published) = cut_at(&guarded, ("asn.csv", &whole), &places, reason);
    assert!(refused >= 60 && published >= ASNS, "both are met: {refused} and {published}");
}
