//! When to ask a source that does not tell of changes by itself.

use std::time::{Duration, Instant};

/// Every wait is this share longer or shorter than the mean: instances that began together part.
const JITTER: f64 = 0.25;

/// A source that fails is asked less and less often, but at least this often: an incident is the worst time to find
/// a store well again and not to notice.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

#[derive(Default)]
pub struct Polling {
    next: Option<Instant>,
    /// One after the other.
    failures: u32,
    /// The last time there was no answer. What it was when there last was one, nobody knows.
    pub is_lost: bool,
}

impl Polling {
    /// Time left until it is to be asked, which is `every` so often. The first time is any within that.
    pub fn left(&mut self, every: Duration) -> Duration {
        let now = Instant::now();
        // Planned for when it was to be asked more rarely.
        let planned = self.next.filter(|next| *next <= now + longest(every));
        planned.unwrap_or_else(|| self.plan(every.mul_f64(fastrand::f64()))).saturating_duration_since(now)
    }

    /// It was asked.
    pub fn asked(&mut self, every: Duration, well: bool) {
        self.failures = if well { 0 } else { self.failures.saturating_add(1) };
        let mean = backed_off(every, self.failures);
        self.plan(mean.mul_f64(1.0 - JITTER + 2.0 * JITTER * fastrand::f64()));
    }

    /// Somebody else has found it well: it is asked as often as ever.
    pub fn recovered(&mut self) {
        if self.failures > 0 {
            *self = Self::default();
        }
    }

    fn plan(&mut self, wait: Duration) -> Instant {
        *self.next.insert(Instant::now() + wait)
    }
}

fn backed_off(every: Duration, failures: u32) -> Duration {
    let doubled = every.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(LONGEST_BACKOFF.max(every))
}

fn longest(every: Duration) -> Duration {
    LONGEST_BACKOFF.max(every).mul_f64(1.0 + JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = (0..6).map(|failures| backed_off(Duration::from_secs(10), failures).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 60, 60, 60]);
        assert_eq!(backed_off(Duration::from_mins(5), 3), Duration::from_mins(5));
        assert_eq!(backed_off(Duration::from_secs(10), u32::MAX), LONGEST_BACKOFF);
    }

    #[test]
    fn waits_are_spread_around_their_mean() {
        let every = Duration::from_hours(1);
        let waits: Vec<f64> = (0..1000)
            .map(|_| {
                let mut polling = Polling::default();
                polling.asked(every, true);
                polling.left(every).as_secs_f64() / every.as_secs_f64()
            })
            .collect();
        assert!(waits.iter().all(|wait| (0.749..1.251).contains(wait)));
        let mean = waits.iter().sum::<f64>() / 1000.0;
        assert!((0.95..1.05).contains(&mean), "{mean}");
        // The first is spread over all of it.
        let first: Vec<f64> = (0..1000).map(|_| Polling::default().left(every).as_secs_f64()).collect();
        assert!(first.iter().any(|wait| *wait < 360.0) && first.iter().any(|wait| *wait > 3240.0));
        assert!(first.iter().all(|wait| *wait <= 3600.0));
    }
}
