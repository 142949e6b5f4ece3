//! Whom to connect to, as whom, and what to ask: options that commands share.
//!
//! One cipher suite a version and one key exchange group, so that servers of different defaults
//! are given the same work.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::Empty;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion, version};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Serialize;

const CIPHER_SUITES: [SupportedCipherSuite; 3] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

const GROUP: &dyn SupportedKxGroup = kx_group::X25519;

#[derive(Debug, Args)]
pub struct Options {
    /// The server.
    #[arg(long, value_name = "IP:PORT")]
    address: SocketAddr,
    #[command(flatten)]
    identity: Identity,
    /// The path and query to ask for. Its answer must be 200.
    #[arg(long, default_value = "/lookup?ip=192.0.2.1", value_name = "PATH")]
    request: Uri,
    /// Seconds that connecting, the handshake or an answer may take.
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = super::seconds)]
    timeout: Duration,
}

/// Who this client is, and whom it trusts.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct Identity {
    /// The CA that the server's certificate chains to.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The client's certificate, then its chain.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The client certificate's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name that the server's certificate must have.
    #[arg(long, default_value = "localhost", value_name = "NAME")]
    pub server_name: String,
    /// The only TLS version to offer.
    #[arg(long, default_value = "1.3", value_name = "VERSION")]
    pub tls: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Version {
    #[value(name = "1.2")]
    #[serde(rename = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    #[serde(rename = "1.3")]
    Tls13,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    fn protocol(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &version::TLS12,
            Self::Tls13 => &version::TLS13,
        }
    }
}

/// A server, and all it takes to ask it something.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub server_name: ServerName<'static>,
    pub version: Version,
    /// Resumes nothing.
    pub tls: Arc<ClientConfig>,
    pub request: Request<Empty<Bytes>>,
    pub timeout: Duration,
}

impl Options {
    pub fn load(&self) -> Result<Target, String> {
        self.identity.target(self.address, self.request.clone(), self.timeout)
    }
}

impl Identity {
    pub fn target(&self, address: SocketAddr, request: Uri, timeout: Duration) -> Result<Target, String> {
        let request = Request::get(request).header(HOST, &self.server_name).body(Empty::new());
        Ok(Target {
            address,
            server_name: self.server()?,
            version: self.tls,
            tls: Arc::new(self.config(b"http/1.1")?),
            request: request.map_err(|error| error.to_string())?,
            timeout,
        })
    }

    pub fn server(&self) -> Result<ServerName<'static>, String> {
        ServerName::try_from(self.server_name.clone()).map_err(|error| format!("{}: {error}", self.server_name))
    }

    /// TLS settings that resume nothing, for one protocol above TLS.
    pub fn config(&self, protocol: &[u8]) -> Result<ClientConfig, String> {
        let key = key(&self.key)?;
        let provider =
            CryptoProvider { cipher_suites: CIPHER_SUITES.to_vec(), kx_groups: vec![GROUP], ..default_provider() };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[self.tls.protocol()])
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(&self.ca)?)
            .with_client_auth_cert(certificates(&self.certificate)?, key)
            .map_err(in_file(&self.certificate))?;
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl Target {
    /// The same, but keeping session tickets, and apart from all others' tickets.
    pub fn with_tickets(&self) -> Self {
        Self { tls: with_tickets(&self.tls), ..self.clone() }
    }
}

/// The same settings, but keeping session tickets, and apart from all others' tickets.
pub fn with_tickets(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(1);
    Arc::new(config)
}

/// Those that certificates of the other side chain to.
pub fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots.add(root).map_err(in_file(path))?;
    }
    Ok(roots)
}

pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, pem::Error>>);
    let certificates = read.map_err(in_file(path))?;
    if certificates.is_empty() {
        return Err(format!("{}: no certificate in it", path.display()));
    }
    Ok(certificates)
}

pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(in_file(path))
}

pub fn in_file<E: Display>(path: &Path) -> impl FnOnce(E) -> String {
    move |error| format!("{}: {error}", path.display())
}
