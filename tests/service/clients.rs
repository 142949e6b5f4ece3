//! Who is let in: certificates good, odd and forged, and what each is told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::AlertDescription::{
    AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, HandshakeFailure, UnknownCA,
    UnsupportedCertificate,
};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConnection, HandshakeKind, SupportedProtocolVersion};
use time::Duration;

use crate::frames;
use crate::harness::{Authority, Identity, Leaf, PATIENCE, Service, Setup, refused_start, wait_until};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

const TARGET: &str = "/lookup?ip=192.0.2.1";

fn selector() -> Leaf {
    Leaf::client("media-selector-7.example")
}

/// The `[clients]` section with these allow entries: issuer, role, and names if not empty.
fn clients(entries: &[(&str, &str, &str)]) -> String {
    let mut section = "ca = [\"certs/root.pem\"]\n".to_owned();
    for (issuer, role, names) in entries {
        section += &format!("[[clients.allow]]\nissuer = \"certs/{issuer}.pem\"\nrole = \"{role}\"\n");
        if !names.is_empty() {
            section += &format!("san = [{names}]\n");
        }
    }
    section
}

/// Checks that an identity is turned away in both TLS versions, with one of these alerts.
#[track_caller]
fn assert_refused(
    setup: &Setup,
    service: &Service,
    of: &str,
    identity: Option<&Identity>,
    alerts: &[AlertDescription],
) {
    for version in VERSIONS {
        let alert = setup.client_of(version, identity).alert(service.lookup);
        assert!(alert.is_some_and(|alert| alerts.contains(&alert)), "{of}, {:?}: {alert:?}", version.version);
    }
}

/// The statuses of a lookup in both TLS versions.
#[track_caller]
fn statuses(setup: &Setup, service: &Service, identity: &Identity) -> [u16; 2] {
    VERSIONS.map(|version| setup.client_of(version, Some(identity)).get(service.lookup, TARGET).unwrap().status)
}

#[test]
fn a_client_without_a_certificate_is_told_to_bring_one() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    assert_eq!(setup.client_of(&TLS13, None).alert(service.lookup), Some(CertificateRequired));
    // TLS 1.2 has no alert of that name.
    assert_refused(&setup, &service, "none", None, &[CertificateRequired, HandshakeFailure]);
    wait_until("the refusals are counted", || {
        service.metrics().sum("croupier_client_refusals_total", &[("reason", "no_certificate")]) == 3.0
    });
    assert_eq!(service.metrics().sum("croupier_handshakes_total", &[("result", "refused")]), 3.0);
}

#[test]
fn a_good_client_is_answered_with_or_without_its_chain() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let whole = selector().issued_by(&setup.pki.media);
    for (of, sent) in [
        ("leaf and issuer", whole.clone()),
        ("leaf only", whole.with(&[])),
        ("with the root", whole.with(&[&setup.pki.media, &setup.pki.root])),
        ("out of order", whole.with(&[&setup.pki.root, &setup.pki.media])),
        ("with another CA between", whole.with(&[&setup.pki.ops, &setup.pki.media])),
        ("without a key usage", selector().usages(&[]).issued_by(&setup.pki.media)),
    ] {
        assert_eq!(statuses(&setup, &service, &sent), [200, 200], "{of}");
    }
}

#[test]
fn another_issuer_below_the_same_root_is_refused() {
    let setup = Setup::new();
    let news = setup.pki.root.issuing("Test news CA");
    let service = Service::start(&setup);
    let leaf = selector().issued_by(&news);
    let by_root = selector().issued_by(&setup.pki.root);
    for (of, identity) in [
        ("its own chain", leaf.clone()),
        ("stuffed with the allowed issuer first", leaf.with(&[&setup.pki.media, &news])),
        ("stuffed with the allowed issuer last", leaf.with(&[&news, &setup.pki.media])),
        ("stuffed many times", leaf.with(&[&setup.pki.media, &news, &setup.pki.media, &setup.pki.root])),
        ("issued by the root itself", by_root.with(&[])),
        ("issued by the root itself, stuffed", by_root.with(&[&setup.pki.media])),
    ] {
        assert_refused(&setup, &service, of, Some(&identity), &[AccessDenied]);
    }
    // Without the issuer's certificate there is no path to judge.
    assert_refused(&setup, &service, "leaf only", Some(&leaf.with(&[])), &[UnknownCA]);
    assert_refused(&setup, &service, "a wrong one", Some(&leaf.with(&[&setup.pki.media])), &[UnknownCA]);
}

#[test]
fn another_root_is_unknown() {
    let setup = Setup::new();
    let other = Authority::root("Another root");
    let media = other.issuing("Another media CA");
    let service = Service::start(&setup);
    let leaf = selector().issued_by(&media);
    for (of, identity) in [
        ("its own chain", leaf.clone()),
        ("with its root", leaf.with(&[&media, &other])),
        ("self-signed", selector().issued_by(&other).with(&[&other])),
    ] {
        assert_refused(&setup, &service, of, Some(&identity), &[UnknownCA]);
    }
}

#[test]
fn a_ca_that_bears_the_allowed_ones_name_is_refused() {
    let setup = Setup::new();
    let news = setup.pki.root.below("Test news CA", |_| {});
    let below = news.below("Test media CA", |_| {});
    let alone = Authority::root("Test media CA");
    let as_root = Authority::root("Test root");
    let below_fake_root = as_root.issuing("Test media CA");
    let service = Service::start(&setup);
    let media = &setup.pki.media;
    let leaf = selector().issued_by(&below);
    assert_refused(&setup, &service, "below another CA", Some(&leaf.with(&[&below, &news])), &[AccessDenied]);
    let stuffed = leaf.with(&[media, &below, &news]);
    assert_refused(&setup, &service, "below another CA, stuffed", Some(&stuffed), &[AccessDenied]);
    // No path leads to a root that is trusted, whoever the certificates say they are.
    let leaf = selector().issued_by(&alone);
    for (of, identity) in [
        ("self-made", leaf.clone()),
        ("self-made, leaf only", leaf.with(&[])),
        ("self-made, stuffed", leaf.with(&[media, &alone])),
        ("below a fake root", selector().issued_by(&below_fake_root).with(&[&below_fake_root, &as_root])),
    ] {
        assert_refused(&setup, &service, of, Some(&identity), &[UnknownCA, BadCertificate]);
    }
}

#[test]
fn a_ca_below_the_allowed_one_is_refused() {
    let mut setup = Setup::new();
    let open = setup.pki.root.below("Test open CA", |_| {});
    let child = open.issuing("Test child CA");
    setup.write("certs/open.pem", open.pem());
    setup.section("clients", &clients(&[("open", "lookup", "")])).section("health", "");
    let service = Service::start(&setup);
    assert_eq!(statuses(&setup, &service, &selector().issued_by(&open)), [200, 200], "the allowed one itself");
    let leaf = selector().issued_by(&child);
    for identity in [leaf.clone(), leaf.with(&[&child, &open]), leaf.with(&[&open, &child])] {
        assert_refused(&setup, &service, "child", Some(&identity), &[AccessDenied]);
    }
}

#[test]
fn a_leaf_is_no_ca() {
    let setup = Setup::new();
    // A client that signs certificates with its own key, under its own name.
    let client = setup.pki.media.below("media-selector-7.example", |parameters| parameters.is_ca = IsCa::NoCa);
    let service = Service::start(&setup);
    let leaf = selector().issued_by(&client).with(&[&client, &setup.pki.media]);
    for version in VERSIONS {
        assert!(setup.client_of(version, Some(&leaf)).alert(service.lookup).is_some());
    }
}

#[test]
fn the_root_itself_can_be_the_issuer() {
    let mut setup = Setup::new();
    setup.section("clients", &clients(&[("root", "lookup", "")])).section("health", "");
    let service = Service::start(&setup);
    let leaf = selector().issued_by(&setup.pki.root);
    for identity in [leaf.clone(), leaf.with(&[])] {
        assert_eq!(statuses(&setup, &service, &identity), [200, 200]);
    }
    let below = selector().issued_by(&setup.pki.media);
    assert_refused(&setup, &service, "below the root", Some(&below), &[AccessDenied]);
}

#[test]
fn an_intermediate_between_root_and_issuer_is_fine_if_it_may_sign() {
    let mut setup = Setup::new();
    let region = setup.pki.root.below("Test region CA", |_| {});
    let good = region.issuing("Test good CA");
    let lame =
        setup.pki.root.below("Test lame CA", |parameters| parameters.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let below_lame = lame.issuing("Test issuer below a lame CA");
    setup.write("certs/good.pem", good.pem() + &region.pem());
    setup.section("clients", &clients(&[("good", "lookup", "")])).section("health", "");
    let service = Service::start(&setup);
    let leaf = selector().issued_by(&good);
    assert_eq!(statuses(&setup, &service, &leaf.with(&[&good, &region])), [200, 200]);
    assert_eq!(statuses(&setup, &service, &leaf.with(&[])), [200, 200], "the file completes the path");
    drop(service);
    setup.write("certs/good.pem", good.pem());
    assert!(refused_start(&setup).errors.contains("certs/good.pem"), "nothing links it to the root");
    setup.write("certs/below-lame.pem", below_lame.pem() + &lame.pem());
    setup.section("clients", &clients(&[("below-lame", "lookup", "")]));
    assert!(refused_start(&setup).errors.contains("may not issue"), "keyCertSign is missing");
}

#[test]
fn a_certificate_for_another_purpose_is_refused() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let media = &setup.pki.media;
    assert_eq!(statuses(&setup, &service, &selector().purposes(&both).issued_by(media)), [200, 200]);
    for (of, leaf) in [
        ("serverAuth only", selector().purposes(&[ExtendedKeyUsagePurpose::ServerAuth])),
        ("no extended key usage", selector().purposes(&[])),
        ("codeSigning", selector().purposes(&[ExtendedKeyUsagePurpose::CodeSigning])),
        ("keyAgreement only", selector().usages(&[KeyUsagePurpose::KeyAgreement])),
        ("keyEncipherment only", selector().usages(&[KeyUsagePurpose::KeyEncipherment])),
        ("keyCertSign only", selector().usages(&[KeyUsagePurpose::KeyCertSign])),
    ] {
        assert_refused(&setup, &service, of, Some(&leaf.issued_by(media)), &[UnsupportedCertificate]);
    }
}

#[test]
fn a_certificate_out_of_date_is_refused() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    for (of, leaf) in [
        ("expired", selector().valid(-Duration::hours(2), -Duration::hours(1))),
        ("expired just now", selector().valid(-Duration::hours(2), -Duration::seconds(2))),
        ("not yet valid", selector().valid(Duration::hours(1), Duration::hours(2))),
    ] {
        assert_refused(&setup, &service, of, Some(&leaf.issued_by(&setup.pki.media)), &[CertificateExpired]);
    }
}

/// Until when a leaf of this short life is good for certain, and after which it is surely not.
const SHORT_LIFE: Duration = Duration::seconds(6);

fn wait_out(service: &Service, from: Instant) {
    let ends = from + SHORT_LIFE.unsigned_abs() + std::time::Duration::from_secs(2);
    std::thread::sleep(ends.saturating_duration_since(Instant::now()));
    assert_ne!(service.metrics().samples.len(), 0, "the service lives");
}

#[test]
fn a_resumed_session_is_decided_again() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let leaf = selector().valid(-Duration::hours(1), SHORT_LIFE).issued_by(&setup.pki.media);
    let begun = Instant::now();
    let clients = VERSIONS.map(|version| setup.client_of(version, Some(&leaf)));
    for client in &clients {
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut connection = client.connect(service.lookup).unwrap();
            assert_eq!(connection.get(TARGET).unwrap().status, 200);
            assert_eq!(connection.handshake_kind(), kind);
        }
    }
    let metrics = service.metrics();
    assert_eq!(metrics.sum("croupier_handshakes_total", &[("result", "resumed")]), 4.0);
    assert_eq!(metrics.sum("croupier_handshakes_total", &[("result", "full")]), 2.0);

    wait_out(&service, begun);
    for client in &clients {
        let mut connection = client.connect(service.lookup).unwrap();
        assert_eq!(connection.handshake_kind(), HandshakeKind::Resumed, "a resumed session gets no alert, but");
        let response = connection.get(TARGET).unwrap();
        assert_eq!(response.status, 403, "its first request is refused");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert!(connection.is_closed_within(PATIENCE), "and the connection closed");
    }
    assert_eq!(service.metrics().sum("croupier_client_refusals_total", &[("reason", "expired")]), 2.0);
}

#[test]
fn a_refused_resumed_http2_session_is_closed() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let leaf = selector().valid(-Duration::hours(1), SHORT_LIFE).issued_by(&setup.pki.media);
    let begun = Instant::now();
    let client = setup.client(Some(&leaf));
    assert_eq!(client.get(service.lookup, TARGET).unwrap().status, 200);

    wait_out(&service, begun);
    let mut connection = client.offering("h2").connect(service.lookup).unwrap();
    assert_eq!(connection.handshake_kind(), HandshakeKind::Resumed);
    let request = frames::frame(frames::HEADERS, frames::END_STREAM | frames::END_HEADERS, 1, &frames::lookup());
    connection.send([frames::opening(&[]), request].concat()).unwrap();
    connection.wait_closed();
    let forbidden = service.metrics().sum("croupier_requests_total", &[("status", "403")]);
    assert_eq!(forbidden, 1.0);
}

#[test]
fn an_open_connection_is_decided_again_when_its_certificate_expires() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let leaf = selector().valid(-Duration::hours(1), SHORT_LIFE).issued_by(&setup.pki.media);
    let begun = Instant::now();
    let mut connection = setup.client(Some(&leaf)).connect(service.lookup).unwrap();
    let mut lasting = setup.client(Some(&setup.selector)).connect(service.lookup).unwrap();
    assert_eq!(connection.get(TARGET).unwrap().status, 200);
    assert_eq!(lasting.get(TARGET).unwrap().status, 200);

    wait_out(&service, begun);
    // Refused, or closed already.
    if let Ok(response) = connection.get(TARGET) {
        assert_eq!(response.status, 403);
        assert!(connection.is_closed_within(PATIENCE));
    }
    assert_eq!(lasting.get(TARGET).unwrap().status, 200);
}

#[test]
fn early_data_is_not_offered() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let mut client = setup.client_of(&TLS13, Some(&setup.selector));
    Arc::get_mut(&mut client.config).unwrap().enable_early_data = true;
    assert_eq!(client.get(service.lookup, TARGET).unwrap().status, 200);
    let name = "localhost".try_into().unwrap();
    let mut next = ClientConnection::new(Arc::clone(&client.config), name).unwrap();
    assert!(next.early_data().is_none(), "the session's ticket allows no early data");
    assert_eq!(client.connect(service.lookup).unwrap().handshake_kind(), HandshakeKind::Resumed);
}

#[test]
fn names_narrow_who_is_let_in() {
    let mut setup = Setup::new();
    let names = r#""media-selector-*.example", "spiffe://example/media/*""#;
    setup.section("clients", &clients(&[("media-ca", "lookup", names)])).section("health", "");
    let service = Service::start(&setup);
    let media = &setup.pki.media;
    let uri = |uri: &str| Leaf::client("x").uri(uri).issued_by(media);
    let dns = |name: &str| Leaf::client(name).issued_by(media);
    for identity in [
        dns("media-selector-1.example"),
        dns("MEDIA-selector-long-name.Example"),
        uri("spiffe://example/media/selector"),
        Leaf::client("other.example")
            .change(|parameters| {
                let second = rcgen::SanType::DnsName("media-selector-2.example".try_into().unwrap());
                parameters.subject_alt_names.push(second);
            })
            .issued_by(media),
    ] {
        assert_eq!(statuses(&setup, &service, &identity), [200, 200]);
    }
    let bare =
        |name: &str| Leaf::client(name).change(|parameters| parameters.subject_alt_names.clear()).issued_by(media);
    for (of, identity) in [
        ("another name", dns("other.example")),
        ("a name within", dns("x.media-selector-1.example")),
        ("a label more", dns("media-selector-1.evil.example")),
        ("a suffix more", dns("media-selector-1.example.evil")),
        ("another path", uri("spiffe://example/news/selector")),
        ("a segment more", uri("spiffe://example/media/selector/x")),
        ("another trust domain", uri("spiffe://example.evil/media/selector")),
        ("the DNS name as a URI", uri("media-selector-1.example")),
        ("the name in the subject only", bare("media-selector-1.example")),
    ] {
        assert_refused(&setup, &service, of, Some(&identity), &[AccessDenied]);
    }
}

#[test]
fn roles_add_up_and_a_wrong_one_is_forbidden() {
    let mut setup = Setup::new();
    setup.section(
        "clients",
        &clients(&[
            ("media-ca", "admin", ""),
            ("media-ca", "lookup", "\"media-selector-*.example\""),
            ("ops-ca", "probe", "\"probe.example\""),
            ("ops-ca", "admin", "\"ops-*.example\""),
        ]),
    );
    let service = Service::start(&setup);
    let (media, ops) = (&setup.pki.media, &setup.pki.ops);
    for (of, identity, status) in [
        ("admin and lookup", selector().issued_by(media), 200),
        ("admin only", Leaf::client("other.example").issued_by(media), 403),
        ("probe", Leaf::client("probe.example").issued_by(ops), 200),
        ("admin of another CA", Leaf::client("ops-1.example").issued_by(ops), 403),
    ] {
        assert_eq!(statuses(&setup, &service, &identity), [status, status], "{of}");
    }
    let admin = Leaf::client("other.example").issued_by(media);
    let mut connection = setup.client(Some(&admin)).connect(service.lookup).unwrap();
    for target in [TARGET, "/lookup?ip=x", "/lookup"] {
        let response = connection.get(target).unwrap();
        assert_eq!(response.status, 403, "the role comes before the question: {target}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(response.json()["status"], 403);
    }
    assert!(service.metrics().sum("croupier_client_refusals_total", &[("reason", "role_missing")]) >= 3.0);
    // Nothing was looked up for anyone but `lookup` clients.
    let decided = service.metrics().sum("croupier_decisions_total", &[]);
    assert_eq!(decided, 2.0);
}

#[test]
fn an_issuer_that_may_not_sign_certificates_stops_the_start() {
    let mut setup = Setup::new();
    let no_usage =
        setup.pki.root.below("Test CRL signer", |parameters| parameters.key_usages = vec![KeyUsagePurpose::CrlSign]);
    setup.write("certs/no-usage.pem", no_usage.pem());
    let no_ca = setup.pki.root.below("Test no CA", |parameters| parameters.is_ca = IsCa::ExplicitNoCa);
    setup.write("certs/no-ca.pem", no_ca.pem());
    let expired = setup.pki.root.below("Test old CA", |parameters| {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.not_after = time::OffsetDateTime::now_utc() - Duration::minutes(1);
    });
    setup.write("certs/expired.pem", expired.pem());
    setup.write("certs/leaf.pem", setup.selector.with(&[]).chain_pem());
    let names = ["no-usage", "no-ca", "expired", "leaf"];
    let entries = names.map(|name| (name, "lookup", ""));
    setup.section("clients", &clients(&entries)).section("health", "");
    let ended = refused_start(&setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for name in names {
        assert!(ended.errors.contains(&format!("certs/{name}.pem")), "{name}: {}", ended.errors);
    }
}

#[test]
fn a_chain_over_64_kb_is_refused() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let many = vec![&setup.pki.media; 300];
    let stuffed = selector().issued_by(&setup.pki.media).with(&many);
    assert!(stuffed.chain.iter().map(|certificate| certificate.len()).sum::<usize>() > 1 << 16);
    for version in VERSIONS {
        assert!(setup.client_of(version, Some(&stuffed)).get(service.lookup, TARGET).is_err());
    }
    assert_eq!(statuses(&setup, &service, &setup.selector), [200, 200], "others are served");
}

/// Each of many CAs may have issued each of as many others: paths without number, and none leads anywhere.
#[test]
fn a_maze_of_cas_is_refused_at_once() {
    let setup = Setup::new();
    let service = Service::start(&setup);
    let layers: Vec<Vec<Authority>> = (0..5)
        .map(|layer| {
            let above = Authority::root(&format!("{}", layer + 1));
            (0..20).map(|_| above.below(&format!("{layer}"), |_| {})).collect()
        })
        .collect();
    let leaf = selector().issued_by(&layers[0][0]);
    let maze = leaf.with(&layers.iter().flatten().collect::<Vec<_>>());
    let begun = Instant::now();
    assert_refused(&setup, &service, "a maze", Some(&maze), &[UnknownCA, BadCertificate]);
    assert!(begun.elapsed() < Duration::seconds(2), "it took {:?} to turn away", begun.elapsed());
    // Whose path is short loses nothing by what it sends beside.
    let by_media = selector().issued_by(&setup.pki.media);
    let beside = [vec![&setup.pki.media], layers[0].iter().collect()].concat();
    assert_eq!(statuses(&setup, &service, &by_media.with(&beside)), [200, 200]);
}

#[test]
fn tls_1_1_is_refused() {
    const VERSION: [u8; 2] = [3, 2];
    const CIPHER_SUITES: [u8; 8] = [0, 6, 0xc0, 0x13, 0xc0, 0x14, 0, 0x2f];
    let setup = Setup::new();
    let service = Service::start(&setup);
    // Version, random, no session, cipher suites, no compression, no extensions.
    let hello = [VERSION.as_slice(), &[7; 32], &[0], &CIPHER_SUITES, &[1, 0], &[0, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], hello.as_slice()].concat();
    let mut stream = TcpStream::connect(service.lookup).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&record).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    // One fatal alert, `handshake_failure` or `protocol_version`, and nothing else.
    let alert = (received[0], &received[3..]);
    assert!([40, 70].iter().any(|description| alert == (21, [0, 2, 2, *description].as_slice())), "{received:?}");
}
