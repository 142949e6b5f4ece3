//! `croupier certs crl`: what a revocation list revokes, from when to when.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::super::by_config::ByConfig;
use super::super::{BAD, Format, Outcome, say};
use super::policy;
use crate::file;
use crate::table::moment::written;
use crate::trust::crl::{self, Entry};
use crate::trust::{Settings, gather, pem};

/// Show what a revocation list revokes, and from when to when it holds; with --config or --dev also
/// whether a service would take it.
#[derive(Debug, Args)]
pub struct Crl {
    /// PEM, or DER.
    file: PathBuf,
    #[command(flatten)]
    by: ByConfig,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What is shown of a list.
#[derive(Serialize)]
struct Shown {
    issuer: String,
    number: Option<String>,
    this_update: String,
    next_update: String,
    /// Whether it has run out.
    expired: bool,
    revoked: Vec<ShownEntry>,
}

#[derive(Serialize)]
struct ShownEntry {
    serial: String,
    revoked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Crl {
    pub fn run(self) -> Outcome {
        let lists = file::read(&self.file, gather::LARGEST_LIST).and_then(|bytes| pem::revocation_lists(&bytes));
        let shown = lists.and_then(|lists| lists.iter().map(|der| Shown::of(der)).collect::<Result<Vec<_>, _>>());
        let shown = match shown {
            Ok(shown) => shown,
            Err(message) => {
                say(format_args!("{}: error: {message}", self.file.display()));
                return Ok(ExitCode::from(BAD));
            }
        };
        let mut out = BufWriter::new(io::stdout().lock());
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &shown)?;
                writeln!(out)?;
            }
            Format::Text => shown.iter().try_for_each(|list| list.write(&mut out))?,
        }
        out.flush()?;
        if !self.by.is_given() {
            return Ok(ExitCode::SUCCESS);
        }
        let is_taken = self.is_taken();
        say(format_args!("{}: {}", self.file.display(), if is_taken { TAKEN } else { NOT_TAKEN }));
        Ok(if is_taken { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }

    /// Whether it would be taken as the only file of lists. Tells why not.
    fn is_taken(&self) -> bool {
        let Some(mut config) = self.by.read() else { return false };
        config.clients.crls = vec![self.file.clone()];
        // No other CA's list is missed here.
        for allow in &mut config.clients.allow {
            allow.crl = None;
        }
        policy(&Settings::of(&config)).is_some()
    }
}

const TAKEN: &str = "would be taken, unless the service has a newer one: a CA that is configured has signed it";
const NOT_TAKEN: &str = "would not be taken";

impl Shown {
    fn of(der: &[u8]) -> Result<Self, String> {
        let list = crl::Crl::parse(der)?;
        let mut revoked = Vec::with_capacity(list.len());
        crl::Crl::entries(der, |Entry { serial, revoked_at, reason }| {
            let reason = reason.map(|reason| reason.to_string());
            revoked.push(ShownEntry { serial, revoked_at: written(revoked_at), reason });
        })?;
        Ok(Self {
            issuer: list.issuer.clone(),
            number: list.number.as_ref().map(ToString::to_string),
            this_update: written(list.this_update),
            next_update: written(list.next_update),
            expired: list.next_update < SystemTime::now(),
            revoked,
        })
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { issuer, number, this_update, next_update, expired, revoked } = self;
        let number = number.as_deref().unwrap_or("none");
        let expired = if *expired { ": it HAS RUN OUT" } else { "" };
        writeln!(out, "issuer  {issuer}")?;
        writeln!(out, "number  {number}")?;
        writeln!(out, "holds   from {this_update} to {next_update}{expired}")?;
        let plural = if revoked.len() == 1 { "" } else { "s" };
        writeln!(out, "revokes {} certificate{plural}", revoked.len())?;
        for ShownEntry { serial, revoked_at, reason } in revoked {
            let reason = reason.as_deref().unwrap_or("no reason given");
            writeln!(out, "  {serial}  {revoked_at}  {reason}")?;
        }
        Ok(())
    }
}
