//! Ending in the middle of it all: whoever got in is answered, and nobody who has nothing to ask holds it up.

mod clients;
mod rolling;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use crate::doors::http2::Http2;
use crate::harness::{Connection, PATIENCE, Service, Setup, wait_until};
use crate::health::{limit_descriptors, usual_limit};
use clients::Asker;

const TARGET: &str = "/lookup?ip=192.0.2.1";

fn connect(setup: &Setup, service: &Service) -> Connection {
    setup.client(Some(&setup.selector)).connect(service.lookup).unwrap()
}

/// Clients of every kind ask as fast as they can when it is told to end, and come back as long as they get in.
#[test]
fn whoever_got_in_is_answered_in_the_middle_of_everything() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0.3\ndeadline = 60");
    for round in 0..5 {
        let mut service = Service::start_green(&setup);
        let answers = Arc::new(AtomicU64::new(0));
        let client = setup.client(Some(&setup.selector));
        let askers: Vec<_> = (0..9)
            .map(|number| {
                let asker = Asker { client: client.clone(), address: service.lookup, answers: Arc::clone(&answers) };
                std::thread::spawn(move || match number % 3 {
                    0 => asker.keep_asking(),
                    1 => asker.ask_once_each(),
                    _ => asker.ask_by_http2(),
                })
            })
            .collect();
        wait_until("requests are answered", || answers.load(Ordering::Relaxed) > 200);
        service.signal("TERM");
        let lost: Vec<_> = askers.into_iter().filter_map(|asker| asker.join().unwrap()).collect();
        assert!(lost.is_empty(), "round {round}, of {}: {lost:#?}", answers.load(Ordering::Relaxed));
        assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    }
}

/// Without descriptors nobody is accepted, so they still wait when it is told to take no more.
#[test]
fn whoever_waits_in_the_queue_is_answered() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0\ndeadline = 60").section("limits", "handshake = 60");
    let mut service = Service::start_green(&setup);
    // Fewer than are open: not even one that is held in reserve can be had.
    limit_descriptors(&service, "4");
    let client = setup.client(Some(&setup.selector));
    let waiting: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(service.lookup).unwrap()).collect();
    service.signal("TERM");
    wait_until("it takes no more", || service.errors().contains("draining: no new connections"));
    let asking: Vec<_> = waiting
        .into_iter()
        .map(|stream| {
            let client = client.clone();
            std::thread::spawn(move || client.over(stream)?.get(TARGET))
        })
        .collect();
    limit_descriptors(&service, &usual_limit());
    let answers: Vec<_> = asking.into_iter().map(|asking| asking.join().unwrap()).collect();
    let lost: Vec<_> = answers.iter().filter(|answer| !answer.as_ref().is_ok_and(|a| a.status == 200)).collect();
    assert!(lost.is_empty(), "{} of {}: {:?}", lost.len(), answers.len(), lost[0]);
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    assert!(TcpStream::connect(service.lookup).is_err(), "nobody listens any more");
}

#[test]
fn who_has_nothing_to_ask_holds_nothing_up() {
    let mut setup = Setup::new();
    // Every one of these could stay for ten minutes.
    setup
        .section("drain", "wait = 0.2\ndeadline = 600")
        .section("limits", "handshake = 600\nheader = 600\nwrite = 600")
        .section("connections", "idle = 600")
        .section("proxy", "trusted = [\"127.0.0.2\"]");
    let mut service = Service::start_green(&setup);
    let client = setup.client(Some(&setup.selector));

    let silent = TcpStream::connect(service.lookup).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(&client.config), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let mut half = TcpStream::connect(service.lookup).unwrap();
    half.write_all(&hello[..hello.len() / 2]).unwrap();
    let mut unfinished = TcpStream::connect(service.lookup).unwrap();
    unfinished.write_all(&hello).unwrap();
    // Where there must be a PROXY header.
    let unproxied = {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        socket.connect(&service.lookup.into()).unwrap();
        TcpStream::from(socket)
    };
    let mut ready = client.connect(service.lookup).unwrap();
    let mut idle = client.connect(service.lookup).unwrap();
    assert_eq!(idle.get(TARGET).unwrap().status, 200);
    // Not even the first bytes of HTTP/2 have come, or the last are never read.
    let mut ready_http2 = client.offering("h2").connect(service.lookup).unwrap();
    let mut deaf_http2 = Http2::open(client.offering("h2").connect(service.lookup).unwrap()).unwrap();
    assert_eq!(deaf_http2.ask().unwrap().0, 200);
    let mut idle_http2 = Http2::open(client.offering("h2").connect(service.lookup).unwrap()).unwrap();
    assert_eq!(idle_http2.ask().unwrap().0, 200);
    wait_until("all are in", || service.metrics().sum("croupier_connections", &[]) == 9.0);

    service.signal("TERM");
    // Each is ended in the way that it understands.
    assert!(ready.is_closed_within(PATIENCE) && idle.is_closed_within(PATIENCE));
    idle_http2.wait_ending().unwrap();
    ready_http2.wait_closed();
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    for mut stream in [silent, half, unproxied] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn half_a_request_is_waited_for() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0.2\ndeadline = 60").section("limits", "header = 600");
    let mut service = Service::start_green(&setup);
    let mut first = connect(&setup, &service);
    let mut later = connect(&setup, &service);
    assert_eq!(later.get(TARGET).unwrap().status, 200);
    wait_until("both have shaken hands", || service.metrics().sum("croupier_handshakes_total", &[]) == 2.0);
    let (begin, end) = (format!("GET {TARGET} HTTP/1.1\r\nHo"), "st: x\r\n\r\n");
    for connection in [&mut first, &mut later] {
        connection.send(&begin).unwrap();
    }
    service.signal("TERM");
    // Longer than an idle connection is left.
    std::thread::sleep(Duration::from_secs(3));
    for connection in [&mut first, &mut later] {
        connection.send(end).unwrap();
        let response = connection.read().unwrap();
        assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    }
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    assert!(!service.errors().contains("health: fails"), "it is meant to take no connections: {}", service.errors());
}

#[test]
fn a_reload_in_a_drain_changes_nothing_and_it_ends_in_time() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0.5\ndeadline = 60");
    let mut service = Service::start_green(&setup);
    let begun = Instant::now();
    service.signal("TERM");
    service.signal("HUP");
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_millis(500), "the signal to reload is none to end");
}
