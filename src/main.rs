//! The `croupier` program: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    croupier::cli::Cli::parse().run()
}
