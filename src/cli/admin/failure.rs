//! Why a service was not reached, or did not do what it was asked, for someone who has to fix it at night.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use http::StatusCode;
use rustls::{AlertDescription, CertificateError};
use serde::Deserialize;

use super::access::Resolved;
use crate::cli::tls::{NO_TLS, alert_name};

/// Why a command ends without having done what it is for.
#[derive(Debug)]
pub enum Failure {
    /// Something is missing on the command line.
    Usage(String),
    /// The service was not reached, or refuses.
    Service(String),
    /// Nobody reads the output, or worse.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What happened, and what to do about it.
pub struct Told {
    what: String,
    help: Option<String>,
}

/// What a refused request is answered with (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
}

impl Told {
    pub fn new(what: impl Into<String>, help: Option<String>) -> Self {
        Self { what: what.into(), help }
    }

    fn helped(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(what, Some(help.into()))
    }

    pub fn by(self, address: &str) -> Failure {
        let help = self.help.map(|help| format!("\n    help: {help}")).unwrap_or_default();
        Failure::Service(format!("{address}: error: {}{help}", self.what))
    }

    pub fn unreachable(error: &dyn Display) -> Self {
        Self::helped(
            format!("can't connect: {error}"),
            "is the service running, and is this what its `[listen] admin` says? (it prints `listening … admin=ADDRESS`)",
        )
    }

    pub fn late(what: &str, patience: Duration, help: Option<&str>) -> Self {
        Self::new(format!("{what} within {} seconds", patience.as_secs()), help.map(str::to_owned))
    }

    /// Of something that speaks HTTP, but not as the admin listener does.
    pub fn stranger(status: StatusCode) -> Self {
        Self::helped(
            format!("what answers there is not Croupier: {status}, and no JSON"),
            "the admin listener is where `[listen] admin` says",
        )
    }

    /// Neither done nor refused.
    pub fn of_status(status: StatusCode, text: &str, target: &str) -> Self {
        let Ok(Problem { title, detail }) = serde_json::from_str(text) else { return Self::stranger(status) };
        let detail = detail.unwrap_or(title);
        let path = target.split('?').next().unwrap_or(target);
        match status {
            StatusCode::FORBIDDEN => Self::helped(
                format!("the service refuses: {detail}"),
                "the certificate needs the role `admin` by `[[clients.allow]]`; or is this the lookup listener?",
            ),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Self::helped(
                format!("the service has no {path}: {detail}"),
                "is this the admin listener, and the service of the same version as this command?",
            ),
            StatusCode::SERVICE_UNAVAILABLE => {
                Self::helped(format!("the service is draining: {detail}"), "ask again once it has been started anew")
            }
            _ => Self::new(format!("the service answers {status}: {detail}"), None),
        }
    }

    /// From TCP up to HTTP, the cause is what counts.
    pub fn of_connection(error: &(dyn Error + 'static), access: &Resolved) -> Self {
        let causes = || std::iter::successors(Some(error), |error| inner(*error));
        if let Some(error) = causes().find_map(|error| error.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(error, access);
        }
        if causes().any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
            return Self::helped("what it says is no HTTP", "the admin listener is where `[listen] admin` says");
        }
        let is_end = |error: &(dyn Error + 'static)| {
            error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
                || error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        };
        if causes().any(is_end) {
            return Self::helped("it closed the connection without an answer", "does its log say why?");
        }
        let last = causes().last().map(ToString::to_string).unwrap_or_default();
        Self::new(format!("the connection broke: {last}"), None)
    }

    fn of_tls(error: &rustls::Error, access: &Resolved) -> Self {
        let certificate = access.certificate.display();
        match error {
            rustls::Error::AlertReceived(alert) => Self::helped(
                format!("it does not let {certificate} in: its alert is `{}`{}", alert_name(*alert), meaning(*alert)),
                format!("where its configuration is, `croupier certs inspect {certificate} --config FILE` says why"),
            ),
            rustls::Error::InvalidCertificate(error) => Self::of_server(error, access),
            rustls::Error::InvalidMessage(_) => {
                Self::helped(NO_TLS, "the admin listener is where `[listen] admin` says")
            }
            error => Self::new(format!("TLS failed: {error}"), None),
        }
    }

    /// The service's own certificate is not accepted here.
    fn of_server(error: &CertificateError, access: &Resolved) -> Self {
        let ca = access.ca.display();
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::helped(
                format!("its certificate does not chain to a CA in {ca}"),
                "is it the service that you mean? Else --ca FILE (or CROUPIER_ADMIN_CA) names another root",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = match error {
                    CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                        format!(" but for {}", presented.join(", "))
                    }
                    _ => String::new(),
                };
                Self::helped(
                    format!("its certificate is not for this host{names}"),
                    "ask by a name that its certificate has: --address HOST:PORT",
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::helped("its certificate has expired", "give it another one: `[tls] certificate`")
            }
            error => Self::new(format!("its certificate is not accepted: {error}"), None),
        }
    }
}

/// `io::Error` passes its inner error over.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// What an alert says of the client's certificate.
fn meaning(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => " (it chains to no root that the service knows)",
        AlertDescription::AccessDenied => " (the CA that issued it is not allowed, or its name is not)",
        AlertDescription::BadCertificate => " (a signature does not verify)",
        AlertDescription::CertificateExpired => " (it is out of date, or not yet valid)",
        AlertDescription::CertificateRevoked => " (it is revoked, or a CA above it is)",
        AlertDescription::CertificateUnknown => " (it may be revoked: a revocation list has run out)",
        AlertDescription::UnsupportedCertificate => " (it is not for client authentication)",
        _ => "",
    }
}
