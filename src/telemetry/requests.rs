//! What every request counts. It goes into numbers of our own, each thread's apart, and is written
//! in Prometheus's text format when somebody asks.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use super::escaped;
use super::striped::Striped;

/// Upper bounds in nanoseconds, and as labels in seconds. A lookup takes tens of microseconds; beyond 100 ms is a
/// failure.
const BUCKETS: [(u64, &str); 13] = [
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (1_000_000_000, "1"),
];

/// Every status that is answered with.
const STATUSES: [u16; 10] = [200, 400, 403, 404, 405, 409, 414, 431, 500, 503];

/// Statuses that are not in the list, if there should ever be any, are counted as this one.
const OTHER: usize = 8;

/// Statuses, buckets (the last one is for what is beyond all bounds), and nanoseconds.
const BUCKET: usize = STATUSES.len();
const NANOSECONDS: usize = BUCKET + BUCKETS.len() + 1;

type Counts = Striped<{ NANOSECONDS + 1 }>;

/// By listener.
static REQUESTS: LazyLock<Mutex<BTreeMap<&'static str, Arc<Counts>>>> = LazyLock::new(Mutex::default);

/// By the name of the CDN that came first.
static DECISIONS: LazyLock<Mutex<BTreeMap<String, Decisions>>> = LazyLock::new(Mutex::default);

/// The requests of one listener.
#[derive(Clone)]
pub struct Requests {
    counts: Arc<Counts>,
}

impl Requests {
    pub fn of(listener: &'static str) -> Self {
        let mut requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
        Self { counts: Arc::clone(requests.entry(listener).or_default()) }
    }

    pub fn answered(&self, status: u16, took: Duration) {
        let status = STATUSES.iter().position(|known| *known == status).unwrap_or(OTHER);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|(bound, _)| took <= *bound).unwrap_or(BUCKETS.len());
        self.counts.add([(status, 1), (BUCKET + bucket, 1), (NANOSECONDS, took)]);
    }
}

/// How often a CDN came first.
#[derive(Clone, Default)]
pub struct Decisions {
    count: Arc<Striped<1>>,
}

impl Decisions {
    pub fn of(cdn: &str) -> Self {
        let mut decisions = DECISIONS.lock().unwrap_or_else(PoisonError::into_inner);
        decisions.entry(cdn.to_owned()).or_default().clone()
    }

    pub fn count(&self) {
        self.count.add([(0, 1)]);
    }
}

/// Writes all of it.
pub fn write(text: &mut String) {
    const REQUESTS_TOTAL: &str = "croupier_requests_total";
    const DURATION: &str = "croupier_request_duration_seconds";
    const DECISIONS_TOTAL: &str = "croupier_decisions_total";
    let requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let requests = || requests.iter().map(|(listener, counts)| (listener, counts.sums()));
    head(text, REQUESTS_TOTAL, "counter", "Requests answered");
    // Writing to a string can't fail.
    for (listener, sums) in requests() {
        for (status, count) in STATUSES.iter().zip(sums) {
            _ = writeln!(text, "{REQUESTS_TOTAL}{{listener=\"{listener}\",status=\"{status}\"}} {count}");
        }
    }
    head(
        text,
        DURATION,
        "histogram",
        "Time from a request's whole header to its response's head, waiting for its turn included",
    );
    for (listener, sums) in requests() {
        let mut below = 0;
        let bounds = BUCKETS.iter().map(|(_, label)| *label).chain(["+Inf"]);
        for (bound, count) in bounds.zip(&sums[BUCKET..]) {
            below += count;
            _ = writeln!(text, "{DURATION}_bucket{{listener=\"{listener}\",le=\"{bound}\"}} {below}");
        }
        let seconds = Duration::from_nanos(sums[NANOSECONDS]).as_secs_f64();
        _ = writeln!(text, "{DURATION}_sum{{listener=\"{listener}\"}} {seconds}");
        _ = writeln!(text, "{DURATION}_count{{listener=\"{listener}\"}} {below}");
    }
    head(text, DECISIONS_TOTAL, "counter", "Lookups answered with this CDN first");
    for (cdn, Decisions { count }) in DECISIONS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let [count] = count.sums();
        _ = writeln!(text, "{DECISIONS_TOTAL}{{cdn=\"{}\"}} {count}", escaped(cdn));
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    write_help_line(text, name, None, None, help);
    write_type_line(text, name, None, None, kind);
}
