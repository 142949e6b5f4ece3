//! `?dry_run=true`: what a reload would come to, with nothing changed by asking.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::{Guarded, MOST, files_below, first_error, parted, post, problems, sole, text};
use crate::harness::{Leaf, wait_until};
use crate::trusted::{clients, list};

/// One publish that nobody asks for, then none for the rest of the test: changes of files are seen and put off.
const GUARDS: &str = "min_interval = 86400";

/// What must be the same before and after: all that a dry run could have touched.
pub type All = ((Value, Value, Vec<Value>), Value, f64, Vec<Value>, BTreeMap<String, Vec<u8>>);

pub fn all(guarded: &Guarded) -> All {
    let state = guarded.setup.path("state");
    let shown = guarded.get("/table").json();
    let history = guarded.get("/history?limit=1000").json().as_array().unwrap().clone();
    (guarded.in_service(), shown, guarded.counted_in_all(), history, files_below(&state))
}

/// A dry run that changes nothing.
#[track_caller]
fn tried(guarded: &Guarded) -> Value {
    let before = all(guarded);
    let response = guarded.post("/reload?dry_run=true");
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let after = all(guarded);
    assert_eq!((&after.0, &after.1, after.2), (&before.0, &before.1, before.2), "what is served");
    assert_eq!(after.3, before.3, "the history");
    assert!(after.4 == before.4, "the state directory: {:?} was {:?}", after.4.keys(), before.4.keys());
    let tried = response.json();
    assert_eq!(tried["dry_run"], true);
    assert_eq!(tried["table"]["generation"], before.0.0, "that of what is in service");
    tried
}

/// What `croupier diff` makes of the table in service, which is in `old`, and of the source.
fn compared(guarded: &Guarded, more: &[&str]) -> Value {
    let arguments = [&["diff", "--format", "json", "old/table.json", "table.json"], more].concat();
    let ran = guarded.setup.command(&arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

const ROWS: &str = "start,end,asn\n198.51.100.0,198.51.100.255,64500\n2001:db8:4000::,2001:db8:4000:ffff::,64501\n";

/// A table with everything that a diff tells of.
pub fn rich(version: &str, alpha: u32) -> Value {
    let footprints = json!([
        { "footprint-type": "ipv4cidr", "footprint-value": ["10.0.0.0/8", "192.0.2.0/25"], "mix": "b" },
        { "footprint-type": "ipv4cidr", "footprint-file": "prefixes.txt", "mix": "both" },
        { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/48", "fd00::/8"], "mix": "both" },
        { "footprint-type": "asn", "footprint-value": ["as64500", "as64501", "as64502"], "mix": "b" }
    ]);
    let mut table = sole(version, &footprints);
    table["mixes"]["both"] = json!({ "alpha": alpha, "beta": 10 });
    table["datasets"] = json!({ "asn": ["asn.csv"] });
    table
}

fn write_all(guarded: &Guarded, folder: &str, table: &Value, prefixes: &str, rows: &str) {
    fs::create_dir_all(guarded.setup.path(folder)).unwrap();
    for (name, contents) in [("prefixes.txt", prefixes), ("asn.csv", rows), ("table.json", &text(table))] {
        guarded.setup.replace(&format!("{folder}{name}"), contents);
    }
}

/// Running, with a table that nobody asked for, so that changes of files are put off from here on.
pub fn put_off(guards: &str) -> Guarded {
    let old = rich("old", 30);
    let mut guarded = Guarded::with("state = \"state\"", &format!("{GUARDS}\n{guards}"), &parted("first", 0, 0));
    guarded.start();
    for folder in ["", "old/"] {
        write_all(&guarded, folder, &old, "172.16.0.0/12\n", ROWS);
    }
    wait_until("it is published", || guarded.version() == "old");
    wait_until("that is kept", || guarded.history()[0]["version"] == "old");
    guarded
}

#[test]
fn it_gives_the_numbers_of_a_diff() {
    let guarded = put_off("traffic = \"traffic.csv\"\nmax_moved = 1\nmax_shrunk = 1");
    guarded.setup.write("traffic.csv", "10.0.0.0/8,1000\n172.16.0.0/12,100\n2001:db8::/48,7\n192.0.2.0/24,3\n");
    let rows = ROWS.replace("64501", "64502");
    let mut new = rich("new", 20);
    new["cdns"]["alpha"]["url"] = json!("https://another.example/");
    new["footprints"][0]["footprint-value"] = json!(["10.0.0.0/9", "192.0.2.0/24"]);
    write_all(&guarded, "", &new, "172.16.0.0/13\n100.64.0.0/10\n", &rows);
    wait_until("it is put off", || guarded.history()[0]["result"] == "postponed");
    let expected = compared(&guarded, &["--traffic", "traffic.csv"]);
    let tried = tried(&guarded);
    assert_eq!(tried["table"]["result"], "accepted");
    let diff = &tried["table"]["diff"];
    assert_eq!(*diff, expected, "the service's:\n{diff:#}\nthe command's:\n{expected:#}");
    for family in ["ipv4", "ipv6", "traffic"] {
        assert!(diff[family]["share"].as_f64().unwrap() > 0.0, "{family} moves: {diff:#}");
    }
    assert!(diff["shrunk"]["values"].as_u64().unwrap() > 0 && diff["grown"]["values"].as_u64().unwrap() > 0);
    // It comes as it was foretold.
    let published = guarded.post("/reload");
    assert_eq!(published.status, 200, "{}", published.text());
    assert_eq!(published.json()["table"]["diff"], expected);
    assert_eq!(published.json()["dry_run"], Value::Null);
}

#[test]
fn what_would_be_refused_is_an_answer_with_the_reason() {
    let guarded = put_off("");
    for (table, told) in [
        (text(&parted("much", MOST, 0)), "59.62% of the IPv4 addresses"),
        (text(&sole("none", &json!([]))), "of the footprint values would be lost"),
        ("{".to_owned(), "not JSON"),
        (String::new(), "empty"),
    ] {
        let known = guarded.history().len();
        guarded.setup.replace("table.json", &table);
        wait_until("it is put off", || guarded.history().len() > known);
        let tried = tried(&guarded);
        let of_table = &tried["table"];
        assert_eq!((&of_table["result"], &tried["trust"]["result"]), (&json!("refused"), &json!("unchanged")));
        let error = first_error(of_table);
        assert!(error["file"].as_str().unwrap().ends_with("table.json"), "{error}");
        let all: String = problems(of_table, "error").iter().map(ToString::to_string).collect();
        assert!(all.contains(told), "no {told:?} in {all}");
        if of_table["diff"].is_object() {
            assert!(error["help"].as_str().unwrap().contains("force"), "{error}");
            assert_eq!(of_table["diff"], compared(&guarded, &[]));
        }
        let refused = guarded.post("/reload");
        assert_eq!(refused.status, 409);
        assert_eq!(refused.json()["table"], *of_table, "a reload says the same");
    }
}

#[test]
fn the_same_table_moves_nothing() {
    let guarded = put_off("");
    let tried = tried(&guarded);
    assert_eq!((&tried["table"]["result"], &tried["trust"]["result"]), (&json!("unchanged"), &json!("unchanged")));
    let diff = &tried["table"]["diff"];
    assert_eq!(*diff, compared(&guarded, &[]));
    assert_eq!((&diff["ipv4"]["moved"], &diff["from"]), (&json!(0), &diff["to"]));
}

#[test]
fn it_ends_no_hold() {
    let mut guarded = put_off("");
    guarded.setup.write_table(&rich("newer", 30));
    assert_eq!(guarded.post("/reload").status, 200);
    let folder = guarded.setup.path("old");
    fs::remove_dir_all(folder).unwrap();
    write_all(&guarded, "old/", &rich("old", 30), "172.16.0.0/12\n", ROWS);
    assert_eq!(guarded.post("/rollback").status, 200);
    for _ in 0..2 {
        let tried = tried(&guarded);
        assert_eq!((&tried["table"]["result"], &guarded.shown()["held"]), (&json!("accepted"), &json!(true)));
        assert_eq!(tried["table"]["diff"], compared(&guarded, &[]));
        assert_eq!(guarded.service().metrics().sum("croupier_table_held", &[]), 1.0);
        guarded.start();
    }
    assert_eq!(guarded.version(), "old");
    guarded.setup.replace("prefixes.txt", "172.16.0.0/13\n");
    wait_until("it is still held", || guarded.counted("held") >= 1.0);
    assert_eq!(guarded.post("/reload").status, 200);
    assert_eq!((guarded.version().as_str(), &guarded.shown()["held"]), ("newer", &json!(false)));
}

#[test]
fn a_change_is_still_seen_after_it() {
    let guarded = Guarded::new("max_shrunk = 1", &parted("good", 0, 0));
    let mut connection = guarded.connect();
    for number in 1..=3_u32 {
        let version = format!("change.{number}");
        guarded.setup.write_table(&parted(&version, number, number));
        // Before the change is seen, while it settles, or after.
        for _ in 0..number {
            assert_eq!(post(&mut connection, "/reload?dry_run=true").status, 200);
        }
        wait_until("it is published", || guarded.version() == version);
    }
    wait_until("each is kept once", || guarded.history().len() == 4);
    assert_eq!((guarded.counted("published"), guarded.counted_in_all()), (3.0, 3.0));
}

#[test]
fn trust_is_tried_too() {
    let mut guarded = Guarded::with("", "", &parted("good", 0, 0));
    let leaving = Leaf::client("media-selector-9.example").issued_by(&guarded.setup.pki.media);
    guarded.setup.write("certs/media.crl", list(1).pem_by(&guarded.setup.pki.media));
    guarded.setup.section("clients", &clients(&["media.crl"], "", ""));
    guarded.start();
    let lookup = |guarded: &Guarded| {
        let client = guarded.setup.client(Some(&leaving));
        client.get(guarded.service().lookup, "/lookup?ip=192.0.2.1").map(|response| response.status).ok()
    };
    let generation = |guarded: &Guarded| guarded.service().metrics().sum("croupier_trust_generation", &[]);
    let mut connection = guarded.connect();
    // It is likely asked before the change is seen; else there will be another.
    for number in 2.. {
        assert!(number < 20, "every change is seen at once");
        let revoking = list(number).revoking(&leaving).pem_by(&guarded.setup.pki.media);
        let before = generation(&guarded);
        guarded.setup.replace("certs/media.crl", revoking);
        let tried = post(&mut connection, "/reload?dry_run=true").json();
        assert_eq!(tried["table"]["result"], "unchanged");
        if tried["trust"]["result"] == "accepted" {
            assert_eq!(tried["trust"]["generation"].as_f64(), Some(before));
            break;
        }
    }
    wait_until("the list is in force all the same", || lookup(&guarded).is_none());
    let (before, known) = (generation(&guarded), guarded.history_of("trust").len());
    guarded.setup.replace("certs/media.crl", "");
    wait_until("it is refused", || guarded.history_of("trust").len() > known);
    let tried = post(&mut connection, "/reload?dry_run=true");
    assert_eq!(tried.status, 200);
    let trust = &tried.json()["trust"];
    assert_eq!(trust["result"], "refused");
    assert!(first_error(trust)["file"].as_str().unwrap().ends_with("media.crl"), "{trust:#}");
    assert_eq!((generation(&guarded), guarded.history_of("trust").len()), (before, known + 1));
}
