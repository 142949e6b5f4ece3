//! Clients that take their time, take up room, or take nothing: each is closed by its limit, not
//! before, and nobody else notices. Nothing here asserts that something is fast.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use crate::frames::{self, END_HEADERS, END_STREAM, HEADERS, frame};
use crate::harness::{Connection, PATIENCE, Service, Setup, wait_until};

const LIMIT: Duration = Duration::from_secs(1);

/// A service in which the given limits are short and every other one longer than the test.
fn start(limits: &str, idle: u32) -> (Setup, Service) {
    let mut setup = Setup::new();
    let keys = ["handshake", "header", "write"].into_iter().filter(|key| !limits.contains(key));
    let others: String = keys.map(|key| format!("{key} = 600\n")).collect();
    setup.section("limits", &format!("{limits}\n{others}"));
    setup.section("connections", &format!("idle = {idle}"));
    let service = Service::start(&setup);
    (setup, service)
}

fn connect(setup: &Setup, service: &Service) -> Connection {
    setup.client(Some(&setup.selector)).connect(service.lookup).unwrap()
}

fn open_connections(service: &Service) -> f64 {
    service.metrics().sum("croupier_connections", &[("listener", "lookup")])
}

fn answered(service: &Service) -> f64 {
    service.metrics().sum("croupier_requests_total", &[("listener", "lookup"), ("status", "200")])
}

fn assert_serves(setup: &Setup, service: &Service) {
    assert_eq!(connect(setup, service).get("/lookup?ip=192.0.2.1").unwrap().status, 200);
}

/// Sends the bytes one by one, the last one never, until the other side closes. Says when.
#[track_caller]
fn drip(stream: &mut TcpStream, bytes: &[u8], begun: Instant) -> Duration {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut bytes = bytes[..bytes.len() - 1].iter();
    while begun.elapsed() < PATIENCE {
        let sent = bytes.next().map_or(Ok(()), |byte| stream.write_all(&[*byte]));
        let read = stream.read(&mut [0; 64]);
        let waiting = |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if sent.is_err() || matches!(&read, Ok(0)) || read.is_err_and(|error| !waiting(&error)) {
            return begun.elapsed();
        }
    }
    panic!("still open after {PATIENCE:?}");
}

#[test]
fn a_handshake_has_one_deadline() {
    let (setup, service) = start("handshake = 1", 600);
    let client = setup.client(Some(&setup.selector));
    let mut tls = ClientConnection::new(Arc::clone(&client.config), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    for (of, bytes, at_once) in [("silent", &hello[..1], 0), ("dripped", &hello, 0), ("half", &hello, hello.len() / 2)]
    {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(service.lookup).unwrap();
        stream.write_all(&bytes[..at_once]).unwrap();
        let closed = drip(&mut stream, &bytes[at_once..], begun);
        assert!(closed >= LIMIT, "{of}: closed after {closed:?}");
    }
    // A client that stops after its hello has had an answer, but has not finished.
    let begun = Instant::now();
    let mut stream = TcpStream::connect(service.lookup).unwrap();
    stream.write_all(&hello).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert!(begun.elapsed() >= LIMIT);
    let timeouts = || service.metrics().sum("croupier_handshakes_total", &[("result", "timeout")]);
    wait_until("four timeouts are counted", || timeouts() == 4.0);
    assert_serves(&setup, &service);
}

/// Sends a request's bytes one by one, the last never, until the connection is closed.
#[track_caller]
fn drip_request(connection: &mut Connection) {
    let deadline = Instant::now() + PATIENCE;
    let request = format!("GET /lookup?ip=192.0.2.1 HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(1_000));
    for byte in request.bytes() {
        if connection.send([byte]).is_err() || connection.is_closed_within(Duration::from_millis(30)) {
            return;
        }
        assert!(Instant::now() < deadline, "still open after {PATIENCE:?}");
    }
    panic!("still open after the whole request");
}

#[test]
fn a_header_has_one_deadline() {
    let (setup, service) = start("header = 1", 600);
    let begun = Instant::now();
    let mut connection = connect(&setup, &service);
    drip_request(&mut connection);
    assert!(begun.elapsed() >= LIMIT, "the first one, closed after {:?}", begun.elapsed());

    let mut connection = connect(&setup, &service);
    assert_eq!(connection.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
    std::thread::sleep(LIMIT * 2);
    let begun = Instant::now();
    drip_request(&mut connection);
    assert!(begun.elapsed() >= LIMIT, "a later one, closed after {:?}", begun.elapsed());
    assert_serves(&setup, &service);
}

#[test]
fn a_connection_that_asks_nothing_is_closed() {
    let (setup, service) = start("header = 1", 1);
    for protocol in ["http/1.1", "h2"] {
        let begun = Instant::now();
        let client = setup.client(Some(&setup.selector)).offering(protocol);
        client.connect(service.lookup).unwrap().wait_closed();
        assert!(begun.elapsed() >= LIMIT, "{protocol}");
    }
    wait_until("none is left", || open_connections(&service) == 0.0);
}

#[test]
fn a_body_that_never_comes_holds_nothing() {
    let (setup, service) = start("header = 1\nwrite = 1", 1);
    let mut connection = connect(&setup, &service);
    connection.send("GET /lookup?ip=192.0.2.1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").unwrap();
    connection.wait_closed();
    wait_until("none is left", || open_connections(&service) == 0.0);
}

#[test]
fn an_idle_connection_is_kept_within_the_limit_and_closed_beyond() {
    let (setup, service) = start("header = 1", 5);
    let mut connection = connect(&setup, &service);
    // Longer than the header's limit: that one is not for the time between requests.
    for _ in 0..3 {
        assert_eq!(connection.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
        std::thread::sleep(LIMIT + LIMIT / 2);
    }
    let begun = Instant::now();
    assert_eq!(connection.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
    assert!(connection.is_closed_within(PATIENCE));
    assert!(begun.elapsed() >= Duration::from_secs(5), "closed after {:?}", begun.elapsed());
}

const REQUEST: &str = "GET /lookup?ip=203.0.113.1 HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends requests and reads nothing until the other side takes no more.
fn stuff(connection: &mut Connection) {
    let many = REQUEST.repeat(1_000);
    connection.tcp().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    for _ in 0..1_000 {
        if connection.send(&many).is_err() {
            return;
        }
    }
    panic!("a million requests were taken, and not one answer read");
}

#[test]
fn a_client_that_never_reads_is_closed() {
    let (setup, service) = start("write = 1", 600);
    let mut connection = connect(&setup, &service);
    stuff(&mut connection);
    wait_until("the connection is closed", || open_connections(&service) == 0.0);
    assert_serves(&setup, &service);
    drop(connection);
}

#[test]
fn a_client_that_reads_in_time_gets_everything() {
    let (setup, service) = start("write = 10", 600);
    let mut connection = connect(&setup, &service);
    connection.send(REQUEST.repeat(500)).unwrap();
    std::thread::sleep(LIMIT);
    for _ in 0..500 {
        assert_eq!(connection.read().unwrap().status, 200);
    }
}

fn connect_http2(setup: &Setup, service: &Service, settings: &[u8]) -> Connection {
    let mut connection = setup.client(Some(&setup.selector)).offering("h2").connect(service.lookup).unwrap();
    connection.send(frames::opening(settings)).unwrap();
    connection
}

#[test]
fn http2_half_a_first_header_is_closed_as_idle() {
    let (setup, service) = start("header = 1", 3);
    let begun = Instant::now();
    let mut connection = connect_http2(&setup, &service, &[]);
    connection.send(frame(HEADERS, END_STREAM, 1, &frames::lookup()[..10])).unwrap();
    connection.wait_closed();
    assert!(begun.elapsed() >= LIMIT);
}

/// Between HTTP/2 requests bytes may be anything, so half a header is an idle connection.
#[test]
fn http2_half_a_later_header_is_closed_as_idle() {
    let (setup, service) = start("header = 1", 3);
    let mut connection = connect_http2(&setup, &service, &[]);
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &frames::lookup())).unwrap();
    wait_until("it is answered", || answered(&service) == 1.0);
    connection.send(frame(HEADERS, END_STREAM, 3, &frames::lookup()[..10])).unwrap();
    connection.wait_closed();
    wait_until("none is left", || open_connections(&service) == 0.0);
}

#[test]
fn http2_a_window_that_never_opens_is_closed() {
    const INITIAL_WINDOW_SIZE_0: &[u8] = &[0, 4, 0, 0, 0, 0];
    let (setup, service) = start("write = 1", 600);
    let begun = Instant::now();
    let mut connection = connect_http2(&setup, &service, INITIAL_WINDOW_SIZE_0);
    for stream in [1, 3, 5] {
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &frames::lookup())).unwrap();
    }
    connection.wait_closed();
    assert!(begun.elapsed() >= LIMIT);
    wait_until("none is left", || open_connections(&service) == 0.0);
    assert_serves(&setup, &service);
}

#[test]
fn http2_idle_connections_are_kept_within_the_limit_and_closed_beyond() {
    let (setup, service) = start("header = 1", 5);
    let mut connection = connect_http2(&setup, &service, &[]);
    let mut begun = Instant::now();
    for (count, stream) in [(1.0, 1), (2.0, 3), (3.0, 5)] {
        begun = Instant::now();
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &frames::lookup())).unwrap();
        wait_until("it is answered", || answered(&service) == count);
        std::thread::sleep(LIMIT + LIMIT / 2);
    }
    connection.wait_closed();
    assert!(begun.elapsed() >= Duration::from_secs(5), "closed after {:?}", begun.elapsed());
}

#[test]
fn of_too_many_handshakes_the_oldest_gives_way() {
    let (setup, service) = start("handshakes = 4", 600);
    let mut silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(service.lookup).unwrap()).collect();
    let shed = || service.metrics().sum("croupier_requests_shed_total", &[("reason", "handshakes")]);
    wait_until("all but four have given way", || shed() == 16.0);
    for stranger in &mut silent[..16] {
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stranger.read(&mut [0; 1]), Ok(0)), "closed without a word");
    }
    for _ in 0..10 {
        let answer = connect(&setup, &service).get("/lookup?ip=192.0.2.1").unwrap();
        assert_eq!(answer.status, 200, "who shakes hands gets in");
    }
}

#[test]
fn one_connection_too_many_is_closed_at_once_and_nobody_else_notices() {
    let (setup, service) = start("connections = 3", 600);
    wait_until("health turns green", || service.health().0 == 200);
    let mut open: Vec<Connection> = (0..3).map(|_| connect(&setup, &service)).collect();
    for connection in &mut open {
        // Answered, so it shakes hands no more.
        assert_eq!(connection.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
    }
    let client = setup.client(Some(&setup.selector));
    for _ in 0..5 {
        assert!(client.connect(service.lookup).is_err(), "there is no room");
        let mut silent = TcpStream::connect(service.lookup).unwrap();
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(silent.read(&mut [0; 1]), Ok(0)), "closed without a word");
    }
    // The probe has room of its own: health stays green over several of its rounds.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let (status, document) = service.health();
        assert_eq!(status, 200, "{document}");
        for connection in &mut open {
            assert_eq!(connection.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let metrics = service.metrics();
    assert_eq!(metrics.sum("croupier_requests_shed_total", &[("reason", "connections")]), 10.0);
    assert_eq!(metrics.sum("croupier_connections", &[("listener", "lookup")]), 3.0);
    open.pop();
    wait_until("there is room again", || client.get(service.lookup, "/lookup?ip=192.0.2.1").is_ok());
}

#[test]
fn strangers_who_say_nothing_keep_nobody_out() {
    let mut setup = Setup::new();
    setup.section("limits", "connections = 20\nhandshake = 60");
    let service = Service::start_green(&setup);
    let mut open = setup.client(Some(&setup.selector)).connect(service.lookup).unwrap();
    assert_eq!(open.get("/lookup?ip=192.0.2.1").unwrap().status, 200);
    let _silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(service.lookup).unwrap()).collect();
    for _ in 0..10 {
        let answer = setup.client(Some(&setup.selector)).get(service.lookup, "/lookup?ip=192.0.2.1");
        assert_eq!(answer.unwrap().status, 200, "the longest silent gives way");
    }
    assert_eq!(open.get("/lookup?ip=192.0.2.1").unwrap().status, 200, "a connection that is let in does not");
    let metrics = service.metrics();
    assert!(metrics.sum("croupier_requests_shed_total", &[("reason", "handshakes")]) > 0.0);
    assert_eq!(metrics.sum("croupier_requests_shed_total", &[("reason", "connections")]), 0.0);
}
