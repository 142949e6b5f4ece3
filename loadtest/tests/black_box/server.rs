//! A small HTTPS server that asks for client certificates, on a thread for each connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;

/// What a request is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Cdn(&'static str),
    /// All of an answer to a lookup: the first CDN of two, and the version.
    Lookup(&'static str, &'static str),
    Status(u16),
    /// 503 to every second request, beginning with the first, and 200 to the others.
    Busy,
    /// 200, and the connection is closed.
    Last,
    /// The connection ends in the middle of the answer.
    Cut,
    /// 200 to a connection's first request, and to its second the end.
    Once,
    /// None until the client gives up.
    Never,
}

pub struct Server {
    pub address: SocketAddr,
    pub directory: TempDir,
    pub state: Arc<State>,
    config: Arc<ServerConfig>,
}

pub struct State {
    pub answer: RwLock<Answer>,
    /// While this is held for writing nobody is answered.
    pub stall: RwLock<()>,
    pub requests: AtomicUsize,
    pub connections: AtomicUsize,
}

impl Server {
    pub fn start(answer: Answer) -> Self {
        let directory = TempDir::new().unwrap();
        let config = Arc::new(certificates(directory.path(), "server"));
        let (address, state) = listen(answer, Arc::clone(&config));
        Self { address, directory, state, config }
    }

    /// The address of another one with the same certificates.
    pub fn beside(&self, answer: Answer) -> SocketAddr {
        listen(answer, Arc::clone(&self.config)).0
    }

    /// Nobody is answered from when a number of requests has come, for some time.
    pub fn stall_after(&self, requests: usize, time: Duration) {
        let state = Arc::clone(&self.state);
        thread::spawn(move || {
            while state.requests.load(Ordering::Relaxed) < requests {
                thread::sleep(Duration::from_micros(100));
            }
            let _stalled = state.stall.write().unwrap();
            let until = Instant::now() + time;
            while Instant::now() < until {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
        });
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What a client needs to come as another CA's.
    pub fn strangers(&self) -> PathBuf {
        let strange = self.file("strange");
        fs::create_dir(&strange).unwrap();
        certificates(&strange, "server");
        strange
    }
}

fn listen(answer: Answer, config: Arc<ServerConfig>) -> (SocketAddr, Arc<State>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(State {
        answer: RwLock::new(answer),
        stall: RwLock::new(()),
        requests: AtomicUsize::new(0),
        connections: AtomicUsize::new(0),
    });
    thread::spawn({
        let state = Arc::clone(&state);
        move || {
            for stream in listener.incoming() {
                let (config, state) = (Arc::clone(&config), Arc::clone(&state));
                state.connections.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || serve(stream.unwrap(), config, &state));
            }
        }
    });
    (address, state)
}

/// Writes a CA, a server's and a client's certificate, and gives the server's settings.
pub fn certificates(directory: &Path, server: &str) -> ServerConfig {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        (certificate, key)
    };
    fs::write(directory.join("root.pem"), authority_certificate.pem()).unwrap();
    issue("client");
    let (certificate, key) = issue(server);
    let mut roots = RootCertStore::empty();
    roots.add(authority_certificate.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap()
}

/// Until the client has had enough, or breaks off.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, state: &State) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let mut used = false;
    loop {
        while !received.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => received.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let asked = String::from_utf8_lossy(&received).into_owned();
        received.clear();
        let number = state.requests.fetch_add(1, Ordering::Relaxed);
        drop(state.stall.read().unwrap());
        let answer = *state.answer.read().unwrap();
        let answered = match answer {
            Answer::Cdn(cdn) => write!(stream, "{}", whole("200 OK", "", &format!("{{\"cdn\":\"{cdn}\"}}"))),
            Answer::Lookup(cdn, version) => write!(stream, "{}", whole("200 OK", "", &lookup(&asked, cdn, version))),
            Answer::Status(status) => write!(stream, "{}", whole(&format!("{status} So"), "", "{}")),
            Answer::Busy if number.is_multiple_of(2) => write!(stream, "{}", whole("503 So", "", "{}")),
            Answer::Last => write!(stream, "{}", whole("200 OK", "Connection: close\r\n", "{}")),
            Answer::Cut => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            Answer::Once if std::mem::replace(&mut used, true) => return,
            Answer::Once | Answer::Busy => write!(stream, "{}", whole("200 OK", "", "{}")),
            Answer::Never => continue,
        };
        if answered.is_err() || matches!(answer, Answer::Cut | Answer::Last) {
            _ = stream.flush();
            return;
        }
    }
}

fn lookup(asked: &str, cdn: &str, version: &str) -> String {
    let ip = asked.split_once("ip=").and_then(|(_, after)| after.split_once(' ')).unwrap().0;
    format!(
        r#"{{"ip":"{ip}","mix":"m","cdn":"{cdn}","cdns":[{{"name":"{cdn}","url":"https://a"}},{{"name":"other","url":"https://b"}}],"ttl":300,"version":"{version}"}}"#
    )
}

fn whole(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
