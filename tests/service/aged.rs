//! Connections that have lasted long: they are told to end, and nobody is cut short. And the system's question whether
//! a silent client is still there.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::doors::http2::Http2;
use crate::harness::{Connection, Service, Setup, wait_until};

/// A quarter more or less than this.
const AGE: Duration = Duration::from_secs(2);

const LOOKUP: &str = "/lookup?ip=192.0.2.1";

fn start(connections: &str) -> (Setup, Service) {
    let mut setup = Setup::new();
    setup.section("connections", connections);
    let service = Service::start(&setup);
    (setup, service)
}

fn connect(setup: &Setup, service: &Service) -> Connection {
    setup.client(Some(&setup.selector)).connect(service.lookup).unwrap()
}

#[test]
fn an_old_connection_is_told_by_an_answer() {
    let (setup, service) = start("age = 2");
    let begun = Instant::now();
    let mut connection = connect(&setup, &service);
    let last = loop {
        let response = connection.get(LOOKUP).unwrap();
        assert_eq!(response.status, 200);
        match response.header("connection") {
            None => std::thread::sleep(Duration::from_millis(20)),
            Some(said) => break said.to_owned(),
        }
    };
    assert_eq!(last, "close");
    assert!(begun.elapsed() >= AGE * 3 / 4, "told after {:?}", begun.elapsed());
    connection.wait_closed();
    assert_eq!(connect(&setup, &service).get(LOOKUP).unwrap().header("connection"), None);
}

#[test]
fn an_old_connection_that_is_idle_is_left_alone_and_answered_once_more() {
    let (setup, service) = start("age = 0.1\nidle = 600");
    let mut connection = connect(&setup, &service);
    assert!(!connection.is_closed_within(Duration::from_secs(1)), "a request may be on its way");
    let response = connection.get(LOOKUP).unwrap();
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    connection.wait_closed();
}

#[test]
fn a_request_that_began_before_is_answered() {
    let (setup, service) = start("age = 1");
    let mut connection = connect(&setup, &service);
    connection.send(format!("GET {LOOKUP} HTTP/1.1\r\n")).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    connection.send("Host: x\r\n\r\n").unwrap();
    let response = connection.read().unwrap();
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    connection.wait_closed();
}

#[test]
fn an_old_http2_connection_ends_after_its_streams() {
    let (setup, service) = start("age = 1");
    let connection = setup.client(Some(&setup.selector)).offering("h2").connect(service.lookup).unwrap();
    let mut connection = Http2::open(connection).unwrap();
    let (stream, status) = connection.begin().unwrap();
    assert_eq!(status, 200);
    connection.wait_ending().unwrap();
    let body = connection.finish(stream).unwrap();
    assert!(body.starts_with(b"{") && body.ends_with(b"}"), "{body:?}");
    connection.wait_closed();
}

#[test]
fn connections_that_came_together_do_not_end_together() {
    let (setup, service) = start("age = 4");
    let mut open: Vec<Connection> = (0..40).map(|_| connect(&setup, &service)).collect();
    // When all of them are old there is nothing left to be seen: in between some are, and some are not.
    wait_until("some are told to close, and some are not", || {
        let told = |connection: &mut Connection| connection.get(LOOKUP).unwrap().header("connection").is_some();
        let before = open.len();
        open.retain_mut(|connection| !told(connection));
        (1..40).contains(&open.len()) && open.len() < before
    });
}

#[test]
fn the_system_looks_after_silent_clients() {
    let (setup, service) = start("keepalive = 7");
    let mut connection = connect(&setup, &service);
    assert_eq!(connection.get(LOOKUP).unwrap().status, 200);
    let client = connection.tcp().local_addr().unwrap();
    wait_until("what was sent is acknowledged", || timer(service.lookup, client).is_some_and(|(kind, _)| kind != 1));
    let (kind, left) = timer(service.lookup, client).unwrap();
    assert_eq!(kind, KEEPALIVE);
    assert!((1..=7).contains(&left), "{left} s");
}

/// In `/proc/net/tcp`, of a timer that waits for a sign of life.
const KEEPALIVE: u32 = 2;

/// What the system waits for on a connection of this machine, and for how many more seconds.
fn timer(server: SocketAddr, client: SocketAddr) -> Option<(u32, u64)> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |address: &str| u16::from_str_radix(address.split(':').nth(1).unwrap_or_default(), 16).ok();
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if (port(fields[1]), port(fields[2])) != (Some(server.port()), Some(client.port())) {
            return None;
        }
        let (kind, left) = fields[5].split_once(':')?;
        // Hundredths of a second.
        Some((u32::from_str_radix(kind, 16).ok()?, u64::from_str_radix(left, 16).ok()?.div_ceil(100)))
    })
}
