//! `croupier status`: the running service on one screen.

mod screen;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use time::OffsetDateTime;

use super::access::Access;
use super::answers;
use super::ended;
use super::failure::Failure;
use crate::cli::{BAD, Format, Outcome};

/// Show the running service: health, table, overrides, trust, and what was tried last.
///
/// Exits with 0 if health is `pass` or `warn`, and with 1 if it is `fail` or nobody answers.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    access: Access,
    /// JSON is what the service answers.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Status {
    pub fn run(self) -> Outcome {
        ended(self.ask())
    }

    fn ask(&self) -> Result<ExitCode, Failure> {
        let client = self.access.client()?;
        let answer = client.get("/status")?;
        let status: answers::Status = client.read(&answer)?;
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{}", answer.text)?,
            Format::Text => out.write_all(screen::of(&status, OffsetDateTime::now_utc()).as_bytes())?,
        }
        let serves = ["pass", "warn"].contains(&status.health.status.as_str());
        Ok(if serves { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }
}
