//! `croupier-loadtest compare alike`: whether servers give the same answers.

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use super::lookup::{self, Lookup};
use crate::connection::{Connection, Kind};
use crate::load::addresses::{Addresses, Source};
use crate::target::{Identity, Target};
use crate::{Format, Outcome, report_as};

/// Differences that are shown.
const SHOWN: usize = 10;

/// Ask several servers about the same addresses: mix, CDNs in their order, ttl and version must be the
/// same.
///
/// Half of the addresses lie below the table's prefixes, the others are from anywhere. Ends in 1 if any
/// answer differs.
#[derive(Debug, Args)]
pub struct Alike {
    /// Each server as NAME=IP:PORT; the others are held against the first.
    #[arg(long = "server", required = true, value_name = "NAME=IP:PORT")]
    servers: Vec<Named>,
    #[command(flatten)]
    identity: Identity,
    /// A table's document, whose prefixes are asked about.
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// Addresses in all.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    count: u32,
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Clone)]
struct Named {
    name: String,
    address: SocketAddr,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').ok_or("must be NAME=IP:PORT")?;
        let address = address.parse().map_err(|error| format!("'{address}': {error}"))?;
        Ok(Self { name: name.to_owned(), address })
    }
}

#[derive(Debug, Serialize)]
struct Report {
    asked: usize,
    ipv4: usize,
    differ: usize,
    first_differences: Vec<String>,
    mean_body_bytes: Vec<(String, f64)>,
}

impl Alike {
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let report = runtime.map_err(|error| error.to_string())?.block_on(self.compare())?;
        let code = if report.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        report_as(&report, self.format, code)
    }

    async fn compare(&self) -> Result<Report, String> {
        if self.servers.len() < 2 {
            return Err("there is nothing to compare: give --server several times".to_owned());
        }
        let mut servers = Vec::new();
        for named in &self.servers {
            let in_server = |error| format!("{}: {error}", named.name);
            let target = lookup::target(&self.identity, named.address)?;
            let connection = Connection::open(&target, Kind::Full).await.map_err(in_server)?;
            servers.push(Server { name: &named.name, target, connection, bytes: 0 });
        }
        let addresses = self.addresses()?;
        let mut differences = Vec::new();
        for address in &addresses {
            let mut answers: Vec<(&str, Lookup)> = Vec::new();
            for server in &mut servers {
                answers.push((server.name, server.ask(*address).await?));
            }
            let expected = &answers[0].1;
            if answers.iter().any(|(_, answer)| answer != expected) {
                differences.push(difference(*address, &answers));
            }
        }
        let mean = |bytes: usize| bytes as f64 / addresses.len() as f64;
        Ok(Report {
            asked: addresses.len(),
            ipv4: addresses.iter().filter(|address| address.is_ipv4()).count(),
            differ: differences.len(),
            first_differences: differences.into_iter().take(SHOWN).collect(),
            mean_body_bytes: servers.iter().map(|server| (server.name.to_owned(), mean(server.bytes))).collect(),
        })
    }

    fn addresses(&self) -> Result<Vec<IpAddr>, String> {
        let mut below = Addresses::new(&Source::Prefixes(self.table.clone()), None, self.seed)?;
        let mut anywhere = Addresses::new(&Source::Random, None, self.seed)?;
        Ok((0..self.count).map(|place| if place % 2 == 0 { below.next() } else { anywhere.next() }).collect())
    }
}

struct Server<'a> {
    name: &'a str,
    target: Target,
    connection: Connection,
    bytes: usize,
}

impl Server<'_> {
    async fn ask(&mut self, address: IpAddr) -> Result<Lookup, String> {
        let asked = lookup::ask(&mut self.connection, &self.target, address).await;
        let (lookup, bytes) = asked.map_err(|error| format!("{}: {error}", self.name))?;
        self.bytes += bytes;
        Ok(lookup)
    }
}

fn difference(address: IpAddr, answers: &[(&str, Lookup)]) -> String {
    let shown = |(name, answer): &(&str, Lookup)| {
        let cdns: Vec<_> = answer.cdns.iter().map(|cdn| cdn.name.as_str()).collect();
        let Lookup { ip, mix, cdn, ttl, version, .. } = answer;
        format!("{name} says {cdn} ({}; mix {mix} of {version} for {ttl} s) of {ip}", cdns.join(", "))
    };
    format!("{address}: {}", answers.iter().map(shown).collect::<Vec<_>>().join("; "))
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, ipv4, differ, .. } = self;
        write!(formatter, "{asked} addresses, {ipv4} of them IPv4: ")?;
        match differ {
            0 => formatter.write_str("all answers alike")?,
            _ => write!(formatter, "{differ} answers differ")?,
        }
        for difference in &self.first_differences {
            write!(formatter, "\n    {difference}")?;
        }
        for (name, bytes) in &self.mean_body_bytes {
            write!(formatter, "\n{name}: {bytes:.0} bytes of body on average")?;
        }
        Ok(())
    }
}
