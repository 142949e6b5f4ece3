//! How this server speaks TLS: versions, cipher suites, ALPN, who verifies clients, what is resumed.
//!
//! No early data (0-RTT): what could be replayed is not accepted.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::sessions::Sessions;
use super::verifier::Verifier;

/// The server's order of cipher suites: AES-128 first. All are strong, and it is the fastest on machines with
/// AES instructions.
pub fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let is_aes_128 = |suite: CipherSuite| {
        use CipherSuite::{
            TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as ECDSA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 as RSA,
            TLS13_AES_128_GCM_SHA256 as TLS13,
        };
        matches!(suite, TLS13 | ECDSA | RSA)
    };
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
    provider
}

/// None if the provider lacks what TLS 1.2 or 1.3 needs.
pub fn server_config(
    provider: CryptoProvider,
    verifier: Verifier,
    server: CertifiedKey,
    sessions: &Sessions,
) -> Option<ServerConfig> {
    let mut tls = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .ok()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(server)));
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tls.ignore_client_order = true;
    sessions.resume(&mut tls);
    Some(tls)
}
