//! A table is published whole: under load, across hundreds of reloads, no request fails and every
//! answer is of exactly one table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};

use crate::harness::{Client, PATIENCE, Service, Setup, http1, http2, wait_until};

const RELOADS: u64 = 200;

/// Each connection asks, and then waits this long: the machine has others to serve.
const PAUSE: Duration = Duration::from_millis(1);

const ADDRESSES: [&str; 6] =
    ["198.18.0.1", "198.18.200.1", "198.19.0.1", "203.0.113.1", "2001:db8:1::1", "2001:db8:ffff::1"];

/// Two tables that have nothing in common but the names of two CDNs: no part of an answer of the
/// one could be of the other.
fn tables() -> [Value; 2] {
    let cdns = |name: &str| {
        json!({
            "alpha": { "url": format!("https://alpha.{name}.example/") },
            "beta": { "url": format!("https://beta.{name}.example/") },
            name: { "url": format!("https://{name}.example/") }
        })
    };
    let table = |name: &str, ttl: u32, ipv4: [&str; 2], ipv6: &str| {
        let (near, far) = (format!("{name}-near"), format!("{name}-far"));
        json!({
            "version": name, "ttl": ttl, "cdns": cdns(name),
            "mixes": { &near: { "alpha": ttl, "beta": 20, name: 0 }, &far: { name: 1, "beta": 0 } },
            "footprints": [
                { "footprint-type": "ipv4cidr", "footprint-value": ipv4, "mix": near },
                { "footprint-type": "ipv6cidr", "footprint-value": [ipv6], "mix": near }
            ],
            "default": far
        })
    };
    [
        table("odd", 60, ["198.18.0.0/17", "203.0.113.0/24"], "2001:db8::/33"),
        table("even", 90, ["198.18.0.0/15", "203.0.113.0/25"], "2001:db8::/32"),
    ]
}

/// By version and address: the answer, but for its generation.
type Expected = BTreeMap<(String, String), Value>;

/// What the command line says of each table.
fn expected(setup: &Setup, tables: &[Value; 2]) -> Expected {
    let mut expected = Expected::new();
    for table in tables {
        setup.write_table(table);
        let arguments = ["lookup", "--table", "table.json", "--format", "json"];
        let output = setup.command(&[&arguments[..], &ADDRESSES].concat()).output().unwrap();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let mut answer: Value = serde_json::from_str(line).unwrap();
            answer.as_object_mut().unwrap().remove("generation");
            let key = |member: &str| answer[member].as_str().unwrap().to_owned();
            expected.insert((key("version"), key("ip")), answer);
        }
    }
    assert_eq!(expected.len(), 2 * ADDRESSES.len());
    for ip in ADDRESSES {
        let of = |version: &str| &expected[&(version.to_owned(), ip.to_owned())];
        for part in ["mix", "cdns", "ttl"] {
            assert_ne!(of("odd")[part], of("even")[part], "{ip}: a mixture would not show");
        }
    }
    expected
}

/// What all connections share.
struct Watch {
    expected: Expected,
    done: AtomicBool,
    /// The newest generation that anybody was answered from.
    newest: AtomicU64,
    answered: AtomicU64,
}

impl Watch {
    /// Checks one answer against the tables; gives its generation.
    fn check(&self, ip: &str, status: u16, max_age: &str, body: &[u8]) -> u64 {
        assert_eq!(status, 200, "{ip}: {}", String::from_utf8_lossy(body));
        let mut answer: Value = serde_json::from_slice(body).unwrap();
        let generation = answer.as_object_mut().unwrap().remove("generation").unwrap().as_u64().unwrap();
        let version = if generation % 2 == 1 { "odd" } else { "even" };
        assert_eq!(answer, self.expected[&(version.to_owned(), ip.to_owned())], "generation {generation}");
        assert_eq!(max_age, format!("private, max-age={}", answer["ttl"]), "generation {generation}");
        self.newest.fetch_max(generation, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
        generation
    }
}

/// Asks one address after the other until it is done. `offset` sets the askers apart.
macro_rules! ask_on {
    ($watch:expr, $sender:expr, $base:expr, $offset:expr) => {{
        let (mut last, mut versions) = (0, BTreeSet::new());
        for ip in ADDRESSES.into_iter().cycle().skip($offset) {
            if $watch.done.load(Ordering::Relaxed) {
                break;
            }
            let uri = format!("{}/lookup?ip={ip}", $base);
            let request = Request::get(uri).header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
            let response = $sender.send_request(request).await.expect("no request fails");
            let max_age = response.headers()["cache-control"].to_str().unwrap().to_owned();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("no response breaks off").to_bytes();
            let generation = $watch.check(ip, status, &max_age, &body);
            assert!(generation >= last, "generation {generation} after {last}");
            last = generation;
            versions.insert(generation % 2);
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(versions.len(), 2, "both tables were seen");
    }};
}

async fn load(client: Client, address: SocketAddr, watch: Arc<Watch>) {
    let mut askers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (mut sender, watch) = (http1(&client, address).await.unwrap(), Arc::clone(&watch));
        askers.spawn(async move { ask_on!(watch, sender, "", number) });
    }
    for connection in 0..2 {
        let sender = http2(&client, address).await.unwrap();
        for stream in 0..8 {
            let (mut sender, watch) = (sender.clone(), Arc::clone(&watch));
            let base = "https://localhost";
            askers.spawn(async move { ask_on!(watch, sender, base, connection + stream) });
        }
    }
    while let Some(ended) = askers.join_next().await {
        // The first that fails ends the test; the others would only repeat it.
        ended.unwrap();
    }
}

#[test]
fn every_answer_is_of_exactly_one_table() {
    let mut setup = Setup::new();
    setup.section("guards", "max_moved = 1\nmax_shrunk = 1");
    let tables = tables();
    let expected = expected(&setup, &tables);
    setup.write_table(&tables[0]);
    let service = Service::start_green(&setup);
    let watch = Arc::new(Watch {
        expected,
        done: AtomicBool::new(false),
        newest: AtomicU64::new(0),
        answered: AtomicU64::new(0),
    });
    let client = setup.client(Some(&setup.selector));
    let (address, shared) = (service.lookup, Arc::clone(&watch));
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(load(client, address, shared));
    });
    for number in 1..=RELOADS {
        setup.write_table(&tables[usize::from(number % 2 == 1)]);
        service.signal("HUP");
        let deadline = Instant::now() + PATIENCE;
        while watch.newest.load(Ordering::Relaxed) <= number && !asking.is_finished() {
            assert!(Instant::now() < deadline, "reload {number} is not served");
            std::thread::sleep(Duration::from_millis(1));
        }
        if asking.is_finished() {
            break;
        }
    }
    watch.done.store(true, Ordering::Relaxed);
    asking.join().expect("every answer is good");
    let published = || service.metrics().sum("croupier_reloads_total", &[("what", "table"), ("result", "published")]);
    wait_until("the last reload is counted", || published() == RELOADS as f64);
    let metrics = service.metrics();
    let reloads = |result| metrics.sum("croupier_reloads_total", &[("what", "table"), ("result", result)]);
    assert_eq!((reloads("published"), reloads("failed")), (RELOADS as f64, 0.0));
    assert_eq!(metrics.sum("croupier_table_generation", &[]), (RELOADS + 1) as f64);
    let refused = metrics.named("croupier_requests_total").filter(|sample| sample.labels["status"] != "200");
    assert_eq!(refused.map(|sample| sample.value).sum::<f64>(), 0.0);
    println!("{} answers over {RELOADS} reloads", watch.answered.load(Ordering::Relaxed));
}
