//! `croupier override list`: what the file says, and what each override is worth now.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use serde::Serialize;

use super::super::{BAD, Format, Outcome, problems, say};
use super::edit::HELD;
use super::subject::Which;
use crate::reload::overrides::{self, Found};
use crate::reload::source::{self, Asking, Seen};
use crate::table::effective::{Ignored, Standing};
use crate::table::moment::written;
use crate::table::overrides::Phase;
use crate::table::{Effective, Override, Overrides, Problems, Table};

/// What `--format json` prints.
#[derive(Serialize)]
struct Listed<'l> {
    file: String,
    overrides: Vec<Line<'l>>,
    /// Mixes of which nothing is left, and what their clients get.
    all_down: Vec<String>,
}

#[derive(Serialize)]
struct Line<'l> {
    #[serde(flatten)]
    given: &'l Override,
    /// `in force`, `scheduled`, `over` or `ignored`.
    standing: &'static str,
    /// Why it is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub fn run(which: &Which, format: Format, now: SystemTime) -> Outcome {
    let Some(subject) = which.find() else { return Ok(ExitCode::from(BAD)) };
    let mut found = Problems::new();
    let source = source::open(&subject.place, Asking::default());
    let read = overrides::read(&*source, now, &mut Seen::default(), &mut found);
    if source.is_remote() && matches!(read, Found::Nothing) {
        say(format_args!("{}: there is no list; {HELD}", subject.place));
    }
    let Some(overrides) = read.or_none(&*source) else {
        problems::tell(&[found]);
        return Ok(ExitCode::from(BAD));
    };
    let effective = subject.table.as_ref().map(|table| Effective::new(table, &overrides, now));
    let lines = lines(&overrides, effective.as_ref(), subject.table.as_ref(), now);
    let all_down = effective.iter().flat_map(|effective| &effective.all_down).map(ToString::to_string).collect();
    let listed = Listed { file: subject.place.clone(), overrides: lines, all_down };
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &listed)?;
            writeln!(out)?;
        }
        Format::Text => listed.write(&mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Without a table, by time alone.
fn lines<'l>(
    overrides: &'l Overrides,
    effective: Option<&Effective>,
    table: Option<&Table>,
    now: SystemTime,
) -> Vec<Line<'l>> {
    let by_time = |given: &Override| match given.phase(now) {
        Phase::Before => Standing::Scheduled,
        Phase::During => Standing::InForce,
        Phase::Over => Standing::Ignored(Ignored::Over),
    };
    let line = |(number, given): (usize, &'l Override)| {
        let judged = effective.map(|effective| effective.overrides[number].standing.clone());
        match judged.unwrap_or_else(|| by_time(given)) {
            Standing::InForce => Line { given, standing: "in force", why: None },
            Standing::Scheduled => Line { given, standing: "scheduled", why: None },
            Standing::Ignored(Ignored::Over) => Line { given, standing: "over", why: None },
            Standing::Ignored(unknown) => {
                let help = table.map(|table| unknown.help(table)).unwrap_or_default();
                Line { given, standing: "ignored", why: Some(format!("{unknown}; {help}")) }
            }
        }
    };
    overrides.list().iter().enumerate().map(line).collect()
}

impl Listed<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.overrides.is_empty() {
            return writeln!(out, "no overrides in {}", self.file);
        }
        let rows: Vec<[String; 4]> = self.overrides.iter().map(Line::row).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let (first, second, third) = (width(0), width(1), width(2));
        for [standing, change, period, note] in &rows {
            let row = format!("{standing:first$}  {change:second$}  {period:third$}  {note}");
            writeln!(out, "{}", row.trim_end())?;
        }
        self.all_down.iter().try_for_each(|all_down| writeln!(out, "{all_down}"))
    }
}

impl Line<'_> {
    fn row(&self) -> [String; 4] {
        let Override { change, reason, from, until } = self.given;
        let from = from.map(|from| format!("from {} ", written(from))).unwrap_or_default();
        let until = until.map_or_else(|| "until cleared".to_owned(), |until| format!("until {}", written(until)));
        let reason = reason.as_ref().map(|reason| format!("({reason})"));
        let notes: Vec<String> = reason.into_iter().chain(self.why.clone()).collect();
        [self.standing.to_owned(), change.to_string(), from + &until, notes.join(" ")]
    }
}
