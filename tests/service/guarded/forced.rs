//! `?force=true`: past the guards that somebody can answer for, and past nothing else.

use serde_json::{Value, json};

use super::{Guarded, MOST, parted, problems, text};
use crate::harness::{Leaf, wait_until};

/// The entry of a forced publish by this admin.
#[track_caller]
fn assert_forced(guarded: &Guarded, by: &str) {
    let latest = guarded.history()[0].clone();
    assert_eq!(
        [&latest["result"], &latest["trigger"], &latest["by"], &latest["forced"]],
        [&json!("published"), &json!("admin"), &json!(by), &json!(true)],
        "{latest:#}"
    );
    assert!(latest["reason"].is_null() && latest["errors"].is_null(), "{latest:#}");
    assert!(latest["diff"].is_object(), "{latest:#}");
}

#[test]
fn it_passes_movement_shrinkage_and_size() {
    let guarded = Guarded::new("min_values = 2", &parted("good", 1, 1));
    for (table, told) in [
        (parted("ipv4", MOST, 1), "of the IPv4 addresses would get another first CDN"),
        (parted("ipv6", MOST, MOST), "of the IPv6 addresses would get another first CDN"),
        (parted("lost", 1 << 15, 1 << 15), "footprint values would be lost"),
        (parted("small", 1 << 15, 0), "the table has 1 footprint values"),
    ] {
        guarded.setup.write_table(&table);
        guarded.refused_for("/reload", &[told]);
        guarded.wait_health("warn", "");
        let generation = guarded.shown()["generation"].as_u64().unwrap();
        let response = guarded.post("/reload?force=true");
        assert_eq!(response.status, 200, "{}", response.text());
        let of_table = &response.json()["table"];
        assert_eq!((&of_table["result"], &of_table["generation"]), (&json!("published"), &json!(generation + 1)));
        assert_eq!(of_table["diff"]["to"]["version"], table["version"]);
        assert!(problems(of_table, "error").is_empty(), "{of_table:#}");
        let warnings = problems(of_table, "warning");
        let warned = warnings.iter().any(|warning| {
            let message = warning["message"].as_str().unwrap();
            message.starts_with("published by force: ") && message.contains(told)
        });
        assert!(warned, "{of_table:#}");
        assert_forced(&guarded, "ops-1.example");
        let shown = guarded.shown();
        assert_eq!((&shown["version"], &shown["last_error"]), (&table["version"], &Value::Null));
        assert_eq!(shown["held"], false);
        guarded.wait_health("pass", "");
    }
    assert!(guarded.service().log().iter().any(|line| line["trigger"] == "admin ops-1.example, forced"));
    // It is not in force any longer than for that one.
    let mut much = parted("much again", 1, 1);
    much["default"] = json!("b");
    guarded.setup.write_table(&much);
    guarded.refused_for("/reload", &["100% of the IPv6 addresses"]);
    assert!(guarded.history()[0]["forced"].is_null());
    guarded.setup.write_table(&parted("a little", (1 << 15) + 1, 1));
    wait_until("changes count as ever", || guarded.version() == "a little");
}

#[test]
fn a_bad_table_stays_one() {
    let good = parted("good", 1, 1);
    let guarded = Guarded::new("max_input = 5000", &good);
    let mut wrong = parted("wrong", 2, 2);
    wrong["canaries"] = json!([{ "ip": "192.0.2.1", "mix": "b" }]);
    let mut large = parted("large", 2, 2);
    large["footprints"][0]["footprint-value"] =
        json!((0..255).map(|one| format!("10.0.{one}.0/24")).collect::<Vec<_>>());
    for (contents, told) in [
        (text(&wrong), "the canary 192.0.2.1 gets mix `a`"),
        (text(&large), "larger than"),
        (text(&good).replace("\"beta\": 1", "\"btea\": 1"), "`btea`"),
        (String::new(), "empty"),
        (text(&good)[..text(&good).len() / 2].to_owned(), "not JSON"),
    ] {
        guarded.setup.replace("table.json", &contents);
        guarded.refused_for("/reload?force=true", &["table.json", told]);
        let latest = &guarded.history()[0];
        assert_eq!((&latest["forced"], &latest["result"]), (&json!(true), &json!("refused")), "{latest:#}");
        guarded.wait_health("warn", told);
    }
    std::fs::remove_file(guarded.setup.path("table.json")).unwrap();
    guarded.refused_for("/reload?force=true", &["table.json"]);
    guarded.setup.write_table(&good);
    guarded.wait_health("pass", "");
    assert_eq!((guarded.shown()["generation"].clone(), guarded.counted("published")), (json!(1), 0.0));
}

#[test]
fn with_nothing_to_pass_it_is_a_reload() {
    let guarded = Guarded::new("", &parted("good", 1, 1));
    let response = guarded.post("/reload?force=true");
    assert_eq!(response.json()["table"], json!({ "result": "unchanged", "generation": 1 }));
    assert_eq!(guarded.history()[0]["forced"], true);
    for target in ["/reload?force=false", "/reload?force=false&dry_run=false", "/reload?"] {
        guarded.setup.write_table(&parted(&format!("much by {target}"), MOST, 0));
        guarded.refused(target);
        assert!(guarded.history()[0]["forced"].is_null(), "{target}");
    }
    guarded.setup.write_table(&parted("a little", 2, 1));
    assert_eq!(guarded.post("/reload?force").status, 200);
    assert_eq!(guarded.version(), "a little");
}

#[test]
fn among_many_that_ask_the_table_is_published_once() {
    let guarded = Guarded::new("", &parted("good", 1, 1));
    let other = Leaf::client("ops-2.example").issued_by(&guarded.setup.pki.ops);
    guarded.setup.write_table(&parted("much", MOST, 1));
    let mut asking: Vec<_> = (0..40).map(|_| guarded.connect()).collect();
    let mut forcing = guarded.connect_as(&other);
    let ask = |target: &str| format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    for (number, connection) in asking.iter_mut().enumerate() {
        if number == 20 {
            forcing.send(ask("/reload?force=true")).unwrap();
        }
        connection.send(ask("/reload")).unwrap();
    }
    assert_eq!(forcing.read().unwrap().status, 200);
    for connection in &mut asking {
        let response = connection.read().unwrap();
        let generation = &response.json()["table"]["generation"];
        match response.status {
            // Before it was forced, or together with that, or after.
            409 => assert_eq!(generation, 1),
            200 => assert_eq!(generation, 2),
            other => panic!("{other}: {}", response.text()),
        }
    }
    let shown = guarded.shown();
    assert_eq!((&shown["generation"], &shown["last_error"]), (&json!(2), &Value::Null));
    let history = guarded.history();
    let published: Vec<_> = history.iter().filter(|entry| entry["result"] == "published").collect();
    assert_eq!(published.len(), 2, "the first, and the forced one: {published:#?}");
    assert_eq!((&published[0]["by"], &published[0]["forced"]), (&json!("ops-2.example"), &json!(true)));
    assert_eq!(guarded.counted("published"), 1.0);
}

#[test]
fn a_forced_table_can_be_gone_back_from() {
    let guarded = Guarded::keeping("", &parted("good", 1, 1));
    let before = guarded.answers();
    guarded.setup.write_table(&parted("much", MOST, 1));
    guarded.refused("/reload");
    assert_eq!(guarded.post("/reload?force=true").status, 200);
    assert_eq!(guarded.post("/rollback").status, 200, "a rollback asks no guard");
    let strip = |answers: Vec<Value>| -> Vec<Value> {
        answers
            .into_iter()
            .map(|answer| json!([answer["ip"], answer["mix"], answer["cdns"], answer["version"]]))
            .collect()
    };
    assert_eq!(strip(guarded.answers()), strip(before));
    guarded.wait_health("pass", "");
    // It is no less than it was.
    guarded.refused_for("/reload", &["of the IPv4 addresses"]);
    assert_eq!(guarded.shown()["held"], true, "a refusal ends no hold");
    assert_eq!(guarded.post("/reload?force=true").status, 200);
    let shown = guarded.shown();
    assert_eq!((&shown["version"], &shown["held"], &shown["generation"]), (&json!("much"), &json!(false), &json!(4)));
}

#[test]
fn what_was_refused_before_a_rollback_is_forgotten() {
    let guarded = Guarded::keeping("", &parted("first", 1, 1));
    guarded.publish(&parted("second", 2, 1));
    for bad in [text(&parted("much", MOST, 1)), "{".to_owned()] {
        guarded.setup.replace("table.json", bad);
        guarded.refused("/reload");
        guarded.wait_health("warn", "");
        assert_eq!(guarded.post("/rollback").status, 200);
        let shown = guarded.shown();
        assert_eq!((&shown["held"], &shown["last_error"]), (&json!(true), &Value::Null), "{shown:#}");
        guarded.wait_health("pass", "");
        // A rollback that is refused tells nothing of the source.
        let refused = guarded.post("/rollback");
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert_eq!(guarded.shown()["last_error"], Value::Null);
        assert_eq!(
            (&guarded.history()[0]["action"], &guarded.history()[0]["result"]),
            (&json!("rollback"), &json!("refused"))
        );
        guarded.publish(&parted("second", 2, 1));
    }
}
