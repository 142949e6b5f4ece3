//! `croupier-loadtest saturate`: as much as the server can do.

use std::time::Duration;

use clap::Args;

use super::action::Action;
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::{Pace, Plan};
use crate::report;

/// Have every connection ask again as soon as it is answered: what the server can do, and what a
/// request costs it then.
///
/// A closed loop: latencies only say how many wait at once, so the verdict is of availability alone.
/// Nothing is pipelined. With --pid the report says whether server or client was the bottleneck.
#[derive(Debug, Args)]
pub struct Saturate {
    /// For how long.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = positive)]
    seconds: Duration,
    #[command(flatten)]
    options: Options,
}

impl Saturate {
    pub fn run(self) -> Outcome {
        let options = self.options.with_fixed_connections();
        let load = format!("as much as is answered for {}", report::time(self.seconds.as_secs_f64()));
        let plan = Plan {
            profile: "saturate",
            pace: Pace::Closed(self.seconds),
            phases: vec!["saturated"],
            action: Action::None,
            shown: vec![("load", load)],
        };
        super::run(&options, plan)
    }
}
