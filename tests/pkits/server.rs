//! A server that is configured as a case asks, and a client that sends the case's path.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use croupier::client::Refusal;
use croupier::config::{Allow, Clients, CrlUse, Health, Role, Seconds, Tls};
use croupier::table::Problems;
use croupier::table::problem::Severity;
use croupier::trust::{Gathered, Lasting, Settings, Trust, certificate, load};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::cases::{Case, Vectors};

const ROOT: &str = "TrustAnchorRootCertificate";

/// 2015-01-01: of 2010 to 2030, for which nearly all vectors are valid.
const NOW: Duration = Duration::from_hours(394_464);

/// What became of a case.
pub struct Outcome {
    /// With what the configuration did not load.
    pub refused: Vec<String>,
    /// What the client got from what did load.
    pub client: String,
}

impl Outcome {
    /// A configuration that does not load lets nobody in.
    pub fn accepts(&self) -> bool {
        self.refused.is_empty() && self.client == "accepted"
    }
}

/// Where servers keep their files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let identity = rcgen::generate_simple_self_signed(["server.example".to_owned()]).expect("a certificate");
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("server.pem", &identity.cert.pem());
        folder.write("server.key", &identity.signing_key.serialize_pem());
        folder
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("the folder can be written to");
        path
    }

    /// Writes certificates as a configuration has them.
    fn write_certificates(&self, vectors: &Vectors, names: &[&str]) -> PathBuf {
        let blocks: Vec<String> = names.iter().map(|name| pem(&vectors.certificate(name))).collect();
        self.write(&format!("{}.pem", names.join("-")), &blocks.concat())
    }

    /// The configuration of a case: its issuer's clients are let in, and need revocation lists.
    fn settings(&self, vectors: &Vectors, case: &Case) -> Settings {
        let (_, cas) = case.path();
        let issuer = if cas.is_empty() { vec![ROOT] } else { cas };
        let entry = |chain: &[&str], role, crl| Allow {
            issuer: self.write_certificates(vectors, chain),
            role,
            san: Vec::new(),
            crl: Some(crl),
        };
        let mut allow = vec![entry(&issuer, Role::Lookup, CrlUse::Required)];
        allow.extend(case.others().map(|chain| entry(&chain, Role::Probe, CrlUse::Optional)));
        let clients = Clients {
            ca: vec![self.write_certificates(vectors, &[ROOT])],
            crls: case.lists().map(|name| vectors.list(name)).collect(),
            crl_grace: Seconds::default(),
            allow,
        };
        let in_folder = |name: &str| self.0.path().join(name);
        let tls = Tls { certificate: in_folder("server.pem"), key: in_folder("server.key") };
        Settings { tls, clients, health: Health::default() }
    }

    pub fn run(&self, vectors: &Vectors, case: &Case) -> Outcome {
        let mut settings = self.settings(vectors, case);
        let mut refused = None;
        let trust = loop {
            match try_load(&settings) {
                Ok(trust) => break trust,
                Err(errors) => {
                    leave_out(&mut settings.clients, &errors);
                    // What is then refused, too, is what depended on it.
                    refused.get_or_insert(errors);
                }
            }
        };
        let refused = refused.into_iter().flatten().map(|(_, message)| message).collect();
        Outcome { refused, client: decide(&trust, vectors, case) }
    }
}

/// Every error with its file, if there are any.
fn try_load(settings: &Settings) -> Result<Trust, Vec<(String, String)>> {
    let mut problems = Problems::new();
    let trust = load(settings, &Gathered::read(settings), &Lasting::default(), None, now(), &mut problems);
    let errors = problems.shown().into_iter().filter(|shown| shown.severity == Severity::Error);
    trust.ok_or_else(|| errors.map(|shown| (shown.file, shown.message)).collect())
}

fn leave_out(clients: &mut Clients, errors: &[(String, String)]) {
    let is_good = |path: &Path| errors.iter().all(|(file, _)| Path::new(file) != path);
    let before = clients.clone();
    clients.crls.retain(|path| is_good(path));
    clients.allow.retain(|allow| is_good(&allow.issuer));
    assert!(*clients != before, "neither a list nor a CA of the case is at fault: {errors:?}");
}

/// What a client gets that sends all of the path but the root.
fn decide(trust: &Trust, vectors: &Vectors, case: &Case) -> String {
    let (end_entity, cas) = case.path();
    let names = std::iter::once(end_entity).chain(cas);
    let chain: Vec<CertificateDer<'_>> = names.map(|name| vectors.certificate(name).into()).collect();
    let outcome = match trust.judge.policy.decide(&chain, now()) {
        // It can't be: see below.
        Ok(_) => "let in",
        Err(Refusal::Usage) if lacks_extended_key_usage_only(&chain) => "accepted",
        Err(refusal) => refusal.reason(),
    };
    outcome.to_owned()
}

/// No certificate of PKITS has an extended key usage, which clients need here. As that is looked at
/// last, to miss nothing else is to be accepted.
fn lacks_extended_key_usage_only(chain: &[CertificateDer<'_>]) -> bool {
    let has_none = |der: &CertificateDer<'_>| {
        certificate::parse(der).is_some_and(|shown| matches!(shown.extended_key_usage(), Ok(None)))
    };
    chain.iter().all(has_none)
        && certificate::parse(&chain[0]).is_some_and(|own| certificate::may_sign_handshakes(&own))
}

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn pem(der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for group in der.chunks(3) {
        let number = (0..3).fold(0, |number, place| number << 8 | usize::from(*group.get(place).unwrap_or(&0)));
        let digit = |place| if place > group.len() { '=' } else { char::from(DIGITS[number >> (18 - 6 * place) & 63]) };
        base64.extend((0..4).map(digit));
    }
    let lines: Vec<&str> = (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
