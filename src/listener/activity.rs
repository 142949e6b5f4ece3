//! What a connection is doing, and until when it may go on with it.
//!
//! hyper's own header timer would also close idle keep-alives, so this keeps the time instead. The
//! request path stores a few numbers; nothing is locked, and no timer is moved for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::config::{Connections, Limits};

/// How long a connection may stay in each state.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub header: Duration,
    /// From a request's whole header to its answer's last byte.
    pub answer: Duration,
    pub write: Duration,
    pub idle: Duration,
    /// A connection's own may be a quarter more or less.
    pub age: Duration,
}

/// A share of the age, up or down: clients that came together do not come back together.
const JITTER: f64 = 0.25;

impl Patience {
    /// Where answers take microseconds, what is not delivered is not being read.
    pub fn new(limits: &Limits, connections: &Connections) -> Self {
        let write = limits.write.duration();
        let Connections { idle, age, .. } = connections;
        Self { header: limits.header.duration(), answer: write, write, idle: idle.duration(), age: age.duration() }
    }

    /// When a connection that begins now is old, by a random number from 0 to 1.
    pub fn old_at(&self, chance: f64) -> Instant {
        Instant::now() + self.age.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance)
    }

    /// Where answers may take a while.
    #[must_use]
    pub fn with_slow_answers(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    pub fn shortest(&self) -> Duration {
        self.header.min(self.write).min(self.idle)
    }
}

/// Shared by a connection's stream, its requests and its driver. Times are milliseconds since
/// the connection began, plus 1; 0 is never.
pub struct Activity {
    began: Instant,
    /// HTTP/1: bytes that come between requests are the next one's header. HTTP/2 sends much else.
    reads_are_headers: bool,
    reading_since: AtomicU64,
    write_blocked_since: AtomicU64,
    in_flight: AtomicU32,
    /// When a request last began or ended.
    last_turn: AtomicU64,
    end: Notify,
    closing: AtomicBool,
}

impl Activity {
    /// A new connection counts as idle: clients may connect before they need to.
    pub fn new(reads_are_headers: bool) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            reads_are_headers,
            reading_since: AtomicU64::new(0),
            write_blocked_since: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            last_turn: AtomicU64::new(1),
            end: Notify::new(),
            closing: AtomicBool::new(false),
        })
    }

    /// Asks the driver to end the connection, after the requests that are in flight.
    pub fn end(&self) {
        self.end.notify_one();
    }

    /// Waits until the connection is asked to end.
    pub async fn ended(&self) {
        self.end.notified().await;
    }

    /// Has the quick way end the connection before another request.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// A request has been answered in the moment that it came.
    pub fn turned(&self) {
        self.last_turn.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    pub fn read(&self) {
        if self.reads_are_headers && self.reading_since.load(Ordering::Relaxed) == 0 {
            self.reading_since.store(self.now(), Ordering::Relaxed);
        }
    }

    pub fn write(&self, blocked: bool) {
        let since = &self.write_blocked_since;
        match (blocked, since.load(Ordering::Relaxed)) {
            (true, 0) => since.store(self.now(), Ordering::Relaxed),
            (false, 1..) => since.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// A request's header is whole. It is in flight until the guard goes.
    pub fn request(self: &Arc<Self>) -> InFlight {
        self.reading_since.store(0, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.last_turn.store(self.now(), Ordering::Relaxed);
        InFlight { activity: Arc::clone(self) }
    }

    /// Whether a request's header has begun to come, between HTTP/1 requests.
    pub fn is_reading(&self) -> bool {
        self.reading_since.load(Ordering::Relaxed) > 0
    }

    /// Whether a request is being answered, or an answer not all sent.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0 || self.write_blocked_since.load(Ordering::Relaxed) > 0
    }

    /// When the present state has lasted too long.
    pub fn deadline(&self, patience: Patience) -> Instant {
        let blocked = self.write_blocked_since.load(Ordering::Relaxed);
        let reading = self.reading_since.load(Ordering::Relaxed);
        let (since, allowed) = if blocked > 0 {
            (blocked, patience.write)
        } else if self.in_flight.load(Ordering::Relaxed) > 0 {
            (self.last_turn.load(Ordering::Relaxed), patience.answer)
        } else if reading > 0 {
            (reading, patience.header)
        } else {
            (self.last_turn.load(Ordering::Relaxed), patience.idle)
        };
        self.began + Duration::from_millis(since) + allowed
    }
}

/// Held while a request is being answered, its body included.
pub struct InFlight {
    activity: Arc<Activity>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.last_turn.store(self.activity.now(), Ordering::Relaxed);
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        answer: Duration::from_secs(30),
        write: Duration::from_secs(20),
        idle: Duration::from_mins(5),
        age: Duration::from_mins(10),
    };

    #[test]
    fn connections_grow_old_at_different_times() {
        let begun = Instant::now();
        for (chance, age) in [(0.0, 450.0), (0.5, 600.0), (1.0, 750.0)] {
            let old = PATIENCE.old_at(chance) - begun;
            assert!((old.as_secs_f64() - age).abs() < 1.0, "{old:?}");
        }
    }

    fn allowed(activity: &Activity) -> u64 {
        let left = activity.deadline(PATIENCE) - Instant::now();
        (left.as_secs() + 5) / 10 * 10
    }

    #[test]
    fn each_state_has_its_own_patience() {
        let activity = Activity::new(true);
        assert_eq!(allowed(&activity), 300, "connected beforehand");
        activity.read();
        assert_eq!(allowed(&activity), 10, "the first header");
        let request = activity.request();
        assert_eq!(allowed(&activity), 30, "in flight");
        drop(request);
        assert_eq!(allowed(&activity), 300, "idle");
        activity.read();
        assert_eq!(allowed(&activity), 10, "the next header");
        activity.write(true);
        assert_eq!(allowed(&activity), 20, "not reading");
        activity.write(false);
        assert_eq!(allowed(&activity), 10);
    }

    #[test]
    fn bytes_between_http2_requests_are_no_header() {
        let activity = Activity::new(false);
        drop(activity.request());
        activity.read();
        assert_eq!(allowed(&activity), 300);
    }
}
