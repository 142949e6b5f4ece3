//! Trust in service, as its worker reloads it: by the same triggers as the table, and independently
//! of it, so that a bad table never holds back a revocation.

use std::time::SystemTime;

use super::current::Publisher;
use super::gather::{Gathered, Settings};
use super::load::{Lasting, load};
use crate::file::Watched;
use crate::table::Problems;
use crate::worker::{self, Outcome, Subject};

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
    type Settings = Settings;

    fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn files(&self) -> &[Watched] {
        &self.files
    }

    fn reload(&mut self) -> Outcome {
        let gathered = Gathered::read(&self.settings);
        self.files.clone_from(&gathered.watched);
        let before = self.publisher.trust();
        if gathered.digest == before.digest {
            return Outcome::Unchanged(self.publisher.generation());
        }
        let mut problems = Problems::new();
        let trust = load(&self.settings, &gathered, &self.lasting, Some(&before), SystemTime::now(), &mut problems);
        let shown = problems.shown();
        worker::log(&shown);
        match trust {
            Some(trust) => Outcome::Published(self.publisher.publish(trust)),
            None => Outcome::Refused(shown),
        }
    }
}
