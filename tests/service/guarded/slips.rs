//! Slips of everyday, brought by every trigger: refused, told everywhere, and over when they are mended.

use serde_json::{Value, json};

use super::{Guarded, sole, text};
use crate::harness::wait_until;

const PREFIXES: &str = "10.0.0.0/24\n10.0.1.0/24\n";
const ROWS: &str = "start,end,asn\n198.51.100.0,198.51.100.255,64500\n";

fn table(version: &str) -> Value {
    let footprints = json!([
        { "footprint-type": "ipv4cidr", "footprint-file": "prefixes.txt", "mix": "b" },
        { "footprint-type": "asn", "footprint-value": ["as64500"], "mix": "b" }
    ]);
    let mut table = sole(version, &footprints);
    table["datasets"] = json!({ "asn": ["asn.csv"] });
    table["canaries"] = json!([{ "ip": "10.0.0.1", "mix": "b" }, { "ip": "192.0.2.1", "mix": "a" }]);
    table
}

/// `LINE:COLUMN` of the only place of a text.
fn place(text: &str, wanted: &str) -> String {
    let (before, _) = text.split_once(wanted).unwrap();
    let line = before.rsplit('\n').next().unwrap();
    format!("{}:{}", before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// A file, what stands in it, and what is told.
fn slips() -> Vec<(&'static str, String, Vec<String>)> {
    let told = |told: &[&str]| told.iter().map(ToString::to_string).collect::<Vec<_>>();
    let misspelt = text(&table("misspelt")).replace("\"beta\": 1", "\"btea\": 1");
    let at = format!("table.json:{}: error: ", place(&misspelt, "\"btea\""));
    let wrong = text(&table("wrong")).replace("192.0.2.1", "10.0.1.1");
    vec![
        ("table.json", String::new(), told(&["table.json:1:1: error: ", "empty"])),
        ("table.json", misspelt, told(&[&at, "`btea`", "`beta`"])),
        (
            "table.json",
            wrong,
            told(&["table.json:", "the canary 10.0.1.1 gets mix `b` (by `ipv4cidr:10.0.1.0/24`), not `a`", "help: "]),
        ),
        ("prefixes.txt", String::new(), told(&["prefixes.txt: error: ", "cut short", "help: "])),
        (
            "prefixes.txt",
            "10.0.0.0/24\n10.0.1.0/42\n".to_owned(),
            told(&["prefixes.txt:2:1: error: ", "`10.0.1.0/42`"]),
        ),
        ("asn.csv", String::new(), told(&["asn.csv: error: ", "cut short", "help: "])),
        ("asn.csv", format!("{ROWS}192.0.2.0,192.0.2,64500\n"), told(&["asn.csv:3:11: error: ", "`192.0.2`"])),
    ]
}

#[test]
fn each_is_refused_whoever_brings_it() {
    let mut guarded = Guarded::with("", "", &table("good"));
    guarded.setup.write("prefixes.txt", PREFIXES);
    guarded.setup.write("asn.csv", ROWS);
    guarded.start();
    let good = |name: &str| match name {
        "table.json" => text(&table("good")),
        "prefixes.txt" => PREFIXES.to_owned(),
        _ => ROWS.to_owned(),
    };
    let before = guarded.in_service();
    for (name, contents, told) in slips() {
        for trigger in ["admin", "file change", "signal"] {
            let told: Vec<&str> = told.iter().map(String::as_str).collect();
            let (known, failed) = (guarded.history().len(), guarded.counted("failed"));
            guarded.setup.replace(name, &contents);
            match trigger {
                "admin" => guarded.refused_for("/reload", &told),
                "signal" => guarded.service().signal("HUP"),
                _ => {}
            }
            let refusal = || {
                let history = guarded.history();
                let new = history[..history.len() - known].to_vec();
                // What became of the good file before may be told late.
                new.into_iter().find(|entry| entry["trigger"] == trigger && entry["result"] != "unchanged")
            };
            wait_until("it is tried", || refusal().is_some());
            let entry = refusal().unwrap();
            assert_eq!((&entry["result"], &entry["generation"]), (&json!("refused"), &before.0), "{entry:#}");
            let reason = entry["reason"].as_str().unwrap();
            for told in told {
                assert!(reason.contains(told), "no {told:?} in {reason}");
            }
            assert_eq!(guarded.shown()["last_error"], reason);
            assert!(guarded.counted("failed") > failed);
            assert_eq!(guarded.in_service(), before, "{name} by {trigger}");
            guarded.wait_health("warn", name);
            guarded.setup.replace(name, good(name));
            guarded.wait_health("pass", "");
            assert_eq!((guarded.shown()["last_error"].clone(), guarded.in_service()), (Value::Null, before.clone()));
        }
    }
    assert_eq!(guarded.counted("published"), 0.0);
}
