//! Answers' latencies, and failures by their reasons.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use serde::{Deserialize, Serialize};

/// Longer latencies count as this long: ten minutes.
const LONGEST: u64 = 600_000_000;

/// Latencies to a tenth of a percent.
const DIGITS: u8 = 3;

#[derive(Debug, Clone)]
pub struct Tally {
    /// Microseconds.
    latencies: Histogram<u64>,
    pub failures: Failures,
}

impl Tally {
    pub fn new() -> Result<Self, String> {
        let latencies = Histogram::new_with_max(LONGEST, DIGITS).map_err(|error| error.to_string())?;
        Ok(Self { latencies, failures: Failures::default() })
    }

    pub fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
    }

    /// Adds another's, which has the same bounds.
    pub fn merge(&mut self, other: &Self) {
        self.latencies += &other.latencies;
        self.failures.merge(&other.failures);
    }

    pub fn successes(&self) -> u64 {
        self.latencies.len()
    }

    /// Each latency in microseconds that was recorded, and how often.
    pub fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        self.latencies.iter_recorded().map(|value| (value.value_iterated_to(), value.count_since_last_iteration()))
    }

    pub fn quantiles(&self) -> Quantiles {
        Quantiles::of(&self.latencies)
    }
}

impl Quantiles {
    pub fn of<C: Counter>(latencies: &Histogram<C>) -> Self {
        let at = |quantile| latencies.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: latencies.max() }
    }
}

/// Latencies in microseconds. All are 0 if there were none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// How often what went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failures(BTreeMap<String, u64>);

impl Failures {
    pub fn add(&mut self, reason: String) {
        *self.0.entry(reason).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            *self.0.entry(reason.clone()).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
}

/// A line for each reason, after the line that has their sum.
impl Display for Failures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, count) in &self.0 {
            write!(formatter, "\n    {count} × {reason}")?;
        }
        Ok(())
    }
}

/// Microseconds as milliseconds, for people.
pub fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(milliseconds: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::new().unwrap();
        for latency in milliseconds {
            tally.record(Duration::from_millis(latency));
        }
        tally
    }

    #[test]
    fn quantiles_are_of_all_merged_latencies() {
        let mut all = tally(1..=500);
        all.merge(&tally(501..=1000));
        let Quantiles { p50, p90, p99, p999, max } = all.quantiles();
        for (found, exact) in [(p50, 500_000_u64), (p90, 900_000), (p99, 990_000), (p999, 999_000), (max, 1_000_000)] {
            assert!(found.abs_diff(exact) <= exact / 1000, "{found} is not {exact}");
        }
        assert_eq!(all.successes(), 1000);
    }

    #[test]
    fn no_latencies_have_quantiles_of_0() {
        assert_eq!(tally([]).quantiles(), Quantiles { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    }

    #[test]
    fn endless_latencies_are_cut() {
        let endless = tally([u64::MAX]).quantiles().max;
        assert!(endless.abs_diff(LONGEST) <= LONGEST / 1000, "{endless}");
    }

    #[test]
    fn failures_are_counted_by_reason() {
        let mut failures = Failures::default();
        for reason in ["connect: refused", "request: status 503", "connect: refused"] {
            failures.add(reason.to_owned());
        }
        let mut twice = failures.clone();
        twice.merge(&failures);
        assert_eq!(twice.count(), 6);
        assert_eq!(twice.to_string(), "\n    4 × connect: refused\n    2 × request: status 503");
    }
}
