//! `GET /history`: every attempt, newest first, with who made it and what came of it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Guarded, MOST, parted, post, text};
use crate::harness::{Leaf, wait_until};
use crate::trusted::{clients, list};

pub fn entries(guarded: &Guarded, query: &str) -> Vec<Value> {
    let response = guarded.get(&format!("/history{query}"));
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.json().as_array().unwrap().clone()
}

const ALWAYS: [&str; 6] = ["at", "what", "action", "trigger", "result", "generation"];

/// Waits until the latest attempt has this result by this trigger. It has these fields beside those that all have.
#[track_caller]
fn latest(guarded: &Guarded, trigger: &str, result: &str, more: &str) -> Value {
    let is_it = |entry: &Value| entry["trigger"] == trigger && entry["result"] == result;
    wait_until(&format!("{result} by {trigger}"), || is_it(&guarded.history()[0]));
    let entry = guarded.history()[0].clone();
    let keys: BTreeSet<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = ALWAYS.into_iter().chain(more.split_whitespace()).collect();
    assert_eq!(keys, expected, "{entry:#}");
    let at = OffsetDateTime::parse(entry["at"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(at <= OffsetDateTime::now_utc() && at.offset().is_utc(), "{at}");
    entry
}

const TABLE: &str = "source version digest";

#[test]
fn every_attempt_is_kept_with_what_is_known_of_it() {
    let guarded = Guarded::keeping("max_shrunk = 1", &parted("first", 0, 0));
    let assert_in_service = |entry: &Value| {
        let shown = guarded.shown();
        assert_eq!([&entry["version"], &entry["digest"]], [&shown["version"], &shown["digest"]]);
        let source = shown["source"].as_str().unwrap();
        assert_eq!(entry["source"], source.strip_prefix("kept copy of ").unwrap_or(source));
        assert_eq!(source.starts_with("kept copy of "), entry["action"] == "rollback");
        assert_eq!((&entry["generation"], &entry["what"]), (&shown["generation"], &json!("table")));
    };
    let entry = latest(&guarded, "start", "published", TABLE);
    assert_in_service(&entry);
    assert_eq!(entry["action"], "reload");
    guarded.service().signal("HUP");
    assert_in_service(&latest(&guarded, "signal", "unchanged", TABLE));

    let first = guarded.shown();
    guarded.setup.write_table(&parted("second", 4, 0));
    let entry = latest(&guarded, "file change", "published", &format!("{TABLE} diff"));
    assert_in_service(&entry);
    let moves = json!([{ "from": "alpha", "to": "beta", "addresses": 4 << 16 }]);
    let second = guarded.shown();
    assert_eq!(
        entry["diff"],
        json!({
            "from": { "version": "first", "digest": first["digest"] },
            "to": { "version": "second", "digest": second["digest"] },
            "ipv4": { "moved": 4 << 16, "share": 4.0 / 65_536.0, "moves": moves },
            "ipv6": { "moved": 0, "share": 0.0, "moves": [] },
            "shrunk": { "values": 0, "share": 0.0 }
        })
    );

    let other = Leaf::client("ops-2.example").issued_by(&guarded.setup.pki.ops);
    assert_eq!(post(&mut guarded.connect_as(&other), "/reload").status, 200);
    let entry = latest(&guarded, "admin", "unchanged", &format!("{TABLE} by"));
    assert_eq!(entry["by"], "ops-2.example");

    guarded.setup.write_table(&parted("much", MOST, 0));
    guarded.refused("/reload");
    let entry = latest(&guarded, "admin", "refused", &format!("{TABLE} by diff reason errors"));
    assert_eq!([&entry["version"], &entry["generation"], &entry["errors"]], [&json!("much"), &json!(2), &json!(1)]);
    assert_ne!(entry["digest"], second["digest"]);
    assert_eq!(post(&mut guarded.connect_as(&other), "/reload?force=true").status, 200);
    let entry = latest(&guarded, "admin", "published", &format!("{TABLE} by diff forced"));
    assert_in_service(&entry);
    assert_eq!((&entry["by"], &entry["forced"]), (&json!("ops-2.example"), &json!(true)));

    guarded.setup.replace(
        "table.json",
        text(&parted("bad", 1, 1))
            .replace("\"beta\": 1", "\"btea\": 1")
            .replace("\"default\": \"a\"", "\"default\": \"c\""),
    );
    guarded.refused("/reload");
    let entry = latest(&guarded, "admin", "refused", "source by reason errors version digest");
    assert!(entry["errors"].as_u64().unwrap() > 1, "{entry:#}");
    fs::remove_file(guarded.setup.path("table.json")).unwrap();
    guarded.refused("/reload");
    latest(&guarded, "admin", "refused", "source by reason errors");

    assert_eq!(guarded.post("/rollback").status, 200);
    let entry = latest(&guarded, "admin", "published", &format!("{TABLE} by diff"));
    assert_in_service(&entry);
    assert_eq!((&entry["action"], &entry["version"]), (&json!("rollback"), &json!("second")));
    assert_eq!((&entry["diff"]["from"]["version"], &entry["by"]), (&json!("much"), &json!("ops-1.example")));
    guarded.setup.write_table(&parted("third", 5, 0));
    let entry = latest(&guarded, "file change", "held", "");
    assert_eq!(entry["generation"], guarded.shown()["generation"]);
    assert_eq!(guarded.post("/rollback").status, 200);
    assert_eq!(guarded.post("/rollback").status, 409);
    let entry = latest(&guarded, "admin", "refused", "by reason errors");
    assert_eq!(entry["action"], "rollback");
    assert!(entry["reason"].as_str().unwrap().contains("no table before the one in service"), "{entry:#}");

    let trust = guarded.history_of("trust");
    let start = trust.last().unwrap();
    assert_eq!(
        (&start["trigger"], &start["result"], &start["generation"]),
        (&json!("start"), &json!("published"), &json!(1))
    );
    assert!(trust.iter().all(|entry| entry["version"].is_null() && entry["diff"].is_null()));
}

#[test]
fn the_newest_come_first_and_as_many_as_asked() {
    let guarded = Guarded::new("", &parted("first", 0, 0));
    let mut connection = guarded.connect();
    for number in 0..60 {
        let name = format!("version.{number}");
        if number % 10 == 0 {
            guarded.setup.write_table(&parted(&name, 0, 0));
        }
        assert_eq!(post(&mut connection, "/reload").status, 200);
    }
    let all = entries(&guarded, "?limit=1000");
    let of_table: Vec<&Value> = all.iter().filter(|entry| entry["what"] == "table").collect();
    assert!((61..=67).contains(&of_table.len()) && all.len() > 101, "{} of {}", of_table.len(), all.len());
    let at = |entry: &Value| OffsetDateTime::parse(entry["at"].as_str().unwrap(), &Rfc3339).unwrap();
    // Of one subject: others are reloaded beside it, and what came a moment before may stand a moment after.
    assert!(of_table.is_sorted_by(|newer, older| at(newer) >= at(older)));
    assert!(of_table.is_sorted_by(|newer, older| newer["generation"].as_u64() >= older["generation"].as_u64()));
    assert_eq!(of_table[0]["version"], "version.50");
    assert_eq!(entries(&guarded, ""), all[..100]);
    for limit in [1, 2, 99, 101, 1000] {
        let told = entries(&guarded, &format!("?limit={limit}"));
        assert_eq!(told, all[..limit.min(all.len())], "{limit}");
    }
    for wrong in ["0", "1001", "-1", "1.5", "x", "", "+", "99999999999999999999", "1%20"] {
        let response = guarded.get(&format!("/history?limit={wrong}"));
        assert_eq!(
            (response.status, response.header("content-type")),
            (400, Some("application/problem+json")),
            "{wrong}"
        );
        assert!(response.json()["detail"].as_str().unwrap().contains("from 1 to 1000"), "{wrong}");
    }
    let response = guarded.post("/history");
    assert_eq!(response.status, 405);
    let selector = guarded.connect_as(&guarded.setup.selector).get("/history").unwrap();
    assert_eq!(selector.status, 403);
}

#[test]
fn refused_again_for_the_same_reason_is_no_news() {
    let mut guarded = Guarded::with("state = \"state\"", "", &parted("first", 0, 0));
    guarded.setup.write("certs/media.crl", list(1).pem_by(&guarded.setup.pki.media));
    guarded.setup.section("clients", &clients(&["media.crl"], "", ""));
    guarded.start();
    let known = guarded.history_of("trust").len();
    let failed = || {
        let labels = [("what", "trust"), ("result", "failed")];
        guarded.service().metrics().sum("croupier_reloads_total", &labels)
    };
    guarded.setup.replace("certs/media.crl", "");
    wait_until("it is refused", || guarded.history_of("trust").len() == known + 1);
    wait_until("it is tried again", || failed() >= 2.0);
    guarded.setup.replace("certs/media.crl", list(2).pem_by(&guarded.setup.pki.media));
    wait_until("it is good again", || guarded.history_of("trust")[0]["result"] == "published");
    let trust = guarded.history_of("trust");
    assert_eq!(trust.len(), known + 2, "{trust:#?}");
    assert_eq!((&trust[1]["trigger"], &trust[1]["result"]), (&json!("file change"), &json!("refused")));
    assert!(trust[1]["reason"].as_str().unwrap().contains("media.crl"));
    assert!(guarded.history().iter().all(|entry| entry["trigger"] == "start"), "the table has nothing to do with it");
}

#[test]
fn it_knows_nobody_but_admins() {
    let guarded = Guarded::keeping("", &parted("first", 1, 1));
    let addresses = ["203.0.113.77", "2001:db8:77::77"];
    let mut connection = guarded.setup.client(Some(&guarded.setup.selector)).connect(guarded.service().lookup).unwrap();
    for _ in 0..3 {
        for address in addresses {
            assert_eq!(connection.get(&format!("/lookup?ip={address}")).unwrap().status, 200);
            assert_eq!(guarded.get(&format!("/explain?ip={address}")).status, 200);
        }
        guarded.setup.write_table(&parted("much", MOST, 1));
        guarded.refused("/reload");
        assert_eq!(guarded.post("/reload?force=true").status, 200);
        assert_eq!(guarded.post("/rollback").status, 200);
    }
    let told = guarded.get("/history?limit=1000").text();
    let written = fs::read_to_string(guarded.setup.path("state/history.jsonl")).unwrap();
    for text in [told, written] {
        assert!(text.contains("ops-1.example"));
        for personal in addresses.into_iter().chain(["127.0.0.1", "203.0.113.", "2001:db8:77", "media-selector"]) {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
    }
}
