//! What is known of a client once its certificate has been judged, and who judges.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Role;

/// An accepted client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its first alternative name, else its subject.
    pub name: String,
    pub roles: Vec<Role>,
    /// When the decision must be made anew: the earliest end of a certificate on the path or of a
    /// revocation list that is needed.
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
    /// Its certificate, or that of a CA on its path.
    Revoked,
    /// A revocation list that is needed has run out.
    CrlExpired,
    /// A revocation list is needed, and none covers the certificate.
    CrlMissing,
    /// The certificate is not for client authentication.
    Usage,
    /// A CA on the path may not sign certificates.
    CaUsage,
    /// Any other flaw of the path: signature, constraints, algorithms.
    Path,
}

impl Refusal {
    pub const ALL: [Self; 13] = [
        Self::NoCertificate,
        Self::Malformed,
        Self::UnknownIssuer,
        Self::IssuerNotAllowed,
        Self::NameNotAllowed,
        Self::NotYetValid,
        Self::Expired,
        Self::Revoked,
        Self::CrlExpired,
        Self::CrlMissing,
        Self::Usage,
        Self::CaUsage,
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
            Self::Revoked => "revoked",
            Self::CrlExpired => "crl_expired",
            Self::CrlMissing => "crl_missing",
            Self::Usage => "usage",
            Self::CaUsage => "ca_usage",
            Self::Path => "path",
        }
    }

    /// For people.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::NoCertificate => "it shows no certificate",
            Self::Malformed => "its certificate can't be read",
            Self::UnknownIssuer => "its certificate chains to no root in `clients.ca`",
            Self::IssuerNotAllowed => "the CA that issued its certificate is not one that `clients.allow` names",
            Self::NameNotAllowed => "none of its names matches a `san` pattern of its issuer's entries",
            Self::NotYetValid => "a certificate on its path is not yet valid",
            Self::Expired => "a certificate on its path has expired",
            Self::Revoked => "a certificate on its path is revoked",
            Self::CrlExpired => "a revocation list that it needs has run out",
            Self::CrlMissing => "no revocation list covers a certificate on its path, and one is needed",
            Self::Usage => "its certificate is not for client authentication",
            Self::CaUsage => "a CA on its path may not sign certificates",
            Self::Path => "its path does not verify: a signature, a constraint or an algorithm",
        }
    }
}

/// What was decided on a connection's client. Requests carry it as an extension.
pub type Admission = Arc<Result<Identity, Refusal>>;

/// Who shows the server's certificate and judges those of clients.
pub trait Authority: Send + Sync + 'static {
    fn tls(&self) -> Arc<ServerConfig>;

    /// Grows whenever what is trusted changes: a decision holds for the generation it was made in.
    fn generation(&self) -> u64;

    /// Decides on a chain as the client sent it, its own certificate first. A refusal is counted
    /// and logged, except that of the health probe, which has no `peer`: it is nobody's.
    fn decide(&self, chain: &[CertificateDer<'_>], peer: Option<IpAddr>, now: SystemTime) -> Admission;

    /// What would be decided. Tells nobody.
    ///
    /// # Errors
    /// The reason to refuse.
    fn foresee(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal>;

    fn credentials(&self) -> Arc<Credentials>;
}

/// What this process shows of itself, and what of all that is trusted runs out when.
pub struct Credentials {
    /// The server's own certificate.
    pub certificate: CertificateDer<'static>,
    /// When the first certificate of the server's chain ends.
    pub certificate_ends: SystemTime,
    /// Who the health probe is, if it has a certificate.
    pub probe: Option<ProbeIdentity>,
    /// Every certificate and revocation list, the server's certificate too.
    pub expiries: Vec<Expiry>,
}

/// The health probe's certificate chain and key.
pub struct ProbeIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Something that runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// As metrics label it: `server_certificate`, `crl:CN=...`.
    pub what: String,
    pub ends: SystemTime,
}

tokio::task_local! {
    /// Whose handshake is under way: rustls tells its verifiers nothing of the connection. None if
    /// it is the health probe's.
    pub static PEER: Option<IpAddr>;
}
