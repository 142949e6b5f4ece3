//! `min_interval`: of the tables that nobody asks for one at a time, each in its turn.

use serde_json::{Value, json};

use super::{Guarded, MOST, parted, text};
use crate::harness::wait_until;

const LONG: &str = "min_interval = 86400";

/// Running, with one table published that nobody asked for: the next has to wait.
fn waiting(guards: &str) -> Guarded {
    let guarded = Guarded::new(&format!("{guards}\nmax_shrunk = 1"), &parted("first", 0, 0));
    guarded.setup.write_table(&parted("second", 1, 0));
    wait_until("the first of them does not wait", || guarded.version() == "second");
    wait_until("that is kept", || guarded.history()[0]["version"] == "second");
    guarded
}

/// Puts a table into place and waits until it is put off.
#[track_caller]
fn put_off(guarded: &Guarded, contents: &str) {
    let (before, generation) = (guarded.counted("postponed"), guarded.shown()["generation"].clone());
    guarded.setup.replace("table.json", contents);
    wait_until("it is counted", || guarded.counted("postponed") == before + 1.0);
    wait_until("it is kept", || guarded.history()[0]["result"] == "postponed");
    let latest = guarded.history()[0].clone();
    assert_eq!((&latest["trigger"], &latest["generation"]), (&json!("file change"), &generation));
    assert!(latest["reason"].is_null() && latest["diff"].is_null(), "it was not looked at: {latest:#}");
    assert_eq!(guarded.shown()["generation"], generation);
}

#[test]
fn who_has_to_wait_is_published_in_the_end() {
    // Long enough for two changes to be seen in it; nothing depends on how much longer.
    let guarded = waiting("min_interval = 6");
    put_off(&guarded, &text(&parted("third", 2, 0)));
    guarded.wait_health("pass", "");
    wait_until("it is published by itself", || guarded.version() == "third");
    wait_until("that is kept", || guarded.history()[0]["version"] == "third");
    let history = guarded.history();
    let told = |index: usize| [&history[index]["trigger"], &history[index]["result"], &history[index]["generation"]];
    assert_eq!(told(0), [&json!("retry"), &json!("published"), &json!(3)]);
    assert_eq!(told(1), [&json!("file change"), &json!("postponed"), &json!(2)]);
    assert_eq!(told(2), [&json!("file change"), &json!("published"), &json!(2)]);
    assert_eq!(history[0]["diff"]["to"]["version"], "third");
    assert_eq!((guarded.counted("published"), guarded.counted("postponed")), (2.0, 1.0));
    let log = guarded.service().log();
    let told = |text: &str| log.iter().filter(|line| line["message"].as_str() == Some(text)).count();
    assert_eq!(told("published anew"), 2, "it is told, too");
    assert_eq!(told("too soon after the last time: tried again later"), 1);
}

#[test]
fn the_last_of_them_is_what_comes() {
    let guarded = waiting("min_interval = 6");
    put_off(&guarded, "{");
    put_off(&guarded, &text(&parted("much", MOST, MOST)));
    wait_until("it is tried by itself", || guarded.shown()["last_error"].is_string());
    wait_until("that is kept", || guarded.history()[0]["result"] == "refused");
    let latest = guarded.history()[0].clone();
    assert_eq!(latest["trigger"], "retry");
    assert!(latest["reason"].as_str().unwrap().contains("`max_moved`"), "{latest:#}");
    guarded.wait_health("warn", "`max_moved`");
    // A refusal is no publish: nobody waits for that.
    guarded.setup.write_table(&parted("third", 2, 0));
    wait_until("it is published", || guarded.version() == "third");
    guarded.wait_health("pass", "");
}

#[test]
fn who_asks_does_not_wait() {
    let guarded = waiting(LONG);
    put_off(&guarded, &text(&parted("third", 2, 0)));
    guarded.service().signal("HUP");
    wait_until("a signal does not wait", || guarded.version() == "third");
    put_off(&guarded, &text(&parted("fourth", 3, 0)));
    assert_eq!(guarded.post("/reload").status, 200);
    assert_eq!(guarded.version(), "fourth");
    let history = guarded.history();
    assert_eq!((&history[0]["trigger"], &history[0]["result"]), (&json!("admin"), &json!("published")));
    put_off(&guarded, &text(&parted("much", MOST, 0)));
    guarded.refused("/reload");
    assert_eq!(guarded.post("/reload?force=true").status, 200);
    assert_eq!((guarded.version().as_str(), guarded.counted("published")), ("much", 4.0));
}

#[test]
fn who_asked_makes_nobody_wait() {
    let guarded = Guarded::new(&format!("{LONG}\nmax_shrunk = 1"), &parted("first", 0, 0));
    guarded.publish(&parted("second", 1, 0));
    guarded.setup.write_table(&parted("third", 2, 0));
    wait_until("it is published", || guarded.version() == "third");
    assert_eq!(guarded.counted("postponed"), 0.0);
}

#[test]
fn a_file_that_goes_back_while_it_waits_changes_nothing() {
    let guarded = waiting("min_interval = 6");
    put_off(&guarded, &text(&parted("third", 2, 0)));
    guarded.setup.write_table(&parted("second", 1, 0));
    wait_until("it is looked at in the end", || guarded.history()[0]["result"] == "unchanged");
    assert_eq!((guarded.version().as_str(), guarded.shown()["generation"].clone()), ("second", json!(2)));
    assert_eq!(guarded.counted("published"), 1.0);
}

#[test]
fn what_was_wrong_before_is_told_while_it_waits() {
    let guarded = waiting(LONG);
    put_off(&guarded, "{");
    let reason = guarded.refused("/reload");
    // Another that is no better, and not looked at.
    put_off(&guarded, "{}");
    assert_eq!(guarded.shown()["last_error"], reason);
    guarded.wait_health("warn", "table.json");
    guarded.publish(&parted("third", 2, 0));
    assert_eq!(guarded.shown()["last_error"], Value::Null);
    guarded.wait_health("pass", "");
}
