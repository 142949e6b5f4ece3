//! The service's answers for 200,000 addresses, over HTTP/2, are those of an oracle that shares no
//! code with it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use ip_network::IpNetwork;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::harness::{Service, Setup, http2, table};

#[path = "../common/oracle.rs"]
mod oracle;

use oracle::{Family, Oracle};

/// Of each family.
const ADDRESSES: usize = 100_000;
const CONNECTIONS: usize = 4;
const STREAMS: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    ip: &'a str,
    scope: &'a str,
    footprint: &'a str,
    mix: &'a str,
    cdn: &'a str,
    #[serde(borrow)]
    cdns: Vec<Cdn<'a>>,
    ttl: u64,
    version: &'a str,
    generation: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cdn<'a> {
    name: &'a str,
    url: &'a str,
}

/// The default table, read a second way.
struct Expected {
    oracle: Oracle,
    table: Value,
    addresses: Vec<IpAddr>,
}

impl Expected {
    fn new(folder: &Path) -> Self {
        let oracle = Oracle::read(folder, "cdn-table.json");
        let table = std::fs::read(folder.join("cdn-table.json")).unwrap();
        let addresses = Family::BOTH.iter().flat_map(|family| oracle.addresses(*family, ADDRESSES, 2)).collect();
        Self { table: serde_json::from_slice(&table).unwrap(), oracle, addresses }
    }

    fn mix(&self, name: &str) -> &Map<String, Value> {
        self.table["mixes"][name].as_object().unwrap()
    }

    /// Checks one answer; gives its kind of footprint.
    fn check(&self, ip: IpAddr, body: &[u8]) -> String {
        let answer: Answer<'_> = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{ip}: {error}"));
        let (footprint, mix) = self.oracle.answer(ip);
        assert_eq!((answer.footprint, answer.mix), (footprint.as_str(), mix.as_str()), "{ip}");
        assert_eq!(answer.ip, ip.to_string(), "as RFC 5952 writes it");
        self.check_cdns(ip, &answer);
        self.check_scope(ip, &answer);
        assert_eq!(answer.ttl, self.table["ttl"].as_u64().unwrap(), "{ip}");
        assert_eq!(answer.version, self.table["version"], "{ip}");
        assert_eq!(answer.generation, 1, "{ip}");
        footprint.split(':').next().unwrap().to_owned()
    }

    /// Each CDN of the mix once; those of weight 0 last, by name.
    fn check_cdns(&self, ip: IpAddr, answer: &Answer<'_>) {
        let mix = self.mix(answer.mix);
        let names: Vec<_> = answer.cdns.iter().map(|cdn| cdn.name).collect();
        let (weighted, fallbacks): (Vec<&str>, Vec<&str>) =
            mix.keys().map(String::as_str).partition(|name| mix[*name].as_u64() != Some(0));
        let (first, last) = names.split_at(weighted.len().min(names.len()));
        assert!(BTreeSet::from_iter(first) == BTreeSet::from_iter(&weighted), "{ip}: {names:?}");
        assert_eq!(first.len(), weighted.len(), "{ip}: {names:?}");
        assert!(last.iter().eq(BTreeSet::from_iter(&fallbacks)), "{ip}: {names:?}");
        assert_eq!(answer.cdn, names[0], "{ip}");
        for cdn in &answer.cdns {
            assert_eq!(cdn.url, self.table["cdns"][cdn.name]["url"], "{ip}");
        }
    }

    /// It holds the address, is no wider than a subnet where the mix divides, and its ends get the
    /// same footprint.
    fn check_scope(&self, ip: IpAddr, answer: &Answer<'_>) {
        let scope: IpNetwork = answer.scope.parse().unwrap_or_else(|error| panic!("{ip}: {error}"));
        assert!(scope.contains(ip), "{ip} is not in {scope}");
        if self.oracle.divides(answer.mix) {
            assert!(scope.netmask() >= if ip.is_ipv4() { 24 } else { 48 }, "{ip}: {scope}");
        }
        let ends = match scope {
            IpNetwork::V4(scope) => [scope.network_address().into(), scope.broadcast_address().into()],
            IpNetwork::V6(scope) => [scope.network_address().into(), scope.last_address().into()],
        };
        // IPv4-mapped addresses are never looked up as IPv6.
        for end in ends.into_iter().filter(|end: &IpAddr| end.to_canonical() == *end) {
            assert_eq!(self.oracle.answer(end).0, answer.footprint, "{ip}: {scope} reaches {end}");
        }
    }
}

/// The address as a sloppy client might write it, which asks for the same.
fn sloppy(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => format!("::FFFF:{v4}"),
        IpAddr::V6(v6) => v6.segments().map(|segment| format!("{segment:04X}")).join(":"),
    }
}

#[test]
fn the_service_answers_as_the_oracle() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut setup = Setup::new();
    setup.section("table", &format!("source = {:?}", folder.join("cdn-table.json")));
    setup.section("log", "level = \"info\"");
    let service = Service::start(&setup);
    let expected = Arc::new(Expected::new(&folder));
    let client = setup.client(Some(&setup.selector));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut kinds = BTreeSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let mut streams = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let sender = http2(&client, service.lookup).await.unwrap();
            for _ in 0..STREAMS {
                let (mut sender, expected, next) = (sender.clone(), Arc::clone(&expected), Arc::clone(&next));
                streams.spawn(async move {
                    let mut kinds = BTreeSet::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(ip) = expected.addresses.get(number).copied() else { return kinds };
                        let written = if number % 4 == 0 { sloppy(ip) } else { ip.to_string() };
                        let uri = format!("https://localhost/lookup?ip={written}");
                        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
                        let response = sender.send_request(request).await.unwrap();
                        assert_eq!(response.status(), 200, "{ip}");
                        let body = response.into_body().collect().await.unwrap().to_bytes();
                        kinds.insert(expected.check(ip, &body));
                    }
                });
            }
        }
        while let Some(ended) = streams.join_next().await {
            kinds.extend(ended.expect("the answers are the oracle's"));
        }
    });
    let counted = service.metrics().sum("croupier_decisions_total", &[]);
    assert_eq!(counted, expected.addresses.len() as f64, "every answer is counted");
    assert!(kinds.iter().eq(["asn", "countrycode", "default", "ipv4cidr", "ipv6cidr"]), "{kinds:?}");
    println!("{} addresses compared", expected.addresses.len());
}

/// `croupier lookup --format json` prints the very bytes that the service answers.
#[test]
fn the_command_line_answers_as_the_service() {
    let setup = Setup::new();
    let mut escaped = table();
    escaped["version"] = "quoted \" and é \\ and \u{1f0a1}".into();
    escaped["cdns"]["gamma"]["url"] = "https://gamma.example/?a=%22&b=1".into();
    setup.write_table(&escaped);
    let service = Service::start(&setup);
    let mut connection = setup.client(Some(&setup.selector)).connect(service.lookup).unwrap();
    let mut addresses: Vec<String> = (0..=255).map(|number| format!("198.18.{number}.1")).collect();
    addresses.extend((0..64).map(|number| format!("2001:db8:{:x}::1", number * 0x400)));
    let arguments: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut command = setup.command(&["lookup", "--table", "table.json", "--format", "json"]);
    let printed = command.args(&arguments).output().unwrap().stdout;
    let mut lines = printed.split_inclusive(|byte| *byte == b'\n');
    for ip in addresses {
        let answered = connection.get(&format!("/lookup?ip={ip}")).unwrap().text() + "\n";
        assert_eq!(answered, String::from_utf8_lossy(lines.next().unwrap()), "{ip}");
    }
    assert_eq!(lines.next(), None);
}
