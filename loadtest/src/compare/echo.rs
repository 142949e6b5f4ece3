//! `croupier-loadtest compare echo`: TLS and nothing else, the least that a server on this system can
//! cost.
//!
//! It reads no HTTP: whatever ends as a request does is answered with the same 200 bytes, which happen
//! to be an HTTP/1.1 answer, so that the same generator can measure it.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::target::{certificates, in_file, key, roots};

/// All of an answer.
const BYTES: usize = 200;

/// After a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Answer everything with the same 200 bytes over TLS, to clients with a certificate, on one thread.
///
/// Listens on the loopback, on a port that the system picks, prints `listening ADDRESS`, and goes on until
/// it is ended.
#[derive(Debug, Args)]
pub struct Echo {
    /// The CA that clients' certificates chain to.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The server's certificate, then its chain.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The server certificate's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Echo {
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(self.serve())
    }

    async fn serve(&self) -> Outcome {
        let acceptor = TlsAcceptor::from(Arc::new(self.config()?));
        let of_socket = |error: io::Error| format!("the loopback: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(of_socket)?;
        let address = listener.local_addr().map_err(of_socket)?;
        writeln!(io::stdout(), "listening {address}").map_err(|error| error.to_string())?;
        let answer: Arc<[u8]> = answer().into();
        loop {
            match listener.accept().await {
                // How a connection ends is its client's to tell.
                Ok((stream, _)) => drop(tokio::spawn(echo(acceptor.clone(), stream, Arc::clone(&answer)))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn config(&self) -> Result<ServerConfig, String> {
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&self.ca)?), Arc::clone(&provider));
        let verifier = verifier.build().map_err(in_file(&self.ca))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate)?, key(&self.key)?)
            .map_err(in_file(&self.certificate))?;
        config.ticketer = Ticketer::new().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

async fn echo(acceptor: TlsAcceptor, stream: TcpStream, answer: Arc<[u8]>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = [0; 4096];
    let mut ending = [0; 4];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return stream.shutdown().await;
        }
        if ends(&mut ending, &buffer[..read]) {
            stream.write_all(&answer).await?;
            stream.flush().await?;
        }
    }
}

/// Whether a request ends with these bytes, of which the last four are kept for the next.
fn ends(ending: &mut [u8; 4], bytes: &[u8]) -> bool {
    for byte in &bytes[bytes.len().saturating_sub(4)..] {
        ending.rotate_left(1);
        ending[3] = *byte;
    }
    ending == b"\r\n\r\n"
}

fn answer() -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {:03}\r\n\r\n", 0).into_bytes();
    let body = BYTES - answer.len();
    answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {body:03}\r\n\r\n").into_bytes();
    answer.resize(BYTES, b'.');
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_200_bytes_and_complete() {
        let answer = answer();
        assert_eq!(answer.len(), 200);
        let head = crate::load::answer::head(&answer).unwrap().unwrap();
        assert_eq!((head.status, head.body.1, head.last), (200, 200, false));
    }

    #[test]
    fn a_request_ends_wherever_it_was_cut() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 1..request.len() {
            let mut ending = [0; 4];
            assert!(!ends(&mut ending, &request[..cut]), "{cut}");
            assert!(ends(&mut ending, &request[cut..]), "{cut}");
        }
    }
}
