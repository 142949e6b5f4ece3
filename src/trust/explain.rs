//! Why a client is let in or not, step by step, for people.
//!
//! Every step is looked at, also after one that fails: who repairs a certificate wants to know all
//! that is wrong with it. The verdict is [`Policy::decide`]'s own.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};
use x509_parser::certificate::X509Certificate;

use super::ca::CaRef;
use super::certificate::{self, beginning_of, end_of};
use super::policy::{Allowed, Policy, refusal};
use super::revocation::Status;
use crate::client::{Identity, Refusal};
use crate::config::CrlUse;
use crate::table::moment::written;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub holds: bool,
    /// What was found, which is true as it stands: also of a step that does not hold.
    pub what: String,
}

impl Step {
    /// One that either is as it should be, or not.
    pub fn either(holds: bool, good: impl Into<String>, bad: impl Into<String>) -> Self {
        Self { holds, what: if holds { good.into() } else { bad.into() } }
    }

    /// Whether what is valid from and to is in date.
    pub fn in_date(what: &str, from: SystemTime, to: SystemTime, now: SystemTime) -> Self {
        let (holds, from_when, to_when) = (from <= now && now <= to, written(from), written(to));
        let what = match (holds, from > now) {
            (true, _) => format!("{what} is in date: from {from_when} to {to_when}"),
            (false, true) => format!("{what} is not yet valid: only from {from_when}"),
            (false, false) => format!("{what} has expired: it was valid to {to_when}"),
        };
        Self { holds, what }
    }
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
    let verdict = policy.decide(chain, now);
    if let Err(refusal) = verdict
        && looked.at.iter().all(|step| step.holds)
    {
        looked.found(false, refusal.explanation());
    }
    Explanation { steps: looked.at, verdict }
}

/// What has been looked at.
struct Looked<'p> {
    policy: &'p Policy,
    now: SystemTime,
    at: Vec<Step>,
}

impl Looked<'_> {
    fn step(&mut self, holds: bool, good: impl Into<String>, bad: impl Into<String>) {
        self.at.push(Step::either(holds, good, bad));
    }

    fn found(&mut self, holds: bool, what: impl Into<String>) {
        self.at.push(Step { holds, what: what.into() });
    }

    fn all(&mut self, chain: &[CertificateDer<'_>]) {
        let own = chain.first().and_then(|own| Some((certificate::parse(own)?, EndEntityCert::try_from(own).ok()?)));
        let Some((own, end_entity)) = own else { return self.found(false, "the certificate can't be read") };
        self.in_date("the certificate", &own);
        self.step(
            certificate::is_for_clients(&own),
            "it is for client authentication: its extended key usage has clientAuth",
            "it is not for client authentication: its extended key usage lacks clientAuth",
        );
        self.step(
            certificate::may_sign_handshakes(&own),
            "its key may sign handshakes: key usage has digitalSignature, or there is none",
            "its key may not sign handshakes: its key usage lacks digitalSignature",
        );
        let path = match self.path(chain, &end_entity, &own) {
            Ok(path) => path,
            Err(why) => return self.found(false, format!("no path leads to a root of `clients.ca`: {why}")),
        };
        let cas: Vec<X509Certificate<'_>> = path.iter().filter_map(|der| certificate::parse(der)).collect();
        let names: Vec<String> = cas.iter().map(|ca| format!("`{}`", ca.subject())).collect();
        self.found(true, format!("a path leads to a root of `clients.ca`: {}", names.join(", then ")));
        for ca in &cas {
            let name = format!("the CA `{}`", ca.subject());
            self.in_date(&name, ca);
            self.step(
                certificate::may_sign_certificates(ca),
                format!("{name} may issue certificates"),
                format!("{name} may not issue certificates: its key usage lacks keyCertSign"),
            );
        }
        self.revocation(&own, &cas);
        self.entries(&end_entity, &own, cas.first());
    }

    fn in_date(&mut self, what: &str, certificate: &X509Certificate<'_>) {
        self.at.push(Step::in_date(what, beginning_of(certificate), end_of(certificate), self.now));
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
            // What it is for is a step of its own.
            Purpose { asked: certificate::is_for_clients(own) },
            None,
            Some(&remember),
        );
        match verified {
            Ok(_) => Ok(found.take()),
            Err(webpki::Error::UnknownIssuer) => {
                let issuer = own.issuer();
                Err(format!("none from its issuer `{issuer}` by the CAs that it sends and those that are configured"))
            }
            Err(error) => Err(match refusal(&error) {
                Refusal::Path => flaw(&error),
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
                Status::Unasked => self.found(
                    true,
                    format!("whether `{subject}` is revoked is not asked: `clients.crls` has no list of `{name}`"),
                ),
                Status::Revoked => self.found(false, format!("`{subject}` is revoked by `{name}`")),
                Status::Uncovered => {
                    self.found(
                        false,
                        format!("whether `{subject}` is revoked is unknown: no list of `{name}` is about it"),
                    );
                }
                Status::GoodUntil(until) => {
                    let (until_when, list) = (written(until), format!("the revocation list of `{name}`"));
                    self.found(true, format!("`{subject}` is not revoked by `{name}`"));
                    self.step(
                        until >= self.now,
                        format!("{list} is in date: to {until_when}"),
                        format!("{list} ran out at {until_when}"),
                    );
                }
            }
        }
    }

    fn entries(
        &mut self,
        end_entity: &EndEntityCert<'_>,
        own: &X509Certificate<'_>,
        issuer: Option<&X509Certificate<'_>>,
    ) {
        let Some(issuer) = issuer else { return };
        let name = issuer.subject();
        let Some(ca) = CaRef::of_certificate(issuer) else { return };
        let of_issuer = |allowed: &&Allowed| allowed.issuer.is_same_as(ca);
        let policy = self.policy;
        let entries: Vec<&Allowed> = policy.allowed.iter().filter(of_issuer).collect();
        self.step(
            !entries.is_empty(),
            format!("its issuer `{name}` has a [[clients.allow]]"),
            format!("its issuer `{name}` has no [[clients.allow]] (compared by name and public key)"),
        );
        let matching: Vec<&&Allowed> = entries.iter().filter(|entry| entry.names(end_entity)).collect();
        if matching.is_empty() && !entries.is_empty() {
            let names = match certificate::names(own) {
                names if names.is_empty() => "it has no alternative names, and they are".to_owned(),
                names => format!("none of its names ({}) matches a `san` of", names.join(", ")),
            };
            let patterns: Vec<String> =
                entries.iter().flat_map(|entry| &entry.names).map(|name| format!("`{name}`")).collect();
            self.found(false, format!("{names} its issuer's entries: {}", patterns.join(", ")));
        }
        for entry in matching {
            let patterns: Vec<String> = entry.names.iter().map(|name| format!("`{name}`")).collect();
            let why = if patterns.is_empty() {
                "an entry for any name".to_owned()
            } else {
                format!("an entry whose `san` its names match ({})", patterns.join(", "))
            };
            let lists =
                if entry.crl == Some(CrlUse::Optional) { ", also without revocation lists in date" } else { "" };
            self.found(true, format!("{why} is for the role `{}`{lists}", entry.role));
        }
    }
}

/// For client authentication, or for anything.
struct Purpose {
    asked: bool,
}

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.asked { KeyUsage::client_auth().validate(purposes) } else { Ok(()) }
    }
}

/// A flaw of the path, for people.
fn flaw(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => "it is a CA's own certificate, not a client's".to_owned(),
        webpki::Error::InvalidSignatureForPublicKey => {
            "a signature does not verify: it is damaged, or by another key under the issuer's name".to_owned()
        }
        error => format!("{error:?}"),
    }
}

/// What to do about a refusal.
pub fn remedy(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoCertificate => "give the client a certificate",
        Refusal::Malformed => "have it made anew: this is no X.509 certificate that can be read",
        Refusal::UnknownIssuer => {
            "add its root to `clients.ca`; or the CAs between to what the client sends, or to the `issuer` file of its \
             [[clients.allow]]"
        }
        Refusal::IssuerNotAllowed => {
            "if its issuer may let clients in, add a [[clients.allow]] for it; if not, this is as it should be"
        }
        Refusal::NameNotAllowed => "add its name to the `san` of its issuer's [[clients.allow]], or give it another",
        Refusal::NotYetValid => "look at the clocks, here and at the CA; or wait",
        Refusal::Expired => "renew what has expired; or look at this clock",
        Refusal::Revoked => "if it was revoked by mistake or is to come back, issue a new certificate, with a new key",
        Refusal::CrlExpired => "have its CA make a new revocation list, and put it into the file of `clients.crls`",
        Refusal::CrlMissing => "put a list of its CA that is about this certificate into `clients.crls`",
        Refusal::Usage => "issue it anew: extended key usage clientAuth, and digitalSignature if it has key usage",
        Refusal::CaUsage => "the CA needs a certificate with basic constraints CA and key usage keyCertSign",
        Refusal::Path => "see the step above that does not hold",
    }
}
