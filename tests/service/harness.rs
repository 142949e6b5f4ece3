//! A service to test: a directory with certificates, a table and a configuration, and the built
//! program run on it. Every test has its own; nothing is shared, everything is on the loopback.

#![allow(dead_code, unused_imports, reason = "several test programs use this, none of them all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]

#[path = "harness/client.rs"]
mod client;
#[path = "harness/metrics.rs"]
mod metrics;
#[path = "harness/pki.rs"]
mod pki;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls::SupportedProtocolVersion;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use client::{Client, Connection, Response, alert, http1, http2, plain, read_response};
pub use metrics::Metrics;
pub use pki::{Authority, Crl, Identity, Leaf, Pki};

/// How long anything that must happen may take. Generous: tests share the machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a service is started on. The defaults let in clients of the media CA as `lookup`, of the
/// ops CA as `admin` (`ops-*.example`) or `probe` (`probe.example`).
pub struct Setup {
    directory: TempDir,
    pub pki: Pki,
    /// A client that is let in as `lookup`.
    pub selector: Identity,
    sections: BTreeMap<String, String>,
    environment: Vec<(String, String)>,
}

pub const CLIENTS: &str = r#"
ca = ["certs/root.pem"]
[[clients.allow]]
issuer = "certs/media-ca.pem"
role = "lookup"
[[clients.allow]]
issuer = "certs/ops-ca.pem"
role = "admin"
san = ["ops-*.example"]
[[clients.allow]]
issuer = "certs/ops-ca.pem"
role = "probe"
san = ["probe.example"]
"#;

impl Setup {
    pub fn new() -> Self {
        let pki = Pki::new();
        let selector = Leaf::client("media-selector-1.example").issued_by(&pki.media);
        let directory = TempDir::new().unwrap();
        let mut setup = Self { directory, pki, selector, sections: BTreeMap::new(), environment: Vec::new() };
        fs::create_dir(setup.path("certs")).unwrap();
        setup.write("certs/root.pem", setup.pki.root.pem());
        setup.write("certs/media-ca.pem", setup.pki.media.pem());
        setup.write("certs/ops-ca.pem", setup.pki.ops.pem());
        setup.write_identity("server", &Leaf::server().issued_by(&setup.pki.ops));
        setup.write_identity("probe", &Leaf::client("probe.example").issued_by(&setup.pki.ops));
        setup.write_table(&table());
        for (section, body) in [
            ("listen", "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\""),
            ("table", "source = \"table.json\""),
            ("tls", "certificate = \"certs/server.pem\"\nkey = \"certs/server.key\""),
            ("clients", CLIENTS),
            ("health", "certificate = \"certs/probe.pem\"\nkey = \"certs/probe.key\""),
            ("drain", "wait = 0.2\ndeadline = 5"),
            ("log", "level = \"debug\""),
        ] {
            setup.section(section, body);
        }
        setup
    }

    /// Sets a section of the configuration, the whole of it. An empty body leaves it out.
    pub fn section(&mut self, name: &str, body: &str) -> &mut Self {
        self.sections.insert(name.to_owned(), body.to_owned());
        let sections = self.sections.iter().filter(|(_, body)| !body.is_empty());
        let text: String = sections.map(|(name, body)| format!("[{name}]\n{body}\n\n")).collect();
        self.write("croupier.toml", &text);
        self
    }

    pub fn environment(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file in place, as an editor does that truncates first.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    /// Writes a file beside and renames it into place.
    pub fn replace(&self, name: &str, contents: impl AsRef<[u8]>) {
        let beside = self.path(&format!("{name}.new"));
        fs::write(&beside, contents).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    pub fn write_table(&self, table: &Value) {
        self.replace("table.json", format!("{table:#}\n"));
    }

    /// Writes `certs/NAME.pem`, the whole chain, and `certs/NAME.key`.
    pub fn write_identity(&self, name: &str, identity: &Identity) {
        self.write(&format!("certs/{name}.pem"), identity.chain_pem());
        self.write(&format!("certs/{name}.key"), identity.key_pem());
    }

    /// A client with this identity, or none, that trusts the service's server certificate.
    pub fn client(&self, identity: Option<&Identity>) -> Client {
        Client::new(self.pki.root.der(), identity, rustls::ALL_VERSIONS)
    }

    /// The same, but of one TLS version only.
    pub fn client_of(&self, version: &'static SupportedProtocolVersion, identity: Option<&Identity>) -> Client {
        Client::new(self.pki.root.der(), identity, &[version])
    }

    /// `croupier` with arguments, in this directory, nothing inherited from who runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_croupier"));
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// The same, begun by a shell that does something before: `"$@"` is the program with its arguments.
    pub fn shell(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_croupier")]).args(arguments);
        self.surround(&mut command);
        command
    }

    pub fn surround(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if ["CROUPIER_", "AWS_", "LISTEN_", "NOTIFY_", "WATCHDOG_"]
                .iter()
                .any(|begin| name.to_string_lossy().starts_with(begin))
            {
                command.env_remove(name);
            }
        }
        // Tests run side by side, and a request may have to wait for a processor: it is answered all the same.
        command.env("CROUPIER_LIMITS_WAIT", "10");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// A file for a program's stderr.
    pub fn errors(&self) -> (File, PathBuf) {
        let file = tempfile::Builder::new().prefix("stderr-").tempfile_in(self.directory.path()).unwrap();
        file.keep().unwrap()
    }
}

/// A table with all that answers differ by: longest prefix, single and several CDNs, both
/// families, a fallback of weight 0, canaries.
pub fn table() -> Value {
    json!({
        "version": "test.1",
        "ttl": 60,
        "cdns": {
            "alpha": { "url": "https://alpha.example/" },
            "beta": { "url": "https://beta.example/" },
            "gamma": { "url": "https://gamma.example/" }
        },
        "mixes": {
            "on-net": { "alpha": 80, "beta": 15, "gamma": 5 },
            "solo": { "gamma": 1 },
            "world": { "beta": 60, "gamma": 40, "alpha": 0 }
        },
        "footprints": [
            { "footprint-type": "ipv4cidr", "footprint-value": ["198.18.0.0/15"], "mix": "on-net" },
            { "footprint-type": "ipv4cidr", "footprint-value": ["198.18.64.0/18", "192.0.2.0/25"], "mix": "solo" },
            { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8:1::/48"], "mix": "on-net" },
            { "footprint-type": "ipv6cidr", "footprint-value": ["2001:db8:2000::/36"], "mix": "solo" }
        ],
        "default": "world",
        "canaries": [
            { "ip": "198.18.0.1", "mix": "on-net" },
            { "ip": "198.18.64.1", "mix": "solo" },
            { "ip": "2001:db8:1::1", "mix": "on-net" },
            { "ip": "203.0.113.1", "mix": "world" }
        ]
    })
}

/// A running service. It is killed when this goes.
pub struct Service {
    child: Child,
    pub lookup: SocketAddr,
    pub health: SocketAddr,
    pub admin: Option<SocketAddr>,
    errors: PathBuf,
}

impl Service {
    /// Starts `croupier serve` and waits until it listens.
    #[track_caller]
    pub fn start(setup: &Setup) -> Self {
        Self::start_as(setup, &CONFIGURED).0
    }

    /// Starts the program with these arguments and waits until it listens. Also gives the lines
    /// that it goes on to print.
    #[track_caller]
    pub fn start_as(setup: &Setup, arguments: &[&str]) -> (Self, mpsc::Receiver<String>) {
        Self::start_by(setup, setup.command(arguments))
    }

    /// Starts it by a command of its own and waits until it listens.
    #[track_caller]
    pub fn start_by(setup: &Setup, mut command: Command) -> (Self, mpsc::Receiver<String>) {
        let (file, errors) = setup.errors();
        command.stderr(file);
        Self::start_told(command, errors)
    }

    /// The same, if it is told already where to write its stderr.
    #[track_caller]
    pub fn start_told(mut command: Command, errors: PathBuf) -> (Self, mpsc::Receiver<String>) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(&mut child);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some((lookup, health, admin)) = addresses(&line) {
                        return (Self { child, lookup, health, admin, errors }, lines);
                    }
                }
                Err(error) => {
                    _ = child.kill();
                    _ = child.wait();
                    panic!("not started ({error}):\n{}", fs::read_to_string(errors).unwrap());
                }
            }
        }
    }

    /// Starts it and waits until `/health` is green.
    #[track_caller]
    pub fn start_green(setup: &Setup) -> Self {
        let service = Self::start(setup);
        wait_until("health turns green", || service.health().0 == 200);
        service
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait_exit(&mut self, timeout: Duration) -> ExitStatus {
        wait_exit(&mut self.child, timeout)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `GET /health`: status and document.
    pub fn health(&self) -> (u16, Value) {
        let response = plain(self.health, "GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        (response.status, response.json())
    }

    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.metrics_text())
    }

    pub fn metrics_text(&self) -> String {
        plain(self.health, "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap().text()
    }

    /// Everything it has written to stderr.
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Its log so far. What is not a JSON line (a problem, a usage message) is left out.
    pub fn log(&self) -> Vec<Value> {
        self.errors().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// How a service that did not start ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs `croupier serve` where it must end by itself.
#[track_caller]
pub fn refused_start(setup: &Setup) -> Ended {
    let (file, errors) = setup.errors();
    let mut command = setup.command(&CONFIGURED);
    command.stderr(file);
    refused(command, errors)
}

/// The same by a command of its own, that writes its stderr to this file.
#[track_caller]
pub fn refused(mut command: Command, errors: PathBuf) -> Ended {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines(&mut child);
    let status = wait_exit(&mut child, PATIENCE);
    let output: Vec<String> = lines.iter().collect();
    Ended { code: status.code(), output: output.join("\n"), errors: fs::read_to_string(errors).unwrap() }
}

pub const CONFIGURED: [&str; 3] = ["serve", "--config", "croupier.toml"];

/// Its output's lines, read by a thread so that the pipe never fills and waiting has an end.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr, Option<SocketAddr>)> {
    let named = |name: &str| {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .map(|written| written.parse().unwrap())
    };
    line.starts_with("listening ").then(|| Some((named("lookup")?, named("health")?, named("admin"))))?
}

#[track_caller]
fn wait_exit(child: &mut Child, timeout: Duration) -> ExitStatus {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() >= deadline {
            _ = child.kill();
            _ = child.wait();
            panic!("still running after {timeout:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
