//! The first table of a process: the source's, or the last good one.

use std::path::Path;

use super::source::Local;
use super::state::State;
use super::table::{Settings, gather_and_keep, kept, newest_whole};
use crate::file::Watched;
use crate::reload::load::gather_from;
use crate::table::{Problems, Table};
use crate::worker;

pub struct First {
    pub table: Table,
    /// Where it came from.
    pub source: String,
    /// What to look at for changes.
    pub watched: Vec<Watched>,
    /// A rollback holds it.
    pub held: bool,
    /// Why it is not the source's, if it is not.
    pub refused: Option<String>,
}

/// Loads it. None, with errors in `problems`, if the source is bad and no good table is kept.
pub fn first(settings: &Settings, state: Option<&mut State>, problems: &mut Vec<Problems>) -> Option<First> {
    let source = Local::new(Path::new(&settings.source));
    if let Some(held) = state.as_deref().filter(|state| state.is_held()).and_then(|state| last_good(state, settings)) {
        let watched = gather_from(&source, settings.limit, |_, _| {}).watched;
        tracing::warn!(
            version = held.0.version,
            "serving the table that a rollback holds; POST /reload or SIGHUP ends that"
        );
        return Some(First { table: held.0, source: held.1, watched, held: true, refused: None });
    }
    let gathered = gather_and_keep(&source, settings.limit, state.as_deref());
    let (watched, files) = (gathered.watched.clone(), gathered.files.clone());
    let (table, own) = gathered.compile();
    if let Some(table) = table {
        problems.push(own);
        if let Some(state) = state
            && let Err(error) =
                state.published(kept(table.digest.clone(), table.version.clone(), settings.source.clone(), files))
        {
            tracing::error!(%error, "the table is served but could not be kept");
        }
        return Some(First { table, source: settings.source.clone(), watched, held: false, refused: None });
    }
    let Some((table, source)) = state.and_then(|state| last_good(state, settings)) else {
        problems.push(own);
        return None;
    };
    let shown = own.shown();
    worker::log(&shown);
    tracing::error!(version = table.version, "the source is bad: serving the last good table");
    let refused = worker::Outcome::Refused(shown).reason();
    Some(First { table, source, watched, held: false, refused })
}

/// The newest kept table that is still whole, and where it came from.
fn last_good(state: &State, settings: &Settings) -> Option<(Table, String)> {
    let (table, _, kept) = newest_whole(state, state.newest_first(), settings.limit).ok()?;
    Some((table, kept.source.clone()))
}
