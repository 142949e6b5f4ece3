//! `croupier-loadtest handshakes`: what a handshake costs the server.
//!
//! The server's processor time is read before and after, so the cost is that of a whole
//! connection: accept, handshake, one request, close.

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::connection::{Connection, Kind};
use crate::tally::{Failures, Quantiles, Tally, milliseconds};
use crate::target::{Options, Target, Version};
use crate::{Format, Outcome, processor, report_as};

/// The server may still be closing the last connections when their clients are done.
const SETTLING: Duration = Duration::from_millis(100);

/// Count handshakes, and what they cost the server.
///
/// Each is a connection of its own, with one request. A handshake that turns out full where it
/// should be resumed, or the other way round, is a failure.
///
/// Every client opens one connection beforehand, with a full handshake, which is not counted: the
/// first of a process takes it tens of milliseconds more, to gather entropy.
#[derive(Debug, Args)]
pub struct Handshakes {
    #[command(flatten)]
    target: Options,
    /// The server's processes, whose processor time is read; of nginx the master and all workers.
    #[arg(long, required = true, num_args = 1.., value_name = "PID")]
    pid: Vec<u32>,
    /// Handshakes in all. Processor time is counted in hundredths of a second: a thousand or more
    /// make that small. Each leaves a local port that stays taken for a minute, unless on the loopback.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Clients, each of which opens one connection after another.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Resume sessions: each client gets its first tickets beforehand, then from one connection for
    /// the next.
    #[arg(long)]
    resumed: bool,
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    kind: Kind,
    tls: Version,
    handshakes: u64,
    failures: u64,
    reasons: Failures,
    seconds: f64,
    server_cpu_microseconds_per_handshake: f64,
    latency_microseconds: Quantiles,
}

impl Handshakes {
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let measured = runtime.map_err(|error| error.to_string())?.block_on(self.measure())?;
        let code = if measured.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        report_as(&measured, self.format, code)
    }

    async fn measure(&self) -> Result<Report, String> {
        let target = self.target.load()?;
        let kind = if self.resumed { Kind::Resumed } else { Kind::Full };
        let mut clients = Vec::new();
        for _ in 0..self.concurrency {
            let client = if self.resumed { target.with_tickets() } else { target.clone() };
            once(&client, Kind::Full).await.map_err(|reason| format!("beforehand: {reason}"))?;
            clients.push(client);
        }
        let left = Arc::new(AtomicU32::new(self.count));
        let mut total = Tally::new()?;
        let cpu_before = processor::used(&self.pid)?;
        let begun = Instant::now();
        let working: JoinSet<Tally> =
            clients.into_iter().map(|client| work(client, kind, Arc::clone(&left), total.clone())).collect();
        for tally in working.join_all().await {
            total.merge(&tally);
        }
        let seconds = begun.elapsed().as_secs_f64();
        tokio::time::sleep(SETTLING).await;
        let cpu = processor::used(&self.pid)?.saturating_sub(cpu_before);
        Ok(Report {
            kind,
            tls: target.version,
            handshakes: total.successes(),
            failures: total.failures.count(),
            seconds,
            server_cpu_microseconds_per_handshake: cpu.as_secs_f64() * 1e6 / f64::from(self.count),
            latency_microseconds: total.quantiles(),
            reasons: total.failures,
        })
    }
}

async fn work(target: Target, kind: Kind, left: Arc<AtomicU32>, mut tally: Tally) -> Tally {
    let take_one = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    while take_one().is_ok() {
        match once(&target, kind).await {
            Ok(latency) => tally.record(latency),
            Err(reason) => tally.failures.add(reason),
        }
    }
    tally
}

/// One connection with one request. Says how long it took from connecting to the answer.
async fn once(target: &Target, kind: Kind) -> Result<Duration, String> {
    let begun = Instant::now();
    let mut connection = Connection::open(target, kind).await?;
    connection.ask().await?;
    let latency = begun.elapsed();
    connection.close().await;
    Ok(latency)
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quantiles { p50, p99, max, .. } = self.latency_microseconds;
        let [p50, p99, max] = [p50, p99, max].map(milliseconds);
        writeln!(formatter, "handshakes  {} ({}, {})", self.handshakes, self.kind, self.tls.name())?;
        writeln!(formatter, "failures    {}{}", self.failures, self.reasons)?;
        writeln!(formatter, "seconds     {:.3}", self.seconds)?;
        writeln!(formatter, "server CPU  {:.1} µs a handshake", self.server_cpu_microseconds_per_handshake)?;
        write!(formatter, "latency     p50 {p50}, p99 {p99}, max {max}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_reads_well_and_parses() {
        let mut tally = Tally::new().unwrap();
        tally.record(Duration::from_micros(1500));
        tally.failures.add("handshake: full, not resumed".to_owned());
        let report = Report {
            kind: Kind::Resumed,
            tls: Version::Tls13,
            handshakes: tally.successes(),
            failures: tally.failures.count(),
            seconds: 0.5,
            server_cpu_microseconds_per_handshake: 250.0,
            latency_microseconds: tally.quantiles(),
            reasons: tally.failures,
        };
        let text = "handshakes  1 (resumed, TLS 1.3)\n\
                    failures    1\n    1 × handshake: full, not resumed\n\
                    seconds     0.500\n\
                    server CPU  250.0 µs a handshake\n\
                    latency     p50 1.50 ms, p99 1.50 ms, max 1.50 ms";
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["server_cpu_microseconds_per_handshake"], 250.0);
        assert_eq!(json["reasons"]["handshake: full, not resumed"], 1);
    }
}
