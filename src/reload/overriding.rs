//! Overrides in service, as their worker reloads them and honours their times.
//!
//! They never hold back a table, nor a table them. A bad file keeps those in force, over a restart too where
//! there is a state directory: an incident is no time to forget what is down.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::overrides::read;
use crate::file::{self, Watched};
use crate::outcome::{Candidate, Outcome, Trigger, Verdict};
use crate::snapshot::OverridesPublisher;
use crate::table::problem::Shown;
use crate::table::{Overrides, Problems};
use crate::worker::Subject;

pub struct OverridesInService {
    publisher: OverridesPublisher,
    path: PathBuf,
    files: [Watched; 1],
    kept: Option<Kept>,
}

/// The overrides that a process begins with.
pub struct First {
    pub overrides: Overrides,
    pub watched: Watched,
    pub outcome: Outcome,
}

/// Loads them. A bad file is no reason not to start: those that are kept are in force then, or none.
pub fn first(path: &Path, kept: Option<&Kept>, now: SystemTime) -> First {
    let watched = Watched::now(path.to_owned());
    let mut problems = Problems::new();
    let overrides = read(path, now, &mut problems);
    let (verdict, retry_after) = match &overrides {
        Some(overrides) => {
            if let Some(kept) = kept {
                kept.write(overrides);
            }
            (Verdict::Published, None)
        }
        None => (Verdict::Refused, Some(OverridesInService::RETRY)),
    };
    let overrides = overrides.or_else(|| kept?.read(path, now));
    let overrides = overrides.unwrap_or_else(|| Overrides::none(&path.to_string_lossy()));
    let outcome = Outcome { candidate: candidate(path), retry_after, ..Outcome::new(verdict, 1, problems.shown()) };
    First { overrides, watched, outcome }
}

/// The last good overrides, in the state directory.
pub struct Kept {
    directory: PathBuf,
}

impl Kept {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.join("kept-overrides.json")
    }

    /// None, if there are none, or none that can be read.
    fn read(&self, name: &Path, now: SystemTime) -> Option<Overrides> {
        let text = fs::read_to_string(self.file()).ok()?;
        Overrides::parse(&name.to_string_lossy(), &text, now, &mut Problems::new())
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
        if let Err(error) = made.and_then(|()| file::replace(&self.file(), &unfinished, text.as_bytes())) {
            tracing::error!(%error, "the overrides are in force but could not be kept");
        }
    }
}

impl OverridesInService {
    pub fn new(publisher: OverridesPublisher, path: PathBuf, watched: Watched, kept: Option<Kept>) -> Self {
        Self { publisher, path, files: [watched], kept }
    }

    fn outcome(&self, verdict: Verdict, problems: Vec<Shown>) -> Outcome {
        let generation = self.publisher.snapshot().generation;
        Outcome { candidate: candidate(&self.path), ..Outcome::new(verdict, generation, problems) }
    }

    /// What the file says, or what is wrong with it.
    fn load(&self, now: SystemTime) -> Result<Overrides, Vec<Shown>> {
        let mut problems = Problems::new();
        read(&self.path, now, &mut problems).ok_or_else(|| problems.shown())
    }

    /// Puts them into service, and says what is different.
    fn publish(&mut self, overrides: Option<Overrides>, now: SystemTime) -> Vec<String> {
        let before = self.publisher.snapshot();
        self.publisher.publish(overrides, now);
        self.publisher.snapshot().effective.changes_since(&before.effective)
    }

    fn refused(&self, problems: Vec<Shown>) -> Outcome {
        Outcome { retry_after: Some(Self::RETRY), ..self.outcome(Verdict::Refused, problems) }
    }
}

impl Subject for OverridesInService {
    const NAME: &'static str = "overrides";
    // They are switched in incidents.
    const IS_IDLE: bool = false;
    const RETRY: Duration = Duration::from_secs(10);
    type Settings = PathBuf;
    type Command = Infallible;

    fn configure(&mut self, path: PathBuf) {
        self.path = path;
    }

    fn files(&self) -> &[Watched] {
        &self.files
    }

    fn reload(&mut self, _: &Trigger) -> Outcome {
        let now = SystemTime::now();
        self.files = [Watched::now(self.path.clone())];
        match self.load(now) {
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
        match self.load(SystemTime::now()) {
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

fn candidate(path: &Path) -> Candidate {
    Candidate { source: Some(path.to_string_lossy().into_owned()), ..Candidate::default() }
}
