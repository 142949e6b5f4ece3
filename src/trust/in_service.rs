//! Trust in service, as its worker reloads it: by the same triggers as the table, and independently
//! of it, so that a bad table never holds back a revocation.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use super::current::Publisher;
use super::gather::{Gathered, Settings};
use super::load::{Lasting, load};
use crate::file::Watched;
use crate::table::Problems;
use crate::worker::{Outcome, Subject, Trigger};

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
        let gathered = Gathered::read(&self.settings);
        self.files.clone_from(&gathered.watched);
        let before = self.publisher.trust();
        if gathered.digest == before.digest {
            return Outcome::Unchanged(self.publisher.generation());
        }
        let mut problems = Problems::new();
        let trust = load(&self.settings, &gathered, &self.lasting, Some(&before), SystemTime::now(), &mut problems);
        let shown = problems.shown();
        match trust {
            Some(trust) => Outcome::Published(self.publisher.publish(trust), shown),
            None => Outcome::Refused(shown),
        }
    }
}
