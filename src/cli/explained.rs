//! An explanation as text that people read.

use std::io::{self, Write};

use crate::table::Explanation;
use crate::table::explain::{Choice, InForce, Match};

/// What follows the line that says who and why.
pub fn write(out: &mut impl Write, explanation: &Explanation<'_>) -> io::Result<()> {
    let Explanation { mix, scope, scope_reason, subnet, ttl, version, digest, .. } = explanation;
    writeln!(out, "\n  What matches:")?;
    matches(out, &explanation.matches)?;
    for none in &explanation.unmatched {
        writeln!(out, "    {none}")?;
    }
    if !explanation.overrides.is_empty() {
        writeln!(out, "\n  Overrides in force, and what they do to this answer:")?;
        for InForce { given, effect } in &explanation.overrides {
            writeln!(out, "    {given}: {effect}")?;
        }
    }
    if let Some(reason) = explanation.mix_reason {
        writeln!(out, "\n  Mix {mix}: {reason}")?;
    }
    writeln!(out, "\n  The order for subnet {subnet}, the lowest score first:")?;
    choices(out, &explanation.cdns)?;
    writeln!(out, "\n  Scope {scope}: {scope_reason}")?;
    writeln!(out, "  For {ttl} s, by table {version}, {digest}\n")
}

fn matches(out: &mut impl Write, matches: &[Match<'_>]) -> io::Result<()> {
    let rows: Vec<_> = matches.iter().map(|found| (found.footprint.to_string(), found)).collect();
    let footprint_width = rows.iter().map(|(footprint, _)| footprint.len()).max().unwrap_or_default();
    let mix_width = matches.iter().map(|found| found.mix.len()).max().unwrap_or_default();
    for (footprint, Match { mix, won, reason, .. }) in rows {
        let outcome = if *won { "won: " } else { "lost:" };
        writeln!(out, "    {footprint:footprint_width$}  {mix:mix_width$}  {outcome} {reason}")?;
    }
    Ok(())
}

fn choices(out: &mut impl Write, choices: &[Choice<'_>]) -> io::Result<()> {
    let width = choices.iter().map(|choice| choice.name.len()).chain([3]).max().unwrap_or_default();
    writeln!(out, "       {:width$}  weight  {:16}  {:16}  score", "CDN", "hash of name", "hash")?;
    for Choice { name, place, weight, drawn, .. } in choices {
        write!(out, "    {place}  {name:width$}  {weight:6}  ")?;
        match drawn {
            Some(drawn) => writeln!(out, "{}  {}  {}", drawn.name_hash, drawn.hash, drawn.score)?,
            None => writeln!(out, "a fallback: after all the others, by name")?,
        }
    }
    Ok(())
}
