//! `GET /explain`: why an address gets its CDNs, told to admins only.

use serde_json::{Value, json};

use super::{Administered, assert_problem, send};
use crate::harness::wait_until;

#[test]
fn an_answer_is_explained() {
    let administered = Administered::new();
    let mut connection = administered.connect();
    let response = connection.get("/explain?ip=198.18.64.7").unwrap();
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let explanation = response.json();
    let reason = "the longest prefix around the address";
    assert_eq!(
        explanation["matches"],
        json!([
            { "footprint": "ipv4cidr:198.18.64.0/18", "mix": "solo", "won": true, "reason": reason },
            { "footprint": "ipv4cidr:198.18.0.0/15", "mix": "on-net", "won": false,
              "reason": "ipv4cidr:198.18.64.0/18 is longer" },
            { "footprint": "default", "mix": "world", "won": false, "reason": "a prefix beats the default" },
        ])
    );
    assert_eq!(explanation["unmatched"], json!(["no footprint names its AS", "no footprint names its country"]));
    assert_eq!(explanation["subnet"], "0400000000c61240");
    let table = administered.table();
    for member in ["version", "generation", "digest"] {
        assert_eq!(explanation[member], table[member], "{member}");
    }
    let head = send(&mut connection, "HEAD", "/explain?ip=198.18.64.7");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
}

/// Each of its members that an answer has, too.
#[test]
fn it_says_what_is_answered() {
    let administered = Administered::new();
    let mut admin = administered.connect();
    let mut selector = administered.served.connect(&administered.served.setup.selector);
    for ip in ["198.18.1.2", "198.18.64.7", "203.0.113.9", "2001:db8:1::9", "::ffff:198.18.1.2", "::FFFF:c612:4007"] {
        let mut explained = admin.get(&format!("/explain?ip={ip}")).unwrap().json();
        let answer = selector.get(&format!("/lookup?ip={ip}")).unwrap().json();
        let keep = |value: &mut Value, like: &Value| {
            value.as_object_mut().unwrap().retain(|member, _| like.get(member).is_some());
        };
        keep(&mut explained, &answer);
        for cdn in explained["cdns"].as_array_mut().unwrap() {
            keep(cdn, &answer["cdns"][0]);
        }
        assert_eq!(explained, answer, "{ip}");
    }
}

#[test]
fn the_command_line_prints_the_same_bytes() {
    let administered = Administered::new();
    let addresses = ["198.18.1.2", "192.0.2.1", "203.0.113.9", "2001:db8:1::9", "::ffff:198.18.1.2"];
    let arguments = ["lookup", "--table", "table.json", "--explain", "--format", "json"];
    let mut command = administered.served.setup.command(&arguments);
    let printed = String::from_utf8(command.args(addresses).output().unwrap().stdout).unwrap();
    let mut connection = administered.connect();
    let served = addresses.map(|ip| connection.get(&format!("/explain?ip={ip}")).unwrap().text());
    assert_eq!(printed.lines().collect::<Vec<_>>(), served);
}

#[test]
fn what_is_no_address_is_the_same_problem_as_in_a_lookup() {
    let administered = Administered::new();
    let mut admin = administered.connect();
    let mut selector = administered.served.connect(&administered.served.setup.selector);
    for query in [
        "",
        "?",
        "?ip",
        "?ip=",
        "?IP=198.18.77.9",
        "?ip=%20198.18.77.9",
        "?ip=fe80::77:9%25eth0",
        "?ip=198.18.77.9:80",
        "?ip=198.18.077.9",
        "?ip=198.18.77.9/32",
        "?ip=[2001:db8::77:9]",
        "?ip=198.18.77.9&ip=198.18.77.9",
        "?ip=198.18.77.9&ip=",
    ] {
        let response = admin.get(&format!("/explain{query}")).unwrap();
        assert_problem(&response, 400, query);
        let refused = selector.get(&format!("/lookup{query}")).unwrap();
        assert_eq!((response.status, response.text()), (refused.status, refused.text()), "{query}");
    }
    let response = send(&mut admin, "POST", "/explain?ip=198.18.77.9");
    assert_problem(&response, 405, "POST");
    assert_eq!(response.header("allow"), Some("GET,HEAD"));
}

/// Only admins, only on their listener; not counted as decisions for clients, and in no log.
#[test]
fn it_is_for_admins_and_leaves_no_trace() {
    let administered = Administered::new();
    let served = &administered.served;
    let target = "/explain?ip=198.18.66.201";
    for identity in [&served.setup.selector, &crate::trusted::looker(&served.setup)] {
        assert_problem(&administered.connect_as(identity).get(target).unwrap(), 403, "another role");
    }
    assert_problem(&served.connect(&administered.admin).get(target).unwrap(), 403, "admins look nothing up");
    assert_problem(&served.connect(&served.setup.selector).get(target).unwrap(), 404, "nothing on that listener");
    let mut connection = administered.connect();
    assert_eq!(connection.get(target).unwrap().json()["ip"], "198.18.66.201");
    assert_eq!(connection.get("/explain?ip=2001:db8:1:77::203").unwrap().status, 200);
    drop(connection);
    let labels = [("listener", "admin"), ("status", "200")];
    wait_until("it is counted", || served.service.metrics().sum("croupier_requests_total", &labels) == 2.0);
    assert_eq!(served.service.metrics().sum("croupier_decisions_total", &[]), 0.0);
    let written = served.service.errors() + &served.service.metrics_text();
    for part in ["66.201", "77::203"] {
        assert!(!written.contains(part), "{written}");
    }
}
