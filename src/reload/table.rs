//! The table in service, as its worker reloads it, keeps it and goes back.
//!
//! The worker's thread is of idle priority: serving threads never wait for a table.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::load::{Gathered, gather_from};
use super::source::{FromState, Local};
use super::state::{Kept, KeptFile, State};
use crate::file::Watched;
use crate::moment::written;
use crate::snapshot::Publisher;
use crate::table::problem::{Place, Shown};
use crate::table::{Problems, Table};
use crate::worker::{self, Outcome, Subject, Trigger};

/// Where the table comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub source: String,
    /// Bytes that the table may have with all its files.
    pub limit: u64,
}

pub struct TableInService {
    pub publisher: Publisher,
    pub settings: Settings,
    /// Those that the table in service was made of, as they were.
    pub watched: Vec<Watched>,
    /// Where good tables are kept, if they are.
    pub state: Option<State>,
}

/// What can be asked for beside a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Back to the table before the one in service, and hold it.
    RollBack,
}

impl Subject for TableInService {
    const NAME: &'static str = "table";
    const IS_IDLE: bool = true;
    // Loading may cost seconds of a processor, and what waits is no revocation.
    const RETRY: Duration = Duration::from_mins(1);
    type Settings = Settings;
    type Command = Command;

    fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn files(&self) -> &[Watched] {
        &self.watched
    }

    fn reload(&mut self, trigger: &Trigger) -> Outcome {
        if !trigger.is_asked() && self.publisher.is_held() {
            // Seen, so that it is not seen again.
            self.watched = self.watched.iter().map(|file| Watched::now(file.path.clone())).collect();
            return Outcome::Held(self.publisher.generation());
        }
        let source = Local::new(Path::new(&self.settings.source));
        let gathered = gather_and_keep(&source, self.settings.limit, self.state.as_ref());
        self.watched.clone_from(&gathered.watched);
        if !gathered.problems.has_errors() && gathered.digest() == self.publisher.digest() {
            let source = self.settings.source.clone();
            let kept = kept(self.publisher.digest(), self.publisher.version(), source, gathered.files);
            self.publisher.hold(false);
            // Also what could not be kept when it was published.
            self.told(|state| state.published(kept));
            return Outcome::Unchanged(self.publisher.generation());
        }
        let files = gathered.files.clone();
        let (table, problems) = gathered.compile();
        match table {
            Some(table) => {
                let source = self.settings.source.clone();
                let kept = kept(table.digest.clone(), table.version.clone(), source.clone(), files);
                let generation = self.publisher.publish(table, source, SystemTime::now());
                self.publisher.hold(false);
                self.told(|state| state.published(kept));
                Outcome::Published(generation, problems.shown())
            }
            None => {
                // Of refused tables only the files of the last: it is likely to be tried again.
                if let Some(state) = &self.state {
                    state.clear(&files);
                }
                Outcome::Refused(problems.shown())
            }
        }
    }

    fn command(&mut self, command: Command) -> Outcome {
        match command {
            Command::RollBack => self.roll_back().unwrap_or_else(|problems| Outcome::Refused(problems.shown())),
        }
    }
}

impl TableInService {
    fn roll_back(&mut self) -> Result<Outcome, Problems> {
        let state = self.state.as_ref().ok_or_else(|| {
            refusal(&self.settings.source, "no tables are kept; set `[table] state` to a directory for them")
        })?;
        let in_service = self.publisher.digest();
        let before = state.before(&in_service);
        let (table, warnings, kept) = newest_whole(state, before, self.settings.limit).map_err(|damaged| {
            damaged.unwrap_or_else(|| refusal(&self.settings.source, "no table before the one in service is kept"))
        })?;
        let (digest, source) = (kept.digest.clone(), kept.source.clone());
        let generation = self.publisher.publish(table, source, SystemTime::now());
        self.publisher.hold(true);
        self.told(|state| state.rolled_back(&digest));
        Ok(Outcome::Published(generation, warnings))
    }

    /// What can't be written is told, and served all the same.
    fn told(&mut self, write: impl FnOnce(&mut State) -> std::io::Result<()>) {
        if let Some(state) = &mut self.state
            && let Err(error) = write(state)
        {
            tracing::error!(%error, "the table is served but could not be kept: a restart may begin with an older one");
        }
    }
}

fn refusal(source: &str, message: &str) -> Problems {
    let mut problems = Problems::new();
    let file = problems.file(source);
    problems.error(Place::whole_file(file), message);
    problems
}

/// Gathers a table, and keeps its files until it is known whether it is good.
pub fn gather_and_keep(source: &Local, limit: u64, state: Option<&State>) -> Gathered {
    gather_from(source, limit, |bytes, sha256| {
        if let Some(state) = state
            && let Err(error) = state.keep_file(bytes, sha256)
        {
            tracing::error!(%error, "a file of the table could not be kept");
        }
    })
}

/// The first of these that is still whole, with its warnings. Those that are not are told of in the log.
///
/// # Errors
/// What is wrong with the first, if none is whole. None, if there are none.
pub fn newest_whole<'s>(
    state: &'s State,
    tables: impl Iterator<Item = &'s Kept>,
    limit: u64,
) -> Result<(Table, Vec<Shown>, &'s Kept), Option<Problems>> {
    let mut damaged = None;
    for kept in tables {
        let (table, problems) = gather_from(&FromState { state, kept }, limit, |_, _| {}).compile();
        if let Some(table) = table {
            return Ok((table, problems.shown(), kept));
        }
        tracing::error!(version = kept.version, "a kept table can't be used");
        worker::log(&problems.shown());
        damaged.get_or_insert(problems);
    }
    Err(damaged)
}

/// What the state directory is to know of a table that is published.
pub fn kept(digest: String, version: String, source: String, files: Vec<KeptFile>) -> Kept {
    Kept { digest, version, source, published_at: written(SystemTime::now()), files }
}
