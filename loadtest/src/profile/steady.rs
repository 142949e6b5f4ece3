//! `croupier-loadtest steady`: one rate.

use std::time::Duration;

use clap::Args;

use super::Rate;
use super::action::Action;
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;

/// Keep a rate, whatever becomes of the requests.
#[derive(Debug, Args)]
pub struct Steady {
    #[command(flatten)]
    rate: Rate,
    /// For how long.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = positive)]
    seconds: Duration,
    #[command(flatten)]
    options: Options,
}

impl Steady {
    pub fn run(self) -> Outcome {
        let plan = Plan {
            profile: "steady",
            pace: self.rate.pace(self.seconds, self.options.seed),
            phases: vec!["steady"],
            action: Action::None,
            shown: self.rate.shown(self.seconds),
        };
        super::run(&self.options, plan)
    }
}
