//! `croupier rollback`: back to the table before.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::access::Access;
use super::answers::{Reloaded, Table};
use super::client::Client;
use super::ended;
use super::failure::Failure;
use super::reload::{self, refused, tell_problems};
use crate::cli::{Format, Outcome};

/// Go back to the table before the one in service, and hold it.
///
/// Changes of files then publish nothing, over restarts too, until `croupier reload`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    access: Access,
    /// JSON is what the service answers.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Deserialize)]
struct RolledBack {
    #[serde(default)]
    table: Reloaded,
    /// Why not.
    detail: Option<String>,
}

impl Rollback {
    pub fn run(self) -> Outcome {
        ended(self.ask())
    }

    fn ask(&self) -> Result<ExitCode, Failure> {
        let client = self.access.client()?;
        let before = in_service(&client)?;
        let answer = client.post("/rollback")?;
        let RolledBack { table, detail } = client.read(&answer)?;
        let mut out = io::stdout().lock();
        if self.format == Format::Json {
            writeln!(out, "{}", answer.text)?;
        }
        if answer.is_refusal {
            if self.format == Format::Text {
                tell_problems(&[&table]);
            }
            let told = self.format == Format::Text && !table.problems.is_empty();
            let detail = detail.filter(|_| !told).unwrap_or_else(|| "the table was not rolled back".to_owned());
            return Ok(refused(&detail));
        }
        if self.format == Format::Text {
            // Someone else may publish at the same time: the answer itself knows best. It is done, whether or not
            // the service can still be asked.
            let to = table.version("to").map(str::to_owned);
            let to =
                to.or_else(|| Some(in_service(&client).ok()?.version)).unwrap_or_else(|| "the one before".to_owned());
            let from = table.version("from").unwrap_or(&before.version);
            out.write_all(text(&table, from, &to).as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn in_service(client: &Client) -> Result<Table, Failure> {
    client.read(&client.get("/table")?)
}

fn text(table: &Reloaded, from: &str, to: &str) -> String {
    let generation = table.generation.map(|generation| format!(", generation {generation}")).unwrap_or_default();
    let mut text = format!(
        "rolled back from {from} to {to}{generation}\nit is held: changes of files publish nothing, over restarts too; \
         `croupier reload` releases it\n"
    );
    text += &reload::diff(table).map(|diff| format!("\n{diff}")).unwrap_or_default();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_in_service_now() {
        let table = Reloaded { generation: Some(9), ..Reloaded::default() };
        assert!(text(&table, "2", "1").starts_with("rolled back from 2 to 1, generation 9\nit is held: "));
    }
}
