//! Addresses are personal data: what was looked up, and who asked, is in no log and no metric.

use std::net::{SocketAddr, TcpStream};

use http::Request;
use http_body_util::{BodyExt, Empty};
use tokio::net::TcpSocket;

use crate::harness::{Client, Leaf, Service, Setup, http2, plain, wait_until};

/// Where this test's clients connect from: an address that occurs nowhere else.
const PEER: &str = "127.0.77.99";

/// Addresses that are looked up, and mustn't be found anywhere.
const LOOKED_UP: [&str; 5] =
    ["198.18.66.201", "203.0.113.202", "2001:db8:1:77::203", "2001:db8:2abc:de::f204", "::ffff:198.18.66.205"];

/// What else must not be found: each but the subnet.
const PARTS: [&str; 8] = [PEER, "66.201", "113.202", "77::203", "f204", "66.205", "c612:42cd", "66.206"];

async fn connect(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{PEER}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Good, bad, refused and broken: everything a log line might be written about.
async fn traffic(setup: &Setup, service: &Service) {
    let good = setup.client(Some(&setup.selector));
    let mut connection = good.over(connect(service.lookup).await).unwrap();
    for address in LOOKED_UP {
        assert_eq!(connection.get(&format!("/lookup?ip={address}")).unwrap().status, 200);
        assert_eq!(connection.get(&format!("/lookup?ip={address}%20x")).unwrap().status, 400);
        assert_eq!(connection.get(&format!("/{address}")).unwrap().status, 404);
    }
    connection.send("GET /lookup?ip=198.18.66.206 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").unwrap();
    assert_eq!(connection.read().unwrap().status, 400);
    let mut connection = good.over(connect(service.lookup).await).unwrap();
    connection.send("GET /lookup?ip=198.18.66.206\r\nno such header\r\n\r\n").unwrap();
    _ = connection.read();

    let mut sender = http2(&good, service.lookup).await.unwrap();
    for address in LOOKED_UP {
        let request = Request::get(format!("https://localhost/lookup?ip={address}")).header("x-forwarded-for", PEER);
        let response = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }

    let stranger = Leaf::client("stranger.example").issued_by(&setup.pki.root);
    let expired = Leaf::client("media-selector-9.example").valid(-time::Duration::hours(2), -time::Duration::hours(1));
    let expired = expired.issued_by(&setup.pki.media);
    for refused in [setup.client(None), setup.client(Some(&stranger)), setup.client(Some(&expired))] {
        assert!(refused_over(&refused, connect(service.lookup).await), "refused");
    }
    // No TLS at all, and a connection that is cut.
    _ = plain(service.lookup, "GET /lookup?ip=198.18.66.206 HTTP/1.1\r\nHost: x\r\n\r\n");
    drop(connect(service.lookup).await);
    drop(connect(service.health).await);
    _ = plain(service.health, "GET /lookup?ip=198.18.66.206 HTTP/1.1\r\nHost: x\r\n\r\n");
}

fn refused_over(client: &Client, stream: TcpStream) -> bool {
    client.over(stream).and_then(|mut connection| connection.get("/lookup?ip=198.18.66.206")).is_err()
}

async fn assert_private(level: &str) {
    let mut setup = Setup::new();
    setup.environment("CROUPIER_LOG_LEVEL", level);
    let service = Service::start_green(&setup);
    traffic(&setup, &service).await;
    let failed = || service.metrics().sum("croupier_handshakes_total", &[("result", "failed")]);
    wait_until("the last failures are counted", || failed() >= 2.0);
    for (of, text) in [
        ("the log", service.errors()),
        ("the metrics", service.metrics_text()),
        ("health", service.health().1.to_string()),
    ] {
        for part in PARTS {
            let line = text.lines().find(|line| line.contains(part));
            assert_eq!(line, None, "{part} is in {of} at level {level}");
        }
    }
    assert!(!service.log().is_empty(), "something is logged");
}

#[tokio::test]
async fn nothing_is_told_at_the_usual_level() {
    assert_private("info").await;
}

#[tokio::test]
async fn nothing_is_told_when_debugging() {
    assert_private("debug").await;
}

#[tokio::test]
async fn nothing_is_told_at_the_most_talkative_level() {
    assert_private("trace").await;
}
