//! What is told of refused clients, and of all that runs out.

use std::collections::BTreeMap;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::harness::{Authority, Client, Crl, Identity, Leaf, Setup, wait_until};
use crate::trusted::{TARGET, Trusted, clients, list, looker, selector};

const ATTEMPTS: usize = 20;

/// A client that is refused, why, and who it is.
struct Refused {
    client: Client,
    reason: &'static str,
    identity: Option<Identity>,
    name: &'static str,
    issuer: &'static str,
}

/// The lines that tell of refused clients.
fn lines(served: &Trusted) -> Vec<Value> {
    let is_refusal = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("refused a client"));
    served.service.log().into_iter().filter(is_refusal).collect()
}

fn serial(der: &CertificateDer<'_>) -> String {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let bytes: Vec<String> = certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn refused(setup: &Setup, revoked: &Identity) -> Vec<Refused> {
    let hour = time::Duration::hours(1);
    let (media, ops, root) = (&setup.pki.media, &setup.pki.ops, &setup.pki.root);
    let stranger = Authority::root("Nobody");
    let leaf = Leaf::client;
    let odd = leaf("odd.example").change(|parameters| {
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "a \"quoted\"\nname");
    });
    let of = |reason, identity: Identity, name, issuer| {
        let client = setup.client(Some(&identity));
        Refused { client, reason, identity: Some(identity), name, issuer }
    };
    let none = Refused { client: setup.client(None), reason: "no_certificate", identity: None, name: "", issuer: "" };
    vec![
        none,
        of("revoked", revoked.clone(), "media-selector-7.example", "CN=Test media CA"),
        of("expired", leaf("a.example").valid(-hour * 2, -hour).issued_by(media), "a.example", "CN=Test media CA"),
        of("not_yet_valid", leaf("b.example").valid(hour, hour * 2).issued_by(media), "b.example", "CN=Test media CA"),
        of("issuer_not_allowed", leaf("c.example").issued_by(root), "c.example", "CN=Test root"),
        of("unknown_issuer", leaf("d.example").issued_by(&stranger), "d.example", "CN=Nobody"),
        of("name_not_allowed", odd.issued_by(ops), "odd.example", "CN=Test ops CA"),
        of("usage", leaf("e.example").purposes(&[]).issued_by(media), "e.example", "CN=Test media CA"),
    ]
}

#[test]
fn a_refused_client_is_told_once_and_counted_each_time() {
    let mut setup = Setup::new();
    let revoked = selector(&setup);
    setup.write("certs/media.crl", list(1).revoking(&revoked).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", "")).section("log", "level = \"warn\"");
    let served = Trusted::start(setup);
    let all = refused(&served.setup, &revoked);
    let attempt = |times| {
        for Refused { client, reason, .. } in &all {
            for _ in 0..times {
                assert!(client.alert(served.service.lookup).is_some(), "{reason}");
            }
        }
    };
    attempt(ATTEMPTS / 2);
    // What has been told is remembered over a reload.
    let next = list(2).revoking(&revoked).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", next));
    attempt(ATTEMPTS / 2);

    let handshakes = || served.service.metrics().sum("croupier_handshakes_total", &[("result", "refused")]);
    wait_until("all handshakes are counted", || handshakes() == (ATTEMPTS * all.len()) as f64);
    let lines = lines(&served);
    assert_eq!(lines.len(), all.len(), "{lines:#?}");
    for Refused { reason, identity, name, issuer, .. } in &all {
        assert_eq!(served.refusals(reason), ATTEMPTS as f64, "{reason}");
        let line = lines.iter().find(|line| line["reason"] == *reason).unwrap();
        assert_eq!((&line["level"], &line["client"]), (&Value::from("WARN"), &Value::from("127.0.0.0/24")), "{line}");
        assert!(!line.to_string().contains("127.0.0.1"), "{line}");
        assert_eq!(line["silent"], 0, "{line}");
        let Some(identity) = identity else {
            assert!(line["subject"].is_null(), "{line}");
            continue;
        };
        assert!(line["subject"].as_str().unwrap().contains(&format!("CN={name}")), "{line}");
        assert_eq!(line["names"], format!("DNS:{name}"), "{line}");
        assert_eq!(line["issuer"], *issuer, "{line}");
        assert_eq!(line["serial"], serial(&identity.chain[0]), "{line}");
    }
    assert_eq!(served.refusals("crl_expired"), 0.0);
    let errors = served.service.errors();
    assert!(errors.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "one line each: {errors}");
}

#[test]
fn names_of_every_kind_are_told_and_another_certificate_is_another_client() {
    let served = Trusted::start(Setup::new());
    let stranger = |uri: &str| Leaf::client("x").uri(uri).issued_by(&served.setup.pki.root);
    let [first, second] = ["spiffe://example/one", "spiffe://example/two"].map(stranger);
    for identity in [&first, &second, &first, &second, &first.with(&[])] {
        assert!(served.client(identity).alert(served.service.lookup).is_some());
    }
    let told: Vec<Value> = lines(&served).iter().map(|line| line["names"].clone()).collect();
    assert_eq!(told, ["URI:spiffe://example/one", "URI:spiffe://example/two"]);
}

/// The probe's own certificate may be revoked: a pity, but nobody was refused.
#[test]
fn the_probe_is_never_a_refusal() {
    let mut setup = Setup::new();
    let probe = looker(&setup);
    setup.write_identity("probe", &probe);
    setup.write("certs/ops.crl", list(1).pem_by(&setup.pki.ops));
    let listen = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";
    setup.section("clients", &clients(&["ops.crl"], "", "")).section("listen", listen);
    let served = Trusted::start(setup);
    let counted = || {
        let metrics = served.service.metrics();
        ["croupier_client_refusals_total", "croupier_handshakes_total", "croupier_requests_total"]
            .map(|name| metrics.sum(name, &[]))
    };
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(counted(), [0.0; 3]);
    let revoking = list(2).revoking(&probe).pem_by(&served.setup.pki.ops);
    served.published(|served| served.setup.replace("certs/ops.crl", revoking));
    served.wait_warning("lookup", &["revoked"]);
    // Whatever it is doing when its certificate is revoked, and let in again, and revoked.
    for number in 3..40 {
        let crl = if number % 2 == 0 { list(number).revoking(&probe) } else { list(number) };
        let crl = crl.pem_by(&served.setup.pki.ops);
        served.published(|served| {
            served.setup.replace("certs/ops.crl", crl);
            served.hang_up();
        });
    }
    assert_eq!(counted(), [0.0; 3]);
    assert_eq!(lines(&served), [Value::Null; 0]);
    // The same certificate in a client's hands is one.
    let revoking = list(40).revoking(&probe).pem_by(&served.setup.pki.ops);
    served.published(|served| served.setup.replace("certs/ops.crl", revoking));
    assert!(served.client(&probe).alert(served.service.lookup).is_some());
    assert_eq!(served.refusals("revoked"), 1.0);
}

/// Every `what` and its time.
fn expiries(served: &Trusted) -> BTreeMap<String, f64> {
    let metrics = served.service.metrics();
    let series = metrics.named("croupier_expiry_timestamp_seconds");
    let expiries: Vec<_> = series.map(|sample| (sample.labels["what"].clone(), sample.value)).collect();
    let by_name: BTreeMap<_, _> = expiries.iter().cloned().collect();
    assert_eq!(by_name.len(), expiries.len(), "no series is there twice: {expiries:?}");
    by_name
}

fn end_of(der: &CertificateDer<'_>) -> f64 {
    X509Certificate::from_der(der).unwrap().1.validity().not_after.timestamp() as f64
}

/// A list as a file's content, and its end.
fn with_end(crl: &Crl, authority: &Authority) -> (Vec<u8>, f64) {
    let der = crl.signed_by(authority).der().to_vec();
    let end = CertificateRevocationList::from_der(&der).unwrap().1.next_update().unwrap().timestamp();
    (der, end as f64)
}

#[test]
fn everything_that_runs_out_is_a_metric() {
    let mut setup = Setup::new();
    let days = |days| (-time::Duration::hours(1), time::Duration::days(days));
    let quoted = setup.pki.root.below("Odd \"quoted\\\" CA", |_| {});
    let leaf = |leaf: Leaf, (from, to), authority| leaf.valid(from, to).issued_by(authority);
    let shown = leaf(Leaf::server(), days(11), &setup.pki.ops);
    let probe = leaf(Leaf::client("probe.example"), days(12), &setup.pki.ops);
    setup.write_identity("server", &shown);
    setup.write_identity("probe", &probe);
    setup.write("certs/odd.pem", quoted.pem());
    let of_media = with_end(&list(1).valid(-time::Duration::hours(1), time::Duration::days(3)), &setup.pki.media);
    let of_root = with_end(&list(1).valid(-time::Duration::hours(1), time::Duration::days(4)), &setup.pki.root);
    let of_odd = with_end(&list(1), &quoted);
    for (name, (content, _)) in [("media", &of_media), ("root", &of_root), ("odd", &of_odd)] {
        setup.write(&format!("certs/{name}.crl"), content);
    }
    let more = "[[clients.allow]]\nissuer = \"certs/odd.pem\"\nrole = \"lookup\"\n";
    setup.section("clients", &(clients(&["media.crl", "root.crl", "odd.crl"], "", "") + more));
    let mut served = Trusted::start(setup);
    let pki = &served.setup.pki;
    let mut expected: BTreeMap<String, f64> = [
        ("server_certificate", end_of(&shown.chain[0])),
        ("probe_certificate", end_of(&probe.chain[0])),
        ("ca:CN=Test root", end_of(&pki.root.der())),
        ("ca:CN=Test media CA", end_of(&pki.media.der())),
        ("ca:CN=Test ops CA", end_of(&pki.ops.der())),
        ("ca:CN=Odd \"quoted\\\" CA", end_of(&quoted.der())),
        ("crl:CN=Test media CA", of_media.1),
        ("crl:CN=Test root", of_root.1),
        ("crl:CN=Odd \"quoted\\\" CA", of_odd.1),
    ]
    .map(|(what, end)| (what.to_owned(), end))
    .into();
    assert_eq!(expiries(&served), expected);

    // A newer list moves its end; one that is no longer configured has none, nor has its CA.
    let newer = with_end(&list(2).valid(-time::Duration::hours(1), time::Duration::days(6)), &pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", &newer.0));
    expected.insert("crl:CN=Test media CA".to_owned(), newer.1);
    assert_eq!(expiries(&served), expected);
    served.setup.section("clients", &clients(&["media.crl"], "", "")).section("health", "");
    served.published(Trusted::hang_up);
    expected.retain(|what, _| !what.contains("Odd") && what != "crl:CN=Test root" && what != "probe_certificate");
    assert_eq!(expiries(&served), expected);
    // What is refused moves nothing.
    served.refused(|served| served.setup.replace("certs/media.crl", ""));
    assert_eq!(expiries(&served), expected);
    assert_eq!(served.client(&served.setup.selector).get(served.service.lookup, TARGET).unwrap().status, 200);
}
