//! The three doors through which a client gets in: a new handshake, a resumed session, a connection
//! that is open already. Whatever ends the trust in a client shuts all three, in both versions of
//! TLS and of HTTP, with and without tickets, and for nobody else.

pub mod http2;
mod party;

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use party::{InFlight, Party};
use rustls::AlertDescription::{AccessDenied, CertificateExpired, CertificateRevoked};
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, HandshakeKind};

use crate::harness::{Authority, Crl, Identity, Leaf, PATIENCE, Service, Setup, wait_until};

const TARGET: &str = "/lookup?ip=192.0.2.1";

/// A service with a choice of issuers, and their revocation lists.
struct Doors {
    setup: Setup,
    news: Authority,
    service: Service,
}

impl Doors {
    /// Lets in clients of the media CA and of the news CA. Root and media CA have a list each, which
    /// revokes nothing.
    fn open() -> Self {
        let mut setup = Setup::new();
        let news = setup.pki.root.issuing("Test news CA");
        setup.write("certs/news-ca.pem", news.pem());
        setup.write("certs/root-crl.pem", Crl::new().pem_by(&setup.pki.root));
        setup.write("certs/media-crl.pem", Crl::new().pem_by(&setup.pki.media));
        let lists = "crls = [\"certs/root-crl.pem\", \"certs/media-crl.pem\"]";
        let entries = allow("media-ca") + &allow("news-ca");
        setup.section("clients", &format!("ca = [\"certs/root.pem\"]\n{lists}\n{entries}")).section("health", "");
        // Requests stay in flight for as long as a change takes.
        setup.section("limits", "write = 300");
        let service = Service::start(&setup);
        Self { setup, news, service }
    }

    fn arrive(&self, identity: &Identity) -> Party {
        Party::arrive(&self.setup, &self.service, identity)
    }

    /// Puts a list of the media CA into its place.
    fn publish(&self, list: &Crl) {
        self.change(|| self.setup.replace("certs/media-crl.pem", list.pem_by(&self.setup.pki.media)));
    }

    /// Changes something, and waits until that is in service.
    fn change(&self, change: impl FnOnce()) {
        let generation = || self.service.metrics().sum("croupier_trust_generation", &[]);
        let before = generation();
        change();
        wait_until("trust is reloaded", || generation() > before);
    }

    /// Checks that one client loses trust at all doors, for this reason, while another keeps it.
    fn assert_shut(
        &self,
        bystanders: Party,
        outsider: &Identity,
        (alert, reason): (AlertDescription, &str),
        change: impl FnOnce(),
    ) {
        let mut outsiders = self.arrive(outsider);
        let mut in_flight = InFlight::arrive(&self.setup, &self.service, outsider);
        bystanders.stays_in_while(|| {
            change();
            outsiders.assert_shut_out(alert);
            in_flight.assert_shut_out();
        });
        let metrics = self.service.metrics();
        let refusals = metrics.sum("croupier_client_refusals_total", &[("reason", reason)]);
        assert!(refusals > 0.0, "nobody was refused because of `{reason}`");
        assert_eq!(refusals, metrics.sum("croupier_client_refusals_total", &[]), "another reason than `{reason}`");
    }
}

/// An entry that lets in an issuer's clients.
fn allow(issuer: &str) -> String {
    format!("[[clients.allow]]\nissuer = \"certs/{issuer}.pem\"\nrole = \"lookup\"\n")
}

fn leaf(number: u8) -> Leaf {
    Leaf::client(&format!("media-selector-{number}.example"))
}

#[test]
fn a_revoked_certificate_is_shut_out() {
    let doors = Doors::open();
    let media = &doors.setup.pki.media;
    let (good, revoked) = (leaf(1).issued_by(media), leaf(2).issued_by(media));
    doors.assert_shut(doors.arrive(&good), &revoked, (CertificateRevoked, "revoked"), || {
        doors.publish(&Crl::new().number(2).revoking(&revoked));
    });
}

#[test]
fn the_clients_of_a_revoked_ca_are_shut_out() {
    let doors = Doors::open();
    let pki = &doors.setup.pki;
    let (good, revoked) = (leaf(1).issued_by(&doors.news), leaf(2).issued_by(&pki.media));
    doors.assert_shut(doors.arrive(&good), &revoked, (CertificateRevoked, "revoked"), || {
        let list = Crl::new().number(2).revoking_ca(&pki.media).pem_by(&pki.root);
        doors.change(|| doors.setup.replace("certs/root-crl.pem", list));
    });
}

#[test]
fn the_clients_of_an_issuer_that_is_no_longer_allowed_are_shut_out() {
    let doors = Doors::open();
    let (good, dismissed) = (leaf(1).issued_by(&doors.news), leaf(2).issued_by(&doors.setup.pki.media));
    doors.assert_shut(doors.arrive(&good), &dismissed, (AccessDenied, "issuer_not_allowed"), || {
        let configured = fs::read_to_string(doors.setup.path("croupier.toml")).unwrap();
        // Its list goes with it: it would be one of an unknown CA.
        let left = configured.replace(&allow("media-ca"), "").replace(", \"certs/media-crl.pem\"", "");
        doors.setup.replace("croupier.toml", left);
        doors.change(|| doors.service.signal("HUP"));
    });
}

#[test]
fn an_expired_certificate_is_shut_out_without_a_reload() {
    let doors = Doors::open();
    let media = &doors.setup.pki.media;
    let begun = Instant::now();
    let bystanders = doors.arrive(&leaf(1).issued_by(media));
    // Ten times as long as it takes to arrive on this machine, be it ever so busy.
    let life = (begun.elapsed() * 10).max(Duration::from_secs(4));
    let expired = leaf(2).valid(-time::Duration::hours(1), life.try_into().unwrap()).issued_by(media);
    // Certificates end with a whole second.
    let ends = Instant::now() + life + Duration::from_secs(1);
    doors.assert_shut(bystanders, &expired, (CertificateExpired, "expired"), || {
        thread::sleep(ends.saturating_duration_since(Instant::now()));
    });
    assert_eq!(doors.service.metrics().sum("croupier_trust_generation", &[]), 1.0);
}

#[test]
fn sessions_and_connections_outlive_a_reload() {
    let doors = Doors::open();
    let media = &doors.setup.pki.media;
    let (client, stranger) = (leaf(1).issued_by(media), leaf(2).issued_by(media));
    let mut clients = doors.arrive(&client);
    // A list that revokes another, then one of another CA.
    doors.publish(&Crl::new().number(2).revoking(&stranger));
    clients.assert_let_in();
    let list = Crl::new().number(2).pem_by(&doors.setup.pki.root);
    doors.change(|| doors.setup.replace("certs/root-crl.pem", list));
    clients.assert_let_in();
    assert_eq!(doors.service.metrics().sum("croupier_client_refusals_total", &[]), 0.0);
}

#[test]
fn a_list_that_is_left_out_takes_no_revocation_back() {
    let doors = Doors::open();
    let Setup { pki, .. } = &doors.setup;
    let client = leaf(1).issued_by(&pki.media);
    let list = Crl::new().number(2).revoking_ca(&pki.media).pem_by(&pki.root);
    doors.change(|| doors.setup.replace("certs/root-crl.pem", list));
    doors.setup.replace("certs/root-crl.pem", Crl::new().number(2).pem_by(&pki.media));
    let told = "the revocation list of `CN=Test root` is gone";
    wait_until("it is told", || doors.service.errors().contains(told));
    assert_eq!(doors.setup.client(Some(&client)).alert(doors.service.lookup), Some(CertificateRevoked));
}

#[test]
fn a_list_that_came_too_early_takes_effect_when_it_may() {
    let doors = Doors::open();
    let client = leaf(1).issued_by(&doors.setup.pki.media);
    // Clocks may differ by a minute, and this is a little more.
    let ahead = time::Duration::seconds(64);
    let list = Crl::new().number(2).revoking(&client).valid(ahead, time::Duration::days(1));
    doors.change(|| {
        doors.setup.replace("certs/media-crl.pem", list.pem_by(&doors.setup.pki.media));
        wait_until("it is told", || doors.service.errors().contains("is valid only from"));
        assert_eq!(doors.setup.client(Some(&client)).alert(doors.service.lookup), None);
    });
    assert_eq!(doors.setup.client_of(&TLS12, Some(&client)).alert(doors.service.lookup), Some(CertificateRevoked));
}

#[test]
fn a_certificate_that_is_put_back_gets_in_again() {
    let doors = Doors::open();
    let client = leaf(1).issued_by(&doors.setup.pki.media);
    doors.publish(&Crl::new().number(2).revoking(&client));
    for version in [&TLS12, &TLS13] {
        let alert = doors.setup.client_of(version, Some(&client)).alert(doors.service.lookup);
        assert_eq!(alert, Some(CertificateRevoked));
    }
    doors.publish(&Crl::new().number(3));
    doors.arrive(&client).assert_let_in();
}

#[test]
fn a_chain_of_resumed_sessions_does_not_outlive_its_certificate() {
    let doors = Doors::open();
    let client = leaf(1).issued_by(&doors.setup.pki.media);
    let mut chains = [&TLS12, &TLS13].map(|version| {
        let store: Arc<dyn ClientSessionStore> = Arc::new(ClientSessionMemoryCache::new(16));
        let mut client = doors.setup.client_of(version, Some(&client));
        Arc::get_mut(&mut client.config).unwrap().resumption = Resumption::store(Arc::clone(&store));
        let address = doors.service.lookup;
        assert_eq!(client.get(address, TARGET).unwrap().status, 200);
        move |status| {
            // With one ticket left to use, all that are there next time are from the session it resumed.
            let name = "localhost".try_into().unwrap();
            let ticket = store.take_tls13_ticket(&name);
            while store.take_tls13_ticket(&name).is_some() {}
            assert_eq!(ticket.is_some(), version == &TLS13);
            if let Some(ticket) = ticket {
                store.insert_tls13_ticket(name, ticket);
            }
            let mut connection = client.connect(address).unwrap();
            assert_eq!(connection.handshake_kind(), HandshakeKind::Resumed, "{version:?}");
            assert_eq!(connection.get(TARGET).unwrap().status, status, "{version:?}");
            assert!(status == 200 || connection.is_closed_within(PATIENCE));
        }
    });
    for chain in &mut chains {
        (0..4).for_each(|_| chain(200));
    }
    doors.publish(&Crl::new().number(2).revoking(&client));
    for chain in &mut chains {
        (0..4).for_each(|_| chain(403));
    }
}
