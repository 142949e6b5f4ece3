//! `croupier-loadtest soak`: one rate for hours, over connections that come and go.

use std::time::Duration;

use clap::Args;

use super::Rate;
use super::action::Action;
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;

/// How long a connection lives on average.
const LIFE: Duration = Duration::from_mins(5);

/// Keep a rate for hours, in bounded memory, while connections are closed and opened at random.
///
/// Connections live for five minutes on average unless --connection-life says otherwise. The report
/// has at most 600 points in time: longer runs have longer ones.
#[derive(Debug, Args)]
pub struct Soak {
    #[command(flatten)]
    rate: Rate,
    /// For how long.
    #[arg(long, default_value = "4", value_name = "HOURS", value_parser = hours)]
    hours: Duration,
    #[command(flatten)]
    options: Options,
}

impl Soak {
    pub fn run(self) -> Outcome {
        let options = self.options.with_life(LIFE);
        let plan = Plan {
            profile: "soak",
            pace: self.rate.pace(self.hours, options.seed),
            phases: vec!["soak"],
            action: Action::None,
            shown: self.rate.shown(self.hours),
        };
        super::run(&options, plan)
    }
}

fn hours(text: &str) -> Result<Duration, String> {
    let hours: f64 = text.parse().map_err(|_| "not a number of hours")?;
    positive(&(hours * 3600.0).to_string())
}
