//! A look at a running service from outside: what it shows, whom it asks for, what it answers.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Error, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use crate::shown::Shown;
use crate::trust::certificate::{self, beginning_of, end_of};

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Seen {
    pub chain: Vec<CertificateDer<'static>>,
    /// The CAs whose clients it asks for.
    pub asks_for: Vec<String>,
    pub answer: Answer,
}

/// What a request was answered with.
pub enum Answer {
    Status(String),
    Alert(String),
    Other(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "it answers {status}"),
            Self::Alert(alert) => write!(f, "its alert is {alert}"),
            Self::Other(error) => f.write_str(error),
        }
    }
}

/// A client's chain and key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// # Errors
/// If there is nobody to talk TLS to.
pub fn look(target: &str, identity: Option<&Identity>) -> Result<Seen, String> {
    let failed = |what: &str, error: &dyn fmt::Display| format!("{target}: error: {what}: {error}");
    let host = target.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let host = host.ok_or_else(|| format!("{target}: error: neither a file that exists nor HOST:PORT"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed("not a host name", &error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let noted = Noted::new(identity, &provider).map_err(|error| failed("the client's identity is unusable", &error))?;
    let (noted, shown) = (Arc::new(noted), Arc::new(Shown::new(Arc::clone(&provider))));
    let config = config(provider, &shown, &noted).map_err(|error| failed("TLS can't be set up", &error))?;
    let tcp = connect(target).map_err(|error| failed("can't connect", &error))?;
    let tls = ClientConnection::new(Arc::new(config), name).map_err(|error| failed("TLS can't be set up", &error))?;
    let mut stream = StreamOwned::new(tls, tcp);
    let answer = match ask(&mut stream, host) {
        Ok(status) => Answer::Status(status),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => Answer::Alert(format!("{alert:?}")),
            _ => Answer::Other(error.to_string()),
        },
    };
    let chain = shown.chain();
    if chain.is_empty() {
        return Err(format!("{target}: error: it shows no certificate: {answer}"));
    }
    let asks_for = noted.asks_for.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Seen { chain, asks_for, answer })
}

/// From when to when a certificate is valid.
pub fn dates(der: &[u8]) -> Option<(SystemTime, SystemTime)> {
    certificate::parse(der).map(|certificate| (beginning_of(&certificate), end_of(&certificate)))
}

fn connect(target: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(tcp) => {
                tcp.set_read_timeout(Some(PATIENCE))?;
                tcp.set_write_timeout(Some(PATIENCE))?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The status of a request that asks for nothing: 404 from who would answer a real one, 403 where the role
/// is another's.
fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>, host: &str) -> io::Result<String> {
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut response = Vec::new();
    let ended = stream.take(16 << 10).read_to_end(&mut response);
    let status = response.split(|byte| *byte == b'\r').next().and_then(|line| line.strip_prefix(b"HTTP/1.1 "));
    match (status, ended) {
        (Some(status), _) => Ok(String::from_utf8_lossy(status).into_owned()),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::Error::other("it closed without an answer")),
    }
}

fn config(provider: Arc<CryptoProvider>, shown: &Arc<Shown>, noted: &Arc<Noted>) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(shown) as _)
        .with_client_cert_resolver(Arc::clone(noted) as _))
}

/// Who a service asks for, and who answers.
#[derive(Debug)]
struct Noted {
    identity: Option<Arc<CertifiedKey>>,
    asks_for: Mutex<Vec<String>>,
}

impl Noted {
    fn new(identity: Option<&Identity>, provider: &CryptoProvider) -> Result<Self, Error> {
        let identity = identity
            .map(|(chain, key)| CertifiedKey::from_der(chain.clone(), key.clone_key(), provider).map(Arc::new))
            .transpose()?;
        Ok(Self { identity, asks_for: Mutex::default() })
    }
}

impl ResolvesClientCert for Noted {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let shown = |der: &&[u8]| X509Name::from_der(der).ok().map(|(_, name)| format!("`{name}`"));
        *self.asks_for.lock().unwrap_or_else(PoisonError::into_inner) = hints.iter().filter_map(shown).collect();
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
