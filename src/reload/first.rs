//! The first table of a process: the source's, or the last good one.

use super::judge::{Judged, judge};
use super::load::gather_from;
use super::source::Seen;
use super::state::{Kept, KeptFile, State};
use super::table::{Settings, newest_whole};
use crate::interrupt::Interrupt;
use crate::outcome::{Candidate, Outcome, Verdict};
use crate::table::{Problems, Table};
use crate::worker;

pub struct First {
    pub table: Table,
    /// Where it came from.
    pub source: String,
    /// What to wait for changes of.
    pub seen: Seen,
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
    let has_another = state.as_deref().is_some_and(|state| state.newest_first().next().is_some());
    let patience = if has_another { settings.hurried() } else { settings.clone() };
    let source = patience.open(Interrupt::default());
    let gathered = gather_from(&*source, settings.guards.max_input, state.as_deref());
    let (seen, files) = (gathered.seen_with(&settings.guards), gathered.files.clone());
    let candidate = gathered.candidate(&settings.source);
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
            return Some(First { table, source: settings.source.clone(), seen, outcome });
        }
        Err(refused) => refused,
    };
    let retry_after = refused.retry_after(&*source);
    let Some((table, source)) = before.or_else(|| last_good(state?, settings)) else {
        problems.push(own);
        return None;
    };
    let shown = own.shown();
    worker::log(&shown);
    tracing::error!(version = table.version, "the source is refused: serving the last good table");
    let outcome = Outcome { candidate, diff, retry_after, ..Outcome::new(Verdict::Refused, FIRST, shown) };
    Some(First { table, source, seen, outcome })
}

/// The table that a rollback holds.
fn held(settings: &Settings, state: &State) -> Option<First> {
    let (table, copy) = Some(state).filter(|state| state.is_held()).and_then(|state| last_good(state, settings))?;
    // What changes in files meanwhile is told of; a store is not even asked.
    let source = settings.open(Interrupt::default());
    let seen = if source.is_remote() {
        Seen::default()
    } else {
        gather_from(&*source, settings.guards.max_input, None).seen_with(&settings.guards)
    };
    tracing::warn!(
        version = table.version,
        "serving the table that a rollback holds; POST /reload or SIGHUP ends that"
    );
    let candidate = Candidate {
        source: Some(copy.clone()),
        version: Some(table.version.clone()),
        digest: Some(table.digest.clone()),
    };
    let outcome = Outcome { candidate, ..Outcome::new(Verdict::Held, FIRST, Vec::new()) };
    Some(First { table, source: copy, seen, outcome })
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
