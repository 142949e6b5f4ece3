//! The first table of a process: the source's, or the last good one.

use super::judge::{Judged, judge};
use super::load::gather_from;
use super::state::{Kept, KeptFile, State};
use super::table::{Settings, gather_and_keep, newest_whole};
use crate::file::Watched;
use crate::outcome::{Candidate, Outcome, Verdict};
use crate::table::{Problems, Table};
use crate::worker;

pub struct First {
    pub table: Table,
    /// Where it came from.
    pub source: String,
    /// What to look at for changes.
    pub watched: Vec<Watched>,
    /// What came of the source's: refused, if this is another.
    pub outcome: Outcome,
}

/// The first table that a process publishes.
const FIRST: u64 = 1;

/// Loads it. None, with errors in `problems`, if the source is bad and no good table is kept.
pub fn first(settings: &Settings, state: Option<&mut State>, problems: &mut Vec<Problems>) -> Option<First> {
    if let Some(held) = state.as_deref().and_then(|state| held(settings, state)) {
        return Some(held);
    }
    let source = settings.source();
    let gathered = gather_and_keep(&source, settings.guards.max_input, state.as_deref());
    let (mut watched, files, candidate) =
        (gathered.watched.clone(), gathered.files.clone(), gathered.candidate(&source));
    watched.extend(settings.guards.traffic.clone().map(Watched::now));
    // What was in service before is what the guards compare with.
    let newest = state.as_deref().and_then(|state| state.newest_first().next());
    let is_same = newest.is_some_and(|newest| newest.digest == gathered.digest());
    let before = state.as_deref().filter(|_| !is_same).and_then(|state| last_good(state, settings));
    let Judged { table, diff, problems: own } =
        judge(gathered, before.as_ref().map(|(table, _)| table), settings, false);
    let refused = match table {
        Ok(table) => {
            let outcome = Outcome { candidate, diff, ..Outcome::new(Verdict::Published, FIRST, own.shown()) };
            problems.push(own);
            keep(state, &outcome.candidate, files);
            return Some(First { table, source: settings.source.clone(), watched, outcome });
        }
        Err(refused) => refused,
    };
    let Some((table, source)) = before.or_else(|| last_good(state?, settings)) else {
        problems.push(own);
        return None;
    };
    let shown = own.shown();
    worker::log(&shown);
    tracing::error!(version = table.version, "the source is refused: serving the last good table");
    let retry_after = refused.retry_after();
    let outcome = Outcome { candidate, diff, retry_after, ..Outcome::new(Verdict::Refused, FIRST, shown) };
    Some(First { table, source, watched, outcome })
}

/// The table that a rollback holds.
fn held(settings: &Settings, state: &State) -> Option<First> {
    let (table, source) = Some(state).filter(|state| state.is_held()).and_then(|state| last_good(state, settings))?;
    let watched = gather_from(&settings.source(), settings.guards.max_input, |_, _| {}).watched;
    tracing::warn!(
        version = table.version,
        "serving the table that a rollback holds; POST /reload or SIGHUP ends that"
    );
    let candidate = Candidate {
        source: Some(source.clone()),
        version: Some(table.version.clone()),
        digest: Some(table.digest.clone()),
    };
    let outcome = Outcome { candidate, ..Outcome::new(Verdict::Held, FIRST, Vec::new()) };
    Some(First { table, source, watched, outcome })
}

/// The newest kept table that is still whole, and where it came from.
fn last_good(state: &State, settings: &Settings) -> Option<(Table, String)> {
    let (table, _, kept) = newest_whole(state, state.newest_first(), settings.guards.max_input).ok()?;
    Some((table, kept.copy()))
}

fn keep(state: Option<&mut State>, candidate: &Candidate, files: Vec<KeptFile>) {
    if let Some(state) = state
        && let Err(error) = state.published(Kept::new(candidate, files))
    {
        tracing::error!(%error, "the table is served but could not be kept");
    }
}
