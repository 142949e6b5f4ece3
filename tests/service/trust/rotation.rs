//! The server's certificate changes, and no client notices.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::AlertDescription::CertificateRevoked;

use crate::harness::{Leaf, Service, Setup, wait_until};
use crate::trusted::{Reloads, TARGET, Trusted, clients, list, selector};

/// Asks health all the time until told to end; it must never be red.
fn watch_health(service: &Service, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        let (status, document) = service.health();
        assert_eq!(status, 200, "{document}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends what watches it, however its owner ends.
struct Ends<'e>(&'e AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_certificate_waits_for_its_key() {
    let mut setup = Setup::new();
    setup.write("certs/media.crl", list(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", ""));
    let served = Trusted::start(setup);
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| watch_health(&served.service, &ends));
        let _ends = Ends(&ends);
        let before = served.shown();
        for key_first in [false, true] {
            let next = Leaf::server().issued_by(&served.setup.pki.ops);
            let mut halves = [("certs/server.pem", next.chain_pem()), ("certs/server.key", next.key_pem())];
            if key_first {
                halves.reverse();
            }
            let [(first, content), (second, rest)] = halves;
            let shown = served.shown();
            served.refused(|served| served.setup.replace(first, content));
            assert!(served.shown() == shown);
            served.wait_warning("trust_reload", &["certs/server.key: ", "not the key of"]);
            // Half a rotation holds back everything else: all of trust, or none.
            served.published(|served| served.setup.replace(second, rest));
            assert!(served.shown() == next.chain[0]);
            served.wait_pass();
        }
        assert!(served.shown() != before);
    });
    assert_eq!(served.generation(), 3.0);
}

/// A mounted secret: its folder is a symlink, and all of it changes at once.
#[test]
fn what_is_changed_together_is_published_together() {
    let mut setup = Setup::new();
    setup.write("certs/media.crl", list(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", ""));
    fs::rename(setup.path("certs"), setup.path("first")).unwrap();
    symlink("first", setup.path("certs")).unwrap();
    let served = Trusted::start(setup);
    let leaving = selector(&served.setup);
    let next = Leaf::server().issued_by(&served.setup.pki.ops);
    let revoking = list(2).revoking(&leaving).pem_by(&served.setup.pki.media);
    fs::create_dir(served.setup.path("second")).unwrap();
    for entry in fs::read_dir(served.setup.path("first")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), served.setup.path("second").join(entry.file_name())).unwrap();
    }
    served.setup.write("second/server.pem", next.chain_pem());
    served.setup.write("second/server.key", next.key_pem());
    served.setup.write("second/media.crl", revoking);
    symlink("second", served.setup.path("next")).unwrap();
    served.published(|served| fs::rename(served.setup.path("next"), served.setup.path("certs")).unwrap());
    assert!(served.shown() == next.chain[0]);
    assert_eq!(served.alert(&leaving), Some(CertificateRevoked));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(served.reloads(), Reloads { published: 1.0, unchanged: 0.0, failed: 0.0 });
}

#[test]
fn a_rotation_under_load_fails_no_request_and_is_never_red() {
    let served = Trusted::start(Setup::new());
    let (ends, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let selector = served.setup.selector.clone();
    let lasting = || {
        let mut connection = served.connect(&selector);
        while !ends.load(Ordering::Relaxed) {
            assert_eq!(connection.get(TARGET).unwrap().status, 200);
            answered.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    // One client resumes its sessions, the other never does.
    let reconnecting = |resumes: bool| {
        let client = served.client(&selector);
        while !ends.load(Ordering::Relaxed) {
            let client = if resumes { client.clone() } else { served.client(&selector) };
            assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 200);
            answered.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    std::thread::scope(|scope| {
        let load = [
            scope.spawn(lasting),
            scope.spawn(lasting),
            scope.spawn(|| reconnecting(true)),
            scope.spawn(|| reconnecting(false)),
            scope.spawn(|| watch_health(&served.service, &ends)),
        ];
        let _ends = Ends(&ends);
        for _ in 0..5 {
            let next = Leaf::server().issued_by(&served.setup.pki.ops);
            let seen = answered.load(Ordering::Relaxed);
            served.published(|served| {
                served.setup.write_identity("server", &next);
                served.hang_up();
            });
            assert!(served.shown() == next.chain[0]);
            // Over a round of the probe, which must find the new one.
            let from = Instant::now();
            wait_until("the load goes on", || {
                let alive = !load.iter().any(std::thread::ScopedJoinHandle::is_finished);
                assert!(alive, "a client or health has failed");
                from.elapsed() > Duration::from_millis(1200) && answered.load(Ordering::Relaxed) > seen
            });
        }
    });
    let metrics = served.service.metrics();
    assert_eq!(metrics.sum("croupier_client_refusals_total", &[]), 0.0);
    assert_eq!(metrics.sum("croupier_handshakes_total", &[("result", "failed")]), 0.0);
    assert_eq!(metrics.sum("croupier_handshakes_total", &[("result", "refused")]), 0.0);
}
