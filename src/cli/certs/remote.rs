//! A look at a running service from outside: what it shows, whom it asks for, what it answers.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::cli::tls::{Identity, NO_TLS, alert_name, host};
use crate::shown::Shown;
use crate::trust::certificate::{self, beginning_of, end_of};

/// For connecting to each address, and for all that comes after.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Seen {
    pub chain: Vec<CertificateDer<'static>>,
    /// The subjects of the CAs whose clients it asks for. None if it asks for no certificate.
    pub asks_for: Option<BTreeSet<Vec<u8>>>,
    pub answer: Answer,
}

/// What a request was answered with.
pub enum Answer {
    Status(String),
    Alert(AlertDescription),
    Other(String),
}

impl Answer {
    fn of(result: io::Result<String>) -> Self {
        match result {
            Ok(status) => Self::Status(status),
            Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
                Some(Error::AlertReceived(alert)) => Self::Alert(*alert),
                Some(Error::InvalidMessage(_)) => Self::Other(NO_TLS.to_owned()),
                _ if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    Self::Other(format!("it has not answered within {} seconds", PATIENCE.as_secs()))
                }
                _ if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Self::Other("it closed the connection without an answer".to_owned())
                }
                _ => Self::Other(error.to_string()),
            },
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "it answers {status} to a request for nothing"),
            Self::Alert(alert) => write!(f, "its alert is `{}`", alert_name(*alert)),
            Self::Other(error) => f.write_str(error),
        }
    }
}

/// # Errors
/// If there is nobody to talk TLS to.
pub fn look(target: &str, identity: Option<&Identity>) -> Result<Seen, String> {
    let failed = |what: &str, error: &dyn fmt::Display| format!("{target}: error: {what}: {error}");
    if !target.contains(':') {
        return Err(format!("{target}: error: this is neither a file that exists nor HOST:PORT"));
    }
    let host = host(target).map_err(|what| format!("{target}: error: {what}"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed("this is no name of a host", &error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let noted = Noted::new(identity, &provider).map_err(|error| failed("the client's identity is unusable", &error))?;
    let (noted, shown) = (Arc::new(noted), Arc::new(Shown::new(Arc::clone(&provider))));
    let config = config(provider, &shown, &noted).map_err(|error| failed("TLS can't be set up", &error))?;
    let tcp = connect(target).map_err(|error| failed("can't connect", &error))?;
    let tcp = Hurried { tcp, deadline: Instant::now() + PATIENCE };
    let tls = ClientConnection::new(Arc::new(config), name).map_err(|error| failed("TLS can't be set up", &error))?;
    let mut stream = StreamOwned::new(tls, tcp);
    let answer = Answer::of(ask(&mut stream, host));
    let chain = shown.chain();
    if chain.is_empty() {
        return Err(format!("{target}: error: it shows no certificate; {answer}"));
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
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection that ends at a deadline, however slowly bytes trickle.
struct Hurried {
    tcp: TcpStream,
    deadline: Instant,
}

impl Hurried {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Hurried {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.left()?)?;
        self.tcp.read(buffer)
    }
}

impl Write for Hurried {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.left()?)?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// The status of a request that asks for nothing: 404 from who would answer a real one, 403 where the role
/// is another's.
fn ask(stream: &mut StreamOwned<ClientConnection, Hurried>, host: &str) -> io::Result<String> {
    let sent =
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").and_then(|()| stream.flush());
    // Who has turned us away may have hung up before all was sent; its alert is still to be read.
    if let Err(error) = sent
        && !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
    {
        return Err(error);
    }
    let mut response = Vec::new();
    let ended = stream.take(16 << 10).read_to_end(&mut response);
    let status = response.split(|byte| *byte == b'\r').next().and_then(|line| line.strip_prefix(b"HTTP/1.1 "));
    match (status, ended) {
        (Some(status), _) => Ok(String::from_utf8_lossy(status).into_owned()),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
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
    asks_for: Mutex<Option<BTreeSet<Vec<u8>>>>,
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
        *self.asks_for.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(hints.iter().map(|hint| hint.to_vec()).collect());
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
