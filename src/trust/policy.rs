//! The decision on a client: its certificate chain and a time in, an identity or a refusal out.
//!
//! What counts is the CA certificate that issued the client's, found on the path that was
//! verified and compared by subject *and* public key. What a client merely sends along proves
//! nothing: it may stuff its chain with any CA, or own a CA that bears another's name.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::client::{Identity, Refusal};
use crate::config::{NamePattern, Role};

/// Who may ask, as what. Immutable.
#[derive(Debug)]
pub struct Policy {
    roots: Vec<TrustAnchor<'static>>,
    /// The allowed issuers' certificates, so that clients that send only their own get in.
    issuers: Vec<CertificateDer<'static>>,
    allowed: Vec<Allowed>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Allowed {
    issuer: Issuer,
    role: Role,
    names: Vec<NamePattern>,
}

/// What identifies an issuing CA. webpki renders the same certificate's parts differently as an
/// intermediate and as an anchor, so both renderings are kept.
#[derive(Debug, PartialEq, Eq)]
struct Issuer {
    subject: Vec<u8>,
    public_key: Vec<u8>,
    anchor_subject: Vec<u8>,
    anchor_public_key: Vec<u8>,
}

impl Policy {
    pub fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots: Vec::new(), issuers: Vec::new(), allowed: Vec::new(), algorithms }
    }

    /// Adds a certificate that chains may end in.
    ///
    /// # Errors
    /// If it can't be a trust anchor.
    pub fn add_root(&mut self, certificate: &CertificateDer<'_>) -> Result<(), String> {
        let anchor = anchor_from_trusted_cert(certificate).map_err(|error| format!("not usable as a root: {error}"))?;
        self.roots.push(anchor.to_owned());
        Ok(())
    }

    /// Gives clients of an issuer a role. All names match if there are no patterns.
    ///
    /// # Errors
    /// If the certificate can't be an issuing CA's.
    pub fn allow(
        &mut self,
        issuer: &CertificateDer<'static>,
        role: Role,
        names: Vec<NamePattern>,
    ) -> Result<(), String> {
        let (_, shown) = X509Certificate::from_der(issuer).map_err(|_| "not a readable certificate")?;
        if !shown.is_ca() || !may_sign_certificates(&shown) {
            return Err("not a CA's certificate: it may not issue others".to_owned());
        }
        self.allowed.push(Allowed { issuer: Issuer::of(issuer)?, role, names });
        if !self.issuers.contains(issuer) {
            self.issuers.push(issuer.clone());
        }
        Ok(())
    }

    /// The subjects of the issuers, from which a client may choose its certificate.
    pub fn issuer_subjects(&self) -> BTreeSet<&[u8]> {
        self.allowed.iter().map(|allowed| allowed.issuer.anchor_subject.as_slice()).collect()
    }

    /// Decides on a chain as the client sent it, its own certificate first.
    ///
    /// # Errors
    /// The reason to refuse it.
    pub fn decide(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal> {
        let (own, sent) = chain.split_first().ok_or(Refusal::NoCertificate)?;
        let end_entity = EndEntityCert::try_from(own).map_err(|_| Refusal::Malformed)?;
        let (_, shown) = X509Certificate::from_der(own).map_err(|_| Refusal::Malformed)?;
        let intermediates: Vec<CertificateDer<'_>> =
            sent.iter().map(borrowed).chain(self.issuers.iter().map(borrowed)).collect();
        let only_issuer_wrong = Cell::new(false);
        let issuer_is_allowed = |path: &VerifiedPath<'_>| {
            if self.allowed.iter().any(|allowed| allowed.issuer.issued(path)) {
                return Ok(());
            }
            only_issuer_wrong.set(true);
            Err(webpki::Error::UnknownIssuer)
        };
        let path = end_entity
            .verify_for_usage(
                self.algorithms.all,
                &self.roots,
                &intermediates,
                UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
                KeyUsage::client_auth(),
                None,
                Some(&issuer_is_allowed),
            )
            .map_err(|error| if only_issuer_wrong.get() { Refusal::IssuerNotAllowed } else { refusal(&error) })?;
        if !may_authenticate(&shown) {
            return Err(Refusal::Usage);
        }
        let mut valid_until = end_of(&shown);
        for certificate in path.intermediate_certificates() {
            let der = certificate.der();
            let (_, ca) = X509Certificate::from_der(&der).map_err(|_| Refusal::Malformed)?;
            if !may_sign_certificates(&ca) {
                return Err(Refusal::Usage);
            }
            valid_until = valid_until.min(end_of(&ca));
        }
        let roles = self.roles(&path, &end_entity);
        if roles.is_empty() {
            return Err(Refusal::NameNotAllowed);
        }
        Ok(Identity { roles, valid_until })
    }

    /// Every entry that matches adds its role.
    fn roles(&self, path: &VerifiedPath<'_>, end_entity: &EndEntityCert<'_>) -> Vec<Role> {
        let named = |names: &[NamePattern]| {
            names.is_empty()
                || end_entity.valid_dns_names().any(|dns| names.iter().any(|name| name.matches_dns(dns)))
                || end_entity.valid_uri_names().any(|uri| names.iter().any(|name| name.matches_uri(uri)))
        };
        let matching = self.allowed.iter().filter(|allowed| allowed.issuer.issued(path) && named(&allowed.names));
        let mut roles: Vec<Role> = Vec::new();
        for allowed in matching {
            if !roles.contains(&allowed.role) {
                roles.push(allowed.role);
            }
        }
        roles
    }
}

impl Issuer {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let unreadable = |error| format!("not a usable CA certificate: {error}");
        let as_certificate = EndEntityCert::try_from(certificate).map_err(unreadable)?;
        let as_anchor = anchor_from_trusted_cert(certificate).map_err(unreadable)?;
        Ok(Self {
            subject: as_certificate.subject().to_vec(),
            public_key: as_certificate.subject_public_key_info().to_vec(),
            anchor_subject: as_anchor.subject.to_vec(),
            anchor_public_key: as_anchor.subject_public_key_info.to_vec(),
        })
    }

    /// Whether this CA issued the certificate at the end of a verified path.
    fn issued(&self, path: &VerifiedPath<'_>) -> bool {
        match path.intermediate_certificates().next() {
            Some(issuer) => issuer.subject() == self.subject && *issuer.subject_public_key_info() == *self.public_key,
            None => {
                let anchor = path.anchor();
                *anchor.subject == *self.anchor_subject && *anchor.subject_public_key_info == *self.anchor_public_key
            }
        }
    }
}

fn borrowed<'a>(certificate: &'a CertificateDer<'_>) -> CertificateDer<'a> {
    CertificateDer::from(certificate.as_ref())
}

/// Extended key usage must be there and say clientAuth; key usage, if there, must allow
/// signatures. webpki asks for neither.
fn may_authenticate(certificate: &X509Certificate<'_>) -> bool {
    let extended = matches!(certificate.extended_key_usage(), Ok(Some(usage)) if usage.value.client_auth);
    let plain = match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.digital_signature(),
        Ok(None) => true,
        Err(_) => false,
    };
    extended && plain
}

/// Key usage, if there, must say keyCertSign (RFC 5280, section 4.2.1.3). webpki does not ask.
fn may_sign_certificates(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// When a certificate ends.
pub fn end_of(certificate: &X509Certificate<'_>) -> SystemTime {
    at(certificate.validity().not_after.timestamp())
}

/// When a certificate begins.
pub fn beginning_of(certificate: &X509Certificate<'_>) -> SystemTime {
    at(certificate.validity().not_before.timestamp())
}

fn at(timestamp: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(timestamp).unwrap_or(0))
}

fn refusal(error: &webpki::Error) -> Refusal {
    match error {
        webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::TrailingData(_) => Refusal::Malformed,
        webpki::Error::UnknownIssuer => Refusal::UnknownIssuer,
        webpki::Error::CertExpired { .. } | webpki::Error::InvalidCertValidity => Refusal::Expired,
        webpki::Error::CertNotValidYet { .. } => Refusal::NotYetValid,
        webpki::Error::RequiredEkuNotFoundContext(_) | webpki::Error::EmptyEkuExtension => Refusal::Usage,
        _ => Refusal::Path,
    }
}
