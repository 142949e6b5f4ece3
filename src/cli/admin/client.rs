//! Requests to the admin listener over mTLS: one a connection, answered whole or not at all, in bounded time.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::access::Resolved;
use super::failure::{Failure, Told};
use crate::cli::tls::{certificates, host, private_key};

const CONNECT: Duration = Duration::from_secs(5);

/// A busy service may let a new connection wait for a while.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// For what the service has at hand.
pub const SHORT: Duration = Duration::from_secs(10);

/// For what has it read and compile a table: that of a large one takes minutes on a busy machine, since
/// serving comes first.
pub const LONG: Duration = Duration::from_mins(6);

/// No answer is this large; what is, comes from something else.
const LARGEST: usize = 256 << 20;

pub struct Client {
    access: Resolved,
    name: ServerName<'static>,
    connector: TlsConnector,
}

/// What the service answered: that it is done, or (409) that it was refused.
pub struct Answer {
    pub is_refusal: bool,
    /// JSON, as it was sent.
    pub text: String,
}

impl Client {
    pub fn new(access: Resolved) -> Result<Self, Failure> {
        let wrong = |what: &dyn std::fmt::Display| Failure::Usage(format!("croupier: {}: {what}", access.address));
        let host = host(&access.address).map_err(|what| wrong(&what))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong(&"this is no name of a host"))?;
        let connector = connector(&access).map_err(|message| {
            let help = "\n    help: `croupier serve --dev` makes these files, in the directory where it runs";
            Failure::Service(message + if access.is_development { help } else { "" })
        })?;
        Ok(Self { access, name, connector })
    }

    pub fn get(&self, target: &str) -> Result<Answer, Failure> {
        self.ask(&Method::GET, target, SHORT)
    }

    /// Has the service do something that takes it a while.
    pub fn post(&self, target: &str) -> Result<Answer, Failure> {
        self.ask(&Method::POST, target, LONG)
    }

    fn ask(&self, method: &Method, target: &str, patience: Duration) -> Result<Answer, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exchanged = runtime.block_on(async {
            let stream = self.connect().await?;
            within(patience, self.exchange(stream, method, target)).await.unwrap_or_else(|| {
                let help = (patience == LONG).then_some("it may be at it still: see `croupier history`");
                Err(self.told(Told::late("it has not answered", patience, help)))
            })
        });
        // A look-up of a name that is not over yet is not waited for.
        runtime.shutdown_background();
        let (status, body) = exchanged?;
        let text = String::from_utf8(body.into()).map_err(|_| self.told(Told::stranger(status)))?;
        match status {
            StatusCode::OK | StatusCode::CONFLICT => Ok(Answer { is_refusal: status == StatusCode::CONFLICT, text }),
            _ => Err(self.told(Told::of_status(status, &text, target))),
        }
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let tcp = reach(&self.access.address).await.map_err(|error| self.told(Told::unreachable(&error)))?;
        let shaking_hands = self.connector.connect(self.name.clone(), tcp);
        match within(HANDSHAKE, shaking_hands).await {
            Some(result) => result.map_err(|error| self.told(Told::of_connection(&error, &self.access))),
            None => Err(self.told(Told::late("it has not shaken hands", HANDSHAKE, None))),
        }
    }

    async fn exchange(
        &self,
        stream: TlsStream<TcpStream>,
        method: &Method,
        target: &str,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let broken = |error: &(dyn std::error::Error + 'static)| self.told(Told::of_connection(error, &self.access));
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, &self.access.address)
            .header(CONTENT_LENGTH, 0)
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new());
        let request = request.map_err(|error| broken(&error))?;
        let (mut sender, mut connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let answered = async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok((status, Limited::new(response, LARGEST).collect().await))
        };
        let (answered, _) = tokio::join!(answered, &mut connection);
        match answered {
            Ok((status, Ok(body))) => Ok((status, body.to_bytes())),
            Ok((_, Err(error))) => Err(broken(&*error)),
            Err(error) => {
                // In TLS 1.3 a client is turned away after it has sent its request, or while it does.
                let error: hyper::Error = error;
                let mut stream = connection.into_parts().io.into_inner();
                match within(SHORT, stream.read(&mut [0; 1])).await {
                    Some(Err(alert)) if failed_by_tls(&alert) => Err(broken(&alert)),
                    _ => Err(broken(&error)),
                }
            }
        }
    }

    /// The answer's JSON, read.
    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        serde_json::from_str(&answer.text).map_err(|error| {
            if serde_json::from_str::<IgnoredAny>(&answer.text).is_err() {
                return self.told(Told::stranger(StatusCode::OK));
            }
            let help = "is the service of the same version as this command?";
            self.told(Told::new(format!("its answer is not understood: {error}"), Some(help.to_owned())))
        })
    }

    fn told(&self, told: Told) -> Failure {
        told.by(&self.access.address)
    }
}

/// A name may have several addresses; each gets its chance.
async fn reach(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in in_time(lookup_host(address)).await? {
        match in_time(TcpStream::connect(address)).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn in_time<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    within(CONNECT, future).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

fn failed_by_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(patience, future).await.ok()
}

fn connector(access: &Resolved) -> Result<TlsConnector, String> {
    let Resolved { certificate, key, ca, .. } = access;
    let unusable = |what: &dyn std::fmt::Display, why| format!("{what}: error: {why}");
    let mut roots = RootCertStore::empty();
    for root in certificates(ca)? {
        roots.add(root).map_err(|error| unusable(&ca.display(), error.to_string()))?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|error| unusable(&"croupier: TLS", error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
        .map_err(|error| unusable(&certificate.display(), format!("unusable with {}: {error}", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
