//! A request on its way to a connection.

use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub due: Instant,
    pub phase: usize,
    pub address: IpAddr,
    /// How late this program noticed that it was due.
    pub behind: Duration,
    /// It was sent before: there is no third time.
    pub retried: bool,
}

impl Job {
    /// How late this program is with it now, for a stream that has been free since then: what the
    /// server made it wait for a stream is not counted.
    pub fn lag(&self, free_since: Instant) -> Duration {
        Instant::now().saturating_duration_since(self.due.max(free_since)).max(self.behind)
    }
}
