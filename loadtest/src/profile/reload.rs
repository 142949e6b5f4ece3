//! `croupier-loadtest reload`: one rate while table and trust are exchanged.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::Rate;
use super::action::{Action, Reloads, Step};
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;
use crate::report;

/// Keep a rate, and have something done to the server every so often.
///
/// That is a command (`croupier reload`, a `curl` that posts, a script that signs a revocation list)
/// or a file that is replaced by others in turn. Several are done in turn, one each time. A command
/// that fails makes the run worthless: "not measured".
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub struct Reload {
    /// Run by `sh -c`. May be given several times.
    #[arg(long = "run", value_name = "COMMAND", group = "what")]
    commands: Vec<String>,
    /// Replaced as a whole, by a rename.
    #[arg(long, value_name = "FILE", requires = "with", group = "what")]
    replace: Option<PathBuf>,
    /// What the replaced file becomes, in turn.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "replace")]
    with: Vec<PathBuf>,
    /// Seconds between two times.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = positive)]
    every: Duration,
    /// For so many seconds after it was done, requests are counted as those of a reload.
    #[arg(long, default_value = "3", value_name = "SECONDS", value_parser = positive)]
    settling: Duration,
    #[command(flatten)]
    rate: Rate,
    /// For how long.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = positive)]
    seconds: Duration,
    #[command(flatten)]
    options: Options,
}

impl Reload {
    pub fn run(self) -> Outcome {
        let mut steps: Vec<_> = self.commands.into_iter().map(Step::Run).collect();
        if let Some(file) = self.replace {
            steps.extend(self.with.into_iter().map(|with| Step::Replace { file: file.clone(), with }));
        }
        let shown_steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let mut shown = self.rate.shown(self.seconds);
        let every = report::time(self.every.as_secs_f64());
        shown.push(("reloads", format!("every {every}: {}", shown_steps.join("; "))));
        let plan = Plan {
            profile: "reload",
            pace: self.rate.pace(self.seconds, self.options.seed),
            phases: vec!["between", "reloading"],
            action: Action::Reload(Reloads { steps, every: self.every, settling: self.settling }),
            shown,
        };
        super::run(&self.options, plan)
    }
}
