//! What every profile can be told: the server, the client, what is asked, and what is wanted of it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::addresses::{self, Addresses};
use super::answer::Expected;
use super::request::Request;
use super::servers;
use super::settings::Settings;
use crate::report::verdict::Limits;
use crate::target::{Identity, with_tickets};
use crate::{Format, seconds};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Http {
    #[value(name = "1.1")]
    One,
    #[value(name = "2")]
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Handshakes {
    /// Each in full.
    Full,
    /// With a ticket of the connection before, as soon as there was one.
    Resumed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Retry {
    /// Nothing.
    Nothing,
    /// What a connection, used before, ended with before any of the answer came: the server may
    /// have closed it just then.
    Closed,
    /// Whatever failed, on a connection opened for it, as callers of a GET do: but not after
    /// `--timeout`, nor a status below 500.
    Failed,
}

impl Retry {
    fn shown(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Closed => "what a used connection was closed on",
            Self::Failed => "whatever failed, on a new connection",
        }
    }
}

// What options are about, in their help.
const SERVER: &str = "The server";
const REQUESTS: &str = "Requests";
const CONNECTIONS: &str = "Connections";
pub const RESULT: &str = "What is made of it";

#[derive(Debug, Args)]
#[group(skip)]
pub struct Options {
    /// The server, looked up again every so often if it is a name.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "servers", help_heading = SERVER)]
    address: Option<String>,
    /// Instead of an address: a file of `IP:PORT`, one a line, which is read again as a name is
    /// looked up again. New connections take turns.
    #[arg(long, value_name = "FILE", conflicts_with = "address", help_heading = SERVER)]
    servers: Option<PathBuf>,
    /// Seconds between two look-ups.
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = positive, help_heading = SERVER)]
    pub dns_every: Duration,
    #[command(flatten)]
    pub identity: Identity,

    /// The path to ask for, with a place for the address. Each answer must be 200.
    #[arg(long, default_value = "/lookup?ip={ip}", value_name = "PATH", help_heading = REQUESTS)]
    path: String,
    /// Each answer must be JSON with one of these as its `cdn`.
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = REQUESTS)]
    expect_cdn: Vec<String>,
    /// Whom requests ask about: `random` (half IPv4, half IPv6), `ipv4`, `ipv6`, `prefixes:FILE` (at
    /// random below prefixes, each as often as any other: a list, or a table's JSON), `file:FILE` (in order).
    #[arg(long, default_value = "random", value_name = "SOURCE", help_heading = REQUESTS)]
    addresses: addresses::Source,
    /// Draw so many addresses beforehand, and ask for few of them often, by Zipf's law.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000), help_heading = REQUESTS)]
    hot: Option<u32>,
    /// The exponent of that law.
    #[arg(long, default_value_t = 1.0, value_name = "S", requires = "hot", help_heading = REQUESTS)]
    skew: f64,
    /// Two runs of the same seed ask the same, at the same times.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = REQUESTS)]
    pub seed: u64,

    #[arg(long, default_value = "1.1", value_name = "VERSION", help_heading = CONNECTIONS)]
    http: Http,
    /// Connections that are kept open.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000), help_heading = CONNECTIONS)]
    connections: u32,
    /// So many may be open at once: if none is free another is opened for a request that waits, for
    /// ten seconds. By default twice as many as are kept.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = CONNECTIONS)]
    max_connections: Option<u32>,
    /// Requests at once on a connection over HTTP/2.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = CONNECTIONS)]
    streams: u16,
    /// Of connections after the first of each client.
    #[arg(long, default_value = "full", value_name = "KIND", help_heading = CONNECTIONS)]
    handshakes: Handshakes,
    /// Close each connection after so many seconds on average, at random, and open another.
    #[arg(long, value_name = "SECONDS", value_parser = positive, help_heading = CONNECTIONS)]
    connection_life: Option<Duration>,
    /// What is asked once more. What fails again has failed; what did not is counted apart.
    #[arg(long, default_value = "closed", value_name = "WHAT", help_heading = CONNECTIONS)]
    retry: Retry,
    /// Seconds before what `--retry failed` asks again is asked. A process that is killed still takes connections for a
    /// moment, as its system closes its sockets one by one: who is back at once may meet it again.
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = seconds, help_heading = CONNECTIONS)]
    retry_after: Duration,
    /// Seconds after which a request has failed, from when it was due.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = positive, help_heading = CONNECTIONS)]
    pub timeout: Duration,

    /// Never sleep: the server is not charged for waking this program. Takes a core of its own.
    #[arg(long, help_heading = CONNECTIONS)]
    pub spin: bool,
    /// The server's processes, whose processor time and memory are read; of nginx the master and
    /// all workers.
    #[arg(long, num_args = 1.., value_name = "PID", help_heading = RESULT)]
    pub pid: Vec<u32>,
    #[command(flatten)]
    pub limits: Limits,
    /// What goes to standard output.
    #[arg(long, default_value = "text", value_name = "FORMAT", help_heading = RESULT)]
    pub format: Format,
    /// A page with plots, complete in itself.
    #[arg(long, value_name = "FILE.html", help_heading = RESULT)]
    pub report: Option<PathBuf>,
}

impl Options {
    pub fn source(&self) -> servers::Source {
        match &self.servers {
            Some(file) => servers::Source::File(file.clone()),
            None => servers::Source::Name(self.address.clone().unwrap_or_default()),
        }
    }

    pub fn most_connections(&self) -> u32 {
        self.max_connections.unwrap_or(2 * self.connections).max(self.connections)
    }

    /// Unless it was said, connections are closed after this on average.
    pub fn with_life(mut self, life: Duration) -> Self {
        self.connection_life = self.connection_life.or(Some(life));
        self
    }

    /// Unless it was said, there are never more connections than are kept.
    pub fn with_fixed_connections(mut self) -> Self {
        self.max_connections = self.max_connections.or(Some(self.connections));
        self
    }

    pub fn addresses(&self) -> Result<Addresses, String> {
        Addresses::new(&self.addresses, self.hot.map(|count| (count, self.skew)), self.seed)
    }

    pub fn settings(&self) -> Result<Settings, String> {
        let protocol: &[u8] = if self.http == Http::Two { b"h2" } else { b"http/1.1" };
        let config = Arc::new(self.identity.config(protocol)?);
        let of_client = |_| match self.handshakes {
            Handshakes::Full => Arc::clone(&config),
            Handshakes::Resumed => with_tickets(&config),
        };
        Ok(Settings {
            server_name: self.identity.server()?,
            tls: (0..self.most_connections()).map(of_client).collect(),
            streams: (self.http == Http::Two).then_some(self.streams),
            request: Request::new(&self.path, &self.identity.server_name)?,
            expected: Expected { cdns: self.expect_cdn.clone() },
            timeout: self.timeout,
            kept: self.connections as usize,
            retry: self.retry,
            retry_after: self.retry_after,
            life: self.connection_life,
        })
    }

    /// The target of connections that are not the pool's, with one path for all.
    pub fn target(&self, server: SocketAddr) -> Result<crate::target::Target, String> {
        let path = self.path.replace("{ip}", "192.0.2.1");
        let path = path.parse().map_err(|error| format!("'{path}': {error}"))?;
        self.identity.target(server, path, self.timeout)
    }

    /// The settings as people read them.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let server = match &self.servers {
            Some(file) => format!("of {}", file.display()),
            None => self.address.clone().unwrap_or_default(),
        };
        let http = if self.http == Http::Two { format!("2, {} streams", self.streams) } else { "1.1".to_owned() };
        let handshakes = if self.handshakes == Handshakes::Full { "full" } else { "resumed" };
        let mut shown = vec![
            ("server", server),
            ("request", self.path.clone()),
            ("addresses", self.addresses.to_string() + &self.shown_hot()),
            ("HTTP", http),
            ("TLS", format!("{}, {handshakes} handshakes", self.identity.tls.name())),
            ("connections", format!("{} kept, {} at most", self.connections, self.most_connections())),
            ("timeout", format!("{} s", self.timeout.as_secs_f64())),
            ("asked once more", self.shown_retry()),
            ("spins", (if self.spin { "yes" } else { "no" }).to_owned()),
            ("seed", self.seed.to_string()),
        ];
        if let Some(life) = self.connection_life {
            shown.push(("connections live for", format!("{} s on average", life.as_secs_f64())));
        }
        shown
    }

    fn shown_retry(&self) -> String {
        let after = match self.retry {
            Retry::Failed if !self.retry_after.is_zero() => format!(", after {} s", self.retry_after.as_secs_f64()),
            _ => String::new(),
        };
        format!("{}{after}", self.retry.shown())
    }

    fn shown_hot(&self) -> String {
        self.hot.map(|count| format!(", {count} of them, skew {}", self.skew)).unwrap_or_default()
    }
}

impl Display for addresses::Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Random => formatter.write_str("random"),
            Self::Ipv4 => formatter.write_str("ipv4"),
            Self::Ipv6 => formatter.write_str("ipv6"),
            Self::Prefixes(file) => write!(formatter, "prefixes:{}", file.display()),
            Self::List(file) => write!(formatter, "file:{}", file.display()),
        }
    }
}

/// Reads an option's seconds, which are more than none and less than a year.
pub fn positive(text: &str) -> Result<Duration, String> {
    let time = seconds(text)?;
    if time.is_zero() || time > Duration::from_hours(24 * 365) {
        return Err("must be more than 0 and less than a year".to_owned());
    }
    Ok(time)
}
