//! `POST /reload`: what comes of it, together and one by one, many at once, and on the way out.

use serde_json::json;

use super::{Administered, assert_problem, send};
use crate::harness::{Leaf, PATIENCE, Response, Setup, table, wait_until};
use crate::trusted::list;

fn version(version: &str) -> String {
    let mut table = table();
    table["version"] = json!(version);
    format!("{table:#}\n")
}

/// A reload by an admin, on a connection of its own.
fn reload(administered: &Administered) -> Response {
    send(&mut administered.connect(), "POST", "/reload")
}

/// Puts a list into place, which revokes nobody.
fn put_list(administered: &Administered, number: u64) {
    let setup = &administered.served.setup;
    setup.replace("certs/ops.crl", list(number).pem_by(&setup.pki.ops));
}

#[test]
fn it_says_what_came_of_table_and_trust() {
    let administered = Administered::new();
    let response = reload(&administered);
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let unchanged = json!({ "result": "unchanged", "generation": 1 });
    assert_eq!(response.json(), json!({ "table": unchanged, "trust": unchanged, "overrides": unchanged }));

    administered.served.setup.replace("table.json", version("test.2"));
    let response = reload(&administered);
    assert_eq!(response.status, 200);
    // Unless its file was seen to change just before.
    let result = &response.json()["table"];
    assert!(result["result"] == "published" || result["result"] == "unchanged", "{result}");
    assert_eq!((&result["generation"], &response.json()["trust"]), (&json!(2), &unchanged));
    let shown = administered.table();
    assert_eq!((&shown["version"], &shown["generation"]), (&json!("test.2"), &json!(2)), "it is in service");

    put_list(&administered, 2);
    let response = reload(&administered).json();
    assert_eq!((&response["trust"]["generation"], &response["table"]["generation"]), (&json!(2), &json!(2)));
    let log = administered.served.service.log();
    assert!(log.iter().any(|line| line["trigger"] == "admin ops-1.example"), "who asked is told");
}

#[test]
fn a_refusal_says_why_and_does_not_hold_back_the_other() {
    let administered = Administered::new();
    let served = &administered.served;
    let leaving = Leaf::client("ops-9.example").issued_by(&served.setup.pki.ops);
    let mut open = administered.connect_as(&leaving);
    assert_eq!(open.get("/table").unwrap().status, 200);
    served.setup.replace("table.json", version("test.2").replace("\"solo\": {", "\"solo\": { \"gama\": 1,"));
    served.setup.replace("certs/ops.crl", list(2).revoking(&leaving).pem_by(&served.setup.pki.ops));
    let response = reload(&administered);
    assert_problem(&response, 409, "a bad table");
    let problem = response.json();
    assert!(problem["detail"].as_str().unwrap().contains("the new table was refused: "), "{problem}");
    assert_eq!((&problem["title"], &problem["type"]), (&json!("Conflict"), &json!("about:blank")));
    let told = problem["table"]["problems"].as_array().unwrap();
    assert!(told.iter().any(|problem| problem.to_string().contains("gama")), "{problem}");
    assert_eq!((&problem["table"]["result"], &problem["table"]["generation"]), (&json!("refused"), &json!(1)));
    assert_eq!(problem["trust"]["generation"], 2, "trust is reloaded all the same: {problem}");
    assert_eq!(open.get("/table").unwrap().status, 403);

    served.setup.replace("table.json", version("test.3"));
    served.setup.replace("certs/ops.crl", "");
    let response = reload(&administered);
    assert_problem(&response, 409, "a bad list");
    let problem = response.json();
    assert!(problem["detail"].as_str().unwrap().contains("the new trust was refused: "), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("certs/ops.crl"), "{problem}");
    assert_eq!(problem["trust"]["result"], "refused");
    assert_eq!(problem["table"]["generation"], 2, "the table is reloaded all the same: {problem}");
    assert_eq!(administered.table()["version"], "test.3");

    served.setup.replace("table.json", "");
    let problem = reload(&administered).json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the new table was refused: ") && detail.contains("the new trust was refused: "));
    assert_eq!((&problem["table"]["result"], &problem["trust"]["result"]), (&json!("refused"), &json!("refused")));

    served.setup.replace("table.json", version("test.3"));
    put_list(&administered, 3);
    assert_eq!(reload(&administered).status, 200, "good again");
    served.wait_pass();
}

/// A table that takes a while to load.
fn large(version: &str) -> String {
    let prefixes: Vec<String> =
        (0..60_000_u32).map(|net| format!("2001:db8:{:x}:{:x}::/64", 0x4000 + (net >> 8), net)).collect();
    let mut table = table();
    table["version"] = json!(version);
    let footprint = json!({ "footprint-type": "ipv6cidr", "footprint-value": prefixes, "mix": "solo" });
    table["footprints"].as_array_mut().unwrap().push(footprint);
    format!("{table}\n")
}

#[test]
fn many_at_once_are_all_answered_by_a_few_reloads_and_the_newest_table_wins() {
    const EACH: usize = 100;
    let setup = Setup::new();
    setup.write("table.json", large("test.1"));
    let administered = Administered::on(setup);
    let served = &administered.served;
    let before = served.reloads_of("table");
    let client = served.client(&administered.admin);
    let admin = served.service.admin.unwrap();
    let mut connections: Vec<_> = (0..2 * EACH).map(|_| client.connect(admin).unwrap()).collect();
    let (early, late) = connections.split_at_mut(EACH);
    for (version, connections) in [("test.2", &mut *early), ("test.3", &mut *late)] {
        served.setup.replace("table.json", large(version));
        for connection in connections {
            connection.send("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    }
    let answered = |connections: &mut [crate::harness::Connection]| -> Vec<u64> {
        connections
            .iter_mut()
            .map(|connection| {
                let response = connection.read().unwrap();
                assert_eq!(response.status, 200, "{}", response.text());
                response.json()["table"]["generation"].as_u64().unwrap()
            })
            .collect()
    };
    let late = answered(late);
    let newest = administered.table();
    assert_eq!(newest["version"], "test.3");
    assert!(late.iter().all(|generation| newest["generation"] == *generation), "asked after it was written: {late:?}");
    let early = answered(early);
    assert!(early.iter().all(|generation| *generation > 1), "{early:?}");
    let after = served.reloads_of("table");
    let reloads = after.published + after.unchanged - before.published - before.unchanged;
    assert_eq!(after.failed, before.failed);
    assert!(reloads <= EACH as f64 / 2.0, "{reloads} reloads");
    assert!(newest["generation"].as_u64().unwrap() <= 3);
}

#[test]
fn on_the_way_out_nothing_is_reloaded() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 60\ndeadline = 120");
    let administered = Administered::on(setup);
    let served = &administered.served;
    let (table, trust) = (served.reloads_of("table"), served.reloads());
    let mut open = administered.connect();
    assert_eq!(open.get("/table").unwrap().status, 200);
    served.service.signal("TERM");
    wait_until("it drains", || served.service.health().0 == 503);
    served.setup.replace("table.json", version("test.2"));
    for connection in [&mut open, &mut administered.connect()] {
        assert_problem(&send(connection, "POST", "/reload"), 503, "draining");
        assert_eq!(connection.get("/table").unwrap().json()["version"], "test.1");
    }
    assert_eq!((served.reloads_of("table"), served.reloads()), (table, trust));
    let Administered { served, .. } = administered;
    let mut service = served.service;
    service.signal("TERM");
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0), "told twice, it ends at once");
}

#[test]
fn trying_all_the_time_keeps_no_change_from_being_seen() {
    let administered = Administered::new();
    let mut connection = administered.connect();
    administered.served.setup.replace("table.json", version("test.2"));
    put_list(&administered, 2);
    let mut seen = json!(null);
    wait_until("the table and the list are published", || {
        seen = send(&mut connection, "POST", "/reload?dry_run=true").json();
        seen["table"]["generation"] == 2 && seen["trust"]["generation"] == 2
    });
    assert_eq!((&seen["table"]["result"], &seen["dry_run"]), (&json!("unchanged"), &json!(true)));
}
