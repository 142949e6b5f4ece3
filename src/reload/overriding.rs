//! Overrides in service, as their worker reloads them and honours their times.
//!
//! They never hold back a table, nor a table them. A bad file keeps those in force, over a restart too where
//! there is a state directory: an incident is no time to forget what is down.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::overrides::{Found, read};
use super::source::{self, Asking, Seen, Source};
use super::table::HURRY;
use crate::config::Config;
use crate::file::{self, Watched};
use crate::interrupt::Interrupt;
use crate::outcome::{Candidate, Outcome, Trigger, Verdict};
use crate::snapshot::OverridesPublisher;
use crate::table::problem::{Place, Shown};
use crate::table::{Overrides, Problems};
use crate::worker::Subject;

pub struct OverridesInService {
    publisher: OverridesPublisher,
    settings: Settings,
    source: Box<dyn Source>,
    interrupt: Interrupt,
    seen: Seen,
    kept: Option<Kept>,
}

/// Where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A path, or an address in a store.
    pub place: String,
    /// Mean time between two looks, if it is not a file.
    pub poll: Duration,
    /// For one object, if it is not a file.
    pub timeout: Duration,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        let table = &config.table;
        Self { place: table.overrides_place(), poll: table.poll.duration(), timeout: table.timeout.duration() }
    }

    fn open(&self, interrupt: Interrupt) -> Box<dyn Source> {
        source::open(&self.place, Asking { timeout: self.timeout, interrupt })
    }
}

/// The overrides that a process begins with.
pub struct First {
    pub overrides: Overrides,
    pub seen: Seen,
    pub outcome: Outcome,
}

/// Loads them. A bad file is no reason not to start: those that are kept are in force then, or none.
pub fn first(settings: &Settings, kept: Option<&Kept>, now: SystemTime) -> First {
    let hurried = Settings { timeout: settings.timeout.min(HURRY), ..settings.clone() };
    let source = hurried.open(Interrupt::default());
    let mut seen = Seen::default();
    let mut problems = Problems::new();
    let last = kept.and_then(|kept| kept.read(&settings.place, now));
    let overrides = load(&*source, last.as_ref(), now, &mut seen, &mut problems);
    let (verdict, retry_after) = match &overrides {
        Some(overrides) => {
            if let Some(kept) = kept {
                kept.write(overrides);
            }
            (Verdict::Published, None)
        }
        None => (Verdict::Refused, retry_after(&*source)),
    };
    let overrides = overrides.or(last).unwrap_or_else(|| Overrides::none(&settings.place));
    let candidate = candidate(&settings.place);
    let outcome = Outcome { candidate, retry_after, ..Outcome::new(verdict, 1, problems.shown()) };
    First { overrides, seen, outcome }
}

/// What is said there. Of a file that is gone it is known that somebody removed it; of an object it is not: the
/// bucket may be another, or the right to see it lost. What was in force stays then.
fn load(
    source: &dyn Source,
    in_force: Option<&Overrides>,
    now: SystemTime,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Option<Overrides> {
    let found = read(source, now, seen, problems);
    let has_some = in_force.is_some_and(|overrides| !overrides.list().is_empty());
    if matches!(found, Found::Nothing) && source.is_remote() && has_some {
        let place = Place::whole_file(problems.file(&source.name()));
        problems
            .error(place, "the overrides are gone, so those that were there stay in force")
            .help("`croupier override clear --all` writes an empty list, which ends them");
        return None;
    }
    found.or_none(source)
}

/// A store is asked again anyway.
fn retry_after(source: &dyn Source) -> Option<Duration> {
    (!source.is_remote()).then_some(OverridesInService::RETRY)
}

/// The last good overrides, in the state directory.
pub struct Kept {
    directory: PathBuf,
    /// That the last could not be written.
    is_told: AtomicBool,
}

impl Kept {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, is_told: AtomicBool::new(false) }
    }

    fn file(&self) -> PathBuf {
        self.directory.join("kept-overrides.json")
    }

    /// None, if there are none, or none that can be read.
    fn read(&self, name: &str, now: SystemTime) -> Option<Overrides> {
        let text = fs::read_to_string(self.file()).ok()?;
        Overrides::parse(name, &text, now, &mut Problems::new())
    }

    /// What can't be written is told, and in force all the same.
    fn write(&self, overrides: &Overrides) {
        let text = overrides.text_with(overrides.list());
        if fs::read(self.file()).is_ok_and(|kept| kept == text.as_bytes()) {
            return;
        }
        let unfinished = self.directory.join("kept-overrides.unfinished");
        // Somebody may have taken the directory away.
        let made = fs::create_dir_all(&self.directory);
        let written = made.and_then(|()| file::replace(&self.file(), &unfinished, text.as_bytes()));
        // Tried at every look, told once.
        if !self.is_told.swap(written.is_err(), Ordering::Relaxed)
            && let Err(error) = written
        {
            tracing::error!(%error, "the overrides are in force but could not be kept");
        }
    }
}

impl OverridesInService {
    pub fn new(publisher: OverridesPublisher, settings: Settings, seen: Seen, kept: Option<Kept>) -> Self {
        let interrupt = Interrupt::default();
        let source = settings.open(interrupt.clone());
        Self { publisher, settings, source, interrupt, seen, kept }
    }

    fn outcome(&self, verdict: Verdict, problems: Vec<Shown>) -> Outcome {
        let generation = self.publisher.snapshot().generation;
        Outcome { candidate: candidate(&self.settings.place), ..Outcome::new(verdict, generation, problems) }
    }

    /// What is said there, or what is wrong with it.
    fn load(&self, now: SystemTime, seen: &mut Seen) -> Result<Overrides, Vec<Shown>> {
        let mut problems = Problems::new();
        let in_force = self.publisher.overrides();
        load(&*self.source, Some(&in_force), now, seen, &mut problems).ok_or_else(|| problems.shown())
    }

    /// Puts them into service, and says what is different.
    fn publish(&mut self, overrides: Option<Overrides>, now: SystemTime) -> Vec<String> {
        let before = self.publisher.snapshot();
        self.publisher.publish(overrides, now);
        self.publisher.snapshot().effective.changes_since(&before.effective)
    }

    fn refused(&self, problems: Vec<Shown>) -> Outcome {
        Outcome { retry_after: retry_after(&*self.source), ..self.outcome(Verdict::Refused, problems) }
    }
}

impl Subject for OverridesInService {
    const NAME: &'static str = "overrides";
    // They are switched in incidents.
    const IS_IDLE: bool = false;
    const RETRY: Duration = Duration::from_secs(10);
    type Settings = Settings;
    type Command = Infallible;

    fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        self.source = self.settings.open(self.interrupt.clone());
    }

    fn files(&self) -> &[Watched] {
        &self.seen.files
    }

    fn polls(&self) -> Option<Duration> {
        self.source.is_remote().then_some(self.settings.poll)
    }

    fn has_changed(&mut self) -> Result<bool, Box<Outcome>> {
        source::ask(&*self.source, &self.seen).map_err(|problems| Box::new(self.refused(problems.shown())))
    }

    fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn reload(&mut self, _: &Trigger) -> Outcome {
        let now = SystemTime::now();
        let mut seen = Seen::default();
        let loaded = self.load(now, &mut seen);
        self.seen = seen;
        match loaded {
            Ok(overrides) => {
                // Also what could not be kept when it was published.
                if let Some(kept) = &self.kept {
                    kept.write(&overrides);
                }
                if self.publisher.has(&overrides) {
                    return self.outcome(Verdict::Unchanged, Vec::new());
                }
                let changes = self.publish(Some(overrides), now);
                let warnings = self.publisher.snapshot().effective.warnings.clone();
                Outcome { changes, ..self.outcome(Verdict::Published, warnings) }
            }
            Err(problems) => self.refused(problems),
        }
    }

    fn foresee(&mut self, _: bool) -> Outcome {
        match self.load(SystemTime::now(), &mut Seen::default()) {
            Ok(overrides) if self.publisher.has(&overrides) => self.outcome(Verdict::Unchanged, Vec::new()),
            Ok(_) => self.outcome(Verdict::Accepted, Vec::new()),
            Err(problems) => self.refused(problems),
        }
    }

    fn due(&self) -> Option<Duration> {
        self.publisher.due(SystemTime::now())
    }

    fn tick(&mut self) -> Option<Outcome> {
        let changes = self.publish(None, SystemTime::now());
        let is_news = !changes.is_empty();
        is_news.then(|| Outcome { changes, ..self.outcome(Verdict::Published, Vec::new()) })
    }

    fn command(&mut self, command: Infallible) -> Outcome {
        match command {}
    }
}

fn candidate(place: &str) -> Candidate {
    Candidate { source: Some(place.to_owned()), ..Candidate::default() }
}
