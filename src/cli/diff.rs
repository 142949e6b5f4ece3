//! `croupier diff`: what a table would change against another, and for how many.

pub mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{BAD, Format, Outcome, problems, say};
use crate::config::Guards;
use crate::file;
use crate::reload::load::gather;
use crate::table::problem::Place;
use crate::table::traffic::{self, Clients, Traffic};
use crate::table::{Diff as Difference, Problems, Table};

/// Show who gets another first CDN when one table takes another's place.
#[derive(Debug, Args)]
pub struct Diff {
    /// The table in service.
    old: PathBuf,
    /// The table that would take its place.
    new: PathBuf,
    /// Weigh by viewers too: `prefix,clients` lines of both address families, `#` comments.
    #[arg(long, value_name = "FILE")]
    traffic: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Diff {
    pub fn run(self) -> Outcome {
        let mut found = Vec::new();
        let old = table(&self.old, &mut found);
        let new = table(&self.new, &mut found);
        let clients = self.traffic.as_deref().map(|path| clients(path, &mut found));
        problems::tell(&found);
        let (Some(old), Some(new), true) = (old, new, problems::good(&found)) else {
            say(format_args!("croupier: nothing compared: {}", problems::summary(&found)));
            return Ok(ExitCode::from(BAD));
        };
        let mut diff = Difference::between(&old, &new);
        diff.traffic = clients.map(|clients| Traffic::between(&old, &new, &clients));
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &diff)?;
                writeln!(out)?;
            }
            Format::Text => out.write_all(text::of(&diff).as_bytes())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(path: &Path, found: &mut Vec<Problems>) -> Option<Table> {
    let (table, problems) = gather(path, Guards::default().max_input).compile();
    found.push(problems);
    table
}

/// How many viewers each prefix has, by such a file.
pub fn clients(path: &Path, found: &mut Vec<Problems>) -> Vec<Clients> {
    let mut problems = Problems::new();
    let name = path.to_string_lossy();
    let clients = match file::read(path, Guards::default().max_input) {
        Ok(bytes) => traffic::read(&name, &bytes, &mut problems),
        Err(message) => {
            let file = problems.file(&name);
            problems.error(Place::whole_file(file), message);
            Vec::new()
        }
    };
    found.push(problems);
    clients
}
