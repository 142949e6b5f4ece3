//! One look at a TLS listener from the outside: connect, shake hands, ask, as a client would.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{AlertDescription, ClientConfig, Error};
use rustls_pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::report::{Check, Status};
use crate::client::{Authority, Credentials, ProbeIdentity};
use crate::probe_ticket::{Held, ProbeTicket};
use crate::shown::Shown;

/// What a look may take. The load balancer's own patience is a few seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Any address that is looked up. Documentation space: nobody's.
const PATH: &str = "/lookup?ip=192.0.2.1";

/// A TLS listener of this process, as the probe sees it.
pub struct Acceptor {
    pub name: &'static str,
    address: SocketAddr,
    ticket: ProbeTicket,
    authority: Arc<dyn Authority>,
    /// With a certificate of its own the probe asks; without, it expects to be turned away.
    answers_lookups: bool,
}

impl Acceptor {
    /// `listens` is where the listener is bound.
    pub fn new(
        name: &'static str,
        listens: SocketAddr,
        ticket: ProbeTicket,
        authority: Arc<dyn Authority>,
        answers_lookups: bool,
    ) -> Self {
        Self { name, address: reachable(listens), ticket, authority, answers_lookups }
    }

    /// Looks, and says at which step the listener failed.
    pub async fn look(&self) -> Check {
        let generation = self.authority.generation();
        let check = self.look_once().await;
        // What must be shown may have changed between the asking and the showing.
        if check.status == Status::Fail && self.authority.generation() != generation {
            return self.look_once().await;
        }
        check
    }

    /// If this host has no port left to look from, that is no failure of the listener's.
    async fn look_once(&self) -> Check {
        let credentials = self.authority.credentials();
        let (identity, refused) = self.identity(&credentials);
        let asked = tokio::time::timeout(PATIENCE, async {
            let (stream, _held) = match self.connect().await {
                Ok(connected) => connected,
                Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) => {
                    return Check::warn(self.name, format!("this host has no port left to look from: {error}"));
                }
                Err(error) => return Check::fail(self.name, format!("can't connect: {error}")),
            };
            Check::from_result(self.name, self.ask(stream, &credentials, identity).await)
        });
        let late = |_| Check::fail(self.name, format!("no answer within {} s", PATIENCE.as_secs()));
        match (asked.await.unwrap_or_else(late), refused) {
            (Check { status: Status::Pass, .. }, Some(why)) => Check::warn(self.name, why),
            (check, _) => check,
        }
    }

    /// Who to look as. The probe's certificate may be one that is refused by now, which is a pity but
    /// no reason to turn everyone else's load balancer away.
    fn identity<'c>(&self, credentials: &'c Credentials) -> (Option<&'c ProbeIdentity>, Option<String>) {
        let Some(probe) = credentials.probe.as_ref().filter(|_| self.answers_lookups) else { return (None, None) };
        match self.authority.foresee(&probe.chain, SystemTime::now()) {
            Ok(_) => (Some(probe), None),
            Err(refusal) => {
                let why = refusal.explanation();
                (None, Some(format!("the probe can't look anything up, it is refused itself: {why}")))
            }
        }
    }

    async fn ask(
        &self,
        stream: TcpStream,
        credentials: &Credentials,
        identity: Option<&ProbeIdentity>,
    ) -> Result<(), String> {
        let (connector, shown) = connector(identity).map_err(|error| format!("the probe is unusable: {error}"))?;
        let server = ServerName::IpAddress(self.address.ip().into());
        let handshake = connector.connect(server, stream).await;
        if shown.chain().first().is_some_and(|shown| *shown != credentials.certificate) {
            return Err("it shows another certificate than the one that was loaded".to_owned());
        }
        if identity.is_none() {
            return turned_away(handshake).await;
        }
        let stream = handshake.map_err(|error| format!("the TLS handshake failed: {error}"))?;
        let failed = |error: hyper::Error| format!("the lookup failed: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let request = Request::get(PATH).header(HOST, "probe").body(Empty::<bytes::Bytes>::new());
        let request = request.map_err(|error| format!("the lookup failed: {error}"))?;
        let response = tokio::select! {
            response = sender.send_request(request) => response.map_err(failed)?,
            closed = connection => return Err(closed.map_or_else(failed, |()| "closed without an answer".to_owned())),
        };
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(format!("the lookup was answered with {status}")),
        }
    }

    /// Takes a port first, so that the acceptor knows the probe's connection before it comes.
    async fn connect(&self) -> std::io::Result<(TcpStream, Held)> {
        let (socket, any_port) = match self.address.ip() {
            ip @ IpAddr::V4(_) => (TcpSocket::new_v4()?, SocketAddr::new(ip, 0)),
            ip @ IpAddr::V6(_) => (TcpSocket::new_v6()?, SocketAddr::new(ip, 0)),
        };
        socket.bind(any_port)?;
        let held = self.ticket.hold(socket.local_addr()?);
        Ok((socket.connect(self.address).await?, held))
    }
}

fn connector(identity: Option<&ProbeIdentity>) -> Result<(TlsConnector, Arc<Shown>), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let shown = Arc::new(Shown::new(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&shown) as _);
    let mut config = match identity {
        Some(ProbeIdentity { chain, key }) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    // Each look must be a full handshake: a resumed one shows no certificate.
    config.resumption = Resumption::disabled();
    Ok((TlsConnector::from(Arc::new(config)), shown))
}

/// Whether the handshake ended in the alert for a missing certificate: `certificate_required` in
/// TLS 1.3, where a client sees it only when it reads, `handshake_failure` or so in TLS 1.2.
async fn turned_away(handshake: std::io::Result<TlsStream<TcpStream>>) -> Result<(), String> {
    let error = match handshake {
        Ok(mut stream) => match stream.read(&mut [0; 1]).await {
            Ok(_) => return Err("a client without a certificate was let in".to_owned()),
            Err(error) => error,
        },
        Err(error) => error,
    };
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => Ok(()),
        _ => Err(format!("the TLS handshake failed: {error}")),
    }
}

/// Where a listener that is bound to every address can be reached from here.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}
