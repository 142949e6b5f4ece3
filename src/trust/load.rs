//! Everything about trust that the configuration names, checked together: all of it good, or none
//! of it taken.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::server::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use super::ca::Ca;
use super::certificate::{self, beginning_of, end_of};
use super::gather::{Gathered, Settings};
use super::judge::Judge;
use super::lists::{add_list, check_list};
use super::pem;
use super::policy::{Allowed, Policy};
use super::refusals::Refusals;
use super::revocation::Revocation;
use super::sessions::Sessions;
use super::tls;
use super::verifier::Verifier;
use crate::client::{Credentials, Expiry, ProbeIdentity, Refusal};
use crate::config::{Clients, CrlUse, Health, Role, Tls};
use crate::table::Problems;
use crate::table::moment::written;
use crate::table::problem::{Place, Problem};

/// One checked state of trust: who the server is and whom it answers.
pub struct Trust {
    /// For the TLS acceptors.
    pub tls: Arc<ServerConfig>,
    pub judge: Arc<Judge>,
    pub credentials: Arc<Credentials>,
    /// Names what it was made of. Equal digests mean equal trust.
    pub digest: String,
    pub settings: Settings,
}

/// What outlives every state of trust: open sessions, and what has been told.
#[derive(Clone, Default)]
pub struct Lasting {
    pub sessions: Sessions,
    pub refusals: Arc<Refusals>,
}

/// Checks what was gathered. None, with errors in `problems`, unless all of it is good. `previous`
/// is what is in service.
pub fn load(
    settings: &Settings,
    gathered: &Gathered,
    lasting: &Lasting,
    previous: Option<&Trust>,
    now: SystemTime,
    problems: &mut Problems,
) -> Option<Trust> {
    let errors_before = problems.errors();
    let provider = tls::provider();
    let mut loading = Loading { provider, gathered, previous, now, expiries: Vec::new(), problems };
    let server = loading.server(&settings.tls);
    let policy = loading.policy(settings);
    let probe = loading.probe(&settings.health, &policy);
    if loading.problems.errors() > errors_before {
        return None;
    }
    let (server, certificate_ends) = server?;
    let certificate = server.cert.first()?.clone();
    let expiries = loading.expiries;
    let credentials = Arc::new(Credentials { certificate, certificate_ends, probe, expiries });
    let algorithms = loading.provider.signature_verification_algorithms;
    let judge = Arc::new(Judge::new(policy, Arc::clone(&lasting.refusals)));
    let verifier = Verifier::new(Arc::clone(&judge), algorithms);
    let tls = Arc::new(tls::server_config(loading.provider, verifier, server, &lasting.sessions)?);
    Some(Trust { tls, judge, credentials, digest: gathered.digest.clone(), settings: settings.clone() })
}

/// The policy alone, for looking at: who the server is may be unknown here.
pub fn load_policy(settings: &Settings, gathered: &Gathered, now: SystemTime, problems: &mut Problems) -> Policy {
    let provider = tls::provider();
    Loading { provider, gathered, previous: None, now, expiries: Vec::new(), problems }.policy(settings)
}

pub(super) struct Loading<'l> {
    pub provider: CryptoProvider,
    gathered: &'l Gathered,
    pub previous: Option<&'l Trust>,
    pub now: SystemTime,
    expiries: Vec<Expiry>,
    problems: &'l mut Problems,
}

/// The CA certificates of a configuration.
struct Cas {
    roots: Vec<Ca>,
    /// Of each entry its issuer, then the rest of the issuer's chain.
    issuers: Vec<Vec<Ca>>,
}

impl Loading<'_> {
    /// The server's chain and key, which must belong together, and when the chain ends.
    fn server(&mut self, tls: &Tls) -> Option<(CertifiedKey, SystemTime)> {
        let chain = self.read(&tls.certificate, pem::certificates);
        let key = self.read(&tls.key, pem::private_key);
        let (chain, key) = (chain?, key?);
        let ends = self.dates(&tls.certificate, &chain)?;
        self.expires("server_certificate".to_owned(), ends);
        match CertifiedKey::from_der(chain, key, &self.provider) {
            Ok(identity) => Some((identity, ends)),
            Err(error) => {
                self.error(&tls.key, format!("not the key of {}: {error}", tls.certificate.display()))
                    .help("certificate and key must come from one request; replace both");
                None
            }
        }
    }

    fn policy(&mut self, settings: &Settings) -> Policy {
        let clients = &settings.clients;
        let cas = self.cas(clients);
        let revocation = self.revocation(settings, &cas);
        let mut policy = Policy::new(self.provider.signature_verification_algorithms, revocation);
        for root in cas.roots {
            policy.add_root(root);
        }
        for (allow, chain) in clients.allow.iter().zip(cas.issuers) {
            let mut chain = chain.into_iter();
            let Some(issuer) = chain.next() else { continue };
            policy.allow(Allowed { issuer, role: allow.role, names: allow.san.clone(), crl: allow.crl });
            chain.for_each(|ca| policy.add_intermediate(&ca));
        }
        policy
    }

    fn cas(&mut self, clients: &Clients) -> Cas {
        let mut cas = Cas { roots: Vec::new(), issuers: Vec::new() };
        let errors_before = self.problems.errors();
        for path in &clients.ca {
            cas.roots.extend(self.cas_in(path));
        }
        let all_roots = self.problems.errors() == errors_before && !cas.roots.is_empty();
        for allow in &clients.allow {
            // An issuer may have several entries: what is wrong with its file is told once.
            let first = clients.allow.iter().position(|earlier| earlier.issuer == allow.issuer);
            if let Some(chain) = first.and_then(|first| cas.issuers.get(first)).cloned() {
                cas.issuers.push(chain);
                continue;
            }
            let chain = self.cas_in(&allow.issuer);
            if let Some(unknown) = self.beginning_of_gap(&chain, &cas.roots).filter(|_| all_roots) {
                let message =
                    format!("`{unknown}` was issued neither by the next certificate here nor by one of `clients.ca`");
                self.error(&allow.issuer, message).help(
                    "this file is for one issuing CA, and below it the CAs between it and the root, if there are any; \
                     its root belongs into `clients.ca`",
                );
            }
            cas.issuers.push(chain);
        }
        cas
    }

    /// The CA certificates of a file.
    fn cas_in(&mut self, path: &Path) -> Vec<Ca> {
        let mut found = Vec::new();
        for der in self.read(path, pem::certificates).unwrap_or_default() {
            let Some(ca) = self.told(path, Ca::new(&der)) else { continue };
            self.expires(format!("ca:{}", ca.name), ca.to);
            self.ca_dates(path, &ca);
            found.push(ca);
        }
        found
    }

    /// A CA out of date refuses its own clients only, and must not keep anyone else's
    /// revocations, or the start, waiting.
    fn ca_dates(&mut self, path: &Path, ca: &Ca) {
        let Ca { name, from, to, .. } = ca;
        let what = if *to < self.now {
            format!("the CA `{name}` expired at {}: its clients are refused", written(*to))
        } else if *from > self.now {
            format!("the CA `{name}` is valid only from {}: its clients are refused until then", written(*from))
        } else {
            return;
        };
        self.warning(path, what);
    }

    /// The CA of a chain, issuer first, that was not issued by the next, or by a root if it is the last.
    fn beginning_of_gap(&self, chain: &[Ca], roots: &[Ca]) -> Option<String> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let is_linked = |(place, ca): &(usize, &Ca)| match chain.get(place + 1) {
            Some(next) => next.issued(ca, algorithms),
            None => roots.iter().any(|root| root.is_same_as(ca.as_ref()) || root.issued(ca, algorithms)),
        };
        chain.iter().enumerate().find(|link| !is_linked(link)).map(|(_, ca)| ca.name.clone())
    }

    /// All revocation lists, each signed by a CA that the configuration names.
    fn revocation(&mut self, settings: &Settings, cas: &Cas) -> Revocation {
        let clients = &settings.clients;
        let known: Vec<&Ca> = cas.roots.iter().chain(cas.issuers.iter().flatten()).collect();
        let mut revocation = Revocation::new(clients.crl_grace.duration());
        for path in &clients.crls {
            for der in self.read(path, pem::revocation_lists).unwrap_or_default() {
                add_list(self, path, &der, &known, &mut revocation);
            }
        }
        for list in revocation.lists() {
            check_list(self, list);
            self.expires(format!("crl:{}", list.ca.name), list.crl.next_update);
        }
        let before = self.previous.filter(|previous| previous.settings.clients == *clients);
        for (allow, chain) in clients.allow.iter().zip(&cas.issuers) {
            let Some(issuer) = chain.first().filter(|issuer| !revocation.has_list_of(issuer.as_ref())) else {
                continue;
            };
            let had = before.is_some_and(|before| before.judge.policy.revocation().has_list_of(issuer.as_ref()));
            if allow.crl == Some(CrlUse::Required) || had && allow.crl != Some(CrlUse::Optional) {
                self.error(&allow.issuer, format!("`{}` has no revocation list, and needs one", issuer.name))
                    .help("put its list into a file of `clients.crls`");
            }
        }
        // A CA above the issuers, whose list would be missed by nobody: what it revoked would be let in.
        let is_above = |ca: &Ca| known.contains(&ca) && !cas.issuers.iter().any(|chain| chain.first() == Some(ca));
        let lists = before.map(|before| before.judge.policy.revocation().lists()).unwrap_or_default();
        for list in lists.iter().filter(|list| is_above(&list.ca) && !revocation.has_list_of(list.ca.as_ref())) {
            self.error(&list.file, format!("the revocation list of `{}` is gone, and one is needed", list.ca.name))
                .help("put it back, or take its file out of `clients.crls`");
        }
        revocation
    }

    /// The probe's identity, which the policy must let in as a probe.
    fn probe(&mut self, health: &Health, policy: &Policy) -> Option<ProbeIdentity> {
        let (path, key_path) = health.certificate.as_ref().zip(health.key.as_ref())?;
        let chain = self.read(path, pem::certificates);
        let key = self.read(key_path, pem::private_key);
        let (chain, key) = (chain?, key?);
        if let Some(shown) = chain.first().and_then(|own| certificate::parse(own)) {
            self.expires("probe_certificate".to_owned(), end_of(&shown));
        }
        if let Err(error) = CertifiedKey::from_der(chain.clone(), key.clone_key(), &self.provider) {
            self.error(key_path, format!("not the key of {}: {error}", path.display()));
        }
        match policy.decide(&chain, self.now) {
            Ok(identity) if identity.has_any(&[Role::Probe, Role::Lookup]) => {}
            Ok(_) => {
                self.error(path, "the probe's certificate does not have the role `probe`".to_owned())
                    .help("add a [[clients.allow]] with its issuer and `role = \"probe\"`");
            }
            // What time alone has done is no slip, and must not keep a revocation waiting.
            Err(Refusal::Expired | Refusal::CrlExpired | Refusal::Revoked) if self.previous.is_some() => {
                self.warning(
                    path,
                    "the probe's certificate is refused, so the probe can't look anything up".to_owned(),
                );
            }
            Err(Refusal::CrlExpired) => {
                self.warning(
                    path,
                    "the probe's certificate is refused until there is a new revocation list".to_owned(),
                );
            }
            Err(refusal) => {
                let why = refusal.explanation();
                self.error(path, format!("the probe's certificate would be refused: {why}"));
            }
        }
        Some(ProbeIdentity { chain, key })
    }

    /// Checks that every certificate of the server's chain is in date, and gives the earliest end.
    fn dates(&mut self, path: &Path, chain: &[CertificateDer<'_>]) -> Option<SystemTime> {
        let is_in_service = self
            .previous
            .is_some_and(|previous| chain.first().is_some_and(|own| *own == previous.credentials.certificate));
        let mut ends: Option<SystemTime> = None;
        for der in chain {
            let Some(shown) = certificate::parse(der) else {
                self.error(path, "a certificate in it can't be read".to_owned());
                return None;
            };
            let (subject, end, beginning) = (shown.subject(), end_of(&shown), beginning_of(&shown));
            if end < self.now && is_in_service {
                self.warning(path, format!("the certificate of `{subject}` expired at {}", written(end)));
            } else if end < self.now {
                self.error(path, format!("the certificate of `{subject}` expired at {}", written(end)))
                    .help("put a new one in its place");
            } else if beginning > self.now && is_in_service {
                self.warning(path, format!("the certificate of `{subject}` is valid only from {}", written(beginning)))
                    .help("look at this machine's clock");
            } else if beginning > self.now {
                self.error(path, format!("the certificate of `{subject}` is valid only from {}", written(beginning)));
            }
            ends = Some(ends.map_or(end, |earliest| earliest.min(end)));
        }
        ends
    }

    fn expires(&mut self, what: String, ends: SystemTime) {
        match self.expiries.iter_mut().find(|expiry| expiry.what == what) {
            Some(expiry) => expiry.ends = expiry.ends.min(ends),
            None => self.expiries.push(Expiry { what, ends }),
        }
    }

    fn read<T>(&mut self, path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<T> {
        let parsed = self.gathered.file(path).and_then(parse);
        self.told(path, parsed)
    }

    pub fn told<T>(&mut self, path: &Path, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| _ = self.error(path, message)).ok()
    }

    pub fn error(&mut self, path: &Path, message: String) -> &mut Problem {
        let file = self.problems.file(&path.to_string_lossy());
        self.problems.error(Place::whole_file(file), message)
    }

    pub fn warning(&mut self, path: &Path, message: String) -> &mut Problem {
        let file = self.problems.file(&path.to_string_lossy());
        self.problems.warning(Place::whole_file(file), message)
    }
}
