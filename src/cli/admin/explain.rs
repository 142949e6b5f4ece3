//! `croupier explain`: why the running service gives an address what it gives it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::access::Access;
use super::ended;
use super::failure::Failure;
use crate::cli::explained::Explained;
use crate::cli::{BAD, Format, Outcome, say};
use crate::table::client_address;
use crate::table::footprint::shorten;

/// Ask the running service why addresses get their CDNs: as `lookup --explain` does of a table file.
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    access: Access,
    /// JSON is what the service answers, one line an address.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// IPv4 or IPv6 addresses.
    #[arg(required = true, value_name = "IP")]
    addresses: Vec<String>,
}

impl Explain {
    pub fn run(self) -> Outcome {
        ended(self.ask())
    }

    fn ask(&self) -> Result<ExitCode, Failure> {
        let client = self.access.client()?;
        let mut out = io::stdout().lock();
        let mut all_good = true;
        for written in &self.addresses {
            let Some(address) = client_address(written) else {
                all_good = false;
                say(format_args!("croupier: `{}` is not an IPv4 or IPv6 address", shorten(written)));
                continue;
            };
            let answer = client.get(&format!("/explain?ip={address}"))?;
            let explained: Explained = client.read(&answer)?;
            match self.format {
                Format::Json => writeln!(out, "{}", answer.text)?,
                Format::Text => explained.write(&mut out)?,
            }
        }
        Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }
}
