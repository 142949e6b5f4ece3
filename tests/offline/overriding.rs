//! `croupier override`: what the file says before and after, what is told, and what nobody can break.
//!
//! Times lie in the years 2000 and 2999, so that it does not matter when this runs.

mod answers;
mod faults;
mod file;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::program::{Folder, Ran};

/// Beside the good table.
const FILE: &str = "overrides.json";

/// What is told of the good table once alpha and beta are down.
const ALL_DOWN_THEN: &str = "warning: then every CDN of mix `far`, the default, is down: overrides are ignored for it, \
                             and its clients sent there all the same\n\
                             warning: then every CDN of mix `near` is down, and of the default mix `far` too: overrides \
                             are ignored for it, and its clients sent there all the same\n";

/// `croupier override` with arguments, on the file beside the good table.
#[track_caller]
fn ask(folder: &Folder, arguments: &str) -> Ran {
    let words = arguments.split(' ').filter(|word| !word.is_empty());
    let arguments: Vec<&str> =
        ["override"].into_iter().chain(words).chain(["--file", FILE, "--table", "table.json"]).collect();
    folder.run(&arguments)
}

/// The same, which must succeed with this to say.
#[track_caller]
fn told(folder: &Folder, arguments: &str, output: &str, errors: &str) {
    let ran = ask(folder, arguments);
    assert_eq!(ran.code, Some(0), "{arguments}: {ran:?}");
    assert_eq!((ran.output.as_str(), ran.errors.as_str()), (output, errors), "{arguments}");
}

#[track_caller]
fn text(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path(FILE)).unwrap()
}

#[track_caller]
fn overrides(folder: &Folder) -> Value {
    serde_json::from_str::<Value>(&text(folder)).unwrap()["overrides"].take()
}

#[test]
fn a_cdn_goes_down_and_up() {
    let folder = Folder::with_good_table();
    told(&folder, "cdn alpha down --reason INC-123", "alpha is down (INC-123)\n", "");
    assert_eq!(
        text(&folder),
        "{\n  \"overrides\": [\n    { \"cdn\": \"alpha\", \"state\": \"down\", \"reason\": \"INC-123\" }\n  ]\n}\n"
    );
    told(&folder, "cdn alpha up", "alpha is up\n", "taken away: alpha is down (INC-123)\n");
    assert_eq!(text(&folder), "{\n  \"overrides\": []\n}\n");
    told(&folder, "cdn alpha up", "alpha is up: nothing was on it\n", "");
    let planned = "alpha is down from 2999-01-01T00:00:00Z";
    ask(&folder, "cdn alpha down --until 2998-01-01T00:00:00Z");
    ask(&folder, "cdn alpha down --from 2999-01-01T00:00:00Z");
    let up = ask(&folder, "cdn alpha up").output;
    assert_eq!(up, format!("alpha is up\nstill planned: {planned}\n"));
    assert_eq!(overrides(&folder).as_array().map(Vec::len), Some(1));
}

#[test]
fn an_end_is_a_length_of_time_from_now_or_from_the_beginning() {
    let folder = Folder::with_good_table();
    let before = OffsetDateTime::now_utc();
    let ran = ask(&folder, "cdn alpha down --for 1h30m");
    let after = OffsetDateTime::now_utc() + time::Duration::SECOND;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let until = overrides(&folder)[0]["until"].as_str().unwrap().to_owned();
    assert_eq!(ran.output, format!("alpha is down until {until}\n"));
    let length = time::Duration::minutes(90);
    let until = OffsetDateTime::parse(&until, &Rfc3339).unwrap();
    assert!((before + length..=after + length).contains(&until), "{until}");
    assert_eq!(until.nanosecond(), 0);

    let arguments = "cdn beta down --from 2999-01-01T10:00:00+01:00 --for 90m";
    told(&folder, arguments, "beta is down from 2999-01-01T09:00:00Z until 2999-01-01T10:30:00Z\n", "");
}

#[test]
fn a_mix_gets_other_weights() {
    let folder = Folder::with_good_table();
    told(
        &folder,
        "mix near beta=60,alpha=0 --until 2999-01-01T00:00:00Z",
        "mix near is beta=60,alpha=0 until 2999-01-01T00:00:00Z\n",
        "",
    );
    let expected = json!([{ "mix": "near", "weights": { "beta": 60, "alpha": 0 }, "until": "2999-01-01T00:00:00Z" }]);
    assert_eq!(overrides(&folder), expected);
    assert!(text(&folder).contains(r#"{ "beta": 60, "alpha": 0 }"#), "in the order in which they were typed");
    let taken_away = "taken away: mix near is beta=60,alpha=0 until 2999-01-01T00:00:00Z\n";
    told(&folder, "clear mix near", "mix near is as in the table\n", taken_away);
    told(&folder, "clear mix near", "mix near is as in the table: nothing was on it\n", "");
}

#[test]
fn what_overlaps_is_replaced_and_what_is_over_dropped() {
    let folder = Folder::with_good_table();
    folder.write(
        FILE,
        r#"{ "$schema": "s.json", "overrides": [
            { "cdn": "alpha", "state": "down", "until": "2000-01-01T00:00:00Z" },
            { "cdn": "alpha", "state": "down", "until": "2999-01-01T00:00:00Z", "reason": "old" },
            { "mix": "near", "weights": { "alpha": 1 } },
            { "cdn": "alpha", "state": "down", "from": "2999-06-01T00:00:00Z" } ] }"#,
    );
    let said = "dropped, since it is over: alpha is down until 2000-01-01T00:00:00Z\n\
                replaced: alpha is down until 2999-01-01T00:00:00Z (old)\n\
                warning: every CDN of mix `near` is down: its clients get the default mix `far`\n";
    told(
        &folder,
        "cdn alpha down --until 2999-02-01T00:00:00Z --reason new",
        "alpha is down until 2999-02-01T00:00:00Z (new)\n",
        said,
    );
    assert_eq!(
        text(&folder),
        r#"{
  "$schema": "s.json",
  "overrides": [
    { "cdn": "alpha", "state": "down", "reason": "new", "until": "2999-02-01T00:00:00Z" },
    { "mix": "near", "weights": { "alpha": 1 } },
    { "cdn": "alpha", "state": "down", "from": "2999-06-01T00:00:00Z" }
  ]
}
"#
    );
    // Said again, it is what it was.
    let before = std::fs::metadata(folder.path(FILE)).unwrap().modified().unwrap();
    assert_eq!(ask(&folder, "cdn alpha down --until 2999-02-01T00:00:00Z --reason new").code, Some(0));
    assert_eq!(std::fs::metadata(folder.path(FILE)).unwrap().modified().unwrap(), before, "not written");
}

#[test]
fn clearing_takes_what_it_is_told() {
    let folder = Folder::with_good_table();
    let all = r#"{ "overrides": [
        { "cdn": "alpha", "state": "down" }, { "mix": "near", "weights": { "beta": 1 } },
        { "cdn": "gone", "state": "down" }, { "mix": "gone", "weights": { "beta": 1 } } ] }"#;
    folder.write(FILE, all);
    told(&folder, "clear cdn alpha", "alpha is up\n", "taken away: alpha is down\n");
    told(&folder, "clear cdn gone", "gone is up\n", "taken away: gone is down\n");
    told(&folder, "clear mix gone", "mix gone is as in the table\n", "taken away: mix gone is beta=1\n");
    told(&folder, "clear --all", "no overrides are left\n", "taken away: mix near is beta=1\n");
    assert_eq!(overrides(&folder), json!([]));
    folder.write(FILE, all);
    for arguments in ["clear", "clear cdn", "clear alpha", "clear cdn alpha --all", "clear mix"] {
        let ran = ask(&folder, arguments);
        assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{arguments}: {ran:?}");
        assert_eq!(text(&folder), all);
    }
    let ran = ask(&folder, "clear");
    assert!(ran.errors.contains("`cdn NAME`, `mix NAME`, or `--all`"), "{ran:?}");
}

#[test]
fn when_nothing_is_left_of_a_mix_it_is_told_who_gets_what() {
    let folder = Folder::with_good_table();
    told(&folder, "cdn beta down", "beta is down\n", "");
    let arguments = "cdn alpha down --from 2999-01-01T00:00:00Z";
    told(&folder, arguments, "alpha is down from 2999-01-01T00:00:00Z\n", ALL_DOWN_THEN);
}

#[test]
fn the_list_says_what_each_is_worth() {
    let folder = Folder::with_good_table();
    told(&folder, "list", "no overrides in overrides.json\n", "");
    folder.write(
        FILE,
        r#"{ "overrides": [
            { "cdn": "alpha", "state": "down", "reason": "INC-123" },
            { "cdn": "beta", "state": "down", "until": "2000-01-01T00:00:00Z" },
            { "mix": "near", "weights": { "alpha": 1 }, "until": "2999-01-01T00:00:00Z" },
            { "mix": "far", "weights": { "alpha": 1 }, "from": "2999-01-01T00:00:00Z", "until": "2999-01-02T00:00:00Z", "reason": "cup" },
            { "mix": "nera", "weights": { "alpha": 1 } } ] }"#,
    );
    let ran = ask(&folder, "list");
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    insta::assert_snapshot!(ran.output);
    let ran = ask(&folder, "list --format json");
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    insta::assert_snapshot!(ran.output);
}
