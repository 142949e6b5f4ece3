//! `croupier-loadtest`: what TLS handshakes cost a server, and how it bears many at once.
//!
//! One file a command. What they share, in reading order:
//! - [`target`]: whom to connect to, as whom, and what to ask
//! - [`connection`]: one connection, step by step
//! - [`tally`]: answers' latencies, and failures by their reasons
//! - [`processor`]: the processor time that processes have used
//! - [`sockets`]: whether the system has room for that many connections
//!
//! Exit codes: 0 good, 1 something failed, 2 wrong usage.

mod connection;
mod handshakes;
mod processor;
mod sockets;
mod storm;
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
    Handshakes(handshakes::Handshakes),
    Storm(storm::Storm),
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

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Handshakes(command) => command.run(),
        Command::Storm(command) => command.run(),
    };
    outcome.unwrap_or_else(|error| {
        // Nobody may be reading.
        _ = writeln!(io::stderr(), "croupier-loadtest: {error}");
        ExitCode::FAILURE
    })
}

/// Prints a command's result.
fn report(report: &(impl Display + Serialize), format: Format, good: bool) -> Outcome {
    let shown = match format {
        Format::Text => report.to_string(),
        Format::Json => serde_json::to_string(report).map_err(|error| error.to_string())?,
    };
    writeln!(io::stdout(), "{shown}").map_err(|error| error.to_string())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads an option's seconds, whole or with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
