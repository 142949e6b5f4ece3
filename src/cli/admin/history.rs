//! `croupier history`: what was tried at the running service, and what came of it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::value::RawValue;

use super::access::Access;
use super::answers::Attempt;
use super::ended;
use super::failure::Failure;
use super::rows;
use crate::cli::{Format, Outcome};

/// Show what the running service loaded or refused to, the newest first.
#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    access: Access,
    /// Of so many attempts, up to 1000 [default: 100].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Also those that found nothing changed.
    #[arg(long)]
    all: bool,
    /// JSON is what the service answers, one line an attempt.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl History {
    pub fn run(self) -> Outcome {
        ended(self.ask())
    }

    fn ask(&self) -> Result<ExitCode, Failure> {
        let client = self.access.client()?;
        let answer =
            client.get(&self.limit.map_or("/history".to_owned(), |limit| format!("/history?limit={limit}")))?;
        let lines = match self.format {
            Format::Json => {
                let attempts: Vec<Box<RawValue>> = client.read(&answer)?;
                attempts.iter().map(|attempt| attempt.get().to_owned()).collect()
            }
            Format::Text => {
                let mut attempts: Vec<Attempt> = client.read(&answer)?;
                attempts.retain(|attempt| self.all || attempt.result != "unchanged");
                lines(&attempts)
            }
        };
        let mut out = io::stdout().lock();
        lines.iter().take(self.limit.unwrap_or(usize::MAX)).try_for_each(|line| writeln!(out, "{line}"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn lines(attempts: &[Attempt]) -> Vec<String> {
    let row = |attempt: &Attempt| rows::of_attempt(rows::to_the_second(&attempt.at), attempt);
    rows::aligned(&attempts.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_an_attempt() {
        let attempts: Vec<Attempt> = serde_json::from_str(include_str!("samples/history.json")).unwrap();
        insta::assert_snapshot!(lines(&attempts).join("\n"));
    }

    #[test]
    fn nothing_is_no_line() {
        assert!(lines(&[]).is_empty());
    }
}
