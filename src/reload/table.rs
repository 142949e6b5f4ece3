//! The table in service, as its worker reloads it, keeps it and goes back.
//!
//! The worker's thread is of idle priority: serving threads never wait for a table.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::judge::{Judged, judge};
use super::load::{Gathered, gather_from};
use super::source::{self, Asking, FromState, Seen, Source};
use super::state::{Kept, KeptFile, State};
use crate::config::{Config, Guards};
use crate::file::Watched;
use crate::interrupt::Interrupt;
use crate::outcome::{Candidate, Outcome, Trigger, Verdict};
use crate::snapshot::Publisher;
use crate::table::moment::written;
use crate::table::problem::{Place, Shown};
use crate::table::{Diff, Problems, Table};
use crate::worker::{self, Subject};

/// Where the table comes from, and what it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub source: String,
    /// Mean time between two looks, if it is not a file.
    pub poll: Duration,
    /// For one object, if it is not a file.
    pub timeout: Duration,
    pub guards: Guards,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        let Config { table, guards, .. } = config;
        let (poll, timeout) = (table.poll.duration(), table.timeout.duration());
        Self { source: table.source.clone(), poll, timeout, guards: guards.clone() }
    }

    /// For a process that has something else to serve: it is not to wait for long.
    #[must_use]
    pub fn hurried(&self) -> Self {
        Self { timeout: self.timeout.min(HURRY), ..self.clone() }
    }

    pub fn open(&self, interrupt: Interrupt) -> Box<dyn Source> {
        source::open(&self.source, Asking { timeout: self.timeout, interrupt })
    }
}

/// For an object from a store, at a start. Whoever asks whether a process lives has about half a minute's patience.
pub const HURRY: Duration = Duration::from_secs(5);

pub struct TableInService {
    publisher: Publisher,
    settings: Settings,
    source: Box<dyn Source>,
    interrupt: Interrupt,
    /// What the table in service was made of, as it was.
    seen: Seen,
    /// Where good tables are kept, if they are.
    state: Option<State>,
    /// When a table was last published that nobody asked for.
    published_unasked: Option<Instant>,
}

impl TableInService {
    pub fn new(publisher: Publisher, settings: Settings, seen: Seen, state: Option<State>) -> Self {
        let interrupt = Interrupt::default();
        let source = settings.open(interrupt.clone());
        Self { publisher, settings, source, interrupt, seen, state, published_unasked: None }
    }
}

/// What can be asked for beside a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Back to the table before the one in service, and hold it.
    RollBack,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RollBack => f.write_str("rollback"),
        }
    }
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
        self.source = self.settings.open(self.interrupt.clone());
    }

    fn files(&self) -> &[Watched] {
        &self.seen.files
    }

    /// What is held needs not be asked for.
    fn polls(&self) -> Option<Duration> {
        (self.source.is_remote() && !self.publisher.is_held()).then_some(self.settings.poll)
    }

    fn has_changed(&mut self) -> Result<bool, Box<Outcome>> {
        source::ask(&*self.source, &self.seen)
            .map_err(|problems| Box::new(Outcome { problems: problems.shown(), ..self.outcome(Verdict::Refused) }))
    }

    fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn reload(&mut self, trigger: &Trigger) -> Outcome {
        if !trigger.is_asked() && self.publisher.is_held() {
            self.look_away();
            return self.outcome(Verdict::Held);
        }
        if let Some(left) = self.too_soon(trigger) {
            self.look_away();
            return Outcome { retry_after: Some(left), ..self.outcome(Verdict::Postponed) };
        }
        let gathered = gather_from(&*self.source, self.settings.guards.max_input, self.state.as_ref());
        self.seen = gathered.seen_with(&self.settings.guards);
        let (candidate, files) = (gathered.candidate(&self.settings.source), gathered.files.clone());
        if self.is_in_service(&gathered) {
            self.publisher.hold(false);
            // Also what could not be kept when it was published.
            self.keep(&candidate, files);
            return Outcome { candidate, ..self.outcome(Verdict::Unchanged) };
        }
        let before = self.publisher.snapshot();
        let Judged { table, diff, problems } =
            judge(gathered, Some(&before.table), &self.settings, trigger.is_forced());
        let problems = problems.shown();
        let outcome = match table {
            Ok(table) => {
                let (generation, void) = self.publisher.publish(table, &self.settings.source, SystemTime::now());
                self.publisher.hold(false);
                self.keep(&candidate, files);
                if !trigger.is_asked() {
                    self.published_unasked = Some(Instant::now());
                }
                Outcome::new(Verdict::Published, generation, [problems, void].concat())
            }
            Err(refused) => {
                // Of refused tables only the files of the last: it is likely to be tried again.
                if let Some(state) = &self.state {
                    state.clear(&files);
                }
                let retry_after = refused.retry_after(&*self.source);
                Outcome { problems, retry_after, ..self.outcome(Verdict::Refused) }
            }
        };
        Outcome { candidate, diff, ..outcome }
    }

    fn foresee(&mut self, forced: bool) -> Outcome {
        let gathered = gather_from(&*self.source, self.settings.guards.max_input, None);
        let candidate = gathered.candidate(&self.settings.source);
        let before = &self.publisher.snapshot().table;
        if self.is_in_service(&gathered) {
            let diff = Some(Arc::new(Diff::between(before, before)));
            return Outcome { candidate, diff, ..self.outcome(Verdict::Unchanged) };
        }
        let Judged { table, diff, problems } = judge(gathered, Some(before), &self.settings, forced);
        let verdict = if table.is_ok() { Verdict::Accepted } else { Verdict::Refused };
        Outcome { candidate, diff, problems: problems.shown(), ..self.outcome(verdict) }
    }

    fn command(&mut self, command: Command) -> Outcome {
        match command {
            Command::RollBack => self
                .roll_back()
                .unwrap_or_else(|problems| Outcome { problems: problems.shown(), ..self.outcome(Verdict::Refused) }),
        }
    }
}

impl TableInService {
    fn outcome(&self, verdict: Verdict) -> Outcome {
        Outcome::new(verdict, self.publisher.snapshot().generation, Vec::new())
    }

    /// What has changed by now is no news any more.
    fn look_away(&mut self) {
        self.seen.files = self.seen.files.iter().map(|file| Watched::now(file.path.clone())).collect();
    }

    /// Time left until a table may be published that nobody asks for.
    fn too_soon(&self, trigger: &Trigger) -> Option<Duration> {
        let last = self.published_unasked.filter(|_| !trigger.is_asked())?;
        let interval = self.settings.guards.min_interval.duration();
        interval.checked_sub(last.elapsed()).filter(|left| !left.is_zero())
    }

    fn is_in_service(&self, gathered: &Gathered) -> bool {
        !gathered.problems.has_errors() && gathered.digest() == self.publisher.snapshot().table.digest
    }

    fn roll_back(&mut self) -> Result<Outcome, Problems> {
        let state = self.state.as_ref().ok_or_else(|| {
            refusal(&self.settings.source, "no tables are kept; set `[table] state` to a directory for them")
        })?;
        let in_service = self.publisher.snapshot();
        let before = state.before(&in_service.table.digest);
        let (table, warnings, kept) =
            newest_whole(state, before, self.settings.guards.max_input).map_err(|damaged| {
                damaged.unwrap_or_else(|| refusal(&self.settings.source, "no table before the one in service is kept"))
            })?;
        let candidate = kept.candidate();
        let digest = kept.digest.clone();
        let diff = Some(Arc::new(Diff::between(&in_service.table, &table)));
        let (generation, void) = self.publisher.publish(table, &kept.copy(), SystemTime::now());
        self.publisher.hold(true);
        self.told(|state| state.rolled_back(&digest));
        Ok(Outcome { candidate, diff, ..Outcome::new(Verdict::Published, generation, [warnings, void].concat()) })
    }

    /// Keeps what is in service now.
    fn keep(&mut self, candidate: &Candidate, files: Vec<KeptFile>) {
        let kept = Kept::new(candidate, files);
        self.told(|state| state.published(kept));
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
        let (table, problems) = gather_from(&FromState { state, kept }, limit, None).compile();
        if let Some(table) = table {
            return Ok((table, problems.shown(), kept));
        }
        tracing::error!(version = kept.version, "a kept table can't be used");
        worker::log(&problems.shown());
        damaged.get_or_insert(problems);
    }
    Err(damaged)
}

impl Kept {
    /// What the state directory is to know of a table that is published.
    pub fn new(candidate: &Candidate, files: Vec<KeptFile>) -> Self {
        let Candidate { source, version, digest } = candidate.clone();
        let [digest, version, source] = [digest, version, source].map(Option::unwrap_or_default);
        Self { digest, version, source, published_at: written(SystemTime::now()), files }
    }

    /// Where it comes from when it is served again.
    pub fn copy(&self) -> String {
        format!("kept copy of {}", self.source)
    }

    fn candidate(&self) -> Candidate {
        let [source, version, digest] = [&self.source, &self.version, &self.digest].map(|known| Some(known.clone()));
        Candidate { source, version, digest }
    }
}
