//! What came of a storm, for people and for programs.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::established::{Carried, Phases};
use super::pace::PHASES;
use super::reconnects::{Reconnected, Times};
use crate::tally::{Failures, Quantiles, milliseconds};

#[derive(Debug, Serialize)]
pub struct Report {
    established: Vec<Phase>,
    reconnects: Reconnects,
    /// Of this program while clients reconnected: if it used all it may, it was the bottleneck.
    client: Load,
}

#[derive(Debug, Serialize)]
struct Phase {
    name: &'static str,
    requests: u64,
    failures: u64,
    reasons: Failures,
    latency_microseconds: Quantiles,
    /// How late this program itself was with requests that nothing else held up.
    own_lag_microseconds: Quantiles,
}

#[derive(Debug, Serialize)]
struct Reconnects {
    succeeded: usize,
    failed: u64,
    reasons: Failures,
    /// Since the storm began.
    handshake_done_microseconds: Milestone,
    answered_microseconds: Milestone,
}

/// When the first, the median and the last of all was there.
#[derive(Debug, Serialize)]
struct Milestone {
    first: u64,
    median: u64,
    last: u64,
}

#[derive(Debug, Serialize)]
pub struct Load {
    seconds: f64,
    cpu_seconds: f64,
}

impl Load {
    pub fn new(time: Duration, cpu: Duration) -> Self {
        Self { seconds: time.as_secs_f64(), cpu_seconds: cpu.as_secs_f64() }
    }
}

impl Report {
    pub fn new(connections: &[Phases], reconnected: &Reconnected, client: Load) -> Result<Self, String> {
        let mut established = Vec::new();
        for (number, name) in PHASES.into_iter().enumerate() {
            let mut carried = Carried::new()?;
            for phases in connections {
                carried.merge(&phases[number]);
            }
            established.push(Phase::new(name, carried));
        }
        let all = &reconnected.succeeded;
        let reached = |step: fn(&Times) -> Duration| Milestone::of(all.iter().map(|(times, _)| step(times)).collect());
        let reconnects = Reconnects {
            succeeded: all.len(),
            failed: reconnected.failures.count(),
            reasons: reconnected.failures.clone(),
            handshake_done_microseconds: reached(|times| times.shaken),
            answered_microseconds: reached(|times| times.answered),
        };
        Ok(Self { established, reconnects, client })
    }

    pub fn is_good(&self) -> bool {
        self.reconnects.failed == 0 && self.established.iter().all(|phase| phase.failures == 0)
    }
}

impl Phase {
    fn new(name: &'static str, carried: Carried) -> Self {
        let failures = carried.answers.failures.count();
        Self {
            name,
            requests: carried.answers.successes() + failures,
            failures,
            latency_microseconds: carried.answers.quantiles(),
            own_lag_microseconds: carried.lag.quantiles(),
            reasons: carried.answers.failures,
        }
    }
}

impl Milestone {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |place: usize| times.get(place).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let last = times.len().saturating_sub(1);
        Self { first: at(0), median: at(last / 2), last: at(last) }
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let header = ["established", "requests", "failures", "p50", "p99", "p99.9", "max", "own lag p99"];
        line(formatter, &header.map(str::to_owned))?;
        for phase in &self.established {
            let Quantiles { p50, p99, p999, max } = phase.latency_microseconds;
            let [p50, p99, p999, max, lag] = [p50, p99, p999, max, phase.own_lag_microseconds.p99].map(milliseconds);
            let [requests, failures] = [phase.requests, phase.failures].map(|count| count.to_string());
            line(formatter, &[phase.name.to_owned(), requests, failures, p50, p99, p999, max, lag])?;
        }
        for phase in &self.established {
            if phase.failures > 0 {
                writeln!(formatter, "{} failures{}", phase.name, phase.reasons)?;
            }
        }
        let Reconnects { succeeded, failed, reasons, .. } = &self.reconnects;
        writeln!(formatter, "\nreconnects: {succeeded} succeeded, {failed} failed{reasons}")?;
        line(formatter, &["", "first", "median", "last"].map(str::to_owned))?;
        for (step, times) in [
            ("handshake", &self.reconnects.handshake_done_microseconds),
            ("answered", &self.reconnects.answered_microseconds),
        ] {
            let [first, median, last] = [times.first, times.median, times.last].map(milliseconds);
            line(formatter, &[step.to_owned(), first, median, last])?;
        }
        let Load { seconds, cpu_seconds } = self.client;
        write!(formatter, "\nthis client used {cpu_seconds:.2} CPU seconds in the storm's {seconds:.2}")
    }
}

/// The first cell to the left, the others to the right.
fn line(formatter: &mut Formatter<'_>, cells: &[String]) -> fmt::Result {
    for (column, cell) in cells.iter().enumerate() {
        if column == 0 {
            write!(formatter, "{cell:<11}")?;
        } else {
            write!(formatter, "{cell:>13}")?;
        }
    }
    writeln!(formatter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_of_sorted_times() {
        let milestone = Milestone::of([30, 10, 20].map(Duration::from_micros).to_vec());
        assert_eq!((milestone.first, milestone.median, milestone.last), (10, 20, 30));
        assert_eq!(Milestone::of(Vec::new()).last, 0);
    }
}
