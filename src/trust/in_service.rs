//! Trust in service, as its worker reloads it: by the same triggers as the table, and independently
//! of it, so that a bad table never holds back a revocation.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use super::current::Publisher;
use super::gather::{Gathered, Settings};
use super::load::{Lasting, Trust, load};
use crate::file::Watched;
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::table::Problems;
use crate::table::problem::Shown;
use crate::worker::Subject;

pub struct TrustInService {
    publisher: Publisher,
    settings: Settings,
    lasting: Lasting,
    files: Vec<Watched>,
}

impl TrustInService {
    /// `files` are those that the published trust was made of.
    pub fn new(publisher: Publisher, settings: Settings, lasting: Lasting, files: Vec<Watched>) -> Self {
        Self { publisher, settings, lasting, files }
    }
}

impl Subject for TrustInService {
    const NAME: &'static str = "trust";
    // A revocation can't wait until the machine has nothing better to do.
    const IS_IDLE: bool = false;
    const RETRY: Duration = Duration::from_secs(10);
    type Settings = Settings;
    type Command = Infallible;

    fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn files(&self) -> &[Watched] {
        &self.files
    }

    fn command(&mut self, command: Infallible) -> Outcome {
        match command {}
    }

    fn reload(&mut self, _: &Trigger) -> Outcome {
        let (gathered, loaded) = self.load();
        self.files = gathered.watched;
        match loaded {
            Loaded::Same => Outcome::new(Verdict::Unchanged, self.publisher.generation(), Vec::new()),
            Loaded::New(trust, warnings) => Outcome::new(Verdict::Published, self.publisher.publish(*trust), warnings),
            Loaded::Bad(problems) => self.refused(problems),
        }
    }

    fn foresee(&mut self, _: bool) -> Outcome {
        let accepted = |verdict, problems| Outcome::new(verdict, self.publisher.generation(), problems);
        match self.load().1 {
            Loaded::Same => accepted(Verdict::Unchanged, Vec::new()),
            Loaded::New(_, warnings) => accepted(Verdict::Accepted, warnings),
            Loaded::Bad(problems) => self.refused(problems),
        }
    }
}

/// What the files say.
enum Loaded {
    /// What is in service.
    Same,
    /// Something else, with warnings.
    New(Box<Trust>, Vec<Shown>),
    /// Nothing that can be trusted.
    Bad(Vec<Shown>),
}

impl TrustInService {
    fn load(&self) -> (Gathered, Loaded) {
        let gathered = Gathered::read(&self.settings);
        let before = self.publisher.trust();
        if gathered.digest == before.digest {
            return (gathered, Loaded::Same);
        }
        let mut problems = Problems::new();
        let trust = load(&self.settings, &gathered, &self.lasting, Some(&before), SystemTime::now(), &mut problems);
        let shown = problems.shown();
        let loaded = match trust {
            Some(trust) => Loaded::New(Box::new(trust), shown),
            None => Loaded::Bad(shown),
        };
        (gathered, loaded)
    }

    fn refused(&self, problems: Vec<Shown>) -> Outcome {
        let refused = Outcome::new(Verdict::Refused, self.publisher.generation(), problems);
        Outcome { retry_after: Some(Self::RETRY), ..refused }
    }
}
