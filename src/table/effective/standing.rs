//! What each override is worth with a table at a moment: in force, still to come, or ignored.

use std::time::SystemTime;

use super::Judged;
use crate::table::lookup::Table;
use crate::table::overrides::{Change, Override, Overrides, Phase, Target};
use crate::table::problem::{Place, Severity, Shown, nearest};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    InForce,
    Scheduled,
    Ignored(Ignored),
}

/// Why an override has no effect, now or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    Over,
    /// The table has no CDN of this name.
    UnknownCdn(String),
    /// The table has no mix of this name.
    UnknownMix(String),
}

impl Judged {
    /// The next moment at which it takes or loses effect.
    pub(super) fn next_change(&self, now: SystemTime) -> Option<SystemTime> {
        let moments = match self.standing {
            Standing::Ignored(_) => [None; 2],
            Standing::InForce | Standing::Scheduled => [self.given.from, self.given.until],
        };
        moments.into_iter().flatten().filter(|moment| *moment > now).min()
    }
}

/// Judges every override, and warns of those that are ignored.
pub fn judge(table: &Table, overrides: &Overrides, now: SystemTime) -> (Vec<Judged>, Vec<Shown>) {
    let mut judged = Vec::with_capacity(overrides.list().len());
    let mut warnings = Vec::new();
    for (number, (given, target)) in overrides.placed().enumerate() {
        let standing = match ignored(table, given, now) {
            Some((ignored, weight)) => {
                let place = weight.and_then(|weight| overrides.place_of_weight(number, weight)).unwrap_or(target);
                warnings.push(warning(table, overrides, given, place, &ignored));
                Standing::Ignored(ignored)
            }
            None if given.phase(now) == Phase::Before => Standing::Scheduled,
            None => Standing::InForce,
        };
        judged.push(Judged { given: given.clone(), standing });
    }
    (judged, warnings)
}

/// Why an override is ignored, if it is; for an unknown CDN among its weights, at which of them.
fn ignored(table: &Table, given: &Override, now: SystemTime) -> Option<(Ignored, Option<usize>)> {
    if given.phase(now) == Phase::Over { Some((Ignored::Over, None)) } else { unknown(table, given) }
}

fn unknown(table: &Table, given: &Override) -> Option<(Ignored, Option<usize>)> {
    if let Some(target) = Ignored::unknown_target(table, given.target()) {
        return Some((target, None));
    }
    let Change::Weights { weights, .. } = &given.change else { return None };
    let (number, (cdn, _)) = weights.iter().enumerate().find(|(_, (cdn, _))| table.cdn(cdn).is_none())?;
    Some((Ignored::UnknownCdn(cdn.clone()), Some(number)))
}

impl Ignored {
    /// What the table does not know of an override's names.
    pub fn unknown(table: &Table, given: &Override) -> Option<Self> {
        unknown(table, given).map(|(ignored, _)| ignored)
    }

    /// The same of a target's own name.
    pub fn unknown_target(table: &Table, target: Target<'_>) -> Option<Self> {
        match target {
            Target::Cdn(name) => table.cdn(name).is_none().then(|| Self::UnknownCdn(name.to_owned())),
            Target::Mix(name) => table.mix(name).is_none().then(|| Self::UnknownMix(name.to_owned())),
        }
    }

    /// What to do about it.
    pub fn help(&self, table: &Table) -> String {
        match self {
            Self::Over => "take it out of the file".to_owned(),
            Self::UnknownCdn(name) => meant(name, table.cdns.iter().map(|cdn| cdn.name.as_str())),
            Self::UnknownMix(name) => meant(name, table.mixes.iter().map(|mix| mix.name.as_str())),
        }
    }
}

fn warning(table: &Table, overrides: &Overrides, given: &Override, place: Place, ignored: &Ignored) -> Shown {
    Shown {
        severity: Severity::Warning,
        file: overrides.name().to_owned(),
        line: place.line,
        column: place.column,
        length: place.length,
        message: format!("the override of {} is ignored: {ignored}", given.target()),
        help: Some(ignored.help(table)),
        excerpt: overrides.excerpt(place),
        also: None,
    }
}

/// What to write instead of an unknown name.
fn meant<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    const LISTED: usize = 12;
    match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let more = if known.clone().nth(LISTED).is_some() { ", …" } else { "" };
            format!("the table has {}{more}", known.take(LISTED).collect::<Vec<_>>().join(", "))
        }
    }
}
