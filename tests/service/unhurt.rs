//! Trust changes hundreds of times under load: whoever is trusted throughout notices nothing, and whoever
//! is not is refused at once, each time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use rustls::AlertDescription::CertificateRevoked;
use rustls::HandshakeKind;
use rustls::version::TLS13;

use crate::harness::{CLIENTS, Client, Connection, Crl, Leaf, PATIENCE, Service, Setup, http2};

const RELOADS: u64 = 500;

/// Each connection asks, and then waits this long: the machine has others to serve.
const PAUSE: Duration = Duration::from_millis(2);

const TARGET: &str = "/lookup?ip=192.0.2.1";

/// What all bystanders share.
#[derive(Clone, Default)]
struct Watch {
    done: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Watch {
    /// Does something again and again on a thread, until it is done.
    fn repeat(&self, mut act: impl FnMut() + Send + 'static) -> JoinHandle<()> {
        let watch = self.clone();
        std::thread::spawn(move || {
            while !watch.done.load(Ordering::Relaxed) {
                act();
                watch.answered.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        })
    }
}

/// Clients that are trusted throughout: open connections, and some that come back again and again.
fn bystanders(watch: &Watch, client: &Client, address: SocketAddr) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    for _ in 0..3 {
        let mut connection = client.connect(address).unwrap();
        threads.push(watch.repeat(move || assert_eq!(connection.get(TARGET).unwrap().status, 200)));
    }
    for _ in 0..2 {
        let client = client.clone();
        threads.push(watch.repeat(move || assert_eq!(client.get(address, TARGET).unwrap().status, 200)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut sender = runtime.block_on(http2(client, address)).unwrap();
    threads.push(watch.repeat(move || {
        let request = Request::get(format!("https://localhost{TARGET}")).body(Empty::<Bytes>::new()).unwrap();
        let response = runtime.block_on(sender.send_request(request)).unwrap();
        assert_eq!(response.status(), 200);
    }));
    threads
}

/// Asks the admin listener to reload; gives the generation of trust that it ends with. Trust may have been
/// reloaded already: the service looks at its files, too.
fn reload(admin: &mut Connection) -> u64 {
    admin.send("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").unwrap();
    let response = admin.read().unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["trust"]["generation"].as_u64().unwrap()
}

#[test]
fn hundreds_of_reloads_hurt_nobody_who_is_trusted() {
    let mut setup = Setup::new();
    setup.section("listen", "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"");
    setup.section("clients", &format!("crls = [\"certs/media-ca.crl\"]\n{CLIENTS}"));
    let victim = Leaf::client("media-selector-2.example").issued_by(&setup.pki.media);
    let list = |number: u64| {
        // Every second one revokes.
        let list = Crl::new().number(number);
        if number.is_multiple_of(2) { list.revoking(&victim) } else { list }.pem_by(&setup.pki.media)
    };
    setup.write("certs/media-ca.crl", list(1));
    let service = Service::start_green(&setup);
    let ops = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
    let mut admin = setup.client(Some(&ops)).connect(service.admin.unwrap()).unwrap();
    let watch = Watch::default();
    let threads = bystanders(&watch, &setup.client(Some(&setup.selector)), service.lookup);

    let returning = setup.client_of(&TLS13, Some(&victim));
    let mut open = Vec::new();
    for number in 2..=RELOADS + 1 {
        let is_revoked = number.is_multiple_of(2);
        if is_revoked {
            // Connections and tickets from when it was trusted.
            let mut connection = returning.connect(service.lookup).unwrap();
            assert_eq!(connection.get(TARGET).unwrap().status, 200);
            open.push(connection);
        }
        setup.replace("certs/media-ca.crl", list(number));
        assert_eq!(reload(&mut admin), number, "the list is in service");
        if is_revoked {
            let mut connection = open.pop().unwrap();
            assert_eq!(connection.get(TARGET).unwrap().status, 403, "list {number}: on the open connection");
            assert!(connection.is_closed_within(PATIENCE));
            let mut resumed = returning.connect(service.lookup).unwrap();
            assert_eq!(resumed.handshake_kind(), HandshakeKind::Resumed);
            assert_eq!(resumed.get(TARGET).unwrap().status, 403, "list {number}: on the resumed session");
            if number.is_multiple_of(20) {
                let anew = setup.client_of(&TLS13, Some(&victim));
                assert_eq!(anew.alert(service.lookup), Some(CertificateRevoked), "list {number}: anew");
            }
        }
        assert!(!threads.iter().any(JoinHandle::is_finished), "list {number}: a bystander was hurt");
    }
    watch.done.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }

    let metrics = service.metrics();
    let reloads = |result| metrics.sum("croupier_reloads_total", &[("what", "trust"), ("result", result)]);
    assert_eq!((reloads("published"), reloads("failed")), (RELOADS as f64, 0.0));
    assert_eq!(metrics.sum("croupier_trust_generation", &[]), (RELOADS + 1) as f64);
    assert_eq!(metrics.sum("croupier_requests_total", &[("status", "403")]), RELOADS as f64, "the victim's only");
    println!("{} answers over {RELOADS} reloads of trust", watch.answered.load(Ordering::Relaxed));
}
