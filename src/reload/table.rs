//! The table in service, as its worker reloads it, keeps it and goes back.
//!
//! The worker's thread is of idle priority: serving threads never wait for a table.

use std::path::Path;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::load::{Gathered, gather_from};
use super::source::{FromState, Local};
use super::state::{Kept, KeptFile, State};
use crate::file::Watched;
use crate::snapshot::Publisher;
use crate::table::problem::Place;
use crate::table::{Problems, Table};
use crate::worker::{Outcome, Subject, Trigger};

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
            self.release();
            return Outcome::Unchanged(self.publisher.generation());
        }
        let files = gathered.files.clone();
        let (table, problems) = gathered.compile();
        match table {
            Some(table) => {
                let source = self.settings.source.clone();
                let kept = kept(&table, source.clone(), files);
                let generation = self.publisher.publish(table, source, SystemTime::now());
                self.publisher.hold(false);
                self.told(|state| state.published(kept));
                Outcome::Published(generation, problems.shown())
            }
            None => Outcome::Refused(problems.shown()),
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
        let none = "no table before the one in service is kept";
        let kept = state.before().ok_or_else(|| refusal(&self.settings.source, none))?;
        let (table, problems) = gather_from(&FromState { state, kept }, self.settings.limit, |_, _| {}).compile();
        let source = kept.source.clone();
        let warnings = problems.shown();
        let table = table.ok_or(problems)?;
        let generation = self.publisher.publish(table, source, SystemTime::now());
        self.publisher.hold(true);
        self.told(State::rolled_back);
        Ok(Outcome::Published(generation, warnings))
    }

    fn release(&mut self) {
        if self.publisher.is_held() {
            self.publisher.hold(false);
            self.told(State::release);
        }
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

/// What the state directory is to know of a table that is published.
pub fn kept(table: &Table, source: String, files: Vec<KeptFile>) -> Kept {
    Kept {
        digest: table.digest.clone(),
        version: table.version.clone(),
        source,
        published_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        files,
    }
}
