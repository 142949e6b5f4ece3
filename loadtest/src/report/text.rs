//! A report for a terminal.

use std::fmt::{self, Display, Formatter};

use super::Report;
use crate::load::failure::Failed;
use crate::tally::{Quantiles, milliseconds};

impl Display for Report {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { requests, generator, connections, .. } = self;
        writeln!(formatter, "{}: {}\n", self.profile, self.verdict.outcome.name())?;
        for reason in &self.verdict.reasons {
            writeln!(formatter, "- {reason}")?;
        }
        row(formatter, &["\nrequests", "due", "failed", "slow", "p50", "p90", "p99", "p99.9", "max"])?;
        for phase in &self.phases {
            let counts = [phase.due, phase.failed, phase.slow].map(|count| count.to_string());
            latencies(formatter, &phase.name, &counts, phase.latency_microseconds)?;
        }
        if self.phases.len() > 1 {
            let counts = [requests.due, requests.failed, requests.slow].map(|count| count.to_string());
            latencies(formatter, "in all", &counts, self.latency_microseconds)?;
        }
        let mean = self.latency_mean_microseconds / 1e3;
        write!(formatter, "\nanswered    {:.0}/s, mean {mean:.2} ms", requests.answered_per_second)?;
        writeln!(formatter, ", {} sent again", requests.retried)?;
        list(formatter, &self.failures)?;
        if !self.retried_after.is_empty() {
            writeln!(formatter, "sent again, after")?;
            list(formatter, &self.retried_after)?;
        }
        write!(formatter, "generator   {:.3} % over 1 ms late", generator.late_percent)?;
        let [p99, worst] = [generator.lag_microseconds.p99, generator.lag_microseconds.max].map(milliseconds);
        write!(formatter, ", p99 {p99}, worst {worst}; {:.2} cores", generator.cores)?;
        writeln!(formatter, ", kept from its core {:.1} % of the time", generator.without_core_percent)?;
        let Quantiles { p50, max, .. } = connections.opening_microseconds;
        let [p50, max] = [p50, max].map(milliseconds);
        writeln!(
            formatter,
            "connections {} full handshakes, {} resumed, p50 {p50}, max {max}; {} at most; {} ended by the server",
            connections.full_handshakes,
            connections.resumed_handshakes,
            connections.most_open,
            connections.ended_by_server
        )?;
        list(formatter, &connections.not_opened)?;
        if let Some(server) = &self.server {
            let [first, last, most] =
                [server.memory_at_first, server.memory_at_last, server.memory_most].map(megabytes);
            writeln!(
                formatter,
                "server      {} CPU a request, {:.2} cores; memory {first} at first, {last} at last, {most} at most; {} descriptors at first, {} at last",
                microseconds(server.cpu_microseconds_per_request),
                server.cores,
                server.descriptors.at_first,
                server.descriptors.at_last
            )?;
            if let Some(problem) = &server.problem {
                writeln!(formatter, "    {problem}")?;
            }
        }
        if let Some(storm) = &self.reconnects {
            let [handshake, answered] = [&storm.handshake_done_microseconds, &storm.answered_microseconds]
                .map(|milestone| milliseconds(milestone.last));
            writeln!(
                formatter,
                "reconnects  {} succeeded, {} failed; last handshake after {handshake}, last answer after {answered}{}",
                storm.succeeded, storm.failed, storm.reasons
            )?;
        }
        write!(formatter, "events      {}", self.events.len() as u64 + self.events_not_listed)
    }
}

fn latencies(formatter: &mut Formatter<'_>, name: &str, counts: &[String; 3], latency: Quantiles) -> fmt::Result {
    let Quantiles { p50, p90, p99, p999, max } = latency;
    let [p50, p90, p99, p999, max] = [p50, p90, p99, p999, max].map(milliseconds);
    let [due, failed, slow] = counts;
    row(formatter, &[name, due, failed, slow, &p50, &p90, &p99, &p999, &max])
}

/// The first cell to the left, the others to the right.
fn row(formatter: &mut Formatter<'_>, cells: &[&str]) -> fmt::Result {
    for (column, cell) in cells.iter().enumerate() {
        match column {
            0 if cell.starts_with('\n') => write!(formatter, "{cell:<12}")?,
            0 => write!(formatter, "{cell:<11}")?,
            _ => write!(formatter, "{cell:>12}")?,
        }
    }
    writeln!(formatter)
}

fn list(formatter: &mut Formatter<'_>, failures: &[Failed]) -> fmt::Result {
    for Failed { kind, count, example } in failures {
        writeln!(formatter, "    {count} × {kind}: {example}")?;
    }
    Ok(())
}

pub fn microseconds(time: Option<f64>) -> String {
    time.map_or("-".to_owned(), |time| format!("{time:.1} µs"))
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
