//! What is known of a client once its certificate has been judged, and who judges.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;

use crate::config::Role;

/// An accepted client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub roles: Vec<Role>,
    /// When the decision must be made anew: the earliest end of a certificate on the path.
    pub valid_until: SystemTime,
}

impl Identity {
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoCertificate,
    Malformed,
    UnknownIssuer,
    IssuerNotAllowed,
    NameNotAllowed,
    NotYetValid,
    Expired,
    /// Not for client authentication, or signed by what is not a CA.
    Usage,
    /// Any other flaw of the path: signature, constraints, algorithms.
    Path,
}

impl Refusal {
    pub const ALL: [Self; 9] = [
        Self::NoCertificate,
        Self::Malformed,
        Self::UnknownIssuer,
        Self::IssuerNotAllowed,
        Self::NameNotAllowed,
        Self::NotYetValid,
        Self::Expired,
        Self::Usage,
        Self::Path,
    ];

    /// The label in metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::NameNotAllowed => "name_not_allowed",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Usage => "usage",
            Self::Path => "path",
        }
    }
}

/// What was decided on a connection's client. Requests carry it as an extension.
pub type Admission = Arc<Result<Identity, Refusal>>;

/// Who shows the server's certificate and judges those of clients.
pub trait Authority: Send + Sync + 'static {
    fn tls(&self) -> Arc<ServerConfig>;

    /// Decides on a chain as the client sent it, its own certificate first.
    ///
    /// # Errors
    /// The reason to refuse it.
    fn decide(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal>;
}
