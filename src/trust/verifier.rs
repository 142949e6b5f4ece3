//! The policy as rustls asks for it, on full handshakes. Resumed ones never ask: see
//! `listener::session`, which decides after every handshake.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::judge::Judge;
use crate::client::{PEER, Refusal};

#[derive(Debug)]
pub struct Verifier {
    judge: Arc<Judge>,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    pub fn new(judge: Arc<Judge>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let hints = judge.policy.issuer_subjects().into_iter().map(DistinguishedName::in_sequence).collect();
        Self { judge, algorithms, hints }
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<CertificateDer<'_>> =
            std::iter::once(end_entity).chain(intermediates).map(|der| CertificateDer::from(der.as_ref())).collect();
        let peer = PEER.try_with(|peer| *peer).ok().flatten();
        match self.judge.decide(&chain, peer, UNIX_EPOCH + Duration::from_secs(now.as_secs())).as_ref() {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(as_certificate_error(*refusal))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The error whose alert tells the client what is wrong with its certificate (RFC 8446,
/// section 6.2). A good certificate that is not let in gets `access_denied`.
fn as_certificate_error(refusal: Refusal) -> CertificateError {
    match refusal {
        // `bad_certificate` is for signatures that do not verify, too.
        Refusal::NoCertificate | Refusal::Malformed | Refusal::Path => CertificateError::BadEncoding,
        Refusal::UnknownIssuer => CertificateError::UnknownIssuer,
        Refusal::IssuerNotAllowed | Refusal::NameNotAllowed => CertificateError::ApplicationVerificationFailure,
        Refusal::NotYetValid => CertificateError::NotValidYet,
        Refusal::Expired => CertificateError::Expired,
        Refusal::Usage | Refusal::CaUsage => CertificateError::InvalidPurpose,
        Refusal::Revoked => CertificateError::Revoked,
        // The certificate may be good: `certificate_unknown`.
        Refusal::CrlExpired | Refusal::CrlMissing => CertificateError::Other(OtherError(Arc::new(Unknown))),
    }
}

/// That it is not known whether a certificate is revoked.
#[derive(Debug)]
struct Unknown;

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("whether the certificate is revoked is not known")
    }
}

impl std::error::Error for Unknown {}
