//! The command line: one file a command. Offline commands run the same code as the service.
//!
//! Results go to stdout, logs and progress to stderr. Exit codes: 0 good, 1 bad input or a failed
//! check, 2 wrong usage.

mod admin;
mod by_config;
mod certs;
mod check;
mod diff;
mod drawing;
mod explained;
mod figures;
mod generate;
mod import;
mod lookup;
mod overriding;
mod problems;
mod publish;
mod schema;
mod serve;
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")");

/// Which CDN, in what order, for a client address: a lookup service over mTLS.
#[derive(Debug, Parser)]
#[command(name = "croupier", version = VERSION, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Lookup(lookup::Lookup),
    Override(overriding::Overriding),
    Diff(diff::Diff),
    Publish(publish::Publish),
    Import(import::Import),
    Schema(schema::Schema),
    Status(admin::Status),
    History(admin::History),
    Explain(admin::Explain),
    Reload(admin::Reload),
    Rollback(admin::Rollback),
    Certs(certs::Certs),
    Completions(generate::Completions),
    Man(generate::Man),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a command ended, unless it broke off on an error of input or output.
type Outcome = io::Result<ExitCode>;

/// Writes a line to stderr. Nobody may be reading, which is no reason to end.
fn say(line: std::fmt::Arguments<'_>) {
    _ = writeln!(io::stderr(), "{line}");
}

/// Bad input or a failed check.
const BAD: u8 = 1;

impl Cli {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Serve(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Lookup(command) => command.run(),
            Command::Override(command) => command.run(),
            Command::Diff(command) => command.run(),
            Command::Publish(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::History(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Reload(command) => command.run(),
            Command::Rollback(command) => command.run(),
            Command::Certs(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        };
        outcome.unwrap_or_else(|error| {
            // Who reads our output may have read enough: `croupier lookup - | head`.
            if error.kind() != io::ErrorKind::BrokenPipe {
                say(format_args!("croupier: {error}"));
            }
            ExitCode::from(BAD)
        })
    }
}
