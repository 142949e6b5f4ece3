//! Whatever is answered the quick way, the long way answers with the same bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "common/tables.rs"]
mod tables;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::{Extension, Router};
use croupier::api::lookup;
use croupier::api::quick::Lookups;
use croupier::client::{Admission, Identity};
use croupier::config::Role;
use croupier::quick::{Asker, Quick};
use croupier::snapshot;
use croupier::table::Overrides;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const FIELDS: usize = 100;

const TABLE: &str = r#"{
    "version": "1", "ttl": 300, "default": "world",
    "cdns": { "one": { "url": "https://one.example/" }, "two": { "url": "https://two.example/a" } },
    "mixes": { "world": { "one": 50, "two": 50 }, "home": { "one": 1 } },
    "footprints": [
        { "footprint-type": "ipv4cidr", "footprint-value": ["198.18.0.0/15"], "mix": "home" },
        { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8::/32"], "mix": "home" }
    ]
}"#;

/// Follows the request in question. It is for the long way, and the connection's last.
const LAST: &[u8] = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Where the answer to that begins.
const ANSWER_TO_LAST: &str = "HTTP/1.1 404 Not Found\r\n";

struct Ways {
    quick: Lookups,
    router: Router,
    identity: Identity,
}

impl Ways {
    fn new() -> Self {
        let table = tables::build("table.json", TABLE, tables::LIMIT, |_| Vec::new()).good();
        let now = SystemTime::now();
        let (_, _, tables) = snapshot::publish_first(table, String::new(), Overrides::default(), now);
        let valid_until = now + Duration::from_hours(1);
        let identity = Identity { name: "test".to_owned(), roles: vec![Role::Lookup], valid_until };
        let admission: Admission = Arc::new(Ok(identity.clone()));
        let router = lookup::router(tables.clone(), FIELDS).layer(Extension(admission));
        Self { quick: Lookups::new(tables, FIELDS), router, identity }
    }

    /// The answer, and how many bytes the request had.
    fn quick(&self, request: &[u8]) -> Option<(String, usize)> {
        let asker = Asker { identity: &self.identity, now: SystemTime::now(), is_last: false, is_shed: false };
        let mut answer = Vec::new();
        let answered = self.quick.http1(request, &asker, &mut answer);
        assert!(answered.is_some() || answer.is_empty(), "what is for the long way is left to it");
        answered.map(|answered| (timeless(&answer), answered.length))
    }

    /// Everything that is answered to a request and the one after it.
    async fn long(&self, request: &[u8]) -> String {
        let (mut client, server) = duplex(1 << 20);
        let routes = TowerToHyperService::new(self.router.clone());
        let conversation = tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), routes));
        client.write_all(request).await.unwrap();
        client.write_all(LAST).await.unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        // Bytes that are no HTTP end the connection in an error, after an answer.
        _ = conversation.await.unwrap();
        timeless(&answers)
    }
}

/// Without the time of day.
fn timeless(answers: &[u8]) -> String {
    let lines = String::from_utf8_lossy(answers);
    let lines = lines.split_inclusive('\n').map(|line| if line.starts_with("date: ") { "date: …\r\n" } else { line });
    lines.collect()
}

/// Nine times in ten the usual.
fn mostly(usual: &'static str, unusual: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![9 => Just(usual.to_owned()), 1 => unusual]
}

fn target() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        4 => any::<[u8; 4]>().prop_map(|address| std::net::Ipv4Addr::from(address).to_string()),
        2 => any::<[u8; 16]>().prop_map(|address| std::net::Ipv6Addr::from(address).to_string()),
        1 => Just("198.18.1.2".to_owned()),
        1 => Just("::ffff:192.0.2.1".to_owned()),
        1 => "[0-9a-f.:%+]{0,20}",
        1 => "[ -~]{0,12}",
    ];
    let parameter =
        (mostly("ip", "(IP|x|%69p|)"), mostly("=", "(|==)"), value).prop_map(|(name, is, value)| name + &is + &value);
    let query = prop::collection::vec(parameter, 0..3).prop_map(|parameters| parameters.join("&"));
    let path = mostly("/lookup", "(/lookup/|/Lookup|/|/lookup%20|//lookup|http://x/lookup|\\*)");
    (path, mostly("?", "(|#|\\?\\?)"), query).prop_map(|(path, then, query)| path + &then + &query)
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        12 => "(Accept: \\*/\\*|X-Request-Id: [0-9]{1,9}|User-Agent: .{0,9})",
        1 => Just("host: y".to_owned()),
        1 => "(Connection|connection): (close|keep-alive|upgrade|x)",
        1 => "(Content-Length|Expect|TE|Trailer|Transfer-Encoding|Upgrade): (0|5|100-continue|trailers|chunked|h2c)",
        2 => "[A-Za-z-]{1,12}: ?[ -~]{0,20}",
        1 => "[ -~]{0,12}",
    ];
    let fields = prop::collection::vec(field, 0..4);
    let host = mostly("Host: x", "(HOST: x|Host:|)");
    let method = mostly("GET", "(HEAD|POST|get)");
    let version = mostly("1.1", "(1\\.0|2\\.0)");
    let end = mostly("\r\n", "\n");
    let parts = (method, target(), version, host, fields, end);
    let whole = parts.prop_map(|(method, target, version, host, fields, end)| {
        let host = if host.is_empty() { host } else { host + &end };
        let fields: String = fields.into_iter().map(|field| field + &end).collect();
        format!("{method} {target} HTTP/{version}{end}{host}{fields}{end}").into_bytes()
    });
    // One byte in it may be another.
    (whole, prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()))).prop_map(|(mut bytes, other)| {
        if let Some((at, other)) = other {
            let at = at.index(bytes.len());
            bytes[at] = other;
        }
        bytes
    })
}

#[test]
fn both_ways_give_the_same_answers() {
    const CASES: u32 = 3000;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ways = Ways::new();
    let config = Config { cases: CASES, rng_seed: RngSeed::Fixed(6), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let counted = Cell::new(0);
    let outcome = runner.run(&request(), |request| {
        let mut both = request.clone();
        both.extend_from_slice(LAST);
        let Some((answer, length)) = ways.quick(&both) else { return Ok(()) };
        counted.set(counted.get() + 1);
        let long = runtime.block_on(ways.long(&request));
        // An empty line in its midst ends a request earlier.
        let next = if length == request.len() { ANSWER_TO_LAST } else { "" };
        let expected = format!("{answer}{next}");
        prop_assert!(long.starts_with(&expected), "quick:\n{}\nlong:\n{}", answer, long);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(counted.get() > CASES / 5, "only {} of {CASES} were for the quick way", counted.get());
}

#[test]
fn what_is_common_is_quick() {
    let ways = Ways::new();
    for fields in ["Host: x", "Host: localhost:8443\r\nUser-Agent: curl/8\r\nAccept: */*", "host:x\r\nX-Request-Id: 1"]
    {
        for query in ["?ip=192.0.2.1", "?ip=2001:db8::1", "?ip=2001%3Adb8%3A%3A1", "?a=b&ip=1.2.3.4", "?ip=x", ""] {
            let request = format!("GET /lookup{query} HTTP/1.1\r\n{fields}\r\n\r\n");
            assert!(ways.quick(request.as_bytes()).is_some(), "{request}");
        }
    }
}

#[test]
fn a_part_of_a_request_waits_for_the_rest() {
    let ways = Ways::new();
    let request = b"GET /lookup?ip=192.0.2.1 HTTP/1.1\r\nHost: x\r\n\r\n";
    for length in 0..request.len() {
        assert!(ways.quick(&request[..length]).is_none(), "{length}");
    }
    assert!(ways.quick(request).is_some());
}

#[test]
fn who_may_not_ask_goes_the_long_way() {
    let mut ways = Ways::new();
    ways.identity.roles = vec![Role::Admin];
    assert!(ways.quick(b"GET /lookup?ip=192.0.2.1 HTTP/1.1\r\nHost: x\r\n\r\n").is_none());
}

#[test]
fn who_is_turned_away_is_told_when_to_come_back() {
    let ways = Ways::new();
    let asker = Asker { identity: &ways.identity, now: SystemTime::now(), is_last: true, is_shed: true };
    let mut seen = [false; 6];
    for _ in 0..200 {
        let mut answer = Vec::new();
        let request = b"GET /lookup?ip=192.0.2.1 HTTP/1.1\r\nHost: x\r\n\r\n";
        ways.quick.http1(request, &asker, &mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        for part in
            ["content-type: application/problem+json\r\n", "cache-control: no-store\r\n", "connection: close\r\n"]
        {
            assert!(answer.contains(part), "{part} is missing in {answer}");
        }
        let seconds = answer.split_once("retry-after: ").unwrap().1.split_once('\r').unwrap().0;
        seen[seconds.parse::<usize>().unwrap()] = true;
    }
    assert_eq!(seen, [false, true, true, true, true, true], "at random from 1 to 5 s");
}
