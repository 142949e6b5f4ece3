//! Clients: a blocking one that sends any bytes, and hyper's for many requests at once.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio_rustls::TlsConnector;

use super::PATIENCE;
use super::pki::Identity;

/// Who connects, and how. Clones, and connections of one client, share its session tickets.
#[derive(Clone)]
pub struct Client {
    pub config: Arc<ClientConfig>,
}

impl Client {
    /// No ALPN. Trusts servers that this root's certificate vouches for.
    pub fn new(
        root: CertificateDer<'static>,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        Self { config: Arc::new(config) }
    }

    /// The same, offering this protocol by ALPN. Session tickets stay shared.
    pub fn offering(&self, protocol: &str) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Self { config: Arc::new(config) }
    }

    /// Connects and shakes hands. In TLS 1.3 a refusal comes only when the connection is read.
    pub fn connect(&self, address: SocketAddr) -> io::Result<Connection> {
        self.over(TcpStream::connect(address)?)
    }

    /// Shakes hands on a connection that is there.
    pub fn over(&self, tcp: TcpStream) -> io::Result<Connection> {
        self.behind(b"", tcp)
    }

    /// The same, with these bytes before the first of TLS, in one piece with them.
    pub fn behind(&self, begin: &[u8], mut tcp: TcpStream) -> io::Result<Connection> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        let mut tls = ClientConnection::new(Arc::clone(&self.config), localhost()).map_err(io::Error::other)?;
        let mut first = begin.to_vec();
        tls.write_tls(&mut first)?;
        tcp.write_all(&first)?;
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        stream.flush()?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// One request on a connection of its own.
    pub fn get(&self, address: SocketAddr, target: &str) -> io::Result<Response> {
        self.connect(address)?.get(target)
    }

    /// The alert that the service turns this client away with; None if it answers.
    pub fn alert(&self, address: SocketAddr) -> Option<AlertDescription> {
        match self.get(address, "/lookup?ip=192.0.2.1") {
            Ok(_) => None,
            Err(error) => Some(alert(&error).unwrap_or_else(|| panic!("no alert but {error:?}"))),
        }
    }
}

/// The TLS alert that an error stands for.
pub fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// An open connection. Responses are read one by one; bytes are sent as they are.
pub struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Connection {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes.as_ref())?;
        stream.flush()
    }

    pub fn read(&mut self) -> io::Result<Response> {
        read_response(&mut self.stream, true)
    }

    /// The response to a HEAD.
    pub fn read_head(&mut self) -> io::Result<Response> {
        read_response(&mut self.stream, false)
    }

    pub fn get(&mut self, target: &str) -> io::Result<Response> {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))?;
        self.read()
    }

    /// Whether it is closed, without another byte, before the timeout.
    pub fn is_closed_within(&mut self, timeout: Duration) -> bool {
        self.tcp().set_read_timeout(Some(timeout)).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        self.tcp().set_read_timeout(Some(PATIENCE)).unwrap();
        match read {
            Ok(length) => length == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// Reads on, whatever comes, until it is closed.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.tcp().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        loop {
            match self.stream.read(&mut [0; 4096]) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Ok(0) | Err(_) => return,
            }
            assert!(Instant::now() < deadline, "still open after {PATIENCE:?}");
        }
    }

    pub fn handshake_kind(&self) -> HandshakeKind {
        self.stream.get_ref().conn.handshake_kind().unwrap()
    }

    /// The server's own certificate, as shown when the session began.
    pub fn server_certificate(&self) -> CertificateDer<'static> {
        self.stream.get_ref().conn.peer_certificates().unwrap()[0].clone()
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.stream.get_ref().sock
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

#[derive(Debug, Clone)]
pub struct Response {
    pub version: String,
    pub status: u16,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header that is there once, or not at all.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Reads one HTTP/1 response: its body by Content-Length, else to the end.
pub fn read_response(stream: &mut impl BufRead, has_body: bool) -> io::Result<Response> {
    let first = line(stream)?;
    let mut words = first.splitn(3, ' ');
    let version = words.next().unwrap_or_default().to_owned();
    let status = words.next().and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("not a status line: {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { version, status, headers, body: Vec::new() };
    if has_body {
        match response.header("content-length").map(|length| length.parse().unwrap()) {
            Some(length) => {
                response.body = vec![0; length];
                stream.read_exact(&mut response.body)?;
            }
            None => _ = stream.read_to_end(&mut response.body)?,
        }
    }
    Ok(response)
}

/// A line without its end. The end of the stream is an error.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// One request over plain HTTP, written out, and its response.
pub fn plain(address: SocketAddr, request: &str) -> io::Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    read_response(&mut BufReader::new(stream), !request.starts_with("HEAD "))
}

/// An HTTP/1.1 connection. Its requests need a `Host`.
pub async fn http1(client: &Client, address: SocketAddr) -> io::Result<conn::http1::SendRequest<Empty<Bytes>>> {
    let stream = connect(&client.offering("http/1.1"), address).await?;
    let (sender, connection) = conn::http1::handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// An HTTP/2 connection. Its requests need an absolute URI.
pub async fn http2(client: &Client, address: SocketAddr) -> io::Result<conn::http2::SendRequest<Empty<Bytes>>> {
    let stream = connect(&client.offering("h2"), address).await?;
    let handshake = conn::http2::handshake(TokioExecutor::new(), stream);
    let (sender, connection) = handshake.await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

type Stream = TokioIo<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

async fn connect(client: &Client, address: SocketAddr) -> io::Result<Stream> {
    let tcp = tokio::net::TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::clone(&client.config)).connect(localhost(), tcp).await?;
    Ok(TokioIo::new(stream))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
