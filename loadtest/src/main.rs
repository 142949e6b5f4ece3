//! `croupier-loadtest`: load for a lookup service, what it costs, and whether it kept what was promised.
//!
//! - [`profile`]: the commands that put load on a server, one file each
//! - [`load`]: requests at their times over a pool of connections
//! - [`report`]: what came of it, and the verdict
//! - [`handshakes`]: what TLS handshakes cost, one by one
//! - [`acts`]: a rehearsal's acts, each with its loads, on one page
//! - [`capacity`]: from what was measured to how many instances it takes
//! - [`compare`]: Croupier beside others
//! - [`growth`]: how cost grows, drawn
//!
//! What they share:
//! - [`target`]: whom to connect to, as whom; [`connection`]: one connection, step by step
//! - [`tally`]: answers' latencies, and failures by their reasons
//! - [`processor`]: what processes use; [`sockets`]: whether there is room for that many connections
//! - [`table`]: the prefixes of a CDN table
//!
//! Exit codes: 0 what was promised was kept, 1 it was not, 2 wrong usage or nothing could begin,
//! 3 not measured, as this program itself was late or a reload was not done.

mod acts;
mod capacity;
mod compare;
mod connection;
mod growth;
mod handshakes;
mod load;
mod processor;
mod profile;
mod report;
mod sockets;
mod table;
mod tally;
mod target;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// Load for Croupier, or for any HTTPS server that asks clients for certificates.
#[derive(Debug, Parser)]
#[command(name = "croupier-loadtest", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Steady(profile::steady::Steady),
    Spike(profile::spike::Spike),
    Storm(profile::storm::Storm),
    Reload(profile::reload::Reload),
    Soak(profile::soak::Soak),
    Saturate(profile::saturate::Saturate),
    Handshakes(handshakes::Handshakes),
    Capacity(capacity::Capacity),
    Acts(acts::Acts),
    Compare(compare::Compare),
    Plots(growth::Plots),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one line.
    Json,
}

/// How a command ended: its exit code, or why it could not begin or go on.
type Outcome = Result<ExitCode, String>;

/// Wrong usage, or nothing could begin: nothing is said of the server.
const NOT_BEGUN: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Steady(command) => command.run(),
        Command::Spike(command) => command.run(),
        Command::Storm(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::Soak(command) => command.run(),
        Command::Saturate(command) => command.run(),
        Command::Handshakes(command) => command.run(),
        Command::Capacity(command) => command.run(),
        Command::Acts(command) => command.run(),
        Command::Compare(command) => command.run(),
        Command::Plots(command) => command.run(),
    };
    outcome.unwrap_or_else(|error| {
        // Nobody may be reading.
        _ = writeln!(io::stderr(), "croupier-loadtest: {error}");
        ExitCode::from(NOT_BEGUN)
    })
}

/// Prints a command's result.
fn report_as(report: &(impl Display + Serialize), format: Format, code: ExitCode) -> Outcome {
    let shown = match format {
        Format::Text => report.to_string(),
        Format::Json => serde_json::to_string(report).map_err(|error| error.to_string())?,
    };
    writeln!(io::stdout(), "{shown}").map_err(|error| error.to_string())?;
    Ok(code)
}

/// Reads an option's seconds, whole or with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
