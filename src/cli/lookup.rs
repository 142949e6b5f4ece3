//! `croupier lookup`: the service's answers, without a service.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::explained::{Explained, write_answer};
use super::{BAD, Format, Outcome, problems, say};
use crate::config::{Guards, overrides_beside};
use crate::reload::load::gather;
use crate::reload::overrides;
use crate::reload::source::{self, Asking};
use crate::table::answer::Renderer;
use crate::table::footprint::shorten;
use crate::table::problem::Place;
use crate::table::{Decision, Effective, Overrides, Problems, Table, client_address, explain};

/// A service that had just started with the table would be at its first.
const GENERATION: u64 = 1;

/// Look addresses up in a table file, by the same code as the service.
#[derive(Debug, Args)]
pub struct Lookup {
    /// The table.
    #[arg(long, default_value = "data/cdn-table.json", value_name = "FILE")]
    table: PathBuf,
    /// What ops have switched [default: overrides.json beside the table, if it is there].
    #[arg(long, value_name = "FILE")]
    overrides: Option<PathBuf>,
    /// Answer as if nothing were switched.
    #[arg(long, conflicts_with = "overrides")]
    no_overrides: bool,
    /// JSON is what the service answers, one line an address.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also say why: what matched and what won, and what each CDN drew. JSON is what the admin listener
    /// answers to `/explain`.
    #[arg(long)]
    explain: bool,
    /// IPv4 or IPv6 addresses; `-` reads them from standard input, one a line.
    #[arg(required = true, value_name = "IP")]
    addresses: Vec<String>,
}

impl Lookup {
    pub fn run(self) -> Outcome {
        let now = SystemTime::now();
        let (table, of_table) = gather(&self.table, Guards::default().max_input).compile();
        let mut of_overrides = Problems::new();
        let overrides = self.read_overrides(now, &mut of_overrides);
        let effective = table.as_ref().zip(overrides).map(|(table, overrides)| Effective::new(table, &overrides, now));
        for warning in effective.iter().flat_map(|effective| &effective.warnings) {
            of_overrides.repeat(warning);
        }
        let found = [of_table, of_overrides];
        problems::tell(&found);
        let (Some(table), Some(effective)) = (table, effective) else {
            say(format_args!("croupier: nothing is answered: {}", problems::summary(&found)));
            return Ok(ExitCode::from(BAD));
        };
        let renderer = Renderer::new(&table, GENERATION);
        let mut answers = Answers {
            table: &table,
            effective: &effective,
            now,
            renderer,
            format: self.format,
            explain: self.explain,
            out: BufWriter::new(io::stdout().lock()),
            all_good: true,
        };
        for address in &self.addresses {
            if address == "-" {
                for (line, number) in io::stdin().lock().split(b'\n').zip(1..) {
                    let line = String::from_utf8_lossy(&line?).into_owned();
                    answers.answer(line.trim_end_matches('\r'), &format!("standard input:{number}: "))?;
                }
            } else {
                answers.answer(address, "")?;
            }
        }
        answers.out.flush()?;
        Ok(if answers.all_good { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }

    /// As the service would find them, unless told otherwise.
    fn read_overrides(&self, now: SystemTime, problems: &mut Problems) -> Option<Overrides> {
        let mut read = |place: &str| overrides::read_once(&*source::open(place, Asking::default()), now, problems);
        match &self.overrides {
            _ if self.no_overrides => Some(Overrides::default()),
            None => read(&overrides_beside(&self.table.to_string_lossy())),
            Some(file) if !file.exists() => {
                let place = Place::whole_file(problems.file(&file.to_string_lossy()));
                problems.error(place, "the file does not exist");
                None
            }
            Some(file) => read(&file.to_string_lossy()),
        }
    }
}

struct Answers<'t, W> {
    table: &'t Table,
    effective: &'t Effective,
    now: SystemTime,
    renderer: Renderer,
    format: Format,
    explain: bool,
    out: W,
    all_good: bool,
}

impl<W: Write> Answers<'_, W> {
    /// Answers a good address; tells of a bad one and where it stood.
    fn answer(&mut self, written: &str, place: &str) -> io::Result<()> {
        let Some(address) = client_address(written) else {
            self.all_good = false;
            say(format_args!("croupier: {place}`{}` is not an IPv4 or IPv6 address", shorten(written)));
            return Ok(());
        };
        let Self { table, effective, now, .. } = *self;
        let decision = effective.decide(table, address);
        let explained = || explain(table, effective, address, GENERATION, now);
        match self.format {
            Format::Json if self.explain => {
                let explanation = serde_json::to_string(&explained())?;
                writeln!(self.out, "{explanation}")
            }
            Format::Json => {
                self.out.write_all(&self.renderer.json(&decision, effective.ttl(table.ttl, now)))?;
                writeln!(self.out)
            }
            Format::Text if self.explain => Explained::of(&explained())?.write(&mut self.out),
            Format::Text => self.text(&decision),
        }
    }

    fn text(&mut self, decision: &Decision<'_>) -> io::Result<()> {
        let Decision { address, scope, footprint, mix, cdns } = decision;
        let names: Vec<&str> = cdns.iter().map(|cdn| self.table.cdns[usize::from(*cdn)].name.as_str()).collect();
        write_answer(&mut self.out, address, &names, &mix.name, footprint, scope)
    }
}
