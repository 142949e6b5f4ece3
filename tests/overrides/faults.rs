//! What is said of each fault of a file of overrides, and where.

use croupier::table::problem::Severity;
use croupier::table::{Overrides, Problems};

use crate::marked::Marked;
use crate::model::now;

/// An override with its fault marked, what is said of it, and what to do.
const OF_ONE: [(&str, &str, &str); 34] = [
    (r#"«"akamai"»"#, "the override must be an object, not a string", ""),
    (r#"{ "cdn": "a", "state": "down", «"reson"»: "x" }"#, "unknown key `reson` in the override", "mean `reason`?"),
    (r#"{ "cdn": "a", "state": "down", «"zebra"»: "x" }"#, "unknown key `zebra`", "cdn, state, mix"),
    (r#"{ ‹"cdn"›: "a", "state": "down", «"cdn"»: "b" }"#, "the key `cdn` stands twice", "keep one"),
    (r#"«{» "reason": "x" }"#, "the override has neither `cdn` nor `mix`", "write either"),
    (r#"«{» "cdn": "a", "mix": "b", "state": "down" }"#, "the override has both `cdn` and `mix`", "write either"),
    (r#"«{» "cdn": "a" }"#, "the override has no `state`", ""),
    (r#"«{» "mix": "uk" }"#, "the override has no `weights`", ""),
    (r#"{ "cdn": "a", "state": «"up"» }"#, "unknown state `up`", "write `down`"),
    (r#"{ "cdn": "a", "state": «"DOWN"» }"#, "unknown state `DOWN`", "write `down`"),
    (r#"{ "cdn": "a", "state": «null» }"#, "`state` must be a string, not null", ""),
    (r#"{ "cdn": «7», "state": "down" }"#, "`cdn` must be a string, not a number", ""),
    (r#"{ "cdn": «"é x"», "state": "down" }"#, "`é x` can't be the name of a CDN", "1 to 64"),
    (r#"{ "mix": «""», "weights": { "a": 1 } }"#, "`` can't be the name of a mix", "1 to 64"),
    (r#"{ "cdn": "a", "state": "down", "weights": «{ "a": 1 }» }"#, "`weights` does not go with `cdn`", "two"),
    (r#"{ "mix": "uk", "weights": { "a": 1 }, "state": «"down"» }"#, "`state` does not go with `mix`", "two"),
    (r#"{ "mix": "uk", "weights": «["a"]» }"#, "`weights` must be an object, not an array", ""),
    (r#"{ "mix": "uk", "weights": «{}» }"#, "`weights` has no CDN with a weight above 0", "1 to 65535"),
    (r#"{ "mix": "uk", "weights": «{ "a": 0 }» }"#, "`weights` has no CDN with a weight above 0", "1 to 65535"),
    (r#"{ "mix": "uk", "weights": { "a": «65536» } }"#, "the weight of `a` can't be 65536", "from 0 to 65535"),
    (r#"{ "mix": "uk", "weights": { "a": «-1» } }"#, "the weight of `a` can't be -1", "whole number"),
    (r#"{ "mix": "uk", "weights": { "a": «"1"» } }"#, "the weight of `a` must be a number", ""),
    (r#"{ "mix": "uk", "weights": { ‹"a"›: 1, «"a"»: 2 } }"#, "the key `a` stands twice in `weights`", "keep one"),
    (r#"{ "mix": "uk", "weights": { «"a b"»: 1 } }"#, "`a b` can't be the name of a CDN", ""),
    (r#"{ "cdn": "a", "state": "down", "reason": «1» }"#, "`reason` must be a string", ""),
    (r#"{ "cdn": "a", "state": "down", "reason": «"a\nb"» }"#, "`reason` has control characters", ""),
    (
        r#"{ "cdn": "a", "state": "down", "until": «"soon"» }"#,
        "`until` can't be `soon`",
        "as in `2026-11-21T23:00:00Z`",
    ),
    (r#"{ "cdn": "a", "state": "down", "until": «1795000000» }"#, "`until` must be a string, not a number", ""),
    (
        r#"{ "cdn": "a", "state": "down", "from": «"2026-11-21T12:00:00"» }"#,
        "`from` can't be `2026-11-21T12:00:00`",
        "write `2026-11-21T12:00:00Z` for UTC",
    ),
    (r#"{ "cdn": "a", "state": "down", "from": «"2026-02-29T12:00:00Z"» }"#, "it is no time", ""),
    (
        r#"{ "cdn": "a", "state": "down", "from": "2026-11-21T12:00:00Z", "until": «"2026-11-21T11:59:59Z"» }"#,
        "`until` is not after `from`",
        "ends after it begins",
    ),
    (
        r#"{ "cdn": "a", "state": "down", "from": "2026-11-21T12:00:00Z", "until": «"2026-11-21T13:00:00+01:00"» }"#,
        "`until` is not after `from`",
        "",
    ),
    (
        r#"{ "cdn": ‹"a"›, "state": "down" }, { "cdn": "b", "state": "down" }, { "cdn": «"a"», "state": "down" }"#,
        "two overrides of CDN `a` hold at one time",
        "keep one of them",
    ),
    (
        r#"{ "mix": ‹"uk"›, "weights": { "a": 1 }, "from": "2026-12-01T00:00:00Z" },
           { "mix": «"uk"», "weights": { "b": 1 }, "until": "2026-12-01T00:00:01Z" }"#,
        "two overrides of mix `uk` hold at one time",
        "end the one before",
    ),
];

/// Whole files with their fault marked.
const OF_ALL: [(&str, &str, &str); 9] = [
    ("", "not JSON: the file is empty", "whole"),
    ("{ \"overrides\": ‹[›", "not JSON", "cut short"),
    ("«[]»", "the file must be an object, not an array", ""),
    ("«{»}", "the file has no `overrides`", ""),
    (r#"{ "overrides": «{}» }"#, "`overrides` must be an array, not an object", ""),
    (r#"{ «"override"»: [], "overrides": [] }"#, "unknown key `override` in the file", "did you mean `overrides`?"),
    (r#"{ ‹"overrides"›: [], «"overrides"»: [] }"#, "the key `overrides` stands twice", "keep one"),
    (r#"{ "$schema": «1», "overrides": [] }"#, "`$schema` must be a string", ""),
    ("«\u{feff}»{ \"overrides\": [] }", "not JSON: the file begins with a byte order mark", "without one"),
];

#[track_caller]
fn told(marked: &str, message: &str, help: &str) {
    let marked = Marked::new(marked);
    let mut problems = Problems::new();
    assert_eq!(Overrides::parse("o.json", &marked.text, now(), &mut problems), None, "{}", marked.text);
    let shown = problems.shown();
    let [problem] = shown.as_slice() else { panic!("{}: {shown:#?}", marked.text) };
    assert_eq!((problem.severity, problem.file.as_str()), (Severity::Error, "o.json"));
    assert!(problem.message.contains(message), "not `{message}`: {problem:?}");
    assert!(problem.help.as_deref().unwrap_or_default().contains(help), "not `{help}`: {problem:?}");
    if let [spot] = marked.faults.as_slice() {
        assert_eq!((problem.line, problem.column, problem.length), (spot.line, spot.column, spot.length), "{message}");
    }
    let other = problem.also.as_ref().map(|other| (other.line, other.column));
    assert_eq!(other, marked.others.first().map(|spot| (spot.line, spot.column)), "{message}");
}

#[test]
fn each_fault_is_told_in_its_place() {
    for (one, message, help) in OF_ONE {
        told(&format!("{{ \"overrides\": [\n  {one}\n] }}"), message, help);
    }
    for (all, message, help) in OF_ALL {
        told(all, message, help);
    }
    let long = format!(r#"{{ "overrides": [{{ "cdn": "a", "state": "down", "reason": «"{}"» }}] }}"#, "é".repeat(257));
    told(&long, "`reason` is longer than 256 characters", "");
}

/// More of the same is told of each.
#[test]
fn every_fault_is_told() {
    let text = r#"{ "overrides": [{ "cdn": "a" }, { "mix": 1 }, { "from": 1 }, 7] }"#;
    let mut problems = Problems::new();
    assert_eq!(Overrides::parse("o.json", text, now(), &mut problems), None);
    assert_eq!(problems.errors(), 6, "{:#?}", problems.shown());
}

/// What needs no complaint.
#[test]
fn good_files() {
    for text in [
        r#"{ "overrides": [] }"#,
        r#"{ "$schema": "x.json", "overrides": [{ "cdn": "a", "state": "down", "reason": "" }] }"#,
        r#"{ "overrides": [
            { "cdn": "a", "state": "down", "until": "2026-11-21T12:00:00Z" },
            { "cdn": "a", "state": "down", "until": "2026-11-21T13:00:00Z" },
            { "cdn": "a", "state": "down", "from": "2026-11-21T13:00:00Z" }] }"#,
        r#"{ "overrides": [
            { "cdn": "a", "state": "down" }, { "mix": "a", "weights": { "a": 65535, "b": 0 } }] }"#,
    ] {
        let mut problems = Problems::new();
        let parsed = Overrides::parse("o.json", text, now(), &mut problems);
        assert!(parsed.is_some() && problems.is_empty(), "{text}: {:#?}", problems.shown());
    }
}
