//! Figures in a row: over time, and by how long answers took.

use serde::{Deserialize, Serialize};

use crate::load::recorder::Recorder;
use crate::tally::Quantiles;

#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    pub seconds: f64,
    pub due: u64,
    pub answered: u64,
    pub failed: u64,
    /// Sent again.
    pub retried: u64,
    /// Sent late by this program.
    pub late: u64,
    /// Of what was due in this time.
    pub latency_microseconds: Option<Quantiles>,
    pub server_cores: f64,
    pub server_memory: u64,
    pub server_descriptors: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    pub from: f64,
    pub to: f64,
    pub count: u64,
}

/// Up to the end of the run: answers that came later count in totals only.
pub fn points(recorder: &Recorder, until: f64) -> Vec<Point> {
    let width = recorder.timeline.width.as_secs_f64();
    let mut points = Vec::new();
    for (number, bucket) in recorder.timeline.buckets.iter().enumerate() {
        let seconds = number as f64 * width;
        if seconds >= until {
            break;
        }
        // The last may be shorter.
        let covered = (until - seconds).min(width);
        points.push(Point {
            seconds,
            due: bucket.offered,
            answered: bucket.answered,
            failed: bucket.failed,
            retried: bucket.retried,
            late: bucket.late,
            latency_microseconds: (!bucket.latencies.is_empty()).then(|| Quantiles::of(&bucket.latencies)),
            server_cores: bucket.cpu.as_secs_f64() / covered,
            server_memory: bucket.memory,
            server_descriptors: bucket.descriptors,
        });
    }
    points
}

/// Sorts latencies into steps of equal ratio, with those between that are empty.
pub fn bars(recorded: impl Iterator<Item = (u64, u64)>) -> Vec<Bar> {
    const STEPS: f64 = 8.0;
    let mut bars: Vec<(i32, u64)> = Vec::new();
    for (latency, count) in recorded {
        let step = ((latency.max(1) as f64).log10() * STEPS).floor() as i32;
        match bars.last_mut() {
            Some((last, sum)) if *last == step => *sum += count,
            last => {
                let missing = last.map_or(step, |(last, _)| *last + 1)..step;
                bars.extend(missing.map(|step| (step, 0)));
                bars.push((step, count));
            }
        }
    }
    let edge = |step: i32| 10_f64.powf(f64::from(step) / STEPS);
    bars.into_iter().map(|(step, count)| Bar { from: edge(step), to: edge(step + 1), count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_no_gaps_and_lose_nothing() {
        let found = bars([(100, 5), (101, 1), (1000, 2), (99_999, 1)].into_iter());
        assert_eq!(found.iter().map(|bar| bar.count).sum::<u64>(), 9);
        assert_eq!(found[0], Bar { from: 100.0, to: 10_f64.powf(2.125), count: 6 });
        assert!(found.windows(2).all(|pair| (pair[0].to - pair[1].from).abs() < 1e-6));
        assert_eq!(found.len(), 24);
    }
}
