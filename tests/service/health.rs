//! Health tells the truth: green when lookups work, red when they don't, and in between it warns.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use croupier::client::{Admission, Authority, Credentials, Identity, ProbeIdentity, Refusal};
use croupier::health::Acceptor;
use croupier::probe_ticket::ProbeTicket;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::harness::{Connection, Leaf, Metrics, PATIENCE, Response, Service, Setup, plain, read_response, wait_until};

fn get(service: &Service, path: &str) -> Response {
    plain(service.health, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).unwrap()
}

/// Waits until `/health` is red and gives what it says.
#[track_caller]
fn wait_red(service: &Service) -> Value {
    wait_until("health turns red", || service.health().0 == 503);
    let (status, document) = service.health();
    assert_eq!(status, 503, "it stays red");
    assert_eq!(document["status"], "fail");
    document
}

/// What the checks that are not `pass` say.
fn outputs(document: &Value) -> String {
    let checks = document["checks"].as_object().unwrap().values().flat_map(|entries| entries.as_array().unwrap());
    checks
        .filter(|check| check["status"] != "pass")
        .map(|check| check["output"].as_str().unwrap().to_owned() + "\n")
        .collect()
}

fn connect(setup: &Setup, service: &Service) -> Connection {
    setup.client(Some(&setup.selector)).connect(service.lookup).unwrap()
}

const TARGET: &str = "/lookup?ip=192.0.2.1";

#[test]
fn what_each_path_answers() {
    let setup = Setup::new();
    let service = Service::start_green(&setup);
    let health = get(&service, "/health");
    assert_eq!((health.status, health.header("content-type")), (200, Some("application/health+json")));
    let document = health.json();
    assert_eq!(document["status"], "pass");
    assert_eq!(document["table"]["version"], "test.1");
    assert_eq!(document["table"]["generation"], 1);
    let checks = document["checks"].as_object().unwrap();
    assert!(checks.values().all(|entries| entries[0]["status"] == "pass"), "{document}");

    let ready = get(&service, "/readyz");
    assert_eq!((ready.status, ready.json()), (200, json!({ "status": "pass" })));
    assert_eq!(get(&service, "/livez").status, 200);

    let metrics = get(&service, "/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    Metrics::parse(&metrics.text());

    assert_eq!(get(&service, "/").status, 404);
    assert_eq!(get(&service, TARGET).status, 404, "lookups are not for everyone");
    let post = plain(service.health, "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(post.status, 405);
}

#[test]
fn health_is_asked_by_old_and_sloppy_clients_too() {
    let setup = Setup::new();
    let service = Service::start_green(&setup);
    for path in ["/health", "/readyz", "/livez", "/metrics"] {
        for request in [
            format!("GET {path} HTTP/1.0\r\n\r\n"),
            format!("GET {path} HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\n\r\n"),
            format!("GET {path}?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"),
            format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n"),
        ] {
            assert_eq!(plain(service.health, &request).unwrap().status, 200, "{request}");
        }
    }
}

#[test]
fn silent_health_clients_keep_nobody_waiting() {
    let setup = Setup::new();
    let service = Service::start_green(&setup);
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(service.health).unwrap()).collect();
    assert_eq!(service.health().0, 200);
    drop(silent);
}

/// Everything that clients cause. The probe must not show up in any of it.
fn counted(service: &Service) -> [f64; 7] {
    let metrics = service.metrics();
    [
        "croupier_requests_total",
        "croupier_request_duration_seconds_count",
        "croupier_decisions_total",
        "croupier_handshakes_total",
        "croupier_client_refusals_total",
        "croupier_connections",
        "croupier_requests_shed_total",
    ]
    .map(|name| metrics.sum(name, &[]))
}

#[test]
fn the_probe_passes_with_and_without_a_certificate_and_is_not_counted() {
    let with = Setup::new();
    let mut without = Setup::new();
    without.section("health", "");
    let services = [&with, &without].map(Service::start_green);
    let seen_before = services.each_ref().map(counted);
    assert_eq!(seen_before, [[0.0; 7]; 2]);
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        for service in &services {
            let (status, document) = service.health();
            assert_eq!((status, &document["status"]), (200, &json!("pass")), "{document}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(services.each_ref().map(counted), seen_before, "after several rounds");
    // A client's own are counted once, whatever the probe does meanwhile.
    let mut connection = connect(&without, &services[1]);
    assert_eq!(connection.get(TARGET).unwrap().status, 200);
    assert!(without.client(None).alert(services[1].lookup).is_some());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(counted(&services[1]), [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 0.0]);
}

#[test]
fn a_certificate_that_ends_soon_is_warned_about() {
    let setup = Setup::new();
    let short = Leaf::server().valid(-time::Duration::hours(1), time::Duration::hours(23));
    setup.write_identity("server", &short.issued_by(&setup.pki.ops));
    let service = Service::start_green(&setup);
    let (status, document) = service.health();
    assert_eq!((status, &document["status"]), (200, &json!("warn")), "{document}");
    assert!(outputs(&document).contains("certificate"), "{document}");
    assert_eq!(get(&service, "/readyz").json(), json!({ "status": "warn" }));
    let metrics = service.metrics();
    let gauge = |name, check| metrics.sum(name, &[("check", check)]);
    assert_eq!((gauge("croupier_health_warning", "certificate"), gauge("croupier_health", "certificate")), (1.0, 1.0));
    assert_eq!(gauge("croupier_health_warning", "canaries"), 0.0);
    let ends = metrics.sum("croupier_expiry_timestamp_seconds", &[("what", "server_certificate")]);
    let expected = (time::OffsetDateTime::now_utc() + time::Duration::hours(23)).unix_timestamp() as f64;
    assert!((ends - expected).abs() < 300.0, "{ends} {expected}");
}

#[test]
fn an_expired_server_certificate_is_red_and_open_connections_are_answered() {
    let setup = Setup::new();
    let short = Leaf::server().valid(-time::Duration::hours(1), time::Duration::seconds(8));
    setup.write_identity("server", &short.issued_by(&setup.pki.ops));
    let service = Service::start_green(&setup);
    let mut connection = connect(&setup, &service);
    assert_eq!(connection.get(TARGET).unwrap().status, 200);
    assert_eq!(service.health().1["status"], "warn", "not yet");

    let document = wait_red(&service);
    let said = outputs(&document);
    assert!(said.contains("certificate") && said.contains("expired"), "{said}");
    assert_eq!(get(&service, "/readyz").status, 503);
    assert_eq!(get(&service, "/livez").status, 200);
    assert_eq!(connection.get(TARGET).unwrap().status, 200);
}

/// What tests, and what they start, may have open.
pub fn usual_limit() -> String {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let usual = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    usual.split_whitespace().next().unwrap().to_owned()
}

/// The soft limit on a process's descriptors, as `prlimit` writes it, and its restoration.
pub fn limit_descriptors(service: &Service, limit: &str) {
    let limit = format!("--nofile={limit}:");
    let status = Command::new("prlimit").args(["--pid", &service.pid().to_string(), &limit]).status();
    assert!(status.unwrap().success());
}

#[test]
fn without_descriptors_health_is_red_until_there_are_some_again() {
    let setup = Setup::new();
    let service = Service::start_green(&setup);
    let mut lookups = connect(&setup, &service);
    assert_eq!(lookups.get(TARGET).unwrap().status, 200);
    let mut health = BufReader::new(TcpStream::connect(service.health).unwrap());
    health.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let mut ask = || {
        health.get_mut().write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        read_response(&mut health, true).unwrap()
    };
    assert_eq!(ask().status, 200);

    // Fewer than are open: not one more can be.
    limit_descriptors(&service, "4");
    wait_until("health turns red", || ask().status == 503);
    assert!(outputs(&ask().json()).contains("connect"), "{}", ask().text());
    assert_eq!(lookups.get(TARGET).unwrap().status, 200, "open connections are answered");
    // The kernel completes this one; nobody can accept it yet.
    let waiting = TcpStream::connect(service.lookup).unwrap();

    limit_descriptors(&service, &usual_limit());
    wait_until("health recovers", || ask().status == 200);
    assert_eq!(connect(&setup, &service).get(TARGET).unwrap().status, 200, "new clients are answered");
    let mut waited = setup.client(Some(&setup.selector)).over(waiting).unwrap();
    assert_eq!(waited.get(TARGET).unwrap().status, 200, "the one that waited, too");
}

/// An authority of which the probe sees the credentials only.
struct Expected(Arc<Credentials>);

impl Authority for Expected {
    fn tls(&self) -> Arc<rustls::ServerConfig> {
        unimplemented!("the probe shows nothing")
    }

    fn generation(&self) -> u64 {
        1
    }

    fn decide(&self, _: &[CertificateDer<'_>], _: Option<IpAddr>, _: SystemTime) -> Admission {
        unimplemented!("the probe lets nobody in")
    }

    fn foresee(&self, _: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal> {
        Ok(Identity { name: String::new(), roles: Vec::new(), valid_until: now })
    }

    fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.0)
    }
}

/// What the probe says of an address.
async fn look(setup: &Setup, address: SocketAddr, with_identity: bool) -> Result<(), String> {
    let shown = Leaf::server().issued_by(&setup.pki.ops);
    let identity = || ProbeIdentity { chain: setup.selector.chain.clone(), key: setup.selector.key() };
    let expected = Arc::new(Credentials {
        certificate: shown.chain[0].clone(),
        certificate_ends: SystemTime::now(),
        probe: with_identity.then(identity),
        expiries: Vec::new(),
    });
    let acceptor = Acceptor::new("lookup", address, ProbeTicket::default(), Arc::new(Expected(expected)), true);
    let croupier::health::report::Check { status, output, .. } = acceptor.look().await;
    if status == croupier::health::report::Status::Pass { Ok(()) } else { Err(output.unwrap_or_default()) }
}

#[tokio::test]
async fn the_probe_is_not_fooled() {
    let setup = Setup::new();
    // The kernel completes connections to it; nobody accepts them.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    for with_identity in [false, true] {
        let said = look(&setup, deaf.local_addr().unwrap(), with_identity).await;
        assert!(said.is_err(), "nobody accepted");
    }
    let gone = deaf.local_addr().unwrap();
    drop(deaf);
    assert!(look(&setup, gone, false).await.is_err(), "nobody listens");

    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    std::thread::spawn(move || mute.incoming().for_each(drop));
    assert!(look(&setup, address, false).await.is_err(), "closed without a word");

    // A service in good health, that shows another certificate than the one expected here.
    let service = Service::start_green(&setup);
    for with_identity in [false, true] {
        let said = look(&setup, service.lookup, with_identity).await;
        assert!(said.is_err(), "another certificate");
    }
}

#[test]
fn told_to_end_it_is_red_at_once_and_answers_until_it_stops() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 4\ndeadline = 60");
    let mut service = Service::start_green(&setup);
    let mut open = connect(&setup, &service);
    assert_eq!(open.get(TARGET).unwrap().status, 200);

    let told = Instant::now();
    service.signal("TERM");
    let document = wait_red(&service);
    assert!(outputs(&document).contains("draining"), "{document}");
    assert!(told.elapsed() < Duration::from_secs(4), "red only when it stops accepting");
    assert_eq!(get(&service, "/readyz").status, 503);
    assert_eq!(get(&service, "/livez").status, 200);
    let metrics = service.metrics();
    let passes = |check| metrics.sum("croupier_health", &[("check", check)]);
    assert_eq!((passes("drain"), passes("probe")), (0.0, 1.0));
    assert_eq!(open.get(TARGET).unwrap().status, 200, "an open connection");
    assert_eq!(connect(&setup, &service).get(TARGET).unwrap().status, 200, "a new one");
    service.signal("HUP");
    assert_eq!(open.get(TARGET).unwrap().status, 200, "a reload changes nothing");

    let status = service.wait_exit(PATIENCE);
    assert!(told.elapsed() >= Duration::from_secs(4), "not before its time");
    assert_eq!(status.code(), Some(0));
    assert!(open.is_closed_within(PATIENCE));
}

/// An answer tells an HTTP/1 client to go, so no request meets a connection that is being closed.
#[test]
fn a_busy_http1_client_loses_no_request_when_the_process_stops() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0.5\ndeadline = 60");
    let mut service = Service::start_green(&setup);
    let mut clients: Vec<_> = (0..8).map(|_| connect(&setup, &service)).collect();
    for client in &mut clients {
        assert_eq!(client.get(TARGET).unwrap().status, 200);
    }
    service.signal("TERM");
    while !clients.is_empty() {
        clients.retain_mut(|client| {
            let response = client.get(TARGET).unwrap();
            assert_eq!(response.status, 200);
            response.header("connection") != Some("close")
        });
    }
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
}

#[test]
fn an_interrupt_drains_too_and_with_nobody_connected_ends_after_the_wait() {
    let setup = Setup::new();
    let mut service = Service::start_green(&setup);
    service.signal("INT");
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
}

#[test]
fn told_twice_it_ends_at_once() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 300\ndeadline = 600");
    let mut service = Service::start_green(&setup);
    let mut open = connect(&setup, &service);
    assert_eq!(open.get(TARGET).unwrap().status, 200);
    service.signal("TERM");
    wait_red(&service);
    assert!(service.is_running());
    service.signal("TERM");
    service.wait_exit(PATIENCE);
}

#[test]
fn the_drains_deadline_ends_it_whoever_is_connected() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0.2\ndeadline = 4").section("limits", "header = 600");
    let mut service = Service::start_green(&setup);
    // In the middle of a header, it would go on for ten minutes.
    let mut stuck = connect(&setup, &service);
    stuck.send(format!("GET {TARGET} HTTP/1.1\r\nHost: ")).unwrap();
    let told = Instant::now();
    service.signal("TERM");
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    assert!(told.elapsed() >= Duration::from_secs(4), "it had time until then");
}

#[test]
fn a_killed_service_starts_again() {
    let setup = Setup::new();
    let mut service = Service::start_green(&setup);
    service.signal("KILL");
    service.wait_exit(PATIENCE);
    let service = Service::start_green(&setup);
    assert_eq!(connect(&setup, &service).get(TARGET).unwrap().status, 200);
}
