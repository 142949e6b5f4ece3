//! The configuration: one struct, every key with its default and its reason.
//!
//! Reading it binds nothing and opens none of the files it names. Times are in seconds, whole or
//! with a fraction.

mod check;
mod network;
mod pattern;
mod read;
mod seconds;
pub mod variables;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;
use crate::store::{self, ObjectUrl};

pub use network::Network;
pub use pattern::NamePattern;
pub use read::{Environment, read};
pub use seconds::Seconds;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    pub listen: Listen,
    pub table: Table,
    pub tls: Tls,
    pub clients: Clients,
    pub guards: Guards,
    pub limits: Limits,
    pub connections: Connections,
    pub proxy: Proxy,
    pub drain: Drain,
    pub health: Health,
    pub log: Log,
}

/// Where the process listens. Port 0 is any free port; `serve` prints what it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listen {
    /// The lookup service, over mTLS. Loopback until told otherwise, so that a first try exposes
    /// nothing.
    pub lookup: SocketAddr,
    /// Health and metrics, over plain HTTP: for load balancers and scrapers.
    pub health: SocketAddr,
    /// Reloads and inspection, over mTLS. Off unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { lookup: loopback(8443), health: loopback(8080), admin: None }
    }
}

/// The CDN table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The JSON document, or a pointer to one: a path, `s3://BUCKET/KEY` or `https://HOST/PATH`. Required. S3 is used
    /// with the credentials that the environment has for AWS's own tools.
    pub source: String,
    /// What ops switch in an incident: `overrides.json` beside the table unless set. There need not be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<String>,
    /// Mean time between two looks at a source that is not a file: each is asked for at its own, random time around
    /// it, so that a fleet does not come at once. A change of an incident should not take longer.
    #[serde(default = "Table::poll")]
    pub poll: Seconds,
    /// Time for one object from a store. What takes longer is a store that hangs.
    #[serde(default = "Table::timeout")]
    pub timeout: Seconds,
    /// A directory for the last good tables: what a restart serves when the source is bad or gone, and what a
    /// rollback goes back to. None are kept unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Tables that can be gone back to, beside the one in service. Files that tables share are kept once. With 0
    /// there is nothing to go back to, but a restart still has the last good one.
    #[serde(default = "Table::keep")]
    pub keep: usize,
}

impl Table {
    fn keep() -> usize {
        5
    }

    fn poll() -> Seconds {
        Seconds::from_secs(10)
    }

    fn timeout() -> Seconds {
        Seconds::from_secs(store::TIMEOUT.as_secs())
    }

    /// Where the overrides are.
    pub fn overrides_place(&self) -> String {
        self.overrides.clone().unwrap_or_else(|| overrides_beside(&self.source))
    }
}

/// Where the overrides of a table are, unless another place is configured.
pub fn overrides_beside(table: &str) -> String {
    file::beside(table, "overrides.json")
}

/// The server's identity. PEM files, both required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// The certificate, then the rest of its chain without the root.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub key: PathBuf,
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clients {
    /// Root certificates that client chains must end in. Required.
    pub ca: Vec<PathBuf>,
    /// Revocation lists, PEM or DER.
    #[serde(default)]
    pub crls: Vec<PathBuf>,
    /// Time for which a revocation list that has run out is still taken. None: what is not known
    /// to be good is not let in. A CA that is often late with its lists may need hours.
    #[serde(default)]
    pub crl_grace: Seconds,
    /// The issuers whose clients are let in, and as what. At least one; nobody else gets in.
    pub allow: Vec<Allow>,
}

/// Clients of one issuing CA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allow {
    /// The CA certificate that must have issued the client's certificate.
    pub issuer: PathBuf,
    pub role: Role,
    /// If given, one of the client's subject alternative names must match one of these patterns.
    /// `*` stands for any characters but `.` in a DNS name, but `/` in a URI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub san: Vec<NamePattern>,
    /// Unless given, every configured revocation list of a CA on a client's path is needed, and a
    /// client is refused once one has run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<CrlUse>,
}

/// What revocation lists mean to the clients of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrlUse {
    /// The issuer must have one, or nothing starts or reloads.
    Required,
    /// They revoke, but none is missed: not one that has run out, either.
    Optional,
}

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask `/lookup`.
    Lookup,
    /// Use the admin listener.
    Admin,
    /// Ask `/lookup` as a health check does.
    Probe,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lookup => "lookup",
            Self::Admin => "admin",
            Self::Probe => "probe",
        })
    }
}

/// What a table reload may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guards {
    /// Share of each family's space whose first CDN may change in one reload, 0 to 1: a table that moves more than
    /// half of all addresses at once is more likely a slip than a wish. With `traffic`, the share of viewers
    /// instead.
    pub max_moved: f64,
    /// Share of the footprint values that may be lost, 0 to 1: a table cut short loses many. An AS or a country
    /// counts as lost too if the datasets have no addresses for it any more.
    pub max_shrunk: f64,
    /// Time between automatic publishes; who asks does not wait. None: what is checked may be served at once.
    pub min_interval: Seconds,
    /// Footprint values that every table must have. Where there is no table before to compare with, this is all that
    /// stands between an empty one and the viewers. None, since a small table is a table.
    pub min_values: usize,
    /// How many viewers each prefix has, as lines of `prefix,clients`: the address space is mostly empty, and
    /// nobody else knows where yours are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<PathBuf>,
    /// Bytes that a table may have with all its files, unpacked. 256 MiB holds some ten million
    /// prefixes; what is larger is a mistake, and would cost the memory that serving needs.
    pub max_input: u64,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            max_moved: 0.5,
            max_shrunk: 0.5,
            min_interval: Seconds::from_secs(0),
            min_values: 0,
            traffic: None,
            max_input: 256 << 20,
        }
    }
}

/// What one client, or all of them, may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Open connections of a TLS listener. Each costs about 40 kB; 10,000 are a large fleet of
    /// callers. For one more, the one that has been shaking hands for longest gives way; if none is, the new one
    /// is closed at once, so that its client can try another instance.
    pub connections: usize,
    /// TLS handshakes under way, most of them in line. For one more, the one that has been at it for longest gives way.
    /// A processor computes some three thousand in a second: who stands further behind has lost patience.
    pub handshakes: usize,
    /// Time for a TLS handshake, from accept to its end. A slow phone needs 1; a client that
    /// drips bytes must not hold a connection for longer.
    pub handshake: Seconds,
    /// Time for a request's header, from its first byte to its last. An HTTP/2 connection that
    /// dawdles over a header counts as idle, and so does a header whose beginning came together
    /// with the request before it.
    pub header: Seconds,
    /// Time for which a client may leave a response unread.
    pub write: Seconds,
    /// Time for which a request may have waited for its turn. Once one has waited longer, requests are answered with
    /// 503 and `Retry-After`, at random 1 to 5 s, until the queue is short again: half of the 100 ms after which an
    /// answer is of no use, so that what is answered is answered in time.
    pub wait: Seconds,
    /// Header fields of a request. One more is answered with 431.
    pub header_count: usize,
    /// Concurrent streams of an HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshakes: 8192,
            handshake: Seconds::from_secs(10),
            header: Seconds::from_secs(10),
            write: Seconds::from_secs(10),
            wait: Seconds::from_millis(50),
            header_count: 100,
            streams: 256,
        }
    }
}

/// How connections are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// A connection without a request for this long is closed. Minutes, since a new handshake
    /// costs more than a hundred lookups; below the 350 s after which AWS's network load balancer
    /// forgets an idle flow.
    pub idle: Seconds,
    /// A connection older than this, a quarter more or less at random, is told to close with the answer to its next
    /// request (HTTP/1.1) or by a GOAWAY (HTTP/2); nothing in flight is cut. Load balancers choose an instance by the
    /// connection: without an end, new instances would stay idle. Ten minutes make handshakes a small part of the cost,
    /// and chance keeps clients that came together from coming back together.
    pub age: Seconds,
    /// Silence after which the system asks whether the other end is still there. Below the 350 s of AWS's network load
    /// balancer, so that it keeps the flow; and clients that vanished are found out long before `idle`.
    pub keepalive: Seconds,
}

impl Default for Connections {
    fn default() -> Self {
        Self { idle: Seconds::from_secs(300), age: Seconds::from_secs(600), keepalive: Seconds::from_secs(60) }
    }
}

/// Load balancers in TCP mode that say with the PROXY protocol, version 1 or 2, who their client is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proxy {
    /// Networks, as `10.0.0.0/8`, whose connections must begin with a PROXY header: what does not is closed. From
    /// anywhere else a header is not read, so that nobody can pass for another. None, since a header is as good as who
    /// sends it. Clients that connect directly must not be in them; `croupier status` and its like on this host are
    /// clients, too.
    pub trusted: Vec<Network>,
    /// Whether health checks from those networks begin with a header, too: HAProxy's with `check-send-proxy`. Off,
    /// since most don't.
    pub health: bool,
}

/// Leaving without anyone noticing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drain {
    /// Red but accepting, for the load balancer to notice. Two health checks of 2 s, and a spare.
    pub wait: Seconds,
    /// In all, then exit. Requests take milliseconds; this is for the slowest reader.
    pub deadline: Seconds,
}

impl Default for Drain {
    fn default() -> Self {
        Self { wait: Seconds::from_secs(5), deadline: Seconds::from_secs(30) }
    }
}

/// The probe's identity. With one (role `probe`), the probe does real lookups through the TLS
/// listeners; without, it expects to be refused for the lack of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// Logs go to stderr.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`; per module as `info,croupier::reload=debug`.
    pub level: String,
    /// `auto` is text on a terminal and JSON elsewhere.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Json,
    Text,
}

impl Config {
    /// What `serve --dev` runs with: everything on the loopback, the admin listener too; files below `base`, and
    /// the last good tables kept there.
    pub fn development(base: &Path) -> Self {
        let certs = base.join("certs/dev");
        let allow = |issuer: &str, role, san: &str| Allow {
            issuer: certs.join(issuer),
            role,
            san: san.parse().into_iter().collect(),
            crl: None,
        };
        Self {
            listen: Listen { admin: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9443))), ..Listen::default() },
            table: Table {
                source: base.join("data/cdn-table.json").to_string_lossy().into_owned(),
                overrides: None,
                poll: Table::poll(),
                timeout: Table::timeout(),
                state: Some(base.join("state")),
                keep: Table::keep(),
            },
            tls: Tls { certificate: certs.join("server.pem"), key: certs.join("server.key") },
            clients: Clients {
                ca: vec![certs.join("root.pem")],
                crls: vec![certs.join("media-ca.crl"), certs.join("ops-ca.crl")],
                crl_grace: Seconds::default(),
                allow: vec![
                    allow("media-ca.pem", Role::Lookup, "media-selector-*.example"),
                    allow("ops-ca.pem", Role::Admin, "ops-*.example"),
                    allow("ops-ca.pem", Role::Probe, "probe.example"),
                ],
            },
            guards: Guards::default(),
            limits: Limits::default(),
            connections: Connections::default(),
            proxy: Proxy::default(),
            drain: Drain { wait: Seconds::from_secs(0), deadline: Seconds::from_secs(5) },
            health: Health { certificate: Some(certs.join("probe.pem")), key: Some(certs.join("probe.key")) },
            log: Log::default(),
        }
    }

    /// This configuration, with those sections of another that take effect without a restart.
    #[must_use]
    pub fn with_live_sections_of(self, other: &Self) -> Self {
        let Self { table, tls, clients, guards, health, .. } = other.clone();
        Self { table, tls, clients, guards, health, ..self }
    }

    /// The names of the sections in which two configurations differ.
    pub fn sections_that_differ(&self, other: &Self) -> Vec<&'static str> {
        [
            (self.listen != other.listen, "listen"),
            (self.table != other.table, "table"),
            (self.tls != other.tls, "tls"),
            (self.clients != other.clients, "clients"),
            (self.guards != other.guards, "guards"),
            (self.limits != other.limits, "limits"),
            (self.connections != other.connections, "connections"),
            (self.proxy != other.proxy, "proxy"),
            (self.drain != other.drain, "drain"),
            (self.health != other.health, "health"),
            (self.log != other.log, "log"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
        .collect()
    }

    /// Makes relative paths relative to the config file's directory.
    fn rebase(&mut self, base: &Path) {
        let paths = [&mut self.tls.certificate, &mut self.tls.key]
            .into_iter()
            .chain(&mut self.clients.ca)
            .chain(&mut self.clients.crls)
            .chain(self.clients.allow.iter_mut().map(|allow| &mut allow.issuer))
            .chain(&mut self.table.state)
            .chain(&mut self.guards.traffic)
            .chain(&mut self.health.certificate)
            .chain(&mut self.health.key);
        for path in paths {
            *path = base.join(&*path);
        }
        let places = std::iter::once(&mut self.table.source).chain(&mut self.table.overrides);
        for place in places.filter(|place| !ObjectUrl::is_meant(place)) {
            *place = base.join(&*place).to_string_lossy().into_owned();
        }
    }
}
