//! Every figure of a run, in bounded memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::events::{Events, Kind};
use super::failure::{Failure, Failures};
use super::timeline::Timeline;
use crate::connection;
use crate::tally::Tally;

/// A request sent later than this after it was due, with nothing but this program in its way, is late.
pub const LATE: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Recorder {
    pub begun: Instant,
    /// The same moment by the clock on the wall.
    pub begun_at: SystemTime,
    /// An answer after more than this is as bad as none.
    slow_after: Duration,
    pub offered: u64,
    pub slow: u64,
    /// Of all answers, to be divided by their number.
    pub latency_sum: Duration,
    pub all: Tally,
    pub phases: Vec<Phase>,
    pub failures: Failures,
    /// Why requests were sent again.
    pub retried: Failures,
    pub own: Own,
    pub connections: Connections,
    pub timeline: Timeline,
    pub events: Events,
    /// Since it was last taken.
    pub recent: Recent,
}

#[derive(Debug, Clone)]
pub struct Phase {
    pub name: &'static str,
    pub offered: u64,
    pub slow: u64,
    pub failed: u64,
    pub answers: Tally,
}

/// How far this program itself was behind its schedule.
#[derive(Debug)]
pub struct Own {
    pub lag: Tally,
    pub late: u64,
}

#[derive(Debug)]
pub struct Connections {
    pub full: u64,
    pub resumed: u64,
    /// From connecting to the end of the handshake.
    pub opening: Tally,
    pub failures: Failures,
    pub ended_by_server: u64,
    pub ended_by_us: u64,
    pub open: u64,
    pub most_open: u64,
}

#[derive(Debug, Clone)]
pub struct Recent {
    pub answers: Tally,
    pub failed: u64,
}

/// Shared by all that records.
pub type Shared = Arc<Mutex<Recorder>>;

/// Nothing panics while it holds this; if something did, the figures are still there.
pub fn locked(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub fn new(slow_after: Duration, phases: &[&'static str]) -> Result<Self, String> {
        let blank = Tally::new()?;
        let phase = |name: &&'static str| Phase { name, offered: 0, slow: 0, failed: 0, answers: blank.clone() };
        Ok(Self {
            begun: Instant::now(),
            begun_at: SystemTime::now(),
            slow_after,
            offered: 0,
            slow: 0,
            latency_sum: Duration::ZERO,
            all: blank.clone(),
            phases: phases.iter().map(phase).collect(),
            failures: Failures::default(),
            retried: Failures::default(),
            own: Own { lag: blank.clone(), late: 0 },
            connections: Connections {
                full: 0,
                resumed: 0,
                opening: blank.clone(),
                failures: Failures::default(),
                ended_by_server: 0,
                ended_by_us: 0,
                open: 0,
                most_open: 0,
            },
            timeline: Timeline::new()?,
            events: Events::default(),
            recent: Recent { answers: blank, failed: 0 },
        })
    }

    fn offset(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.begun)
    }

    /// When the first request may be due.
    pub fn begin(&mut self, begun: Instant) {
        self.begun = begun;
        self.begun_at = SystemTime::now() + begun.saturating_duration_since(Instant::now());
    }

    /// Every request that came due is answered or has failed.
    pub fn is_complete(&self) -> bool {
        self.all.successes() + self.failures.count() >= self.offered
    }

    /// A request came due.
    pub fn offered(&mut self, due: Instant, phase: usize) {
        self.offered += 1;
        let offset = self.offset(due);
        self.timeline.at(offset).offered += 1;
        if let Some(phase) = self.phases.get_mut(phase) {
            phase.offered += 1;
        }
    }

    /// A request was written, so long after it could have been.
    pub fn sent(&mut self, due: Instant, lag: Duration) {
        self.own.lag.record(lag);
        if lag > LATE {
            self.own.late += 1;
            let offset = self.offset(due);
            self.timeline.at(offset).late += 1;
        }
    }

    pub fn answered(&mut self, due: Instant, phase: usize, now: Instant) {
        let latency = now.saturating_duration_since(due);
        let slow = u64::from(latency > self.slow_after);
        self.slow += slow;
        self.latency_sum += latency;
        self.all.record(latency);
        self.recent.answers.record(latency);
        let (then, now) = (self.offset(due), self.offset(now));
        self.timeline.at(now).answered += 1;
        self.timeline.at(then).record(latency);
        if let Some(phase) = self.phases.get_mut(phase) {
            phase.answers.record(latency);
            phase.slow += slow;
        }
    }

    pub fn failed(&mut self, due: Instant, phase: usize, failure: &Failure) {
        self.failures.add(failure);
        self.recent.failed += 1;
        let offset = self.offset(due);
        self.timeline.at(offset).failed += 1;
        if let Some(phase) = self.phases.get_mut(phase) {
            phase.failed += 1;
        }
    }

    /// A request is sent again, as this became of it.
    pub fn retried(&mut self, due: Instant, failure: &Failure) {
        self.retried.add(failure);
        let offset = self.offset(due);
        self.timeline.at(offset).retried += 1;
    }

    pub fn opened(&mut self, kind: connection::Kind, took: Duration) {
        let connections = &mut self.connections;
        match kind {
            connection::Kind::Full => connections.full += 1,
            connection::Kind::Resumed => connections.resumed += 1,
        }
        connections.opening.record(took);
        connections.open += 1;
        connections.most_open = connections.most_open.max(connections.open);
    }

    pub fn ended(&mut self, by_server: bool) {
        self.connections.open = self.connections.open.saturating_sub(1);
        if by_server {
            self.connections.ended_by_server += 1;
            self.event(Kind::Reconnect, "connection ended by the server");
        } else {
            self.connections.ended_by_us += 1;
        }
    }

    pub fn event(&mut self, kind: Kind, note: &str) {
        let offset = self.offset(Instant::now());
        self.events.add(kind, offset, note);
    }
}
