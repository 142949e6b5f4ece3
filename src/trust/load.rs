//! Everything about trust that the configuration names, loaded whole and checked together.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::pem;
use super::policy::{Policy, beginning_of, end_of};
use super::verifier::Verifier;
use crate::client::{Authority, Identity, Refusal};
use crate::config::{Clients, Config, Health, Role, Tls};
use crate::table::Problems;
use crate::table::problem::{Place, Problem};

/// One checked state of trust: who the server is and whom it answers.
pub struct Trust {
    /// For the TLS acceptors.
    pub tls: Arc<ServerConfig>,
    pub policy: Arc<Policy>,
    /// The server's own certificate.
    pub certificate: CertificateDer<'static>,
    /// When the first certificate of the server's chain ends.
    pub certificate_ends: SystemTime,
    /// Who the health probe is, if it has a certificate.
    pub probe: Option<ProbeIdentity>,
}

impl Authority for Trust {
    fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    fn decide(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal> {
        self.policy.decide(chain, now)
    }
}

/// The health probe's certificate chain and key.
pub struct ProbeIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Loads and checks. None, with errors in `problems`, unless all of it is good.
pub fn load(config: &Config, now: SystemTime, problems: &mut Problems) -> Option<Trust> {
    let errors_before = problems.errors();
    let mut loading = Loading { provider: aws_lc_rs::default_provider(), now, problems };
    let server = loading.server(&config.tls);
    let policy = loading.policy(&config.clients);
    let probe = loading.probe(&config.health, &policy);
    if loading.problems.errors() > errors_before {
        return None;
    }
    let (server, certificate_ends) = server?;
    let policy = Arc::new(policy);
    let certificate = server.cert.first()?.clone();
    let algorithms = loading.provider.signature_verification_algorithms;
    let verifier = Verifier::new(Arc::clone(&policy), algorithms);
    let mut tls = ServerConfig::builder_with_provider(Arc::new(loading.provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .ok()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(server)));
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(Trust { tls: Arc::new(tls), policy, certificate, certificate_ends, probe })
}

struct Loading<'p> {
    provider: CryptoProvider,
    now: SystemTime,
    problems: &'p mut Problems,
}

impl Loading<'_> {
    /// The server's chain and key, which must belong together, and when the chain ends.
    fn server(&mut self, tls: &Tls) -> Option<(CertifiedKey, SystemTime)> {
        let chain = self.told(&tls.certificate, pem::certificates(&tls.certificate));
        let key = self.told(&tls.key, pem::private_key(&tls.key));
        let (chain, key) = (chain?, key?);
        let ends = self.dates(&tls.certificate, &chain)?;
        match CertifiedKey::from_der(chain, key, &self.provider) {
            Ok(identity) => Some((identity, ends)),
            Err(error) => {
                self.error(&tls.key, format!("not the key of {}: {error}", tls.certificate.display()))
                    .help("certificate and key must come from one request; replace both");
                None
            }
        }
    }

    fn policy(&mut self, clients: &Clients) -> Policy {
        let mut policy = Policy::new(self.provider.signature_verification_algorithms);
        for path in &clients.ca {
            let Some(roots) = self.told(path, pem::certificates(path)) else { continue };
            for root in &roots {
                let added = policy.add_root(root);
                self.told(path, added);
            }
        }
        for allow in &clients.allow {
            if let Some(issuer) = self.told(&allow.issuer, pem::certificate(&allow.issuer)) {
                self.dates(&allow.issuer, std::slice::from_ref(&issuer));
                let allowed = policy.allow(&issuer, allow.role, allow.san.clone());
                self.told(&allow.issuer, allowed);
            }
        }
        if let Some(path) = clients.crls.first() {
            self.error(path, "this version can't revoke clients yet, so it does not start with CRLs".to_owned())
                .help("to run without revocation, take `crls` out of [clients]");
        }
        policy
    }

    /// The probe's identity, which the policy must let in as a probe.
    fn probe(&mut self, health: &Health, policy: &Policy) -> Option<ProbeIdentity> {
        let (certificate, key) = health.certificate.as_ref().zip(health.key.as_ref())?;
        let chain = self.told(certificate, pem::certificates(certificate));
        let key_der = self.told(key, pem::private_key(key));
        let (chain, key_der) = (chain?, key_der?);
        if let Err(error) = CertifiedKey::from_der(chain.clone(), key_der.clone_key(), &self.provider) {
            self.error(key, format!("not the key of {}: {error}", certificate.display()));
        }
        match policy.decide(&chain, self.now) {
            Ok(identity) if identity.has_any(&[Role::Probe, Role::Lookup]) => {}
            Ok(_) => {
                self.error(certificate, "the probe's certificate does not have the role `probe`".to_owned())
                    .help("add a [[clients.allow]] with its issuer and `role = \"probe\"`");
            }
            Err(refusal) => {
                let reason = refusal.reason();
                self.error(certificate, format!("the probe's certificate would be refused: {reason}"));
            }
        }
        Some(ProbeIdentity { chain, key: key_der })
    }

    /// Checks that every certificate of a file is in date, and gives the earliest end.
    fn dates(&mut self, path: &Path, chain: &[CertificateDer<'_>]) -> Option<SystemTime> {
        let mut ends = None;
        for der in chain {
            let Ok((_, certificate)) = X509Certificate::from_der(der) else {
                self.error(path, "a certificate in it can't be read".to_owned());
                return None;
            };
            let subject = certificate.subject();
            let validity = certificate.validity();
            if end_of(&certificate) < self.now {
                self.error(path, format!("the certificate of `{subject}` expired on {}", validity.not_after));
            } else if beginning_of(&certificate) > self.now {
                self.error(path, format!("the certificate of `{subject}` is valid only from {}", validity.not_before));
            }
            let end = end_of(&certificate);
            ends = Some(ends.map_or(end, |earliest: SystemTime| earliest.min(end)));
        }
        ends
    }

    fn told<T>(&mut self, path: &Path, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| _ = self.error(path, message)).ok()
    }

    fn error(&mut self, path: &Path, message: String) -> &mut Problem {
        let file = self.problems.file(&path.to_string_lossy());
        self.problems.error(Place::whole_file(file), message)
    }
}
