//! Behind a load balancer that says who its client is: it is believed where the configuration says so, must say it
//! there, and can't say it anywhere else.

mod haproxy;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::AlertDescription::CertificateRequired;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::harness::{Leaf, PATIENCE, Service, Setup, alert, plain, wait_until};

const TARGET: &str = "/lookup?ip=192.0.2.1";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Those that are trusted in these tests, and where they connect from.
const TRUSTED: &str = "trusted = [\"127.0.88.0/24\"]";
const PROXY: &str = "127.0.88.1";

fn start(proxy: &str) -> (Setup, Service) {
    let mut setup = Setup::new();
    setup.section("proxy", proxy).section("limits", "handshake = 600");
    let service = Service::start_green(&setup);
    (setup, service)
}

/// A connection from an address of this machine.
fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let from: SocketAddr = (from.parse::<IpAddr>().unwrap(), 0).into();
    let socket = Socket::new(Domain::for_address(from), Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A header of version 2.
fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, block].concat()
}

fn version_2_for(client: &str) -> Vec<u8> {
    let (family, addresses) = match client.parse().unwrap() {
        IpAddr::V4(client) => (0x11, [client.octets(), [192, 0, 2, 2]].concat()),
        IpAddr::V6(client) => (0x21, [client.octets(), Ipv6Addr::LOCALHOST.octets()].concat()),
    };
    version_2(1, family, &[&addresses[..], &[0, 1, 0, 2]].concat())
}

/// An extension that means nothing here.
fn extension(length: u16) -> Vec<u8> {
    [&[0xe0][..], &length.to_be_bytes(), &vec![7; usize::from(length)]].concat()
}

fn headers(service: &Service, result: &str) -> f64 {
    service.metrics().sum("croupier_proxy_headers_total", &[("result", result)])
}

/// Whose handshakes have failed, as the log tells it.
fn failed(service: &Service) -> Vec<String> {
    let of_handshake = |line: &Value| line["message"] == "handshake failed";
    let client = |line: Value| line["client"].as_str().unwrap().to_owned();
    service.log().into_iter().filter(of_handshake).map(client).collect()
}

/// Shakes hands behind these bytes: without a certificate to see whose connection it is taken for, then with one.
#[track_caller]
fn assert_taken_for(setup: &Setup, service: &Service, of: &str, header: &[u8], subnet: &str) {
    let before = failed(service).len();
    let refused = setup.client(None).behind(header, connect(PROXY, service.lookup));
    let error = refused.and_then(|mut connection| connection.get(TARGET)).unwrap_err();
    assert_eq!(alert(&error), Some(CertificateRequired), "{of}: {error}");
    wait_until("the log tells", || failed(service).len() > before);
    assert_eq!(failed(service)[before..], [subnet], "{of}");
    let let_in = setup.client(Some(&setup.selector)).behind(header, connect(PROXY, service.lookup));
    assert_eq!(let_in.unwrap().get(TARGET).unwrap().status, 200, "{of}");
}

#[test]
fn the_client_is_who_the_header_names() {
    let (setup, service) = start(TRUSTED);
    let line = |rest: &str| format!("PROXY {rest} 1 65535\r\n").into_bytes();
    let with_extensions = |count: u16| {
        let addresses = [198, 51, 100, 7, 192, 0, 2, 2, 0, 1, 0, 2];
        version_2(1, 0x11, &[&addresses[..], &extension(count), &extension(0), b"\x04"].concat())
    };
    let cases = [
        ("version 1, IPv4", line("TCP4 198.51.100.7 192.0.2.2"), "198.51.100.0/24"),
        ("version 1, IPv6", line("TCP6 2001:db8:7:8::9 ::1"), "2001:db8:7::/48"),
        ("version 1, mapped", line("TCP6 ::ffff:198.51.100.7 ::1"), "198.51.100.0/24"),
        ("version 2, IPv4", version_2_for("198.51.100.7"), "198.51.100.0/24"),
        ("version 2, IPv6", version_2_for("2001:db8:7:8::9"), "2001:db8:7::/48"),
        ("version 2, mapped", version_2_for("::ffff:198.51.100.7"), "198.51.100.0/24"),
        ("version 2, extensions", with_extensions(9), "198.51.100.0/24"),
        ("version 2, long extensions", with_extensions(4_000), "198.51.100.0/24"),
    ];
    for (of, header, subnet) in &cases {
        assert_taken_for(&setup, &service, of, header, subnet);
    }
    wait_until("all are counted", || headers(&service, "proxied") == 2.0 * cases.len() as f64);
    // Trusted with everyone's name, it is still no client: the certificate decides.
    let stranger = Leaf::client("stranger.example").issued_by(&setup.pki.root);
    let stranger = setup.client(Some(&stranger)).behind(&cases[0].1, connect(PROXY, service.lookup));
    assert!(stranger.and_then(|mut stranger| stranger.get(TARGET)).is_err());
}

#[test]
fn a_header_that_names_nobody_leaves_the_proxy_as_the_client() {
    let (setup, service) = start(TRUSTED);
    let cases = [
        ("UNKNOWN", b"PROXY UNKNOWN\r\n".to_vec()),
        ("UNKNOWN with addresses", b"PROXY UNKNOWN ffff:f::f 2001:db8::1 65535 65535\r\n".to_vec()),
        ("LOCAL", version_2(0, 0, &[])),
        ("LOCAL with addresses", version_2(0, 0x11, &[198, 51, 100, 7, 192, 0, 2, 2, 0, 1, 0, 2])),
        ("LOCAL of no family with extensions", version_2(0, 0, &extension(50))),
    ];
    for (of, header) in &cases {
        assert_taken_for(&setup, &service, of, header, "127.0.88.0/24");
    }
    wait_until("all are counted", || headers(&service, "local") == 2.0 * cases.len() as f64);
}

#[test]
fn a_header_may_come_in_pieces() {
    let (setup, service) = start(TRUSTED);
    for header in [b"PROXY TCP4 198.51.100.7 192.0.2.2 1 2\r\n".to_vec(), version_2_for("198.51.100.7")] {
        let mut stream = connect(PROXY, service.lookup);
        stream.set_nodelay(true).unwrap();
        for byte in header {
            stream.write_all(&[byte]).unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut connection = setup.client(Some(&setup.selector)).over(stream).unwrap();
        assert_eq!(connection.get(TARGET).unwrap().status, 200);
    }
}

/// Whether it is closed without a word.
fn is_closed(mut stream: TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn what_begins_with_no_good_header_is_closed_where_there_must_be_one() {
    let (setup, service) = start(TRUSTED);
    let good = [198, 51, 100, 7, 192, 0, 2, 2, 0, 1, 0, 2];
    let cases = [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("garbage", vec![0xff; 300]),
        ("lower case", b"proxy UNKNOWN\r\n".to_vec()),
        ("a wrong address", b"PROXY TCP4 198.51.100.256 192.0.2.2 1 2\r\n".to_vec()),
        ("no port", b"PROXY TCP4 198.51.100.7 192.0.2.2\r\n".to_vec()),
        ("a line without an end", [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat()),
        ("a long line", [&b"PROXY UNKNOWN "[..], &[b'x'; 200], b"\r\n"].concat()),
        ("another version", [SIGNATURE, &[0x31, 0x11, 0, 12], &good].concat()),
        ("another command", version_2(2, 0x11, &good)),
        ("half an address", version_2(1, 0x11, &good[..7])),
        ("64 kB", version_2(1, 0x11, &[&good[..], &vec![4; 65_000]].concat())),
        ("a longer one to come", [SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat()),
    ];
    for (of, bytes) in &cases {
        let mut stream = connect(PROXY, service.lookup);
        // It may be closed before all is sent.
        _ = stream.write_all(bytes);
        assert!(is_closed(stream), "{of}");
    }
    let tls = setup.client(Some(&setup.selector)).over(connect(PROXY, service.lookup));
    assert!(tls.is_err(), "a client that connects directly");
    let refused = cases.len() as f64 + 1.0;
    wait_until("all are counted", || headers(&service, "refused") == refused);
    // Who goes in the middle of one is counted too, but is no one to close.
    drop(connect(PROXY, service.lookup));
    let mut half = connect(PROXY, service.lookup);
    half.write_all(&SIGNATURE[..7]).unwrap();
    drop(half);
    wait_until("all are counted", || headers(&service, "refused") == refused + 2.0);
    assert_taken_for(&setup, &service, "a good one", &version_2_for("198.51.100.7"), "198.51.100.0/24");
    let told = |line: &Value| line["message"] == "no good PROXY header" && line["level"] == "DEBUG";
    assert!(service.log().iter().any(told), "it is in the log");
}

#[test]
fn a_header_has_the_handshakes_deadline() {
    let mut setup = Setup::new();
    setup.section("proxy", TRUSTED).section("limits", "handshake = 1");
    let service = Service::start_green(&setup);
    for header in [&b""[..], b"PROXY TCP4 198.51.", &SIGNATURE[..9], &version_2_for("198.51.100.7")[..20]] {
        let begun = Instant::now();
        let mut stream = connect(PROXY, service.lookup);
        let mut rest = header.iter();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        loop {
            // A byte now and then gains no time.
            let sent = rest.next().map_or(Ok(()), |byte| stream.write_all(&[*byte]));
            match stream.read(&mut [0; 1]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && sent.is_ok() => {}
                _ => break,
            }
            assert!(begun.elapsed() < PATIENCE, "still open");
        }
        assert!(begun.elapsed() >= Duration::from_secs(1), "closed after {:?}", begun.elapsed());
    }
    wait_until("four timeouts are counted", || headers(&service, "timeout") == 4.0);
    // The header and the handshake share it: what one takes the other has not.
    let begun = Instant::now();
    let mut stream = connect(PROXY, service.lookup);
    std::thread::sleep(Duration::from_millis(700));
    _ = stream.write_all(b"PROXY UNKNOWN\r\n");
    assert!(is_closed(stream));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let timeouts = || service.metrics().sum("croupier_handshakes_total", &[("result", "timeout")]);
    wait_until("the handshake's timeout is counted", || timeouts() == 1.0);
}

#[test]
fn from_anywhere_else_a_header_is_not_read() {
    let (setup, service) = start(TRUSTED);
    let client = setup.client(Some(&setup.selector));
    for header in [version_2_for("198.51.100.7"), b"PROXY UNKNOWN\r\n".to_vec()] {
        assert!(client.behind(&header, connect("127.0.89.1", service.lookup)).is_err(), "it is no TLS");
    }
    assert_eq!(client.over(connect("127.0.89.1", service.lookup)).unwrap().get(TARGET).unwrap().status, 200);
    wait_until("both are told", || failed(&service).len() == 2);
    assert_eq!(failed(&service), ["127.0.89.0/24", "127.0.89.0/24"]);
    for result in ["proxied", "local", "refused", "timeout"] {
        assert_eq!(headers(&service, result), 0.0, "{result}");
    }
}

#[test]
fn networks_are_of_either_family_whatever_the_listeners() {
    let mut setup = Setup::new();
    setup
        .section("listen", "lookup = \"[::]:0\"\nhealth = \"127.0.0.1:0\"")
        .section("proxy", "trusted = [\"127.0.88.1\", \"::1/128\"]");
    let service = Service::start_green(&setup);
    let client = setup.client(Some(&setup.selector));
    let at = |address: &str| (address.parse::<IpAddr>().unwrap(), service.lookup.port()).into();
    // To a listener of both families, IPv4 clients are mapped.
    for (from, to) in [(PROXY, "127.0.0.1"), ("::1", "::1")] {
        let header = version_2_for("198.51.100.7");
        assert_eq!(client.behind(&header, connect(from, at(to))).unwrap().get(TARGET).unwrap().status, 200, "{from}");
        assert!(client.over(connect(from, at(to))).is_err(), "{from}, without a header");
    }
    assert_eq!(client.over(connect("127.0.88.2", at("127.0.0.1"))).unwrap().get(TARGET).unwrap().status, 200);
    assert_eq!(headers(&service, "proxied"), 2.0);
}

#[test]
fn the_probe_needs_no_header_wherever_it_comes_from() {
    let mut setup = Setup::new();
    setup
        .section("listen", "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"[::1]:0\"")
        .section("proxy", "trusted = [\"0.0.0.0/0\", \"::/0\"]");
    let service = Service::start_green(&setup);
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let (status, document) = service.health();
        assert_eq!((status, &document["status"]), (200, &Value::from("pass")), "{document}");
        std::thread::sleep(Duration::from_millis(200));
    }
    for result in ["proxied", "local", "refused", "timeout"] {
        assert_eq!(headers(&service, result), 0.0, "{result}");
    }
    // Everyone else does, on the admin listener too.
    let admin = setup.client(Some(&Leaf::client("ops-1.example").issued_by(&setup.pki.ops)));
    let connect = || TcpStream::connect(service.admin.unwrap()).unwrap();
    assert!(admin.over(connect()).is_err());
    let mut through = admin.behind(&version_2_for("198.51.100.7"), connect()).unwrap();
    assert_eq!(through.get("/table").unwrap().status, 200);
}

const CHECK: &str = "GET /readyz HTTP/1.0\r\n\r\n";

/// Whether a health check that begins with these bytes is answered.
fn is_checked(service: &Service, from: &str, header: &[u8]) -> bool {
    let mut stream = connect(from, service.health);
    _ = stream.write_all(&[header, CHECK.as_bytes()].concat());
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    answer.starts_with(b"HTTP/1.0 200")
}

#[test]
fn health_checks_begin_with_a_header_only_if_they_are_said_to() {
    let (_setup, service) = start(TRUSTED);
    let header = version_2(0, 0, &[]);
    assert!(is_checked(&service, PROXY, b""));
    assert!(!is_checked(&service, PROXY, &header));
    drop(service);

    let (_setup, service) = start(&format!("{TRUSTED}\nhealth = true"));
    assert!(is_checked(&service, PROXY, &header));
    assert!(is_checked(&service, PROXY, b"PROXY UNKNOWN\r\n"));
    assert!(is_checked(&service, PROXY, &version_2_for("198.51.100.7")));
    assert!(!is_checked(&service, PROXY, b""));
    assert!(is_checked(&service, "127.0.0.1", b""), "others are as ever");
    assert!(!is_checked(&service, "127.0.0.1", &header));
    assert_eq!(plain(service.health, CHECK).unwrap().status, 200);
}
