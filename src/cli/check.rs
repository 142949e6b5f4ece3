//! `croupier check`: everything that `serve` would load, checked; nothing is served.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::{BAD, Format, Outcome, problems, serve};
use crate::app;
use crate::config::{Config, Guards};
use crate::reload::load::gather;
use crate::table::problem::Shown;
use crate::table::{Counts, Problems, Table};

/// Check configuration, table and trust; tell every problem with file, line and column.
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration file.
    #[arg(long, default_value = "croupier.toml", value_name = "FILE")]
    config: PathBuf,
    /// Check this table alone.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "print_config"])]
    table: Option<PathBuf>,
    /// Show the configuration in effect: file, environment and defaults together.
    #[arg(long)]
    print_config: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    problems: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Good>,
}

/// A good table.
#[derive(Serialize)]
struct Good {
    version: String,
    digest: String,
    #[serde(flatten)]
    counts: Counts,
}

impl Good {
    fn new(table: &Table) -> Self {
        Self { version: table.version.clone(), digest: table.digest.clone(), counts: Counts::of(table) }
    }
}

impl Check {
    pub fn run(self) -> Outcome {
        let mut found = Vec::new();
        let table = match &self.table {
            Some(path) => table_alone(path, &mut found),
            None => {
                let config = serve::read(&self.config, &mut found);
                if let (true, Some(config), true) = (self.print_config, &config, problems::good(&found)) {
                    problems::tell(&found);
                    return print(config);
                }
                let prepared = config.and_then(|config| app::prepare(config, None, SystemTime::now(), &mut found));
                prepared.map(|prepared| Good::new(&prepared.first.table))
            }
        };
        let good = problems::good(&found);
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                let (errors, warnings) = problems::count(&found);
                let report = Report { errors, warnings, problems: problems::shown(&found), table };
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Format::Text => {
                problems::write(&mut out, &found)?;
                if let Some(Good { version, digest, counts }) = table {
                    let Counts { cdns, mixes, footprints, prefixes_ipv4, prefixes_ipv6, canaries } = counts;
                    writeln!(
                        out,
                        "table {version}: {cdns} CDNs, {mixes} mixes, {footprints} footprint values, {prefixes_ipv4} IPv4 and \
                         {prefixes_ipv6} IPv6 prefixes, {canaries} canaries pass\ndigest {digest}"
                    )?;
                }
                writeln!(out, "{}: {}", if good { "good" } else { "bad" }, problems::summary(&found))?;
            }
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }
}

fn table_alone(path: &Path, found: &mut Vec<Problems>) -> Option<Good> {
    let (table, problems) = gather(path, Guards::default().max_input).compile();
    found.push(problems);
    table.map(|table| Good::new(&table))
}

fn print(config: &Config) -> Outcome {
    let printed = toml::to_string(config).map_err(io::Error::other)?;
    io::stdout().lock().write_all(printed.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
