//! `croupier-loadtest soak`: one rate for hours, over connections that come and go.

use std::time::Duration;

use clap::Args;

use super::Rate;
use super::action::{Action, Reloads, Step};
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;
use crate::report;

/// How long a connection lives on average.
const LIFE: Duration = Duration::from_mins(5);

/// For so long after a command was done, requests count as those of a reload.
const SETTLING: Duration = Duration::from_secs(3);

/// Keep a rate for hours, in bounded memory, while connections are closed and opened at random.
///
/// Connections live for five minutes on average unless --connection-life says otherwise. The report
/// has at most 600 points in time: longer runs have longer ones.
#[derive(Debug, Args)]
pub struct Soak {
    #[command(flatten)]
    rate: Rate,
    /// Have this run by `sh -c` meanwhile: `croupier reload`. One that fails makes the run worthless.
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
    /// Seconds between two times.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = positive, requires = "run")]
    every: Duration,
    /// For how long.
    #[arg(long, default_value = "4", value_name = "HOURS", value_parser = hours)]
    hours: Duration,
    #[command(flatten)]
    options: Options,
}

impl Soak {
    pub fn run(self) -> Outcome {
        let options = self.options.with_life(LIFE);
        let mut shown = self.rate.shown(self.hours);
        let phases = if self.run.is_some() { vec!["soak", "reloading"] } else { vec!["soak"] };
        let action = self.run.map_or(Action::None, |command| {
            let every = report::time(self.every.as_secs_f64());
            shown.push(("reloads", format!("every {every}: {command}")));
            Action::Reload(Reloads { steps: vec![Step::Run(command)], every: self.every, settling: SETTLING })
        });
        let plan = Plan { profile: "soak", pace: self.rate.pace(self.hours, options.seed), phases, action, shown };
        super::run(&options, plan)
    }
}

fn hours(text: &str) -> Result<Duration, String> {
    let hours: f64 = text.parse().map_err(|_| "not a number of hours")?;
    positive(&(hours * 3600.0).to_string())
}
