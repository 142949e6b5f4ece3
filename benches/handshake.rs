//! What revocation lists cost: a whole mTLS handshake in memory, and the decision on a client, without
//! a list and with one of 1,000,000 entries. Also a resumed handshake beside a full one.
//!
//! The ratios at the end are what matters: both sides are measured in one run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use criterion::{Criterion, criterion_group};
use croupier::config::Config;
use croupier::table::Problems;
use croupier::trust::{Gathered, Lasting, Settings, Trust, development, load, pem};
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

const ENTRIES: u64 = 1_000_000;

/// A development CA, with and without a long revocation list.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certs = directory.path().join("certs/dev");
        development::make(&certs, OffsetDateTime::now_utc()).unwrap();
        fs::write(certs.join("long.crl"), long_list(&certs)).unwrap();
        Self { directory }
    }

    fn certs(&self) -> PathBuf {
        self.directory.path().join("certs/dev")
    }

    fn trust(&self, crls: &[&str]) -> Trust {
        let mut config = Config::development(self.directory.path());
        config.clients.crls = crls.iter().map(|name| self.certs().join(name)).collect();
        let settings = Settings::of(&config);
        let mut problems = Problems::new();
        let gathered = Gathered::read(&settings);
        let trust = load(&settings, &gathered, &Lasting::default(), None, SystemTime::now(), &mut problems);
        trust.unwrap_or_else(|| panic!("{:?}", problems.shown()))
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        pem::certificates(&fs::read(self.certs().join("client.pem")).unwrap()).unwrap()
    }

    fn client(&self, resumption: Resumption) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certs().join("root.pem")).unwrap()).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.certs().join("client.key")).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(self.chain(), key)
            .unwrap();
        config.resumption = resumption;
        Arc::new(config)
    }
}

/// A list of the media CA with a million serial numbers, none of them the client's.
fn long_list(certs: &Path) -> Vec<u8> {
    let key = KeyPair::from_pem(&fs::read_to_string(certs.join("media-ca.key")).unwrap()).unwrap();
    let certificate = fs::read_to_string(certs.join("media-ca.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&certificate, key).unwrap();
    let now = OffsetDateTime::now_utc();
    let entry = |serial: u64| RevokedCertParams {
        serial_number: SerialNumber::from((serial << 8) | 1),
        revocation_time: now - Duration::days(1),
        reason_code: None,
        invalidity_date: None,
    };
    let parameters = CertificateRevocationListParams {
        this_update: now - Duration::hours(1),
        next_update: now + Duration::days(1),
        crl_number: SerialNumber::from(2),
        issuing_distribution_point: None,
        revoked_certs: (0..ENTRIES).map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    parameters.signed_by(&issuer).unwrap().der().to_vec()
}

/// Both sides of a handshake, to the end of what the server sends after it.
fn handshake(trust: &Trust, client: &Arc<ClientConfig>) -> HandshakeKind {
    let mut client = ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(&trust.tls)).unwrap();
    let mut wire = Vec::with_capacity(16 << 10);
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        receive(&mut wire, |bytes| server.read_tls(bytes).unwrap());
        server.process_new_packets().unwrap();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        receive(&mut wire, |bytes| client.read_tls(bytes).unwrap());
        client.process_new_packets().unwrap();
    }
    server.handshake_kind().unwrap()
}

fn receive(wire: &mut Vec<u8>, mut read: impl FnMut(&mut &[u8]) -> usize) {
    let mut left = wire.as_slice();
    while !left.is_empty() {
        read(&mut left);
    }
    wire.clear();
}

fn lists(criterion: &mut Criterion) {
    let bench = Bench::new();
    let (chain, client) = (bench.chain(), bench.client(Resumption::disabled()));
    let mut group = criterion.benchmark_group("handshake");
    for (name, crls) in [("no list", &[][..]), ("a list of a million", &["long.crl"])] {
        let trust = bench.trust(crls);
        group.bench_function(format!("decision, {name}"), |bencher| {
            bencher.iter(|| trust.judge.policy.decide(black_box(&chain), SystemTime::now()).unwrap());
        });
        group.bench_function(format!("full, {name}"), |bencher| {
            bencher.iter(|| assert_eq!(handshake(&trust, &client), HandshakeKind::Full));
        });
    }
    let trust = bench.trust(&["media-ca.crl"]);
    let returning = bench.client(Resumption::in_memory_sessions(8));
    handshake(&trust, &returning);
    group.bench_function("resumed", |bencher| {
        bencher.iter(|| assert_eq!(handshake(&trust, &returning), HandshakeKind::Resumed));
    });
    group.finish();
}

/// The mean of a benchmark that was run, in microseconds.
fn mean(name: &str) -> Option<f64> {
    let directory = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let path = Path::new(&directory).join("criterion/handshake").join(name).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(estimates["median"]["point_estimate"].as_f64()? / 1000.0)
}

fn ratios() {
    for (what, of, to) in [
        ("decision, with a list of a million / without", "decision, a list of a million", "decision, no list"),
        ("full handshake, with a list of a million / without", "full, a list of a million", "full, no list"),
        ("handshake, resumed / full, both sides", "resumed", "full, no list"),
    ] {
        if let (Some(of), Some(to)) = (mean(of), mean(to)) {
            println!("{what}: {of:.1} / {to:.1} µs = {:.2}", of / to);
        }
    }
}

criterion_group!(benches, lists);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    ratios();
}
