//! `croupier-loadtest compare summary`: what came of all runs, as a table in Markdown or as JSON.

use std::fmt::{self, Display};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::rows::{FIGURES, Figure, Unit};
use crate::{Format, Outcome, report_as};

/// As files and people call them.
const SERVERS: [(&str, &str); 4] =
    [("croupier", "Croupier"), ("nginx", "nginx"), ("haproxy", "HAProxy"), ("echo", "bare TLS")];

/// A saturated server works for more of the time than this.
const SATURATED: f64 = 0.9;

/// Make a table of a comparison's runs.
///
/// The directory has a report for each run, as MEASURE-SERVER-ROUND.json, and about.txt: what was
/// measured with what, in lines that are printed as they are.
#[derive(Debug, Args)]
pub struct Summary {
    #[arg(value_name = "DIRECTORY")]
    runs: PathBuf,
    /// Text is Markdown; JSON has every sample.
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    about: Vec<String>,
    rounds: usize,
    figures: Vec<Row>,
    /// What makes runs doubtful.
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    measure: &'static str,
    name: &'static str,
    unit: &'static str,
    #[serde(skip)]
    shown_as: Unit,
    /// In the order of [`SERVERS`].
    servers: Vec<Option<Cell>>,
    /// Croupier's median by each of the others'.
    ratios: Vec<Option<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cell {
    server: &'static str,
    median: f64,
    least: f64,
    most: f64,
    samples: Vec<f64>,
}

impl Summary {
    pub fn run(self) -> Outcome {
        report_as(&Report::read(&self.runs)?, self.format, ExitCode::SUCCESS)
    }
}

impl Report {
    fn read(runs: &Path) -> Result<Self, String> {
        let about = fs::read_to_string(runs.join("about.txt")).unwrap_or_default();
        let mut figures = Vec::new();
        let mut remarks = Vec::new();
        let mut last = "";
        for figure in &FIGURES {
            let mut servers = Vec::new();
            for (server, name) in SERVERS {
                let reports = reports(runs, figure.measure, server)?;
                if last != figure.measure {
                    remarks.extend(remarks_of(figure.measure, name, &reports));
                }
                servers.push(Cell::new(server, reports.iter().filter_map(|report| figure.sample(report)).collect()));
            }
            last = figure.measure;
            if servers.iter().any(Option::is_some) {
                figures.push(Row::new(figure, servers));
            }
        }
        if figures.is_empty() {
            return Err(format!("{}: no run's report in it", runs.display()));
        }
        let cells = figures.iter().flat_map(|row| row.servers.iter().flatten());
        let rounds = cells.map(|cell| cell.samples.len()).max().unwrap_or_default();
        Ok(Self { about: about.lines().map(str::to_owned).collect(), rounds, figures, remarks })
    }
}

/// Of one round after the other.
fn reports(runs: &Path, measure: &str, server: &str) -> Result<Vec<Value>, String> {
    let mut reports = Vec::new();
    for round in 1.. {
        let path = runs.join(format!("{measure}-{server}-{round}.json"));
        match fs::read(&path) {
            Ok(bytes) => {
                reports.push(serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(format!("{}: {error}", path.display())),
        }
    }
    Ok(reports)
}

/// A reload may fail requests: that is what it measures.
fn remarks_of(measure: &str, server: &str, reports: &[Value]) -> Vec<String> {
    let mut remarks = Vec::new();
    for (round, report) in (1..).zip(reports) {
        let run = format!("{server}, {measure}, round {round}");
        if report.pointer("/verdict/outcome").is_some_and(|outcome| outcome == "not_measured") {
            let reason = report.pointer("/verdict/reasons/0").and_then(Value::as_str).unwrap_or("not measured");
            remarks.push(format!("{run}: {reason}"));
        }
        let failed = report.pointer("/requests/failed").and_then(Value::as_u64).unwrap_or_default();
        if failed > 0 && measure != "reload" {
            remarks.push(format!("{run}: {failed} requests failed"));
        }
        let failed = report.pointer("/failures").and_then(Value::as_u64).unwrap_or_default();
        if failed > 0 {
            remarks.push(format!("{run}: {failed} handshakes failed"));
        }
        let cores = report.pointer("/server/cores").and_then(Value::as_f64).unwrap_or(1.0);
        if cores < SATURATED && matches!(measure, "h1" | "h2") {
            remarks.push(format!("{run}: the server was busy for {:.0} % of the time: not saturated", cores * 100.0));
        }
    }
    remarks
}

impl Figure {
    fn sample(&self, report: &Value) -> Option<f64> {
        match report.pointer(self.pointer)? {
            Value::Array(several) => median(several.iter().filter_map(Value::as_f64).collect()),
            one => one.as_f64(),
        }
    }
}

impl Row {
    fn new(figure: &Figure, servers: Vec<Option<Cell>>) -> Self {
        let own = servers[0].as_ref().map(|cell| cell.median);
        let ratio = |other: &Option<Cell>| {
            let other = other.as_ref()?.median;
            Some(own? / other).filter(|ratio| figure.unit.has_ratio() && ratio.is_finite())
        };
        let ratios = servers[1..].iter().map(ratio).collect();
        let Figure { measure, name, unit, .. } = *figure;
        Self { measure, name, unit: unit.name(), shown_as: unit, servers, ratios }
    }

    fn shown_name(&self) -> String {
        if self.unit.is_empty() { self.name.to_owned() } else { format!("{} ({})", self.name, self.unit) }
    }
}

impl Cell {
    fn new(server: &'static str, samples: Vec<f64>) -> Option<Self> {
        let least = samples.iter().copied().reduce(f64::min)?;
        let most = samples.iter().copied().reduce(f64::max)?;
        Some(Self { server, median: median(samples.clone())?, least, most, samples })
    }
}

/// The middle one, or the mean of the middle two.
fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_unstable_by(f64::total_cmp);
    let after = *samples.get(samples.len() / 2)?;
    let before = *samples.get((samples.len() - 1) / 2)?;
    Some(f64::midpoint(before, after))
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.about {
            writeln!(formatter, "{line}")?;
        }
        self.medians(formatter)?;
        if self.rounds > 1 {
            self.ranges(formatter)?;
        }
        if !self.remarks.is_empty() {
            write!(formatter, "\nTo be doubted:\n")?;
        }
        for remark in &self.remarks {
            write!(formatter, "\n- {remark}")?;
        }
        Ok(())
    }
}

impl Report {
    fn medians(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = match self.rounds {
            1 => "one round".to_owned(),
            rounds => format!("medians of {rounds} rounds"),
        };
        let names = SERVERS.map(|(_, name)| name.to_owned()).into_iter();
        let others = SERVERS[1..].iter().map(|(_, name)| format!("to {name}"));
        head(formatter, rounds, names.chain(others))?;
        for row in &self.figures {
            let shown = |cell: &Option<Cell>| cell.as_ref().map(|cell| row.shown_as.shown(cell.median));
            let medians = row.servers.iter().map(shown);
            let ratios = row.ratios.iter().map(|ratio| ratio.map(|ratio| format!("{ratio:.2}")));
            line(formatter, row.shown_name(), medians.chain(ratios).map(Option::unwrap_or_default))?;
        }
        Ok(())
    }

    fn ranges(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        head(formatter, "least to most".to_owned(), SERVERS.map(|(_, name)| name.to_owned()))?;
        for row in &self.figures {
            let shown = |figure| row.shown_as.shown(figure);
            let range = |cell: &Cell| format!("{} to {}", shown(cell.least), shown(cell.most));
            line(
                formatter,
                row.shown_name(),
                row.servers.iter().map(|cell| cell.as_ref().map(range).unwrap_or_default()),
            )?;
        }
        Ok(())
    }
}

/// The first line of a table, and what separates it from the others.
fn head(formatter: &mut fmt::Formatter<'_>, first: String, others: impl IntoIterator<Item = String>) -> fmt::Result {
    let others: Vec<_> = others.into_iter().collect();
    let columns = others.len();
    writeln!(formatter)?;
    line(formatter, first, others)?;
    writeln!(formatter, "|---|{}", "--:|".repeat(columns))
}

fn line(formatter: &mut fmt::Formatter<'_>, first: String, others: impl IntoIterator<Item = String>) -> fmt::Result {
    let cells: Vec<_> = std::iter::once(first).chain(others).collect();
    writeln!(formatter, "| {} |", cells.join(" | "))
}
