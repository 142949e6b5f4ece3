//! `croupier check`: everything that `serve` would load, checked; nothing is served.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::{BAD, Format, Outcome, diff, problems, serve};
use crate::app;
use crate::config::{self, Config, Guards};
use crate::reload::load::gather;
use crate::reload::overrides::{self, Found};
use crate::reload::source::{self, Asking, Seen};
use crate::table::problem::{Place, Shown};
use crate::table::{Counts, Effective, Problems, Table};

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
                let now = SystemTime::now();
                if let Some(traffic) = config.as_ref().and_then(|config| config.guards.traffic.as_ref()) {
                    diff::clients(traffic, &mut found);
                }
                let of_config = config.as_ref().map(|config| config.table.clone());
                let prepared = config.and_then(|config| app::prepare(config, None, now, &mut found));
                let table = prepared.map(|prepared| prepared.first.table);
                if let Some(of_config) = of_config {
                    found.push(check_overrides(&of_config, table.as_ref(), now));
                }
                table.as_ref().map(Good::new)
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

/// The overrides by themselves, and against the table if that is good.
fn check_overrides(config: &config::Table, table: Option<&Table>, now: SystemTime) -> Problems {
    let mut problems = Problems::new();
    let source = source::open(&config.overrides_place(), Asking::default());
    let found = overrides::read(&*source, now, &mut Seen::default(), &mut problems);
    if config.overrides.is_some() && matches!(found, Found::Nothing) {
        let place = Place::whole_file(problems.file(&source.name()));
        problems
            .warning(place, "the file does not exist: there are no overrides until it does")
            .help("correct `[table] overrides`, unless it is yet to be made");
    }
    let overrides = found.or_none(&*source);
    if let (Some(table), Some(overrides)) = (table, overrides) {
        let effective = Effective::new(table, &overrides, now);
        for warning in &effective.warnings {
            problems.repeat(warning);
        }
        for all_down in &effective.all_down {
            let place = Place::whole_file(problems.file(overrides.name()));
            problems.warning(place, all_down.to_string());
        }
    }
    problems
}

fn print(config: &Config) -> Outcome {
    let printed = toml::to_string(config).map_err(io::Error::other)?;
    io::stdout().lock().write_all(printed.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
