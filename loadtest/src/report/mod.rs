//! What came of a run: one structure, for programs as it is, for people as text and as a page.
//!
//! - [`verdict`]: whether the server kept what was promised
//! - [`series`]: figures in a row
//! - [`text`]: for a terminal; [`page`]: with plots, complete in itself

pub mod page;
pub mod series;
mod text;
pub mod verdict;

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use self::series::{Bar, Point, bars, points};
use self::verdict::{Figures, Verdict, share};
use crate::Outcome;
use crate::load::events::Event;
use crate::load::failure::Failed;
use crate::load::options::Options;
use crate::load::recorder::Recorder;
use crate::load::watch::{Extent, Watched};
use crate::profile::action::Came;
use crate::profile::reconnects::Reconnects;
use crate::tally::Quantiles;

/// Read back, too, for several on one page.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub profile: Text,
    pub version: Text,
    pub command: String,
    pub settings: Vec<Setting>,
    pub verdict: Verdict,
    /// When it began, in seconds since 1970.
    pub began: f64,
    pub seconds: f64,
    /// It was told to end before its time.
    pub interrupted: bool,
    /// An answer after more than this counts as none.
    pub slow_microseconds: Option<f64>,
    pub requests: Requests,
    pub latency_mean_microseconds: f64,
    pub latency_microseconds: Quantiles,
    pub phases: Vec<Phase>,
    pub failures: Vec<Failed>,
    /// What became of requests that were sent again, the first time.
    pub retried_after: Vec<Failed>,
    pub generator: Generator,
    pub connections: Connections,
    pub server: Option<Server>,
    pub reconnects: Option<Reconnects>,
    /// How long each command of a reload took.
    pub reload_seconds: Vec<f64>,
    pub events: Vec<Event>,
    pub events_not_listed: u64,
    pub seconds_per_point: f64,
    pub timeline: Vec<Point>,
    /// How many answers took up to so many microseconds, eight steps a decade.
    pub histogram: Vec<Bar>,
}

/// Known beforehand, or read back.
pub type Text = Cow<'static, str>;

#[derive(Debug, Serialize, Deserialize)]
pub struct Setting {
    pub name: Text,
    pub value: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Requests {
    pub due: u64,
    pub answered: u64,
    /// Answered, but too late to count.
    pub slow: u64,
    pub failed: u64,
    /// Sent again: what, `--retry` says.
    pub retried: u64,
    pub answered_per_second: f64,
    pub availability_percent: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Phase {
    pub name: Text,
    pub due: u64,
    pub slow: u64,
    pub failed: u64,
    pub latency_microseconds: Quantiles,
}

/// This program.
#[derive(Debug, Serialize, Deserialize)]
pub struct Generator {
    /// Requests sent over 1 ms after they were due, with only this program in their way.
    pub late: u64,
    pub late_percent: f64,
    pub lag_microseconds: Quantiles,
    pub cpu_seconds: f64,
    pub cores: f64,
    /// Of the time, ready to run while something else had its core.
    pub without_core_percent: f64,
    pub spins: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Connections {
    pub full_handshakes: u64,
    pub resumed_handshakes: u64,
    /// From connecting to the end of the handshake.
    pub opening_microseconds: Quantiles,
    pub not_opened: Vec<Failed>,
    pub ended_by_server: u64,
    pub ended_by_client: u64,
    pub most_open: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    pub cpu_seconds: f64,
    pub cores: f64,
    /// Of those answered, if any was.
    pub cpu_microseconds_per_request: Option<f64>,
    pub memory_at_first: u64,
    pub memory_at_last: u64,
    pub memory_most: u64,
    pub descriptors: Extent,
    pub problem: Option<String>,
}

/// What is known of a run only at its end.
#[derive(Debug)]
pub struct Ended {
    pub seconds: f64,
    pub interrupted: bool,
    pub server_cpu: Duration,
    pub own_cpu: Duration,
    pub waited_for_core: Duration,
    pub watched: Watched,
    pub came: Came,
}

impl Report {
    pub fn new(
        profile: &'static str,
        shown: Vec<(&'static str, String)>,
        recorder: &Recorder,
        ended: Ended,
        options: &Options,
    ) -> Self {
        let answered = recorder.all.successes();
        let due = recorder.offered;
        let good = answered - recorder.slow;
        let mean = recorder.latency_sum.as_secs_f64() / (answered.max(1) as f64);
        let figures = Figures {
            requests: due,
            good,
            mean,
            late: recorder.own.late,
            closed_loop: profile == "saturate",
            without_core: ended.waited_for_core.as_secs_f64() / ended.seconds * 100.0,
            problems: ended.came.problems,
            misses: ended.came.misses,
        };
        let seconds = ended.seconds;
        let own_cpu = ended.own_cpu.as_secs_f64();
        let connections = &recorder.connections;
        let server = (!options.pid.is_empty()).then(|| Server::new(ended.server_cpu, seconds, answered, ended.watched));
        Self {
            profile: profile.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            settings: shown.into_iter().map(|(name, value)| Setting { name: name.into(), value }).collect(),
            verdict: options.limits.judge(&figures),
            began: recorder.begun_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            seconds,
            interrupted: ended.interrupted,
            slow_microseconds: (profile != "saturate").then(|| options.limits.slow_microseconds()),
            requests: Requests {
                due,
                answered,
                slow: recorder.slow,
                failed: recorder.failures.count(),
                retried: recorder.retried.count(),
                answered_per_second: answered as f64 / seconds,
                availability_percent: share(good, due),
            },
            latency_mean_microseconds: mean * 1e6,
            latency_microseconds: recorder.all.quantiles(),
            phases: phases(recorder),
            failures: recorder.failures.list(),
            retried_after: recorder.retried.list(),
            generator: Generator {
                late: recorder.own.late,
                late_percent: share(recorder.own.late, due),
                lag_microseconds: recorder.own.lag.quantiles(),
                cpu_seconds: own_cpu,
                cores: own_cpu / seconds,
                without_core_percent: figures.without_core,
                spins: options.spin,
            },
            connections: Connections {
                full_handshakes: connections.full,
                resumed_handshakes: connections.resumed,
                opening_microseconds: connections.opening.quantiles(),
                not_opened: connections.failures.list(),
                ended_by_server: connections.ended_by_server,
                ended_by_client: connections.ended_by_us,
                most_open: connections.most_open,
            },
            server,
            reconnects: ended.came.reconnects,
            reload_seconds: ended.came.reload_seconds,
            events: recorder.events.listed.clone(),
            events_not_listed: recorder.events.unlisted,
            seconds_per_point: recorder.timeline.width.as_secs_f64(),
            timeline: points(recorder, seconds),
            histogram: bars(recorder.all.recorded()),
        }
    }
}

impl Server {
    fn new(cpu: Duration, seconds: f64, answered: u64, watched: Watched) -> Self {
        let cpu = cpu.as_secs_f64();
        Self {
            cpu_seconds: cpu,
            cores: cpu / seconds,
            cpu_microseconds_per_request: (answered > 0).then(|| cpu * 1e6 / answered as f64),
            memory_at_first: watched.memory.at_first,
            memory_at_last: watched.memory.at_last,
            memory_most: watched.memory.most,
            descriptors: watched.descriptors,
            problem: watched.problem,
        }
    }
}

fn phases(recorder: &Recorder) -> Vec<Phase> {
    let phase = |phase: &crate::load::recorder::Phase| Phase {
        name: phase.name.into(),
        due: phase.offered,
        slow: phase.slow,
        failed: phase.failed,
        latency_microseconds: phase.answers.quantiles(),
    };
    recorder.phases.iter().map(phase).collect()
}

/// Tells of a run wherever that was wanted. The exit code is the verdict.
pub fn publish(report: &Report, options: &Options) -> Outcome {
    if let Some(file) = &options.report {
        write(file, &page::page(report))?;
    }
    crate::report_as(report, options.format, ExitCode::from(report.verdict.outcome.exit_code()))
}

fn write(file: &Path, page: &str) -> Result<(), String> {
    fs::write(file, page).map_err(|error| format!("{}: {error}", file.display()))
}

/// Seconds as people say them.
pub fn time(seconds: f64) -> String {
    match seconds {
        0.0..120.0 => format!("{} s", (seconds * 100.0).round() / 100.0),
        120.0..7200.0 => format!("{} min", (seconds / 6.0).round() / 10.0),
        _ => format!("{} h", (seconds / 360.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        assert_eq!([1.5, 60.0, 600.0, 14_400.0].map(time), ["1.5 s", "60 s", "10 min", "4 h"]);
    }
}
