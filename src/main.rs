//! The `croupier` program: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

/// Gives back to the system what a replaced table or a storm of handshakes took. glibc's own keeps most of it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    croupier::cli::Cli::parse().run()
}
