//! `croupier certs dev`: a development CA.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use time::OffsetDateTime;

use crate::cli::Outcome;
use crate::trust::development::{FILES, make};

/// Make a development CA: a root, two issuing CAs with their revocation lists, a server, clients,
/// and some that must be refused. Nothing that exists is overwritten.
#[derive(Debug, Args)]
pub struct Dev {
    /// Where to.
    #[arg(long, default_value = "certs/dev", value_name = "DIR")]
    directory: PathBuf,
}

impl Dev {
    pub fn run(self) -> Outcome {
        let made = make(&self.directory, OffsetDateTime::now_utc())?;
        let mut out = io::stdout().lock();
        let directory = self.directory.display();
        if !made {
            writeln!(out, "{directory} has them all already; nothing was made")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "made in {directory}, each certificate with its private key beside it (.key):")?;
        for (name, what) in FILES.iter().filter(|(_, what)| !what.is_empty()) {
            writeln!(out, "  {name:<14} {what}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
