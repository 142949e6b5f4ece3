//! The lookup itself: answers to the letter, and what is no address.

use http::Request;
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};

use crate::harness::{Connection, Response, Service, Setup, http2, table, wait_until};

pub fn start() -> (Setup, Service) {
    let setup = Setup::new();
    let service = Service::start(&setup);
    (setup, service)
}

pub fn connect(setup: &Setup, service: &Service) -> Connection {
    setup.client(Some(&setup.selector)).connect(service.lookup).unwrap()
}

/// Checks that a response is a problem document with this status.
#[track_caller]
pub fn assert_problem(response: &Response, status: u16, of: &str) {
    assert_eq!(response.status, status, "{of}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{of}");
    let problem = response.json();
    assert_eq!(problem["status"], json!(status), "{of}");
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{of}: {problem}");
    }
}

#[test]
fn an_answer_has_exactly_these_members_and_headers() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    let response = connection.get("/lookup?ip=198.18.64.7").unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.version, "HTTP/1.1");
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(
        response.json(),
        json!({
            "ip": "198.18.64.7", "scope": "198.18.64.0/18", "footprint": "ipv4cidr:198.18.64.0/18", "mix": "solo",
            "cdn": "gamma", "cdns": [{ "name": "gamma", "url": "https://gamma.example/" }],
            "ttl": 60, "version": "test.1", "generation": 1
        })
    );
    for (ip, scope, footprint, mix) in [
        ("198.18.1.2", "198.18.1.0/24", "ipv4cidr:198.18.0.0/15", "on-net"),
        ("192.0.2.127", "192.0.2.0/25", "ipv4cidr:192.0.2.0/25", "solo"),
        ("192.0.2.128", "192.0.2.128/25", "default", "world"),
        ("203.0.113.9", "203.0.113.0/24", "default", "world"),
        ("2001:db8:1:2::3", "2001:db8:1::/48", "ipv6cidr:2001:db8:1::/48", "on-net"),
        ("2001:db8:2fff::", "2001:db8:2000::/36", "ipv6cidr:2001:db8:2000::/36", "solo"),
        ("2001:db8:3000::", "2001:db8:3000::/48", "default", "world"),
    ] {
        let answer = connection.get(&format!("/lookup?ip={ip}")).unwrap().json();
        let found = ["ip", "scope", "footprint", "mix"].map(|member| answer[member].as_str().unwrap());
        assert_eq!(found, [ip, scope, footprint, mix]);
        assert_eq!(answer["cdn"], answer["cdns"][0]["name"], "{ip}");
        let weights = table()["mixes"][mix].as_object().unwrap().clone();
        let names: Vec<&str> =
            answer["cdns"].as_array().unwrap().iter().map(|cdn| cdn["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), weights.len(), "{ip}: every CDN of the mix once");
        assert!(weights.keys().all(|name| names.contains(&name.as_str())), "{ip}");
        if mix == "world" {
            assert_eq!(names[2], "alpha", "{ip}: weight 0 comes last");
        }
    }
}

#[test]
fn the_command_line_prints_the_same_bytes() {
    let (setup, service) = start();
    let addresses = ["198.18.1.2", "198.19.255.255", "192.0.2.1", "203.0.113.9", "2001:db8:1::9", "::ffff:198.18.1.2"];
    let arguments = [["lookup", "--table", "table.json", "--format", "json"].as_slice(), &addresses].concat();
    let printed = String::from_utf8(setup.command(&arguments).output().unwrap().stdout).unwrap();
    let mut connection = connect(&setup, &service);
    let served = addresses.map(|ip| connection.get(&format!("/lookup?ip={ip}")).unwrap().text());
    assert_eq!(printed.lines().collect::<Vec<_>>(), served);
}

#[tokio::test]
async fn many_streams_at_once_each_get_their_own_answer() {
    let (setup, service) = start();
    let sender = http2(&setup.client(Some(&setup.selector)), service.lookup).await.unwrap();
    let asked = (0..500).map(|number| {
        let mut sender = sender.clone();
        async move {
            let ip = format!("198.18.{}.{}", number / 250, number % 250);
            let request = Request::get(format!("https://localhost/lookup?ip={ip}")).body(Empty::new()).unwrap();
            sender.ready().await.unwrap();
            let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
            let answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
            assert_eq!(answer["ip"], json!(ip));
        }
    });
    let tasks: Vec<_> = asked.map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn one_address_can_be_written_in_several_ways() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for (query, ip, scope) in [
        ("ip=::ffff:198.18.64.7", "198.18.64.7", "198.18.64.0/18"),
        ("ip=::ffff:c612:4007", "198.18.64.7", "198.18.64.0/18"),
        ("ip=0:0:0:0:0:FFFF:198.18.64.7", "198.18.64.7", "198.18.64.0/18"),
        ("ip=%31.2.3.4", "1.2.3.4", "1.2.3.0/24"),
        ("%69p=1.2.3.4", "1.2.3.4", "1.2.3.0/24"),
        ("ip=2001%3Adb8%3a1%3A%3A1", "2001:db8:1::1", "2001:db8:1::/48"),
        ("ip=2001:0DB8:0001:0:0:0:0:0001", "2001:db8:1::1", "2001:db8:1::/48"),
        ("x=1&ip=1.2.3.4&y&=&ip4=5.6.7.8", "1.2.3.4", "1.2.3.0/24"),
        ("IP=5.6.7.8&ip=1.2.3.4", "1.2.3.4", "1.2.3.0/24"),
        ("&&ip=1.2.3.4&", "1.2.3.4", "1.2.3.0/24"),
        ("ip=1.2.3.4#ip=5.6.7.8", "1.2.3.4", "1.2.3.0/24"),
    ] {
        let response = connection.get(&format!("/lookup?{query}")).unwrap();
        assert_eq!(response.status, 200, "{query}");
        let answer = response.json();
        assert_eq!((&answer["ip"], &answer["scope"]), (&json!(ip), &json!(scope)), "{query}");
    }
    // The absolute form, which every server must accept (RFC 9112, section 3.2.2).
    let response = connection.get("https://localhost/lookup?ip=1.2.3.4").unwrap();
    assert_eq!(response.json()["ip"], json!("1.2.3.4"));
}

#[test]
fn what_is_no_address_is_a_problem_and_not_repeated() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for query in [
        "",
        "?",
        "?ip",
        "?ip=",
        "?IP=198.18.77.9",
        "?ip=+198.18.77.9",
        "?ip=198.18.77.9+",
        "?ip=%20198.18.77.9",
        "?ip=198.18.77.9%0a",
        "?ip=198.18.77.9%00",
        "?ip=198.18.77.9%ff",
        "?ip=%ff",
        "?ip=%zz",
        "?ip=%",
        "?ip=fe80::77:9%25eth0",
        "?ip=fe80::77:9%eth0",
        "?ip=198.18.77.9:80",
        "?ip=[2001:db8::77:9]",
        "?ip=[2001:db8::77:9]:80",
        "?ip=01.18.77.9",
        "?ip=198.18.077.9",
        "?ip=::ffff:198.18.77.09",
        "?ip=0x7f.1",
        "?ip=2130706433",
        "?ip=198.18.77",
        "?ip=198.18.77.9.",
        "?ip=198.18.77.256",
        "?ip=-1.18.77.9",
        "?ip=198.18.77.9/32",
        "?ip=198.18.77.9,198.18.77.10",
        "?ip=198.18.77.9;x=1",
        "?ip=2001:db8:::77",
        "?ip=2001:db8:77",
        "?ip=20010:db8::77",
        "?ip=localhost",
        "?ip=%EF%BC%91.2.3.4",
        "?ip=198.18.77.9&ip=198.18.77.9",
        "?ip=198.18.77.9&%69p=198.18.77.9",
        "?ip=198.18.77.9&ip=",
        "?ip=%22}%3Cscript%3E",
    ] {
        let response = connection.get(&format!("/lookup{query}")).unwrap();
        assert_problem(&response, 400, query);
        let body = response.text();
        for part in ["77", "localhost", "eth0", "script", "%", "0x7f", "2130706433"] {
            assert!(!body.contains(part), "{query}: {body}");
        }
    }
    assert_eq!(connection.get("/lookup?ip=198.18.77.9").unwrap().status, 200, "the connection is kept");
}

#[test]
fn requests_are_counted_by_status() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for target in ["/lookup?ip=198.18.64.1", "/lookup?ip=192.0.2.1", "/lookup?ip=x", "/"] {
        connection.get(target).unwrap();
    }
    let metrics = service.metrics();
    for (status, count) in [("200", 2.0), ("400", 1.0), ("404", 1.0)] {
        let labels = [("listener", "lookup"), ("status", status)];
        assert_eq!(metrics.sum("croupier_requests_total", &labels), count, "{status}");
    }
    assert_eq!(metrics.sum("croupier_decisions_total", &[("cdn", "gamma")]), 2.0);
    assert_eq!(metrics.sum("croupier_decisions_total", &[]), 2.0);
    assert_eq!(metrics.sum("croupier_request_duration_seconds_count", &[]), 4.0);
    assert_eq!(metrics.sum("croupier_connections", &[("listener", "lookup")]), 1.0);
    assert_eq!(metrics.sum("croupier_handshakes_total", &[("result", "full")]), 1.0);
    drop(connection);
    wait_until("the connection is no more counted", || service.metrics().sum("croupier_connections", &[]) == 0.0);
}
