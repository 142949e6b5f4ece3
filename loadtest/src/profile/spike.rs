//! `croupier-loadtest spike`: from almost nothing to very much within a second, and back, again and again.

use std::time::Duration;

use clap::Args;

use super::action::Action;
use super::{Coming, rate};
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;
use crate::load::schedule::Segment;
use crate::report;

/// Go from almost nothing to very much within a second, stay there, go back, and do it again.
#[derive(Debug, Args)]
pub struct Spike {
    /// Requests a second between spikes.
    #[arg(long, default_value_t = 100.0, value_name = "N", value_parser = rate)]
    low: f64,
    /// Requests a second in a spike.
    #[arg(long, default_value_t = 14_000.0, value_name = "N", value_parser = rate)]
    high: f64,
    /// Seconds from one rate to the other.
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = positive)]
    ramp: Duration,
    /// Seconds at the high rate.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = positive)]
    hold: Duration,
    /// Seconds at the low rate, before each spike and after the last.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = positive)]
    rest: Duration,
    /// Spikes in all.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    spikes: u16,
    #[command(flatten)]
    coming: Coming,
    #[command(flatten)]
    options: Options,
}

const REST: usize = 0;
const SPIKE: usize = 1;

impl Spike {
    pub fn run(self) -> Outcome {
        let load = format!(
            "{} requests a second, then {} within {} for {}; {} times",
            self.low,
            self.high,
            report::time(self.ramp.as_secs_f64()),
            report::time(self.hold.as_secs_f64()),
            self.spikes
        );
        let plan = Plan {
            profile: "spike",
            pace: self.coming.pace(self.segments(), self.options.seed),
            phases: vec!["rest", "spike"],
            action: Action::None,
            shown: vec![("load", load), self.coming.shown()],
        };
        super::run(&self.options, plan)
    }

    fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for _ in 0..self.spikes {
            segments.push(Segment::even(self.rest, self.low, REST));
            segments.push(Segment { time: self.ramp, from: self.low, to: self.high, phase: SPIKE });
            segments.push(Segment::even(self.hold, self.high, SPIKE));
            segments.push(Segment { time: self.ramp, from: self.high, to: self.low, phase: SPIKE });
        }
        segments.push(Segment::even(self.rest, self.low, REST));
        segments
    }
}
