//! `croupier-loadtest storm`: what established clients feel while thousands reconnect.

use std::time::Duration;

use clap::Args;

use super::Rate;
use super::action::{Action, Storming};
use crate::Outcome;
use crate::load::options::{Options, positive};
use crate::load::play::Plan;

/// Have thousands of clients reconnect at once, and watch the established ones meanwhile.
///
/// The established ones keep a rate over --connections, of which there are never more unless
/// --max-connections says so. Each of the others does a full handshake and asks once, over HTTP/1.1, and
/// stays; each must be answered within the timeout. The server must be allowed as many connections and
/// file descriptors as this opens.
#[derive(Debug, Args)]
pub struct Storm {
    #[command(flatten)]
    rate: Rate,
    /// Clients that come all at once.
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    reconnects: u32,
    /// Seconds before they come.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = positive)]
    before: Duration,
    /// Seconds that each of them has.
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = positive)]
    reconnect_timeout: Duration,
    /// For how long in all.
    #[arg(long, default_value = "20", value_name = "SECONDS", value_parser = positive)]
    seconds: Duration,
    #[command(flatten)]
    options: Options,
}

impl Storm {
    pub fn run(self) -> Outcome {
        let options = self.options.with_fixed_connections();
        let mut shown = self.rate.shown(self.seconds);
        shown.push(("reconnects", format!("{} clients at once", self.reconnects)));
        let plan = Plan {
            profile: "storm",
            pace: self.rate.pace(self.seconds, options.seed),
            phases: vec!["before", "during", "after"],
            action: Action::Storm(Storming {
                count: self.reconnects,
                before: self.before,
                timeout: self.reconnect_timeout,
            }),
            shown,
        };
        super::run(&options, plan)
    }
}
