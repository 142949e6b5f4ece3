//! When requests are due. Pure: offsets from the beginning, whatever becomes of the requests.
//!
//! A rate that changes over time is a row of segments, each with a rate that goes evenly from one
//! value to another. Arrivals are found by going backwards from how many there should have been:
//! every 1st for a constant rate, at exponential distances for a Poisson process.

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// Evenly apart.
    Constant,
    /// At random, as many independent clients would: bursts and gaps, the rate on average.
    Poisson,
}

/// A stretch of time in which the rate goes evenly from one to another.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    pub time: Duration,
    /// Requests a second.
    pub from: f64,
    pub to: f64,
    /// Under which of the profile's phases its requests are counted.
    pub phase: usize,
}

/// A request to be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    pub at: Duration,
    pub phase: usize,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    segments: Vec<Segment>,
    arrivals: Arrivals,
    random: Rng,
    /// How many arrivals there should have been by the next one: whole numbers if they are constant.
    expected: f64,
    /// The segment it lies in, and what was before that.
    segment: usize,
    seconds_before: f64,
    expected_before: f64,
}

impl Schedule {
    pub fn new(segments: Vec<Segment>, arrivals: Arrivals, seed: u64) -> Self {
        let mut schedule = Self {
            segments,
            arrivals,
            random: Rng::with_seed(seed),
            expected: 0.0,
            segment: 0,
            seconds_before: 0.0,
            expected_before: 0.0,
        };
        if arrivals == Arrivals::Poisson {
            schedule.expected = schedule.gap();
        }
        schedule
    }

    pub fn length(&self) -> Duration {
        self.segments.iter().map(|segment| segment.time).sum()
    }

    fn gap(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Constant => 1.0,
            // 1 - f64() is never 0.
            Arrivals::Poisson => -(1.0 - self.random.f64()).ln(),
        }
    }
}

impl Segment {
    pub fn even(time: Duration, rate: f64, phase: usize) -> Self {
        Self { time, from: rate, to: rate, phase }
    }

    /// How many arrivals it holds.
    fn size(&self) -> f64 {
        self.time.as_secs_f64() * f64::midpoint(self.from, self.to)
    }

    /// When so many have come: of `from * t + (to - from) / time * t² / 2 = count`, the `t`.
    fn seconds_until(&self, count: f64) -> f64 {
        let growth = (self.to - self.from) / self.time.as_secs_f64();
        let rate_then = (self.from * self.from + 2.0 * growth * count).max(0.0).sqrt();
        if count == 0.0 { 0.0 } else { 2.0 * count / (self.from + rate_then) }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let segment = self.segments.get(self.segment)?;
            let within = self.expected - self.expected_before;
            if within < segment.size() {
                let seconds = self.seconds_before + segment.seconds_until(within);
                let arrival = Arrival { at: Duration::from_secs_f64(seconds), phase: segment.phase };
                self.expected += self.gap();
                return Some(arrival);
            }
            self.expected_before += segment.size();
            self.seconds_before += segment.time.as_secs_f64();
            self.segment += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_constant_rate_is_evenly_apart() {
        let schedule = Schedule::new(vec![Segment::even(seconds(2.0), 4.0, 0)], Arrivals::Constant, 1);
        let found: Vec<_> = schedule.map(|arrival| arrival.at.as_millis()).collect();
        assert_eq!(found, [0, 250, 500, 750, 1000, 1250, 1500, 1750]);
    }

    #[test]
    fn a_ramp_has_half_of_its_last_rate_and_segments_join() {
        let ramp = Segment { time: seconds(1.0), from: 0.0, to: 1000.0, phase: 0 };
        let held = Segment::even(seconds(1.0), 1000.0, 1);
        let found: Vec<_> = Schedule::new(vec![ramp, held], Arrivals::Constant, 1).collect();
        assert_eq!(found.iter().filter(|arrival| arrival.phase == 0).count(), 500);
        assert_eq!(found.iter().filter(|arrival| arrival.phase == 1).count(), 1000);
        assert!(found.is_sorted_by_key(|arrival| arrival.at));
        // After half of the time a quarter of the ramp's requests have come.
        assert_eq!(found.iter().filter(|arrival| arrival.at < seconds(0.5)).count(), 125);
        assert!(found.iter().all(|arrival| arrival.at < seconds(2.0)));
    }

    #[test]
    fn a_ramp_downwards_ends_where_it_should() {
        let ramp = Segment { time: seconds(1.0), from: 1000.0, to: 0.0, phase: 0 };
        let last = Schedule::new(vec![ramp], Arrivals::Constant, 1).last().unwrap();
        assert!(last.at > seconds(0.9) && last.at < seconds(1.0), "{last:?}");
    }

    #[test]
    fn poisson_arrivals_have_the_rate_on_average_and_repeat_with_their_seed() {
        let schedule = |seed| Schedule::new(vec![Segment::even(seconds(10.0), 1000.0, 0)], Arrivals::Poisson, seed);
        let found: Vec<_> = schedule(7).collect();
        assert!(found.len().abs_diff(10_000) < 500, "{}", found.len());
        assert_eq!(found, schedule(7).collect::<Vec<_>>());
        assert_ne!(found, schedule(8).collect::<Vec<_>>());
        // Gaps as long as the mean or longer: 1 in e.
        let long = found.windows(2).filter(|pair| pair[1].at >= pair[0].at + seconds(0.001)).count();
        assert!(long.abs_diff(3679) < 300, "{long}");
    }
}
