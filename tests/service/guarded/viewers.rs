//! `traffic`: with viewers known, `max_moved` is a share of them, not of the space.

use serde_json::json;

use super::{Guarded, MOST, parted, problems, sole};
use crate::drawn;
use crate::harness::wait_until;

const GUARDS: &str = "max_shrunk = 1\ntraffic = \"traffic.csv\"";

/// 1 % of these are where [`MOST`] of the space is.
const AT_THE_END: &str = "prefix,clients\n0.0.0.0/8,4\n255.0.0.0/8,900\n::/16,6 # a few\nfff0::/16,90\n";

fn guarded(traffic: &str, guards: &str) -> Guarded {
    let mut guarded = Guarded::with("", guards, &parted("good", 0, 0));
    guarded.setup.write("traffic.csv", traffic);
    guarded.start();
    guarded
}

/// A table that moves a narrow prefix or two, and 60 % of the viewers in [`AT_ONE_PLACE`].
fn narrow(version: &str) -> serde_json::Value {
    sole(
        version,
        &json!([
            { "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/24"], "mix": "b" },
            { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/48"], "mix": "b" }
        ]),
    )
}

const AT_ONE_PLACE: &str = "192.0.2.0/24,300\n2001:db8::/48,300\n10.0.0.0/8,250\n2001:db9::/32,150\n";

#[test]
fn most_of_the_space_may_move_if_few_viewers_do() {
    let guarded = guarded(AT_THE_END, GUARDS);
    guarded.publish(&parted("much of nobody", MOST, MOST));
    let latest = &guarded.history()[0];
    assert_eq!((&latest["diff"]["traffic"], &latest["result"]), (&json!(0.01), &json!("published")), "{latest:#}");
    assert!(latest["diff"]["ipv4"]["share"].as_f64().unwrap() > 0.59);
}

#[test]
fn most_viewers_may_not_move_whatever_their_space() {
    let guarded = guarded(AT_ONE_PLACE, GUARDS);
    guarded.setup.write_table(&narrow("narrow"));
    guarded.refused_for(
        "/reload",
        &[
            "60.00% of the viewers would get another first CDN, most of them from alpha to beta",
            "`max_moved`",
            "50.00%",
        ],
    );
    let problem = guarded.post("/reload").json();
    let traffic = &problem["table"]["diff"]["traffic"];
    assert_eq!(traffic["clients"], 1000);
    assert_eq!((&traffic["moved"], &traffic["share"]), (&json!(600), &json!(0.6)));
    assert_eq!(problems(&problem["table"], "error").len(), 1, "the space does not count beside them");
    assert_eq!(guarded.history()[0]["diff"]["traffic"], 0.6);
}

#[test]
fn check_looks_at_the_file() {
    let guarded = guarded(AT_ONE_PLACE, GUARDS);
    let check = || {
        let output = guarded.setup.command(&["check", "--config", "croupier.toml"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(0), "{}", check().1);
    guarded.setup.replace("traffic.csv", "192.0.2.0/24,many\n");
    let (code, output) = check();
    assert!(
        code == Some(1) && drawn::told(&output).contains("traffic.csv:1:1: error: `many` is not a number of clients"),
        "{output}"
    );
}

#[test]
fn the_limit_itself_is_allowed() {
    // 4 of 16, with part of a prefix in proportion: half of the 8.
    let guarded = guarded("0.0.0.0/7,8\n10.0.0.0/8,8\n", &format!("max_moved = 0.25\n{GUARDS}"));
    let of = |version: &str, prefixes: &[&str]| {
        sole(version, &json!([{ "footprint-type": "ipv4cidr", "footprint-value": prefixes, "mix": "b" }]))
    };
    guarded.setup.write_table(&of("above", &["0.0.0.0/8", "10.0.0.0/24"]));
    guarded.refused_for("/reload", &["of the viewers"]);
    guarded.publish(&of("the limit", &["0.0.0.0/8", "128.0.0.0/1"]));
}

#[test]
fn the_file_is_read_anew_for_every_table() {
    let guarded = guarded(AT_ONE_PLACE, GUARDS);
    guarded.setup.write_table(&narrow("narrow"));
    guarded.refused("/reload");
    guarded.setup.replace("traffic.csv", format!("{AT_ONE_PLACE}198.51.100.0/24,1000\n"));
    wait_until("it is looked at by itself", || guarded.version() == "narrow");
    wait_until("and recorded", || guarded.history()[0]["diff"]["traffic"] == 0.3);
}

#[test]
fn without_a_good_file_the_space_counts_and_that_is_told() {
    let bad = [
        (None, "can't be read"),
        (Some(""), "the file has no clients"),
        (Some("# nobody\n"), "the file has no clients"),
        (Some("192.0.2.0/24\n"), "line 1"),
        (Some("192.0.2.0/24,1\n10.0.0.0/8,many\n"), "line 2: `many` is not a number of clients"),
        (Some("192.0.2.1/24,5\n"), "line 1"),
        (Some("192.0.2.0/24,0\n2001:db8::/48,0\n"), "no clients in any prefix"),
    ];
    let guarded = guarded(AT_ONE_PLACE, GUARDS);
    for (number, (text, told)) in bad.into_iter().enumerate() {
        match text {
            Some(text) => guarded.setup.replace("traffic.csv", text),
            None => std::fs::remove_file(guarded.setup.path("traffic.csv")).unwrap(),
        }
        guarded.setup.write_table(&parted(&format!("much.{number}"), MOST, 0));
        guarded.refused_for("/reload", &["60.00% of the IPv4 addresses"]);
        let problem = guarded.post("/reload").json();
        let warnings = problems(&problem["table"], "warning");
        assert_eq!(warnings.len(), 1, "{told}: {problem:#}");
        assert!(warnings[0]["file"].as_str().unwrap().ends_with("traffic.csv"), "{warnings:?}");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(number == 0 || message.contains(told), "no {told:?} in {message}");
        assert!(message.contains("`max_moved` is a share of the address space instead"), "{message}");
        assert!(problem["table"]["diff"]["traffic"].is_null());

        // What the viewers would have been against goes by.
        let table = narrow(&format!("narrow.{number}"));
        guarded.setup.write_table(&table);
        let response = guarded.post("/reload");
        assert_eq!(response.status, 200, "{told}: {}", response.text());
        assert_eq!(guarded.version(), format!("narrow.{number}"));
        guarded.publish(&parted(&format!("good.{number}"), 0, 0));
    }
    guarded.wait_health("pass", "");
    assert!(guarded.service().log().iter().any(|line| {
        line["level"] == "WARN" && line["message"].as_str().is_some_and(|message| message.contains("traffic.csv"))
    }));
}
