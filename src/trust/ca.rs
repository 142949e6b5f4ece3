//! What identifies a CA: its name *and* its public key. A name alone proves nothing, since anyone
//! may found a CA of any name.

use std::time::SystemTime;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{EndEntityCert, anchor_from_trusted_cert};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certificate::X509Certificate;

use super::certificate;

/// Both parts without their outer SEQUENCE, as a [`TrustAnchor`] has them. (The same parts of a
/// certificate come with it.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaRef<'c> {
    pub subject: &'c [u8],
    pub public_key: &'c [u8],
}

/// A CA by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    pub certificate: CertificateDer<'static>,
    /// Its subject for people.
    pub name: String,
    /// From when to when it is valid.
    pub from: SystemTime,
    pub to: SystemTime,
    /// The same as what paths may end in.
    pub anchor: TrustAnchor<'static>,
}

impl Ca {
    /// # Errors
    /// If the certificate can't be that of a CA.
    pub fn new(der: &CertificateDer<'static>) -> Result<Self, String> {
        let anchor = anchor_from_trusted_cert(der).map_err(|error| format!("not a usable CA certificate: {error}"))?;
        let shown = certificate::parse(der).ok_or("not a readable certificate")?;
        if !shown.is_ca() || !certificate::may_sign_certificates(&shown) {
            return Err(format!("the certificate of `{}` is not a CA's: it may not issue others", shown.subject()));
        }
        Ok(Self {
            certificate: der.clone(),
            name: shown.subject().to_string(),
            from: certificate::beginning_of(&shown),
            to: certificate::end_of(&shown),
            anchor: anchor.to_owned(),
        })
    }

    pub fn as_ref(&self) -> CaRef<'_> {
        CaRef::of_anchor(&self.anchor)
    }

    pub fn is_same_as(&self, other: CaRef<'_>) -> bool {
        self.as_ref() == other
    }

    /// Whether this CA issued another's certificate.
    pub fn issued(&self, other: &Self, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let names_us = |der| certificate::parse(der).is_some_and(|shown| self.is_named(shown.issuer().as_raw()));
        names_us(&other.certificate) && self.signed(&other.certificate, algorithms)
    }

    /// Whether a name, with its outer SEQUENCE, is its own.
    fn is_named(&self, name: &[u8]) -> bool {
        Any::from_der(name).is_ok_and(|(_, name)| *name.data == *self.anchor.subject)
    }

    /// Whether this CA's key made the signature of a certificate or a revocation list.
    pub fn signed(&self, der: &[u8], algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let Some(signed) = Signed::from_der(der) else { return false };
        let Ok(own) = EndEntityCert::try_from(&self.certificate) else { return false };
        let named = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == signed.algorithm
        };
        // One name stands for several algorithms: ECDSA's curve is that of the key.
        algorithms
            .all
            .iter()
            .filter(named)
            .any(|algorithm| own.verify_signature(*algorithm, signed.message, signed.signature).is_ok())
    }
}

impl<'c> CaRef<'c> {
    pub fn of_anchor(anchor: &'c TrustAnchor<'_>) -> Self {
        Self { subject: &anchor.subject, public_key: &anchor.subject_public_key_info }
    }

    /// None if the certificate is not well formed.
    pub fn of_certificate(certificate: &'c X509Certificate<'_>) -> Option<Self> {
        let content = |der: &'c [u8]| Any::from_der(der).ok().map(|(_, any)| any.data);
        let tbs = &certificate.tbs_certificate;
        Some(Self { subject: content(tbs.subject.as_raw())?, public_key: content(tbs.subject_pki.raw)? })
    }
}

/// What certificates and revocation lists have in common (RFC 5280, sections 4.1.1 and 5.1.1).
struct Signed<'d> {
    message: &'d [u8],
    /// The content of its `AlgorithmIdentifier`.
    algorithm: &'d [u8],
    signature: &'d [u8],
}

impl<'d> Signed<'d> {
    fn from_der(der: &'d [u8]) -> Option<Self> {
        let (_, whole) = Any::from_der(der).ok()?;
        let (rest, _) = Any::from_der(whole.data).ok()?;
        let message = &whole.data[..whole.data.len() - rest.len()];
        let (rest, algorithm) = Any::from_der(rest).ok()?;
        let (_, bits) = Any::from_der(rest).ok()?;
        // A BIT STRING begins with the number of bits that its last byte lacks.
        let signature = bits.data.strip_prefix(&[0])?;
        Some(Self { message, algorithm: algorithm.data, signature })
    }
}
