//! The profiles: what load, for how long, and what happens meanwhile. One file a command.
//!
//! - [`steady`], [`spike`], [`soak`]: rates over time
//! - [`reload`], [`storm`]: something happens while a rate is kept
//! - [`saturate`]: as much as the server can do
//! - [`action`]: what a profile does besides requests; [`reconnects`]: many clients at once

pub mod action;
pub mod reconnects;
pub mod reload;
pub mod saturate;
pub mod soak;
pub mod spike;
pub mod steady;
pub mod storm;

use std::time::Duration;

use clap::Args;

use crate::Outcome;
use crate::load::options::Options;
use crate::load::play::{Pace, Plan, play};
use crate::load::schedule::{Arrivals, Schedule, Segment};
use crate::report;

/// When requests come, in profiles that have a rate.
#[derive(Debug, Args)]
pub struct Coming {
    /// How requests are apart.
    #[arg(long, default_value = "poisson", value_name = "HOW")]
    arrivals: Arrivals,
}

impl Coming {
    fn pace(&self, segments: Vec<Segment>, seed: u64) -> Pace {
        Pace::Open(Schedule::new(segments, self.arrivals, seed))
    }

    fn shown(&self) -> (&'static str, String) {
        let arrivals = match self.arrivals {
            Arrivals::Constant => "evenly apart",
            Arrivals::Poisson => "Poisson",
        };
        ("arrivals", arrivals.to_owned())
    }
}

/// A rate that stays the same.
#[derive(Debug, Args)]
pub struct Rate {
    /// Requests a second.
    #[arg(long, default_value_t = 3000.0, value_name = "N", value_parser = rate)]
    rate: f64,
    #[command(flatten)]
    coming: Coming,
}

impl Rate {
    fn pace(&self, time: Duration, seed: u64) -> Pace {
        self.coming.pace(vec![Segment::even(time, self.rate, 0)], seed)
    }

    fn shown(&self, time: Duration) -> Vec<(&'static str, String)> {
        let load = format!("{} requests a second for {}", self.rate, report::time(time.as_secs_f64()));
        vec![("load", load), self.coming.shown()]
    }
}

/// Reads a rate: more than none, and no more than one program can send.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number")?;
    if rate > 0.0 && rate <= 1_000_000.0 { Ok(rate) } else { Err("must be more than 0, at most 1000000".to_owned()) }
}

/// Plays a plan, and tells of it wherever that was wanted.
fn run(options: &Options, plan: Plan) -> Outcome {
    let report = play(options, plan)?;
    report::publish(&report, options)
}
