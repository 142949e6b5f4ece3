//! A revocation reaches every client at once: new, resumed, and connected.

use http::Request;
use http_body_util::{BodyExt, Empty};
use rustls::AlertDescription::CertificateRevoked;
use rustls::HandshakeKind;

use crate::harness::{Identity, PATIENCE, Setup, http2, wait_until};
use crate::trusted::{TARGET, Trusted, VERSIONS, clients, list, selector};

/// A service whose media CA has a list that revokes nobody, and a client that it will revoke.
fn start() -> (Trusted, Identity) {
    let mut setup = Setup::new();
    let leaving = selector(&setup);
    setup.write("certs/media.crl", list(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", ""));
    (Trusted::start(setup), leaving)
}

fn revoke(served: &Trusted, leaving: &Identity) {
    let revoking = list(2).revoking(leaving).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", revoking));
}

#[test]
fn a_revoked_client_is_refused_on_new_resumed_and_open_connections() {
    let (served, leaving) = start();
    let at = served.service.lookup;
    let clients = VERSIONS.map(|version| served.setup.client_of(version, Some(&leaving)));
    let mut open = clients.each_ref().map(|client| client.connect(at).unwrap());
    let mut silent = clients[1].connect(at).unwrap();
    let mut staying = served.connect(&served.setup.selector);
    let other = served.client(&served.setup.selector);
    for connection in open.iter_mut().chain([&mut staying]) {
        assert_eq!(connection.get(TARGET).unwrap().status, 200);
    }
    assert_eq!(other.get(at, TARGET).unwrap().status, 200);
    revoke(&served, &leaving);

    assert_eq!(served.alert(&leaving), Some(CertificateRevoked), "new");
    for connection in open.iter_mut().chain([&mut silent]) {
        let response = connection.get(TARGET).unwrap();
        assert_eq!(response.status, 403, "open");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert!(!response.text().contains("revoked"), "what is wrong is the log's to tell");
        assert!(connection.is_closed_within(PATIENCE));
    }
    for client in &clients {
        for _ in 0..2 {
            let mut resumed = client.connect(at).unwrap();
            assert_eq!(resumed.handshake_kind(), HandshakeKind::Resumed);
            assert_eq!(resumed.get(TARGET).unwrap().status, 403, "resumed");
            assert!(resumed.is_closed_within(PATIENCE));
        }
    }
    assert_eq!(staying.get(TARGET).unwrap().status, 200, "others stay connected");
    let mut resumed = other.connect(at).unwrap();
    assert_eq!(resumed.handshake_kind(), HandshakeKind::Resumed, "and their sessions last");
    assert_eq!(resumed.get(TARGET).unwrap().status, 200);
    // Two new ones, three open, four resumed: each decision counts.
    assert_eq!(served.refusals("revoked"), 9.0);
    served.wait_pass();
}

#[test]
fn a_request_under_way_is_answered_and_pipelined_ones_after_it_are_not() {
    let (served, leaving) = start();
    let mut connection = served.connect(&leaving);
    connection.send(format!("GET {TARGET} HTTP/1.1\r\nHost: x\r\n")).unwrap();
    revoke(&served, &leaving);
    // Its header ends only now: the decision is made when the request is whole.
    connection.send(format!("\r\nGET {TARGET} HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
    assert_eq!(connection.read().unwrap().status, 403);
    connection.wait_closed();
}

#[tokio::test]
async fn an_http2_connection_of_a_revoked_client_is_refused_and_closed() {
    let (served, leaving) = start();
    let mut sender = http2(&served.client(&leaving), served.service.lookup).await.unwrap();
    let mut staying = http2(&served.client(&served.setup.selector), served.service.lookup).await.unwrap();
    let request = || Request::get(format!("https://localhost{TARGET}")).body(Empty::new()).unwrap();
    for sender in [&mut sender, &mut staying] {
        assert_eq!(sender.send_request(request()).await.unwrap().status(), 200);
    }
    revoke(&served, &leaving);
    let response = sender.send_request(request()).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(!response.headers().contains_key("connection"), "HTTP/2 has no such field");
    response.into_body().collect().await.unwrap();
    tokio::time::timeout(PATIENCE, async {
        while sender.ready().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is closed");
    assert_eq!(staying.send_request(request()).await.unwrap().status(), 200, "others stay connected");
}

#[test]
fn a_client_that_is_released_is_let_in_again() {
    let (served, leaving) = start();
    let client = served.client(&leaving);
    assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 200);
    revoke(&served, &leaving);
    assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 403);
    let released = list(3).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", released));
    assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 200);
    assert_eq!(served.alert(&leaving), None);
}

/// Removing an issuer, and adding one, reaches open connections like a revocation.
#[test]
fn a_changed_configuration_is_followed_by_every_connection() {
    let (mut served, _) = start();
    let news = served.setup.pki.root.issuing("Test news CA");
    served.setup.write("certs/news-ca.pem", news.pem());
    let reporter = crate::harness::Leaf::client("reporter.example").issued_by(&news);
    let mut open = served.connect(&served.setup.selector);
    assert_eq!(open.get(TARGET).unwrap().status, 200);
    assert!(served.alert(&reporter).is_some());

    let before = clients(&["media.crl"], "", "");
    served
        .setup
        .section("clients", &before.replace("certs/media-ca.pem", "certs/news-ca.pem").replace("media.crl", "n"));
    served.refused(Trusted::hang_up);
    assert_eq!(open.get(TARGET).unwrap().status, 200, "all of it or nothing: `certs/n` is missing");
    served.wait_warning("trust_reload", &["certs/n: ", "does not exist"]);

    served.setup.section("clients", &clients(&[], "", "").replace("certs/media-ca.pem", "certs/news-ca.pem"));
    served.published(Trusted::hang_up);
    assert_eq!(served.status(&reporter), 200);
    assert_eq!(open.get(TARGET).unwrap().status, 403);
    assert_eq!(served.alert(&served.setup.selector), Some(rustls::AlertDescription::AccessDenied));
    served.wait_pass();

    // And names: who is narrowed out is out.
    let narrow = clients(&[], "", "san = [\"media-*.example\"]").replace("certs/media-ca.pem", "certs/news-ca.pem");
    let mut open = served.connect(&reporter);
    assert_eq!(open.get(TARGET).unwrap().status, 200);
    served.setup.section("clients", &narrow);
    served.published(Trusted::hang_up);
    assert_eq!(open.get(TARGET).unwrap().status, 403);

    served.hang_up();
    wait_until("nothing new is counted so", || served.reloads().unchanged == 1.0);
    assert_eq!((served.generation(), served.reloads().published), (3.0, 2.0));
}
