//! A run second by second, in bounded memory: when there are too many seconds, two become one.

use std::time::Duration;

use hdrhistogram::Histogram;

/// As many as a picture can show. 600 buckets are at most 7 MB.
const MOST: usize = 600;

/// Longer latencies count as this long: a minute, in microseconds.
const LONGEST: u64 = 60_000_000;

/// Latencies to a percent.
const DIGITS: u8 = 2;

/// What was due in a stretch of time, except `answered`.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Microseconds.
    pub latencies: Histogram<u32>,
    pub offered: u64,
    pub failed: u64,
    /// Sent again.
    pub retried: u64,
    /// Sent late by this program.
    pub late: u64,
    /// Answers that came in this time, whenever they were due.
    pub answered: u64,
    /// The server's processor time.
    pub cpu: Duration,
    /// The server's resident memory in bytes, the most that was seen.
    pub memory: u64,
    /// The server's open descriptors, the most that were seen.
    pub descriptors: u64,
}

#[derive(Debug, Clone)]
pub struct Timeline {
    blank: Bucket,
    pub width: Duration,
    pub buckets: Vec<Bucket>,
}

impl Bucket {
    fn new() -> Result<Self, String> {
        let latencies = Histogram::new_with_max(LONGEST, DIGITS).map_err(|error| error.to_string())?;
        let cpu = Duration::ZERO;
        Ok(Self { latencies, offered: 0, failed: 0, retried: 0, late: 0, answered: 0, cpu, memory: 0, descriptors: 0 })
    }

    pub fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
    }

    fn merge(&mut self, later: &Self) {
        self.latencies += &later.latencies;
        self.offered += later.offered;
        self.failed += later.failed;
        self.retried += later.retried;
        self.late += later.late;
        self.answered += later.answered;
        self.cpu += later.cpu;
        self.memory = self.memory.max(later.memory);
        self.descriptors = self.descriptors.max(later.descriptors);
    }
}

impl Timeline {
    pub fn new() -> Result<Self, String> {
        Ok(Self { blank: Bucket::new()?, width: Duration::from_secs(1), buckets: Vec::new() })
    }

    /// The bucket for a time since the beginning.
    pub fn at(&mut self, offset: Duration) -> &mut Bucket {
        while self.place(offset) >= MOST {
            self.coarsen();
        }
        let place = self.place(offset);
        if place >= self.buckets.len() {
            self.buckets.resize(place + 1, self.blank.clone());
        }
        &mut self.buckets[place]
    }

    fn place(&self, offset: Duration) -> usize {
        usize::try_from(offset.as_nanos() / self.width.as_nanos()).unwrap_or(usize::MAX)
    }

    fn coarsen(&mut self) {
        let merged = self.buckets.chunks(2).map(|pair| {
            let mut merged = pair[0].clone();
            pair[1..].iter().for_each(|later| merged.merge(later));
            merged
        });
        self.buckets = merged.collect();
        self.width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_coarser_buckets_and_loses_nothing() {
        let mut timeline = Timeline::new().unwrap();
        for second in 0..10_000 {
            let bucket = timeline.at(Duration::from_secs(second));
            bucket.offered += 1;
            bucket.record(Duration::from_millis(second));
        }
        assert_eq!(timeline.width, Duration::from_secs(32));
        assert_eq!(timeline.buckets.len(), 10_000_usize.div_ceil(32));
        assert_eq!(timeline.buckets.iter().map(|bucket| bucket.offered).sum::<u64>(), 10_000);
        assert_eq!(timeline.buckets.iter().map(|bucket| bucket.latencies.len()).sum::<u64>(), 10_000);
        let first = &timeline.buckets[0].latencies;
        assert!(first.max().abs_diff(31_000) <= 310, "{}", first.max());
    }

    #[test]
    fn an_answer_may_come_for_a_second_that_is_past() {
        let mut timeline = Timeline::new().unwrap();
        timeline.at(Duration::from_secs(3)).offered += 1;
        timeline.at(Duration::from_millis(900)).failed += 1;
        let failed: Vec<_> = timeline.buckets.iter().map(|bucket| bucket.failed).collect();
        assert_eq!(failed, [1, 0, 0, 0]);
    }
}
