//! Which of several revocation lists counts, for which certificates, and in which form.

use rcgen::CrlDistributionPoint;
use rustls::AlertDescription::{CertificateRevoked, CertificateUnknown};
use time::Duration;

use crate::harness::{Crl, Identity, Leaf, Setup, wait_until};
use crate::trusted::{TARGET, Trusted, clients, list, looker, selector};

const BOTH: [&str; 2] = ["a.crl", "b.crl"];

/// A client that the older list revokes, and one that the newer revokes.
struct Two {
    setup: Setup,
    before: Identity,
    after: Identity,
}

impl Two {
    fn new() -> Self {
        let setup = Setup::new();
        let [before, after] = [0, 1].map(|_| selector(&setup));
        Self { setup, before, after }
    }

    fn older(&self) -> String {
        list(1).valid(-Duration::hours(9), Duration::days(7)).revoking(&self.before).pem_by(&self.setup.pki.media)
    }

    fn newer(&self) -> String {
        list(2).revoking(&self.after).pem_by(&self.setup.pki.media)
    }

    /// The two files' content, or that of one file.
    fn start(mut self, files: &[&str]) -> (Trusted, Identity, Identity) {
        self.setup.section("clients", &clients(&BOTH[..files.len()], "", ""));
        for (name, content) in BOTH.iter().zip(files) {
            self.setup.write(&format!("certs/{name}"), content);
        }
        (Trusted::start(self.setup), self.before, self.after)
    }
}

#[test]
fn of_two_lists_the_newer_counts() {
    type Layout = fn(&Two) -> Vec<String>;
    let layouts: [(&str, Layout); 4] = [
        ("two files", |two| vec![two.older(), two.newer()]),
        ("two files, the newer first", |two| vec![two.newer(), two.older()]),
        ("one file", |two| vec![two.older() + &two.newer()]),
        ("one file, the newer first", |two| vec![two.newer() + &two.older()]),
    ];
    std::thread::scope(|scope| {
        for (of, layout) in layouts {
            scope.spawn(move || {
                let two = Two::new();
                let files = layout(&two);
                let (served, before, after) = two.start(&files.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(served.alert(&before), None, "{of}");
                assert_eq!(served.alert(&after), Some(CertificateRevoked), "{of}");
                let expiries = served.service.metrics().named("croupier_expiry_timestamp_seconds").count();
                assert_eq!(expiries, 6, "{of}: server, probe, three CAs, one list");
            });
        }
    });
}

/// An older list that stays in the configuration is no step back, whatever else changes.
#[test]
fn an_older_list_beside_the_newer_keeps_nothing_from_reloading() {
    for newer_first in [false, true] {
        let two = Two::new();
        let mut files = [two.older(), two.newer()];
        if newer_first {
            files.reverse();
        }
        let (served, before, after) = two.start(&files.each_ref().map(String::as_str));
        let next = Leaf::server().issued_by(&served.setup.pki.ops);
        served.published(|served| served.setup.write_identity("server", &next));
        assert!(served.shown() == next.chain[0]);
        assert_eq!(served.alert(&after), Some(CertificateRevoked));
        // The newer is followed by the next, and the older stays where it is.
        let third = list(3).revoking(&before).revoking(&after).pem_by(&served.setup.pki.media);
        served.published(|served| served.setup.replace(&format!("certs/{}", BOTH[usize::from(!newer_first)]), third));
        assert_eq!([&before, &after].map(|client| served.alert(client)), [Some(CertificateRevoked); 2]);
        // Without the newest only the oldest would be left: that is one.
        served.refused(|served| served.setup.replace(&format!("certs/{}", BOTH[usize::from(!newer_first)]), &files[0]));
        assert_eq!([&before, &after].map(|client| served.alert(client)), [Some(CertificateRevoked); 2]);
    }
}

#[test]
fn a_list_is_taken_as_pem_and_as_der() {
    let mut setup = Setup::new();
    let revoked = selector(&setup);
    let media = &setup.pki.media;
    setup.write("certs/media.crl", list(1).revoking(&revoked).signed_by(media).der());
    setup.section("clients", &clients(&["media.crl"], "", ""));
    let served = Trusted::start(setup);
    assert_eq!(served.alert(&revoked), Some(CertificateRevoked));
    assert_eq!(served.status(&served.setup.selector), 200);
    let text = list(2).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", format!("Issued daily\n\n{text}")));
    assert_eq!(served.status(&revoked), 200);
    let again = list(3).revoking(&revoked).signed_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", again.der()));
    assert_eq!(served.alert(&revoked), Some(CertificateRevoked));
    let windows = list(4).pem_by(&served.setup.pki.media).replace('\n', "\r\n");
    served.published(|served| served.setup.replace("certs/media.crl", windows));
    assert_eq!(served.status(&revoked), 200);
}

#[test]
fn a_revoked_ca_refuses_all_its_clients() {
    let mut setup = Setup::new();
    setup.write("certs/root.crl", list(1).pem_by(&setup.pki.root));
    setup.section("clients", &clients(&["root.crl"], "", ""));
    let served = Trusted::start(setup);
    let (selector, looker) = (served.setup.selector.clone(), looker(&served.setup));
    let client = served.client(&selector);
    let mut open = client.connect(served.service.lookup).unwrap();
    assert_eq!(open.get(TARGET).unwrap().status, 200);
    let revoking = list(2).revoking_ca(&served.setup.pki.media).pem_by(&served.setup.pki.root);
    served.published(|served| served.setup.replace("certs/root.crl", revoking));
    for sent in [selector.clone(), selector.with(&[]), selector.with(&[&served.setup.pki.media; 3])] {
        assert_eq!(served.alert(&sent), Some(CertificateRevoked));
    }
    assert_eq!(open.get(TARGET).unwrap().status, 403, "open");
    assert_eq!(client.get(served.service.lookup, TARGET).unwrap().status, 403, "resumed");
    assert_eq!(served.status(&looker), 200, "clients of the other CA");
    served.wait_pass();
}

/// A file that holds another CA's list by mistake must not set free what the lost one revoked.
#[test]
fn the_list_of_a_root_is_not_lost_by_a_slip() {
    let mut setup = Setup::new();
    setup.write("certs/root.crl", list(1).revoking_ca(&setup.pki.media).pem_by(&setup.pki.root));
    setup.section("clients", &clients(&["root.crl"], "", ""));
    let mut served = Trusted::start(setup);
    assert_eq!(served.alert(&served.setup.selector), Some(CertificateRevoked));
    let of_media = list(1).pem_by(&served.setup.pki.media);
    served.refused(|served| served.setup.replace("certs/root.crl", of_media));
    served.wait_warning("trust_reload", &["certs/root.crl", "`CN=Test root`"]);
    assert_eq!(served.alert(&served.setup.selector), Some(CertificateRevoked));
    // Taken out of the configuration it is meant.
    served.setup.section("clients", &clients(&[], "", ""));
    served.published(Trusted::hang_up);
    assert_eq!(served.alert(&served.setup.selector), None);
}

const POINT: &str = "http://crl.example/part-1.crl";

fn at_point(setup: &Setup, uris: &[&str]) -> Identity {
    let points = uris.iter().map(|uri| CrlDistributionPoint { uris: vec![(*uri).to_owned()] }).collect();
    let leaf =
        Leaf::client("media-selector-8.example").change(|parameters| parameters.crl_distribution_points = points);
    leaf.issued_by(&setup.pki.media)
}

#[test]
fn a_list_of_a_distribution_point_is_about_its_certificates_only() {
    let mut setup = Setup::new();
    let [good, revoked] = [0, 1].map(|_| at_point(&setup, &["http://crl.example/other.crl", POINT]));
    let elsewhere = at_point(&setup, &["http://crl.example/part-2.crl"]);
    let nowhere = selector(&setup);
    let part = |number| list(number).point(POINT).revoking(&revoked);
    setup.write("certs/part.crl", part(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["part.crl"], "", ""));
    let mut served = Trusted::start(setup);
    assert_eq!(served.alert(&good), None);
    assert_eq!(served.alert(&revoked), Some(CertificateRevoked));
    for uncovered in [&elsewhere, &nowhere] {
        assert_eq!(served.alert(uncovered), Some(CertificateUnknown), "nothing is known of it");
    }
    assert_eq!(served.refusals("crl_missing"), 4.0);
    assert_eq!(served.refusals("revoked"), 2.0);

    served.setup.section("clients", &clients(&["part.crl"], "", "crl = \"optional\""));
    served.published(Trusted::hang_up);
    for client in [&good, &elsewhere, &nowhere] {
        assert_eq!(served.alert(client), None, "optional");
    }
    assert_eq!(served.alert(&revoked), Some(CertificateRevoked), "optional, but revoked");

    // A second list fills the gap: the two are of different scope, so neither replaces the other.
    served.setup.write("certs/whole.crl", list(1).revoking(&elsewhere).pem_by(&served.setup.pki.media));
    served.setup.section("clients", &clients(&["part.crl", "whole.crl"], "", ""));
    served.published(Trusted::hang_up);
    assert_eq!([&good, &nowhere].map(|client| served.alert(client)), [None; 2]);
    assert_eq!([&revoked, &elsewhere].map(|client| served.alert(client)), [Some(CertificateRevoked); 2]);
    served.wait_pass();
}

/// Serial numbers of every length, and entries of a hundred thousand.
#[test]
fn an_entry_is_found_in_a_long_list() {
    const ENTRIES: u32 = 100_000;
    let mut setup = Setup::new();
    let leaf = |serial: &[u8]| {
        let serial = rcgen::SerialNumber::from_slice(serial);
        Leaf::client("media-selector-9.example").change(|parameters| parameters.serial_number = Some(serial))
    };
    let serials: [&[u8]; 5] = [&[1], &[0x7f; 2], &[0x80; 19], &[0xff], &[0x11; 20]];
    let revoked = serials.map(|serial| leaf(serial).issued_by(&setup.pki.media));
    let good = leaf(&[0x11; 19]).issued_by(&setup.pki.media);
    let crl = revoked.iter().fold(list(1), Crl::revoking).revoking_serials(1000..1000 + ENTRIES);
    setup.write("certs/media.crl", crl.signed_by(&setup.pki.media).der());
    setup.section("clients", &clients(&["media.crl"], "", ""));
    let served = Trusted::start(setup);
    for (serial, identity) in serials.iter().zip(&revoked) {
        assert_eq!(served.alert(identity), Some(CertificateRevoked), "{serial:x?}");
    }
    let last = leaf(&(1000 + ENTRIES - 1).to_be_bytes()).issued_by(&served.setup.pki.media);
    let beyond = leaf(&(1000 + ENTRIES).to_be_bytes()).issued_by(&served.setup.pki.media);
    assert_eq!(served.alert(&last), Some(CertificateRevoked));
    assert_eq!([&good, &beyond].map(|identity| served.alert(identity)), [None; 2]);
    wait_until("it passes", || served.service.health().0 == 200);
}
