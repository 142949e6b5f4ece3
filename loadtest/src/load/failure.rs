//! What can go wrong with a request, by kind: few kinds, so that they can be counted and compared,
//! each with an example in full.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No TCP connection.
    Connect,
    /// The TLS handshake failed, or an alert came instead of an answer.
    Tls,
    /// The connection ended before the answer did.
    Cut,
    /// Not answered in time, or not even sent.
    Timeout,
    /// An answer, but not 200.
    Status(u16),
    /// An answer that is not one, or not the one expected.
    Answer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    pub reason: String,
}

impl Failure {
    pub fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// Of an error on a socket: what it says of itself goes before what was being done.
    pub fn of(doing: Kind, error: &io::Error) -> Self {
        let is_tls = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
        let kind = match error.kind() {
            _ if is_tls => Kind::Tls,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
                if doing != Kind::Connect =>
            {
                Kind::Cut
            }
            _ => doing,
        };
        Self::new(kind, error.to_string())
    }
}

impl Kind {
    /// Whether a caller would ask again: another connection may lead to another server. Who gave up has no time left,
    /// and what an answer of below 500 says would be said again.
    pub fn is_worth_a_retry(self) -> bool {
        match self {
            Self::Connect | Self::Tls | Self::Cut => true,
            Self::Status(status) => status >= 500,
            Self::Timeout | Self::Answer => false,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => formatter.write_str("connect"),
            Self::Tls => formatter.write_str("tls"),
            Self::Cut => formatter.write_str("cut"),
            Self::Timeout => formatter.write_str("timeout"),
            Self::Status(status) => write!(formatter, "status {status}"),
            Self::Answer => formatter.write_str("answer"),
        }
    }
}

/// How often what went wrong, and how the first of each kind did.
#[derive(Debug, Clone, Default)]
pub struct Failures(BTreeMap<Kind, (u64, String)>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub kind: String,
    pub count: u64,
    pub example: String,
}

impl Failures {
    pub fn add(&mut self, failure: &Failure) {
        match self.0.get_mut(&failure.kind) {
            Some((count, _)) => *count += 1,
            None => _ = self.0.insert(failure.kind, (1, failure.reason.clone())),
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    pub fn list(&self) -> Vec<Failed> {
        let failed = |(kind, (count, example)): (&Kind, &(u64, String))| Failed {
            kind: kind.to_string(),
            count: *count,
            example: example.clone(),
        };
        self.0.iter().map(failed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_on_sockets_have_kinds() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let alert = io::Error::new(io::ErrorKind::InvalidData, alert);
        for (doing, error, kind) in [
            (Kind::Connect, &refused, Kind::Connect),
            (Kind::Connect, &reset, Kind::Connect),
            (Kind::Tls, &reset, Kind::Cut),
            (Kind::Answer, &reset, Kind::Cut),
            (Kind::Answer, &alert, Kind::Tls),
        ] {
            assert_eq!(Failure::of(doing, error).kind, kind, "{doing}: {error}");
        }
    }

    #[test]
    fn what_another_server_may_do_better_is_worth_a_retry() {
        let worth = [Kind::Connect, Kind::Tls, Kind::Cut, Kind::Status(503)];
        assert!(worth.into_iter().all(Kind::is_worth_a_retry));
        assert!(![Kind::Timeout, Kind::Answer, Kind::Status(403)].into_iter().any(Kind::is_worth_a_retry));
    }

    #[test]
    fn the_first_of_a_kind_is_its_example() {
        let mut failures = Failures::default();
        for reason in ["first", "second"] {
            failures.add(&Failure::new(Kind::Status(503), reason));
        }
        let listed = Failed { kind: "status 503".to_owned(), count: 2, example: "first".to_owned() };
        assert_eq!(failures.list(), [listed]);
        assert_eq!(failures.count(), 2);
    }
}
