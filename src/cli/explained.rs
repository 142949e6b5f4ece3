//! An explanation as text that people read, from the JSON that programs read: the same whether this process
//! made it or a running service did.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Deserialize;

use crate::table::{Explanation, Override};

/// An [`Explanation`], read back.
#[derive(Deserialize)]
pub struct Explained {
    ip: String,
    scope: String,
    footprint: String,
    mix: String,
    cdns: Vec<Choice>,
    ttl: u32,
    version: String,
    digest: String,
    scope_reason: String,
    subnet: String,
    matches: Vec<Match>,
    unmatched: Vec<String>,
    overrides: Vec<InForce>,
    mix_reason: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    name: String,
    place: usize,
    weight: u16,
    #[serde(flatten)]
    drawn: Option<Drawn>,
}

#[derive(Deserialize)]
struct Drawn {
    name_hash: String,
    hash: String,
    score: String,
}

#[derive(Deserialize)]
struct Match {
    footprint: String,
    mix: String,
    won: bool,
    reason: String,
}

#[derive(Deserialize)]
struct InForce {
    #[serde(flatten)]
    given: Override,
    effect: String,
}

impl Explained {
    pub fn of(explanation: &Explanation<'_>) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::to_value(explanation)?)
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { ip, scope, footprint, mix, scope_reason, subnet, ttl, version, digest, .. } = self;
        let names: Vec<&str> = self.cdns.iter().map(|cdn| cdn.name.as_str()).collect();
        write_answer(out, ip, &names, mix, footprint, scope)?;
        writeln!(out, "\n  What matches:")?;
        self.write_matches(out)?;
        for none in &self.unmatched {
            writeln!(out, "    {none}")?;
        }
        if !self.overrides.is_empty() {
            writeln!(out, "\n  Overrides in force, and what they do to this answer:")?;
            for InForce { given, effect } in &self.overrides {
                writeln!(out, "    {given}: {effect}")?;
            }
        }
        if let Some(reason) = &self.mix_reason {
            writeln!(out, "\n  Mix {mix}: {reason}")?;
        }
        writeln!(out, "\n  The order for subnet {subnet}, the lowest score first:")?;
        self.write_choices(out)?;
        writeln!(out, "\n  Scope {scope}: {scope_reason}")?;
        writeln!(out, "  For {ttl} s, by table {version}, {digest}\n")
    }

    fn write_matches(&self, out: &mut impl Write) -> io::Result<()> {
        let width = |of: fn(&Match) -> &str| self.matches.iter().map(|found| of(found).len()).max().unwrap_or_default();
        let (footprint_width, mix_width) = (width(|found| &found.footprint), width(|found| &found.mix));
        for Match { footprint, mix, won, reason } in &self.matches {
            let outcome = if *won { "won: " } else { "lost:" };
            writeln!(out, "    {footprint:footprint_width$}  {mix:mix_width$}  {outcome} {reason}")?;
        }
        Ok(())
    }

    fn write_choices(&self, out: &mut impl Write) -> io::Result<()> {
        let width = self.cdns.iter().map(|choice| choice.name.len()).chain([3]).max().unwrap_or_default();
        writeln!(out, "       {:width$}  weight  {:16}  {:16}  score", "CDN", "hash of name", "hash")?;
        for Choice { name, place, weight, drawn } in &self.cdns {
            write!(out, "    {place}  {name:width$}  {weight:6}  ")?;
            match drawn {
                Some(Drawn { name_hash, hash, score }) => writeln!(out, "{name_hash}  {hash}  {score}")?,
                None => writeln!(out, "a fallback: after all the others, by name")?,
            }
        }
        Ok(())
    }
}

/// `2.121.3.4  bidi, akamai  (mix on-net by asn:as5607, for 2.121.3.0/24)`
pub fn write_answer(
    out: &mut impl Write,
    ip: impl Display,
    cdns: &[&str],
    mix: &str,
    footprint: impl Display,
    scope: impl Display,
) -> io::Result<()> {
    writeln!(out, "{ip}  {}  (mix {mix} by {footprint}, for {scope})", cdns.join(", "))
}
