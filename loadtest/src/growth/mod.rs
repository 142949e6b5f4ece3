//! `croupier-loadtest plots`: how cost grows, drawn from what was measured.
//!
//! The figures come from `loadtest/growth`, one JSON object a line: what was measured (`of`), across how many
//! prefixes or connections, and the value. [`drawing`] makes an SVG file of each plot.

mod drawing;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use self::drawing::{Line, Plot};
use crate::Outcome;
use crate::report::page::axis::Axis;

/// Draw how cost grows with prefixes and with connections, from what `loadtest/growth` has measured.
#[derive(Debug, Args)]
pub struct Plots {
    /// What was measured: lines of `{"of": …, "across": …, "value": …}`.
    #[arg(long, value_name = "FILE")]
    measured: PathBuf,
    /// The directory for the plots.
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    of: String,
    across: f64,
    value: f64,
}

/// What one plot shows, and of which measurements.
struct Shown {
    file: &'static str,
    title: &'static str,
    across: &'static str,
    unit: Unit,
    /// What was measured, and what the line is called.
    lines: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum Unit {
    Nanoseconds,
    Milliseconds,
    Kilobytes,
    /// From nought.
    Microseconds,
    /// From nought.
    Megabytes,
}

const PREFIXES: &str = "listed prefixes, five sixths IPv4 and one sixth IPv6";
const CONNECTIONS: &str = "kept connections";

const PLOTS: [Shown; 6] = [
    Shown {
        file: "lookup.svg",
        title: "A lookup, of random addresses",
        across: PREFIXES,
        unit: Unit::Nanoseconds,
        lines: &[
            ("prefix-trie-ipv4", "prefix-trie, IPv4"),
            ("prefix-trie-ipv6", "prefix-trie, IPv6"),
            ("trie-ipv4", "Croupier, IPv4"),
            ("trie-ipv6", "Croupier, IPv6"),
        ],
    },
    Shown {
        file: "decision.svg",
        title: "A decision, and the answer",
        across: PREFIXES,
        unit: Unit::Nanoseconds,
        lines: &[
            ("decide-and-render-ipv4", "decision and answer, IPv4"),
            ("decide-ipv4", "decision, IPv4"),
            ("decide-ipv6", "decision, IPv6"),
            ("render-ipv4", "answer alone, IPv4"),
        ],
    },
    Shown {
        file: "compile.svg",
        title: "Read, check and compile a table",
        across: PREFIXES,
        unit: Unit::Milliseconds,
        lines: &[("compile", "one thread")],
    },
    Shown {
        file: "memory.svg",
        title: "Memory of a compiled table",
        across: PREFIXES,
        unit: Unit::Kilobytes,
        lines: &[("memory", "resident")],
    },
    Shown {
        file: "connections-cpu.svg",
        title: "The server's processor time a request",
        across: CONNECTIONS,
        unit: Unit::Microseconds,
        lines: &[("steady", "3,000 requests a second"), ("saturated", "as many as it can, on one core")],
    },
    Shown {
        file: "connections-memory.svg",
        title: "The server's resident memory",
        across: CONNECTIONS,
        unit: Unit::Megabytes,
        lines: &[("resident", "with the table in data/")],
    },
];

impl Plots {
    pub fn run(self) -> Outcome {
        let text =
            std::fs::read_to_string(&self.measured).map_err(|error| format!("{}: {error}", self.measured.display()))?;
        let measured = read(&text).map_err(|error| format!("{}: {error}", self.measured.display()))?;
        std::fs::create_dir_all(&self.to).map_err(|error| format!("{}: {error}", self.to.display()))?;
        for shown in &PLOTS {
            let file = self.to.join(shown.file);
            match shown.plot(&measured) {
                Some(plot) => {
                    std::fs::write(&file, plot.svg()).map_err(|error| format!("{}: {error}", file.display()))?;
                }
                // Part of it may be measured alone.
                None => _ = writeln!(io::stderr(), "{}: left as it is, nothing of it was measured", file.display()),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The points of each measurement, in order.
type Series = BTreeMap<String, Vec<(f64, f64)>>;

fn read(text: &str) -> Result<Series, String> {
    let mut series = Series::new();
    for (line, number) in text.lines().zip(1..) {
        let Measured { of, across, value } =
            serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        if !(across > 0.0 && value > 0.0) {
            return Err(format!("line {number}: what was measured is more than nought"));
        }
        series.entry(of).or_default().push((across, value));
    }
    for points in series.values_mut() {
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    Ok(series)
}

impl Shown {
    /// None if nothing of it was measured.
    fn plot(&self, measured: &Series) -> Option<Plot> {
        let lines: Vec<_> = self
            .lines
            .iter()
            .filter_map(|(of, name)| Some(Line { name, points: measured.get(*of)?.clone() }))
            .collect();
        let points = || lines.iter().flat_map(|line| &line.points);
        let least = |pick: fn(&(f64, f64)) -> f64| points().map(pick).reduce(f64::min);
        let most = |pick: fn(&(f64, f64)) -> f64| points().map(pick).reduce(f64::max);
        let across = Axis::log(least(|point| point.0)?, most(|point| point.0)?);
        let up = match self.unit {
            Unit::Microseconds | Unit::Megabytes => Axis::linear(most(|point| point.1)?),
            _ => Axis::log(least(|point| point.1)?, most(|point| point.1)?),
        };
        Some(Plot { title: self.title, across, across_name: self.across, up, value: self.unit.name(), lines })
    }
}

impl Unit {
    /// How its values are named.
    fn name(self) -> fn(f64) -> String {
        match self {
            Self::Nanoseconds => |value| scaled(value, &["ns", "µs", "ms"]),
            Self::Milliseconds => |value| scaled(value, &["ms", "s"]),
            Self::Kilobytes => |value| scaled(value, &["kB", "MB", "GB"]),
            Self::Microseconds => |value| format!("{value} µs"),
            Self::Megabytes => |value| format!("{value} MB"),
        }
    }
}

/// Each unit a thousand of the one before.
fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut units = units.iter().peekable();
    while let Some(unit) = units.next() {
        if value < 1000.0 || units.peek().is_none() {
            return format!("{} {unit}", (value * 1000.0).round() / 1000.0);
        }
        value /= 1000.0;
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_in_units_that_people_read() {
        let name = Unit::Nanoseconds.name();
        assert_eq!([name(50.0), name(1000.0), name(2e6)], ["50 ns", "1 µs", "2 ms"]);
        assert_eq!(Unit::Milliseconds.name()(20_000.0), "20 s");
        assert_eq!(Unit::Kilobytes.name()(500.0), "500 kB");
    }

    #[test]
    fn what_was_measured_is_read_in_order_or_told_by_line() {
        let read_back = read("{\"of\":\"a\",\"across\":100,\"value\":2}\n{\"of\":\"a\",\"across\":10,\"value\":1.5}\n");
        assert_eq!(read_back.unwrap()["a"], [(10.0, 1.5), (100.0, 2.0)]);
        for (text, said) in [
            ("{\"of\":\"a\",\"across\":1}", "line 1: missing field `value`"),
            ("{\"of\":\"a\",\"across\":1,\"value\":1}\n{\"of\":\"a\",\"across\":1,\"value\":0}", "line 2: what was"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
