//! Why a client is let in or not, step by step, for people.
//!
//! Every step is looked at, also after one that fails: who repairs a certificate wants to know all
//! that is wrong with it. The verdict is [`Policy::decide`]'s own.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::certificate::X509Certificate;

use super::ca::CaRef;
use super::certificate::{self, beginning_of, end_of, written};
use super::policy::{Allowed, Policy, refusal};
use super::revocation::Status;
use crate::client::{Identity, Refusal};
use crate::config::CrlUse;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub holds: bool,
    pub what: String,
}

#[derive(Debug)]
pub struct Explanation {
    pub steps: Vec<Step>,
    pub verdict: Result<Identity, Refusal>,
}

/// A certificate, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    pub names: Vec<String>,
    pub not_before: String,
    pub not_after: String,
    pub is_ca: bool,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
}

impl Shown {
    /// None if it can't be read.
    pub fn of(der: &[u8]) -> Option<Self> {
        let certificate = certificate::parse(der)?;
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate::serial(&certificate),
            names: certificate::names(&certificate),
            not_before: written(beginning_of(&certificate)),
            not_after: written(end_of(&certificate)),
            is_ca: certificate.is_ca(),
            fingerprint: crate::file::sha256(der),
        })
    }
}

/// Explains what is decided on a chain, its own certificate first.
pub fn explain(policy: &Policy, chain: &[CertificateDer<'_>], now: SystemTime) -> Explanation {
    let mut looked = Looked { policy, now, at: Vec::new() };
    looked.all(chain);
    Explanation { steps: looked.at, verdict: policy.decide(chain, now) }
}

/// What has been looked at.
struct Looked<'p> {
    policy: &'p Policy,
    now: SystemTime,
    at: Vec<Step>,
}

impl Looked<'_> {
    fn step(&mut self, holds: bool, what: impl Into<String>) {
        self.at.push(Step { holds, what: what.into() });
    }

    fn all(&mut self, chain: &[CertificateDer<'_>]) {
        let own = chain.first().and_then(|own| Some((certificate::parse(own)?, EndEntityCert::try_from(own).ok()?)));
        let Some((own, end_entity)) = own else { return self.step(false, "the certificate can be read") };
        self.in_date("the certificate", &own);
        self.step(certificate::is_for_clients(&own), "its extended key usage has clientAuth");
        self.step(certificate::may_sign_handshakes(&own), "its key usage, if it has one, has digitalSignature");
        let path = match self.path(chain, &end_entity, &own) {
            Ok(path) => path,
            Err(why) => return self.step(false, format!("a path leads to a root of `clients.ca`: {why}")),
        };
        let cas: Vec<X509Certificate<'_>> = path.iter().filter_map(|der| certificate::parse(der)).collect();
        let names: Vec<String> = cas.iter().map(|ca| format!("`{}`", ca.subject())).collect();
        self.step(true, format!("a path leads to a root of `clients.ca`: {}", names.join(", then ")));
        for ca in &cas {
            let name = format!("the CA `{}`", ca.subject());
            self.in_date(&name, ca);
            self.step(certificate::may_sign_certificates(ca), format!("{name} may sign certificates"));
        }
        self.revocation(&own, &cas);
        self.entries(&end_entity, cas.first());
    }

    fn in_date(&mut self, what: &str, certificate: &X509Certificate<'_>) {
        let (from, to) = (beginning_of(certificate), end_of(certificate));
        let holds = from <= self.now && self.now <= to;
        self.step(holds, format!("{what} is in date: from {} to {}", written(from), written(to)));
    }

    /// The CAs of the first path to a root, the root's certificate last.
    fn path(
        &self,
        chain: &[CertificateDer<'_>],
        end_entity: &EndEntityCert<'_>,
        own: &X509Certificate<'_>,
    ) -> Result<Vec<Vec<u8>>, String> {
        let policy = self.policy;
        let intermediates = policy.intermediates(chain.get(1..).unwrap_or_default());
        // That it is out of date is a step of its own.
        let time = self.now.clamp(beginning_of(own), end_of(own).max(beginning_of(own)));
        let found = RefCell::new(Vec::new());
        let remember = |path: &VerifiedPath<'_>| {
            let root = policy.roots.iter().find(|root| root.is_same_as(CaRef::of_anchor(path.anchor())));
            let between = path.intermediate_certificates().map(|ca| ca.der().to_vec());
            *found.borrow_mut() = between.chain(root.map(|root| root.certificate.to_vec())).collect();
            Ok(())
        };
        let verified = end_entity.verify_for_usage(
            policy.algorithms.all,
            &policy.anchors,
            &intermediates,
            UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default()),
            KeyUsage::client_auth(),
            None,
            Some(&remember),
        );
        match verified {
            Ok(_) => Ok(found.take()),
            Err(webpki::Error::UnknownIssuer) => {
                Err(format!("none does from `{}`, with the CAs that were sent and those configured", own.issuer()))
            }
            Err(error) => Err(match refusal(&error) {
                Refusal::Path => format!("{error:?}"),
                refusal => refusal.explanation().to_owned(),
            }),
        }
    }

    fn revocation(&mut self, own: &X509Certificate<'_>, cas: &[X509Certificate<'_>]) {
        let below = std::iter::once(own).chain(cas);
        for (place, (certificate, issuer)) in below.zip(cas).enumerate() {
            let Some(ca) = CaRef::of_certificate(issuer) else { continue };
            let (subject, name) = (certificate.subject(), issuer.subject());
            match self.policy.revocation.status(ca, certificate, place > 0) {
                Status::Unasked => self.step(true, format!("`{subject}`: `{name}` has no revocation list here")),
                Status::Revoked => self.step(false, format!("`{subject}` is not revoked by `{name}`")),
                Status::Uncovered => self.step(false, format!("`{subject}`: a revocation list of `{name}` covers it")),
                Status::GoodUntil(until) => {
                    let until_when = written(until);
                    self.step(true, format!("`{subject}` is not revoked by `{name}`"));
                    self.step(until >= self.now, format!("the revocation list of `{name}` holds until {until_when}"));
                }
            }
        }
    }

    fn entries(&mut self, end_entity: &EndEntityCert<'_>, issuer: Option<&X509Certificate<'_>>) {
        let Some(issuer) = issuer else { return };
        let name = issuer.subject();
        let Some(ca) = CaRef::of_certificate(issuer) else { return };
        let of_issuer = |allowed: &&Allowed| allowed.issuer.is_same_as(ca);
        let policy = self.policy;
        let entries: Vec<&Allowed> = policy.allowed.iter().filter(of_issuer).collect();
        self.step(!entries.is_empty(), format!("`clients.allow` names its issuer `{name}`"));
        if entries.is_empty() {
            return;
        }
        let matching: Vec<&&Allowed> = entries.iter().filter(|entry| entry.names(end_entity)).collect();
        let patterns: Vec<String> =
            entries.iter().flat_map(|entry| &entry.names).map(|name| format!("`{name}`")).collect();
        let what = match (matching.first(), patterns.is_empty()) {
            (None, _) => format!("one of its names matches a `san` pattern: {}", patterns.join(", ")),
            (Some(_), true) => "any name is let in".to_owned(),
            (Some(_), false) => "its names match, or need not, in an entry of its issuer".to_owned(),
        };
        self.step(!matching.is_empty(), what);
        for entry in matching {
            let lists = if entry.crl == Some(CrlUse::Optional) { ", whether or not revocation lists hold" } else { "" };
            self.step(true, format!("that gives it the role `{}`{lists}", entry.role));
        }
    }
}
